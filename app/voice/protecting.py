"""What if a caller is abusive? One press: a warning. A second: it ends politely, and for good for this agent.

What is said is true, polite, and the same for everybody. The customer keeps being served, by others. Each use
is reviewed by a supervisor: app/admin/protections.py.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.agents import desk_events, pauses, teams
from app.agents import protection as protections
from app.audit import log as audit
from app.audit.log import Actor, What
from app.carrier import twiml
from app.catalogue import text
from app.errors import NotNow
from app.outgoing import outbox
from app.promises import ledger
from app.records.agents import Agent
from app.records.callers import NobodysNumber
from app.records.calls import Call, CallState
from app.records.legs import (
    CallLeg,
    HandOver,
    HandOverKind,
    HandOverOutcome,
    HandOverPhase,
    LegRole,
)
from app.records.promises import IS_OWED, Promise
from app.records.protections import Protection
from app.routing import sentences
from app.voice import handing_over, held, legs

# Who was shouted at may press a moment after the caller has hung up.
STILL_CAN_BE_SAID = timedelta(minutes=15)


class Press(StrEnum):
    WARN = "warn"
    END = "end"


def press(session: Session, call_sid: str, agent: str, step: Press, now: datetime, who: Actor) -> Protection:
    """Warn the agent's caller, or have the conversation end; twice the same is once.

    Raises NotNow when the conversation isn't this agent's, or is over.
    """
    call = held.held(session, call_sid)
    talks = held.is_talking(session, call) and is_in_it(session, call, agent)
    if not talks and not (step == Press.END and may_end(call, agent, now)):
        raise NotNow("protect_not_now")
    use = protections.of_call(session, call_sid, agent) or _begun(session, call, agent, now)
    if step == Press.WARN and use.warned_at is None and use.ended_at is None:
        use.warned_at = now
        legs.open_room(session, call, now)
        outbox.add(session, outbox.SAY_WARNING, f"warning/{call_sid}/{agent}", {"call_sid": call_sid}, now)
        sentences.told(call, [text("say.warning", call.language)], now)
    elif step == Press.END and use.ended_at is None:
        _end(session, call, use, now, talks=talks)
    else:
        return use
    whose = audit.person(use.customer, use.number)
    audit.record(session, who, What.PROTECTED, now, *whose, call=call_sid, agent=agent, step=step)
    _tell(session, call, use, now)
    return use


def is_in_it(session: Session, call: Call, agent: str) -> bool:
    """Tell whether an agent is in this conversation as one of those whom the caller talks to."""
    leg = legs.leg_of(session, call.sid, agent)
    return call.bridged_to == agent or (leg is not None and leg.role != LegRole.SUPERVISOR)


def may_end(call: Call, agent: str, now: datetime) -> bool:
    """Tell whether an agent has this conversation, or had it a moment ago."""
    is_over_lately = call.ended_at is not None and now - call.ended_at <= STILL_CAN_BE_SAID
    had_it = call.bridged_to == agent and call.bridged_at is not None
    return had_it and (call.state == CallState.TALKING or is_over_lately)


def _begun(session: Session, call: Call, agent: str, now: datetime) -> Protection:
    number = call.remote_e164
    if number is not None and session.get(NobodysNumber, number) is not None:
        number = None
    team = session.get_one(Agent, agent).team
    use = Protection(call_sid=call.sid, agent=agent, team=team, customer=call.customer, number=number)
    use.created_at = now
    session.add(use)
    session.flush()
    return use


def _end(session: Session, call: Call, use: Protection, now: datetime, *, talks: bool) -> None:
    use.ended_at, use.keeps_apart = now, True
    pauses.begin(session, use.agent, now)
    _owes_them_nothing(session, use, now)
    if not talks:
        return
    instead = _supervisor_in(session, call)
    if instead is not None and handing_over.going_on(session, call.sid) is None:
        _passes_to(session, call, use, instead, now)
        return
    sentences.told(call, [text("say.warned_goodbye", call.language)], now)
    outbox.add(session, outbox.END_POLITELY, f"goodbye/{call.sid}", {"call_sid": call.sid}, now)


def _supervisor_in(session: Session, call: Call) -> CallLeg | None:
    """Return the side of the supervisor whom the caller hears, if one has joined."""
    if legs.room_of(session, call.sid) is None:
        return None
    for leg in legs.of_call(session, call.sid):
        if leg.role == LegRole.SUPERVISOR and leg.is_there and not leg.muted and leg.coaches is None:
            return leg
    return None


def _passes_to(session: Session, call: Call, use: Protection, instead: CallLeg, now: datetime) -> None:
    """The caller keeps their conversation, with somebody who chose it; whom they abused leaves."""
    leg = legs.leg_of(session, call.sid, use.agent)
    if leg is None or instead.agent is None:
        return
    use.taken_over_by = instead.agent
    row = HandOver(call_sid=call.sid, kind=HandOverKind.COLD, from_agent=use.agent, to_agent=instead.agent)
    row.from_leg, row.to_leg = leg.number, instead.number
    row.started_at = row.phase_since = row.ended_at = now
    row.phase, row.outcome = HandOverPhase.OVER, HandOverOutcome.HANDED_OVER
    session.add(row)
    session.flush()
    handing_over.becomes_the_seconds(session, call, row, leg, instead, now)
    legs.leave(session, leg, now)
    legs.tell(session, call, now)


def _owes_them_nothing(session: Session, use: Protection, now: datetime) -> None:
    """What the agent still owed this caller is owed by others."""
    # Of who is known by neither nothing is found: no promise has an empty number, or customer.
    theirs = or_(Promise.customer == (use.customer or ""), Promise.number == (use.number or ""))
    owed = select(Promise.id).where(Promise.agent == use.agent, theirs, IS_OWED).order_by(Promise.id)
    for promise in session.scalars(owed).all():
        ledger.spare(session, promise, now)


def _tell(session: Session, call: Call, use: Protection, now: datetime) -> None:
    """Tell the agent's own desk, and those of their supervisors, that somebody could use a hand."""
    data = {"call_sid": call.sid, "agent": use.agent, "step": str(Press.END if use.ended_at else Press.WARN)}
    for agent in sorted({use.agent, *teams.supervising(session, use.team)}):
        desk_events.tell(session, agent, "protect", data, now)


# --- what the caller hears ----------------------------------------------------------------------------


def warning(session: Session, call_sid: str) -> bytes:
    """Return what warns a caller; nothing for a call that nobody knows."""
    call = session.get(Call, call_sid)
    if call is None:
        return twiml.nothing()
    return twiml.announce(said=[text("say.warning", call.language)], language=call.language)


def goodbye(session: Session, call_sid: str) -> bytes:
    """Return how a conversation ends, politely, of which an agent had enough."""
    call = held.held(session, call_sid)
    return twiml.farewell(said=[text("say.warned_goodbye", call.language)], language=call.language)
