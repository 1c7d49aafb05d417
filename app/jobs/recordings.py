"""Which messages are still at the carrier? Fetches and deletes them there; safe when several do it."""

import logging
from datetime import datetime

from app import db
from app.carrier.rest import Carrier
from app.clock import utcnow
from app.deployment import Deployment
from app.errors import CarrierError
from app.promises import recordings
from app.promises.recordings import Sound
from app.records.promises import RecordingState
from app.voice import held, incoming

log = logging.getLogger(__name__)


def carry(carrier: Carrier, now: datetime) -> int:
    """Fetch what is to be kept and delete what the carrier need not have; return how many were tried."""
    with db.transaction() as session:
        taken = recordings.take_due(session, now)
    for sid, state in taken:
        try:
            _carry(carrier, sid, state)
        except Exception as error:
            code = error.code if isinstance(error, CarrierError) else type(error).__name__
            log.warning("recording put off", extra={"recording_sid": sid, "code": code})
            with db.transaction() as session:
                recordings.put_off(session, sid, utcnow())
    return len(taken)


def _carry(carrier: Carrier, sid: str, state: RecordingState) -> None:
    """Do the next thing with one recording. Raises CarrierError when it can't be done now."""
    if state == RecordingState.AT_CARRIER:
        found = carrier.recording_sound(sid)
        with db.transaction() as session:
            if found is None:
                recordings.missing(session, sid, utcnow())
                return
            recordings.fetched(session, sid, Sound(*found), utcnow())
    # Kept and committed, or not wanted.
    carrier.delete_recording(sid)
    with db.transaction() as session:
        recordings.deleted(session, sid)


def reconcile(carrier: Carrier, deployment: Deployment, now: datetime) -> int:
    """Ask the carrier for messages of which no news came; return how many calls were looked up."""
    with db.reading() as session:
        awaited = recordings.awaited(session, now)
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


def forget_old(now: datetime) -> None:
    """Forget what is old."""
    with db.transaction() as session:
        recordings.forget_old(session, now)
