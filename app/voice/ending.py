"""How does it end? Whoever was taken is free, what was owed is settled, and a call has one outcome."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.agents import presence
from app.beside import about
from app.callbacks import customer_leg
from app.deployment import Deployment
from app.forgetting import naming
from app.lines import places
from app.outgoing.conversations import leave_contact
from app.promises import attempts
from app.promises import dropped as dropped_lines
from app.records import lifecycle
from app.records.calls import Call, CallState, CallStep, StepOutcome
from app.records.promises import Promise
from app.routing import rules
from app.voice import handing_over, owing, withheld
from app.voice import steps as call_steps
from app.voice.held import facts_of, tell_desk


def line_dropped(session: Session, call: Call, now: datetime) -> Promise | None:
    return dropped_lines.owe(session, call, call.bridged_to, now) if call.bridged_to is not None else None


def is_rung_back(promise: Promise | None) -> bool:
    return promise is not None and promise.number is not None


def release(session: Session, call: Call, step: CallStep, outcome: StepOutcome, now: datetime) -> None:
    """Give the agent of a ring that came to nothing back, according to what it says about them."""
    step.outcome, step.ended_at = outcome, now
    if step.agent is None:
        return
    match outcome:
        case StepOutcome.NO_ANSWER:
            presence.did_not_answer(session, step.agent, call.sid, step.number, now)
        case StepOutcome.FAILED:
            presence.could_not_be_rung(session, step.agent, call.sid, step.number, now)
        case _:
            presence.freed(session, step.agent, call.sid, step.number, now)
    tell_desk(session, step.agent, call, str(outcome), now)


def conversation_is_over(
    session: Session, call: Call, step: CallStep, now: datetime, *, rings_back: bool = False
) -> None:
    step.ended_at = step.ended_at or now
    if step.agent is None:
        return
    # Nothing is over for an agent whose line dropped: they ring back as soon as their telephone is down.
    wrap_up = attempts.TELEPHONE_BUSY_SECONDS
    if not rings_back:
        wrap_up = rules.of_step(session, step, call.rule_version).ladder.wrap_up_seconds
    presence.hung_up(session, step.agent, call.sid, step.number, now, wrap_up)
    if call.bridged_at is not None:
        leave_contact(session, call, step.agent, now)


def finish(
    session: Session, call: Call, now: datetime, deployment: Deployment, *, dropped: bool = False
) -> None:
    """Close the call: everybody who was taken for it is free, and it has exactly one outcome.

    A caller who hung up before anybody answered is owed a callback, if their number can be called; if it
    can't, and nobody was left to be rung, it is kept that they rang. So is who was promised one that another
    call of their number has settled meanwhile: they were on the line themselves, and spoke to nobody.
    `dropped`: the carrier says that the line did.
    """
    if call.state == CallState.ENDED:
        return
    if attempts.is_callback(call.sid):
        _placed_is_over(session, call, now, deployment, dropped=dropped)
        return
    dropped = dropped and call.state == CallState.TALKING and is_rung_back(line_dropped(session, call, now))
    handing_over.call_ends(session, call, now, deployment)
    step = session.get(CallStep, (call.sid, call.step))
    # Who waited and was told of a callback knows of it, whoever rang for them as they hung up.
    was_told = call.state in (CallState.WAITING, CallState.PROMISING) or call.promise is not None
    waited_for = call.waiting_for_agent
    if step is not None and call.state == CallState.TALKING:
        conversation_is_over(session, call, step, now, rings_back=dropped)
    elif step is not None and step.outcome is None:
        release(session, call, step, StepOutcome.CALLER_HUNG_UP, now)
    call_steps.stop_waiting(call)
    has_promise = owing.has_promise(session, call)
    if call.bridged_at is None and not has_promise and places.may_ring(session, call.remote_e164):
        facts = facts_of(session, call, now, deployment)
        due = owing.due_for(session, call, facts, now)
        owing.owe(session, call, facts, facts.debtor, due, "promise_hung_up_while_ringing", now)
    elif call.bridged_at is None and call.promise is None and step and step.kind in withheld.NOBODY_LEFT:
        withheld.keep(session, call, facts_of(session, call, now, deployment), now)
    promise = session.get(Promise, call.promise) if call.promise is not None else None
    promised = promise is not None and promise.number is not None
    call.outcome = lifecycle.outcome(call, promised=promised, waited_or_told=was_told)
    lifecycle.move(call, CallState.ENDED)
    call.ended_at = now
    if call.bridged_at is None:
        owing.confirm_by_message(session, call, now)
    for agent in {call.bridged_to, waited_for, step.agent if step else None} - {None}:
        tell_desk(session, str(agent), call, "ended", now)
    about.call_ends(call, now)
    naming.it_ends(session, call, now)


def _placed_is_over(
    session: Session, call: Call, now: datetime, deployment: Deployment, *, dropped: bool
) -> None:
    """Close a call that we placed, in the room in which it went on: what it was for is settled first."""
    step = session.get_one(CallStep, (call.sid, call.step))
    customer_leg.talked_in_room(session, call.sid, now, dropped=dropped)
    handing_over.call_ends(session, call, now, deployment)
    if step.number != attempts.STEP:
        # Whoever was rung for it is free already, and told.
        conversation_is_over(session, call, step, now, rings_back=dropped)
        tell_desk(session, str(step.agent), call, "ended", now)
