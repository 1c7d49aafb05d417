"""How much was forgotten by itself? Counted as it goes, by the day, so that somebody can see that it does."""

from datetime import date, datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.records.privacy import ForgottenDay


def add(session: Session, kind: str, rows: int, now: datetime) -> None:
    """Count what this transaction forgets; safe when several do so at once."""
    if _added(session, kind, rows, now):
        return
    try:
        with session.begin_nested():
            session.add(ForgottenDay(day=now.date(), kind=kind, rows=rows, last_at=now))
    except IntegrityError:
        # Another worker was quicker by a moment to begin the day.
        _added(session, kind, rows, now)


def _added(session: Session, kind: str, rows: int, now: datetime) -> bool:
    today = (ForgottenDay.day == now.date()) & (ForgottenDay.kind == kind)
    counted = session.scalars(
        update(ForgottenDay)
        .where(today)
        .values(rows=ForgottenDay.rows + rows, last_at=now)
        .returning(ForgottenDay.kind),
        execution_options={"synchronize_session": False},
    )
    return counted.one_or_none() is not None


def since(session: Session, day: date) -> dict[str, int]:
    """Return how many rows of each kind were forgotten from a day on."""
    counted = select(ForgottenDay.kind, func.sum(ForgottenDay.rows)).where(ForgottenDay.day >= day)
    return {kind: int(rows) for kind, rows in session.execute(counted.group_by(ForgottenDay.kind))}


def lately(session: Session, now: datetime) -> tuple[dict[str, int], dict[str, int]]:
    """Return the same since yesterday, and of the last thirty days."""
    today = now.date()
    return since(session, today - timedelta(days=1)), since(session, today - timedelta(days=29))
