"""Which call came in while nobody here could see it? Written down afterwards, with its outcome."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.carrier.words import DialEnded
from app.deployment import Deployment
from app.records.calls import Call, CallStep, Outcome, StepOutcome
from app.records.promises import Promise
from app.voice import afterwards, ending, held, settling
from app.voice import incoming as incoming_calls
from app.voice.incoming import IncomingCall


@dataclass(frozen=True)
class UnseenCall:
    """A call that is over, as only the carrier knew it."""

    incoming: IncomingCall
    began_at: datetime
    ended_at: datetime
    talked_seconds: int | None  # with whoever is rung when all else is down; None: with nobody


def note(session: Session, unseen: UnseenCall, now: datetime, deployment: Deployment) -> Outcome:
    """Write the call down and return its outcome; whoever spoke to nobody is owed a callback.

    The time of that counts from now. Raises IntegrityError when the call was written down meanwhile.
    """
    sid = unseen.incoming.sid
    incoming_calls.note_degraded(session, unseen.incoming, unseen.began_at, deployment, reason="unseen")
    call = held.held(session, sid)
    step = session.get_one(CallStep, (sid, call.step))
    if unseen.talked_seconds is not None:
        dial = DialEnded("completed", "completed", None, unseen.talked_seconds)
        afterwards.talked_without_us(session, sid, None, dial, unseen.ended_at, deployment)
        step.outcome, step.answered_at = StepOutcome.ANSWERED, call.bridged_at
    ending.finish(session, call, now, deployment)
    call.ended_at = step.ended_at = unseen.ended_at
    _settle_if_helped_since(session, call, now)
    return Outcome(str(call.outcome))


def _settle_if_helped_since(session: Session, call: Call, now: datetime) -> None:
    """Whoever called again after an outage and spoke to somebody need not be rung about the call before."""
    promise = session.get(Promise, call.promise) if call.promise is not None else None
    if promise is None or promise.created_at != now or call.remote_e164 is None:
        return
    later = select(Call.bridged_to).where(
        Call.remote_e164 == call.remote_e164, Call.bridged_at > call.created_at, Call.sid != call.sid
    )
    spoken = session.execute(later.limit(1)).one_or_none()
    if spoken is not None:
        settling.afterwards(session, call, spoken.bridged_to or "", now)
