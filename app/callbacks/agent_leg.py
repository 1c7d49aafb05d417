"""What does whoever is to ring back hear and do? The agent's side of a callback."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.agents import presence
from app.agents.profile import language_of
from app.callbacks import briefing
from app.callbacks.leases import LAST_NEWS, RINGING, TALKING
from app.callbacks.outcome import AFTER_CUSTOMER_RANG, is_over, wrap_up_seconds
from app.carrier import twiml
from app.carrier.words import AT_ONCE, CARRIER_SAYS_ENDED
from app.catalogue import text
from app.deployment import Deployment
from app.lines import places
from app.promises import attempts
from app.promises.attempts import STEP, is_calling_in
from app.records.calls import Call, CallStep
from app.records.promises import AttemptOutcome, Promise, PromiseAttempt

CUSTOMER_RING_SECONDS = 35


def agent_leg(session: Session, call_sid: str, status: str, leg_sid: str, now: datetime) -> None:
    """The agent's telephone rings, was picked up, or is put down again."""
    found = attempts.held(session, call_sid)
    if found is None:
        return
    attempt, promise = found
    attempt.agent_leg = attempt.agent_leg or leg_sid[:64] or None
    if attempt.ended_at is not None:
        if status not in CARRIER_SAYS_ENDED:
            attempts.end_agent_leg(session, attempt, now)
        return
    step = session.get_one(CallStep, (call_sid, STEP))
    if status in CARRIER_SAYS_ENDED:
        _agent_leg_is_over(session, attempt, promise, step, status, now)
    elif status == "ringing" and step.rang_at is None:
        step.rang_at, step.leg_sid = now, attempt.agent_leg
        attempt.lease_until = now + RINGING
        at_desk = attempt.address.startswith("client:")
        presence.rings(session, attempt.agent, call_sid, STEP, now, at_desk=at_desk)
        attempts.tell_agent(session, attempt, "ringing", now)


def _agent_leg_is_over(
    session: Session, attempt: PromiseAttempt, promise: Promise, step: CallStep, status: str, now: datetime
) -> None:
    if attempt.accepted_at is None:
        attempt.agent_left_at = now
        at_once = step.rang_at is None and now - step.started_at < AT_ONCE
        is_over(session, attempt, promise, not_taken(status, at_once), now)
        return
    has_dropped = status == "failed" and attempt.bridged_at is not None and attempt.talked_until is None
    if has_dropped and not attempt.machine:
        attempt.agent_left_at = now
        is_over(session, attempt, promise, AttemptOutcome.DROPPED, now)
        return
    # What became of the customer's side is still to be told; the agent is free from now on.
    attempt.agent_left_at = attempt.agent_left_at or now
    attempt.lease_until = min(attempt.lease_until, now + LAST_NEWS)
    attempts.free_agent(session, attempt, None, now, wrap_up_seconds(session, attempt))


def not_taken(status: str, at_once: bool) -> AttemptOutcome:
    match status:
        case "busy":
            return AttemptOutcome.AGENT_DECLINED
        case "no-answer" if not at_once:
            return AttemptOutcome.AGENT_NO_ANSWER
        case "completed":
            return AttemptOutcome.AGENT_NO_ANSWER  # a voicemail, or somebody who said nothing
        case "canceled":
            return AttemptOutcome.AGENT_LEFT
        case _:
            return AttemptOutcome.AGENT_FAILED


def picked_up(session: Session, call_sid: str, now: datetime, deployment: Deployment) -> bytes:
    """The agent's telephone was picked up: a desk is a human, an ordinary phone is asked for one."""
    found = attempts.held(session, call_sid)
    if found is None:
        return twiml.farewell(said=(), language=deployment.defaults.language)
    attempt, promise = found
    if attempt.address.startswith("client:") or attempt.accepted_at is not None:
        return _connect(session, attempt, promise, now, deployment)
    language = language_of(session, attempt.agent)
    if attempt.ended_at is not None:
        return no_longer_needed(language)
    return twiml.whisper_at(
        said=text(f"promise.{_whisper(attempt, promise)}", language),
        language=language,
        action=address(deployment.public_url, call_sid, "accept"),
    )


def _whisper(attempt: PromiseAttempt, promise: Promise) -> str:
    """Say whose callback it is; nothing of the customer, since a voicemail may be listening.

    Nor that the agent promised it: it may have been handed to them, or asked for by another system.
    """
    if promise.agent is None:
        return "whisper_team"
    return "whisper" if promise.agent == attempt.agent else "whisper_colleague"


def accept(
    session: Session, call_sid: str, digits: str, speech_result: str, now: datetime, deployment: Deployment
) -> bytes:
    """Whoever picked up an ordinary phone takes the callback, or doesn't."""
    found = attempts.held(session, call_sid)
    if found is None:
        return twiml.farewell(said=(), language=deployment.defaults.language)
    attempt, promise = found
    if twiml.is_yes(digits, speech_result) or attempt.accepted_at is not None:
        return _connect(session, attempt, promise, now, deployment)
    if attempt.ended_at is None:
        # A key or a word is a human's; a machine goes on talking.
        is_human = bool(digits.strip()) or 0 < len(speech_result.split()) <= 2
        outcome = AttemptOutcome.AGENT_DECLINED if is_human else AttemptOutcome.AGENT_NO_ANSWER
        is_over(session, attempt, promise, outcome, now)
    return twiml.farewell(said=(), language=language_of(session, attempt.agent))


def _connect(
    session: Session, attempt: PromiseAttempt, promise: Promise, now: datetime, deployment: Deployment
) -> bytes:
    """Ring the customer. Asked again, it answers the same, and nobody is rung twice."""
    language = language_of(session, attempt.agent)
    if attempt.ended_at is not None:
        return no_longer_needed(language)
    call = session.get_one(Call, attempt.call_sid)
    if attempt.accepted_at is None:
        if is_calling_in(session, promise.number):
            is_over(session, attempt, promise, AttemptOutcome.CUSTOMER_RANG, now)
            promise.next_at = now + AFTER_CUSTOMER_RANG
            return no_longer_needed(language)
        if not _may_dial(session, promise, now):
            is_over(session, attempt, promise, AttemptOutcome.CALLED_OFF, now)
            return no_longer_needed(language)
        attempt.accepted_at = attempt.dialled_at = now
        attempt.lease_until = now + timedelta(seconds=CUSTOMER_RING_SECONDS) + TALKING
        session.get_one(CallStep, (attempt.call_sid, STEP)).answered_at = now
        presence.talks(session, attempt.agent, attempt.call_sid, STEP, now)
        attempts.tell_agent(session, attempt, "accepted", now)
    return twiml.connect_customer(
        said=_before_the_customer(session, attempt, promise, call, language),
        language=language,
        number=attempt.number,
        line=call.line,
        seconds=CUSTOMER_RING_SECONDS,
        action=address(deployment.public_url, attempt.call_sid, "ended"),
        status_url=address(deployment.public_url, attempt.call_sid, "customer"),
    )


def _before_the_customer(
    session: Session, attempt: PromiseAttempt, promise: Promise, call: Call, language: str
) -> list[str]:
    """Say what an agent without a card needs to know; at a desk the card says it, and sooner."""
    if attempt.address.startswith("client:") or attempt.accepted_at is None:
        return [text("promise.connecting", language)]
    zone = places.zone_of(session, promise.line)
    return briefing.of(session, promise, call, language, zone, attempt.accepted_at)


def _may_dial(session: Session, promise: Promise, now: datetime) -> bool:
    """Ask again at the last moment: the policy may have changed, the day's number of dials be used up."""
    return (
        promise.number is not None
        and places.may_ring(session, promise.number)
        and len(attempts.dials_lately(session, promise.number, now)) < attempts.MOST_DIALS
    )


def no_longer_needed(language: str) -> bytes:
    return twiml.farewell(said=[text("promise.over", language)], language=language)


def address(public_url: str, call_sid: str, what: str) -> str:
    """Return where the carrier reports on a callback."""
    return f"{public_url}/voice/callbacks/{call_sid}/{what}"


def decline(session: Session, call_sid: str, agent: str, why: str, now: datetime) -> bool:
    """The agent doesn't take the callback now; False when there is nothing left to decline."""
    found = attempts.held(session, call_sid)
    if found is None:
        return False
    attempt, promise = found
    if attempt.agent != agent or attempt.accepted_at is not None or attempt.ended_at is not None:
        return False
    session.get_one(CallStep, (call_sid, STEP)).declined_why = why
    is_over(session, attempt, promise, AttemptOutcome.AGENT_DECLINED, now)
    return True


def could_not_go_on(session: Session, call_sid: str, now: datetime) -> None:
    """The agent took it and heard that it can't be done just now: our failure, so not their refusal."""
    found = attempts.held(session, call_sid)
    if found is not None and found[0].ended_at is None and found[0].accepted_at is None:
        is_over(session, *found, AttemptOutcome.CALLED_OFF, now, ends_leg=False)
