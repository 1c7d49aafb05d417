"""How is a promise kept? Ring whoever owes it, then the customer, and write down what came of it.

A callback is a call of our own with one step: the agent is rung first, with the card on their desk, and when
they take it the customer is. All of it is written down before the carrier is asked for anything.
"""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session, aliased

from app.agents import desk_events, presence
from app.agents.presence import Reachability
from app.callbacks import briefing
from app.callers.numbers import to_e164
from app.carrier import twiml
from app.carrier.rest import CarrierCall, with_parameters
from app.carrier.words import CARRIER_SAYS_ENDED, DialEnded
from app.catalogue import text, times
from app.deployment import Deployment
from app.errors import InvalidField
from app.lines import places
from app.lines.hours import due_at
from app.messages import messages
from app.outgoing import outbox
from app.outgoing.announce import forget_contact, record_contact
from app.promises import attempts, dropped, ledger
from app.promises.attempts import STEP
from app.promises.times import Window, by_day, try_again_at
from app.records import lifecycle
from app.records.agents import Agent
from app.records.callers import Channel, Direction
from app.records.calls import Call, CallState, CallStep, StepKind
from app.records.lines import Line
from app.records.promises import AttemptOutcome, Promise, PromiseAttempt, PromiseState
from app.routing import facts as known_facts
from app.routing import rules, screen_pop, sentences
from app.routing.facts import Facts
from app.routing.sentences import Sentence
from app.routing.situation import AgentFacts
from app.voice.progress import AT_ONCE, contact_key

WORKED_OFF = (PromiseState.OPEN, PromiseState.DUE, PromiseState.REASSIGNED, PromiseState.BROKEN)
NOT_YET_BROKEN = (PromiseState.OPEN, PromiseState.DUE, PromiseState.REASSIGNED)
AT_THE_CUSTOMER = frozenset(
    {
        AttemptOutcome.NO_ANSWER,
        AttemptOutcome.BUSY,
        AttemptOutcome.MACHINE,
        AttemptOutcome.TOO_SHORT,
        AttemptOutcome.FAILED,
    }
)
# A conversation shorter than this is a wrong connection, not a promise kept.
KEPT_FROM_SECONDS = 10
CUSTOMER_RING_SECONDS = 35
# Whoever was told longer ago that they would be rung is reminded shortly before.
REMINDED_AFTER = timedelta(hours=12)
# Nobody was free: look again soon; the telephone of somebody who refused stays quiet for a while.
LOOK_AGAIN_AFTER = timedelta(seconds=5)
REFUSAL_HOLDS = timedelta(minutes=10)
AFTER_AGENT_LEFT = timedelta(minutes=1)
AFTER_CUSTOMER_RANG = timedelta(minutes=1)
# How long each part may go without news before the carrier is asked how it stands.
PLACING = timedelta(seconds=45)
RINGING = timedelta(seconds=75)
TALKING = timedelta(seconds=60)
LAST_NEWS = timedelta(seconds=10)
ASK_AGAIN_AFTER = timedelta(seconds=30)
# The carrier looks for a machine for at most half a minute after the answer, and may tell a little later.
# https://www.twilio.com/docs/voice/answering-machine-detection, MachineDetectionTimeout
VERDICT_WITHIN = timedelta(seconds=35)
VERDICT_AGAIN_AFTER = timedelta(seconds=5)
HUMAN = "human"
# With no word from the carrier for so long the try is over, whatever it was.
GIVEN_UP_AFTER = timedelta(minutes=10)


# --- which, when, by whom -----------------------------------------------------------------------------


def due(session: Session, now: datetime, limit: int = 50) -> list[int]:
    """Return the promises that should be looked at now, the most urgent first."""
    passed = (Promise.due_at <= now) & Promise.state.in_(NOT_YET_BROKEN)
    return list(
        session.scalars(
            select(Promise.id)
            .where(Promise.state.in_(WORKED_OFF), or_(Promise.next_at <= now, passed))
            .order_by(Promise.due_at, Promise.id)
            .limit(limit)
        )
    )


def work_off(session: Session, promise_id: int, now: datetime, deployment: Deployment) -> str | None:
    """Take a promise as far as it can go now; return the name of the callback that is to be placed, if any.

    Safe when several do it at once: the row is held, and whoever finds it held leaves it alone.
    """
    promise = session.get(Promise, promise_id, with_for_update={"skip_locked": True}, populate_existing=True)
    if promise is None or promise.state not in WORKED_OFF:
        return None
    window = Window(promise.created_at, promise.due_at, zone_of(session, promise), promise.not_before)
    if promise.due_at <= now and promise.state in NOT_YET_BROKEN:
        ledger.move(session, promise, PromiseState.BROKEN, "promise_broken", now)
    if promise.next_at is None or promise.next_at > now:
        return None
    if promise.state in (PromiseState.OPEN, PromiseState.REASSIGNED):
        if _is_capped_until_too_late(session, promise, window.zone, now):
            return None
        if now < window.ring_from:
            promise.next_at = window.ring_from
            return None
        ledger.move(session, promise, PromiseState.DUE, "promise_due", now)
        _remind(session, promise, window.zone, now)
    if not window.may_ring(now):
        promise.next_at = by_day(now, window.zone)
        return None
    if _is_held_back(session, promise, window.zone, now):
        return None
    return _ring_somebody(session, promise, window, now, deployment)


def _remind(session: Session, promise: Promise, zone: ZoneInfo, now: datetime) -> None:
    """Tell who was last told long ago that they are about to be rung, so that their telephone is at hand."""
    if (
        now - max(promise.created_at, messages.newest_to(session, promise) or promise.created_at)
        < REMINDED_AFTER
    ):
        return
    words = times.spoken(promise.due_at, now, zone, promise.language, "before")
    key = f"promise/{promise.id}/soon/{promise.due_at.isoformat()}"
    messages.tell(session, promise, text("message.soon", promise.language, time=words), key, now)


def zone_of(session: Session, promise: Promise) -> ZoneInfo:
    """Return the time zone in which a promise's hours count: its line's."""
    return places.zone_of(session, promise.line)


def _is_held_back(session: Session, promise: Promise, zone: ZoneInfo, now: datetime) -> bool:
    """Tell whether this number must not be rung now; when it may be, or that a human is asked, is written."""
    if promise.number is None or not ledger.may_ring(session, promise.number):
        _ask_a_human(session, promise, "promise_not_callable", now)
        return True
    promise.line = promise.line or _line_to_show(session, promise.team)
    if promise.line is None:
        _ask_a_human(session, promise, "promise_no_line", now)
        return True
    if _is_capped_until_too_late(session, promise, zone, now):
        return True
    if (again_from := _capped_until(session, promise, zone, now)) is not None:
        promise.next_at = again_from
        ledger.note(session, promise, "promise_held_back", now, details={"time": again_from.isoformat()})
        return True
    if _is_calling_in(session, promise.number):
        promise.next_at = now + LOOK_AGAIN_AFTER
        return True
    return False


def _capped_until(session: Session, promise: Promise, zone: ZoneInfo, now: datetime) -> datetime | None:
    """Return from when the number may be rung again; None when it may be now."""
    if promise.number is None:
        return None
    dials = attempts.dials_lately(session, promise.number, now)
    if len(dials) < attempts.MOST_DIALS:
        return None
    return by_day(dials[-attempts.MOST_DIALS] + attempts.DIALS_WITHIN, zone)


def _is_capped_until_too_late(session: Session, promise: Promise, zone: ZoneInfo, now: datetime) -> bool:
    """Tell whether the day's dials are used up until after the spoken time: then a human is asked at once.

    Conversations count like any other dial: whoever asks in somebody else's name has them rung, too.
    """
    again_from = _capped_until(session, promise, zone, now)
    if again_from is None or again_from <= promise.due_at:
        return False
    _ask_a_human(session, promise, "promise_capped", now, {"time": again_from.isoformat()})
    return True


def _is_calling_in(session: Session, number: str | None) -> bool:
    """Tell whether the customer is on the line with us already."""
    live = select(Call.sid).where(
        Call.from_e164 == number, Call.direction == Direction.INBOUND, Call.state != CallState.ENDED
    )
    return session.scalar(live.limit(1)) is not None


def _line_to_show(session: Session, team: str) -> str | None:
    """Return the number of ours that the customer sees when the promise names none: the team's, else any."""
    return session.scalar(select(Line.number).order_by(Line.team != team, Line.number).limit(1))


def agree_on(
    session: Session,
    promise_id: int,
    due_at: datetime,
    who: str,
    now: datetime,
    not_before: datetime | None = None,
) -> Promise:
    """Agree on another time and tell the customer by SMS. Raises InvalidField as promises.set_time does."""
    promise = ledger.set_time(session, promise_id, due_at, who, now)
    promise.not_before = not_before
    zone = zone_of(session, promise)
    words = times.spoken(due_at, now, zone, promise.language, "before")
    body = wished(promise, zone, now) or text("promise.message_moved", promise.language, time=words)
    key = f"promise/{promise.id}/moved/{now.isoformat()}"
    messages.tell(session, promise, body, key, now, answers=who == "customer")
    return promise


def wished(promise: Promise, zone: ZoneInfo, now: datetime) -> str:
    """Return what says that they aren't rung before the time they wished; empty when they didn't say one."""
    if promise.not_before is None:
        return ""
    language = promise.language
    # “niet eerder dan vanmiddag om vijf uur”, “not before five o'clock this afternoon”
    words = times.spoken(promise.not_before, now, zone, language, "at" if language == "nl" else "before")
    until = times.spoken(promise.due_at, now, zone, language, "before")
    return text("message.wished", language, **{"from": words, "time": until})


def learn_number(
    session: Session, promise_id: int, written: str, who: str, now: datetime, deployment: Deployment
) -> Promise:
    """Somebody found out a hidden caller's number. Raises InvalidField as promises.give_number does."""
    promise = session.get_one(Promise, promise_id)
    line = known_facts.line_of(session, promise.line or "", deployment.defaults)
    country = places.country_of(session, promise.line or "") or deployment.defaults.country
    number = to_e164(written, country)
    if number is None:
        raise InvalidField("number", "write a telephone number, such as 06 12345678 or +31 6 12345678")
    in_force = rules.of_version(session, session.scalar(select(rules.newest_version)))
    due = due_at(line.calendar, now, in_force.ladder.promise_minutes)
    return ledger.give_number(session, promise_id, number, due, who, now)


def _ask_a_human(
    session: Session,
    promise: Promise,
    why: str,
    now: datetime,
    details: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Leave it to people: nothing rings any more until somebody decides; supervisors are told."""
    promise.next_at = None
    ledger.note(session, promise, why, now, details=details)
    ledger.tell(session, promise, messages.supervisors(session), now, asks_human=True)


def candidates(
    debtor: str | None,
    team: str,
    agents: Mapping[str, AgentFacts],
    refused: Set[str],
    window: Window,
    now: datetime,
) -> Iterator[tuple[AgentFacts, Sentence]]:
    """Yield whom to ring, in order, and why: who owes it, and as the time comes near, who may help out."""
    free = [
        agent
        for agent in agents.values()
        if agent.reachability == Reachability.FREE
        and agent.endpoint is not None
        and agent.key not in refused
        and not agent.callers_waiting
    ]
    owes = agents.get(debtor) if debtor else None
    if owes is not None:
        if owes in free:
            yield owes, Sentence("callback_owner", {"agent": owes.spoken_name})
        is_busy = owes.reachability in (Reachability.BUSY, Reachability.WRAPPING_UP)
        has_left = owes.reachability == Reachability.LEFT
        if not has_left and now < (window.anybody_from if is_busy else window.colleagues_from):
            return
    others = [agent for agent in free if agent is not owes]
    knowing = [agent for agent in others if agent.handled_at is not None]
    for agent in sorted(knowing, key=lambda one: (one.handled_at, one.key), reverse=True):
        yield agent, Sentence("callback_colleague", {"agent": agent.spoken_name})
    rest = [agent for agent in others if agent.handled_at is None]
    for agent in sorted(rest, key=lambda one: (one.team != team, one.idle_since or now, one.key)):
        yield agent, Sentence("callback_team", {"agent": agent.spoken_name})


# --- a try begins -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Chosen:
    agent: AgentFacts
    address: str
    reason: Sentence
    event_number: int


def _ring_somebody(
    session: Session, promise: Promise, window: Window, now: datetime, deployment: Deployment
) -> str | None:
    facts = known_facts.read(session, "", str(promise.line), promise.number, now, deployment.defaults)
    sid = attempts.new_sid()
    chosen = _reserve(session, promise, facts, sid, window, now)
    if chosen is None:
        promise.next_at = now + LOOK_AGAIN_AFTER
        return None
    call = _write_call(session, promise, facts, chosen, sid, now)
    session.add(
        PromiseAttempt(
            promise=promise.id,
            call_sid=sid,
            number=promise.number,
            agent=chosen.agent.key,
            address=chosen.address,
            started_at=now,
            machine=False,
            lease_until=now + PLACING,
        )
    )
    is_debtor = promise.agent in (None, chosen.agent.key)
    why = "promise_calling" if is_debtor else "promise_escalated"
    ledger.move(session, promise, PromiseState.CALLING, why, now, details={"agent": chosen.agent.key})
    zone = facts.line.calendar.timezone
    language = _language_of(session, chosen.agent.key)
    reason = sentences.words(chosen.reason, language, zone, now, kind="reason")
    pop = screen_pop.screen_pop(call, facts, reason=reason, ring_expected=True)
    pop |= {"direction": str(Direction.OUTBOUND), "about": promise.about}
    desk_events.append(session, chosen.agent.key, chosen.event_number, "screen_pop", pop, now)
    outbox.add(session, outbox.PLACE_CALLBACK, f"callback/{sid}", {"call_sid": sid}, now)
    return sid


def _reserve(
    session: Session, promise: Promise, facts: Facts, sid: str, window: Window, now: datetime
) -> _Chosen | None:
    """Take the first who is free for this promise, in one atomic step each; None when nobody is."""
    agents = dict(facts.agents)
    if now >= window.colleagues_from:
        agents = known_facts.supervisors(session, now) | agents
    refused = {*attempts.refused_lately(session, promise.id, now - REFUSAL_HOLDS)}
    refused |= ledger.given_away_by(session, promise.id, now - REFUSAL_HOLDS) - {promise.agent}
    case = facts.caller.case
    if case is not None and case.avoided not in (None, promise.agent):
        refused.add(str(case.avoided))
    lease = timedelta(seconds=facts.rules.ladder.owner_ring_seconds) + PLACING
    for agent, reason in candidates(promise.agent, promise.team, agents, refused, window, now):
        endpoint = agent.endpoint
        if endpoint is None:
            continue
        if agent.key == promise.agent and dropped.is_one(promise):
            reason = Sentence("callback_dropped")
        number = presence.reserve(
            session, agent.key, sid, STEP, now, lease, unless=_somebody_waits_for(agent)
        )
        if number is not None:
            # One call can ring one telephone: the desk, where somebody has chosen both.
            address = f"client:{endpoint.identity}" if endpoint.identity else endpoint.address
            return _Chosen(agent, address, reason, number)
    return None


def _somebody_waits_for(agent: AgentFacts) -> ColumnElement[bool]:
    """Whoever holds the line for this agent, or for the team, is spoken to first."""
    waiting = aliased(Call)
    for_team = waiting.waiting_for_agent.is_(None) & (waiting.waiting_for_team == agent.team)
    return exists().where(
        waiting.waiting_since.is_not(None), or_(waiting.waiting_for_agent == agent.key, for_team)
    )


def _write_call(
    session: Session, promise: Promise, facts: Facts, chosen: _Chosen, sid: str, now: datetime
) -> Call:
    customer, case = facts.caller.customer, facts.caller.case
    call = Call(
        sid=sid,
        direction=Direction.OUTBOUND,
        from_e164=promise.number,
        line=promise.line,
        attestation="",
        customer=promise.customer or (customer.key if customer else None),
        case=promise.case or (case.key if case else None),
        owner=promise.agent,
        language=promise.language,
        state=CallState.RINGING,
        promise=promise.id,
        rule_version=facts.rules.version,
        situation={"at": now.isoformat(), "promise": promise.id, "tries": promise.tries},
        said=[],
        created_at=now,
        step=STEP,
    )
    session.add(call)
    session.flush()  # the call stands before whatever refers to it
    session.add(
        CallStep(
            call_sid=sid,
            number=STEP,
            kind=StepKind.CALLBACK,
            agent=chosen.agent.key,
            reason=chosen.reason.code,
            reason_values=dict(chosen.reason.values),
            endpoint="client" if chosen.address.startswith("client:") else "phone",
            started_at=now,
            declined_why="",
        )
    )
    return call


def _language_of(session: Session, agent: str) -> str:
    return session.scalar(select(Agent.language).where(Agent.key == agent)) or "nl"


# --- the carrier is asked to ring the agent -----------------------------------------------------------


@dataclass(frozen=True)
class ToPlace:
    """What the carrier is to be asked; `asked_at` is when it was asked before, without a clear answer."""

    address: str
    line: str
    ring_seconds: int
    asked_at: datetime | None


def to_place(session: Session, call_sid: str, now: datetime, deployment: Deployment) -> ToPlace | None:
    """Write down that the carrier is being asked, and return for what; None when there is no need."""
    found = attempts.held(session, call_sid)
    if found is None:
        return None
    attempt, promise = found
    if attempt.ended_at is not None or attempt.agent_leg is not None:
        return None
    if now > attempt.lease_until:
        _is_over(session, attempt, promise, AttemptOutcome.CALLED_OFF, now)
        return None
    asked_before, attempt.asked_at = attempt.asked_at, attempt.asked_at or now
    call = session.get_one(Call, call_sid)
    ring_seconds = rules.of_version(session, call.rule_version).ladder.owner_ring_seconds
    return ToPlace(address_with_call(attempt, call), call.line, ring_seconds, asked_before)


def address_with_call(attempt: PromiseAttempt, call: Call) -> str:
    """Return where the agent is rung; their softphone is told which call it is."""
    return with_parameters(attempt.address, screen_pop.parameters(call))


def placed(session: Session, call_sid: str, leg_sid: str, now: datetime) -> None:
    """The carrier rings, or will ring, the agent; at once ended when that is no longer wanted."""
    found = attempts.held(session, call_sid)
    if found is None:
        return
    attempt, _ = found
    attempt.agent_leg = attempt.agent_leg or leg_sid[:64]
    if attempt.ended_at is not None:
        attempts.end_agent_leg(session, attempt, now)
    else:
        attempt.lease_until = max(attempt.lease_until, now + RINGING)


def refused(session: Session, call_sid: str, now: datetime) -> None:
    """The carrier won't ring the agent."""
    found = attempts.held(session, call_sid)
    if found is not None and found[0].ended_at is None:
        _is_over(session, *found, AttemptOutcome.AGENT_FAILED, now)


# --- news of the agent --------------------------------------------------------------------------------


def agent_leg(session: Session, call_sid: str, status: str, leg_sid: str, now: datetime) -> None:
    """The agent's telephone rings, was picked up, or is put down again."""
    found = attempts.held(session, call_sid)
    if found is None:
        return
    attempt, promise = found
    attempt.agent_leg = attempt.agent_leg or leg_sid[:64] or None
    if attempt.ended_at is not None:
        if status not in CARRIER_SAYS_ENDED:
            attempts.end_agent_leg(session, attempt, now)
        return
    step = session.get_one(CallStep, (call_sid, STEP))
    if status in CARRIER_SAYS_ENDED:
        _agent_leg_is_over(session, attempt, promise, step, status, now)
    elif status == "ringing" and step.rang_at is None:
        step.rang_at, step.leg_sid = now, attempt.agent_leg
        attempt.lease_until = now + RINGING
        at_desk = attempt.address.startswith("client:")
        presence.rings(session, attempt.agent, call_sid, STEP, now, at_desk=at_desk)
        attempts.tell(session, attempt, "ringing", now)


def _agent_leg_is_over(
    session: Session, attempt: PromiseAttempt, promise: Promise, step: CallStep, status: str, now: datetime
) -> None:
    if attempt.accepted_at is None:
        attempt.agent_left_at = now
        at_once = step.rang_at is None and now - step.started_at < AT_ONCE
        _is_over(session, attempt, promise, _not_taken(status, at_once), now)
        return
    has_dropped = status == "failed" and attempt.bridged_at is not None and attempt.talked_until is None
    if has_dropped and not attempt.machine:
        attempt.agent_left_at = now
        _is_over(session, attempt, promise, AttemptOutcome.DROPPED, now)
        return
    # What became of the customer's side is still to be told; the agent is free from now on.
    attempt.agent_left_at = attempt.agent_left_at or now
    attempt.lease_until = min(attempt.lease_until, now + LAST_NEWS)
    attempts.free_agent(session, attempt, None, now, _wrap_up_seconds(session, attempt))


def _not_taken(status: str, at_once: bool) -> AttemptOutcome:
    match status:
        case "busy":
            return AttemptOutcome.AGENT_DECLINED
        case "no-answer" if not at_once:
            return AttemptOutcome.AGENT_NO_ANSWER
        case "completed":
            return AttemptOutcome.AGENT_NO_ANSWER  # a voicemail, or somebody who said nothing
        case "canceled":
            return AttemptOutcome.AGENT_LEFT
        case _:
            return AttemptOutcome.AGENT_FAILED


def picked_up(session: Session, call_sid: str, now: datetime, deployment: Deployment) -> bytes:
    """The agent's telephone was picked up: a desk is a human, an ordinary phone is asked for one."""
    found = attempts.held(session, call_sid)
    if found is None:
        return twiml.farewell(said=(), language=deployment.defaults.language)
    attempt, promise = found
    if attempt.address.startswith("client:") or attempt.accepted_at is not None:
        return _connect(session, attempt, promise, now, deployment)
    language = _language_of(session, attempt.agent)
    if attempt.ended_at is not None:
        return _no_longer_needed(language)
    return twiml.whisper_at(
        said=text(f"promise.{_whisper(attempt, promise)}", language),
        language=language,
        action=address(deployment.public_url, call_sid, "accept"),
    )


def _whisper(attempt: PromiseAttempt, promise: Promise) -> str:
    """Say whose callback it is; nothing of the customer, since a voicemail may be listening.

    Nor that the agent promised it: it may have been handed to them, or asked for by another system.
    """
    if promise.agent is None:
        return "whisper_team"
    return "whisper" if promise.agent == attempt.agent else "whisper_colleague"


def accept(
    session: Session, call_sid: str, digits: str, speech_result: str, now: datetime, deployment: Deployment
) -> bytes:
    """Whoever picked up an ordinary phone takes the callback, or doesn't."""
    found = attempts.held(session, call_sid)
    if found is None:
        return twiml.farewell(said=(), language=deployment.defaults.language)
    attempt, promise = found
    if twiml.is_yes(digits, speech_result) or attempt.accepted_at is not None:
        return _connect(session, attempt, promise, now, deployment)
    if attempt.ended_at is None:
        # A key or a word is a human's; a machine goes on talking.
        is_human = bool(digits.strip()) or 0 < len(speech_result.split()) <= 2
        outcome = AttemptOutcome.AGENT_DECLINED if is_human else AttemptOutcome.AGENT_NO_ANSWER
        _is_over(session, attempt, promise, outcome, now)
    return twiml.farewell(said=(), language=_language_of(session, attempt.agent))


def _connect(
    session: Session, attempt: PromiseAttempt, promise: Promise, now: datetime, deployment: Deployment
) -> bytes:
    """Ring the customer. Asked again, it answers the same, and nobody is rung twice."""
    language = _language_of(session, attempt.agent)
    if attempt.ended_at is not None:
        return _no_longer_needed(language)
    call = session.get_one(Call, attempt.call_sid)
    if attempt.accepted_at is None:
        if _is_calling_in(session, promise.number):
            _is_over(session, attempt, promise, AttemptOutcome.CUSTOMER_RANG, now)
            promise.next_at = now + AFTER_CUSTOMER_RANG
            return _no_longer_needed(language)
        if not _may_dial(session, promise, now):
            _is_over(session, attempt, promise, AttemptOutcome.CALLED_OFF, now)
            return _no_longer_needed(language)
        attempt.accepted_at = attempt.dialled_at = now
        attempt.lease_until = now + timedelta(seconds=CUSTOMER_RING_SECONDS) + TALKING
        session.get_one(CallStep, (attempt.call_sid, STEP)).answered_at = now
        presence.talks(session, attempt.agent, attempt.call_sid, STEP, now)
        attempts.tell(session, attempt, "accepted", now)
    return twiml.connect_customer(
        said=_before_the_customer(session, attempt, promise, call, language),
        language=language,
        number=attempt.number,
        line=call.line,
        seconds=CUSTOMER_RING_SECONDS,
        action=address(deployment.public_url, attempt.call_sid, "ended"),
        status_url=address(deployment.public_url, attempt.call_sid, "customer"),
    )


def _before_the_customer(
    session: Session, attempt: PromiseAttempt, promise: Promise, call: Call, language: str
) -> list[str]:
    """Say what an agent without a card needs to know; at a desk the card says it, and sooner."""
    if attempt.address.startswith("client:") or attempt.accepted_at is None:
        return [text("promise.connecting", language)]
    zone = zone_of(session, promise)
    return briefing.of(session, promise, call, language, zone, attempt.accepted_at)


def _may_dial(session: Session, promise: Promise, now: datetime) -> bool:
    """Ask again at the last moment: the policy may have changed, the day's number of dials be used up."""
    return (
        promise.number is not None
        and ledger.may_ring(session, promise.number)
        and len(attempts.dials_lately(session, promise.number, now)) < attempts.MOST_DIALS
    )


def _no_longer_needed(language: str) -> bytes:
    return twiml.farewell(said=[text("promise.over", language)], language=language)


def address(public_url: str, call_sid: str, what: str) -> str:
    """Return where the carrier reports on a callback."""
    return f"{public_url}/voice/callbacks/{call_sid}/{what}"


def decline(session: Session, call_sid: str, agent: str, why: str, now: datetime) -> bool:
    """The agent doesn't take the callback now; False when there is nothing left to decline."""
    found = attempts.held(session, call_sid)
    if found is None:
        return False
    attempt, promise = found
    if attempt.agent != agent or attempt.accepted_at is not None or attempt.ended_at is not None:
        return False
    session.get_one(CallStep, (call_sid, STEP)).declined_why = why
    _is_over(session, attempt, promise, AttemptOutcome.AGENT_DECLINED, now)
    return True


def could_not_go_on(session: Session, call_sid: str, now: datetime) -> None:
    """The agent took it and heard that it can't be done just now: our failure, so not their refusal."""
    found = attempts.held(session, call_sid)
    if found is not None and found[0].ended_at is None and found[0].accepted_at is None:
        _is_over(session, *found, AttemptOutcome.CALLED_OFF, now, ends_leg=False)


# --- news of the customer -----------------------------------------------------------------------------


def customer_leg(
    session: Session,
    call_sid: str,
    status: str,
    leg_sid: str,
    answered_by: str,
    seconds: int | None,
    now: datetime,
) -> None:
    """The customer's telephone rings, was answered by somebody or something, or is put down.

    `seconds` is the carrier's CallDuration, counted from the answer.
    """
    found = attempts.held(session, call_sid)
    if found is None:
        return
    attempt, promise = found
    attempt.customer_leg = attempt.customer_leg or leg_sid[:64] or None
    _heard_who_answered(session, attempt, promise, answered_by, now)
    if attempt.ended_at is not None or attempt.talked_until is not None:
        return
    if status == "in-progress" and attempt.bridged_at is None:
        _bridged(session, attempt, now)
    elif status == "completed" and (seconds or 0) >= KEPT_FROM_SECONDS:
        _bridged(session, attempt, now - timedelta(seconds=seconds or 0))
        _came_to(session, attempt, promise, _talked(attempt, seconds or 0), now)
    elif status in CARRIER_SAYS_ENDED:
        # The agent's side tells what it means; should that be lost, the carrier is asked.
        attempt.lease_until = min(attempt.lease_until, now + LAST_NEWS)


def is_machine(answered_by: str) -> bool:
    """Read the carrier's AnsweredBy.

    https://www.twilio.com/docs/voice/answering-machine-detection: human, unknown, fax, machine_start …
    """
    return answered_by.startswith("machine") or answered_by == "fax"


def _bridged(session: Session, attempt: PromiseAttempt, since: datetime) -> None:
    if attempt.bridged_at is not None:
        return
    attempt.bridged_at = since
    attempt.lease_until = since + TALKING
    call = session.get_one(Call, attempt.call_sid)
    lifecycle.move(call, CallState.TALKING)
    call.bridged_to, call.bridged_at = attempt.agent, since
    attempts.tell(session, attempt, "talking", since)


def _talked(attempt: PromiseAttempt, seconds: float) -> AttemptOutcome | None:
    """Say what it came to that two were put through; None as long as nobody has said who answered."""
    if attempt.machine:
        return AttemptOutcome.MACHINE
    if seconds < KEPT_FROM_SECONDS:
        return AttemptOutcome.TOO_SHORT
    return AttemptOutcome.KEPT if attempt.answered_by else None


def _heard_who_answered(
    session: Session, attempt: PromiseAttempt, promise: Promise, answered_by: str, now: datetime
) -> None:
    """The carrier says who answered, or nothing: what waited for that is decided, what it denies taken back.

    It tells while the two already talk, so this may come before or after their end, or not at all.
    """
    if not answered_by or attempt.machine:
        return
    attempt.machine = is_machine(answered_by)
    if attempt.machine or attempt.answered_by != HUMAN:
        attempt.answered_by = answered_by[:30]
    if attempt.ended_at is None and attempt.talked_until is not None:
        outcome = AttemptOutcome.MACHINE if attempt.machine else AttemptOutcome.KEPT
        _is_over(session, attempt, promise, outcome, now, ends_leg=False)
    elif attempt.machine and attempt.outcome == AttemptOutcome.KEPT:
        _take_back(session, attempt, promise, now)


def _came_to(
    session: Session,
    attempt: PromiseAttempt,
    promise: Promise,
    outcome: AttemptOutcome | None,
    now: datetime,
    *,
    ends_leg: bool = False,
) -> None:
    """Close a try of which the outcome is known; with None the agent is free, and the carrier is asked."""
    if outcome is not None:
        _is_over(session, attempt, promise, outcome, now, ends_leg=ends_leg)
        return
    attempt.talked_until = now
    attempt.lease_until = now
    wrap_up = max(_wrap_up_seconds(session, attempt), attempts.TELEPHONE_BUSY_SECONDS)
    attempts.free_agent(session, attempt, None, now, wrap_up)
    if ends_leg and attempt.agent_left_at is None:
        attempts.end_agent_leg(session, attempt, now)


def ended(
    session: Session, call_sid: str, dial: DialEnded, answered_by: str, now: datetime, deployment: Deployment
) -> bytes:
    """The ring at the customer is over, or the conversation; the agent hears what there is to say."""
    found = attempts.held(session, call_sid)
    if found is None:
        return twiml.farewell(said=(), language=deployment.defaults.language)
    attempt, promise = found
    _heard_who_answered(session, attempt, promise, answered_by, now)
    is_told = attempt.ended_at is not None or attempt.talked_until is not None
    if not is_told and attempt.accepted_at is not None:
        agent_is_gone = attempt.agent_left_at is not None or dial.call_status in CARRIER_SAYS_ENDED
        outcome = _outcome(session, attempt, dial.status, dial.bridged, dial.seconds, agent_is_gone, now)
        _came_to(session, attempt, promise, outcome, now)
    language = _language_of(session, attempt.agent)
    said = []
    if attempt.outcome == AttemptOutcome.DROPPED:
        said = [text("promise.ringing_again", language)]
    elif attempt.outcome in AT_THE_CUSTOMER:
        said = [text("promise.not_reached", language)]
    return twiml.farewell(said=said, language=language)


def _outcome(
    session: Session,
    attempt: PromiseAttempt,
    status: str,
    bridged: bool | None,
    seconds: int | None,
    agent_is_gone: bool,
    now: datetime,
) -> AttemptOutcome | None:
    """Read how the customer's side ended; an unknown word is a failure, never a conversation.

    None when they were put through and nobody has said whether to a human.
    """
    match status:
        case "failed" if attempt.bridged_at is not None and not attempt.machine:
            return AttemptOutcome.DROPPED
        case "completed" | "answered" if bridged is not False:
            since = attempt.bridged_at or now
            lasted = seconds if seconds is not None else (now - since).total_seconds()
            _bridged(session, attempt, now - timedelta(seconds=lasted))
            return _talked(attempt, lasted)
        case "no-answer" | "canceled" | "completed" if agent_is_gone:
            return AttemptOutcome.AGENT_LEFT
        case "no-answer" | "canceled" | "completed":
            return AttemptOutcome.NO_ANSWER
        case "busy":
            return AttemptOutcome.BUSY
        case _:
            return AttemptOutcome.FAILED


# --- a try is over ------------------------------------------------------------------------------------


def _is_over(
    session: Session,
    attempt: PromiseAttempt,
    promise: Promise,
    outcome: AttemptOutcome,
    now: datetime,
    *,
    ends_leg: bool = True,
) -> None:
    """Close a try and say what is next for its promise."""
    wrap_up = 0 if outcome == AttemptOutcome.DROPPED else _wrap_up_seconds(session, attempt)
    attempts.close(session, attempt, outcome, now, wrap_up_seconds=wrap_up, ends_leg=ends_leg)
    session.flush()
    if promise.state != PromiseState.CALLING:
        return
    details = {"agent": attempt.agent}
    if outcome == AttemptOutcome.KEPT:
        if attempt.bridged_at is not None and attempt.bridged_at > promise.due_at:
            promise.broken_at = promise.broken_at or promise.due_at
        why = "promise_kept" if attempt.answered_by == HUMAN else "promise_kept_unclear"
        ledger.move(session, promise, PromiseState.KEPT, why, now, attempt.agent, details)
        # Whoever has spoken to them has dealt with what they wrote.
        messages.see_to(session, attempt.number, attempt.agent, now)
        _leave_contact(session, attempt, now)
        return
    back = PromiseState.BROKEN if promise.due_at <= now else PromiseState.DUE
    ledger.move(session, promise, back, f"promise_{outcome}", now, details=details)
    if outcome in AT_THE_CUSTOMER:
        _was_in_vain(session, promise, attempt, now)
    elif outcome == AttemptOutcome.UNCLEAR:
        # Who may have spoken isn't rung again by itself, nor is a debt forgotten: the agent knows.
        promise.next_at = None
        _show_to_humans(session, promise, attempt.agent, now)
    else:
        promise.next_at = now + (
            AFTER_AGENT_LEFT if outcome == AttemptOutcome.AGENT_LEFT else LOOK_AGAIN_AFTER
        )


def _show_to_humans(session: Session, promise: Promise, agent: str, now: datetime) -> None:
    desks = {agent, *messages.supervisors(session)}
    ledger.tell(session, promise, sorted(desks), now, asks_human=True)


def _take_back(session: Session, attempt: PromiseAttempt, promise: Promise, now: datetime) -> None:
    """What counted as a conversation was a machine: all that followed from it is undone.

    The promise goes on as if that had been known; nothing changes for one whose number was forgotten.
    """
    kept_at = attempt.ended_at
    attempts.was_a_machine(session, attempt)
    if promise.state != PromiseState.KEPT or promise.number is None or kept_at is None:
        return
    forget_contact(session, contact_key(attempt.call_sid))
    messages.not_seen_to(session, attempt.number, attempt.agent, kept_at)
    if ledger.take_back(session, promise, "promise_taken_back", now, {"agent": attempt.agent}):
        _was_in_vain(session, promise, attempt, now)


def _was_in_vain(session: Session, promise: Promise, attempt: PromiseAttempt, now: datetime) -> None:
    """The customer wasn't reached: try again later, say so by SMS, and at last ask a human."""
    zone = zone_of(session, promise)
    promise.tries += 1
    promise.next_at = try_again_at(promise.tries, now, zone)
    if promise.next_at is None:
        _ask_a_human(session, promise, "promise_asks_human", now)
    if promise.tries == 1 or promise.next_at is None:
        code = "message_again" if promise.next_at is not None else "message_not_reached"
        body = text(f"promise.{code}", promise.language)
        messages.tell(session, promise, body, f"promise/{promise.id}/try/{attempt.id}", now)


def _wrap_up_seconds(session: Session, attempt: PromiseAttempt) -> int:
    """Return how long the agent has for notes: none when there was nothing to note."""
    if attempt.bridged_at is None:
        return 0
    call = session.get_one(Call, attempt.call_sid)
    return rules.of_version(session, call.rule_version).ladder.wrap_up_seconds


def _leave_contact(session: Session, attempt: PromiseAttempt, now: datetime) -> None:
    """Write the conversation down on its case."""
    call = session.get_one(Call, attempt.call_sid)
    if call.case is not None and attempt.bridged_at is not None:
        record_contact(
            session,
            contact=contact_key(call.sid),
            case=call.case,
            agent=attempt.agent,
            channel=Channel.CALL,
            direction=Direction.OUTBOUND,
            started_at=attempt.bridged_at,
            seconds=max(0, int(((attempt.talked_until or now) - attempt.bridged_at).total_seconds())),
        )


def give_way(session: Session, number: str | None, now: datetime) -> bool:
    """The customer rings us while we are about to ring them: the callback stops, and who it took is free.

    What is owed stays owed until they have spoken to somebody. Nothing happens once the two talk.
    """
    if number is None:
        return False
    promise_id = session.scalar(
        select(Promise.id).where(Promise.number == number, Promise.state == PromiseState.CALLING)
    )
    if promise_id is None:
        return False
    promise = session.get_one(Promise, promise_id, with_for_update=True, populate_existing=True)
    attempt = attempts.in_the_air(session, promise_id)
    if promise.state != PromiseState.CALLING or attempt is None or attempt.bridged_at is not None:
        return False
    _is_over(session, attempt, promise, AttemptOutcome.CUSTOMER_RANG, now)
    promise.next_at = now + AFTER_CUSTOMER_RANG
    session.flush()
    return True


# --- when news is lost --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Overdue:
    call_sid: str
    agent_leg: str | None
    address: str
    asked_at: datetime | None
    customer_leg: str | None = None


def overdue(session: Session, now: datetime, limit: int = 20) -> list[Overdue]:
    """Return the tries of which news should have come."""
    rows = session.execute(
        select(PromiseAttempt, Call)
        .join(Call, Call.sid == PromiseAttempt.call_sid)
        .where(PromiseAttempt.ended_at.is_(None), PromiseAttempt.lease_until < now)
        .order_by(PromiseAttempt.lease_until)
        .limit(limit)
    ).all()
    return [
        Overdue(
            attempt.call_sid,
            attempt.agent_leg,
            address_with_call(attempt, call),
            attempt.asked_at,
            attempt.customer_leg,
        )
        for attempt, call in rows
    ]


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
        _heard_who_answered(session, attempt, promise, customer.answered_by, now)
    if attempt.talked_until is not None:
        if attempt.ended_at is None:
            _nobody_says_who_answered(session, attempt, promise, customer, now)
        return
    given_up = now - max(attempt.started_at, attempt.bridged_at or attempt.started_at) > GIVEN_UP_AFTER
    if not standing.answered:
        attempt.lease_until = now + ASK_AGAIN_AFTER
        if given_up and attempt.bridged_at is None:
            _is_over(session, attempt, promise, AttemptOutcome.CALLED_OFF, now)
        return
    if standing.agent is None:
        _is_over(session, attempt, promise, AttemptOutcome.CALLED_OFF, now)
        return
    attempt.agent_leg = attempt.agent_leg or standing.agent.sid
    if standing.agent.status not in CARRIER_SAYS_ENDED:
        attempt.lease_until = now + TALKING
        if customer is not None and customer.status == "in-progress":
            _bridged(session, attempt, now)
        return
    if attempt.accepted_at is None:
        _is_over(session, attempt, promise, _not_taken(standing.agent.status, False), now)
    elif customer is None:
        _is_over(session, attempt, promise, AttemptOutcome.AGENT_LEFT, now)
    elif customer.status in CARRIER_SAYS_ENDED:
        agent_is_gone = attempt.agent_left_at is not None
        seconds = customer.seconds
        if seconds is None and customer.status == "completed" and attempt.bridged_at is None:
            seconds = 0
        outcome = _outcome(session, attempt, customer.status, None, seconds, agent_is_gone, now)
        _came_to(session, attempt, promise, outcome, now, ends_leg=True)
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
        _is_over(session, attempt, promise, AttemptOutcome.KEPT, now, ends_leg=False)
    elif now - since >= GIVEN_UP_AFTER:
        _is_over(session, attempt, promise, AttemptOutcome.UNCLEAR, now, ends_leg=False)
    else:
        attempt.lease_until = now + VERDICT_AGAIN_AFTER
