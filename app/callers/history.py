"""Who handled this case, and when? Contacts: record one, list them, and keep each case's last agent true."""

from collections.abc import Collection
from datetime import datetime
from typing import TypeVar

from sqlalchemy import ScalarSelect, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.records.callers import Case, Channel, Contact, Direction

T = TypeVar("T")

# Far below what either database takes as parameters of one statement.
CASES_AT_ONCE = 500


def record(
    session: Session,
    *,
    contact: str,
    case: str,
    agent: str,
    channel: Channel,
    direction: Direction,
    started_at: datetime,
    seconds: int = 0,
    outcome: str = "",
    summary: str = "",
) -> bool:
    """Write down a contact, new or again, and keep its case's last agent true; True when it was new.

    The same `contact` replaces what was known of it, also when it moves to another case. The case must exist.
    """
    known_case = session.scalar(select(Contact.case).where(Contact.key == contact).with_for_update())
    touched = {case} if known_case is None else {case, known_case}
    # Before the contact is written: of two contacts at once the second must see the first one's row.
    lock(session, touched)
    values = {
        "case": case,
        "agent": agent,
        "channel": channel,
        "direction": direction,
        "started_at": started_at,
        "seconds": seconds,
        "outcome": outcome,
        "summary": summary,
    }
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgres_insert
    session.execute(
        insert(Contact)
        .values(key=contact, **values)
        .on_conflict_do_update(index_elements=["key"], set_=values),
        execution_options={"synchronize_session": False},
    )
    _point_at_newest(session, touched)
    return known_case is None


def forget(session: Session, contact: str) -> None:
    """Take a contact off its case, and keep the case's last agent true; one with notes on it stays."""
    case = session.scalar(select(Contact.case).where(Contact.key == contact).with_for_update())
    if case is None:
        return
    lock(session, {case})
    session.execute(
        delete(Contact)
        .where(Contact.key == contact, Contact.outcome == "", Contact.summary == "")
        .execution_options(synchronize_session="fetch")
    )
    _point_at_newest(session, {case})


def refresh(session: Session, cases: Collection[str]) -> None:
    """Make these cases' last agents true again after their contacts were written in bulk."""
    ordered = sorted(cases)
    for start in range(0, len(ordered), CASES_AT_ONCE):
        batch = ordered[start : start + CASES_AT_ONCE]
        lock(session, batch)
        _point_at_newest(session, batch)


def contacts_of(session: Session, case: str, limit: int = 50) -> list[Contact]:
    """List the case's contacts, the newest first."""
    return list(
        session.scalars(
            select(Contact)
            .where(Contact.case == case)
            .order_by(Contact.started_at.desc(), Contact.key.desc())
            .limit(limit)
        )
    )


def agents_of(session: Session, case: str) -> list[str]:
    """List everybody who handled the case, whoever did so last first."""
    last = func.max(Contact.started_at)
    return list(
        session.scalars(
            select(Contact.agent)
            .where(Contact.case == case)
            .group_by(Contact.agent)
            .order_by(last.desc(), Contact.agent)
        )
    )


def lock(session: Session, cases: Collection[str]) -> None:
    """Make others who record contacts on these cases wait until this transaction ends."""
    # Always in the same order, so that two who touch the same cases can't wait for each other.
    session.execute(
        select(Case.key).where(Case.key.in_(sorted(cases))).order_by(Case.key).with_for_update()
    ).all()


def _point_at_newest(session: Session, cases: Collection[str]) -> None:
    session.execute(
        update(Case)
        .where(Case.key.in_(sorted(cases)))
        .values(last_contact_agent=_newest(Contact.agent), last_contact_at=_newest(Contact.started_at))
        .execution_options(synchronize_session="fetch")
    )


def _newest(column: InstrumentedAttribute[T]) -> ScalarSelect[T]:
    return (
        select(column)
        .where(Contact.case == Case.key)
        .order_by(Contact.started_at.desc(), Contact.key.desc())
        .limit(1)
        .correlate(Case)
        .scalar_subquery()
    )
