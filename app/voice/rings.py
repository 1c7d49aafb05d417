"""What does an agent's telephone say? It rings, is answered, or the ring is over: then the ladder goes on."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.agents import presence
from app.carrier import twiml
from app.carrier.words import AT_ONCE, CARRIER_SAYS_ENDED, DialEnded, dial_outcome
from app.catalogue import text
from app.deployment import Deployment
from app.errors import UnknownCall
from app.lines import places
from app.promises import attempts, dropped
from app.records.agents import Agent
from app.records.calls import Call, CallState, CallStep, Inbox, StepOutcome
from app.records.promises import Promise
from app.routing import rules, sentences
from app.routing.sentences import Sentence
from app.voice import legs, rooms, settling
from app.voice.ending import conversation_is_over, finish, is_rung_back, line_dropped, release
from app.voice.held import advance, held, once, reply_of_step, tell_desk, was_cut_off
from app.voice.steps import RING_KINDS
from app.voice.talking import (
    never_talked,
    put_through,
    talked_after_all,
    talks,
    was_never_put_through,
)

# How long our own ring for a callback may still keep a telephone busy after it gave way to its customer.
STILL_OURS = timedelta(seconds=10)


def leg(
    session: Session,
    sid: str,
    number: int,
    status: str,
    leg_sid: str,
    now: datetime,
    *,
    on_phone: bool = False,
) -> None:
    """An agent's telephone rings, or was answered. Late news of an earlier ring changes nothing.

    `on_phone`: both their telephones ring, and the news is of the ordinary one.
    """
    call = held(session, sid)
    step = session.get(CallStep, (sid, number))
    if step is None or step.agent is None:
        return
    # On an ordinary phone a machine may have answered: there only accepting counts.
    picked_up = status == "in-progress" and step.endpoint != "phone" and not on_phone
    if call.state == CallState.ENDED:
        if picked_up:
            talked_after_all(session, call, step, now, now)
        return
    if (room := legs.room_of(session, sid)) is not None:
        # How this leg stands is read from the room; that somebody put down there ends nobody's call.
        legs.wake(session, room, now)
        return
    step.leg_sid = step.leg_sid or leg_sid[:64] or None
    is_over_at_once = status in ("failed", "no-answer") and now - step.started_at < AT_ONCE
    if is_over_at_once and step.endpoint == "both" and not on_phone:
        # Their phone goes on ringing; the desk is left out of the next rings.
        presence.suspect(session, step.agent, now)
    if status == "ringing" and step.rang_at is None and step.outcome is None:
        step.rang_at = now
        at_desk = step.endpoint != "phone" and not on_phone
        presence.rings(session, step.agent, sid, number, now, at_desk=at_desk)
        tell_desk(session, step.agent, call, "ringing", now)
    elif picked_up:
        talks(session, call, step, now)
    elif status == "failed" and call.state == CallState.TALKING and call.step == number:
        line_dropped(session, call, now)


def whisper(session: Session, sid: str, number: int, deployment: Deployment) -> bytes:
    """Ask whoever answered an ordinary phone whether they are there; nothing about the caller is said."""
    held(session, sid)
    step = session.get(CallStep, (sid, number))
    agent = session.get(Agent, step.agent) if step is not None and step.agent else None
    if step is None or agent is None or step.outcome is not None:
        return twiml.farewell(said=(), language=deployment.defaults.language)
    said = text("say.whisper", agent.language, agent=agent.spoken_name)
    addresses = twiml.Addresses(deployment.public_url, sid, number)
    return twiml.whisper(said=said, language=agent.language, addresses=addresses)


def accept(session: Session, sid: str, number: int, digits: str, speech_result: str, now: datetime) -> bytes:
    """The agent on an ordinary phone takes the call, or doesn't."""
    call = held(session, sid)
    step = session.get(CallStep, (sid, number))
    takes = twiml.is_yes(digits, speech_result)
    if step is None or call.step != number or not takes or call.state != CallState.RINGING:
        if step is not None and step.answered_at is not None and takes:
            return twiml.nothing()  # asked again after the yes: go on
        return twiml.farewell(said=(), language=call.language)
    talks(session, call, step, now)
    return twiml.nothing()


def ended(
    session: Session, sid: str, number: int, dial: DialEnded, now: datetime, deployment: Deployment
) -> bytes:
    """A ring is over, or the conversation that came of it: go on with the ladder, or let the caller go."""
    call = held(session, sid)
    step = session.get(CallStep, (sid, number))
    if step is None:
        raise UnknownCall(sid)

    def answer() -> bytes:
        if call.step != number or step.kind not in RING_KINDS or step.agent is None:
            return reply_of_step(session, call)
        return _ring_is_over(session, call, step, dial, now, deployment)

    if call.step == number and dial.call_status not in CARRIER_SAYS_ENDED:
        room = rooms.follows(session, call, now, deployment)
        if room is not None:
            return room
    if _is_to_ring(call, step) and dial.call_status not in CARRIER_SAYS_ENDED:
        if dial.status == "busy" and _was_busy_with_us(session, call, step, now):
            return _ring_once_more(session, call, step, now, deployment)
        if dial.status == "canceled" and was_cut_off(session, call, now):
            # It began before the carrier did as it was told, and begins once more: nobody has left it
            # ringing. The carrier doesn't use this answer, and fetches the step next.
            step.rang_at = step.leg_sid = None
            return reply_of_step(session, call)
    return once(session, sid, f"ended/{number}", now, answer)


def _is_to_ring(call: Call, step: CallStep) -> bool:
    """Tell whether it is this step that the call is in, of which nothing has come yet."""
    return call.state == CallState.RINGING and call.step == step.number and step.outcome is None


def _was_busy_with_us(session: Session, call: Call, step: CallStep, now: datetime) -> bool:
    """Tell whether it was our own ring that kept the agent's telephone busy, for a callback to this caller.

    It stopped as the caller rang us, and was still there when the telephone was rung anew.
    """
    return (
        step.agent is not None
        and now - step.started_at < STILL_OURS
        and session.get(Inbox, (call.sid, _once_more(step))) is None
        and attempts.gave_way(session, step.agent, call.remote_e164, step.started_at - STILL_OURS)
    )


def _ring_once_more(
    session: Session, call: Call, step: CallStep, now: datetime, deployment: Deployment
) -> bytes:
    """Ring the same telephone again in a moment; nobody declined, and the agent is still reserved."""
    step.rang_at = step.leg_sid = None
    addresses = twiml.Addresses(deployment.public_url, call.sid, step.number)
    reply = twiml.ask_again(addresses.of())
    session.add(Inbox(call_sid=call.sid, request=_once_more(step), reply=reply, created_at=now))
    return reply


def _once_more(step: CallStep) -> str:
    return f"busy/{step.number}"


def _ring_is_over(
    session: Session, call: Call, step: CallStep, dial: DialEnded, now: datetime, deployment: Deployment
) -> bytes:
    caller_is_gone = dial.call_status in CARRIER_SAYS_ENDED
    if put_through(step, dial):
        # Should the news that they talked be lost, the carrier's own account of it stands.
        began_at = now - timedelta(seconds=dial.seconds or 0)
        if call.state == CallState.ENDED:
            talked_after_all(session, call, step, began_at, now)
        talks(session, call, step, began_at)
    said_yes_in_vain = step.outcome == StepOutcome.ANSWERED and was_never_put_through(dial)
    if said_yes_in_vain:
        caller_is_gone = caller_is_gone or call.state == CallState.ENDED
        never_talked(session, call, step, now)
    if step.outcome == StepOutcome.ANSWERED:
        settling.as_it_ends(session, call, step, now, dial.seconds)
    if call.state == CallState.TALKING:
        has_failed = dial.status == "failed" or dial.call_status == "failed"
        promise = line_dropped(session, call, now) if has_failed else dropped.of_call(session, call.sid)
        conversation_is_over(session, call, step, now, rings_back=is_rung_back(promise))
        finish(session, call, now, deployment)
        said = [] if promise is None else [_about_dropped_line(session, call, promise, now)]
        return twiml.farewell(said=said, language=call.language)
    if call.state == CallState.ENDED or step.outcome is not None:
        return reply_of_step(session, call)
    if caller_is_gone:
        finish(session, call, now, deployment)
        return twiml.farewell(said=(), language=call.language)
    at_once = step.rang_at is None and now - step.started_at < AT_ONCE
    outcome = dial_outcome(dial.status, bridged=False, at_once=at_once)
    if said_yes_in_vain:
        outcome = StepOutcome.FAILED
    if outcome == StepOutcome.CALLER_HUNG_UP:
        outcome = StepOutcome.NO_ANSWER  # canceled, but the caller is still there
    release(session, call, step, outcome, now)
    return advance(session, call, now, deployment)


def _about_dropped_line(session: Session, call: Call, promise: Promise, now: datetime) -> str:
    """Say to a caller who is still on the line, though the agent isn't, what happens next."""
    agent = session.get(Agent, promise.agent) if promise.agent else None
    may_be_named = rules.of_call(session, call).ladder.speaks_names
    name = agent.spoken_name if agent and may_be_named else text("say.a_colleague", call.language)
    code = "line_dropped" if is_rung_back(promise) else "line_dropped_hidden"
    zone = places.zone_of(session, call.line)
    said = sentences.words(Sentence(code, {"agent": name}), call.language, zone, now)
    sentences.told(call, [said], now)
    return said
