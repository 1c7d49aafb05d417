"""When do two people talk? From the moment that the carrier, or the agent, says so."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.agents import presence
from app.carrier.words import DialEnded
from app.outgoing import conversations
from app.outgoing.conversations import leave_contact
from app.records import lifecycle
from app.records.calls import Call, CallState, CallStep, Outcome, StepOutcome
from app.screen import offering
from app.voice import settling
from app.voice import steps as call_steps
from app.voice.held import tell_desk


def talks(session: Session, call: Call, step: CallStep, now: datetime) -> None:
    if call.state != CallState.RINGING or call.step != step.number or step.agent is None:
        return
    lifecycle.move(call, CallState.TALKING)
    call_steps.stop_waiting(call)
    step.answered_at = now
    step.outcome = StepOutcome.ANSWERED
    call.bridged_to, call.bridged_at = step.agent, now
    # Before the agent, as whoever works a promise off takes them: the promise, then the agent. Known only
    # afterwards, what was promised to the caller since then stands.
    settling.as_they_begin(session, call, step, now, since=max(now, step.started_at))
    presence.talks(session, step.agent, call.sid, step.number, now)
    tell_desk(session, step.agent, call, "talking", now)
    offering.by_itself(session, call, step.agent, now)


def never_talked(session: Session, call: Call, step: CallStep, now: datetime) -> None:
    """The agent said yes, and the carrier never put the two together: it rings, and is owed, as before.

    The caller may still be there, and goes on to somebody else; the end of a call that was told before is
    told once more by whoever asks this.
    """
    # What was noted for a conversation that never came about is no contact; words of the agent stay.
    conversations.was_none(session, call, now)
    if call.state == CallState.ENDED:
        call.state, call.outcome, call.ended_at = CallState.RINGING, None, None
    else:
        lifecycle.move(call, CallState.RINGING)
    settling.owe_again(session, call, step, "promise_not_put_through", now)
    call.bridged_to = call.bridged_at = None
    step.answered_at = step.outcome = None
    if step.agent is not None:
        presence.hung_up(session, step.agent, call.sid, step.number, now, wrap_up_seconds=0)


def was_never_put_through(dial: DialEnded) -> bool:
    """Tell whether the carrier says that nobody was put through to the caller, whatever was answered."""
    if dial.bridged is not None:
        return not dial.bridged
    return dial.status in ("no-answer", "busy", "canceled") and not dial.seconds


def put_through(step: CallStep, dial: DialEnded) -> bool:
    """Tell whether the carrier bridged the two; where it doesn't say, an answer at a desk is a human's."""
    if dial.status == "failed":
        return dial.bridged is True  # they talked until the line failed
    if dial.status not in ("completed", "answered"):
        return False
    return step.endpoint == "client" if dial.bridged is None else dial.bridged


def talked_after_all(session: Session, call: Call, step: CallStep, began_at: datetime, now: datetime) -> None:
    """The call's end was told before the news that its last ring was answered: they talked all the same.

    Whoever was taken for it is free already and may be taken for another call by now.
    """
    if call.bridged_at is not None or call.step != step.number or step.outcome != StepOutcome.CALLER_HUNG_UP:
        return
    step.outcome, step.answered_at = StepOutcome.ANSWERED, began_at
    call.bridged_to, call.bridged_at, call.outcome = step.agent, began_at, Outcome.TALKED
    if step.agent is not None:
        settling.afterwards(session, call, step.agent, now)
        leave_contact(session, call, step.agent, call.ended_at or now)
