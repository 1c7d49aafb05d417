"""What must still leave for others? Written with what it belongs to, delivered after the commit."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, select, update
from sqlalchemy.orm import Session

from app import bus
from app.agents import desk_events
from app.records.outgoing import Outbox

REDIRECT_CALL = "redirect_call"
END_LEG = "end_leg"
SEND_MESSAGE = "send_message"
PLACE_CALLBACK = "place_callback"
RING_TEST = "ring_test"
CALL_HOOK = "call_hook"

# Another system may be away for a night: tried each hour in the end, for a day.
LONGEST_GAP = timedelta(hours=1)
# Whoever takes a row holds it this long; a worker that dies in between leaves it to the next.
TAKEN_FOR = timedelta(seconds=30)
GIVE_UP_AFTER = {
    REDIRECT_CALL: 1,
    END_LEG: 1,
    # A carrier may be away for half an hour; after that people see it, who know what still helps.
    SEND_MESSAGE: 11,
    PLACE_CALLBACK: 4,
    RING_TEST: 1,
    CALL_HOOK: 34,
}


def add(session: Session, kind: str, key: str, payload: dict[str, Any], now: datetime) -> None:
    """Ask for something to leave once this transaction has committed; the same key is asked for once."""
    if not is_asked_for(session, key):
        session.add(Outbox(kind=kind, key=key, payload=payload, created_at=now, next_at=now, attempts=0))
        desk_events.ring_after_commit(session, bus.WORKERS, "outbox")


def is_asked_for(session: Session, key: str) -> bool:
    """Tell whether something was asked for under this key, whatever became of it."""
    return session.scalar(select(Outbox.id).where(Outbox.key == key)) is not None


def add_for_hook(session: Session, hook_id: int, fact: dict[str, Any], now: datetime) -> None:
    """Ask for a fact to be told to another system; no bell is rung, since nobody on the telephone waits."""
    key = keys_of_hook(hook_id) + fact["id"]
    session.add(Outbox(kind=CALL_HOOK, key=key, payload=fact, created_at=now, next_at=now, attempts=0))


def keys_of_hook(hook_id: int) -> str:
    """Return how the keys of all that one system is to be told begin."""
    return f"hook/{hook_id}/"


def key_of_promise(promise_id: int) -> str:
    """Return the key of the SMS that confirms a promise."""
    return f"promise/{promise_id}/made"


def withdraw(session: Session, key: str, now: datetime) -> dict[str, Any] | None:
    """What was asked for under this key need not leave any more; return it, None when it has left."""
    return session.scalar(
        update(Outbox)
        .where(Outbox.key == key, Outbox.done_at.is_(None))
        .values(done_at=now, result="withdrawn")
        .returning(Outbox.payload)
    )


def is_due(session: Session, kind: str, now: datetime) -> bool:
    """Tell whether anything of a kind is due, without taking it."""
    return session.scalar(_due(kind, now).limit(1)) is not None


def _due(kind: str, now: datetime) -> Select[Outbox]:
    return select(Outbox).where(Outbox.kind == kind, Outbox.done_at.is_(None), Outbox.next_at <= now)


def take_due(session: Session, kind: str, now: datetime, limit: int = 50, *, keys: str = "") -> list[Outbox]:
    """Take what is due, so that two workers never deliver the same row at the same time.

    `keys` is how the keys of what is wanted begin.
    """
    rows = session.scalars(
        _due(kind, now)
        .where(Outbox.key.startswith(keys))
        .order_by(Outbox.next_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        row.attempts += 1
        row.next_at = now + TAKEN_FOR
    return list(rows)


def give_back(session: Session, row_ids: list[int], now: datetime) -> None:
    """What was taken and not tried is due as before."""
    session.execute(
        update(Outbox)
        .where(Outbox.id.in_(row_ids), Outbox.done_at.is_(None))
        .values(attempts=Outbox.attempts - 1, next_at=now)
    )


def forget_told(session: Session, moment: datetime) -> None:
    """Drop what other systems were told before `moment`, or will not be told any more: it names people."""
    session.execute(delete(Outbox).where(Outbox.kind == CALL_HOOK, Outbox.done_at < moment))


def delivered(session: Session, row_id: int, result: str, now: datetime) -> None:
    row = session.get_one(Outbox, row_id)
    row.done_at, row.result = now, result[:120]


def failed(session: Session, row_id: int, result: str, now: datetime, *, for_good: bool) -> bool:
    """Try again later, with growing gaps, unless trying again is of no use; say whether that is the end."""
    row = session.get_one(Outbox, row_id)
    row.result = result[:120]
    if for_good or row.attempts >= GIVE_UP_AFTER.get(row.kind, 6):
        row.done_at = now
        return True
    row.next_at = now + min(timedelta(seconds=2**row.attempts), LONGEST_GAP)
    return False
