"""What happens in a room, and what does it mean for the call? News of legs, however it was learned.

It comes from the carrier's callbacks, late, twice or never, and from reading the room (app/jobs/rooms.py):
both end here, and say only that somebody is in the room or isn't.
"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.agents import presence
from app.carrier import twiml
from app.carrier.words import AT_ONCE, CARRIER_SAYS_ENDED
from app.catalogue import text
from app.deployment import Deployment
from app.errors import UnknownCall
from app.promises import attempts
from app.records.agents import Agent
from app.records.calls import Call, CallState, CallStep, StepOutcome
from app.records.legs import CallLeg, CallRoom, HandOverPhase, LegRole
from app.routing import rules, sentences
from app.voice import handing_over, legs, went_on
from app.voice.ending import finish
from app.voice.hand_over import Event
from app.voice.held import held, reply_of_step, tell_desk
from app.voice.waiting import SIGN_OF_LIFE

# Who leaves so soon after the customer came to them has not ended a conversation: their line is dead.
HARDLY = timedelta(seconds=5)
# A sentence takes some four seconds, and each sign of life a second and a quarter: together below twenty.
HOLD_SECONDS = 18


def address(public_url: str, name: str, number: int, what: str) -> str:
    """Return where the carrier asks about one leg of a room."""
    return f"{public_url}/voice/rooms/{name}/{number}/{what}"


def document(room_name: str, leg: CallLeg, coaches: str, public_url: str) -> bytes:
    """Let this leg's call go on in the room, as it is to stand there."""
    return enter_anyhow(
        room_name,
        leg.number,
        public_url,
        muted=leg.muted,
        closes=leg.closes_room and leg.number != legs.CUSTOMER,
        coaches=coaches,
    )


def enter_anyhow(
    name: str, number: int, public_url: str, *, muted: bool = False, closes: bool = False, coaches: str = ""
) -> bytes:
    """The same, where nothing is known but the address: they hear each other all the same."""
    room = twiml.Room(
        name=name,
        events_url=f"{public_url}/voice/rooms/{name}/events",
        wait_url=address(public_url, name, number, "wait"),
    )
    ended = address(public_url, name, number, "ended")
    return twiml.enter_room(
        room, label=f"leg{number}", ended=ended, muted=muted, closes=closes, coaches=coaches
    )


def held_by_room(session: Session, name: str) -> tuple[Call, CallRoom]:
    """Return the call of a room, held until the transaction ends. Raises UnknownCall."""
    sid = session.scalar(select(CallRoom.call_sid).where(CallRoom.name == name))
    if sid is None:
        raise UnknownCall(name)
    call = held(session, sid)
    return call, session.get_one(CallRoom, sid, populate_existing=True)


# --- what the carrier asks -------------------------------------------------------------------------------


def enter(session: Session, name: str, number: int, now: datetime, deployment: Deployment) -> bytes:
    """A call is here to go into the room: who was put through before, or a colleague who picked up."""
    call, room = held_by_room(session, name)
    leg = session.get(CallLeg, (call.sid, number))
    if leg is None or leg.goes or leg.left_at is not None or room.look_at is None:
        return twiml.farewell(said=(), language=call.language)
    leg.asked_at = leg.asked_at or now
    if leg.answered_at is None:
        _is_answered(session, call, leg, now)
    coached = _coached(session, leg)
    if leg.coaches is not None and not coached:
        # Whom they are to be heard by isn't known at the carrier yet: until then nobody hears them.
        return enter_anyhow(name, number, deployment.public_url, muted=True)
    return document(name, leg, coached, deployment.public_url)


def _coached(session: Session, leg: CallLeg) -> str:
    if leg.coaches is None:
        return ""
    coached = session.get(CallLeg, (leg.call_sid, leg.coaches))
    return (coached.sid or "") if coached is not None else ""


def _is_answered(session: Session, call: Call, leg: CallLeg, now: datetime) -> None:
    leg.answered_at = now
    step = session.get(CallStep, (call.sid, leg.number))
    if step is not None and step.agent is not None:
        step.answered_at = step.answered_at or now
        presence.talks(session, step.agent, call.sid, leg.number, now)
        tell_desk(session, step.agent, call, "talking", now)


def follows(session: Session, call: Call, now: datetime, deployment: Deployment) -> bytes | None:
    """The `<Dial>` of who dialled is over: None, unless the two are on the way into a room."""
    room = legs.room_of(session, call.sid)
    if room is None:
        return None
    parent = next((leg for leg in legs.of_call(session, call.sid) if leg.is_parent), None)
    if parent is None or parent.joined_at is not None or parent.left_at is not None:
        return None
    parent.asked_at = parent.asked_at or now
    return document(room.name, parent, "", deployment.public_url)


def whisper(session: Session, name: str, number: int, deployment: Deployment) -> bytes:
    """Ask whoever picked up an ordinary phone whether they are there; nothing about the customer is said."""
    call, room = held_by_room(session, name)
    leg = session.get(CallLeg, (call.sid, number))
    agent = session.get(Agent, leg.agent) if leg is not None and leg.agent else None
    if leg is None or agent is None or leg.goes or leg.left_at is not None or room.look_at is None:
        return twiml.farewell(said=(), language=deployment.defaults.language)
    return twiml.whisper_at(
        said=text("say.whisper", agent.language, agent=agent.spoken_name),
        language=agent.language,
        action=address(deployment.public_url, name, number, "accept"),
    )


def accept(
    session: Session,
    name: str,
    number: int,
    digits: str,
    speech_result: str,
    now: datetime,
    deployment: Deployment,
) -> bytes:
    """Whoever picked up an ordinary phone comes along, or doesn't: a voicemail never says yes."""
    call, _ = held_by_room(session, name)
    leg = session.get(CallLeg, (call.sid, number))
    if leg is not None and (twiml.is_yes(digits, speech_result) or leg.answered_at is not None):
        return enter(session, name, number, now, deployment)
    if leg is not None and leg.left_at is None:
        is_human = bool(digits.strip()) or 0 < len(speech_result.split()) <= 2
        _not_taken(
            session, call, leg, StepOutcome.DECLINED if is_human else StepOutcome.NO_ANSWER, now, deployment
        )
    return twiml.farewell(said=(), language=deployment.defaults.language)


def hold(session: Session, name: str, number: int, now: datetime, deployment: Deployment) -> bytes:
    """What somebody hears who is on hold: a true sentence, again and again."""
    call, _ = held_by_room(session, name)
    leg = session.get(CallLeg, (call.sid, number))
    if leg is not None and leg.on_hold and leg.held_at is None:
        leg.held_at = now
        legs.tell(session, call, now)
    said = sentences.told(call, [_why_on_hold(session, call)], now)
    return twiml.hold(
        said=said,
        language=call.language,
        sound=deployment.public_url + SIGN_OF_LIFE,
        seconds=HOLD_SECONDS,
        again=address(deployment.public_url, name, number, "hold"),
    )


def _why_on_hold(session: Session, call: Call) -> str:
    row = handing_over.going_on(session, call.sid)
    speaks_names = rules.of_call(session, call).ladder.speaks_names
    agent = session.get(Agent, call.bridged_to) if call.bridged_to is not None else None
    name = agent.spoken_name if agent is not None and speaks_names else text("say.a_colleague", call.language)
    code = "hold"
    if row is not None:
        code = "hold_rings" if row.phase == HandOverPhase.RINGING else "hold_consults"
        if not handing_over.state_of(session, row).first_is_there:
            code = "hold_first_left"
    elif agent is None or call.state != CallState.TALKING:
        code = "hold_first_left"
    words = text(f"say.{code}", call.language, agent=name)
    return words[:1].upper() + words[1:]


def ended(
    session: Session, name: str, number: int, call_status: str, now: datetime, deployment: Deployment
) -> bytes:
    """Somebody is out of the room, and their call goes on: what is next for them?"""
    call, room = held_by_room(session, name)
    leg = session.get(CallLeg, (call.sid, number))
    nothing = twiml.farewell(said=(), language=call.language)
    if leg is None or number != legs.CUSTOMER or call_status in CARRIER_SAYS_ENDED:
        if leg is not None:
            left(session, call, leg, now, deployment, call_status=call_status or "completed")
        return nothing
    for other in legs.of_call(session, call.sid):
        # The room is over because they have left it, which may be told later than this is asked.
        if other.closes_room and other.is_there:
            left(session, call, other, now, deployment)
    if call.state != CallState.TALKING:
        return _goes_on(session, call, now, deployment)
    if room.look_at is not None and (_somebody_speaks(session, call) or _is_rung(session, call)):
        # Not by our doing; whoever is there still has them.
        leg.joined_at = leg.held_at = None
        return document(name, leg, "", deployment.public_url)
    _alone(session, call, now, deployment)
    return _goes_on(session, call, now, deployment)


def _goes_on(session: Session, call: Call, now: datetime, deployment: Deployment) -> bytes:
    """Return what is next for a customer whom all of ours have left; goodbye when it is over."""
    if attempts.is_callback(call.sid):
        return went_on.reply(session, call, now, deployment)
    return reply_of_step(session, call)


# --- what the carrier tells ------------------------------------------------------------------------------


def event(
    session: Session,
    name: str,
    what: str,
    label: str,
    sequence: int | None,
    call_status: str,
    conference_sid: str,
    leg_sid: str,
    now: datetime,
    deployment: Deployment,
) -> None:
    """Something happened in the room: late, twice, or out of its order."""
    call, room = held_by_room(session, name)
    room.conference_sid = room.conference_sid or conference_sid or None
    number = label.removeprefix("leg")
    leg = session.get(CallLeg, (call.sid, int(number))) if number.isascii() and number.isdigit() else None
    if leg is None:
        return
    if sequence is not None:
        if sequence <= leg.sequence:
            return
        leg.sequence = sequence
    if what == "participant-join":
        joined(session, call, leg, now, deployment, leg_sid=leg_sid)
    elif what == "participant-leave":
        left(session, call, leg, now, deployment, call_status=call_status)
    if room.look_at is not None:
        legs.wake(session, room, now)


def joined(
    session: Session, call: Call, leg: CallLeg, now: datetime, deployment: Deployment, *, leg_sid: str = ""
) -> None:
    """Somebody is in the room."""
    leg.sid = leg.sid or leg_sid or None
    is_new = leg.joined_at is None or leg.left_at is not None
    if leg.left_at is not None and (leg.goes or call.state == CallState.ENDED):
        return
    if leg.number != legs.CUSTOMER and leg.answered_at is None:
        _is_answered(session, call, leg, now)
    leg.joined_at, leg.left_at = (now if is_new else leg.joined_at), None
    row = handing_over.going_on(session, call.sid)
    if row is not None and row.to_leg == leg.number and row.phase == HandOverPhase.RINGING:
        step = session.get(CallStep, (call.sid, leg.number))
        if step is not None:
            step.outcome = StepOutcome.ANSWERED
        handing_over.happened(session, call, Event.SECOND_IS_THERE, now, deployment)
    elif is_new:
        legs.tell(session, call, now)


def left(
    session: Session,
    call: Call,
    leg: CallLeg,
    now: datetime,
    deployment: Deployment,
    *,
    call_status: str = "",
) -> None:
    """Somebody is in the room no more. `call_status`: how their call stands, where that was told."""
    if leg.left_at is not None:
        return
    if leg.number == legs.CUSTOMER:
        # Else they come back in a moment, or are asked about at the end of the room.
        if call_status in CARRIER_SAYS_ENDED:
            leg.left_at = now
            finish(session, call, now, deployment, dropped=call_status == "failed")
        return
    leg.left_at = now
    if call.state != CallState.TALKING:
        _last_ones(session, call, now)
        return
    handing_over.is_out(session, call, leg, now)
    row = handing_over.going_on(session, call.sid)
    if row is not None and leg.number in (row.from_leg, row.to_leg):
        is_first = leg.number == row.from_leg
        happens = Event.FIRST_LEFT if is_first else Event.SECOND_LEFT
        handing_over.happened(session, call, happens, now, deployment)
    else:
        legs.tell(session, call, now)
    if (
        call.state == CallState.TALKING
        and not _somebody_speaks(session, call)
        and not _is_rung(session, call)
    ):
        _alone(session, call, now, deployment, dropped=call_status == "failed")


def _somebody_speaks(session: Session, call: Call) -> bool:
    """Tell whether one of ours has the customer, or is about to."""
    return any(
        leg.role in (LegRole.AGENT, LegRole.CONSULTED) and leg.left_at is None and not leg.goes
        for leg in legs.of_call(session, call.sid)
        if leg.answered_at is not None
    )


def _is_rung(session: Session, call: Call) -> bool:
    """Tell whether a colleague is rung for the customer, who hears so."""
    row = handing_over.going_on(session, call.sid)
    return row is not None and row.phase == HandOverPhase.RINGING


def _alone(
    session: Session, call: Call, now: datetime, deployment: Deployment, *, dropped: bool = False
) -> None:
    """The last of ours has left the customer: the conversation is over, unless it was none of their doing.

    Nobody hangs up on who is on hold, nor on who has just been handed to them.
    """
    customer = session.get_one(CallLeg, (call.sid, legs.CUSTOMER))
    newest = handing_over.newest(session, call.sid)
    hardly = newest is not None and newest.ended_at is not None and now - newest.ended_at < HARDLY
    if customer.on_hold or hardly:
        handing_over.go_on(session, call, now, deployment)
        return
    finish(session, call, now, deployment, dropped=dropped)
    # Should they still be in the room, alone: their telephone is put down, as after any conversation.
    customer.left_at = None
    legs.leave(session, customer, now)


def _last_ones(session: Session, call: Call, now: datetime) -> None:
    """Of the two colleagues who spoke on when the customer had left, the other puts down as well."""
    for leg in legs.of_call(session, call.sid):
        if leg.number != legs.CUSTOMER and leg.left_at is None:
            legs.leave(session, leg, now)


def ring(
    session: Session,
    name: str,
    number: int,
    status: str,
    leg_sid: str,
    now: datetime,
    deployment: Deployment,
) -> None:
    """How the telephone of somebody who is rung along stands."""
    call, room = held_by_room(session, name)
    leg = session.get(CallLeg, (call.sid, number))
    step = session.get(CallStep, (call.sid, number))
    if leg is None or step is None or step.agent is None:
        return
    leg.sid = leg.sid or leg_sid or None
    if leg.goes and status not in CARRIER_SAYS_ENDED and room.look_at is not None:
        legs.wake(session, room, now)  # its name was not known when it was to stop
    if status in CARRIER_SAYS_ENDED:
        if leg.answered_at is None:
            at_once = step.rang_at is None and now - step.started_at < AT_ONCE
            _not_taken(session, call, leg, _outcome(status, at_once=at_once), now, deployment)
        else:
            left(session, call, leg, now, deployment, call_status=status)
    elif status == "ringing" and step.rang_at is None and step.outcome is None:
        step.rang_at = now
        presence.rings(session, step.agent, call.sid, number, now, at_desk=step.endpoint == "client")
        tell_desk(session, step.agent, call, "ringing", now)


def _outcome(status: str, *, at_once: bool) -> StepOutcome:
    match status:
        case "busy":
            return StepOutcome.DECLINED
        case "no-answer" if not at_once:
            return StepOutcome.NO_ANSWER
        case "completed":
            return StepOutcome.NO_ANSWER  # a voicemail, or somebody who said nothing
        case "canceled":
            return StepOutcome.ABANDONED
        case _:
            return StepOutcome.FAILED


def not_taken(
    session: Session, call: Call, number: int, outcome: StepOutcome, now: datetime, deployment: Deployment
) -> None:
    """A colleague doesn't come along: declined at the desk, or couldn't be rung."""
    leg = session.get(CallLeg, (call.sid, number))
    if leg is not None and leg.answered_at is None and leg.left_at is None:
        _not_taken(session, call, leg, outcome, now, deployment)


def _not_taken(
    session: Session, call: Call, leg: CallLeg, outcome: StepOutcome, now: datetime, deployment: Deployment
) -> None:
    if leg.left_at is not None:
        return
    legs.leave(session, leg, now)
    if leg.sid is None or outcome != StepOutcome.DECLINED:
        leg.left_at = now
    step = session.get_one(CallStep, (call.sid, leg.number))
    if step.outcome is None:
        step.outcome, step.ended_at = outcome, now
    if step.agent is not None:
        ring_ = (session, step.agent, call.sid, leg.number, now)
        if outcome == StepOutcome.NO_ANSWER:
            presence.did_not_answer(*ring_)
        elif outcome == StepOutcome.FAILED:
            presence.could_not_be_rung(*ring_)
        else:
            presence.freed(*ring_)
        tell_desk(session, step.agent, call, str(outcome), now)
    row = handing_over.going_on(session, call.sid)
    if row is not None and row.to_leg == leg.number:
        row.not_taken = str(outcome)
        handing_over.happened(session, call, Event.NOT_TAKEN, now, deployment)
    else:
        legs.tell(session, call, now)
