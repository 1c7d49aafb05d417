"""Which link shows a caller their promise, for how long, and how often may they change it with it?"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.records.promises import Promise, PromiseEvent

# So long after the time that was agreed on, or after it was settled, if that is later, the link still works.
WORKS_FOR = timedelta(days=30)
# What somebody means in earnest they have said after a few. Of each kind by itself: whoever wrote too much
# can still withdraw it.
MOST_A_DAY = 10
A_DAY = timedelta(days=1)


class Change(StrEnum):
    """What a caller may do with their link."""

    MOVE = "move"
    ABOUT = "about"
    WITHDRAW = "withdraw"
    AGAIN = "again"


_NOTED_AS = {
    Change.MOVE: ("promise_moved",),
    Change.ABOUT: ("promise_said_more",),
    Change.WITHDRAW: ("promise_withdrawn", "promise_wanted_again"),
    Change.AGAIN: ("promise_withdrawn", "promise_wanted_again"),
}


def to_promise(public_url: str, key: str, promise_id: int) -> str:
    """Return the address of the caller's page of a promise."""
    return f"{public_url}/c/{signed(key, promise_id)}"


def signed(key: str, promise_id: int) -> str:
    """Return what names a promise in the address of its page."""
    return str(_signer([key]).dumps(promise_id))


def to_call(public_url: str, key: str, call_sid: str) -> str:
    """Return the address of the page after a call."""
    return f"{public_url}/c/{_signer([key]).dumps(call_sid)}"


def call_of(keys: Sequence[str], signed: str) -> str | None:
    """Return after which call a page is, as promise_of does."""
    try:
        found = _signer(keys).loads(signed)
    except BadSignature:
        return None
    return found if isinstance(found, str) else None


def promise_of(keys: Sequence[str], signed: str) -> int | None:
    """Return whose page it is; None for a link that we never gave, with any of the keys (the newest last)."""
    try:
        found = _signer(keys).loads(signed)
    except BadSignature:
        return None
    return found if isinstance(found, int) else None


def has_ended(promise: Promise, now: datetime) -> bool:
    """Tell whether its link is too old; who was never rung back by then is helped on the telephone."""
    last = max(promise.due_at, promise.finished_at or promise.due_at)
    return now - last > WORKS_FOR


def may_change(session: Session, promise: Promise, what: Change, now: datetime) -> bool:
    """Tell whether its caller has changed it in this way less often today than anybody needs to."""
    changed = select(func.count()).where(
        PromiseEvent.promise == promise.id,
        PromiseEvent.at > now - A_DAY,
        PromiseEvent.why.in_(_NOTED_AS[what]),
        PromiseEvent.who == "customer",
    )
    return (session.scalar(changed) or 0) < MOST_A_DAY


def _signer(keys: Sequence[str]) -> URLSafeSerializer:
    return URLSafeSerializer(list(keys), salt="the caller's page")
