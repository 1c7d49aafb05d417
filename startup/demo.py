"""How does an empty database get the demonstration's data? `python -m startup.demo FOLDER`

Types the commands that an operator would, in one process: starting Flask anew for each would take longer than
all of them. What the product itself is made of is imported only by the functions that type them; the one that
watches over the processes has no need of it.
"""

import csv
import json
import os
import secrets
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from startup.environment import read_file, write_file

LOADED_IN_ORDER = ("agents", "lines", "customers", "cases", "contacts", "topics")
# The worker that starts next learns from them; whoever waits for the demonstration needn't.
LEARNT_LATER = ("topics",)
# Easily typed, on a machine that others on the network may reach: not worth guessing.
PASSWORD_WORDS = "fiets brug haven molen kaas regen tulp gracht veer duin sluis zwaan roer klomp".split()


@dataclass(frozen=True)
class DemoUser:
    """Somebody to sign in as."""

    email: str
    role: str
    name: str
    agent: str | None = None


@dataclass(frozen=True)
class Loading:
    """Which database got, or is getting, the demonstration, and the one password of its users."""

    database_url: str
    password: str
    complete: bool


def users(folder: Path) -> list[DemoUser]:
    """Return whom the demonstration in `folder` lets sign in."""
    rows = json.loads((folder / "users.json").read_text("utf-8"))
    return [DemoUser(row["email"], row["role"], row["name"], row.get("agent")) for row in rows]


def loading(folder: Path) -> Loading | None:
    """Return what became of the demonstration in `folder`; None when it was never loaded."""
    kept = read_file(folder / "loading.env")
    return Loading(kept["DATABASE_URL"], kept["PASSWORD"], kept["COMPLETE"] == "yes") if kept else None


def emergency_number(folder: Path) -> str:
    """Return the ordinary telephone of one of the demonstration's agents."""
    with (folder / "agents.csv").open(encoding="utf-8", newline="") as file:
        return next(row["phone"] for row in csv.DictReader(file) if row["phone"])


def organisation() -> str:
    """Return who writes the demonstration's messages."""
    from demo.organisation import ORGANISATION

    return ORGANISATION


def is_wanted(folder: Path, database_url: str) -> bool:
    """Whether nobody has put anything into this migrated database, or a load into it was cut short.

    Any other database with an agent in it is somebody's, and is left alone.
    """
    before = loading(folder)
    if before and before.database_url == database_url and not before.complete:
        return True
    return _is_empty(database_url)


def fill(folder: Path) -> None:
    """Write the demonstration into `folder` and load it into the settings' database."""
    from config import load as load_settings
    from demo.files import write

    url = load_settings().database_url
    before = loading(folder)
    if before and before.database_url == url and not before.complete:
        password = before.password
    else:
        write(folder, datetime.now(UTC))
        words = secrets.SystemRandom().sample(PASSWORD_WORDS, 3)
        password = "-".join([*words, str(secrets.randbelow(90) + 10)])
    _note(folder, Loading(url, password, complete=False))
    _load(folder, password)
    _note(folder, Loading(url, password, complete=True))


def _note(folder: Path, state: Loading) -> None:
    kept = {
        "DATABASE_URL": state.database_url,
        "PASSWORD": state.password,
        "COMPLETE": "yes" if state.complete else "no",
    }
    write_file(
        folder / "loading.env", kept, "Which database holds the demonstration, and its users' password."
    )


def _load(folder: Path, password: str) -> None:
    from click import ClickException
    from flask.cli import ScriptInfo

    from app.cli import command_line
    from config import load

    app = command_line(load())
    os.environ["RECHTDOOR_PASSWORD"] = password
    script = ScriptInfo(create_app=lambda: app)

    def command(*words: str) -> None:
        try:
            code = app.cli.main(args=list(words), prog_name="flask", standalone_mode=False, obj=script)
        except ClickException as problem:
            code = f"flask {' '.join(words)}: {problem.format_message()}"
        if code:
            sys.exit(code)

    for table in LOADED_IN_ORDER:
        later = ("--later",) if table in LEARNT_LATER else ()
        command("load", table, str(folder / f"{table}.csv"), *later)
    for user in users(folder):
        agent = ("--agent", user.agent) if user.agent else ()
        command("users", "create", user.email, "--role", user.role, *agent)
    _record()


def _record() -> None:
    """Let two weeks of calls have come in, so that there is something to look back upon."""
    from app.db import current
    from app.deployment import Deployment
    from config import load as load_settings
    from demo import beside, screen
    from demo.recorded import record

    with current().patient_transaction() as session:
        record(session, datetime.now(UTC), Deployment.of(load_settings()))
        beside.write(session, datetime.now(UTC))
        screen.write(session)


def _is_empty(database_url: str) -> bool:
    """Whether nobody has put an agent into the database: then it is ours to fill."""
    from sqlalchemy import create_engine, text

    from config import without_pooler

    engine = create_engine(without_pooler(database_url))
    with engine.connect() as connection:
        somebody = connection.execute(text("SELECT 1 FROM agents LIMIT 1")).first()
    engine.dispose()
    return somebody is None


if __name__ == "__main__":
    fill(Path(sys.argv[1]))
    print("the demonstration's data is in")
