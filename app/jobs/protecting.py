"""How is a caller warned, and how does a conversation end politely? What the carrier is asked for it."""

import logging

from sqlalchemy import select

from app import db
from app.callbacks import agent_leg
from app.carrier.rest import Carrier
from app.carrier.twiml import Addresses
from app.errors import CarrierError
from app.promises import attempts
from app.records.calls import Call, CallState
from app.records.promises import PromiseAttempt
from app.voice import legs

log = logging.getLogger(__name__)


def warn(carrier: Carrier, public_url: str, call_sid: str) -> str:
    """Let the caller alone hear the warning, once they are in the room; return what came of it.

    Raises CarrierError while they aren't there yet: it is tried again in a moment.
    """
    with db.reading() as session:
        call = session.get(Call, call_sid)
        room = legs.room_of(session, call_sid)
        customer = next(iter(legs.of_call(session, call_sid)), None)
    if call is None or call.state != CallState.TALKING or room is None or customer is None:
        return "over by now"
    if room.conference_sid is None or not customer.is_there:
        raise CarrierError(None)
    carrier.announce(room.conference_sid, customer.label, _address(public_url, call, "warning"))
    return "warned"


def _address(public_url: str, call: Call, what: str) -> str:
    if attempts.is_callback(call.sid):
        return agent_leg.address(public_url, call.sid, what)
    return Addresses(public_url, call.sid, call.step).of(what)


def end_politely(carrier: Carrier, public_url: str, call_sid: str) -> str:
    """Let the caller hear goodbye, which ends their side and so the conversation; say what came of it."""
    with db.reading() as session:
        call = session.get(Call, call_sid)
        in_room = legs.room_of(session, call_sid) is not None
        customer = next(iter(legs.of_call(session, call_sid)), None) if in_room else None
        rung = select(PromiseAttempt.customer_leg).where(PromiseAttempt.call_sid == call_sid)
        # Who rings us has the call's own side; who is rung back the one that the agent's telephone dialled.
        outside = session.scalar(rung) if attempts.is_callback(call_sid) else call_sid
    if call is None or call.state != CallState.TALKING:
        return "over by now"
    sid = customer.sid if customer is not None else outside
    if sid is None:
        raise CarrierError(None)
    carrier.redirect_call(sid, _address(public_url, call, "goodbye"))
    return "said goodbye"
