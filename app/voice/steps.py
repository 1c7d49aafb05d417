"""What is the call's next step? Decide with fresh facts, take what it needs, write it down, and answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, assert_never

from sqlalchemy import Connection, bindparam, exists, select
from sqlalchemy.orm import Session

from app.agents import desk_events, presence
from app.audit import log as audit
from app.callers.numbers import may_be_called
from app.carrier import twiml
from app.catalogue import text
from app.db import table_of
from app.deployment import Deployment
from app.lines import places
from app.prepared import Guarded, Rows
from app.records import lifecycle
from app.records.agents import DeskEvent
from app.records.audit import AuditPending
from app.records.calls import (
    INCOMING,
    AnyCall,
    Call,
    CallState,
    CallStep,
    Inbox,
    NewCall,
    StepKind,
    StepOutcome,
)
from app.routing import heard, kept, resolving, screen_pop, sentences
from app.routing.decision import Ask, AskForNumber, MakePromise, Ring, Step, Wait, needs_others, next_step
from app.routing.facts import Facts
from app.routing.ladder import Only
from app.routing.sentences import Sentence
from app.routing.situation import Situation, Tried
from app.voice import hints
from app.voice.owing import owe

# How long after a ring should be over its reservation still holds: callbacks travel, and the carrier retries.
LEASE_SLACK = timedelta(seconds=20)
RING_KINDS = frozenset({StepKind.OWNER, StepKind.COLLEAGUE, StepKind.TEAM})


def situation(
    call: AnyCall, facts: Facts, steps: Sequence[CallStep], now: datetime, *, may_ring: bool | None = None
) -> Situation:
    """Return everything that the decision may depend on, at this moment of the call.

    `may_ring` is what places.may_ring() says of the caller's number; without it the number's kind decides.
    """
    finished = [one for one in steps if one.outcome is not None and one.kind != StepKind.SUPERVISE]
    return facts.situation(
        now,
        can_be_rung_back=may_be_called(call.remote_e164) if may_ring is None else may_ring,
        tried=[
            Tried(
                kind=_as_rung(step, call),
                agent=step.agent,
                outcome=_as_tried(step),
                declined_why=step.declined_why,
                endpoint=step.endpoint,
            )
            for step in finished
        ],
        rung_seconds=sum(_seconds(step) for step in finished if step.kind in RING_KINDS),
    )


def _as_rung(step: CallStep, call: AnyCall) -> StepKind:
    """Return as what somebody was rung, as far as the ladder goes.

    Who was asked into a conversation was a colleague; who rang the customer back was whose case it is, or
    did it for them.
    """
    match step.kind:
        case StepKind.CALLBACK:
            return StepKind.OWNER if step.agent == call.owner else StepKind.COLLEAGUE
        case StepKind.CONSULT:
            return StepKind.COLLEAGUE
        case _:
            return StepKind(step.kind)


def _as_tried(step: CallStep) -> StepOutcome:
    """Return how a ring ended for a caller who needs somebody else: who talked with them is gone."""
    outcome = StepOutcome(step.outcome or StepOutcome.ABANDONED)
    talked = outcome == StepOutcome.ANSWERED or step.kind == StepKind.CALLBACK
    return StepOutcome.FAILED if talked else outcome


def _seconds(step: CallStep) -> float:
    """Return how long a telephone rang; who talks isn't waiting."""
    until = step.answered_at or step.ended_at
    return (until - step.started_at).total_seconds() if until else 0.0


def steps_of(session: Session, sid: str) -> Sequence[CallStep]:
    return session.scalars(select(CallStep).where(CallStep.call_sid == sid).order_by(CallStep.number)).all()


def ring_at_once(
    connection: Connection, call: NewCall, facts: Facts, now: datetime, deployment: Deployment
) -> "Rung | None":
    """Take the first step of a new call, if its owner can be rung at once: one statement, all or nothing.

    `facts` are those of the first stage. None, and nothing is written, when it takes more than that: others
    have to be looked at, or the owner was taken meanwhile. Raises IntegrityError for a call that was written
    down before.
    """
    if facts.looks_at(now).everybody:
        return None
    known = situation(call, facts, (), now)
    step = next_step(known)
    if not isinstance(step, Ring) or needs_others(known, step):
        return None
    return _ring(connection, call, facts, known, step, deployment)


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
    known = situation(call, facts, steps, now, may_ring=places.may_ring(session, call.remote_e164))
    while isinstance(step := next_step(known), Ring):
        # Past the ORM, so what it has not written yet must be there.
        session.flush()
        rung = _ring(session.connection(), call, facts, known, step, deployment)
        if rung is not None:
            desk_events.ring_after_commit(session, *rung.bell)
            return rung.reply
        taken = replace(known.agents[step.agent], reachability=presence.Reachability.BUSY)
        known = replace(known, agents={**known.agents, step.agent: taken})
    return _without_ring(session, call, facts, known, step, deployment)


def ring_chosen(
    session: Session, call: Call, facts: Facts, known: Situation, step: Ring, deployment: Deployment
) -> bool:
    """Take a step that somebody chose for the call; False, and nothing is written, when they are taken."""
    rung = _ring(session.connection(), call, facts, known, step, deployment)
    if rung is not None:
        desk_events.ring_after_commit(session, *rung.bell)
    return rung is not None


# --- what is written of a step ------------------------------------------------------------------------


def _begun(call: AnyCall, known: Situation, step: Step) -> dict[str, Any]:
    """Return the columns of the call's next step."""
    return {
        "call_sid": call.sid,
        "number": call.step + 1,
        "kind": step.kind,
        "agent": getattr(step, "agent", None),
        "team": getattr(step, "team", None),
        "reason": step.reason.code,
        "reason_values": _plain(step.reason),
        "endpoint": step.endpoint.kind if isinstance(step, Ring) else "",
        "started_at": known.now,
        "declined_why": "",
        "rule_version": known.resolved.version,
        "rule": known.resolved.rule,
        "parameters": known.ladder.as_json(),
        "situation": kept.situation_as_json(known),
    }


def answered_as(number: int) -> str:
    """Return what asks for a step: for the first it is the call that comes in."""
    return INCOMING if number == 1 else f"step/{number}"


def _spoken(step: Step, facts: Facts, known: Situation, *, is_first: bool) -> list[str]:
    """Return what the caller hears first in a step."""
    return heard.in_words(heard.at_first(step, known, is_first=is_first), facts, known.now)


def _plain(sentence: Sentence) -> dict[str, str]:
    return {name: value for name, value in sentence.values.items() if isinstance(value, str)}


# --- a ring: the reservation and all that is written of it, in one statement ---------------------------

_OF_CALL = tuple(
    "sid remote_e164 line attestation customer case owner language state"
    " rule_version said created_at step".split()
)
_OF_STEP = tuple(
    "call_sid number kind agent reason reason_values endpoint started_at declined_why"
    " rule_version rule parameters situation".split()
)
_OF_ANSWER = ("call_sid", "request", "reply", "created_at")
_OF_LOOK = ("at", "what", "who", "via", "subjects", "details")
_waiting = table_of(Call).alias("waiting")
_STEP_AND_POP = [
    Rows(table_of(CallStep), _OF_STEP),
    Rows(table_of(Inbox), _OF_ANSWER),
    Rows(table_of(DeskEvent), ("agent", "kind", "data", "created_at"), taken={"number": "event_number"}),
    # That somebody's data are shown to the agent is written down with it: it is a look-up like any other.
    Rows(table_of(AuditPending), _OF_LOOK),
]
_RESERVATION = presence.reservation(
    # Unless somebody else was told to be the first whom this agent speaks.
    unless=exists().where(
        _waiting.c.waiting_since < bindparam("waits_since"),
        _waiting.c.waiting_for_agent == bindparam("who"),
        _waiting.c.sid != bindparam("for_sid"),
    )
)
_RING = Guarded(_RESERVATION, _STEP_AND_POP)
# Of a call that comes in it is also written that it is there.
_FIRST_RING = Guarded(_RESERVATION, [Rows(table_of(Call), _OF_CALL), *_STEP_AND_POP])
_WAITS_FOR_NOBODY = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)


@dataclass(frozen=True)
class Rung:
    """An agent's telephone will ring, and all of it is written down; `bell` is for the agent's desk."""

    reply: bytes
    bell: tuple[str, str]


def _ring(
    connection: Connection, call: AnyCall, facts: Facts, known: Situation, step: Ring, deployment: Deployment
) -> Rung | None:
    """Reserve the agent, and write the step, the screen-pop and the answer; None when somebody was quicker.

    A call that stands in no table yet is written along with them. When nothing is written the call is as it
    was, too.
    """
    number, zone = call.step + 1, facts.line.calendar.timezone
    said = _spoken(step, facts, known, is_first=number == 1)
    why = sentences.to_agent(step.reason)
    reason = sentences.words(why, facts.agents[step.agent].language, zone, known.now, kind="reason")
    reply = twiml.ring(
        said=said,
        language=facts.language,
        endpoint=step.endpoint,
        seconds=step.seconds,
        # The carrier refuses to pass on a number that it doesn't know; ours it does.
        caller_id=None if call.remote_e164 else call.line,
        parameters=screen_pop.parameters(call),
        addresses=twiml.Addresses(deployment.public_url, call.sid, number),
    )
    pop = screen_pop.screen_pop(call, facts, reason=reason, ring_expected=True)
    rows: list[Mapping[str, Any]] = [
        _begun(call, known, step),
        {
            "call_sid": call.sid,
            "request": answered_as(number),
            "reply": reply,
            "created_at": known.now,
        },
        {"agent": step.agent, "kind": "screen_pop", "data": pop, "created_at": known.now},
        audit.row_of_pop(step.agent, pop, known.now, call.remote_e164),
    ]
    rings = {
        "step": number,
        "state": CallState.RINGING,
        "language": facts.language,
        "said": sentences.with_said(call.said, said, known.now),
    }
    statement = _RING
    if number == 1:
        statement = _FIRST_RING
        of_call = {name: rings[name] if name in rings else getattr(call, name) for name in _OF_CALL}
        rows = [of_call, *rows]
    lease = timedelta(seconds=step.seconds) + LEASE_SLACK
    taking = presence.reserving(step.agent, call.sid, number, known.now, lease)
    waits_since = call.waiting_since if call.waiting_for_agent == step.agent else None
    event = statement.write(connection, taking | {"waits_since": waits_since or _WAITS_FOR_NOBODY}, rows)
    if event is None:
        return None
    lifecycle.move(call, CallState.RINGING)
    stop_waiting(call)
    for name, value in rings.items():
        setattr(call, name, value)
    return Rung(reply, desk_events.bell(step.agent, event))


def stop_waiting(call: AnyCall) -> None:
    call.waiting_for_agent = call.waiting_for_team = call.waiting_since = None


# --- every other step ---------------------------------------------------------------------------------


def _without_ring(
    session: Session, call: Call, facts: Facts, known: Situation, step: Step, deployment: Deployment
) -> bytes:
    row = CallStep(**_begun(call, known, step))
    call.step, call.language = row.number, facts.language
    said = sentences.told(call, _spoken(step, facts, known, is_first=row.number == 1), known.now)
    session.add(call)
    # The call stands before whatever refers to it.
    session.flush()
    session.add(row)
    addresses = twiml.Addresses(deployment.public_url, call.sid, call.step)
    match step:
        case Wait():
            reply = _wait(session, call, facts, step, said, known.now, addresses)
        case MakePromise():
            reply = _promise(session, call, facts, known, step, said, addresses)
            row.outcome, row.ended_at = StepOutcome.PROMISED, known.now
        case AskForNumber():
            lifecycle.move(call, CallState.PROMISING)
            reply = twiml.ask_for_number(said=said, language=call.language, action=addresses.of("number"))
        case Ask():
            expected = hints.at_open_question(session, facts.line.team)
            reply = twiml.ask_openly(
                said=said, language=call.language, action=addresses.of("asked"), hints=expected
            )
        case Ring():
            raise AssertionError("a ring is written with its reservation")
        case unknown:
            assert_never(unknown)
    request = answered_as(call.step)
    session.add(Inbox(call_sid=call.sid, request=request, reply=reply, created_at=known.now))
    return reply


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
        owe(*(session, call, facts, step.agent, step.due_at, "promise_while_waiting", now), to_review=False)
    if step.agent is not None:
        data = {"call_sid": call.sid, "state": str(CallState.WAITING), "customer": call.customer}
        desk_events.tell(session, step.agent, "call", data, now)
    waiting_for = f"agent {step.agent}" if step.agent else f"team {step.team}"
    return twiml.wait(said=said, language=call.language, waiting_for=waiting_for, addresses=addresses)


def _promise(
    session: Session,
    call: Call,
    facts: Facts,
    known: Situation,
    step: MakePromise,
    said: Sequence[str],
    addresses: twiml.Addresses,
) -> bytes:
    now = known.now
    lifecycle.move(call, CallState.PROMISING)
    stop_waiting(call)
    to_review = known.ladder.only == Only.REFUSE
    owe(*(session, call, facts, step.agent, step.due_at, f"{step.reason.code}", now), to_review=to_review)
    is_recorded = resolving.records_messages(known.ladder, facts.line)
    asked = heard.in_words([heard.what_about(is_recorded=is_recorded)], facts, now)
    said = [*said, *sentences.told(call, asked, now)]
    if is_recorded:
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
