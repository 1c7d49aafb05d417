"""What do we answer when a call comes in? Gather the facts, decide, write it down, reply."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from app.callbacks import outcome
from app.callers.numbers import to_e164
from app.db import Reader
from app.deployment import Deployment
from app.lines import places
from app.promises import recordings
from app.records import lifecycle
from app.records.calls import INCOMING, Call, CallState, CallStep, Inbox, NewCall, Outcome, StepKind
from app.routing import reading
from app.routing.facts import Facts
from app.voice import ending, steps
from app.voice.owing import due_for, owe
from app.voice.steps import Rung, advance


@dataclass(frozen=True)
class IncomingCall:
    """What the carrier says of a call that comes in, in its own spelling."""

    sid: str
    from_raw: str
    to_raw: str
    attestation: str = ""


def ring_at_once(
    connection: Connection, incoming: IncomingCall, now: datetime, deployment: Deployment
) -> "Rung | Known":
    """Answer the usual call, of whose case the owner is free: one read and one write.

    Returns what was read when it takes more than that, or was answered before; then nothing was written.
    """
    known = look_up(connection, incoming, now, deployment)
    if known.facts.reply is not None:
        return known
    return steps.ring_at_once(connection, known.call(now), known.facts, now, deployment) or known


def answer(
    session: Session,
    known: "Known",
    now: datetime,
    deployment: Deployment,
    before: Sequence[CallStep] = (),
) -> bytes:
    """Return what the carrier is to do with a call of which so much is known; asked again, the same bytes.

    `before`: who was rung for its caller already, and is to be tried no more for now.
    """
    if known.facts.reply is not None:
        return known.facts.reply
    if known.facts.caller.promise is not None:
        # Whoever is about to ring them, or has begun to since that was read, is free to take their call.
        outcome.give_way(session, known.e164, now)
    facts = reading.complete(session, known.facts, known.incoming.sid, now)
    return advance(session, replace(known, facts=facts).call(now).row(), facts, before, now, deployment)


@dataclass(frozen=True)
class Known:
    """A call that comes in, the two numbers of it in E.164, and what is known about it."""

    incoming: IncomingCall
    line: str
    e164: str | None  # None for a caller whom no number identifies
    facts: Facts

    def call(self, now: datetime) -> NewCall:
        """Return the call, which stands in no table yet."""
        customer, case = self.facts.caller.customer, self.facts.caller.case
        return NewCall(
            sid=self.incoming.sid,
            remote_e164=self.e164,
            line=self.line,
            attestation=self.incoming.attestation[:60],
            customer=customer.key if customer else None,
            case=case.key if case else None,
            owner=self.facts.owner,
            language=self.facts.language,
            rule_version=self.facts.rules.version,
            created_at=now,
        )


def look_up(reader: Reader, incoming: IncomingCall, now: datetime, deployment: Deployment) -> Known:
    """Read the first stage of what is known of a call."""
    country = deployment.defaults.country
    line = to_e164(incoming.to_raw, country) or incoming.to_raw[:32]
    if not incoming.from_raw.startswith("+"):
        # A national form means what it means in the line's own country.
        country = places.country_of(reader, line) or country
    e164 = to_e164(incoming.from_raw, country)
    facts = reading.first(
        *(reader, incoming.sid, line, e164, now, deployment.defaults), attestation=incoming.attestation[:60]
    )
    return Known(incoming, line, e164, facts)


def _look_up_all(session: Session, incoming: IncomingCall, now: datetime, deployment: Deployment) -> Known:
    known = look_up(session, incoming, now, deployment)
    return replace(known, facts=reading.complete(session, known.facts, incoming.sid, now))


def note_missed(session: Session, incoming: IncomingCall, now: datetime, deployment: Deployment) -> None:
    """Write down a call that ended without our ever having answered it; its caller is owed a callback."""
    call = _look_up_all(session, incoming, now, deployment).call(now).row()
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
    call = _look_up_all(session, incoming, now, deployment).call(now).row()
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
        facts = reading.of_call(session, call, now, deployment.defaults)
        due = due_for(session, call, facts, now)
        why = "promise_nobody" if places.may_ring(session, call.remote_e164) else "promise_hidden"
        owe(session, call, facts, facts.owner, due, why, now)
    recordings.arrived(session, call, recording_sid, seconds, now)
    if call.state == CallState.ENDED and call.outcome == Outcome.MISSED_PROMISED:
        call.outcome = Outcome.PROMISED  # the end was told first; the caller heard what was promised
    elif call.state in (CallState.RINGING, CallState.WAITING):
        lifecycle.move(call, CallState.PROMISING)


def answered_before(session: Session, sid: str) -> bytes | None:
    """Return what was answered when this call came in, None when it wasn't yet."""
    return session.scalar(select(Inbox.reply).where(Inbox.call_sid == sid, Inbox.request == INCOMING))
