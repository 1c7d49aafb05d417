"""What happened to the call since? News from the carrier, in any order and more than once, moves it on."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.agents import desk_events, presence
from app.callers.numbers import may_be_called
from app.carrier import twiml
from app.carrier.words import CARRIER_SAYS_ENDED, DialEnded, dial_outcome
from app.catalogue import text
from app.deployment import Deployment
from app.lines import places
from app.lines.hours import due_at
from app.messages import messages
from app.messages.wishes import asks_for_another
from app.outgoing import outbox
from app.outgoing.announce import record_contact
from app.promises import attempts, dropped, ledger, recordings
from app.records import lifecycle
from app.records.agents import Agent
from app.records.callers import Case, Channel, Contact, Direction
from app.records.calls import Call, CallState, CallStep, Inbox, Outcome, StepKind, StepOutcome
from app.records.promises import Promise, PromiseState
from app.routing import facts as known_facts
from app.routing import rules, sentences
from app.routing.decision import Ring, Wait, next_step
from app.routing.facts import Facts
from app.routing.sentences import Sentence
from app.routing.situation import Situation, Tried
from app.voice import steps as call_steps
from app.voice import withheld
from app.voice.steps import RING_KINDS

# A telephone that was not heard to ring within this time can't have been missed by anybody.
AT_ONCE = timedelta(seconds=4)
# How long our own ring for a callback may still keep a telephone busy after it gave way to its customer.
STILL_OURS = timedelta(seconds=10)
# A caller who waits hears something true at least every 30 s; the sentence itself takes a few.
SPEAK_AGAIN_AFTER = timedelta(seconds=20)


class UnknownCall(LookupError):
    """The carrier speaks of a call, or of a step of it, that was never written down."""


def held(session: Session, sid: str) -> Call:
    """Return the call, held until the transaction ends, so that its news is applied one by one."""
    call = session.get(Call, sid, with_for_update=True, populate_existing=True)
    if call is None:
        raise UnknownCall(sid)
    return call


def _once(session: Session, sid: str, request: str, now: datetime, answer: Callable[[], bytes]) -> bytes:
    """Answer as before when the carrier repeats itself; the call is held, so no two ask at once."""
    stored = session.get(Inbox, (sid, request))
    if stored is not None:
        return stored.reply
    reply = answer()
    session.add(Inbox(call_sid=sid, request=request, reply=reply, created_at=now))
    return reply


def reply_of_step(session: Session, call: Call) -> bytes:
    """Return what the carrier is to do in the step that is going on; goodbye when the call is over."""
    stored = session.get(Inbox, (call.sid, f"step/{call.step}"))
    if stored is None or call.state == CallState.ENDED:
        return twiml.farewell(said=(), language=call.language)
    return stored.reply


def current(session: Session, sid: str) -> bytes:
    """Return what the carrier is to do with a call that we sent on."""
    return reply_of_step(session, held(session, sid))


def _read(session: Session, call: Call, now: datetime, deployment: Deployment) -> Facts:
    return known_facts.read(session, call.sid, call.line, call.from_e164, now, deployment.defaults)


def advance(session: Session, call: Call, now: datetime, deployment: Deployment) -> bytes:
    facts = _read(session, call, now, deployment)
    return call_steps.advance(session, call, facts, call_steps.steps_of(session, call.sid), now, deployment)


# --- rings --------------------------------------------------------------------------------------------


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
            _talked_after_all(session, call, step, now, now)
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
        _tell(session, step.agent, call, "ringing", now)
    elif picked_up:
        _talks(session, call, step, now)
    elif status == "failed" and call.state == CallState.TALKING and call.step == number:
        _line_dropped(session, call, now)


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
    _talks(session, call, step, now)
    return twiml.nothing()


def accepted(session: Session, sid: str, number: int, now: datetime) -> None:
    """The agent on an ordinary phone took the call while nothing could be written down."""
    call = held(session, sid)
    step = session.get(CallStep, (sid, number))
    if step is None or step.agent is None:
        return
    if call.state == CallState.ENDED:
        _talked_after_all(session, call, step, now, now)
    else:
        _talks(session, call, step, now)


def picked_up_after_all(session: Session, sid: str, number: int, now: datetime) -> None:
    """The carrier says that a desk's ring was answered, though it was, or was to be, left for another.

    Nobody may come between the two: what followed is taken back, of which the caller has heard nothing.
    """
    call = held(session, sid)
    step = session.get(CallStep, (sid, number))
    if step is None or step.agent is None or call.state in (CallState.TALKING, CallState.ENDED):
        return
    if step.ended_at is not None:
        if call.from_e164 is not None:
            # Before the agents of the rings that are taken back: see _talks.
            ledger.merge(session, call.from_e164, step.agent, now)
        _take_back(session, call, step, step.ended_at, now)
    _talks(session, call, step, now)


def _take_back(session: Session, call: Call, step: CallStep, left_at: datetime, now: datetime) -> None:
    """Return to a ring that was left at a moment."""
    for later in call_steps.steps_of(session, call.sid):
        if later.number > step.number and later.outcome is None:
            release(session, call, later, StepOutcome.ABANDONED, now)
    call_steps.stop_waiting(call)
    call.said = [one for one in call.said if datetime.fromisoformat(one["at"]) < left_at]
    lifecycle.move(call, CallState.RINGING)
    call.step = step.number
    step.outcome = step.ended_at = None
    step.declined_why = ""
    if step.agent is not None:
        presence.proved(session, step.agent, now)


def _talks(session: Session, call: Call, step: CallStep, now: datetime) -> None:
    if call.state != CallState.RINGING or call.step != step.number or step.agent is None:
        return
    lifecycle.move(call, CallState.TALKING)
    call_steps.stop_waiting(call)
    step.answered_at = now
    step.outcome = StepOutcome.ANSWERED
    call.bridged_to, call.bridged_at = step.agent, now
    # Known only afterwards, what was promised to the caller since then stands.
    since = max(now, step.started_at)
    if call.from_e164 is not None and not _was_promised_since(session, call.from_e164, since):
        # Before the agent, as whoever works a promise off takes them: the promise, then the agent.
        ledger.merge(session, call.from_e164, step.agent, now)
    presence.talks(session, step.agent, call.sid, step.number, now)
    _tell(session, step.agent, call, "talking", now)


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

    if dial.status == "busy" and _was_busy_with_us(session, call, step, dial, now):
        return _ring_once_more(session, call, step, now, deployment)
    return _once(session, sid, f"ended/{number}", now, answer)


def _was_busy_with_us(session: Session, call: Call, step: CallStep, dial: DialEnded, now: datetime) -> bool:
    """Tell whether it was our own ring that kept the agent's telephone busy, for a callback to this caller.

    It stopped as the caller rang us, and was still there when the telephone was rung anew.
    """
    return (
        call.state == CallState.RINGING
        and call.step == step.number
        and step.agent is not None
        and step.outcome is None
        and dial.call_status not in CARRIER_SAYS_ENDED
        and now - step.started_at < STILL_OURS
        and session.get(Inbox, (call.sid, _once_more(step))) is None
        and attempts.gave_way(session, step.agent, call.from_e164, step.started_at - STILL_OURS)
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
    if _put_through(step, dial):
        # Should the news that they talked be lost, the carrier's own account of it stands.
        began_at = now - timedelta(seconds=dial.seconds or 0)
        if call.state == CallState.ENDED:
            _talked_after_all(session, call, step, began_at, now)
        _talks(session, call, step, began_at)
    if call.state == CallState.TALKING:
        has_failed = dial.status == "failed" or dial.call_status == "failed"
        promise = _line_dropped(session, call, now) if has_failed else dropped.of_call(session, call.sid)
        _conversation_is_over(session, call, step, now, rings_back=_is_rung_back(promise))
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
    if outcome == StepOutcome.CALLER_HUNG_UP:
        outcome = StepOutcome.NO_ANSWER  # canceled, but the caller is still there
    release(session, call, step, outcome, now)
    return advance(session, call, now, deployment)


def _line_dropped(session: Session, call: Call, now: datetime) -> Promise | None:
    return dropped.owe(session, call, call.bridged_to, now) if call.bridged_to is not None else None


def _is_rung_back(promise: Promise | None) -> bool:
    return promise is not None and promise.number is not None


def _about_dropped_line(session: Session, call: Call, promise: Promise, now: datetime) -> str:
    """Say to a caller who is still on the line, though the agent isn't, what happens next."""
    agent = session.get(Agent, promise.agent) if promise.agent else None
    may_be_named = rules.of_version(session, call.rule_version).ladder.speaks_names
    name = agent.spoken_name if agent and may_be_named else text("say.a_colleague", call.language)
    code = "line_dropped" if _is_rung_back(promise) else "line_dropped_hidden"
    zone = places.zone_of(session, call.line)
    said = sentences.words(Sentence(code, {"agent": name}), call.language, zone, now)
    sentences.told(call, [said], now)
    return said


def _put_through(step: CallStep, dial: DialEnded) -> bool:
    """Tell whether the carrier bridged the two; where it doesn't say, an answer at a desk is a human's."""
    if dial.status == "failed":
        return dial.bridged is True  # they talked until the line failed
    if dial.status not in ("completed", "answered"):
        return False
    return step.endpoint == "client" if dial.bridged is None else dial.bridged


def _talked_after_all(
    session: Session, call: Call, step: CallStep, began_at: datetime, now: datetime
) -> None:
    """The call's end was told before the news that its last ring was answered: they talked all the same.

    Whoever was taken for it is free already and may be taken for another call by now.
    """
    if call.bridged_at is not None or call.step != step.number or step.outcome != StepOutcome.CALLER_HUNG_UP:
        return
    step.outcome, step.answered_at = StepOutcome.ANSWERED, began_at
    call.bridged_to, call.bridged_at, call.outcome = step.agent, began_at, Outcome.TALKED
    if call.from_e164 is not None and step.agent is not None:
        need_not_be_rung(session, call.from_e164, step.agent, now)
    if step.agent is not None:
        leave_contact(session, call, step.agent, call.ended_at or now)


def went_on_without_us(session: Session, sid: str, now: datetime) -> None:
    """The caller was sent on while nothing could be written down: nobody is held for them any more."""
    call = held(session, sid)
    if call.state not in (CallState.RINGING, CallState.WAITING) or call.created_at > now:
        return
    step = session.get(CallStep, (sid, call.step))
    if step is None or step.kind == StepKind.FALLBACK or step.started_at > now:
        return
    if step.outcome is None:
        release(session, call, step, StepOutcome.ABANDONED, now)
    call_steps.stop_waiting(call)
    lifecycle.move(call, CallState.RINGING)
    call.step += 1
    session.add(
        CallStep(
            call_sid=sid,
            number=call.step,
            kind=StepKind.FALLBACK,
            reason="degraded",
            reason_values={},
            started_at=now,
        )
    )


def talked_without_us(
    session: Session,
    sid: str,
    number: int | None,
    dial: DialEnded,
    now: datetime,
    deployment: Deployment,
) -> None:
    """The caller spoke to somebody while nothing could be written down.

    `number` is the ring that came to it; None when it was none of ours, and with whom is not known.
    """
    call = held(session, sid)
    step = session.get(CallStep, (sid, number)) if number is not None else None
    is_theirs = step is not None and step.agent is not None and call.step == number
    if step is not None and is_theirs and _put_through(step, dial):
        ended(session, sid, step.number, dial, now, deployment)
    if call.bridged_at is not None:
        return
    call.bridged_at = now - timedelta(seconds=dial.seconds or 0)
    if call.state == CallState.ENDED:
        call.outcome = Outcome.TALKED
    # Known only afterwards: what was promised to the caller since then stands.
    if call.from_e164 is not None and not _was_promised_since(session, call.from_e164, now):
        need_not_be_rung(session, call.from_e164, "", now)


def _was_promised_since(session: Session, number: str, moment: datetime) -> bool:
    """Tell whether a number was promised a callback, or asked for the same one again, after a moment."""
    owed = ledger.unfinished_for(session, number)
    if owed is None:
        return False
    asked_later = select(Call.sid).where(
        Call.from_e164 == number, Call.promise == owed.id, Call.created_at > moment
    )
    return owed.created_at > moment or session.scalar(asked_later.limit(1)) is not None


def need_not_be_rung(session: Session, number: str, who: str, now: datetime) -> None:
    """Somebody has helped this caller: nothing is owed to the number any more, and nothing is sent to it."""
    merged = ledger.merge(session, number, who, now)
    if merged is not None:
        messages.withdraw(session, outbox.key_of_promise(merged.id), now)
    # Whoever has spoken to them has dealt with what they wrote.
    messages.see_to(session, number, who, now)


def release(session: Session, call: Call, step: CallStep, outcome: StepOutcome, now: datetime) -> None:
    """Give the agent of a ring that came to nothing back, according to what it says about them."""
    step.outcome, step.ended_at = outcome, now
    if step.agent is None:
        return
    match outcome:
        case StepOutcome.NO_ANSWER:
            presence.did_not_answer(session, step.agent, call.sid, step.number, now)
        case StepOutcome.FAILED:
            presence.could_not_be_rung(session, step.agent, call.sid, step.number, now)
        case _:
            presence.freed(session, step.agent, call.sid, step.number, now)
    _tell(session, step.agent, call, str(outcome), now)


def _conversation_is_over(
    session: Session, call: Call, step: CallStep, now: datetime, *, rings_back: bool = False
) -> None:
    step.ended_at = step.ended_at or now
    if step.agent is None:
        return
    # Nothing is over for an agent whose line dropped: they ring back as soon as their telephone is down.
    wrap_up = attempts.TELEPHONE_BUSY_SECONDS
    if not rings_back:
        wrap_up = rules.of_version(session, call.rule_version).ladder.wrap_up_seconds
    presence.hung_up(session, step.agent, call.sid, step.number, now, wrap_up)
    if call.bridged_at is not None:
        leave_contact(session, call, step.agent, now)


def leave_contact(
    session: Session,
    call: Call,
    agent: str,
    ended_at: datetime,
    *,
    outcome: str | None = None,
    summary: str | None = None,
) -> None:
    """Write the conversation down on the call's case; None leaves what the agent noted before as it is."""
    if call.case is None:
        return
    started_at = call.bridged_at or call.created_at
    known = session.get(Contact, contact_key(call.sid), populate_existing=True)
    record_contact(
        session,
        contact=contact_key(call.sid),
        case=call.case,
        agent=agent,
        channel=Channel.CALL,
        direction=Direction(call.direction),
        started_at=started_at,
        seconds=max(0, int((ended_at - started_at).total_seconds())),
        outcome=outcome if outcome is not None else known.outcome if known else "",
        summary=summary if summary is not None else known.summary if known else "",
    )


def contact_key(sid: str) -> str:
    """Return the key of the contact that a conversation leaves on its case."""
    return f"call:{sid}"


# --- waiting ------------------------------------------------------------------------------------------


def wait(
    session: Session,
    sid: str,
    number: int,
    now: datetime,
    deployment: Deployment,
    queue_seconds: int | None = None,
) -> bytes:
    """The carrier asks what a waiting caller hears next: it asks again each second or so.

    So it is also how a caller learns that the agent is free when the carrier could not be told.
    `queue_seconds` is the carrier's QueueTime.
    """
    call = held(session, sid)
    if call.state != CallState.WAITING or call.step != number:
        return twiml.leave_queue()
    step = session.get_one(CallStep, (sid, number))
    facts = _read(session, call, now, deployment)
    if serve(session, call, step, facts, now, deployment):
        return twiml.leave_queue()
    said: list[str] = []
    # Before the queue asks for the first time a sentence was spoken, too.
    may_speak = queue_seconds is not None and queue_seconds <= 1
    if now - _last_spoken(call) >= SPEAK_AGAIN_AFTER:
        may_speak = True
        zone = facts.line.calendar.timezone
        patience = sentences.words(_patience(call, facts, session), call.language, zone, now)
        said = sentences.told(call, [patience], now)
    addresses = twiml.Addresses(deployment.public_url, sid, number)
    hears_at = addresses.of("wish") if may_speak and call.waiting_for_agent is not None else ""
    return twiml.keep_waiting(said=said, language=call.language, hears_at=hears_at)


def wish(
    session: Session, sid: str, number: int, speech_result: str, now: datetime, deployment: Deployment
) -> bytes:
    """A waiting caller said something: whoever asks for somebody else gets them, without a question."""
    call = held(session, sid)
    if call.state != CallState.WAITING or call.step != number:
        return twiml.leave_queue()
    agent = call.waiting_for_agent
    if agent is None or not asks_for_another(speech_result):
        return twiml.keep_waiting(said=(), language=call.language)
    step = session.get_one(CallStep, (sid, number))
    step.outcome, step.ended_at = StepOutcome.ANOTHER_WANTED, now
    _avoid(session, call, agent, now)
    session.flush()
    advance(session, call, now, deployment)
    _tell(session, agent, call, str(StepOutcome.ANOTHER_WANTED), now)
    return twiml.leave_queue()


def _avoid(session: Session, call: Call, agent: str, now: datetime) -> None:
    """Remember, for this case, that the caller wants somebody else; others owe what they were promised."""
    case = session.get(Case, call.case) if call.case is not None else None
    if case is not None:
        case.avoided_agent = agent
    if call.promise is not None:
        ledger.give_to_team(session, call.promise, now)


def serve(
    session: Session, call: Call, step: CallStep, facts: Facts, now: datetime, deployment: Deployment
) -> bool:
    """Take a waiting call on, if whom it waits for is free or its time is over; False when it waits on.

    The call is held by the caller of this function.
    """
    ladder_rules = facts.rules.ladder
    waited = now - (call.waiting_since or now)
    if call.waiting_for_agent is not None:
        limit = ladder_rules.wait_for_owner_seconds
        agent = facts.agents.get(call.waiting_for_agent)
        free = agent is not None and agent.reachability == presence.Reachability.FREE
        gone = agent is None or agent.reachability not in _WORTH_WAITING_FOR
    else:
        limit = ladder_rules.wait_for_team_seconds
        steps = call_steps.steps_of(session, call.sid)
        free = _is_led_on(call_steps.situation(call, facts, steps, now))
        case = facts.caller.case
        left_out = {one.agent for one in steps} | {case.avoided if case else None}
        team = [one for one in facts.agents.values() if one.key not in left_out]
        gone = not any(one.reachability in _WORTH_WAITING_FOR for one in team)
    free = free and not waits_behind_another(session, call)
    if not (free or gone or waited >= timedelta(seconds=limit)):
        return False
    step.outcome = StepOutcome.FREED if free else StepOutcome.WAITED_TOO_LONG
    step.ended_at = now
    session.flush()
    call_steps.advance(session, call, facts, call_steps.steps_of(session, call.sid), now, deployment)
    return True


def _is_led_on(known: Situation) -> bool:
    """Tell whether the ladder leads from waiting for the team to somebody, not back to the same wait.

    Not whoever is free is rung: not who was tried, is waited for in person, or isn't wanted by the caller.
    """
    freed = Tried(StepKind.WAIT, None, StepOutcome.FREED)
    step = next_step(replace(known, tried=(*known.tried, freed)))
    return isinstance(step, Ring) or (isinstance(step, Wait) and step.agent is not None)


_WORTH_WAITING_FOR = frozenset(
    {presence.Reachability.FREE, presence.Reachability.BUSY, presence.Reachability.WRAPPING_UP}
)


def waits_behind_another(session: Session, call: Call) -> bool:
    """Somebody was waiting for the same agent, or the same team, before this caller."""
    earlier = select(Call.sid).where(
        Call.waiting_since.is_not(None),
        Call.waiting_since < call.waiting_since,
        Call.sid != call.sid,
        Call.waiting_for_agent == call.waiting_for_agent
        if call.waiting_for_agent
        else Call.waiting_for_team == call.waiting_for_team,
    )
    return session.scalar(earlier.limit(1)) is not None


def _last_spoken(call: Call) -> datetime:
    spoken = [datetime.fromisoformat(one["at"]) for one in call.said]
    return max([*spoken, call.waiting_since or call.created_at])


def _patience(call: Call, facts: Facts, session: Session) -> Sentence:
    promise = ledger.of_origin(session, f"call:{call.sid}") if call.promise else None
    if promise is None and call.from_e164 and call.promise:
        promise = ledger.unfinished_for(session, call.from_e164)
    code = "still_waiting" if call.waiting_for_agent else "team_still_waiting"
    values: dict[str, object] = {}
    if call.waiting_for_agent and call.waiting_for_agent in facts.agents:
        values["agent"] = facts.agents[call.waiting_for_agent].spoken_name
    if promise is not None and promise.state == PromiseState.OPEN:
        return Sentence(f"{code}_or_hang_up", values | {"time": ("before", promise.due_at)})
    return Sentence(code, values)


def left_queue(
    session: Session, sid: str, number: int, result: str, now: datetime, deployment: Deployment
) -> bytes:
    """The caller is no longer in the queue: goes on with the step that is theirs, or has hung up."""
    call = held(session, sid)
    if result == "hangup":
        finish(session, call, now, deployment)
        return twiml.farewell(said=(), language=call.language)
    step = session.get(CallStep, (sid, number))
    if call.state == CallState.WAITING and call.step == number and step is not None:
        # Not by our doing: the queue was full, or the carrier had an error.
        step.outcome, step.ended_at = StepOutcome.WAITED_TOO_LONG, now
        session.flush()
        return advance(session, call, now, deployment)
    return reply_of_step(session, call)


# --- promises -----------------------------------------------------------------------------------------


def about(session: Session, sid: str, number: int, speech_result: str, now: datetime) -> bytes:
    """The caller said what it is about, or nothing."""
    call = held(session, sid)

    def answer() -> bytes:
        words = speech_result.strip()
        if asks_for_another(words) and (by_others := _by_somebody_else(session, call, now)) is not None:
            said = by_others
        else:
            if words and call.promise is not None:
                ledger.say_more(session, call.promise, words)
            said = text(_thanks(session, call) if words else "say.goodbye", call.language)
        return twiml.farewell(said=sentences.told(call, [said], now), language=call.language)

    return _once(session, sid, f"about/{number}", now, answer)


def message_left(
    session: Session,
    sid: str,
    number: int,
    recording_sid: str,
    seconds: int | None,
    now: datetime,
) -> bytes:
    """The caller has spoken after the tone."""
    call = held(session, sid)

    def answer() -> bytes:
        recordings.arrived(session, call, recording_sid, seconds, now)
        thanks = text(_thanks(session, call), call.language)
        return twiml.farewell(said=sentences.told(call, [thanks], now), language=call.language)

    return _once(session, sid, f"message/{number}", now, answer)


def recording(
    session: Session, sid: str, recording_sid: str, status: str, seconds: int | None, now: datetime
) -> None:
    """The carrier says what became of a recording: it is ready, or there was nothing to record."""
    call = held(session, sid)
    if status == "completed":
        recordings.arrived(session, call, recording_sid, seconds, now)
    elif status == "absent":
        recordings.absent(session, call, recording_sid)


def _thanks(session: Session, call: Call) -> str:
    promise = session.get(Promise, call.promise) if call.promise is not None else None
    # Whom nobody can ring isn't told that we will speak soon.
    return "say.about_thanks" if promise is not None and promise.number else "say.hidden_thanks"


def _by_somebody_else(session: Session, call: Call, now: datetime) -> str | None:
    """Let others owe what this caller was promised, and say so; None when nobody was named to them."""
    promise = session.get(Promise, call.promise) if call.promise is not None else None
    if promise is None or promise.agent is None:
        return None
    _avoid(session, call, promise.agent, now)
    zone = places.zone_of(session, call.line)
    return sentences.words(
        Sentence("another_promised", {"time": ("before", promise.due_at)}), call.language, zone, now
    )


def number_given(
    session: Session,
    sid: str,
    number: int,
    given: str,
    now: datetime,
    deployment: Deployment,
    *,
    again: bool = False,
) -> bytes:
    """A caller whose number is hidden was asked for one, for the first time or `again`."""
    call = held(session, sid)

    def answer() -> bytes:
        facts = _read(session, call, now, deployment)
        said, reply = withheld.number_given(session, call, facts, given, now, deployment, again=again)
        sentences.told(call, said, now)
        return reply

    return _once(session, sid, f"number/{number}{'/again' if again else ''}", now, answer)


# --- the end ------------------------------------------------------------------------------------------


def status(
    session: Session,
    sid: str,
    call_status: str,
    now: datetime,
    deployment: Deployment,
    seconds: int | None = None,
) -> None:
    """The carrier's last word on a call; words about a call that goes on change nothing.

    `seconds` is the carrier's CallDuration, counted from the answer.
    """
    if call_status not in CARRIER_SAYS_ENDED:
        return
    call = held(session, sid)
    step = session.get(CallStep, (sid, call.step))
    if call_status == "completed" and seconds and step is not None and _was_put_through(call, step):
        _talks(session, call, step, now - timedelta(seconds=seconds))
    if call_status == "failed" and call.state == CallState.TALKING and step is not None:
        promise = _line_dropped(session, call, now)
        _conversation_is_over(session, call, step, now, rings_back=_is_rung_back(promise))
    finish(session, call, now, deployment)


def _was_put_through(call: Call, step: CallStep) -> bool:
    """A call to which nothing was spoken is answered only when it is bridged (answerOnBridge).

    So the carrier's duration proves a conversation, should all news of it have been lost. On an ordinary
    phone the agent's yes is never lost: the carrier waits for our answer to it.
    """
    return call.state == CallState.RINGING and step.endpoint == "client" and not call.said


def finish(session: Session, call: Call, now: datetime, deployment: Deployment) -> None:
    """Close the call: everybody who was taken for it is free, and it has exactly one outcome.

    A caller who hung up before anybody answered is owed a callback, if their number can be called; if it
    can't, and nobody was left to be rung, it is kept that they rang.
    """
    if call.state == CallState.ENDED:
        return
    step = session.get(CallStep, (call.sid, call.step))
    was_waiting = call.state in (CallState.WAITING, CallState.PROMISING)
    waited_for = call.waiting_for_agent
    if step is not None and call.state == CallState.TALKING:
        _conversation_is_over(session, call, step, now)
    elif step is not None and step.outcome is None:
        release(session, call, step, StepOutcome.CALLER_HUNG_UP, now)
    call_steps.stop_waiting(call)
    line = known_facts.line_of(session, call.line, deployment.defaults)
    if call.bridged_at is None and call.promise is None and may_be_called(call.from_e164):
        facts = _read(session, call, now, deployment)
        due = due_at(line.calendar, now, facts.rules.ladder.promise_minutes)
        debtor = facts.agents.get(facts.owner) if facts.owner else None
        left = debtor is None or debtor.reachability == presence.Reachability.LEFT
        call_steps.owe(
            session, call, facts, None if left else facts.owner, due, "promise_hung_up_while_ringing", now
        )
    elif call.bridged_at is None and call.promise is None and step and step.kind in withheld.NOBODY_LEFT:
        withheld.keep(session, call, _read(session, call, now, deployment), now)
    promise = session.get(Promise, call.promise) if call.promise is not None else None
    promised = promise is not None and promise.number is not None
    call.outcome = lifecycle.outcome(call, promised=promised, waited_or_told=was_waiting)
    lifecycle.move(call, CallState.ENDED)
    call.ended_at = now
    if call.bridged_at is None:
        call_steps.confirm_by_message(session, call, line, now)
    for agent in {call.bridged_to, waited_for, step.agent if step else None} - {None}:
        _tell(session, str(agent), call, "ended", now)


def _tell(session: Session, agent: str, call: Call, state: str, now: datetime) -> None:
    desk_events.tell(session, agent, "call", {"call_sid": call.sid, "state": state}, now)
