"""May a callback that its caller withdrew be owed to them after all?"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.errors import InvalidField
from app.promises import ledger
from app.records.promises import OWED, Promise, PromiseEvent, PromiseState


def by_the_caller(session: Session, promise: Promise) -> bool:
    """Tell whether the caller withdrew it themselves: what one of us withdrew is for us to judge."""
    if promise.state != PromiseState.WITHDRAWN or promise.number is None:
        return False
    who = session.scalar(
        select(PromiseEvent.who)
        .where(PromiseEvent.promise == promise.id, PromiseEvent.why == "promise_withdrawn")
        .order_by(PromiseEvent.id.desc())
        .limit(1)
    )
    return who == "customer"


def want_again(session: Session, promise_id: int, due_at: datetime | None, now: datetime) -> Promise:
    """The caller wants to be rung back after all; return what they are owed now.

    The time that was agreed on stands while it is still to come; else `due_at` is the new one. Whose number
    is owed another callback by now is owed that one. Raises InvalidField when it wasn't they who withdrew it,
    and when a new time is needed and missing.
    """
    promise = session.get_one(Promise, promise_id, with_for_update=True, populate_existing=True)
    if promise.state in OWED:
        return promise
    if not by_the_caller(session, promise):
        raise InvalidField("id", f"promise {promise_id} wasn't withdrawn by its caller")
    if promise.due_at <= now and (due_at is None or due_at <= now):
        raise InvalidField("due_at", "choose a time that is still to come")
    try:
        with session.begin_nested():
            if (owed := ledger.unfinished_for(session, promise.number)) is None:
                _owe(session, promise, due_at, now)
                return promise
    except IntegrityError:
        # Another call from the same number was quicker by a moment; its promise serves both.
        session.refresh(promise)
        if (owed := ledger.unfinished_for(session, promise.number)) is None:
            raise
    ledger.note(session, owed, "promise_repeated", now, "customer", shows=False)
    return owed


def _owe(session: Session, promise: Promise, due_at: datetime | None, now: datetime) -> None:
    if promise.due_at <= now and due_at is not None:
        promise.due_at, promise.not_before = due_at, None
    promise.state, promise.finished_at = PromiseState.OPEN, None
    promise.tries, promise.next_at = 0, now
    details = {"time": promise.due_at.isoformat()}
    ledger.note(session, promise, "promise_wanted_again", now, "customer", details)
    session.flush()
