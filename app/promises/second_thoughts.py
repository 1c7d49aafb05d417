"""What if somebody thinks better of it? A promise that was withdrawn, or kept by word, is owed again."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import InvalidField
from app.promises import ledger
from app.records.promises import Promise, PromiseEvent, PromiseState

# Ended by somebody's word alone: no call of ours says otherwise.
BY_WORD = ("promise_withdrawn", "promise_kept_by_word")
_BY_WORD_STATES = (PromiseState.WITHDRAWN, PromiseState.KEPT)
SHOWN_FOR = timedelta(minutes=30)
MOST_SHOWN = 5


def owe_again(session: Session, promise_id: int, who: str, now: datetime) -> bool:
    """Owe again what somebody had said need not be rung any more; False when another callback serves it.

    Raises InvalidField when it didn't end by somebody's word, or names nobody any more.
    """
    promise = session.get(Promise, promise_id, with_for_update=True, populate_existing=True)
    if promise is None or promise.forgotten_at is not None or not _ended_by_word(session, promise):
        raise InvalidField("id", f"promise {promise_id} can't be taken back")
    is_owed = ledger.take_back(session, promise, "promise_wanted_after_all", now, {"agent": who})
    if is_owed:
        promise.next_at = now if promise.number else None
    return is_owed


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
