"""What of theirs does the carrier still keep? Each copy is to be deleted there, asked for until it is.

Recordings have rows of their own that say so (promises/recordings.py); here are messages and calls' records.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import bus
from app.agents import desk_events
from app.outgoing import outbox
from app.records.calls import IS_ENDED, Call
from app.records.messages import Message
from app.records.outgoing import Outbox
from app.records.promises import PromiseAttempt, Recording, RecordingState

# What the carrier itself has named; everything else never was there.
_SID = re.compile(r"(SM|MM|CA)\w+", re.ASCII)


def ask(session: Session, sids: Iterable[str | None], now: datetime, erasure: int = 0) -> None:
    """Have the carrier delete its messages and records of calls under these names; each is asked for once.

    `erasure` is whose receipt tells how many are left.
    """
    wanted = {_key(erasure, sid): sid for sid in sids if sid and _SID.fullmatch(sid)}
    known = set(session.scalars(select(Outbox.key).where(Outbox.key.in_(wanted))))
    for key, sid in wanted.items():
        if key not in known:
            session.add(
                Outbox(
                    kind=outbox.CARRIER_COPY,
                    key=key,
                    payload={"sid": sid},
                    created_at=now,
                    next_at=now,
                    attempts=0,
                )
            )
    if wanted:
        desk_events.ring_after_commit(session, bus.WORKERS, "outbox")


def of_messages(session: Session, sids: Sequence[str], now: datetime, erasure: int = 0) -> None:
    """Have the carrier's copies of some messages deleted, which are about to go here; at most 500."""
    found = session.execute(select(Message.sid, Message.carrier_sid).where(Message.sid.in_(sids)))
    ask(session, (one for row in found for one in row), now, erasure)


def of_calls(session: Session, sids: Sequence[str], now: datetime, erasure: int = 0) -> None:
    """Have the carrier's records of those calls deleted that are over, callbacks' too; at most 500."""
    ended = session.scalars(select(Call.sid).where(Call.sid.in_(sids), IS_ENDED)).all()
    legs = select(PromiseAttempt.customer_leg, PromiseAttempt.agent_leg).where(
        PromiseAttempt.call_sid.in_(ended)
    )
    ask(session, [*ended, *(one for row in session.execute(legs) for one in row)], now, erasure)


def left(session: Session, erasure: int) -> int:
    """Return how many copies the carrier still has of somebody; of recordings, those of anybody."""
    waiting = select(func.count()).where(
        Outbox.kind == outbox.CARRIER_COPY,
        Outbox.done_at.is_(None),
        Outbox.key.startswith(_key(erasure, ""), autoescape=True),
    )
    unwanted = select(func.count()).where(
        Recording.next_at.is_not(None), Recording.state == RecordingState.UNWANTED
    )
    return (session.scalar(waiting) or 0) + (session.scalar(unwanted) or 0)


def _key(erasure: int, sid: str) -> str:
    return f"copy/{erasure}/{sid}"
