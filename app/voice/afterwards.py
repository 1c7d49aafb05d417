"""What if it is known only afterwards? Calls that went on while nothing could be written down."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.agents import presence
from app.carrier.words import DialEnded
from app.deployment import Deployment
from app.records import lifecycle
from app.records.calls import Call, CallState, CallStep, Outcome, StepKind, StepOutcome
from app.voice import settling
from app.voice import steps as call_steps
from app.voice.ending import release
from app.voice.held import held
from app.voice.rings import ended
from app.voice.talking import (
    never_talked,
    put_through,
    talked_after_all,
    talks,
    was_never_put_through,
)


def accepted(session: Session, sid: str, number: int, now: datetime) -> None:
    """The agent on an ordinary phone took the call while nothing could be written down."""
    call = held(session, sid)
    step = session.get(CallStep, (sid, number))
    if step is None or step.agent is None:
        return
    if call.state == CallState.ENDED:
        talked_after_all(session, call, step, now, now)
    else:
        talks(session, call, step, now)


def picked_up_after_all(session: Session, sid: str, number: int, now: datetime) -> None:
    """The carrier says that a desk's ring was answered, though it was, or was to be, left for another.

    Nobody may come between the two: what followed is taken back, of which the caller has heard nothing.
    """
    call = held(session, sid)
    step = session.get(CallStep, (sid, number))
    if step is None or step.agent is None or call.state in (CallState.TALKING, CallState.ENDED):
        return
    if step.ended_at is not None:
        # Before the agents of the rings that are taken back: see talks. What those promised is none either.
        settling.as_they_begin(session, call, step, now, since=now)
        _take_back(session, call, step, step.ended_at, now)
    talks(session, call, step, now)


def _take_back(session: Session, call: Call, step: CallStep, left_at: datetime, now: datetime) -> None:
    """Return to a ring that was left at a moment."""
    for later in call_steps.steps_of(session, call.sid):
        if later.number > step.number and later.outcome is None:
            release(session, call, later, StepOutcome.ABANDONED, now)
    call_steps.stop_waiting(call)
    call.said = [one for one in call.said if datetime.fromisoformat(one["at"]) < left_at]
    lifecycle.move(call, CallState.RINGING)
    call.step = step.number
    step.outcome = step.ended_at = None
    step.declined_why = ""
    if step.agent is not None:
        presence.proved(session, step.agent, now)


def went_on_without_us(
    session: Session, sid: str, number: int | None, dial: DialEnded, now: datetime
) -> None:
    """The caller was sent on while nothing could be written down: nobody is held for them any more.

    `number` is the ring after which that was; an agent who had said yes to it was never put through.
    """
    call = held(session, sid)
    rang = session.get(CallStep, (sid, number)) if number is not None and number == call.step else None
    if rang is not None and call.state == CallState.TALKING and was_never_put_through(dial):
        never_talked(session, call, rang, now)
    if call.state not in (CallState.RINGING, CallState.WAITING) or call.created_at > now:
        return
    step = session.get(CallStep, (sid, call.step))
    if step is None or step.kind == StepKind.FALLBACK or step.started_at > now:
        return
    if step.outcome is None:
        release(session, call, step, StepOutcome.ABANDONED, now)
    call_steps.stop_waiting(call)
    lifecycle.move(call, CallState.RINGING)
    call.step += 1
    session.add(
        CallStep(
            call_sid=sid,
            number=call.step,
            kind=StepKind.FALLBACK,
            reason="degraded",
            reason_values={},
            started_at=now,
        )
    )


def talked_without_us(
    session: Session,
    sid: str,
    number: int | None,
    dial: DialEnded,
    now: datetime,
    deployment: Deployment,
) -> None:
    """The caller spoke to somebody while nothing could be written down.

    `number` is the ring that came to it; None when it was none of ours, and with whom is not known.
    """
    call = held(session, sid)
    step = session.get(CallStep, (sid, number)) if number is not None else None
    is_theirs = step is not None and step.agent is not None and call.step == number
    if step is not None and is_theirs and put_through(step, dial):
        ended(session, sid, step.number, dial, now, deployment)
    if call.bridged_at is not None:
        return
    call.bridged_at = now - timedelta(seconds=dial.seconds or 0)
    if call.state == CallState.ENDED:
        call.outcome = Outcome.TALKED
    # Known only afterwards: what was promised to the caller since then stands.
    settling.afterwards(session, call, "", now, since=now)
