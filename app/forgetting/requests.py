"""Whom was it asked to forget, and is it done? The request is a row: nothing is lost when a process dies.

Whoever asks does it at once, in a transaction of its own; what is too much for that, or was broken off, a
worker takes up. A request that is done names nobody and stays as a receipt.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app import bus, db
from app.agents import desk_events
from app.db import Moment
from app.forgetting import copies, erasure, whom
from app.outgoing.outbox import HELD_FOR
from app.records.privacy import Erasure, Whom

# More calls, or messages, than these a worker forgets a few at a time: no page and no call waits for it.
MOST_AT_ONCE = 1000
TRIES_AGAIN = timedelta(seconds=2)
# What lies on a disk somewhere is brought here within days, or never.
MARKS_FOR = timedelta(days=30)
_LENGTH_OF_MARK = 32


@dataclass(frozen=True)
class Receipt:
    """How far it has come; names nobody."""

    id: int
    kind: str
    asked_at: datetime
    asked_by: str
    done_at: datetime | None  # None: a worker is on it
    calls: int
    promises: int
    messages: int
    at_carrier: int  # copies that it has yet to delete

    @property
    def is_over(self) -> bool:
        return self.done_at is not None and not self.at_carrier


def ask(session: Session, kind: Whom, of: str, who: str, now: datetime, key: str) -> int:
    """Write down that somebody is to be forgotten; return the request's number. `key` keys their marks.

    Whoever asks goes on with carry_out(); if they don't, a worker does.
    """
    numbers = [of] if kind == Whom.NUMBER else whom.numbers_of_nobody_else(session, of)
    marks = " ".join(mark(key, number) for number in numbers[:60])
    row = Erasure(kind=kind, whom=of, marks=marks, asked_at=now, asked_by=who, next_at=now + HELD_FOR)
    session.add(row)
    session.flush()
    return row.id


def due(now: Moment) -> Select[int]:
    """Return the requests that a worker is to go on with."""
    return select(Erasure.id).where(Erasure.next_at <= now)


def carry_out(session: Session, request: int, now: datetime, *, however_much: bool = False) -> Receipt | None:
    """Forget whom a request is about; None when there was nothing to forget, and then there is no receipt.

    Doing it again does nothing. Unless it is to be done `however_much` there is, what is too much at once is
    left to a worker: the receipt isn't done then.
    """
    row = session.get(Erasure, request, with_for_update=True, populate_existing=True)
    if row is None:
        return None
    if row.whom is not None and (however_much or not _is_much(session, row)):
        erased = _erase(session, row, now)
        if erased is None and not row.calls and not row.messages:
            session.delete(row)
            return None
        if erased is not None:
            row.calls, row.messages = row.calls + erased.calls, row.messages + erased.messages
            row.promises = erased.promises
        row.whom, row.done_at = None, now
        # SQLite's log holds what was deleted until a worker has emptied it.
        row.next_at = now if db.current().is_sqlite else None
        session.flush()
    elif row.whom is not None:
        row.next_at = now
    desk_events.ring_after_commit(session, bus.WORKERS, "erasures")
    return receipt(session, row)


def _is_much(session: Session, row: Erasure) -> bool:
    return whom.is_much(session, Whom(row.kind), str(row.whom), MOST_AT_ONCE)


def _erase(session: Session, row: Erasure, now: datetime) -> erasure.Erased | None:
    erase = erasure.erase_number if row.kind == Whom.NUMBER else erasure.erase_customer
    return erase(session, str(row.whom), row.asked_by, now, row.id)


def thin_out(session: Session, request: int, now: datetime) -> int:
    """Forget a few of the calls and messages of whom a request is about; how many, 0 when it is little."""
    row = session.get(Erasure, request, with_for_update=True, populate_existing=True)
    if row is None or row.whom is None or not _is_much(session, row):
        return 0
    calls = erasure.forget_old_calls(session, Whom(row.kind), row.whom, now, row.id)
    messages = erasure.forget_old_messages(session, Whom(row.kind), row.whom, now, row.id)
    row.calls, row.messages = row.calls + calls, row.messages + messages
    row.next_at = now + HELD_FOR
    return calls + messages


def is_over(session: Session, request: int, now: datetime, *, clean: bool) -> None:
    """A worker has done what it could; unless the log is `clean` it comes again."""
    row = session.get(Erasure, request, with_for_update=True, populate_existing=True)
    if row is not None and row.done_at is not None:
        row.next_at = None if clean else now + TRIES_AGAIN


def put_off(session: Session, request: int, now: datetime) -> None:
    row = session.get(Erasure, request, with_for_update=True, populate_existing=True)
    if row is not None and row.next_at is not None:
        row.next_at = now + TRIES_AGAIN


# --- receipts -----------------------------------------------------------------------------------------


def receipt(session: Session, row: Erasure) -> Receipt:
    return Receipt(
        id=row.id,
        kind=row.kind,
        asked_at=row.asked_at,
        asked_by=row.asked_by,
        done_at=row.done_at,
        calls=row.calls,
        promises=row.promises,
        messages=row.messages,
        at_carrier=copies.left(session, row.id),
    )


def find(session: Session, request: int) -> Receipt | None:
    row = session.get(Erasure, request)
    return receipt(session, row) if row is not None else None


def recent(session: Session, most: int = 10) -> list[Receipt]:
    """Return what was asked for lately, newest first."""
    rows = session.scalars(select(Erasure).order_by(Erasure.asked_at.desc(), Erasure.id.desc()).limit(most))
    return [receipt(session, row) for row in rows]


# --- what lies elsewhere ------------------------------------------------------------------------------


def mark(key: str, number: str) -> str:
    """Return by what a forgotten number is known again, by whoever has the key and the number."""
    digest = hmac.new(b"forgotten" + key.encode(), number.encode(), hashlib.sha256)
    return digest.hexdigest()[:_LENGTH_OF_MARK]


def any_marks(session: Session, now: datetime) -> bool:
    """Tell whether anybody was forgotten of late, so that it is worth looking."""
    lately = select(Erasure.id).where(Erasure.asked_at >= now - MARKS_FOR)
    return session.scalar(lately.limit(1)) is not None


def forgotten(session: Session, key: str, number: str, at: datetime) -> bool:
    """Tell whether whoever has this number was forgotten since a moment."""
    since = select(Erasure.id).where(
        Erasure.asked_at >= at, Erasure.marks.contains(mark(key, number), autoescape=True)
    )
    return session.scalar(since.limit(1)) is not None
