"""What is written down of the records that other systems read and write?"""

from typing import Any

from sqlalchemy.orm import Session

from app.api.records import CASES, CONTACTS, CUSTOMERS, Kind
from app.api.routes import Filters
from app.audit import log as audit
from app.audit.log import Actor, Subject, What
from app.clock import utcnow
from app.records.agents import Agent
from app.records.lines import Line
from app.records.topics import Topic

# What is told of citizens; of agents and lines it is no secret in the house.
_ABOUT_PEOPLE = (CUSTOMERS, CASES, CONTACTS)
# Of these it is kept what they were before; not a telephone number, nor a name.
_SETTINGS = {
    "agents": ("team", "enabled", "language", "absent_from", "absent_until"),
    "lines": (
        *("team", "hours", "timezone", "language", "country", "greeting", "records_messages", "dates"),
        *("asks", "question", "sends_screen"),
    ),
    "topics": ("name", "team", "words", "language"),
}


def listed(kind: Kind[Any]) -> str:
    """Return what a list of these is called in the log; nothing where it isn't about citizens."""
    return kind.name if kind in _ABOUT_PEOPLE else ""


def whose(kind: Kind[Any], row: Any) -> list[Subject]:
    """Return whose data a record is; nobody's for what isn't about citizens."""
    match kind.name:
        case "customers":
            return [audit.customer(row.key)]
        case "cases":
            return [audit.customer(row.customer)]
        case "contacts":
            return [audit.case(row.case)]
    return []


def meant(said: Filters) -> list[Subject]:
    """Return whom alone a list was asked for."""
    number = getattr(said, "phone", None) or getattr(said, "from_", None)
    if (case := getattr(said, "case", None)) is not None:
        return [audit.case(case)]
    return audit.person(getattr(said, "customer", None), number)


def settings_of(session: Session, kind: Kind[Any], key: str | None) -> dict[str, str]:
    """Return how an agent or a line is set now; nothing for other kinds, and for what isn't there."""
    model = {"agents": Agent, "lines": Line, "topics": Topic}.get(kind.name)
    row = session.get(model, key) if model is not None and key else None
    return {name: str(getattr(row, name)) for name in _SETTINGS[kind.name]} if row is not None else {}


def note_change(session: Session, kind: Kind[Any], key: str, before: dict[str, str], who: Actor) -> None:
    """Write down that a record was told to us; of our own settings also what they were before."""
    session.flush()
    session.expire_all()
    after = settings_of(session, kind, key)
    changed = [name for name in after if before.get(name) != after[name]]
    of = {"customers": audit.customer, "cases": audit.case, "agents": audit.agent}.get(kind.name)
    told: dict[str, object] = {"kind": kind.name}
    if changed:
        told |= {"before": [f"{name}: {before.get(name, '')}" for name in changed]}
        told |= {"after": [f"{name}: {after[name]}" for name in changed]}
    ours = {"lines": "line", "topics": "topic"}.get(kind.name)
    whom = [of(key)] if of else [Subject(ours, key)] if ours else []
    audit.record(session, who, What.RECORD_WRITTEN, utcnow(), *whom, **told)
