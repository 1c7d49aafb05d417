"""Which messages are still at the carrier? Fetches and deletes them there; safe when several do it."""

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial

from app import db
from app.carrier.rest import Carrier
from app.clock import Clock, going_on_from
from app.deployment import Deployment
from app.errors import CarrierError
from app.forgetting import counting
from app.jobs import in_hand
from app.promises import recordings
from app.promises.recordings import Sound
from app.records.promises import RecordingState
from app.voice import held, incoming

log = logging.getLogger(__name__)

AT_ONCE = 20  # calls of which a message is awaited


def carry(
    carrier: Carrier,
    now: datetime,
    *,
    left_over: bool = True,
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Fetch what is to be kept and delete what the carrier need not have; return how many were tried.

    Each is held as long as its requests take. `left_over`: see outbox.take. Nothing more is begun once we are
    `stopped`.
    """
    clock, tried = going_on_from(now), 0
    with db.reading() as session:
        if session.scalar(recordings.due(now).limit(1)) is None:
            return 0
    while not stopped():
        with db.transaction() as session:
            taken = recordings.take(session, clock(), left_over=left_over)
        if taken is None:
            break
        tried += 1
        _try(carrier, *taken, clock)
    return tried


def _try(carrier: Carrier, sid: str, state: RecordingState, clock: Clock) -> None:
    try:
        with in_hand.held(partial(recordings.hold, sid)):
            _carry(carrier, sid, state, clock)
    except Exception as error:
        code = error.code if isinstance(error, CarrierError) else type(error).__name__
        log.warning("recording put off", extra={"recording_sid": sid, "code": code})
        in_hand.written(lambda session: recordings.put_off(session, sid, clock()))


def _carry(carrier: Carrier, sid: str, state: RecordingState, clock: Clock) -> None:
    """Do the next thing with one recording. Raises CarrierError when it can't be done now."""
    if state == RecordingState.AT_CARRIER:
        found = carrier.recording_sound(sid)
        with db.transaction() as session:
            if found is None:
                recordings.missing(session, sid, clock())
                return
            recordings.fetched(session, sid, Sound(*found), clock())
    # Kept and committed, or not wanted.
    carrier.delete_recording(sid)
    with db.transaction() as session:
        recordings.deleted(session, sid)


def reconcile(carrier: Carrier, deployment: Deployment, now: datetime) -> int:
    """Ask the carrier for messages of which no news came; return how many calls were looked up."""
    with db.reading() as session:
        awaited = session.scalars(recordings.awaited(now - recordings.ASKED_AFTER).limit(AT_ONCE)).all()
    for call_sid in awaited:
        try:
            found = carrier.recordings_of(call_sid)
        except CarrierError as error:
            if error.status != 404:
                log.warning(
                    "carrier was asked for a message and did not answer", extra={"call_sid": call_sid}
                )
                continue
            found = []
        with db.transaction() as session:
            call = held.held(session, call_sid)
            for sid, seconds in found:
                incoming.note_message(session, call, sid, seconds, now, deployment)
            call.recording_asked_at = None
    return len(awaited)


def forget_old(now: datetime, most_days: int | None = None) -> None:
    """Forget what is old, and write down how much there was."""
    with db.patient_transaction() as session:
        if count := recordings.forget_old(session, now, most_days):
            counting.add(session, "recordings", count, now)
