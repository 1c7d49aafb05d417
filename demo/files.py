"""In which files does the demonstration go, column by column?"""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from random import Random

from app.topics import packs
from demo import cast
from demo.organisation import AGENTS, LINES, USERS
from demo.people import PEOPLE
from demo.plans import draw
from demo.telling import tell
from demo.words import Team
from demo.workdays import ZONE

AGENT_COLUMNS = ("agent", "name", "spoken_name", "email", "team", "phone", "language")
LINE_COLUMNS = ("number", "name", "language", "country", "team", "timezone", "hours")
CUSTOMER_COLUMNS = ("customer", "name", "phones", "language", "postcode", "tags")
CASE_COLUMNS = ("case", "customer", "subject", "team", "status", "priority", "opened_at", "url", "owner")
CONTACT_COLUMNS = (
    "contact",
    "case",
    "agent",
    "channel",
    "direction",
    "started_at",
    "seconds",
    "outcome",
    "summary",
)

TOPIC_COLUMNS = ("topic", "name", "team", "words", "language")
# Three teams do what larger municipalities have a dozen for.
ANSWERED_BY = {
    **dict.fromkeys(("Zorg en Jeugd", "Wonen", "Onderwijs"), Team.WERK_EN_INKOMEN),
    **dict.fromkeys(("Parkeren", "Openbare Ruimte", "Handhaving", "Subsidies"), Team.VERGUNNINGEN),
}

DEFAULT_SEED = 1


def write(directory: Path, now: datetime, seed: int = DEFAULT_SEED) -> dict[str, int]:
    """Write all files, replacing those of an earlier run; return how many entries each got.

    `now` is aware; the histories end on the working day before it. The same moment and seed give the same
    bytes.
    """
    random = Random(seed)
    cases, contacts = tell(random, draw(random, cast.PLANS), now)
    directory.mkdir(parents=True, exist_ok=True)
    return {
        "agents.csv": _write_csv(directory / "agents.csv", AGENT_COLUMNS, _agents()),
        "lines.csv": _write_csv(directory / "lines.csv", LINE_COLUMNS, _lines()),
        "customers.csv": _write_csv(directory / "customers.csv", CUSTOMER_COLUMNS, _customers()),
        "cases.csv": _write_csv(directory / "cases.csv", CASE_COLUMNS, map(asdict, cases)),
        "contacts.csv": _write_csv(directory / "contacts.csv", CONTACT_COLUMNS, map(asdict, contacts)),
        "topics.csv": _write_csv(directory / "topics.csv", TOPIC_COLUMNS, _topics()),
        "phonebook.json": _write_json(directory / "phonebook.json", map(asdict, cast.phonebook())),
        "lines.json": _write_json(
            directory / "lines.json", ({"number": each.number, "name": each.name} for each in LINES)
        ),
        "telephones.json": _write_json(
            directory / "telephones.json",
            ({"number": each.phone, "name": each.name} for each in AGENTS if each.phone),
        ),
        "users.json": _write_json(directory / "users.json", map(asdict, USERS)),
    }


def _agents() -> Iterable[Mapping[str, object]]:
    for each in AGENTS:
        yield {"agent": each.key, "email": each.email, **asdict(each)}


def _lines() -> Iterable[Mapping[str, object]]:
    for each in LINES:
        yield {"country": "NL", "timezone": ZONE.key, **asdict(each)}


def _customers() -> Iterable[Mapping[str, object]]:
    for each in PEOPLE:
        yield {
            **asdict(each),
            "customer": each.key,
            "phones": "|".join(each.phones),
            "tags": "|".join(each.tags),
        }


def _topics() -> Iterable[Mapping[str, object]]:
    for each in packs.pack("nl-municipality"):
        team = ANSWERED_BY.get(each.team, each.team if each.team in list(Team) else Team.BURGERZAKEN)
        names = {"topic": each.key, "name": each.name, "team": team, "language": "nl"}
        yield {**names, "words": "|".join(each.words)}


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> int:
    """Write these columns of the rows, times in ISO 8601 with offset; return how many rows."""
    listed = list(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_as_text(row[column]) for column in columns] for row in listed)
    return len(listed)


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _write_json(path: Path, entries: Iterable[Mapping[str, object]]) -> int:
    """Write the entries as a list, readable as it stands; return how many."""
    listed = [dict(entry) for entry in entries]
    path.write_text(json.dumps(listed, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return len(listed)
