"""The customer waits for a moment, and hears why: what the agent's hold does in their conversation."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.errors import NotNow
from app.records.calls import Call
from app.records.legs import CallLeg
from app.voice import handing_over, legs


def hold(session: Session, call: Call, agent: str, now: datetime, *, on: bool) -> None:
    """Let the customer wait with a sentence, or speak with the agent again; twice is once.

    The call is held by the caller of this function. Raises NotNow while it is handed over, which says by
    itself when the customer waits, and for whoever doesn't have the conversation.
    """
    handing_over.must_be_theirs(session, call, agent)
    if handing_over.going_on(session, call.sid) is not None:
        raise NotNow("hold_in_hand_over")
    if legs.room_of(session, call.sid) is None and not on:
        return
    room = legs.open_room(session, call, now)
    customer = session.get_one(CallLeg, (call.sid, legs.CUSTOMER))
    if customer.on_hold == on:
        return
    customer.hold(on=on)
    # Whoever is on hold isn't hung up on when the agent's line is cut.
    session.get_one(CallLeg, (call.sid, call.step)).closes_room = not on
    legs.wake(session, room, now)
    legs.tell(session, call, now)


def on_hold(session: Session, call: Call) -> CallLeg | None:
    """Return the customer's side while they are to wait; None when they aren't."""
    customer = session.get(CallLeg, (call.sid, legs.CUSTOMER), populate_existing=True)
    return customer if customer is not None and customer.left_at is None and customer.on_hold else None
