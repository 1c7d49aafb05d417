"""How does a supervisor help in a conversation, or take a caller who waits? Only where they oversee.

Who listens is seen by those who talk before there is anything to hear: that they come is told to the desks
along with the request to ring them. How each side is to stand, legs.py says; the room's keeper makes it so.
"""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.agents import desk_events, presence, teams
from app.audit import log as audit
from app.audit.log import Actor, What
from app.deployment import Deployment
from app.errors import NotNow
from app.records.agents import Agent, Presence
from app.records.calls import Call, CallState, CallStep, StepKind, StepOutcome
from app.records.legs import CallLeg, LegRole
from app.routing import reading
from app.routing.decision import Ring, next_step
from app.routing.ladder import First, FirstKind
from app.voice import handing_over, held, legs
from app.voice import steps as call_steps


class Mode(StrEnum):
    LISTEN = "listen"  # nobody hears them
    WHISPER = "whisper"  # the agent alone hears them
    JOIN = "join"  # everybody does
    LEAVE = "leave"


def supervise(
    session: Session, call_sid: str, supervisor: str, mode: Mode, now: datetime, who: Actor
) -> Call:
    """Bring a supervisor into a conversation, change how they are in it, or let them leave; twice is once.

    Raises NotNow when it can't be, and UnknownCall for none that they oversee.
    """
    call = held.held(session, call_sid)
    leg = legs.leg_of(session, call_sid, supervisor)
    if leg is not None and leg.role != LegRole.SUPERVISOR:
        raise NotNow("supervise_own")
    if mode == Mode.LEAVE:
        if leg is not None:
            legs.leave(session, leg, now)
            _tell(session, call, now)
        return call
    _may(session, call, supervisor)
    agent = str(call.bridged_to)
    room = legs.open_room(session, call, now)
    theirs = legs.leg_of(session, call_sid, agent)
    if theirs is None:
        raise NotNow("supervise_not_talking")
    stands = {"muted": mode == Mode.LISTEN, "coaches": theirs.number if mode == Mode.WHISPER else None}
    if leg is None or leg.goes:
        number = _reserved(session, call, supervisor, agent, now)
        legs.add(session, room, number, LegRole.SUPERVISOR, supervisor, now, **stands)
    elif (leg.muted, leg.coaches) == (stands["muted"], stands["coaches"]):
        return call
    else:
        leg.muted, leg.coaches = bool(stands["muted"]), stands["coaches"]
        legs.wake(session, room, now)
    whose = audit.person(call.customer, call.remote_e164)
    audit.record(session, who, What.SUPERVISED, now, *whose, call=call_sid, agent=agent, mode=mode)
    _tell(session, call, now)
    return call


def _may(session: Session, call: Call, supervisor: str) -> None:
    if not held.is_talking(session, call) or call.bridged_to is None:
        raise NotNow("supervise_not_talking")
    if call.bridged_to == supervisor:
        raise NotNow("supervise_own")
    if not oversees(session, supervisor, call.bridged_to, None):
        raise NotNow("supervise_not_theirs")


def oversees(session: Session, supervisor: str, agent: str | None, team: str | None) -> bool:
    """Tell whether somebody supervises this agent, or this team."""
    reach = teams.reach_at_desk(session, supervisor)
    if reach == teams.NOWHERE:
        return False
    of_agent = session.scalar(select(Agent.team).where(Agent.key == agent)) if agent is not None else None
    return any(one is not None and reach.covers(one) for one in (of_agent, team))


def _reserved(session: Session, call: Call, supervisor: str, agent: str, now: datetime) -> int:
    """Take the supervisor for it, and write down where they are rung; return the number of that step."""
    number = legs.next_number(session, call.sid)
    lease = handing_over.rings_for(session, call) + handing_over.BEYOND_RING
    told = presence.reserve(session, supervisor, call.sid, number, now, lease, at_their_wish=True)
    if told is None:
        raise NotNow("supervise_busy")
    status = session.get_one(Presence, supervisor, populate_existing=True)
    where = presence.endpoint(status, status.of.rings_on, now)
    if where is None:
        raise NotNow("supervise_no_telephone")
    led_by = session.get_one(CallStep, (call.sid, call.step))
    session.add(
        CallStep(
            call_sid=call.sid,
            number=number,
            kind=StepKind.SUPERVISE,
            agent=supervisor,
            reason="supervises",
            reason_values={"name": session.get_one(Agent, agent).name},
            endpoint="phone" if where.identity is None else "client",
            started_at=now,
            declined_why="",
            rule_version=led_by.rule_version,
            rule=led_by.rule,
            parameters=led_by.parameters,
        )
    )
    ringing = {"call_sid": call.sid, "state": "ringing"}
    desk_events.append(session, supervisor, told, "call", ringing, now)
    session.flush()
    return number


def _tell(session: Session, call: Call, now: datetime) -> None:
    """Let the desks of those who talk show who is with them, before anything is heard of it."""
    legs.tell(session, call, now)
    if call.bridged_to is not None:
        held.tell_desk(session, call.bridged_to, call, str(call.state), now)


def with_agent(session: Session, call: Call) -> list[CallLeg]:
    """Return the supervisors who are in a conversation, or about to be."""
    if legs.room_of(session, call.sid) is None:
        return []
    there = legs.of_call(session, call.sid)
    return [leg for leg in there if leg.role == LegRole.SUPERVISOR and leg.left_at is None and not leg.goes]


# --- taking a caller who waits ------------------------------------------------------------------------


def take(session: Session, call_sid: str, supervisor: str, now: datetime, deployment: Deployment) -> Call:
    """Ring the supervisor for a caller who waits, whoever they were waiting for.

    Raises NotNow when nobody waits there any more, or the supervisor can't be rung.
    """
    call = held.held(session, call_sid)
    step = session.get(CallStep, (call_sid, call.step))
    if call.state != CallState.WAITING or step is None:
        raise NotNow("take_not_waiting")
    if not oversees(session, supervisor, call.waiting_for_agent, call.waiting_for_team):
        raise NotNow("supervise_not_theirs")
    step.outcome, step.ended_at = StepOutcome.FREED, now
    session.flush()
    facts = held.facts_of(session, call, now, deployment)
    here = reading.people(session, [supervisor], now, call.remote_e164)
    facts = replace(facts, agents={**facts.agents, **here})
    known = call_steps.situation(call, facts, call_steps.steps_of(session, call_sid), now)
    # As a rule that names them would: what is decided can be decided once more from what is kept of it.
    ladder = replace(known.ladder, first=First(FirstKind.AGENT, supervisor), only=None)
    known = replace(known, resolved=replace(known.resolved, ladder=ladder, rule=""))
    ring = next_step(known)
    if not isinstance(ring, Ring) or ring.agent != supervisor:
        raise NotNow("take_not_free")
    session.flush()
    if not call_steps.ring_chosen(session, call, facts, known, ring, deployment):
        raise NotNow("take_not_free")
    held.send_on(session, call, now)
    return call
