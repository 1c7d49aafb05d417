"""How is a conversation handed over? Begun, pressed on, and what happens to it. What follows: hand_over.py.

The call is held by the caller of each of these, so that what happens to it is applied one by one. Nothing
here asks the carrier: legs are said how they are to stand, and the room's keeper makes them so.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.agents import desk_events, presence, protection
from app.callbacks import customer_leg
from app.catalogue import text
from app.deployment import Deployment
from app.errors import InvalidField, NotNow
from app.outgoing.announce import contact_key, record_contact
from app.promises import attempts, dropped, ledger
from app.records.agents import Agent, Presence
from app.records.callers import Case, Channel, Direction
from app.records.calls import Call, CallStep, StepKind, StepOutcome
from app.records.legs import CallLeg, HandOver, HandOverKind, HandOverOutcome, HandOverPhase, LegRole
from app.records.promises import OWED, Promise, PromiseState
from app.routing import rules, screen_pop
from app.voice import hand_over, legs, owing
from app.voice.hand_over import Action, Event, State
from app.voice.held import advance, facts_of, is_talking, send_on, tell_desk

# Beyond its ring a reservation lasts as long as a yes on an ordinary phone, and late news, may take.
BEYOND_RING = timedelta(seconds=20)
LONGEST_WHY = 300
# One sign of life is late: somebody who is to have the customer alone again must be there.
FIRST_LIVES = timedelta(seconds=7)


@dataclass(frozen=True)
class Wish:
    """What the first agent asks for: `to` is an agent, or else a team."""

    to: str
    kind: HandOverKind
    why: str = ""
    keeps_owner: bool = False


def going_on(session: Session, call_sid: str) -> HandOver | None:
    """Return the hand-over that a call is in; None when there is none."""
    return session.scalar(
        select(HandOver)
        .where(HandOver.call_sid == call_sid, HandOver.ended_at.is_(None))
        .execution_options(populate_existing=True)
    )


def newest(session: Session, call_sid: str) -> HandOver | None:
    """Return the hand-over of a call that began last, whether or not it goes on."""
    wanted = select(HandOver).where(HandOver.call_sid == call_sid).order_by(HandOver.id.desc())
    return session.scalar(wanted.limit(1).execution_options(populate_existing=True))


# --- begun ---------------------------------------------------------------------------------------------


def begin(
    session: Session, call: Call, agent: str, wish: Wish, now: datetime, deployment: Deployment
) -> HandOver:
    """Ring a colleague for a conversation of the agent's, after their screen has shown it.

    Asked for the same again while it goes on, it is the same. Raises NotNow when it can't be, and
    InvalidField for nobody whom we know.
    """
    if len(wish.why) > LONGEST_WHY:
        raise InvalidField("why", f"write {LONGEST_WHY} characters at most")
    going = going_on(session, call.sid)
    if going is not None:
        if (going.from_agent, going.kind) == (agent, wish.kind) and wish.to in (
            going.to_agent,
            going.to_team,
        ):
            return going
        raise NotNow("hand_over_goes_on")
    must_be_theirs(session, call, agent)
    number = legs.next_number(session, call.sid)
    second, told, team = _reserve(session, call, agent, wish, number, now)
    return _begun(session, call, agent, wish, _Second(second, told, team, number), now, deployment)


def rings_for(session: Session, call: Call, number: int | None = None) -> timedelta:
    """Return how long whoever is asked along is rung: as any colleague, by the rule that the call follows.

    `number`: that of the step that has them rung; without, of the one in which the call is.
    """
    step = session.get_one(CallStep, (call.sid, call.step if number is None else number))
    return timedelta(seconds=rules.of_step(session, step, call.rule_version).ladder.colleague_ring_seconds)


def must_be_theirs(session: Session, call: Call, agent: str) -> None:
    """Raise NotNow unless the agent speaks with the customer of this call now."""
    if not is_talking(session, call):
        raise NotNow("not_talking")
    if call.bridged_to != agent:
        raise NotNow("not_your_conversation")


@dataclass(frozen=True)
class _Second:
    """The colleague who was taken for it: `told` is the number of the event that shows it on their screen."""

    agent: Agent
    told: int
    team: str | None
    number: int


def _reserve(
    session: Session, call: Call, agent: str, wish: Wish, number: int, now: datetime
) -> tuple[Agent, int, str | None]:
    """Take the colleague, or the one of a team who has been idle for longest, in one atomic step."""
    named = session.get(Agent, wish.to)
    if named is not None and named.key == agent:
        raise NotNow("hand_over_to_yourself")
    candidates = [named] if named is not None else _of_team(session, wish.to, agent)
    if not candidates:
        raise InvalidField("to", "name an agent, or a team that has one")
    apart = [one for one in candidates if _is_apart(session, call, one)]
    if named is not None and apart:
        raise NotNow("colleague_apart", name=named.name)
    lease = rings_for(session, call) + BEYOND_RING
    for one in candidates:
        if one in apart:
            continue
        if _standing(one, now) != presence.Reachability.FREE:
            continue
        told = presence.reserve(session, one.key, call.sid, number, now, lease)
        if told is not None:
            return one, told, None if named is not None else wish.to
    if named is None:
        raise NotNow("hand_over_nobody_free", team=wish.to)
    standing = _standing(named, now)
    # Taken by another call a moment ago.
    state = presence.Reachability.BUSY if standing == presence.Reachability.FREE else standing
    raise NotNow(f"colleague_{state}", name=named.name)


def _is_apart(session: Session, call: Call, agent: Agent) -> bool:
    """Tell whether this colleague isn't to be connected with this caller again."""
    return protection.is_apart(session, agent.key, number=call.remote_e164, customer=call.customer)


def _of_team(session: Session, team: str, agent: str) -> list[Agent]:
    theirs = select(Agent).join(Presence, Presence.agent == Agent.key)
    theirs = theirs.where(Agent.team == team, Agent.enabled, Agent.key != agent)
    return list(session.scalars(theirs.order_by(Presence.activity_since, Agent.key)))


def _standing(agent: Agent, now: datetime) -> presence.Reachability:
    row = agent.presence
    return presence.reachability(row, enabled=agent.enabled, phone=agent.rings_on, now=now)


def _begun(
    session: Session,
    call: Call,
    agent: str,
    wish: Wish,
    second: _Second,
    now: datetime,
    deployment: Deployment,
) -> HandOver:
    first = session.get_one(Agent, agent)
    led_by = session.get_one(CallStep, (call.sid, call.step))
    where = presence.endpoint(second.agent.presence, second.agent.rings_on, now)
    step = CallStep(
        call_sid=call.sid,
        number=second.number,
        kind=StepKind.CONSULT,
        agent=second.agent.key,
        team=second.team,
        reason="consulted",
        reason_values={"agent": first.name},
        # Both their telephones are never rung at once for a colleague: where they sit is enough.
        endpoint="phone" if where is not None and where.identity is None else "client",
        started_at=now,
        declined_why="",
        rule_version=led_by.rule_version,
        rule=led_by.rule,
        parameters=led_by.parameters,
    )
    session.add(step)
    session.flush()
    room = legs.open_room(session, call, now)
    legs.add(session, room, second.number, LegRole.CONSULTED, second.agent.key, now)
    customer = session.get_one(CallLeg, (call.sid, legs.CUSTOMER))
    customer.hold(on=True)
    # Nobody's leaving may end the room while a colleague is on the way.
    session.get_one(CallLeg, (call.sid, call.step)).closes_room = False
    row = HandOver(
        call_sid=call.sid,
        kind=wish.kind,
        why=wish.why.strip(),
        from_agent=agent,
        to_agent=second.agent.key,
        to_team=second.team,
        from_leg=call.step,
        to_leg=second.number,
        phase=HandOverPhase.RINGING,
        phase_since=now,
        started_at=now,
        keeps_owner=wish.keeps_owner,
    )
    session.add(row)
    session.flush()
    _pop(session, call, row, first, second, now, deployment)
    tell(session, call, row, now)
    return row


def _pop(
    session: Session,
    call: Call,
    row: HandOver,
    first: Agent,
    second: _Second,
    now: datetime,
    deployment: Deployment,
) -> None:
    """Show the colleague what it is about, before anything rings."""
    facts = facts_of(session, call, now, deployment)
    reason = text("reason.consulted", second.agent.language, agent=first.name)
    pop = screen_pop.screen_pop(call, facts, reason=reason, ring_expected=True)
    pop |= {"hand_over": {"from": first.key, "kind": str(row.kind), "why": row.why}}
    desk_events.pop(session, second.agent.key, second.told, pop, call.remote_e164, now)


# --- pressed, and what happens ---------------------------------------------------------------------------


def press(
    session: Session, call: Call, agent: str, event: Event, now: datetime, deployment: Deployment
) -> HandOver:
    """The first agent wants something of their hand-over. Raises NotNow when that can't be.

    What was done already is done: a press that comes twice changes nothing.
    """
    row = newest(session, call.sid)
    if row is None or agent not in (row.from_agent, row.to_agent):
        raise NotNow("hand_over_none")
    if row.ended_at is not None and _is_done(row, event):
        return row
    if agent != row.from_agent and event != Event.JOIN:
        raise NotNow("hand_over_not_yours")
    follows = hand_over.happens(state_of(session, row), event)
    if follows.refused:
        raise NotNow(follows.refused)
    _apply(session, call, row, event, follows, now, deployment)
    return row


def _is_done(row: HandOver, event: Event) -> bool:
    wanted = {
        Event.COMPLETE: HandOverOutcome.HANDED_OVER,
        Event.CANCEL: HandOverOutcome.RETURNED,
    }
    return event in wanted and row.outcome == wanted[event]


def happened(session: Session, call: Call, event: Event, now: datetime, deployment: Deployment) -> None:
    """Something happened to a conversation; nothing does where it isn't being handed over."""
    row = going_on(session, call.sid)
    if row is None:
        return
    if event in (Event.NOT_TAKEN, Event.SECOND_LEFT) and not _first_lives(session, row, now):
        # Nobody has told yet that their line is dead; the customer isn't left to it.
        leg = session.get_one(CallLeg, (call.sid, row.from_leg))
        legs.leave(session, leg, now)
        is_out(session, call, leg, now)
        _happens(session, call, row, Event.FIRST_LEFT, now, deployment)
        if row.ended_at is not None:
            return
    _happens(session, call, row, event, now, deployment)


def _happens(
    session: Session, call: Call, row: HandOver, event: Event, now: datetime, deployment: Deployment
) -> None:
    follows = hand_over.happens(state_of(session, row), event)
    _apply(session, call, row, event, follows, now, deployment)


def state_of(session: Session, row: HandOver) -> State:
    first = session.get_one(CallLeg, (row.call_sid, row.from_leg))
    is_there = first.left_at is None and not first.goes
    return State(HandOverKind(row.kind), HandOverPhase(row.phase), is_there, row.outcome)


def _first_lives(session: Session, row: HandOver, now: datetime) -> bool:
    step = session.get_one(CallStep, (row.call_sid, row.from_leg))
    status = session.get(Presence, row.from_agent, populate_existing=True)
    if step.endpoint != "client" or status is None or status.heartbeat_at is None:
        return True
    return now - status.heartbeat_at <= FIRST_LIVES


def _apply(
    session: Session,
    call: Call,
    row: HandOver,
    event: Event,
    follows: hand_over.Next,
    now: datetime,
    deployment: Deployment,
) -> None:
    has_moved = follows.state.phase != row.phase
    if has_moved:
        row.phase, row.phase_since = follows.state.phase, now
    if follows.state.outcome is not None and row.outcome is None:
        row.outcome, row.ended_at = follows.state.outcome, now
    session.flush()
    for action in follows.actions:
        _do(session, call, row, action, now, deployment)
    if has_moved or follows.actions or event == Event.FIRST_LEFT:
        tell(session, call, row, now)


def _do(
    session: Session, call: Call, row: HandOver, action: Action, now: datetime, deployment: Deployment
) -> None:
    first = session.get_one(CallLeg, (call.sid, row.from_leg))
    second = session.get_one(CallLeg, (call.sid, row.to_leg))
    customer = session.get_one(CallLeg, (call.sid, legs.CUSTOMER))
    match action:
        case Action.PROMISE:
            _promise(session, call, row, now, deployment)
        case Action.SECOND_GOES:
            _goes(session, call, second, now)
        case Action.TO_SECOND:
            becomes_the_seconds(session, call, row, first, second, now)
        case Action.TO_FIRST:
            first.closes_room, second.closes_room = True, False
        case Action.HEAR_CUSTOMER:
            customer.hold(on=False)
        case Action.FIRST_GOES:
            _goes(session, call, first, now)
        case Action.GO_ON:
            go_on(session, call, now, deployment)
        case unknown:
            assert_never(unknown)
    if (room := legs.room_of(session, call.sid)) is not None:
        legs.wake(session, room, now)


def _goes(session: Session, call: Call, leg: CallLeg, now: datetime) -> None:
    legs.leave(session, leg, now)
    is_out(session, call, leg, now)


def is_out(session: Session, call: Call, leg: CallLeg, now: datetime) -> None:
    """An agent is in this conversation no more: they are free, with time for notes if they talked."""
    step = session.get(CallStep, (call.sid, leg.number))
    if step is None or step.agent is None:
        return
    step.ended_at = step.ended_at or now
    if step.outcome is None:
        step.outcome = StepOutcome.ANSWERED if step.answered_at is not None else StepOutcome.ABANDONED
    ring = (session, step.agent, call.sid, step.number, now)
    if not presence.freed(*ring):
        wrap_up = rules.of_step(session, step, call.rule_version).ladder.wrap_up_seconds
        presence.hung_up(*ring, wrap_up)


def becomes_the_seconds(
    session: Session, call: Call, row: HandOver, first: CallLeg, second: CallLeg, now: datetime
) -> None:
    """The colleague has the customer, and the case, unless that stays the first agent's."""
    _leave_contact(session, call, row, now)
    case = session.get(Case, call.case) if call.case is not None else None
    if case is not None:
        case.named_owner = (case.owner or row.from_agent) if row.keeps_owner else row.to_agent
    _owes_it_now(session, call, row, now)
    call.bridged_to, call.bridged_at, call.step = row.to_agent, now, row.to_leg
    first.role, second.role = LegRole.CONSULTED, LegRole.AGENT
    first.closes_room, second.closes_room = False, True
    tell_desk(session, row.to_agent, call, "talking", now)
    tell_desk(session, row.from_agent, call, "elsewhere", now)


def _owes_it_now(session: Session, call: Call, row: HandOver, now: datetime) -> None:
    """What is being kept by this conversation is the colleague's: should the line drop, they ring again."""
    promise = session.get(Promise, call.promise) if attempts.is_callback(call.sid) and call.promise else None
    if promise is not None and promise.state == PromiseState.CALLING:
        ledger.hand_over(session, promise.id, row.to_agent, row.from_agent, now)


def _leave_contact(session: Session, call: Call, row: HandOver, now: datetime) -> None:
    """That the first agent spoke with them is handling, too; their words stay with the call."""
    if call.case is None:
        return
    since = call.bridged_at or call.created_at
    record_contact(
        session,
        contact=f"{contact_key(call.sid)}:{row.from_leg}",
        case=call.case,
        agent=row.from_agent,
        channel=Channel.CALL,
        direction=Direction(call.direction),
        started_at=since,
        seconds=max(0, int((now - since).total_seconds())),
        outcome="handed_over",
        summary="",
    )


def _promise(session: Session, call: Call, row: HandOver, now: datetime, deployment: Deployment) -> None:
    """The customer hung up while they waited: they are owed a call, as if nobody had answered."""
    if not _is_rung_back(session, call):
        facts = facts_of(session, call, now, deployment)
        due = owing.due_for(session, call, facts, now)
        owing.owe(session, call, facts, row.from_agent, due, "promise_left_hand_over", now)
        owing.confirm_by_message(session, call, now)
    row.promise = call.promise


def _is_rung_back(session: Session, call: Call) -> bool:
    """Tell whether a call to them is owed by now: their line dropped, or what we rang for is owed still."""
    if dropped.of_call(session, call.sid) is not None:
        return True
    promise = session.get(Promise, call.promise) if attempts.is_callback(call.sid) and call.promise else None
    return promise is not None and promise.state in OWED


def go_on(session: Session, call: Call, now: datetime, deployment: Deployment) -> None:
    """None of ours speaks with the customer any more: they go on along the ladder, with a sentence."""
    for leg in legs.of_call(session, call.sid):
        if leg.agent is not None and leg.left_at is None:
            _goes(session, call, leg, now)
    step = session.get_one(CallStep, (call.sid, call.step))
    step.ended_at = step.ended_at or now
    if attempts.is_callback(call.sid):
        # Their telephone has a call of its own, in which they go on: see went_on.py.
        customer_leg.talked_in_room(session, call.sid, now, goes_on=True)
        send_on(session, call, now)
        return
    # Later news of these rings is news of an earlier step.
    call.step = legs.next_number(session, call.sid) - 1
    call.bridged_to = call.bridged_at = None
    session.flush()
    advance(session, call, now, deployment)
    send_on(session, call, now)


def call_ends(session: Session, call: Call, now: datetime, deployment: Deployment) -> None:
    """The customer's call is over: who was to come doesn't, and whoever is left alone puts down."""
    if legs.room_of(session, call.sid) is None:
        return
    happened(session, call, Event.CUSTOMER_LEFT, now, deployment)
    session.get_one(CallLeg, (call.sid, legs.CUSTOMER)).left_at = now
    ours = [leg for leg in legs.of_call(session, call.sid) if leg.agent is not None and leg.left_at is None]
    there = [leg for leg in ours if leg.answered_at is not None and leg.role != LegRole.SUPERVISOR]
    # The agent whose line dropped is rung at once; two colleagues who speak may end their sentence.
    speak_on = len(there) > 1 and not _has_dropped(session, call)
    for leg in ours:
        if speak_on and leg in there:
            leg.closes_room = True
        else:
            legs.leave(session, leg, now)
        if leg.number != call.step:
            is_out(session, call, leg, now)
    legs.tell(session, call, now)


def _has_dropped(session: Session, call: Call) -> bool:
    if attempts.is_callback(call.sid):
        return attempts.has_dropped(session, call.sid)
    return dropped.of_call(session, call.sid) is not None


# --- what people are told --------------------------------------------------------------------------------


def tell(session: Session, call: Call, row: HandOver, now: datetime) -> None:
    """Tell both desks how the hand-over stands, and who is in the conversation."""
    session.flush()
    data = {
        "call_sid": call.sid,
        "phase": str(row.phase),
        "kind": str(row.kind),
        "from": row.from_agent,
        "to": row.to_agent,
        "outcome": str(row.outcome) if row.outcome else None,
        "promise": row.promise,
        "not_taken": row.not_taken or None,
    }
    for agent in sorted({row.from_agent, row.to_agent}):
        desk_events.tell(session, agent, "transfer", data, now)
    legs.tell(session, call, now)
