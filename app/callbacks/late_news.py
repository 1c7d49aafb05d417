"""What if news of a callback does not come? The carrier is asked how it stands."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.callbacks.agent_leg import not_taken
from app.callbacks.customer_leg import came_to, heard_who_answered, outcome_of, put_through
from app.callbacks.leases import LAST_NEWS, TALKING
from app.callbacks.outcome import is_over
from app.callbacks.placing import address_with_call
from app.carrier.rest import CarrierCall
from app.carrier.words import CARRIER_SAYS_ENDED
from app.db import Moment
from app.promises import attempts
from app.records.calls import Call
from app.records.promises import AttemptOutcome, Promise, PromiseAttempt

ASK_AGAIN_AFTER = timedelta(seconds=30)
# The carrier looks for a machine for at most half a minute after the answer, and may tell a little later.
# https://www.twilio.com/docs/voice/answering-machine-detection, MachineDetectionTimeout
VERDICT_WITHIN = timedelta(seconds=35)
VERDICT_AGAIN_AFTER = timedelta(seconds=5)
# With no word from the carrier for so long the try is over, whatever it was.
GIVEN_UP_AFTER = timedelta(minutes=10)


@dataclass(frozen=True)
class Overdue:
    call_sid: str
    agent_leg: str | None
    address: str
    asked_at: datetime | None
    customer_leg: str | None = None


def late(now: Moment) -> Select[PromiseAttempt, Call]:
    """Return the tries of which news should have come, and their calls."""
    return (
        select(PromiseAttempt, Call)
        .join(Call, Call.sid == PromiseAttempt.call_sid)
        .where(PromiseAttempt.ended_at.is_(None), PromiseAttempt.lease_until < now)
        .order_by(PromiseAttempt.lease_until)
    )


def overdue(session: Session, now: datetime, limit: int = 20) -> list[Overdue]:
    """Return the tries of which news should have come."""
    rows = session.execute(late(now).limit(limit)).all()
    return [_known(attempt, call) for attempt, call in rows]


def of(session: Session, call_sid: str) -> Overdue | None:
    """Return by which names the carrier knows a callback; None for a name that we never gave."""
    tried = select(PromiseAttempt, Call).join(Call, Call.sid == PromiseAttempt.call_sid)
    found = session.execute(tried.where(PromiseAttempt.call_sid == call_sid)).one_or_none()
    return _known(*found) if found is not None else None


def _known(attempt: PromiseAttempt, call: Call) -> Overdue:
    return Overdue(
        attempt.call_sid,
        attempt.agent_leg,
        address_with_call(attempt, call),
        attempt.asked_at,
        attempt.customer_leg,
    )


@dataclass(frozen=True)
class Standing:
    """What the carrier says of a try; `agent` is None when it never rang anybody, or doesn't answer."""

    answered: bool
    agent: CarrierCall | None = None
    customer: CarrierCall | None = None


def stands(session: Session, call_sid: str, standing: Standing, now: datetime) -> None:
    """Apply the carrier's own account of a try whose news is late."""
    found = attempts.held(session, call_sid)
    if found is None or found[0].ended_at is not None:
        return
    attempt, promise = found
    customer = standing.customer
    if customer is not None:
        heard_who_answered(session, attempt, promise, customer.answered_by, now)
    if attempt.talked_until is not None:
        if attempt.ended_at is None:
            _nobody_says_who_answered(session, attempt, promise, customer, now)
        return
    given_up = now - max(attempt.started_at, attempt.bridged_at or attempt.started_at) > GIVEN_UP_AFTER
    if not standing.answered:
        attempt.lease_until = now + ASK_AGAIN_AFTER
        if given_up and attempt.bridged_at is None:
            is_over(session, attempt, promise, AttemptOutcome.CALLED_OFF, now)
        return
    if standing.agent is None:
        is_over(session, attempt, promise, AttemptOutcome.CALLED_OFF, now)
        return
    attempt.agent_leg = attempt.agent_leg or standing.agent.sid
    if standing.agent.status not in CARRIER_SAYS_ENDED:
        attempt.lease_until = now + TALKING
        if customer is not None and customer.status == "in-progress":
            put_through(session, attempt, now)
        return
    if attempt.accepted_at is None:
        is_over(session, attempt, promise, not_taken(standing.agent.status, False), now)
    elif customer is None:
        is_over(session, attempt, promise, AttemptOutcome.AGENT_LEFT, now)
    elif customer.status in CARRIER_SAYS_ENDED:
        agent_is_gone = attempt.agent_left_at is not None
        seconds = customer.seconds
        if seconds is None and customer.status == "completed" and attempt.bridged_at is None:
            seconds = 0
        outcome = outcome_of(session, attempt, customer.status, None, seconds, agent_is_gone, now)
        came_to(session, attempt, promise, outcome, now, ends_leg=True)
    else:
        attempt.lease_until = now + LAST_NEWS


def _nobody_says_who_answered(
    session: Session,
    attempt: PromiseAttempt,
    promise: Promise,
    customer: CarrierCall | None,
    now: datetime,
) -> None:
    """Ask again for a while; then go by what is known, which is nothing while the carrier can't be asked."""
    since = attempt.talked_until or now
    answered_at = attempt.bridged_at or since
    if customer is not None and now - answered_at >= VERDICT_WITHIN:
        # It can't tell, which it mostly calls `unknown`: they were put through long enough to talk.
        is_over(session, attempt, promise, AttemptOutcome.KEPT, now, ends_leg=False)
    elif now - since >= GIVEN_UP_AFTER:
        is_over(session, attempt, promise, AttemptOutcome.UNCLEAR, now, ends_leg=False)
    else:
        attempt.lease_until = now + VERDICT_AGAIN_AFTER
