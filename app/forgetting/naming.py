"""What of a call or a promise names somebody? Taken off, what is left is a fact: when, and how it ended."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import delete, null, select, true, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.util import identity_key

from app.db import Base
from app.forgetting import copies
from app.promises import ledger, recordings
from app.records.beside import Ask, Thanks, WrapUp
from app.records.calls import IS_ENDED, Call, CallStep, Inbox
from app.records.legs import HandOver
from app.records.notes import CallNote
from app.records.promises import Promise, PromiseAttempt, PromiseEvent, Recording
from app.records.screen import ScreenPage, Upload

T = TypeVar("T")

# Of what happened only who of ours, when and which error stay; nothing else may name anybody.
HARMLESS_DETAILS = frozenset({"agent", "from", "time", "error"})
# With the number; those of a customer who stays keep what leads to their record.
_CUSTOMER: dict[str, Any] = {"customer": None, "case": None}


def unname_calls(
    session: Session, sids: Sequence[str], now: datetime, *, customer_too: bool, erasure: int = 0
) -> None:
    """Take off who called, what was known of them, and what they said after the tone, also at the carrier.

    A call that is going on keeps what the carrier still needs of it, until it_ends() is told.
    """
    more = _CUSTOMER if customer_too else {}
    for some in slices(sids):
        copies.of_calls(session, some, now, erasure)
        session.execute(
            update(Call)
            .where(Call.sid.in_(some))
            .values(remote_e164=None, attestation="", heard=null(), claimed=None, **more)
            .execution_options(synchronize_session=False)
        )
        _unname_notes(session, some, customer_too=customer_too)
        _unname_what_stands_beside(session, some, customer_too=customer_too)
        # Why they were handed over is told of them in somebody's own words.
        session.execute(
            update(HandOver)
            .where(HandOver.call_sid.in_(some))
            .values(why="")
            .execution_options(synchronize_session=False)
        )
        _forget_screen(session, some, customer_too=customer_too)
        # What was decided stays; what it depended on names the customer and the case.
        session.execute(
            update(CallStep)
            .where(CallStep.call_sid.in_(some))
            .values(situation=null())
            .execution_options(synchronize_session=False)
        )
        session.execute(
            update(Call)
            .where(Call.sid.in_(some))
            .values(forgotten_at=now)
            .execution_options(synchronize_session=False)
        )
        # What we said may have repeated a number that they had spoken.
        session.execute(
            update(Call)
            .where(Call.sid.in_(some), IS_ENDED)
            .values(said=[])
            .execution_options(synchronize_session=False)
        )
        recordings.forget(session, Recording.call_sid.in_(some), now)
        # What we once answered the carrier names the case and the customer.
        ended = session.scalars(select(Call.sid).where(Call.sid.in_(some), IS_ENDED)).all()
        if ended:
            # By their names: SQLite would look through all that was answered for a question of its own.
            session.execute(delete(Inbox).where(Inbox.call_sid.in_(ended)))
        _read_anew(session, Call, some)


def _read_anew(session: Session, table: type[Base], keys: Sequence[Any]) -> None:
    """What this session has in its hands was changed past it: told to others, it would name them still."""
    session.flush()
    for key in keys:
        if (known := session.identity_map.get(identity_key(table, key))) is not None:
            session.expire(known)


def it_ends(session: Session, call: Call, now: datetime) -> None:
    """A call is over: where its caller was forgotten meanwhile, so is the rest of it."""
    if call.forgotten_at is not None:
        session.flush()
        unname_calls(session, [call.sid], now, customer_too=False)


def _unname_notes(session: Session, sids: Sequence[str], *, customer_too: bool) -> None:
    """Delete what was noted of whoever was known by the number alone; a customer who stays keeps theirs."""
    of_nobody = true() if customer_too else CallNote.customer.is_(None)
    session.execute(delete(CallNote).where(CallNote.call_sid.in_(sids), of_nobody))
    session.execute(
        update(CallNote)
        .where(CallNote.call_sid.in_(sids))
        .values(number=None)
        .execution_options(synchronize_session=False)
    )


def _unname_what_stands_beside(session: Session, sids: Sequence[str], *, customer_too: bool) -> None:
    """Take off what people wrote about a call; how it was wrapped up, and that somebody thanked, stays."""
    session.execute(delete(Ask).where(Ask.call_sid.in_(sids)))
    more: dict[str, Any] = {"case": None} if customer_too else {}
    for statement in (
        update(WrapUp).where(WrapUp.call_sid.in_(sids)).values(next_step="", **more),
        update(Thanks).where(Thanks.call_sid.in_(sids)).values(words=""),
    ):
        session.execute(statement.execution_options(synchronize_session=False))


def _forget_screen(session: Session, sids: Sequence[str], *, customer_too: bool) -> None:
    """Delete what stood beside a call, and what was sent in it; a customer who stays keeps their files."""
    session.execute(delete(ScreenPage).where(ScreenPage.call_sid.in_(sids)))
    of_nobody = true() if customer_too else Upload.customer.is_(None)
    session.execute(delete(Upload).where(Upload.call_sid.in_(sids), of_nobody))


def unname_promises(session: Session, ids: Sequence[int], now: datetime, *, customer_too: bool) -> None:
    """Take off to whom it was owed, and in whose words; none of these may be owed any more."""
    more = _CUSTOMER if customer_too else {}
    for some in slices(ids):
        session.execute(
            update(PromiseAttempt)
            .where(PromiseAttempt.promise.in_(some))
            .values(number="")
            .execution_options(synchronize_session=False)
        )
        for event in session.scalars(select(PromiseEvent).where(PromiseEvent.promise.in_(some))):
            if not event.details.keys() <= HARMLESS_DETAILS:
                event.details = {
                    name: event.details[name] for name in HARMLESS_DETAILS & event.details.keys()
                }
        # Another system may have named its request by whom it was for.
        asked = Promise.id.in_(some) & Promise.origin.startswith("api:")
        for promise in session.scalars(select(Promise).where(asked)):
            promise.origin = ledger.unnamed(promise.origin)
        session.flush()
        recordings.forget(session, Recording.promise.in_(some), now)
        session.execute(
            update(Promise)
            .where(Promise.id.in_(some))
            .values(number=None, about="", forgotten_at=now, **more)
            .execution_options(synchronize_session=False)
        )
        _read_anew(session, Promise, some)


def slices(values: Sequence[T], size: int = 500) -> Iterator[Sequence[T]]:
    """Yield so many at a time as a statement may list."""
    return (values[start : start + size] for start in range(0, len(values), size))
