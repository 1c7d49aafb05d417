"""Whose is it, and at which number, as is known only later? Then it may turn out to be one with another."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.errors import InvalidField
from app.lines.places import may_ring
from app.promises import ledger, owed
from app.records.callers import Case, Customer, CustomerNumber
from app.records.promises import IS_OWED, OWED, Promise, PromiseState, Recording


def give_number(
    session: Session, promise_id: int, number: str, due_at: datetime, who: str, now: datetime
) -> Promise:
    """Somebody found out which number a hidden caller meant: from now on it is a promise like any other.

    Are they owed one there already, about the same as far as anybody knows, this promise becomes part of that
    one, which is returned. `due_at` replaces a time that has passed. Raises InvalidField as withdraw() does,
    when it has a number, and when that one must not be rung.
    """
    promise = ledger.still_owed(session, promise_id)
    if promise.number is not None:
        raise InvalidField("number", f"promise {promise_id} has its number")
    if not may_ring(session, number):
        raise InvalidField("number", "this number must not be rung")
    if (before := owed.about(session, number, promise.customer, promise.case)) is not None:
        ledger.move(session, promise, PromiseState.MERGED, "promise_number_known", now, who)
        session.execute(update(Recording).where(Recording.promise == promise.id).values(promise=before.id))
        if promise.about:
            # Their words go where the number is, with which they are found when they are to be forgotten.
            ledger.say_more(session, before.id, promise.about)
            promise.about = ""
        ledger.note(session, before, "promise_repeated", now, who)
        return before
    promise.number = number
    if promise.due_at <= now:
        promise.broken_at = promise.broken_at or promise.due_at
        promise.due_at = due_at
    ledger.look_at(promise, now)
    ledger.move(session, promise, PromiseState.OPEN, "promise_number_given", now, who)
    return promise


def belongs_to(session: Session, promise: Promise, customer: str, now: datetime) -> None:
    """Another system says that what is owed is this customer's: it merged two, or the case moved.

    Are they owed a callback about it already, this one becomes part of it, with the earlier time of the two.
    """
    same = [
        one
        for one in owed.to_number(session, promise.number)
        if one.id != promise.id and (one.customer, one.case) == (customer, promise.case)
    ]
    if not same:
        promise.customer = customer
        ledger.note(session, promise, "promise_of_merged", now)
        return
    [other] = same
    if ledger.is_spoken_about(session, promise):
        # Nobody is cut off: what is talked about stays, and the other becomes part of it.
        promise, other = other, promise
    if promise.due_at < other.due_at and other.state != PromiseState.CALLING:
        other.due_at = promise.due_at
        ledger.look_at(other, now)
    if promise.about not in other.about:
        ledger.say_more(session, other.id, promise.about)
    ledger.move(session, promise, PromiseState.MERGED, "promise_of_merged", now)
    session.flush()  # before the other takes its place
    other.customer = customer
    ledger.note(session, other, "promise_repeated", now, shows=False)


def cases_moved(session: Session, cases: Sequence[str] | None, now: datetime) -> None:
    """Let what is owed about these cases be their customers', whosever they were; None: about any case."""
    moved = (
        select(Promise, Case.customer)
        .join(Case, Case.key == Promise.case)
        .where(IS_OWED, Promise.customer != Case.customer)
        .order_by(Promise.id)
    )
    if cases is not None:
        moved = moved.where(Case.key.in_(cases))
    for promise, customer in session.execute(moved).all():
        if promise.state in OWED:  # it may have become part of one before it
            belongs_to(session, promise, customer, now)


def is_number_of_others(session: Session, promise: Promise) -> bool:
    """Tell whether the number went from the customer to somebody else: who would be rung is another."""
    if promise.customer is None:
        return False
    has = select(CustomerNumber.customer).where(CustomerNumber.e164 == promise.number)
    customers = set(session.scalars(has.limit(1000)))
    is_known = session.get(Customer, promise.customer) is not None
    return bool(customers) and promise.customer not in customers and is_known
