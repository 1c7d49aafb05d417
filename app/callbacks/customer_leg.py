"""Was the customer reached? The customer's side of a callback."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.agents.profile import language_of
from app.callbacks import verdict
from app.callbacks.leases import LAST_NEWS, TALKING
from app.callbacks.outcome import (
    AFTER_CUSTOMER_RANG,
    AT_THE_CUSTOMER,
    is_over,
    take_back,
    wrap_up_seconds,
)
from app.carrier import twiml
from app.carrier.words import CARRIER_SAYS_ENDED, DialEnded
from app.catalogue import text
from app.deployment import Deployment
from app.promises import attempts
from app.records import lifecycle
from app.records.calls import Call, CallState
from app.records.promises import AttemptOutcome, Promise, PromiseAttempt


def customer_leg(
    session: Session,
    call_sid: str,
    status: str,
    leg_sid: str,
    answered_by: str,
    seconds: int | None,
    now: datetime,
) -> None:
    """The customer's telephone rings, was answered by somebody or something, or is put down.

    `seconds` is the carrier's CallDuration, counted from the answer.
    """
    found = attempts.held(session, call_sid)
    if found is None:
        return
    attempt, promise = found
    attempt.customer_leg = attempt.customer_leg or leg_sid[:64] or None
    heard_who_answered(session, attempt, promise, answered_by, now)
    if attempt.ended_at is not None or attempt.talked_until is not None:
        return
    if status == "in-progress" and attempt.bridged_at is None:
        put_through(session, attempt, now)
    elif status == "completed" and (seconds or 0) >= verdict.KEPT_FROM_SECONDS:
        put_through(session, attempt, now - timedelta(seconds=seconds or 0))
        came_to(session, attempt, promise, verdict.of(session, attempt, seconds or 0), now)
    elif status in CARRIER_SAYS_ENDED:
        # The agent's side tells what it means; should that be lost, the carrier is asked.
        attempt.lease_until = min(attempt.lease_until, now + LAST_NEWS)


def put_through(session: Session, attempt: PromiseAttempt, since: datetime) -> None:
    """They talk since then, or since before, as other news has it: news comes late, never too early."""
    call = session.get_one(Call, attempt.call_sid)
    if attempt.bridged_at is not None:
        attempt.bridged_at = min(attempt.bridged_at, since)
        if call.step == attempts.STEP:  # else a colleague has them by now, since later
            call.bridged_at = attempt.bridged_at
        return
    attempt.bridged_at = since
    attempt.lease_until = since + TALKING
    lifecycle.move(call, CallState.TALKING)
    call.bridged_to, call.bridged_at = attempt.agent, since
    attempts.tell_agent(session, attempt, "talking", since)


def heard_who_answered(
    session: Session, attempt: PromiseAttempt, promise: Promise, answered_by: str, now: datetime
) -> None:
    """The carrier says who answered, or nothing: what waited for it is decided, what it denies weighed anew.

    It tells while the two already talk, so this may come before or after their end, or not at all.
    """
    if not answered_by or attempt.machine:
        return
    attempt.machine = verdict.is_machine(answered_by)
    if attempt.machine or attempt.answered_by != verdict.HUMAN:
        attempt.answered_by = answered_by[:30]
    until = attempt.talked_until or attempt.ended_at
    if until is None or attempt.bridged_at is None:
        return
    outcome = verdict.of(session, attempt, (until - attempt.bridged_at).total_seconds())
    if attempt.ended_at is None and outcome is not None:
        is_over(session, attempt, promise, outcome, now, ends_leg=False)
    elif attempt.machine and attempt.outcome == AttemptOutcome.KEPT and outcome != attempt.outcome:
        take_back(session, attempt, promise, outcome or AttemptOutcome.UNCLEAR, now)


def came_to(
    session: Session,
    attempt: PromiseAttempt,
    promise: Promise,
    outcome: AttemptOutcome | None,
    now: datetime,
    *,
    ends_leg: bool = False,
) -> None:
    """Close a try of which the outcome is known; with None the agent is free, and the carrier is asked."""
    if outcome is not None:
        is_over(session, attempt, promise, outcome, now, ends_leg=ends_leg)
        return
    attempt.talked_until = now
    attempt.lease_until = now
    wrap_up = max(wrap_up_seconds(session, attempt), attempts.TELEPHONE_BUSY_SECONDS)
    attempts.free_agent(session, attempt, None, now, wrap_up)
    if ends_leg and attempt.agent_left_at is None:
        attempts.end_agent_leg(session, attempt, now)


def talked_in_room(
    session: Session, call_sid: str, now: datetime, *, dropped: bool = False, goes_on: bool = False
) -> None:
    """A conversation that went on in a room is over; what it came to is said at once.

    Who might have answered is no question any more once an agent had them wait, or somebody else hear them;
    should it have been a machine all the same, that is weighed when the carrier says so. `goes_on`: the
    customer is on the line still, and goes on to somebody else as if they had rung us.
    """
    found = attempts.held(session, call_sid)
    if found is None or found[0].ended_at is not None:
        return
    attempt, promise = found
    if dropped and not attempt.machine:
        is_over(session, attempt, promise, AttemptOutcome.DROPPED, now, ends_leg=False)
        return
    since = attempt.bridged_at or now
    outcome = verdict.of(session, attempt, (now - since).total_seconds()) or AttemptOutcome.KEPT
    if goes_on and outcome != AttemptOutcome.KEPT:
        is_over(session, attempt, promise, AttemptOutcome.CUSTOMER_RANG, now, ends_leg=False)
        promise.next_at = now + AFTER_CUSTOMER_RANG
        return
    is_over(session, attempt, promise, outcome, now, ends_leg=False)


def ended(
    session: Session, call_sid: str, dial: DialEnded, answered_by: str, now: datetime, deployment: Deployment
) -> bytes:
    """The ring at the customer is over, or the conversation; the agent hears what there is to say."""
    found = attempts.held(session, call_sid)
    if found is None:
        return twiml.farewell(said=(), language=deployment.defaults.language)
    attempt, promise = found
    heard_who_answered(session, attempt, promise, answered_by, now)
    is_told = attempt.ended_at is not None or attempt.talked_until is not None
    if not is_told and attempt.accepted_at is not None:
        # How the agent's leg stood as this was sent, whatever of it has overtaken this since.
        left_before = attempt.agent_left_at is not None and not dial.call_status
        agent_is_gone = left_before or dial.call_status in CARRIER_SAYS_ENDED
        outcome = outcome_of(session, attempt, dial.status, dial.bridged, dial.seconds, agent_is_gone, now)
        came_to(session, attempt, promise, outcome, now)
    language = language_of(session, attempt.agent)
    said = []
    if attempt.outcome == AttemptOutcome.DROPPED:
        said = [text("promise.ringing_again", language)]
    elif attempt.outcome in AT_THE_CUSTOMER:
        said = [text("promise.not_reached", language)]
    return twiml.farewell(said=said, language=language)


def outcome_of(
    session: Session,
    attempt: PromiseAttempt,
    status: str,
    bridged: bool | None,
    seconds: int | None,
    agent_is_gone: bool,
    now: datetime,
) -> AttemptOutcome | None:
    """Read how the customer's side ended; an unknown word is a failure, never a conversation.

    None when they were put through and nobody has said whether to a human.
    """
    match status:
        case "failed" if attempt.bridged_at is not None and not attempt.machine:
            return AttemptOutcome.DROPPED
        case "completed" | "answered" if bridged is not False:
            since = attempt.bridged_at or now
            lasted = seconds if seconds is not None else (now - since).total_seconds()
            put_through(session, attempt, now - timedelta(seconds=lasted))
            return verdict.of(session, attempt, lasted)
        case "no-answer" | "canceled" | "completed" if agent_is_gone:
            return AttemptOutcome.AGENT_LEFT
        case "no-answer" | "canceled" | "completed":
            return AttemptOutcome.NO_ANSWER
        case "busy":
            return AttemptOutcome.BUSY
        case _:
            return AttemptOutcome.FAILED
