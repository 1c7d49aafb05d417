"""How does a browser play what a caller said? The sound, for whoever may hear it, and who heard it when."""

import io
from datetime import datetime, timedelta

from flask import Response, request, send_file
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import log as audit
from app.audit.log import Actor, What
from app.promises import ledger, recordings
from app.promises.recordings import Sound
from app.records.audit import Via
from app.records.promises import Promise, PromiseEvent

LISTENED = "promise_listened"
# A browser asks for the same sound in parts, and somebody may listen twice.
ONCE_WITHIN = timedelta(hours=1)
PLAYABLE = frozenset({"audio/mpeg", "audio/wav", "audio/x-wav"})


def heard(session: Session, promise: Promise, sid: str, who: str, now: datetime) -> Sound | None:
    """Return a recording of the promise's, and write down who hears it; None when there is none."""
    sound = recordings.sound_of(session, promise.id, sid)
    if sound is None:
        return None
    lately = select(PromiseEvent.id).where(
        PromiseEvent.promise == promise.id,
        PromiseEvent.why == LISTENED,
        PromiseEvent.who == who,
        PromiseEvent.at > now - ONCE_WITHIN,
    )
    if session.scalar(lately.limit(1)) is None:
        ledger.note(session, promise, LISTENED, now, who, shows=False)
        whose = audit.person(promise.customer, promise.number)
        audit.record(session, Actor(who, Via.PAGE), What.RECORDING_HEARD, now, *whose, promise=promise.id)
    return sound


def played(sound: Sound) -> Response:
    """Return the sound, whole or the part that the browser asks for; nothing of it stays on the computer."""
    kind = sound.content_type if sound.content_type in PLAYABLE else "application/octet-stream"
    response = send_file(io.BytesIO(sound.data), mimetype=kind, conditional="Range" in request.headers)
    response.headers["Cache-Control"] = "private, no-store"
    return response
