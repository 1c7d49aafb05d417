"""What does the carrier say of a conversation that we placed, once it is in a room?

The agent's telephone has dialled the customer's. While the two are put through, callbacks/ knows all about
it; in a room it is the room's to say who is there, and only the customer's leaving ends the call.
"""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.callbacks import agent_leg as agents_side
from app.callbacks import customer_leg as customers_side
from app.callbacks import late_news
from app.callbacks.late_news import ASK_AGAIN_AFTER, Standing
from app.callbacks.leases import TALKING
from app.carrier import twiml
from app.carrier.words import CARRIER_SAYS_ENDED, DialEnded
from app.deployment import Deployment
from app.promises import attempts
from app.records.calls import Call
from app.records.legs import CallLeg
from app.records.promises import Promise, PromiseAttempt
from app.voice import last_word, legs, rooms, went_on
from app.voice.held import held


def _in_room(session: Session, call_sid: str) -> tuple[PromiseAttempt, Promise, Call] | None:
    """Return a callback that is in a room, held; None for any other."""
    found = attempts.held(session, call_sid)
    if found is None or legs.room_of(session, call_sid) is None:
        return None
    return *found, held(session, call_sid)


def agent_leg(
    session: Session, call_sid: str, status: str, leg_sid: str, now: datetime, deployment: Deployment
) -> None:
    """The telephone of whoever was rung for it rings, was picked up, or is put down again."""
    found = _in_room(session, call_sid)
    if found is None:
        agents_side.agent_leg(session, call_sid, status, leg_sid, now)
        return
    attempt, _, call = found
    leg = session.get(CallLeg, (call_sid, attempts.STEP))
    if leg is not None and status in CARRIER_SAYS_ENDED:
        attempt.agent_left_at = attempt.agent_left_at or now
        rooms.left(session, call, leg, now, deployment, call_status=status)
    _look(session, call_sid, now)


def customer_leg(
    session: Session,
    call_sid: str,
    status: str,
    leg_sid: str,
    answered_by: str,
    seconds: int | None,
    now: datetime,
    deployment: Deployment,
) -> None:
    """How the customer's telephone stands, and whether somebody or something answered it.

    `seconds` is the carrier's CallDuration, counted from the answer.
    """
    if status in CARRIER_SAYS_ENDED and session.get(Call, leg_sid) is not None:
        # All of ours had left them, and they had gone on as a caller of their own.
        last_word.status(session, leg_sid, status, now, deployment)
    found = _in_room(session, call_sid)
    if found is None:
        customers_side.customer_leg(session, call_sid, status, leg_sid, answered_by, seconds, now)
    else:
        attempt, promise, call = found
        attempt.customer_leg = attempt.customer_leg or leg_sid or None
        customers_side.heard_who_answered(session, attempt, promise, answered_by, now)
        _customer_stands(session, attempt, call, status, seconds, now, deployment)


def ended(
    session: Session, call_sid: str, dial: DialEnded, answered_by: str, now: datetime, deployment: Deployment
) -> bytes:
    """The agent's telephone asks what is next, its ring at the customer or their conversation being over.

    In a room it follows the customer's, which was redirected there.
    """
    found = _in_room(session, call_sid)
    if found is None:
        return customers_side.ended(session, call_sid, dial, answered_by, now, deployment)
    attempt, promise, call = found
    customers_side.heard_who_answered(session, attempt, promise, answered_by, now)
    if dial.call_status not in CARRIER_SAYS_ENDED:
        document = rooms.follows(session, call, now, deployment)
        if document is not None:
            return document
    return twiml.farewell(said=(), language=deployment.defaults.language)


def stands(
    session: Session, call_sid: str, standing: Standing, now: datetime, deployment: Deployment
) -> None:
    """Apply the carrier's own account of a callback whose news is late: of one in a room, the customer's."""
    found = _in_room(session, call_sid)
    if found is None:
        late_news.stands(session, call_sid, standing, now)
        return
    attempt, promise, call = found
    customer = standing.customer
    attempt.lease_until = now + (TALKING if standing.answered else ASK_AGAIN_AFTER)
    if customer is None:
        return
    customers_side.heard_who_answered(session, attempt, promise, customer.answered_by, now)
    _customer_stands(session, attempt, call, customer.status, customer.seconds, now, deployment)


def _customer_stands(
    session: Session,
    attempt: PromiseAttempt,
    call: Call,
    status: str,
    seconds: int | None,
    now: datetime,
    deployment: Deployment,
) -> None:
    if status not in CARRIER_SAYS_ENDED:
        return
    if status == "completed" and seconds and attempt.ended_at is None:
        customers_side.put_through(session, attempt, now - timedelta(seconds=seconds))
    leg = session.get_one(CallLeg, (call.sid, legs.CUSTOMER))
    rooms.left(session, call, leg, now, deployment, call_status=status)
    _look(session, call.sid, now)


def goes_on(session: Session, call_sid: str, now: datetime, deployment: Deployment) -> bytes:
    """The customer's telephone asks what is next, all of ours having left them."""
    return went_on.reply(session, held(session, call_sid), now, deployment)


def _look(session: Session, call_sid: str, now: datetime) -> None:
    room = legs.room_of(session, call_sid)
    if room is not None:
        legs.wake(session, room, now)
