"""What does a caller who waits hear, and when is it their turn?"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.agents import presence
from app.carrier import twiml
from app.deployment import Deployment
from app.messages.wishes import asks_for_another
from app.promises import ledger
from app.records.callers import Case
from app.records.calls import Call, CallState, CallStep, StepKind, StepOutcome
from app.records.promises import OWED, Promise
from app.routing import heard, rules, sentences
from app.routing.decision import Ring, Wait, next_step
from app.routing.facts import Facts
from app.routing.sentences import Sentence
from app.routing.situation import Situation, Tried
from app.voice import held as held_calls
from app.voice import steps as call_steps
from app.voice.ending import finish
from app.voice.held import advance, facts_of, held, reply_of_step, tell_desk

# In between, so that nobody takes the line for dead; no music. Made by startup/sounds.py.
SIGN_OF_LIFE = "/static/voice/waiting.wav"

# Out of the queue, since the carrier was told to fetch another document: it doesn't use what it is answered.
# https://www.twilio.com/docs/voice/twiml/enqueue#attributes-action-parameters
REDIRECTED = frozenset({"redirected", "redirected-from-bridged"})


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
        return _turn_is_taken(session, call, now, deployment)
    step = session.get_one(CallStep, (sid, number))
    facts = facts_of(session, call, now, deployment)
    if serve(session, call, step, facts, now, deployment):
        return twiml.leave_queue()
    said: list[str] = []
    # Before the queue asks for the first time a sentence was spoken, too.
    may_speak = queue_seconds is not None and queue_seconds <= 1
    if now - _last_spoken(call) >= heard.SPEAK_AGAIN_AFTER:
        may_speak = True
        zone = facts.line.calendar.timezone
        patience = sentences.words(_patience(session, call, step, facts, now), call.language, zone, now)
        said = sentences.told(call, [patience], now)
    addresses = twiml.Addresses(deployment.public_url, sid, number)
    hears_at = addresses.of("wish") if may_speak and call.waiting_for_agent is not None else ""
    return _wait_on(call, deployment, said, hears_at)


def _wait_on(call: Call, deployment: Deployment, said: Sequence[str] = (), hears_at: str = "") -> bytes:
    sound = deployment.public_url + SIGN_OF_LIFE
    return twiml.keep_waiting(said=said, language=call.language, sound=sound, hears_at=hears_at)


def _turn_is_taken(session: Session, call: Call, now: datetime, deployment: Deployment) -> bytes:
    """They wait no longer: let the carrier fetch what comes now, unless it is told to this very moment.

    Doing both would begin it twice: a telephone rings, is cut off, and rings anew.
    """
    if held_calls.is_sent_on(session, call, now):
        return _wait_on(call, deployment)
    held_calls.goes_on_by_itself(session, call, now)
    return twiml.leave_queue()


def wish(
    session: Session, sid: str, number: int, speech_result: str, now: datetime, deployment: Deployment
) -> bytes:
    """A waiting caller said something: whoever asks for somebody else gets them, without a question."""
    call = held(session, sid)
    if call.state != CallState.WAITING or call.step != number:
        return _turn_is_taken(session, call, now, deployment)
    agent = call.waiting_for_agent
    if agent is None or not asks_for_another(speech_result):
        return _wait_on(call, deployment)
    step = session.get_one(CallStep, (sid, number))
    step.outcome, step.ended_at = StepOutcome.ANOTHER_WANTED, now
    avoid(session, call, agent, now)
    session.flush()
    advance(session, call, now, deployment)
    tell_desk(session, agent, call, str(StepOutcome.ANOTHER_WANTED), now)
    return twiml.leave_queue()


def avoid(session: Session, call: Call, agent: str, now: datetime) -> None:
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
    ladder = rules.of_step(session, step, call.rule_version).ladder
    waited = now - (call.waiting_since or now)
    if call.waiting_for_agent is not None:
        limit = ladder.wait_for_owner_seconds
        agent = facts.agents.get(call.waiting_for_agent)
        free = agent is not None and agent.reachability == presence.Reachability.FREE
        gone = agent is None or agent.reachability not in WORTH_WAITING_FOR
    else:
        limit = ladder.wait_for_team_seconds
        steps = call_steps.steps_of(session, call.sid)
        free = _is_led_on(call_steps.situation(call, facts, steps, now))
        case = facts.caller.case
        left_out = {one.agent for one in steps} | {case.avoided if case else None}
        team = [one for one in facts.agents.values() if one.key not in left_out]
        gone = not any(one.reachability in WORTH_WAITING_FOR for one in team)
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


WORTH_WAITING_FOR = frozenset(
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


def _patience(session: Session, call: Call, step: CallStep, facts: Facts, now: datetime) -> Sentence:
    ladder = rules.of_step(session, step, call.rule_version).ladder
    agents = facts.agents if ladder.speaks_names and not facts.names_nobody else facts.without_names()
    agent = agents.get(call.waiting_for_agent) if call.waiting_for_agent else None
    promise = session.get(Promise, call.promise) if call.promise is not None else None
    # Also once somebody else owes it: they are rung back all the same.
    is_owed = promise is not None and promise.state in OWED and promise.due_at > now
    return heard.patience(
        agent.spoken_name if agent is not None else None,
        for_team=not call.waiting_for_agent,
        due_at=promise.due_at if promise is not None and is_owed else None,
    )


def left_queue(
    session: Session, sid: str, number: int, result: str, now: datetime, deployment: Deployment
) -> bytes:
    """The caller is no longer in the queue: goes on with the step that is theirs, or has hung up."""
    call = held(session, sid)
    if result == "hangup":
        finish(session, call, now, deployment)
        return twiml.farewell(said=(), language=call.language)
    step = session.get(CallStep, (sid, number))
    is_theirs = call.state == CallState.WAITING and call.step == number
    if is_theirs and step is not None and result not in REDIRECTED:
        # Not by our doing: the queue was full, or the carrier had an error.
        step.outcome, step.ended_at = StepOutcome.WAITED_TOO_LONG, now
        session.flush()
        return advance(session, call, now, deployment)
    return reply_of_step(session, call)
