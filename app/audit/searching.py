"""What stands in the log about somebody, by somebody, of some kind, on some day? Page by page."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.audit import keys
from app.audit.log import Subject
from app.db import reading
from app.records.agents import User
from app.records.audit import AuditEntry, AuditSubject
from app.records.callers import Case, Customer

SHOWN = 100
AT_A_TIME = 500


@dataclass(frozen=True)
class Wanted:
    """What somebody looks for; what is empty narrows nothing."""

    sort: str = ""  # change, look_up
    what: str = ""
    who: str = ""  # an account, an agent, api: a token
    subjects: Sequence[Subject] = field(default_factory=tuple)  # any of these
    since: datetime | None = None
    until: datetime | None = None
    after: int = 0  # lines with greater numbers only


@dataclass(frozen=True)
class Named:
    """Whom or what a line is about, as far as it is still known."""

    kind: str
    key: str  # of a customer or a case who is still known; of what is no person; else empty
    name: str
    hash: str  # of a person, who may be forgotten by now


def found(session: Session, wanted: Wanted, before: int | None, limit: int) -> Sequence[AuditEntry]:
    """Return lines of the log, newest first; `before` is the number of the last one seen."""
    statement = _narrowed(session, wanted)
    if statement is None:
        return ()
    if before is not None:
        statement = statement.where(AuditEntry.number < before)
    return session.scalars(statement.order_by(AuditEntry.number.desc()).limit(limit)).all()


def oldest_first(session: Session, wanted: Wanted, limit: int) -> Sequence[AuditEntry]:
    """Return lines of the log after `wanted.after`, oldest first."""
    statement = _narrowed(session, wanted)
    if statement is None:
        return ()
    return session.scalars(statement.order_by(AuditEntry.number).limit(limit)).all()


def _narrowed(session: Session, wanted: Wanted) -> Select[AuditEntry] | None:
    """Return what selects what is wanted; None when nothing can be."""
    statement = select(AuditEntry)
    if wanted.since is not None or wanted.until is not None:
        # By their numbers, which come with the moments: so it goes by one index whatever else is asked.
        bounds = select(func.min(AuditEntry.number), func.max(AuditEntry.number))
        if wanted.since is not None:
            bounds = bounds.where(AuditEntry.at >= wanted.since)
        if wanted.until is not None:
            bounds = bounds.where(AuditEntry.at < wanted.until)
        first, last = session.execute(bounds).one()
        if first is None:
            return None
        statement = statement.where(AuditEntry.number.between(first, last))
    if wanted.after:
        statement = statement.where(AuditEntry.number > wanted.after)
    if wanted.sort:
        statement = statement.where(AuditEntry.sort == wanted.sort)
    if wanted.what:
        statement = statement.where(AuditEntry.what == wanted.what)
    if wanted.who:
        statement = statement.where(AuditEntry.who.in_(_names_of(session, wanted.who)))
    if wanted.subjects:
        statement = statement.where(AuditEntry.subject.in_(_as_kept(session, wanted.subjects)))
    return statement


def _names_of(session: Session, who: str) -> list[str]:
    """Return the names of somebody: their account's, and the agent's at whose desk they sit."""
    user = session.scalar(select(User).where((User.email == who.lower()) | (User.agent == who)).limit(1))
    others = [user.email, user.agent] if user is not None else []
    return [who, *(one for one in others if one)]


def _as_kept(session: Session, subjects: Sequence[Subject]) -> list[str]:
    """Return how these stand in the log: people by their hashes, with every key that there was."""
    opened = keys.known(session).values()
    hashed = [keys.subject_hash(key, one.kind, one.key) for one in subjects for key in opened]
    return [*hashed, *(one.key for one in subjects)]


def named(session: Session, lines: Sequence[AuditEntry]) -> Mapping[int, Named]:
    """Return whom each line is about, by its number, for one read of who is still known."""
    hashes = {line.subject for line in lines if line.subject_kind in ("customer", "case")}
    rows = session.execute(
        select(AuditSubject.hash, Customer.key, Customer.name, Case.key.label("case"), Case.subject)
        .outerjoin(Customer, Customer.key == AuditSubject.customer)
        .outerjoin(Case, Case.key == AuditSubject.case)
        .where(AuditSubject.hash.in_(hashes))
    )
    known = {row.hash: row for row in rows} if hashes else {}
    return {line.number: _named(line, known.get(line.subject)) for line in lines}


def _named(line: AuditEntry, row: Any) -> Named:
    if line.subject_kind == "customer":
        return Named("customer", row.key if row else "", row.name if row else "", line.subject)
    if line.subject_kind == "case":
        return Named("case", row.case if row else "", row.subject if row else "", line.subject)
    if line.subject_kind == "number":
        return Named("number", "", "", line.subject)
    return Named(line.subject_kind, line.subject, "", "")


def details_of(line: AuditEntry) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(line.details)
    return told


def all_of(wanted: Wanted, newest: int) -> Iterator[tuple[AuditEntry, Named]]:
    """Yield what is wanted with whom it is about, newest first; nothing is held between two pieces."""
    before = newest + 1
    while True:
        with reading() as session:
            lines = found(session, wanted, before, AT_A_TIME)
            whose = named(session, lines)
        yield from ((line, whose[line.number]) for line in lines)
        if len(lines) < AT_A_TIME:
            return
        before = lines[-1].number
