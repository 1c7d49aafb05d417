"""When do two people talk? From the moment that the carrier, or the agent, says so."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.agents import presence
from app.callbacks.customer_leg import KEPT_FROM_SECONDS
from app.carrier.words import DialEnded
from app.outgoing.announce import contact_key, forget_contact
from app.promises import ledger
from app.records import lifecycle
from app.records.callers import Contact
from app.records.calls import Call, CallState, CallStep, Outcome, StepOutcome
from app.records.promises import Promise
from app.voice import steps as call_steps
from app.voice.ending import leave_contact, need_not_be_rung
from app.voice.held import tell_desk


def talks(session: Session, call: Call, step: CallStep, now: datetime) -> None:
    if call.state != CallState.RINGING or call.step != step.number or step.agent is None:
        return
    lifecycle.move(call, CallState.TALKING)
    call_steps.stop_waiting(call)
    step.answered_at = now
    step.outcome = StepOutcome.ANSWERED
    call.bridged_to, call.bridged_at = step.agent, now
    # Known only afterwards, what was promised to the caller since then stands.
    since = max(now, step.started_at)
    if call.remote_e164 is not None and not was_promised_since(session, call.remote_e164, since):
        # Before the agent, as whoever works a promise off takes them: the promise, then the agent.
        ledger.merge(session, call.remote_e164, step.agent, now)
    presence.talks(session, step.agent, call.sid, step.number, now)
    tell_desk(session, step.agent, call, "talking", now)


def never_talked(session: Session, call: Call, step: CallStep, now: datetime) -> None:
    """The agent said yes, and the carrier never put the two together: it rings, and is owed, as before.

    The caller may still be there, and goes on to somebody else; the end of a call that was told before is
    told once more by whoever asks this.
    """
    if call.state == CallState.ENDED:
        # What was noted for a conversation that never came about is no contact; words of the agent stay.
        known = session.get(Contact, contact_key(call.sid))
        if known is not None and not (known.summary or known.outcome):
            forget_contact(session, known.key)
        call.state, call.outcome, call.ended_at = CallState.RINGING, None, None
    else:
        lifecycle.move(call, CallState.RINGING)
    if (merged := _merged(session, call, step)) is not None:
        ledger.unmerge(session, merged, "promise_not_put_through", now)
    call.bridged_to = call.bridged_at = None
    step.answered_at = step.outcome = None
    if step.agent is not None:
        presence.hung_up(session, step.agent, call.sid, step.number, now, wrap_up_seconds=0)


def owes_still(
    session: Session, call: Call, step: CallStep, now: datetime, seconds: int | None = None
) -> None:
    """Owe again what was settled as the two began to talk, when that was too soon.

    They were together for a few `seconds` and the agent noted nothing: somebody may have picked up and no
    more. Or it turned out to be another customer of the same number whom the agent spoke to.
    """
    merged = _merged(session, call, step)
    if merged is None:
        return
    noted = session.get(Contact, contact_key(call.sid))
    says_something = noted is not None and bool(noted.summary or noted.outcome)
    if ledger.is_anothers(merged, call.customer):
        ledger.unmerge(session, merged, "promise_of_another", now)
    elif seconds is not None and seconds < KEPT_FROM_SECONDS and not says_something:
        ledger.unmerge(session, merged, "promise_hardly_spoken", now)


def settled_by_word(session: Session, call: Call, step: CallStep, agent: str, now: datetime) -> None:
    """The agent says how their conversation ended: what the number had been owed before is settled by it."""
    if call.remote_e164 is None or step.answered_at is None or step.agent != agent:
        return
    owed = ledger.unfinished_for(session, call.remote_e164)
    if owed is None or owed.created_at >= step.answered_at or ledger.is_anothers(owed, call.customer):
        return
    if owed.id == call.promise:
        return  # agreed on in this very call
    if ledger.is_spoken_about(session, owed):
        return  # by whoever talks with them now
    ledger.merge(session, call.remote_e164, agent, now)


def _merged(session: Session, call: Call, step: CallStep) -> Promise | None:
    if call.remote_e164 is None or step.answered_at is None:
        return None
    return ledger.merged_at(session, call.remote_e164, step.answered_at)


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
    if call.remote_e164 is not None and step.agent is not None:
        need_not_be_rung(session, call.remote_e164, step.agent, now)
    if step.agent is not None:
        leave_contact(session, call, step.agent, call.ended_at or now)


def was_promised_since(session: Session, number: str, moment: datetime) -> bool:
    """Tell whether a number was promised a callback, or asked for the same one again, after a moment."""
    owed = ledger.unfinished_for(session, number)
    if owed is None:
        return False
    asked_later = select(Call.sid).where(
        Call.remote_e164 == number, Call.promise == owed.id, Call.created_at > moment
    )
    return owed.created_at > moment or session.scalar(asked_later.limit(1)) is not None
