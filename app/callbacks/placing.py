"""Who is rung to keep a promise? Taken, written down, and only then is the carrier asked."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, or_
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
from app.records.callers import Direction
from app.records.calls import Call, CallState, CallStep, StepKind
from app.records.promises import AttemptOutcome, Promise, PromiseAttempt, PromiseState
from app.routing import facts as known_facts
from app.routing import rules, screen_pop, sentences
from app.routing.facts import Facts
from app.routing.sentences import Sentence
from app.routing.situation import AgentFacts

REFUSAL_HOLDS = timedelta(minutes=10)


def candidates(
    debtor: str | None,
    team: str,
    agents: Mapping[str, AgentFacts],
    refused: Set[str],
    window: Window,
    now: datetime,
) -> Iterator[tuple[AgentFacts, Sentence]]:
    """Yield whom to ring, in order, and why: who owes it, and as the time comes near, who may help out."""
    free = [
        agent
        for agent in agents.values()
        if agent.reachability == Reachability.FREE
        and agent.endpoint is not None
        and agent.key not in refused
        and not agent.callers_waiting
    ]
    owes = agents.get(debtor) if debtor else None
    if owes is not None:
        if owes in free:
            yield owes, Sentence("callback_owner", {"agent": owes.spoken_name})
        is_busy = owes.reachability in (Reachability.BUSY, Reachability.WRAPPING_UP)
        has_left = owes.reachability == Reachability.LEFT
        if not has_left and now < (window.anybody_from if is_busy else window.colleagues_from):
            return
    others = [agent for agent in free if agent is not owes]
    knowing = [agent for agent in others if agent.handled_at is not None]
    for agent in sorted(knowing, key=lambda one: (one.handled_at, one.key), reverse=True):
        yield agent, Sentence("callback_colleague", {"agent": agent.spoken_name})
    rest = [agent for agent in others if agent.handled_at is None]
    for agent in sorted(rest, key=lambda one: (one.team != team, one.idle_since or now, one.key)):
        yield agent, Sentence("callback_team", {"agent": agent.spoken_name})


@dataclass(frozen=True)
class _Chosen:
    agent: AgentFacts
    address: str
    reason: Sentence
    event_number: int


def ring_somebody(
    session: Session, promise: Promise, window: Window, now: datetime, deployment: Deployment
) -> str | None:
    facts = known_facts.read(session, "", str(promise.line), promise.number, now, deployment.defaults)
    sid = attempts.new_sid()
    chosen = _reserve(session, promise, facts, sid, window, now)
    if chosen is None:
        promise.next_at = now + LOOK_AGAIN_AFTER
        return None
    call = _write_call(session, promise, facts, chosen, sid, now)
    session.add(
        PromiseAttempt(
            promise=promise.id,
            call_sid=sid,
            number=promise.number,
            agent=chosen.agent.key,
            address=chosen.address,
            started_at=now,
            machine=False,
            lease_until=now + PLACING,
        )
    )
    is_debtor = promise.agent in (None, chosen.agent.key)
    why = "promise_calling" if is_debtor else "promise_escalated"
    ledger.move(session, promise, PromiseState.CALLING, why, now, details={"agent": chosen.agent.key})
    zone = facts.line.calendar.timezone
    language = language_of(session, chosen.agent.key)
    reason = sentences.words(chosen.reason, language, zone, now, kind="reason")
    pop = screen_pop.screen_pop(call, facts, reason=reason, ring_expected=True)
    pop |= {"direction": str(Direction.OUTBOUND), "about": promise.about}
    desk_events.append(session, chosen.agent.key, chosen.event_number, "screen_pop", pop, now)
    outbox.add(session, outbox.PLACE_CALLBACK, f"callback/{sid}", {"call_sid": sid}, now)
    return sid


def _reserve(
    session: Session, promise: Promise, facts: Facts, sid: str, window: Window, now: datetime
) -> _Chosen | None:
    """Take the first who is free for this promise, in one atomic step each; None when nobody is."""
    agents = dict(facts.agents)
    if now >= window.colleagues_from:
        agents = known_facts.supervisors(session, now) | agents
    refused = {*attempts.refused_lately(session, promise.id, now - REFUSAL_HOLDS)}
    refused |= ledger.given_away_by(session, promise.id, now - REFUSAL_HOLDS) - {promise.agent}
    case = facts.caller.case
    if case is not None and case.avoided not in (None, promise.agent):
        refused.add(str(case.avoided))
    lease = timedelta(seconds=facts.rules.ladder.owner_ring_seconds) + PLACING
    for agent, reason in candidates(promise.agent, promise.team, agents, refused, window, now):
        endpoint = agent.endpoint
        if endpoint is None:
            continue
        if agent.key == promise.agent and dropped.is_one(promise):
            reason = Sentence("callback_dropped")
        number = presence.reserve(
            session, agent.key, sid, STEP, now, lease, unless=_somebody_waits_for(agent)
        )
        if number is not None:
            # One call can ring one telephone: the desk, where somebody has chosen both.
            address = f"client:{endpoint.identity}" if endpoint.identity else endpoint.address
            return _Chosen(agent, address, reason, number)
    return None


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
        from_e164=promise.number,
        line=promise.line,
        attestation="",
        customer=promise.customer or (customer.key if customer else None),
        case=promise.case or (case.key if case else None),
        owner=promise.agent,
        language=promise.language,
        state=CallState.RINGING,
        promise=promise.id,
        rule_version=facts.rules.version,
        situation={"at": now.isoformat(), "promise": promise.id, "tries": promise.tries},
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
            agent=chosen.agent.key,
            reason=chosen.reason.code,
            reason_values=dict(chosen.reason.values),
            endpoint="client" if chosen.address.startswith("client:") else "phone",
            started_at=now,
            declined_why="",
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
    ring_seconds = rules.of_version(session, call.rule_version).ladder.owner_ring_seconds
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
