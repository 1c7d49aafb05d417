"""Why did this call go there? One line in time: recognised as, rule, heard, rang, said, who, promise."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from app import catalogue
from app.catalogue import times
from app.desk.masking import masked_phone
from app.promises import ledger
from app.promises.told import in_words
from app.records.agents import Agent
from app.records.callers import Case, Customer, Direction
from app.records.calls import Call, CallState, CallStep, Outcome, StepKind, StepOutcome
from app.records.legs import HandOver
from app.records.lines import Line
from app.records.messages import Message
from app.records.promises import Promise, PromiseEvent, Recording
from app.routing import kept, replay
from app.routing.screen_pop import is_verified

ASKED_BY_PEOPLE = (StepKind.CONSULT, StepKind.SUPERVISE)
RINGS = (StepKind.OWNER, StepKind.COLLEAGUE, StepKind.TEAM, StepKind.CALLBACK, *ASKED_BY_PEOPLE)


@dataclass(frozen=True)
class Happening:
    at: datetime
    kind: str  # of what it is: call, step, ring, said, promise, message
    words: str
    more: str = ""  # smaller, beneath


@dataclass(frozen=True)
class Story:
    """One call, as somebody reads it who wants to know why."""

    sid: str
    who: str
    subject: str
    line: str
    is_live: bool
    state: str
    outcome: str
    promise: int | None
    happenings: tuple[Happening, ...]
    tell: str  # what one could tell the caller
    checked: tuple[int, int]  # of so many decisions that were kept, so many are decided again the same


@dataclass(frozen=True)
class _Told:
    """What all the sentences need."""

    language: str
    zone: ZoneInfo
    now: datetime
    names: Mapping[str, str]  # of agents
    spoken: Mapping[str, str]  # as callers hear them

    def say(self, code: str, **values: object) -> str:
        return catalogue.text(f"calls.{code}", self.language, **values)

    def of(self, kind: str, code: str, values: Mapping[str, Any] | None = None) -> str:
        """Return a text of another kind; its code alone where an older version wrote one without words."""
        try:
            return catalogue.text(f"{kind}.{code}", self.language, **(values or {}))
        except KeyError:
            return code

    def name(self, agent: str | None) -> str:
        return self.names.get(agent or "", agent or "")


def story_of(session: Session, call: Call, language: str, zone: ZoneInfo, now: datetime) -> Story:
    """Return all that is known of a call, oldest first."""
    steps = session.scalars(
        select(CallStep)
        .where(CallStep.call_sid == call.sid)
        .order_by(CallStep.number)
        .options(undefer(CallStep.situation))
    ).all()
    spoken = dict(session.execute(select(Agent.key, Agent.spoken_name)).all())
    told = _Told(language, zone, now, ledger.names_of(session), spoken)
    customer = session.get(Customer, call.customer) if call.customer else None
    case = session.get(Case, call.case) if call.case else None
    line = session.get(Line, call.line)
    line_name = line.name if line else call.line
    happenings = [
        *_beginning(session, call, steps, told, line_name),
        *(one for step in steps for one in _of_step(step, told)),
        *_handed_over(session, call, told),
        *_heard(call, told),
        *_was_heard(call, told),
        *_of_promise(session, call, told),
        *_recorded(session, call, told),
        *_ending(call, told),
    ]
    return Story(
        sid=call.sid,
        who=customer.name if customer else masked_phone(call.remote_e164) if call.remote_e164 else "",
        subject=case.subject if case else "",
        line=line_name,
        is_live=call.state != CallState.ENDED,
        state=call.state,
        outcome=call.outcome or "",
        promise=call.promise,
        happenings=tuple(sorted(happenings, key=lambda one: one.at)),
        tell=_to_tell(session, call, steps, told, line_name),
        checked=_checked(steps),
    )


# --- the line in time ---------------------------------------------------------------------------------


def _beginning(
    session: Session, call: Call, steps: Sequence[CallStep], told: _Told, line: str
) -> Iterator[Happening]:
    came = told.say(_how_begun(session, call), line=line)
    yield Happening(call.created_at, "call", came, _attestation(call, told))
    yield Happening(call.created_at, "call", _recognised(session, call, steps, told))


def _how_begun(session: Session, call: Call) -> str:
    """Return the code of who rang whom: what an agent began was promised to nobody."""
    if call.direction != Direction.OUTBOUND:
        return "came_in"
    promise = session.get(Promise, call.promise) if call.promise is not None else None
    return "rang_them" if promise is not None and promise.is_outbound else "called_back"


def _attestation(call: Call, told: _Told) -> str:
    if call.direction == Direction.OUTBOUND or call.remote_e164 is None:
        return ""
    if call.attestation.startswith("TN-Validation-Failed"):
        return told.say("attested_not")
    return told.say("attested" if is_verified(call.attestation) else "attested_by_nobody")


def _recognised(session: Session, call: Call, steps: Sequence[CallStep], told: _Told) -> str:
    """Say as whom the caller was taken when the first step was chosen, and what they turned out to be."""
    stored = next((step.situation for step in steps if step.situation is not None), None)
    customer_key, case_key, many = call.customer, call.case, 0
    if stored is not None and call.direction == Direction.INBOUND:
        with suppress(kept.UnknownForm):
            customer_key, case_key = kept.recognised(stored)
            many = len(stored["customers"])
    if call.forgotten_at is not None and call.customer is None:
        return told.say("recognised_forgotten")
    if call.remote_e164 is None and customer_key is None and call.forgotten_at is None:
        return told.say("recognised_hidden")
    if customer_key is None:
        return told.say("recognised_nobody")
    customer = session.get(Customer, customer_key)
    case = session.get(Case, case_key) if case_key else None
    name = customer.name if customer else told.say("somebody")
    words = told.say("recognised_case", name=name, subject=case.subject) if case else ""
    words = words or told.say("recognised_customer", name=name)
    if many > 1:
        words += " " + told.say("recognised_many", count=many)
    if (call.customer, call.case) != (customer_key, case_key) and call.customer is not None:
        other = session.get(Customer, call.customer)
        words += " " + told.say("recognised_later", name=other.name if other else told.say("somebody"))
    return words


def _of_step(step: CallStep, told: _Told) -> Iterator[Happening]:
    why = told.of("reason", step.reason, step.reason_values)
    yield Happening(step.started_at, "step", why[:1].upper() + why[1:], _rule(step, told))
    name = told.name(step.agent) or (step.team or "")
    if step.kind in RINGS and step.agent:
        endpoint = told.say(f"at_{step.endpoint}") if step.endpoint in ("client", "phone") else ""
        if step.rang_at is not None:
            yield Happening(step.rang_at, "ring", told.say("rang", name=name), endpoint)
        elif step.outcome is None:
            yield Happening(step.started_at, "ring", told.say("is_rung", name=name), endpoint)
    if step.answered_at is not None:
        yield Happening(step.answered_at, "ring", told.say("answered", name=name))
    if step.checked_at is not None:
        yield Happening(step.checked_at, "ring", told.say("checked", name=name))
    if step.ended_at is not None and step.outcome not in _TOLD_OTHERWISE:
        declined = told.of("page", f"decline_{step.declined_why}") if step.declined_why else ""
        words = told.say(f"step_{step.outcome}", name=name or told.say("the_team"))
        yield Happening(step.ended_at, "ring", words, declined)


# By who answered, by the promise, and by what was heard.
_TOLD_OTHERWISE = (
    *(None, StepOutcome.ANSWERED, StepOutcome.PROMISED),
    *(StepOutcome.HEARD, StepOutcome.SILENT),
)


def _rule(step: CallStep, told: _Told) -> str:
    if step.rule_version is None or step.kind in ASKED_BY_PEOPLE:
        return ""
    if step.rule:
        return told.say("by_rule", rule=step.rule, version=step.rule_version)
    return told.say("by_ladder", version=step.rule_version)


def _handed_over(session: Session, call: Call, told: _Told) -> Iterator[Happening]:
    for one in session.scalars(select(HandOver).where(HandOver.call_sid == call.sid).order_by(HandOver.id)):
        names = {"first": told.name(one.from_agent), "second": told.name(one.to_agent)}
        yield Happening(one.started_at, "ring", told.say(f"hand_over_{one.kind}", **names), one.why)
        if one.ended_at is not None and one.outcome is not None:
            yield Happening(one.ended_at, "ring", told.say(f"hand_over_{one.outcome}", **names))


def _heard(call: Call, told: _Told) -> Iterator[Happening]:
    for one in call.said:
        yield Happening(datetime.fromisoformat(one["at"]), "said", told.say("heard", text=one["text"]))


def _was_heard(call: Call, told: _Told) -> Iterator[Happening]:
    """Tell what whom nobody knew answered to the one question, and what it was taken for."""
    if call.heard is None or "at" not in call.heard:
        return
    what = call.heard.get("topic") or call.heard.get("case") or call.heard.get("customer") or ""
    words = (
        told.say("caller_said", text=call.heard["text"]) if call.heard["text"] else told.say("caller_silent")
    )
    taken = told.say(f"taken_for_{call.heard['taken_for']}", what=what)
    yield Happening(datetime.fromisoformat(call.heard["at"]), "said", words, taken)


def _of_promise(session: Session, call: Call, told: _Told) -> Iterator[Happening]:
    if call.promise is None:
        return
    events = select(PromiseEvent).where(PromiseEvent.promise == call.promise).order_by(PromiseEvent.id)
    names = {"customer": catalogue.text("promise.the_customer", told.language), **told.names}
    for event in session.scalars(events):
        words = in_words(event, told.language, told.zone, names)
        who = names.get(event.who, event.who)
        yield Happening(event.at, "promise", words, "" if who in words else who)
    for message in session.scalars(select(Message).where(Message.promise == call.promise)):
        code = "wrote_us" if message.direction == Direction.INBOUND else "wrote_them"
        yield Happening(message.at, "message", told.say(code))


def _recorded(session: Session, call: Call, told: _Told) -> Iterator[Happening]:
    for one in session.scalars(select(Recording).where(Recording.call_sid == call.sid)):
        yield Happening(one.made_at, "said", told.say("left_words"))


def _ending(call: Call, told: _Told) -> Iterator[Happening]:
    if call.bridged_at is not None:
        yield Happening(call.bridged_at, "call", told.say("bridged", name=told.name(call.bridged_to)))
    if call.waiting_since is not None:
        whom = told.name(call.waiting_for_agent) or call.waiting_for_team or ""
        yield Happening(call.waiting_since, "call", told.say("waits", name=whom))
    if call.ended_at is not None:
        outcome = told.say(f"outcome_{call.outcome}") if call.outcome else ""
        yield Happening(call.ended_at, "call", told.say("ended"), outcome)


# --- decided again ------------------------------------------------------------------------------------


def _checked(steps: Sequence[CallStep]) -> tuple[int, int]:
    """Return how many decisions were kept, and how many of them are decided the same from what was known."""
    decided = same = 0
    for step in steps:
        try:
            again = replay.decided_again(step)
        except (kept.UnknownForm, KeyError, ValueError):
            continue
        decided += 1
        whom = getattr(again, "agent", None)
        same += again is not None and (again.kind, whom) == (step.kind, step.agent)
    return decided, same


# --- what one could tell the caller -------------------------------------------------------------------


def _to_tell(session: Session, call: Call, steps: Sequence[CallStep], told: _Told, line: str) -> str:
    """Say it in sentences with nothing of the customer or the case: names as callers hear them, and times."""
    when = times.written(call.created_at, told.zone, told.language)
    callback = call.direction == Direction.OUTBOUND
    parts = [told.say(f"tell_{_how_begun(session, call)}", when=when, line=line)]
    if not callback and call.remote_e164 is None and call.forgotten_at is None:
        parts.append(told.say("tell_hidden"))
    elif not callback:
        parts.append(told.say("tell_known" if call.customer else "tell_unknown"))
    for step in steps:
        parts += _step_to_tell(step, told)
    parts.append(_end_to_tell(session, call, told))
    return " ".join(part for part in parts if part)


def _step_to_tell(step: CallStep, told: _Told) -> Iterator[str]:
    name = told.spoken.get(step.agent or "", "")
    if step.kind in (StepKind.OWNER, StepKind.COLLEAGUE, StepKind.TEAM, StepKind.WAIT, StepKind.CALLBACK):
        whose = "_step" if step.kind == StepKind.CALLBACK else ""
        yield told.say(f"tell_{step.kind}{whose}" if name else f"tell_{step.kind}_team", name=name)
    if step.outcome in _TOLD_OUTCOMES and name:
        yield told.say(f"tell_{step.outcome}", name=name)


_TOLD_OUTCOMES = (StepOutcome.NO_ANSWER, StepOutcome.DECLINED, StepOutcome.BUSY, StepOutcome.FAILED)


def _end_to_tell(session: Session, call: Call, told: _Told) -> str:
    if call.state != CallState.ENDED and call.bridged_at is None:
        return told.say("tell_goes_on")
    if call.bridged_at is not None:
        return told.say(
            "tell_talked", name=told.spoken.get(call.bridged_to or "", told.name(call.bridged_to))
        )
    promise = session.get(Promise, call.promise) if call.promise else None
    if call.outcome in (Outcome.PROMISED, Outcome.MISSED_PROMISED) and promise is not None:
        when = times.written(promise.due_at, told.zone, told.language)
        return told.say(f"tell_{call.outcome}", when=when)
    return told.say(f"tell_{call.outcome}") if call.outcome in _ENDS else ""


_ENDS = (Outcome.REFUSED, Outcome.NOT_CALLABLE, Outcome.NOT_REACHED)
