"""How does a customer whom we rang go on, once all of ours have left them? As a caller who waits.

Their telephone was dialled by the agent's, and has a call of its own at the carrier. From now on that is a
call like any that comes in: it has its own row, goes along the ladder, and has its own one outcome. The
callback that it came of is over.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from app.carrier import twiml
from app.deployment import Deployment
from app.records.calls import Call, CallState
from app.records.legs import CallLeg
from app.voice import incoming, legs, steps
from app.voice.held import held, reply_of_step


def is_to(call: Call, leg: CallLeg) -> bool:
    """Tell whether the customer's side of a call that we placed is the only one left of it."""
    return call.state == CallState.ENDED and leg.left_at is None and not leg.goes


def reply(session: Session, call: Call, now: datetime, deployment: Deployment) -> bytes:
    """Return what the carrier is to do with their call; asked again, it goes on with its own step."""
    leg = session.get(CallLeg, (call.sid, legs.CUSTOMER), populate_existing=True)
    if leg is None or leg.sid is None:
        return twiml.farewell(said=(), language=call.language)
    if session.get(Call, leg.sid) is not None:
        return reply_of_step(session, held(session, leg.sid))
    if not is_to(call, leg):
        return twiml.farewell(said=(), language=call.language)
    leg.left_at = now
    session.flush()
    comes_in = incoming.IncomingCall(leg.sid, call.remote_e164 or "", call.line)
    known = incoming.look_up(session, comes_in, now, deployment)
    return incoming.answer(session, known, now, deployment, before=steps.steps_of(session, call.sid))
