"""What if somebody thinks better of it? A promise that was withdrawn, or kept by word, is owed again."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.errors import InvalidField
from app.promises import ledger, owed
from app.records.promises import OWED, Promise, PromiseEvent, PromiseState

# Ended by somebody's word alone: no call of ours says otherwise.
BY_WORD = ("promise_withdrawn", "promise_kept_by_word")
_BY_WORD_STATES = (PromiseState.WITHDRAWN, PromiseState.KEPT)
SHOWN_FOR = timedelta(minutes=30)
MOST_SHOWN = 5


def owe_again(session: Session, promise_id: int, who: str, now: datetime) -> Promise:
    """Owe again what one of us had said need not be rung any more; return what is owed now.

    That is another callback where one serves it by now. Raises InvalidField when it didn't end by somebody's
    word, or names nobody any more.
    """
    promise = session.get(Promise, promise_id, with_for_update=True, populate_existing=True)
    if promise is None or promise.forgotten_at is not None or not _ended_by_word(session, promise):
        raise InvalidField("id", f"promise {promise_id} can't be taken back")
    return _owe_again(session, promise, "promise_wanted_after_all", who, {"agent": who}, now)


def want_again(session: Session, promise_id: int, due_at: datetime | None, now: datetime) -> Promise:
    """The caller wants to be rung back after all; return what they are owed now, as owe_again() does.

    The time that was agreed on stands while it is still to come; else `due_at` is the new one. Raises
    InvalidField when it wasn't they who withdrew it, and when a new time is needed and missing.
    """
    promise = session.get_one(Promise, promise_id, with_for_update=True, populate_existing=True)
    if promise.state in OWED:
        return promise
    if not by_the_caller(session, promise):
        raise InvalidField("id", f"promise {promise_id} wasn't withdrawn by its caller")
    if promise.due_at <= now:
        if due_at is None or due_at <= now:
            raise InvalidField("due_at", "choose a time that is still to come")
        promise.due_at, promise.not_before = due_at, None
    details = {"time": promise.due_at.isoformat()}
    return _owe_again(session, promise, "promise_wanted_again", "customer", details, now)


def by_the_caller(session: Session, promise: Promise) -> bool:
    """Tell whether the caller withdrew it themselves: what one of us withdrew is for us to judge."""
    if promise.state != PromiseState.WITHDRAWN or promise.number is None:
        return False
    who = select(PromiseEvent.who).where(
        PromiseEvent.promise == promise.id, PromiseEvent.why == "promise_withdrawn"
    )
    return session.scalar(who.order_by(PromiseEvent.id.desc()).limit(1)) == "customer"


def _owe_again(
    session: Session, promise: Promise, why: str, who: str, details: Mapping[str, str], now: datetime
) -> Promise:
    try:
        with session.begin_nested():
            is_owed = ledger.take_back(session, promise, why, now, details, who)
            session.flush()
    except IntegrityError:
        # Another call was quicker by a moment; its promise serves both.
        session.refresh(promise)
        is_owed = False
    if is_owed:
        promise.tries = 0
        ledger.look_at(promise, now)
        return promise
    another = owed.about(session, promise.number, promise.customer, promise.case)
    if another is None:
        raise InvalidField("id", f"promise {promise.id} was settled this very moment")
    ledger.note(session, another, "promise_repeated", now, who, shows=False)
    return another


def _ended_by_word(session: Session, promise: Promise) -> bool:
    if promise.state not in _BY_WORD_STATES:
        return False
    last = select(PromiseEvent.why).where(
        PromiseEvent.promise == promise.id, PromiseEvent.state == promise.state
    )
    return session.scalar(last.order_by(PromiseEvent.id.desc()).limit(1)) in BY_WORD


def ended_lately(session: Session, who: str, now: datetime) -> Sequence[Promise]:
    """Return the promises that somebody ended by their word a moment ago, newest first."""
    return session.scalars(
        select(Promise)
        .join(PromiseEvent, PromiseEvent.promise == Promise.id)
        .where(
            Promise.finished_at > now - SHOWN_FOR,
            Promise.forgotten_at.is_(None),
            PromiseEvent.at == Promise.finished_at,
            PromiseEvent.who == who,
            PromiseEvent.why.in_(BY_WORD),
        )
        .order_by(Promise.finished_at.desc())
        .limit(MOST_SHOWN)
    ).all()
