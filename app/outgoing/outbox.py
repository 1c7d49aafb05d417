"""What must still leave for others? Written with what it belongs to, delivered after the commit."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, select, update
from sqlalchemy.orm import Session

from app import bus
from app.agents import desk_events
from app.db import Moment
from app.door import mails
from app.records.outgoing import Outbox

REDIRECT_CALL = "redirect_call"
END_LEG = "end_leg"
SEND_MESSAGE = "send_message"
PLACE_CALLBACK = "place_callback"
RING_TEST = "ring_test"
SAY_WARNING = "say_warning"
END_POLITELY = "end_politely"
CALL_HOOK = "call_hook"
CARRIER_COPY = "carrier_copy"

# What came of a call that the carrier was told to send on.
REDIRECTED = "redirected"

# Another system may be away for a night: tried each hour in the end, for a day.
LONGEST_GAP = timedelta(hours=1)
# Whoever takes something holds it this long, and goes on holding it as long as they work on it: see
# jobs/in_hand.py. A worker that dies leaves it to the next.
HELD_FOR = timedelta(seconds=15)
GIVEN_BACK_FOR = timedelta(seconds=2)
GIVE_UP_AFTER = {
    REDIRECT_CALL: 1,
    END_LEG: 1,
    # A carrier may be away for half an hour; after that people see it, who know what still helps.
    SEND_MESSAGE: 11,
    PLACE_CALLBACK: 4,
    RING_TEST: 1,
    # Until their room is open, some seconds; a warning that comes later is about nothing any more.
    SAY_WARNING: 5,
    END_POLITELY: 3,
    CALL_HOOK: 34,
    # Who is forgotten is forgotten there too: asked for each hour, for a year.
    CARRIER_COPY: 8760,
    mails.SEND_MAIL: 16,
}


def add(session: Session, kind: str, key: str, payload: dict[str, Any], now: datetime) -> None:
    """Ask for something to leave once this transaction has committed; the same key is asked for once."""
    if not is_asked_for(session, key):
        session.add(Outbox(kind=kind, key=key, payload=payload, created_at=now, next_at=now, attempts=0))
        desk_events.ring_after_commit(session, bus.WORKERS, "outbox")


def is_asked_for(session: Session, key: str) -> bool:
    """Tell whether something was asked for under this key, whatever became of it."""
    return session.scalar(select(Outbox.id).where(Outbox.key == key)) is not None


def standing(session: Session, key: str) -> Outbox | None:
    """Return how what was asked for under this key stands; None when nothing was."""
    return session.scalar(select(Outbox).where(Outbox.key == key))


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


@dataclass(frozen=True)
class Taken:
    """A row in somebody's hands; its attempt tells this taking of it from any other."""

    row_id: int
    kind: str
    payload: dict[str, Any]
    attempt: int


def due(kind: str, now: Moment) -> Select[int]:
    """Return the rows of a kind that are due and in nobody's hands."""
    return select(Outbox.id).where(Outbox.kind == kind, Outbox.done_at.is_(None), Outbox.next_at <= now)


def take(
    session: Session, kind: str, now: datetime, *, keys: str = "", left_over: bool = True
) -> Taken | None:
    """Take the row that has been due for longest into our hands; None when there is none.

    `keys` is how the keys of what is wanted begin. Without `left_over` it is one that nobody has tried yet:
    whoever tried it may have it in hand still, and could not say so.
    """
    oldest = due(kind, now).where(Outbox.key.startswith(keys)).order_by(Outbox.next_at).limit(1)
    if not left_over:
        oldest = oldest.where(Outbox.attempts == 0)
    row = session.execute(
        update(Outbox)
        .where(Outbox.id == oldest.with_for_update(skip_locked=True).scalar_subquery())
        .values(attempts=Outbox.attempts + 1, next_at=now + HELD_FOR)
        .returning(Outbox.id, Outbox.kind, Outbox.payload, Outbox.attempts),
        execution_options={"synchronize_session": False},
    ).one_or_none()
    return Taken(*row) if row else None


def hold(taken: Taken, session: Session, now: datetime) -> None:
    """Keep it in our hands: who works on it is alive."""
    until = now + HELD_FOR
    session.execute(
        update(Outbox).where(_is_in_hand(taken), Outbox.next_at < until).values(next_at=until),
        execution_options={"synchronize_session": False},
    )


def give_back(session: Session, taken: Taken, now: datetime) -> None:
    """What was taken could not be tried: it is due again in a moment, and that was no attempt."""
    session.execute(
        update(Outbox)
        .where(_is_in_hand(taken))
        .values(attempts=taken.attempt - 1, next_at=now + GIVEN_BACK_FOR),
        execution_options={"synchronize_session": False},
    )


def delivered(session: Session, taken: Taken, result: str, now: datetime) -> None:
    """It has left, whatever others thought of it meanwhile."""
    session.execute(
        update(Outbox)
        .where(Outbox.id == taken.row_id, Outbox.done_at.is_(None))
        .values(done_at=now, result=result[:120]),
        execution_options={"synchronize_session": False},
    )


def failed(session: Session, taken: Taken, result: str, now: datetime, *, for_good: bool) -> bool:
    """Try again later, with growing gaps, unless trying again is of no use; say whether that is the end.

    What isn't in our hands any more, withdrawn or taken over, is not ours to judge.
    """
    row = session.scalar(select(Outbox).where(_is_in_hand(taken)).with_for_update())
    if row is None:
        return False
    row.result = result[:120]
    if for_good or row.attempts >= GIVE_UP_AFTER.get(row.kind, 6):
        row.done_at = now
        return True
    row.next_at = now + min(timedelta(seconds=2 ** min(row.attempts, 12)), LONGEST_GAP)
    return False


def _is_in_hand(taken: Taken) -> ColumnElement[bool]:
    return (Outbox.id == taken.row_id) & (Outbox.attempts == taken.attempt) & Outbox.done_at.is_(None)
