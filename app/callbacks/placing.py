"""Who is rung to keep a promise? Taken, written down, and only then is the carrier asked."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, or_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from app.agents import desk_events, presence
from app.agents.presence import Reachability
from app.agents.profile import language_of
from app.callbacks.leases import PLACING, RINGING
from app.callbacks.outcome import LOOK_AGAIN_AFTER, is_over
from app.carrier.rest import with_parameters
from app.deployment import Deployment
from app.outgoing import outbox
from app.promises import attempts, dropped, ledger
from app.promises.attempts import STEP
from app.promises.times import Window
from app.promises.told import given_away_by
from app.records.callers import Direction
from app.records.calls import Call, CallState, CallStep, StepKind
from app.records.promises import AttemptOutcome, Promise, PromiseAttempt, PromiseState
from app.routing import kept, reading, rules, screen_pop, sentences
from app.routing.decision import Ring
from app.routing.facts import Facts
from app.routing.ringing_back import Owed, choose
from app.routing.situation import AgentFacts

REFUSAL_HOLDS = timedelta(minutes=10)


@dataclass(frozen=True)
class _Chosen:
    """Who is rung, on what that was decided, and the number of the event that tells their desk."""

    ring: Ring
    owed: Owed
    event_number: int

    @property
    def address(self) -> str:
        """Where they are rung: one call can ring one telephone, the desk where somebody has chosen both."""
        endpoint = self.ring.endpoint
        return f"client:{endpoint.identity}" if endpoint.identity else endpoint.address


def ring_somebody(
    session: Session, promise: Promise, window: Window, now: datetime, deployment: Deployment
) -> str | None:
    """Take who is to keep a promise now, and write their call down; return its name.

    None without anybody, or when the number is being rung already, for somebody else there.
    """
    sid = _try_to_ring(session, promise, window, now, deployment)
    if sid is None:
        promise.next_at = now + LOOK_AGAIN_AFTER
    return sid


def ring_agent(
    session: Session, promise: Promise, agent: str, window: Window, now: datetime, deployment: Deployment
) -> str | None:
    """Do the same with this agent, who wants it now, and nobody else; None when they can't be rung."""
    return _try_to_ring(session, promise, window, now, deployment, only=agent)


def _try_to_ring(
    session: Session,
    promise: Promise,
    window: Window,
    now: datetime,
    deployment: Deployment,
    only: str | None = None,
) -> str | None:
    try:
        with session.begin_nested():
            sid = _ring(session, promise, window, now, deployment, only)
            session.flush()
    except IntegrityError:
        session.refresh(promise)
        return None
    return sid


def _ring(
    session: Session,
    promise: Promise,
    window: Window,
    now: datetime,
    deployment: Deployment,
    only: str | None,
) -> str | None:
    facts = reading.read(
        session, "", str(promise.line), promise.number, now, deployment.defaults, promise=promise.id
    )
    sid = attempts.new_sid()
    owed = _owed(session, promise, facts, window, now) if only is None else _wanted(session, facts, only, now)
    chosen = _reserve(session, owed, sid, now)
    if chosen is None:
        return None
    agent = chosen.ring.agent
    call = _write_call(session, promise, facts, chosen, sid, now)
    session.add(
        PromiseAttempt(
            promise=promise.id,
            call_sid=sid,
            number=promise.number,
            agent=agent,
            address=chosen.address,
            started_at=now,
            machine=False,
            lease_until=now + PLACING,
        )
    )
    why = "promise_calling" if promise.agent in (None, agent) else "promise_escalated"
    ledger.move(session, promise, PromiseState.CALLING, why, now, details={"agent": agent})
    zone = facts.line.calendar.timezone
    told = sentences.to_agent(chosen.ring.reason)
    reason = sentences.words(told, language_of(session, agent), zone, now, kind="reason")
    pop = screen_pop.screen_pop(call, facts, reason=reason, ring_expected=True)
    pop |= {"direction": str(Direction.OUTBOUND), "about": promise.about}
    desk_events.pop(session, agent, chosen.event_number, pop, call.remote_e164, now)
    outbox.add(session, outbox.PLACE_CALLBACK, f"callback/{sid}", {"call_sid": sid}, now)
    return sid


def _reserve(session: Session, owed: Owed, sid: str, now: datetime) -> _Chosen | None:
    """Take the first who is free for a promise, in one atomic step each; None when nobody is.

    Who was taken by another call meanwhile, or is waited for, counts as busy, and is left out of the next
    decision: so it ends.
    """
    while (ring := choose(owed)) is not None:
        agent = owed.agents[ring.agent]
        lease = timedelta(seconds=ring.seconds) + PLACING
        number = presence.reserve(
            session, agent.key, sid, STEP, now, lease, unless=_somebody_waits_for(agent)
        )
        if number is not None:
            return _Chosen(ring, owed, number)
        taken = replace(agent, reachability=Reachability.BUSY)
        owed = replace(owed, agents={**owed.agents, agent.key: taken})
    return None


def _owed(session: Session, promise: Promise, facts: Facts, window: Window, now: datetime) -> Owed:
    agents = dict(facts.agents)
    if now >= window.colleagues_from:
        agents = reading.supervisors(session, now, promise.number) | agents
    refused = {*attempts.refused_lately(session, promise.id, now - REFUSAL_HOLDS)}
    refused |= given_away_by(session, promise.id, now - REFUSAL_HOLDS) - {promise.agent}
    case = facts.caller.case
    if case is not None and case.avoided not in (None, promise.agent):
        refused.add(str(case.avoided))
    return Owed(
        now=now,
        debtor=promise.agent,
        team=promise.team,
        agents=agents,
        colleagues_from=window.colleagues_from,
        anybody_from=window.anybody_from,
        refused=frozenset(refused),
        has_dropped=dropped.is_one(promise),
        resolved=facts.situation(now, can_be_rung_back=True).resolved,
    )


def _wanted(session: Session, facts: Facts, agent: str, now: datetime) -> Owed:
    """Return on what it depends whether an agent can be rung who wants to ring somebody now."""
    people = {key: one for key, one in facts.agents.items() if key == agent}
    people = people or reading.people(session, [agent], now)
    team = people[agent].team if agent in people else ""
    resolved = facts.situation(now, can_be_rung_back=True).resolved
    return Owed(now, agent, team, people, now, now, is_wanted=True, resolved=resolved)


def _somebody_waits_for(agent: AgentFacts) -> ColumnElement[bool]:
    """Whoever holds the line for this agent, or for the team, is spoken to first."""
    waiting = aliased(Call)
    for_team = waiting.waiting_for_agent.is_(None) & (waiting.waiting_for_team == agent.team)
    return exists().where(
        waiting.waiting_since.is_not(None), or_(waiting.waiting_for_agent == agent.key, for_team)
    )


def _write_call(
    session: Session, promise: Promise, facts: Facts, chosen: _Chosen, sid: str, now: datetime
) -> Call:
    customer, case = facts.caller.customer, facts.caller.case
    call = Call(
        sid=sid,
        direction=Direction.OUTBOUND,
        remote_e164=promise.number,
        line=promise.line,
        attestation="",
        customer=promise.customer or (customer.key if customer else None),
        case=promise.case or (case.key if case else None),
        owner=promise.agent,
        language=promise.language,
        state=CallState.RINGING,
        promise=promise.id,
        rule_version=chosen.owed.resolved.version,
        said=[],
        created_at=now,
        step=STEP,
    )
    session.add(call)
    session.flush()  # the call stands before whatever refers to it
    session.add(
        CallStep(
            call_sid=sid,
            number=STEP,
            kind=StepKind.CALLBACK,
            agent=chosen.ring.agent,
            reason=chosen.ring.reason.code,
            reason_values=dict(chosen.ring.reason.values),
            endpoint="client" if chosen.address.startswith("client:") else "phone",
            started_at=now,
            declined_why="",
            rule_version=chosen.owed.resolved.version,
            rule=chosen.owed.resolved.rule,
            parameters=chosen.owed.resolved.ladder.as_json(),
            situation=kept.owed_as_json(chosen.owed),
        )
    )
    return call


@dataclass(frozen=True)
class ToPlace:
    """What the carrier is to be asked; `asked_at` is when it was asked before, without a clear answer."""

    address: str
    line: str
    ring_seconds: int
    asked_at: datetime | None


def to_place(session: Session, call_sid: str, now: datetime, deployment: Deployment) -> ToPlace | None:
    """Write down that the carrier is being asked, and return for what; None when there is no need."""
    found = attempts.held(session, call_sid)
    if found is None:
        return None
    attempt, promise = found
    if attempt.ended_at is not None or attempt.agent_leg is not None:
        return None
    if now > attempt.lease_until:
        is_over(session, attempt, promise, AttemptOutcome.CALLED_OFF, now)
        return None
    asked_before, attempt.asked_at = attempt.asked_at, attempt.asked_at or now
    call = session.get_one(Call, call_sid)
    ring_seconds = rules.of_call(session, call).ladder.owner_ring_seconds
    return ToPlace(address_with_call(attempt, call), call.line, ring_seconds, asked_before)


def address_with_call(attempt: PromiseAttempt, call: Call) -> str:
    """Return where the agent is rung; their softphone is told which call it is."""
    return with_parameters(attempt.address, screen_pop.parameters(call))


def placed(session: Session, call_sid: str, leg_sid: str, now: datetime) -> None:
    """The carrier rings, or will ring, the agent; at once ended when that is no longer wanted."""
    found = attempts.held(session, call_sid)
    if found is None:
        return
    attempt, _ = found
    attempt.agent_leg = attempt.agent_leg or leg_sid[:64]
    if attempt.ended_at is not None:
        attempts.end_agent_leg(session, attempt, now)
    else:
        attempt.lease_until = max(attempt.lease_until, now + RINGING)


def refused(session: Session, call_sid: str, now: datetime) -> None:
    """The carrier won't ring the agent."""
    found = attempts.held(session, call_sid)
    if found is not None and found[0].ended_at is None:
        is_over(session, *found, AttemptOutcome.AGENT_FAILED, now)
