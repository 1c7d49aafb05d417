"""How is one record written, whoever writes it? The API and the admin's pages put it in by the same way."""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.agents import absences
from app.api import noting, store
from app.api.fields import Defaults, Problem, Refused
from app.api.records import AGENTS, CASES, CONTACTS, LINES, AgentRecord, Kind
from app.audit.log import Actor
from app.door import accounts
from app.errors import InvalidField
from app.outgoing import announce
from app.records.callers import Contact
from app.records.lines import Line


def put(
    session: Session,
    kind: Kind[Any],
    said_key: str,
    body: Mapping[str, Any],
    defaults: Defaults,
    who: Actor,
    *,
    emptied: Collection[str] = (),
) -> tuple[str, bool]:
    """Write one record; return its key, and whether there was one before. Raises Refused.

    It is written down that `who` did so. `emptied` are texts of a line that were taken out: what is left out
    of `body` stays as it is.
    """
    record = kind.from_json(said_key, body, defaults)
    key = store.key_of(kind, record)
    if missing := store.refused(session, kind, [record]):
        raise Refused(missing[0])
    _check_leaving(session, record)
    is_known, before = store.exists_already(session, kind, key), noting.settings_of(session, kind, key)
    with announce.watching(session, _cases_of(session, kind, record, key)):
        store.write(session, kind, [record])
    if kind is LINES and emptied:
        session.execute(update(Line).where(Line.number == key).values(**dict.fromkeys(emptied, "")))
    if kind is CONTACTS and not is_known:
        announce.contact_created(session, key)
    noting.note_change(session, kind, key, before, who)
    return key, is_known


def _check_leaving(session: Session, record: Any) -> None:
    """Raise Refused for an agent who leaves, and would leave nobody who gives roles."""
    if isinstance(record, AgentRecord) and record.enabled is False:
        try:
            accounts.check_leaving(session, record.agent)
        except InvalidField as error:
            raise Refused([Problem("enabled", error.message)]) from error


def set_absence(
    session: Session, key: str, first: date | None, last: date | None, now: datetime, who: Actor
) -> None:
    """Say from which day to which an agent isn't here, or that they are, as `absences.plan()` has it.

    It is written down that `who` did so. Raises InvalidField for days that make no sense.
    """
    before = noting.settings_of(session, AGENTS, key)
    absences.plan(session, key, first, last, now)
    noting.note_change(session, AGENTS, key, before, who)


def _cases_of(session: Session, kind: Kind[Any], record: Any, key: str) -> set[str]:
    """Return the cases that may get another owner by a record; one that is new has had none."""
    if kind is CASES:
        return {key} if store.exists_already(session, kind, key) else set()
    if kind is CONTACTS:
        return {record.case, session.scalar(select(Contact.case).where(Contact.key == key)) or record.case}
    return set()
