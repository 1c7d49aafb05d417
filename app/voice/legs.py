"""Who is in this conversation? Its legs and the room that they meet in: opened, added to, left.

A conversation of two is what the carrier puts through for one `<Dial>`: it has no rows here, and costs
nothing. Whoever needs more calls `open_room`, then `add` for whoever is to come, or changes how a leg is to
stand (`on_hold`, `muted`, `coaches`, `closes_room`, `goes`), and `wake` so that the room's keeper makes it so
(app/jobs/rooms.py).
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import bus
from app.agents import desk_events
from app.records.calls import Call, CallState, CallStep, StepKind
from app.records.legs import CallLeg, CallRoom, HandOver, LegRole, LegState
from app.records.promises import PromiseAttempt

CUSTOMER = 0  # the number of the customer's leg


def of_call(session: Session, call_sid: str) -> Sequence[CallLeg]:
    """Return the legs of a call, the customer's first; none for a call that never needed a room."""
    wanted = select(CallLeg).where(CallLeg.call_sid == call_sid).order_by(CallLeg.number)
    return session.scalars(wanted.execution_options(populate_existing=True)).all()


def leg_of(session: Session, call_sid: str, agent: str) -> CallLeg | None:
    """Return the newest leg of an agent that hasn't left the call; None when there is none."""
    wanted = select(CallLeg).where(
        CallLeg.call_sid == call_sid, CallLeg.agent == agent, CallLeg.left_at.is_(None)
    )
    return session.scalar(wanted.order_by(CallLeg.number.desc()).limit(1))


def room_of(session: Session, call_sid: str) -> CallRoom | None:
    """Return the room that a call is in; None while two are put through, and once it is closed."""
    room = session.get(CallRoom, call_sid, populate_existing=True)
    return room if room is not None and room.look_at is not None else None


def open_room(session: Session, call: Call, now: datetime) -> CallRoom:
    """Let the two who talk go on in a room, in which more can be; return it, as often as it is asked for.

    The call is held by the caller of this function, and the two are put through.
    """
    room = session.get(CallRoom, call.sid, populate_existing=True)
    if room is not None and room.look_at is not None:
        return room
    step = session.get_one(CallStep, (call.sid, call.step))
    if room is None:
        room = CallRoom(call_sid=call.sid, opened_at=now)
        session.add(room)
    # A name of its own: at the carrier the earlier room of this call may not be over yet.
    room.name, room.conference_sid, room.opened_at = secrets.token_hex(16), None, now
    wake(session, room, now)
    session.flush()
    # Who rang us has dialled the agent's telephone; who is rung back was dialled from it.
    dialled = step.kind == StepKind.CALLBACK
    agents, customers = _sids_of_callback(session, call.sid) if dialled else (None, call.sid)
    for number, role, agent, is_parent, sid in (
        (CUSTOMER, LegRole.CUSTOMER, None, not dialled, customers),
        (step.number, LegRole.AGENT, step.agent, dialled, agents),
    ):
        leg = session.get(CallLeg, (call.sid, number)) or CallLeg(call_sid=call.sid, number=number)
        leg.role, leg.agent, leg.is_parent = role, agent, is_parent
        leg.sid = sid
        leg.added_at = leg.answered_at = now
        leg.asked_at = leg.joined_at = leg.left_at = leg.coaches = None
        leg.muted = leg.goes = False
        leg.hold(on=False)
        # Whoever's conversation it is ends it by leaving, as before, unless they hand it over.
        leg.closes_room = role == LegRole.AGENT
        leg.sequence = -1
        session.add(leg)
    session.flush()
    return room


def _sids_of_callback(session: Session, call_sid: str) -> tuple[str | None, str | None]:
    """Return the carrier's names of the agent's side and of the customer's, as far as they were told."""
    sides = select(PromiseAttempt.agent_leg, PromiseAttempt.customer_leg)
    agents, customers = session.execute(sides.where(PromiseAttempt.call_sid == call_sid)).one()
    return agents, customers


def next_number(session: Session, call_sid: str) -> int:
    """Return the number of the call's next step, which is also that of the leg that it brings."""
    newest = session.scalar(select(func.max(CallStep.number)).where(CallStep.call_sid == call_sid))
    return (newest or 0) + 1


def add(
    session: Session, room: CallRoom, number: int, role: LegRole, agent: str, now: datetime, **stands: Any
) -> CallLeg:
    """Bring somebody along, who is rung by the room's keeper; `stands` is how they are to be there.

    `number` is that of the call's step which says whom it rings and where, and took their reservation.
    """
    leg = CallLeg(call_sid=room.call_sid, number=number, role=role, agent=agent, added_at=now)
    for name, value in stands.items():
        setattr(leg, name, value)
    session.add(leg)
    session.flush()
    wake(session, room, now)
    return leg


def leave(session: Session, leg: CallLeg, now: datetime) -> None:
    """Somebody is to be in the room no more: their telephone is put down, or stops ringing."""
    room = room_of(session, leg.call_sid)
    if room is not None and leg.left_at is None:
        leg.goes = True
        wake(session, room, now)


def wake(session: Session, room: CallRoom, now: datetime) -> None:
    """What is wanted of a room has changed: its keeper looks at once."""
    room.look_at = now
    room.version = (room.version or 0) + 1
    desk_events.ring_after_commit(session, bus.WORKERS, "room")


def close(session: Session, call_sid: str, now: datetime) -> None:
    """The room is of no use any more; whoever is still in it may end their sentence."""
    room = session.get(CallRoom, call_sid, populate_existing=True)
    if room is not None:
        room.look_at = None
        for leg in of_call(session, call_sid):
            leg.left_at = leg.left_at or now


# --- what people are told ------------------------------------------------------------------------------


def as_told(session: Session, call: Call) -> list[dict[str, Any]]:
    """Return who is in a call, and how: role, agent and state of each, the customer first.

    Of a call without a room: whom it rings, or the two who are put through.
    """
    if room_of(session, call.sid) is not None:
        legs = of_call(session, call.sid)
        return [_told(leg.role, leg.agent, leg.state) for leg in legs if leg.state != LegState.LEFT]
    if call.state == CallState.ENDED:
        return []
    step = session.get(CallStep, (call.sid, call.step))
    agent = step.agent if step is not None else None
    talks = call.state == CallState.TALKING
    told = [_told(LegRole.CUSTOMER, None, LegState.TALKING if talks else LegState.HELD)]
    if agent is not None and step is not None and (talks or step.outcome is None):
        told.append(_told(LegRole.AGENT, agent, LegState.TALKING if talks else LegState.RINGING))
    return told


def _told(role: str, agent: str | None, state: LegState) -> dict[str, Any]:
    return {"role": str(role), "agent": agent, "state": str(state)}


def tell(session: Session, call: Call, now: datetime) -> None:
    """Tell the desks of all who are, or were, in the conversation who is in it now."""
    session.flush()
    data = {"call_sid": call.sid, "legs": as_told(session, call)}
    for agent in concerned(session, call.sid):
        desk_events.tell(session, agent, "legs", data, now)


def concerned(session: Session, call_sid: str) -> list[str]:
    """Return whose desks show this conversation, in an order that all who take their rows keep."""
    agents = {leg.agent for leg in of_call(session, call_sid)} - {None}
    newest = session.scalar(
        select(HandOver).where(HandOver.call_sid == call_sid).order_by(HandOver.id.desc()).limit(1)
    )
    if newest is not None:
        agents |= {newest.from_agent, newest.to_agent}
    return sorted(str(agent) for agent in agents)
