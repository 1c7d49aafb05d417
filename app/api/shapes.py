"""What do our answers look like? Each shape is read from a row, becomes JSON, and describes itself."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from app import catalogue
from app.api.fields import DATES, dates_as_said
from app.api.rule_shapes import RuleClash, RuleProblem
from app.outgoing.hooks import Event
from app.outgoing.shapes import Answer, At, CallInList, Json, Promise, words
from app.outgoing.shapes import Case as Case  # so that the views find all of them here
from app.outgoing.shapes import Contact as Contact
from app.promises.told import in_words
from app.records.agents import Activity as AgentActivity
from app.records.agents import Intent, Reach, Softphone
from app.records.audit import Via
from app.records.calls import Call as CallRow
from app.records.calls import CallStep, StepKind, StepOutcome
from app.records.legs import HandOverKind, HandOverOutcome, HandOverPhase, LegRole, LegState
from app.records.promises import Promise as PromiseRow
from app.records.promises import PromiseEvent, PromiseState
from app.routing.publishing import Published
from app.routing.situation import TakenFor


class Agent(Answer):
    agent: str = Field(validation_alias="key")
    name: str
    spoken_name: str
    email: str
    team: str
    phone: str | None
    language: str
    enabled: bool


class Line(Answer):
    number: str
    name: str
    language: str
    country: str
    team: str
    timezone: str
    hours: str
    greeting: str
    records_messages: bool
    asks: bool
    question: str
    sends_screen: bool
    dates: Annotated[list[dict[str, str]], DATES]

    @classmethod
    def of(cls, row: Any, /, **more: Any) -> Json:
        return super().of(row, dates=dates_as_said(row.dates), **more)


class Customer(Answer):
    customer: str = Field(validation_alias="key")
    name: str
    phones: list[str]
    language: str
    postcode: str
    tags: list[str]

    @classmethod
    def of(cls, row: Any, /, **more: Any) -> Json:
        return super().of(row, phones=[number.e164 for number in row.numbers], **more)


class Topic(Answer):
    topic: str = Field(validation_alias="key")
    name: str
    team: str
    words: list[str]
    language: str


class TopicMatch(Answer):
    topic: str | None = Field(description="about_matched_topic")
    team: str | None
    score: float = Field(description="about_score")
    why: list[str] = Field(description="about_matched_why")
    sure: bool = Field(description="about_sure")


class Number(Answer):
    number: str = Field(validation_alias="e164")
    nobodys: bool
    note: str


class Presence(Answer):
    agent: str
    state: Annotated[str, words([*Intent, *(one for one in AgentActivity if one != AgentActivity.IDLE)])]
    since: At | None
    why: str
    reach: Annotated[str, words(Reach)]
    reachable: bool
    rings_at: Annotated[str, words(["client", "phone", "both"])] | None
    heartbeat_at: At | None
    softphone: Annotated[str, words(Softphone)]
    visible: bool
    proven_at: At | None
    suspect_until: At | None
    back_at: At | None
    wrap_up_until: At | None
    call_sid: str | None


class Absence(Answer):
    agent: str = Field(validation_alias="key")
    from_: date | None = Field(
        validation_alias="absent_from", serialization_alias="from", description="about_absent_from"
    )
    until: date | None = Field(validation_alias="absent_until")
    has_begun: bool
    back_at: At | None = Field(description="about_absent_back_at")


class Step(Answer):
    kind: Annotated[str, words(StepKind)]
    target: str | None = Field(description="about_target")
    reason: str = Field(validation_alias="in_words", description="about_reason")
    reason_code: str = Field(validation_alias="reason")
    rule_version: int | None = Field(description="about_step_rule_version")
    rule: str | None = Field(description="about_step_rule")
    rule_name: str | None = Field(description="about_step_rule_name")
    rules_changed: str | None = Field(description="about_step_rules_changed")
    started_at: At
    ended_at: At | None
    outcome: Annotated[str, words(StepOutcome)] | None
    declined_why: str
    checked_at: At | None = Field(description="about_checked_at")


class WasHeard(BaseModel):
    """What whom nobody knew answered to the open question, and what it was taken for; unchecked."""

    text: str
    taken_for: Annotated[str, words(TakenFor)]
    topic: str | None = None
    team: str | None = None
    customer: str | None = None
    case: str | None = None


class Call(CallInList):
    owner: str | None
    attestation: str
    rule_version: int
    steps: list[Step]
    said: list[str] = Field(description="about_said")
    heard: WasHeard | None = Field(description="about_heard")


class Leg(Answer):
    """Who is in a call."""

    role: Annotated[str, words(LegRole)]
    agent: str | None
    state: Annotated[str, words(LegState)]


class Transfer(Answer):
    """How a hand-over stands, or how it ended."""

    kind: Annotated[str, words(HandOverKind)]
    from_: str = Field(validation_alias="from_agent", serialization_alias="from")
    to: str = Field(validation_alias="to_agent")
    phase: Annotated[str, words(HandOverPhase)] = Field(description="about_phase")
    outcome: Annotated[str, words(HandOverOutcome)] | None = Field(description="about_transfer_outcome")
    not_taken: str = Field(description="about_not_taken")
    why: str = Field(description="about_why")
    promise: int | None = Field(description="about_promise")
    started_at: At
    ended_at: At | None


class Conversation(Answer):
    """Who is in a call, and how it is being handed over."""

    call_sid: str
    legs: list[Leg]
    transfer: Transfer | None


def call(row: CallRow, steps: Sequence[CallStep], language: str, by_version: Mapping[int, Published]) -> Json:
    """The whole story of one call, with the reasons in words, and the rules that decided each step."""
    told = []
    before = row.rule_version
    for step in steps:
        by = step.rule_version or before
        told.append(
            Step.read(
                step,
                target=step.agent or step.team,
                in_words=_in_words(step.reason, language, step.reason_values),
                rule=step.rule or None,
                rule_name=_rule_name(by_version.get(by), step.rule),
                rules_changed=_rules_changed(by_version.get(by), language) if by != before else None,
            )
        )
        before = by
    return Call.of(row, steps=told, said=[one["text"] for one in row.said])


def _rule_name(published: Published | None, rule: str) -> str | None:
    if published is None or not rule:
        return None
    return next((one.name or None for one in published.rules.rules if one.id == rule), None)


def _rules_changed(published: Published | None, language: str) -> str | None:
    """Say that other rules came into force since the step before; None where nobody knows them any more."""
    if published is None:
        return None
    who, why = published.published_by or "–", published.why or "–"
    return catalogue.text("reason.rules_changed", language, number=published.rules.version, who=who, why=why)


def _in_words(code: str, language: str, values: Mapping[str, Any]) -> str:
    """The reason in words; its code alone when an older version wrote one that has no words any more."""
    try:
        return catalogue.text(f"reason.{code}", language, **values)
    except KeyError:
        return code


class WhatBecameOfIt(Answer):
    at: At
    state: Annotated[str, words(PromiseState)]
    why: str = Field(validation_alias="in_words")
    why_code: str = Field(validation_alias="why")
    who: str


class PromiseWithEvents(Promise):
    events: list[WhatBecameOfIt]


def promise_with_events(
    row: PromiseRow,
    events: Sequence[PromiseEvent],
    language: str,
    zone: ZoneInfo,
    names: Mapping[str, str],
) -> Json:
    """The promise with all that it went through, in words; times are as on the clock in `zone`."""
    told = [WhatBecameOfIt.read(one, in_words=in_words(one, language, zone, names)) for one in events]
    return PromiseWithEvents.of(row, events=told)


class Hook(Answer):
    id: int
    url: str
    events: list[Annotated[str, words(Event)]]
    state: Annotated[str, words(["active", "failing", "disabled"])] = Field(description="about_hook_state")
    created_at: At
    failing_since: At | None
    disabled_at: At | None
    last_result: str = Field(description="about_last_result")

    @classmethod
    def of(cls, row: Any, /, **more: Any) -> Json:
        state = "disabled" if row.disabled_at else "failing" if row.failing_since else "active"
        return super().of(row, state=state, **more)


class HookAdded(Hook):
    """Its secret is shown only to whoever makes it."""

    secret: str = Field(description="about_hook_secret")


class Hooks(Answer):
    items: list[Hook]


class Consultation(Answer):
    """One look-up, as the standard for logging the use of people's data has it; the last four are ours."""

    trace_id: str = Field(description="about_trace_id")
    span_id: str
    parent_span_id: str | None
    status: Annotated[str, words(["Unset", "Ok", "Error"])]
    name: str
    start_time: At
    end_time: At
    resource: Json
    attributes: Json = Field(description="about_consultation_attributes")
    number: int = Field(description="about_consultation_number")
    who: str = Field(description="about_consultation_who")
    via: Annotated[str, words(Via)]
    details: Json


class Activity(Answer):
    """One of our processing activities, to which each look-up belongs."""

    id: str
    activity: str
    name: str
    purpose: str
    look_ups: list[str]


class Activities(Answer):
    items: list[Activity]


class FieldProblem(Answer):
    field: str
    message: str


class Problem(Answer):
    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldProblem] = Field(default_factory=list)
    clashes: list[RuleClash] = Field(default_factory=list, description="about_clashes")
    problems: list[RuleProblem] = Field(default_factory=list, description="about_rule_problems")
    tests: list[Json] = Field(default_factory=list, description="about_red_tests")


# One of each that can be written; they fit together, and the tests send them.
EXAMPLES: dict[str, Any] = {
    "AgentWritten": {
        "name": "Anna Bakker",
        "spoken_name": "Anna",
        "email": "anna@example.nl",
        "team": "Burgerzaken",
        "phone": "+31612345678",
        "language": "nl",
    },
    "LineWritten": {
        "name": "Burgerzaken",
        "language": "nl",
        "country": "NL",
        "team": "Burgerzaken",
        "timezone": "Europe/Amsterdam",
        "hours": "Mo-Fr 09:00-17:30; Sa 10:00-14:00",
        "dates": [
            {"date": "2026-12-24", "until": "2026-12-24", "hours": "until 12:00", "why": "de kerstborrel"}
        ],
    },
    "CustomerWritten": {
        "name": "Ada de Vries",
        "phones": ["+31687654321", "020 123 4567"],
        "language": "nl",
        "postcode": "1012 AB",
        "tags": ["ondernemer"],
    },
    "CaseWritten": {
        "customer": "K-1001",
        "subject": "Verhuizing doorgeven",
        "team": "Burgerzaken",
        "status": "open",
        "priority": "normal",
        "opened_at": "2026-05-01T09:30:00+02:00",
        "url": "https://zaken.example.nl/Z-2026-17",
        "owner": None,
    },
    "ContactWritten": {
        "case": "Z-2026-17",
        "agent": "anna",
        "channel": "call",
        "direction": "inbound",
        "started_at": "2026-05-01T09:31:00+02:00",
        "seconds": 240,
        "outcome": "promise made",
        "summary": "Stuurt vandaag nog een kopie van de huurovereenkomst.",
    },
    "AbsenceWritten": {"from": "2126-07-22", "until": "2126-08-09"},
    "PresenceWritten": {"state": "available", "reach": "desk"},
    "Heartbeat": {"visible": True, "softphone": "ready"},
    "TransferWritten": {"to": "bram", "kind": "warm", "why": "Belt over haar paspoort, spoed."},
    "HoldWritten": {"on": True},
    "PromiseWritten": {
        "number": "+31687654321",
        "due_at": "2126-05-01T16:00:00+02:00",
        "case": "Z-2026-17",
        "agent": "anna",
        "about": "Wil weten of de kopie is aangekomen.",
    },
    "RuleDraftWritten": {
        "rules": [
            {
                "id": "vip",
                "name": "VIP's eerst naar Anna",
                "enabled": True,
                "when": [{"fact": "customer.tag", "is": ["vip"]}],
                "then": {"first": {"agent": "anna"}, "wait_for_owner_seconds": 120},
            }
        ],
        "based_on": 1,
    },
    "RulesToPublish": {"why": "VIP's spreken Anna"},
    "RulesRollback": {"version": 1, "why": "toch niet"},
    "CallToSimulate": {
        "caller": {
            "language": "nl",
            "tags": ["vip"],
            "case": {"team": "Burgerzaken"},
            "handled_by": ["anna"],
        },
        "line": "+31201234567",
        "at": "2026-11-27T16:10:00+01:00",
        "presence": {"anna": "break"},
        "answers": ["no_answer", "hung_up:12"],
    },
    "RuleTestsWritten": [
        {
            "name": "mevrouw De Vries, vrijdag 16:10, Anna op pauze → Bram",
            "call": {
                "caller": {"case": {"team": "Burgerzaken"}, "handled_by": ["anna", "bram"]},
                "line": "+31201234567",
                "at": "2026-11-27T16:10:00+01:00",
                "presence": {"anna": "break"},
            },
            "expect": {"first": "bram", "says": ["owner_on_break"]},
        }
    ],
    "PeriodToReplay": {"since": "2026-11-16T00:00:00+01:00", "until": "2026-11-23T00:00:00+01:00"},
    "HookWritten": {
        "url": "https://crm.example.nl/rechtdoor",
        "events": ["call.ended", "promise.made", "promise.kept", "promise.broken"],
    },
}
