"""What is the call's next step? Decide with fresh facts, take what it needs, write it down, and answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, assert_never

from sqlalchemy import ColumnElement, Connection, bindparam, exists, select
from sqlalchemy.orm import Session, aliased

from app.agents import desk_events, presence
from app.callers.numbers import may_be_called
from app.carrier import twiml
from app.catalogue import text
from app.db import Guarded, Rows, table_of
from app.deployment import Deployment
from app.lines import places
from app.records import lifecycle
from app.records.agents import DeskEvent
from app.records.calls import Call, CallState, CallStep, Inbox, StepKind, StepOutcome
from app.routing import screen_pop, sentences
from app.routing.decision import AskForNumber, MakePromise, Ring, Step, Wait, next_step
from app.routing.facts import Facts
from app.routing.sentences import Sentence
from app.routing.situation import Situation, Tried
from app.voice.owing import owe

# How long after a ring should be over its reservation still holds: callbacks travel, and the carrier retries.
LEASE_SLACK = timedelta(seconds=20)
RING_KINDS = frozenset({StepKind.OWNER, StepKind.COLLEAGUE, StepKind.TEAM})


def situation(
    call: Call, facts: Facts, steps: Sequence[CallStep], now: datetime, *, may_ring: bool | None = None
) -> Situation:
    """Return everything that the decision may depend on, at this moment of the call.

    `may_ring` is what promises.may_ring() says of the caller's number; without it the number's kind decides.
    """
    finished = [step for step in steps if step.outcome is not None]
    return Situation(
        now=now,
        line=facts.line,
        caller=facts.caller,
        owner=facts.owner,
        agents=facts.agents,
        rules=facts.rules.ladder,
        can_be_rung_back=may_be_called(call.from_e164) if may_ring is None else may_ring,
        tried=tuple(
            Tried(
                kind=StepKind(step.kind),
                agent=step.agent,
                outcome=StepOutcome(step.outcome or StepOutcome.ABANDONED),
                declined_why=step.declined_why,
                endpoint=step.endpoint,
            )
            for step in finished
        ),
        rung_seconds=sum(_seconds(step) for step in finished if step.kind in RING_KINDS),
        calls_lately=facts.calls_lately,
    )


def _seconds(step: CallStep) -> float:
    return (step.ended_at - step.started_at).total_seconds() if step.ended_at else 0.0


def steps_of(session: Session, sid: str) -> Sequence[CallStep]:
    return session.scalars(select(CallStep).where(CallStep.call_sid == sid).order_by(CallStep.number)).all()


def advance(
    session: Session,
    call: Call,
    facts: Facts,
    steps: Sequence[CallStep],
    now: datetime,
    deployment: Deployment,
) -> bytes:
    """Take the call's next step and return what the carrier is to do.

    An agent who was taken by another call between the reading and the reservation counts as busy, and the
    decision is made again; each round has one agent fewer to try, so it ends.
    """
    known = situation(call, facts, steps, now, may_ring=places.may_ring(session, call.from_e164))
    if not call.situation:
        call.situation = snapshot(known)
    step, event_number = _reserved(session, call, known)
    row, said = _begun(call, facts, step, now)
    session.add(call)
    # The call stands before whatever refers to it.
    session.flush()
    session.add(row)
    addresses = twiml.Addresses(deployment.public_url, call.sid, call.step)
    match step:
        case Ring():
            pop, reply = _ring(call, facts, step, said, now, addresses)
            desk_events.append(session, step.agent, event_number, "screen_pop", pop, now)
        case Wait():
            reply = _wait(session, call, facts, step, said, now, addresses)
        case MakePromise():
            reply = _promise(session, call, facts, step, said, now, addresses)
            row.outcome, row.ended_at = StepOutcome.PROMISED, now
        case AskForNumber():
            lifecycle.move(call, CallState.PROMISING)
            reply = twiml.ask_for_number(said=said, language=call.language, action=addresses.of("number"))
        case unknown:
            assert_never(unknown)
    session.add(Inbox(call_sid=call.sid, request=f"step/{call.step}", reply=reply, created_at=now))
    return reply


def _begun(call: Call, facts: Facts, step: Step, now: datetime) -> tuple[CallStep, list[str]]:
    """Move the call on to its next step; return the step's row and what the caller hears first."""
    call.step += 1
    call.language = facts.language
    said = sentences.told(call, _spoken(step, facts, now, is_first=call.step == 1), now)
    row = CallStep(
        call_sid=call.sid,
        number=call.step,
        kind=step.kind,
        agent=getattr(step, "agent", None),
        team=getattr(step, "team", None),
        reason=step.reason.code,
        reason_values=_plain(step.reason),
        endpoint=step.endpoint.kind if isinstance(step, Ring) else "",
        started_at=now,
        declined_why="",
    )
    return row, said


def _reserved(session: Session, call: Call, known: Situation) -> tuple[Step, int]:
    """Return the step to take, its agent reserved, and the number of the event that tells their desk."""
    while True:
        step = next_step(known)
        if not isinstance(step, Ring):
            return step, 0
        unless = _waits_longer(call, step)
        event_number = presence.reserve(
            session, step.agent, call.sid, call.step + 1, known.now, _lease(step), unless=unless
        )
        if event_number is not None:
            return step, event_number
        taken = replace(known.agents[step.agent], reachability=presence.Reachability.BUSY)
        known = replace(known, agents={**known.agents, step.agent: taken})


def _lease(step: Ring) -> timedelta:
    return timedelta(seconds=step.seconds) + LEASE_SLACK


def _waits_longer(call: Call, step: Ring) -> ColumnElement[bool]:
    """Somebody else was told to be the first whom this agent speaks."""
    other = aliased(Call)
    waits = exists().where(
        other.waiting_since.is_not(None), other.waiting_for_agent == step.agent, other.sid != call.sid
    )
    if call.waiting_for_agent == step.agent and call.waiting_since is not None:
        waits = waits.where(other.waiting_since < call.waiting_since)
    return waits


_OF_CALL = tuple(
    "sid from_e164 line attestation customer case owner language state"
    " rule_version situation said created_at step".split()
)

_OF_STEP = tuple("call_sid number kind agent reason reason_values endpoint started_at declined_why".split())

_waiting = table_of(Call).alias("waiting")

_FIRST_RING = Guarded(
    presence.reservation(
        unless=exists().where(
            _waiting.c.waiting_since.is_not(None),
            _waiting.c.waiting_for_agent == bindparam("who"),
            _waiting.c.sid != bindparam("for_sid"),
        )
    ),
    [
        Rows(table_of(Call), _OF_CALL),
        Rows(table_of(CallStep), _OF_STEP),
        Rows(table_of(Inbox), ("call_sid", "request", "reply", "created_at")),
        Rows(table_of(Inbox), ("call_sid", "request", "reply", "created_at")),
        Rows(table_of(DeskEvent), ("agent", "kind", "data", "created_at"), taken={"number": "event_number"}),
    ],
)


@dataclass(frozen=True)
class Rung:
    """An agent's telephone will ring, and all of it is written down; `bell` is for the agent's desk."""

    reply: bytes
    bell: tuple[str, str]


def ring_at_once(
    connection: Connection, call: Call, facts: Facts, now: datetime, deployment: Deployment
) -> Rung | None:
    """Take the first step of a new call, if it is a ring: what `advance` does, in one statement.

    None when the step is another one, or when somebody else took the agent meanwhile; nothing is written
    then. Raises IntegrityError for a call that was written down before.
    """
    known = situation(call, facts, (), now)
    step = next_step(known)
    if not isinstance(step, Ring):
        return None
    call.situation = snapshot(known)
    row, said = _begun(call, facts, step, now)
    addresses = twiml.Addresses(deployment.public_url, call.sid, call.step)
    pop, reply = _ring(call, facts, step, said, now, addresses)
    answered = {"call_sid": call.sid, "reply": reply, "created_at": now}
    number = _FIRST_RING.write(
        connection,
        presence.reserving(step.agent, call.sid, call.step, now, _lease(step)),
        [
            {name: getattr(call, name) for name in _OF_CALL},
            {name: getattr(row, name) for name in _OF_STEP},
            answered | {"request": "incoming"},
            answered | {"request": f"step/{call.step}"},
            {"agent": step.agent, "kind": "screen_pop", "data": pop, "created_at": now},
        ],
    )
    return None if number is None else Rung(reply, desk_events.bell(step.agent, number))


def _ring(
    call: Call, facts: Facts, step: Ring, said: Sequence[str], now: datetime, addresses: twiml.Addresses
) -> tuple[dict[str, Any], bytes]:
    """Return the screen-pop and what the carrier is to do."""
    lifecycle.move(call, CallState.RINGING)
    stop_waiting(call)
    zone = facts.line.calendar.timezone
    reason = sentences.words(step.reason, facts.agents[step.agent].language, zone, now, kind="reason")
    pop = screen_pop.screen_pop(call, facts, reason=reason, ring_expected=True)
    reply = twiml.ring(
        said=said,
        language=call.language,
        endpoint=step.endpoint,
        seconds=step.seconds,
        # The carrier refuses to pass on a number that it doesn't know; ours it does.
        caller_id=None if call.from_e164 else call.line,
        parameters=screen_pop.parameters(call),
        addresses=addresses,
    )
    return pop, reply


def _wait(
    session: Session,
    call: Call,
    facts: Facts,
    step: Wait,
    said: Sequence[str],
    now: datetime,
    addresses: twiml.Addresses,
) -> bytes:
    lifecycle.move(call, CallState.WAITING)
    waits_already = (call.waiting_for_agent, call.waiting_for_team) == (step.agent, step.team)
    # Another caller may be quicker when the agent is free; nobody loses their turn or their limit by it.
    call.waiting_since = (call.waiting_since if waits_already else None) or now
    call.waiting_for_agent, call.waiting_for_team = step.agent, step.team
    if step.due_at is not None:
        # Written down before it is spoken: whoever hangs up is owed a call from that moment on.
        owe(session, call, facts, step.agent, step.due_at, "promise_while_waiting", now)
    if step.agent is not None:
        data = {"call_sid": call.sid, "state": str(CallState.WAITING), "customer": call.customer}
        desk_events.tell(session, step.agent, "call", data, now)
    waiting_for = f"agent {step.agent}" if step.agent else f"team {step.team}"
    return twiml.wait(said=said, language=call.language, waiting_for=waiting_for, addresses=addresses)


def _promise(
    session: Session,
    call: Call,
    facts: Facts,
    step: MakePromise,
    said: Sequence[str],
    now: datetime,
    addresses: twiml.Addresses,
) -> bytes:
    lifecycle.move(call, CallState.PROMISING)
    stop_waiting(call)
    owe(session, call, facts, step.agent, step.due_at, f"{step.reason.code}", now)
    asked = text("say.about_recorded" if facts.line.records_messages else "say.about", call.language)
    said = [*said, *sentences.told(call, [asked], now)]
    if facts.line.records_messages:
        return record(call, said, addresses, now)
    return twiml.promise(said=said, language=call.language, addresses=addresses)


def record(call: Call, said: Sequence[str], addresses: twiml.Addresses, now: datetime) -> bytes:
    """Take a message, which `said` announces; should all news of it be lost, the carrier is asked for it."""
    call.recording_asked_at = now
    return twiml.take_message(
        said=said,
        language=call.language,
        action=addresses.of("message"),
        status_url=addresses.of("recording"),
        goodbye=text("say.goodbye", call.language),
    )


def stop_waiting(call: Call) -> None:
    call.waiting_for_agent = call.waiting_for_team = call.waiting_since = None


def _spoken(step: Step, facts: Facts, now: datetime, *, is_first: bool) -> list[str]:
    zone = facts.line.calendar.timezone
    said = [sentences.words(sentence, facts.language, zone, now) for sentence in step.say]
    # A line's own greeting is its own text; the default is none: the first voice is a human's.
    return [facts.line.greeting, *said] if is_first and facts.line.greeting else said


def _plain(sentence: Sentence) -> dict[str, str]:
    return {name: value for name, value in sentence.values.items() if isinstance(value, str)}


def snapshot(known: Situation) -> dict[str, Any]:
    """Return the decision's inputs as plain values, without names: kept on the call, for why and replay."""
    case = known.caller.case
    return {
        "at": known.now.isoformat(),
        "open": known.line.calendar.is_open(known.now),
        "customers": [customer.key for customer in known.caller.customers],
        "case": case.key if case else None,
        "cases": [one.key for customer in known.caller.customers for one in customer.cases],
        "owner": known.owner,
        "promise": known.caller.promise.id if known.caller.promise else None,
        "can_be_rung_back": known.can_be_rung_back,
        "calls_lately": known.calls_lately,
        "agents": {
            agent.key: {
                "reachability": str(agent.reachability),
                "handled_at": agent.handled_at.isoformat() if agent.handled_at else None,
                "waiting": agent.callers_waiting,
            }
            for agent in known.agents.values()
        },
    }
