"""Which call is the news about? It is held while its news is applied; asked again, it answers the same."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.agents import desk_events
from app.carrier import twiml
from app.deployment import Deployment
from app.errors import UnknownCall
from app.outgoing import outbox
from app.promises import attempts
from app.records.calls import Call, CallState, CallStep, Inbox
from app.routing import reading
from app.routing.facts import Facts
from app.voice import steps as call_steps

# No call lasts a day, and the carrier repeats itself for minutes; answers are kept for longer
# (forgetting/retention.py), so what has none after this time was never asked, or is asked by somebody else.
HEARD_FOR = timedelta(days=2)

# The carrier does at once what it is told, and is told at once; a caller who could go on by themselves
# doesn't wait for it any longer than this.
TOLD_WITHIN = timedelta(seconds=2)
# A request that we have given up may still be on its way.
DONE_WITHIN = timedelta(seconds=10)


def held(session: Session, sid: str) -> Call:
    """Return the call, held until the transaction ends, so that its news is applied one by one.

    Of one that we placed first what it is about, as by all news of it.
    """
    if attempts.is_callback(sid):
        attempts.held(session, sid)
    call = session.get(Call, sid, with_for_update=True, populate_existing=True)
    if call is None:
        raise UnknownCall(sid)
    return call


def is_talking(session: Session, call: Call) -> bool:
    """Tell whether two are put through in a call.

    One that we placed may be over and say otherwise, until it is known whether a machine had answered.
    """
    if call.state != CallState.TALKING or call.bridged_at is None:
        return False
    return not attempts.is_callback(call.sid) or attempts.goes_on(session, call.sid)


def was_offered(session: Session, call_sid: str, agent: str) -> bool:
    """Say whether the call was ever for this agent: rung at, bridged to, or waiting for them."""
    rung = select(CallStep.call_sid).where(CallStep.call_sid == call_sid, CallStep.agent == agent)
    ours = or_(Call.bridged_to == agent, Call.waiting_for_agent == agent, rung.exists())
    return session.scalar(select(Call.sid).where(Call.sid == call_sid, ours)) is not None


def once(session: Session, sid: str, request: str, now: datetime, answer: Callable[[], bytes]) -> bytes:
    """Answer as before when the carrier repeats itself; the call is held, so no two ask at once.

    Of a call that was over long ago nothing is heard any more: what was answered then is forgotten, so it
    would be done once more.
    """
    stored = session.get(Inbox, (sid, request))
    if stored is not None:
        return stored.reply
    call = session.get(Call, sid)
    if call is not None and call.state == CallState.ENDED and now - call.created_at > HEARD_FOR:
        return twiml.farewell(said=(), language=call.language)
    reply = answer()
    session.add(Inbox(call_sid=sid, request=request, reply=reply, created_at=now))
    return reply


def reply_of_step(session: Session, call: Call) -> bytes:
    """Return what the carrier is to do in the step that is going on; goodbye when the call is over."""
    stored = session.get(Inbox, (call.sid, call_steps.answered_as(call.step)))
    if stored is None or call.state == CallState.ENDED:
        return twiml.farewell(said=(), language=call.language)
    return stored.reply


def current(session: Session, sid: str) -> bytes:
    """Return what the carrier is to do with a call that we sent on."""
    return reply_of_step(session, held(session, sid))


def facts_of(session: Session, call: Call, now: datetime, deployment: Deployment) -> Facts:
    return reading.of_call(session, call, now, deployment.defaults)


def advance(session: Session, call: Call, now: datetime, deployment: Deployment) -> bytes:
    facts = facts_of(session, call, now, deployment)
    return call_steps.advance(session, call, facts, call_steps.steps_of(session, call.sid), now, deployment)


def tell_desk(session: Session, agent: str, call: Call, state: str, now: datetime) -> None:
    desk_events.tell(session, agent, "call", {"call_sid": call.sid, "state": state}, now)


def send_on(session: Session, call: Call, now: datetime) -> None:
    """Ask the carrier to break off what the caller hears and fetch the step that is the call's own now."""
    outbox.add(session, outbox.REDIRECT_CALL, _sent_on(call), {"call_sid": call.sid, "step": call.step}, now)


def is_sent_on(session: Session, call: Call, now: datetime) -> bool:
    """Tell whether the carrier is told just now to fetch the step that is the call's own.

    Whoever is asked meanwhile leads there by nothing else: what the step begins with would be broken off.
    """
    told = outbox.standing(session, _sent_on(call))
    # It may have been asked for on a machine whose clock is ahead: nobody waits for that.
    if told is None or abs(now - told.created_at) >= TOLD_WITHIN:
        return False
    return told.done_at is None or told.result == outbox.REDIRECTED


def goes_on_by_itself(session: Session, call: Call, now: datetime) -> None:
    """The carrier needn't be told to send a call on: it fetches the call's step by itself."""
    outbox.withdraw(session, _sent_on(call), now)


def was_cut_off(session: Session, call: Call, now: datetime) -> bool:
    """Tell whether it may be by our doing that the step which is the call's own was broken off.

    It began before the carrier did what it was told: to break off what came before.
    """
    told = outbox.standing(session, _sent_on(call))
    return told is not None and (told.done_at is None or abs(now - told.done_at) < DONE_WITHIN)


def _sent_on(call: Call) -> str:
    return f"redirect/{call.sid}/{call.step}"
