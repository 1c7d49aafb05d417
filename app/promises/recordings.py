"""What did callers say after the tone? Fetched from the carrier, deleted there, and forgotten in time.

The row is the work to be done: whoever takes it holds it for a while, so that it may be done twice but is
never left undone. Only the recording's SID comes from outside; where it is fetched the settings say.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, exists, func, select, update
from sqlalchemy.orm import Session, undefer

from app import bus
from app.agents import desk_events
from app.db import Moment
from app.outgoing.outbox import HELD_FOR
from app.promises import ledger
from app.records.calls import Call, CallState
from app.records.promises import IS_TO_BE_HEARD, Promise, PromiseState, Recording, RecordingState
from app.routing import rules

SID = re.compile(r"RE[0-9a-fA-F]{32}")
LONGEST_GAP = timedelta(hours=1)
# The carrier may still be writing a recording that it has announced; after this it hasn't got it.
MAY_STILL_COME = timedelta(hours=24)
# When all news of a message is lost the carrier is asked for it, so long after the call.
ASKED_AFTER = timedelta(minutes=1)

AT_CARRIER = (RecordingState.AT_CARRIER, RecordingState.STORED)


def arrived(session: Session, call: Call, sid: str, seconds: int | None, now: datetime) -> None:
    """The carrier has a recording of this call, which is held: keep it with what is owed to the caller.

    The same recording counts once, however often and by whichever way its news comes.
    """
    if not SID.fullmatch(sid):
        return
    call.recording_asked_at = None
    known = session.get(Recording, sid)
    if known is not None:
        known.seconds = seconds if known.seconds is None else known.seconds
        return
    promise = session.get(Promise, call.promise) if call.promise is not None else None
    # Whoever withdrew what they asked for, or was forgotten, is not listened to.
    is_wanted = call.forgotten_at is None and (promise is None or promise.state != PromiseState.WITHDRAWN)
    session.add(
        Recording(
            sid=sid,
            call_sid=call.sid,
            promise=call.promise,
            state=RecordingState.AT_CARRIER if is_wanted else RecordingState.UNWANTED,
            seconds=seconds,
            made_at=now,
            next_at=now,
            keep_days=rules.of_call(session, call).ladder.recordings_days,
        )
    )
    session.flush()
    if promise is not None and is_wanted:
        ledger.note(session, promise, "promise_recorded", now)
    desk_events.ring_after_commit(session, bus.WORKERS, "recordings")


def absent(session: Session, call: Call, sid: str) -> None:
    """There was nothing to record, or only silence, which the carrier has thrown away."""
    call.recording_asked_at = None
    known = session.get(Recording, sid)
    if known is not None and known.state == RecordingState.AT_CARRIER:
        known.state, known.next_at = RecordingState.GONE, None


def of_promise(session: Session, promise_id: int) -> list[Recording]:
    """Return what can be heard, or soon can, of a promise, oldest first; without the sound."""
    return of_promises(session, [promise_id]).get(promise_id, [])


def of_promises(session: Session, promise_ids: Collection[int]) -> dict[int, list[Recording]]:
    """Return the same of each of the promises of a page that has any."""
    found: dict[int, list[Recording]] = {}
    if promise_ids:
        wanted = select(Recording).where(Recording.promise.in_(promise_ids), IS_TO_BE_HEARD)
        for row in session.scalars(wanted.order_by(Recording.made_at, Recording.sid)):
            found.setdefault(row.promise or 0, []).append(row)
    return found


@dataclass(frozen=True)
class Sound:
    content_type: str
    data: bytes


def sound_of(session: Session, promise_id: int, sid: str) -> Sound | None:
    """Return the sound of a promise's recording; None when there is none, or it isn't here yet."""
    found = session.scalar(
        select(Recording)
        .where(Recording.sid == sid, Recording.promise == promise_id)
        .options(undefer(Recording.sound))
    )
    return Sound(found.content_type, found.sound) if found is not None and found.sound else None


# --- from the carrier to us ---------------------------------------------------------------------------


def due(now: Moment) -> Select[str]:
    """Return the recordings of which the carrier is to be asked something, and which nobody has in hand."""
    return select(Recording.sid).where(Recording.next_at <= now)


def take(session: Session, now: datetime, *, left_over: bool = True) -> tuple[str, RecordingState] | None:
    """Take the one that has been due for longest into our hands, and return its state; None: there is none.

    `left_over` is outbox.take's.
    """
    oldest = due(now).order_by(Recording.next_at).limit(1)
    if not left_over:
        oldest = oldest.where(Recording.attempts == 0)
    row = session.execute(
        update(Recording)
        .where(Recording.sid == oldest.with_for_update(skip_locked=True).scalar_subquery())
        .values(attempts=Recording.attempts + 1, next_at=now + HELD_FOR)
        .returning(Recording.sid, Recording.state),
        execution_options={"synchronize_session": False},
    ).one_or_none()
    return (row.sid, RecordingState(row.state)) if row else None


def hold(sid: str, session: Session, now: datetime) -> None:
    """Keep it in our hands: who works on it is alive."""
    until = now + HELD_FOR
    session.execute(
        update(Recording).where(Recording.sid == sid, Recording.next_at < until).values(next_at=until),
        execution_options={"synchronize_session": False},
    )


def fetched(session: Session, sid: str, sound: Sound, now: datetime) -> None:
    """Keep the sound; the carrier's is to be deleted from the commit of this on, by who has it in hand."""
    row = _held(session, sid)
    if row.state == RecordingState.AT_CARRIER:
        row.sound, row.content_type = sound.data, sound.content_type[:40]
        row.state, row.next_at, row.attempts = RecordingState.STORED, now + HELD_FOR, 1


def deleted(session: Session, sid: str) -> None:
    """The carrier has it no longer."""
    row = _held(session, sid)
    kept = row.state in (RecordingState.STORED, RecordingState.KEPT)
    row.state, row.next_at = RecordingState.KEPT if kept else RecordingState.GONE, None


def missing(session: Session, sid: str, now: datetime) -> None:
    """The carrier doesn't know it: it may still come, for a while; after that somebody should know."""
    row = _held(session, sid)
    if now - row.made_at < MAY_STILL_COME:
        put_off(session, sid, now)
        return
    row.state, row.next_at = RecordingState.GONE, None
    promise = session.get(Promise, row.promise) if row.promise is not None else None
    if promise is not None:
        ledger.note(session, promise, "promise_recording_lost", now)


def put_off(session: Session, sid: str, now: datetime) -> None:
    """Ask again later, with growing gaps, for as long as it takes."""
    row = _held(session, sid)
    row.next_at = now + min(timedelta(seconds=2 ** min(row.attempts, 12)), LONGEST_GAP)


def _held(session: Session, sid: str) -> Recording:
    return session.get_one(Recording, sid, with_for_update=True, populate_existing=True)


# --- when news is lost --------------------------------------------------------------------------------


def awaited(ended_before: Moment) -> Select[str]:
    """Return the calls that were over then and were asked for a message of which nothing was heard."""
    return (
        select(Call.sid)
        .where(
            Call.recording_asked_at.is_not(None),
            Call.state == CallState.ENDED,
            Call.ended_at < ended_before,
        )
        .order_by(Call.recording_asked_at)
    )


# --- forgotten ----------------------------------------------------------------------------------------


def forget(session: Session, which: ColumnElement[bool], now: datetime) -> int:
    """Forget the sound of some recordings, here at once and at the carrier when it answers; how many."""
    count = 0
    for states, state, next_at in (
        (AT_CARRIER, RecordingState.UNWANTED, now),
        ((RecordingState.KEPT,), RecordingState.GONE, None),
    ):
        forgotten = session.execute(
            update(Recording)
            .where(which, IS_TO_BE_HEARD, Recording.state.in_(states))
            .values(sound=None, state=state, next_at=next_at, attempts=0)
            .returning(Recording.sid)
            .execution_options(synchronize_session=False)
        )
        count += len(forgotten.all())
    desk_events.ring_after_commit(session, bus.WORKERS, "recordings")
    return count


def forget_old(session: Session, now: datetime, most_days: int | None = None) -> int:
    """Forget what was said once it has been dealt with for long enough; what is still owed is kept.

    How long that is was resolved for each call; for one of before that was written down, by the rules in
    force. None is kept longer than `most_days`. Return how many were forgotten.
    """
    count = 0
    keep_days = func.coalesce(Recording.keep_days, rules.in_force(session).ladder.recordings_days)
    for days in session.scalars(select(keep_days).where(IS_TO_BE_HEARD).distinct()).all():
        old = now - timedelta(days=min(days, days if most_days is None else most_days))
        dealt_with = exists().where(Promise.id == Recording.promise, Promise.finished_at < old)
        is_old = dealt_with | (Recording.promise.is_(None) & (Recording.made_at < old))
        count += forget(session, (keep_days == days) & is_old, now)
    return count
