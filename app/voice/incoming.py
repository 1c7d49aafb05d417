"""What do we answer when a call comes in? Gather the facts, decide, write it down, reply."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from app.callbacks import outcome
from app.callers.numbers import may_be_called, to_e164
from app.db import Reader
from app.deployment import Deployment
from app.lines import places
from app.lines.hours import due_at
from app.promises import recordings
from app.records import lifecycle
from app.records.calls import Call, CallState, CallStep, Inbox, Outcome, StepKind
from app.routing import facts as known_facts
from app.routing.facts import Facts
from app.voice import ending, steps
from app.voice.owing import owe
from app.voice.steps import Rung, advance


@dataclass(frozen=True)
class IncomingCall:
    """What the carrier says of a call that comes in, in its own spelling."""

    sid: str
    from_raw: str
    to_raw: str
    attestation: str = ""


def answer(session: Session, incoming: IncomingCall, now: datetime, deployment: Deployment) -> bytes:
    """Return what the carrier is to do with a call; the same call asked again gets the same bytes."""
    line, e164 = _numbers(session, incoming, deployment)
    facts = known_facts.read(session, incoming.sid, line, e164, now, deployment.defaults)
    if facts.reply is not None:
        return facts.reply
    if facts.caller.promise is not None and outcome.give_way(session, e164, now):
        # Whoever was about to ring them is free to take their call.
        facts = known_facts.read(session, incoming.sid, line, e164, now, deployment.defaults)
    call = _call(incoming, line, e164, facts, now)
    reply = advance(session, call, facts, (), now, deployment)
    session.add(Inbox(call_sid=incoming.sid, request="incoming", reply=reply, created_at=now))
    return reply


def ring_at_once(
    connection: Connection, incoming: IncomingCall, now: datetime, deployment: Deployment
) -> Rung | bytes | None:
    """Answer the usual call, of whose case the owner is free: one read and one write.

    Bytes for a call that was answered before; None when it takes `answer`, and then nothing was written.
    """
    line, e164 = _numbers(connection, incoming, deployment)
    facts = known_facts.read_of_owner(connection, incoming.sid, line, e164, now, deployment.defaults)
    if facts is None:
        return None
    if facts.reply is not None:
        return facts.reply
    call = _call(incoming, line, e164, facts, now)
    return steps.ring_at_once(connection, call, facts, now, deployment)


def note_missed(session: Session, incoming: IncomingCall, now: datetime, deployment: Deployment) -> None:
    """Write down a call that ended without our ever having answered it; its caller is owed a callback."""
    line, e164 = _numbers(session, incoming, deployment)
    facts = known_facts.read(session, incoming.sid, line, e164, now, deployment.defaults)
    call = _call(incoming, line, e164, facts, now)
    session.add(call)
    session.flush()
    ending.finish(session, call, now, deployment)


def note_degraded(
    session: Session,
    incoming: IncomingCall,
    now: datetime,
    deployment: Deployment,
    reason: str = "degraded",
) -> None:
    """Write down a call that was answered while the database was gone; the carrier tells how it ended."""
    line, e164 = _numbers(session, incoming, deployment)
    facts = known_facts.read(session, incoming.sid, line, e164, now, deployment.defaults)
    call = _call(incoming, line, e164, facts, now)
    call.step = 1
    # Whatever was said after the tone: should news of it be lost, the carrier is asked.
    call.recording_asked_at = now
    session.add(call)
    session.flush()
    step = CallStep(call_sid=call.sid, number=1, kind=StepKind.FALLBACK, reason=reason, started_at=now)
    step.reason_values = {}
    session.add(step)
    session.flush()


def note_message(
    session: Session,
    call: Call,
    recording_sid: str,
    seconds: int | None,
    now: datetime,
    deployment: Deployment,
) -> None:
    """The caller left a message, which is owed an answer; also that of a caller whom nobody can ring."""
    if call.promise is None:
        facts = known_facts.read(session, call.sid, call.line, call.from_e164, now, deployment.defaults)
        due = due_at(facts.line.calendar, now, facts.rules.ladder.promise_minutes)
        why = "promise_nobody" if may_be_called(call.from_e164) else "promise_hidden"
        owe(session, call, facts, facts.owner, due, why, now)
    recordings.arrived(session, call, recording_sid, seconds, now)
    if call.state == CallState.ENDED and call.outcome == Outcome.MISSED_PROMISED:
        call.outcome = Outcome.PROMISED  # the end was told first; the caller heard what was promised
    elif call.state in (CallState.RINGING, CallState.WAITING):
        lifecycle.move(call, CallState.PROMISING)


def _numbers(session: Reader, incoming: IncomingCall, deployment: Deployment) -> tuple[str, str | None]:
    """Return the line's number and the caller's, in E.164; None for a caller whom no number identifies."""
    country = deployment.defaults.country
    line = to_e164(incoming.to_raw, country) or incoming.to_raw[:32]
    if not incoming.from_raw.startswith("+"):
        # A national form means what it means in the line's own country.
        country = places.country_of(session, line) or country
    return line, to_e164(incoming.from_raw, country)


def _call(incoming: IncomingCall, line: str, e164: str | None, facts: Facts, now: datetime) -> Call:
    customer, case = facts.caller.customer, facts.caller.case
    return Call(
        sid=incoming.sid,
        from_e164=e164,
        line=line,
        attestation=incoming.attestation[:60],
        customer=customer.key if customer else None,
        case=case.key if case else None,
        owner=facts.owner,
        language=facts.language,
        state=CallState.RINGING,
        rule_version=facts.rules.version,
        situation={},
        said=[],
        created_at=now,
        step=0,
    )


def answered_before(session: Session, sid: str) -> bytes | None:
    """Return what was answered when this call came in, None when it wasn't yet."""
    return session.scalar(select(Inbox.reply).where(Inbox.call_sid == sid, Inbox.request == "incoming"))
