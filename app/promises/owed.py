"""What is a number owed, to whom, and about what? A promise belongs to a person and a matter.

The number is only where to ring: people who share it are each owed their own. What isn't known of a promise,
or of whoever asks, doesn't keep the two apart: a caller whom nobody recognised may be anybody of that number.
"""

from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.records.callers import Direction
from app.records.calls import Call
from app.records.promises import IS_OWED, Promise, PromiseState


def to_number(session: Session, number: str | None) -> list[Promise]:
    """Return what a number is owed, whoever of it, the most urgent first; held by the session."""
    if number is None:
        return []  # hidden callers have nothing in common
    owed = select(Promise).where(Promise.number == number, IS_OWED).order_by(Promise.due_at, Promise.id)
    return list(session.scalars(owed.with_for_update()))


def is_anothers(owed: Promise, customer: str | None) -> bool:
    """Tell whether a promise to a number is owed to another of the customers who share it."""
    return None not in (owed.customer, customer) and owed.customer != customer


def is_about(owed: Promise, customer: str | None, case: str | None) -> bool:
    """Tell whether a promise may be this customer's, about this case."""
    is_other_matter = None not in (owed.case, case) and owed.case != case
    return not is_anothers(owed, customer) and not is_other_matter


def about(
    session: Session, number: str | None, customer: str | None, case: str | None, *, guessed: bool = False
) -> Promise | None:
    """Return what this customer is owed at a number about this case: what says so, before what may be.

    `guessed`: the case is no more than likely, as of a caller whom nobody asked; any of theirs is it then.
    """
    theirs = [one for one in to_number(session, number) if not is_anothers(one, customer)]
    if not guessed:
        theirs = [one for one in theirs if is_about(one, customer, case)]
    return max(theirs, key=lambda one: (one.case == case, one.customer == customer), default=None)


def settled_at(session: Session, number: str, moment: datetime) -> list[Promise]:
    """Return what a number was owed until its conversation that began at a moment."""
    settled = select(Promise).where(
        Promise.number == number,
        Promise.state == PromiseState.MERGED,
        Promise.finished_at == moment,
    )
    return list(session.scalars(settled.order_by(Promise.id)))


def is_promised_since(session: Session, promise: Promise, moment: datetime) -> bool:
    """Tell whether a callback was promised, or the same one asked for again, after a moment."""
    asked_later = _calls_since(promise, moment).where(Call.promise == promise.id)
    return promise.created_at > moment or session.scalar(asked_later.limit(1)) is not None


def calls_since(session: Session, promise: Promise, moment: datetime) -> list[Call]:
    """Return the calls after a moment of whoever is owed this, as far as is known of them, oldest first."""
    calls = session.scalars(_calls_since(promise, moment).order_by(Call.created_at))
    return [one for one in calls if one.promise == promise.id or is_about(promise, one.customer, one.case)]


def _calls_since(promise: Promise, moment: datetime) -> Select[Call]:
    return select(Call).where(
        Call.remote_e164 == promise.number, Call.direction == Direction.INBOUND, Call.created_at > moment
    )
