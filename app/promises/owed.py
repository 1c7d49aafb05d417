"""What is a number owed, to whom, and about what? A promise belongs to a person and a matter.

The number is only where to ring: people who share it are each owed their own. What isn't known of a promise,
or of whoever asks, doesn't keep the two apart: a caller whom nobody recognised may be anybody of that number.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

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
