"""Can a decision be read back, and does it lead to the step that was taken? Without anybody's name."""

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.agents.presence import Endpoint
from app.callers.recognition import KnownCustomer
from app.lines.hours import calendar
from app.routing import kept
from app.routing.decision import AskForNumber, MakePromise, Ring, Step, Wait, next_step
from app.routing.rules import Ladder, Resolved
from app.routing.situation import AgentFacts, Situation
from tests.situations import KEYS, SECRET, USUAL, agent, any_agent, any_situation, caller


def taken(step: Step) -> tuple[object, ...]:
    """Return what a step does, without the names in what is said."""
    what = (step.kind, step.reason.code, [sentence.code for sentence in step.say])
    match step:
        case Ring():
            return (*what, step.agent, step.endpoint.kind, step.seconds)
        case Wait():
            return (*what, step.agent, step.team, step.seconds, step.due_at)
        case MakePromise() | AskForNumber():
            return (*what, step.agent, step.team, step.due_at)


def read_back(known: Situation) -> Situation:
    """Write a situation down as a database does, and read it again."""
    stored = json.loads(json.dumps(kept.situation_as_json(known)))
    parameters = json.loads(json.dumps(known.ladder.as_json()))
    return kept.situation_of(stored, Resolved(Ladder.kept(parameters), known.resolved.version))


@given(known=any_situation())
@settings(max_examples=400, deadline=None)
def test_whatever_was_decided_is_decided_again_from_what_was_kept(known: Situation) -> None:
    assert taken(next_step(read_back(known))) == taken(next_step(known))


CHRISTMAS = "2026-12-24 until 12:00 | de kerstborrel\n2026-12-28/2026-12-31 closed | de verhuizing"


@pytest.mark.parametrize("hour", ["11:00", "14:00", "18:00"])
def test_what_a_day_of_its_own_decided_is_decided_again(hour: str) -> None:
    now = datetime.fromisoformat(f"2026-12-24T{hour}:00+01:00")
    place = calendar("Mo-Fr 09:00-17:00", "Europe/Amsterdam", "NL", CHRISTMAS)
    known = replace(USUAL, now=now, line=replace(USUAL.line, calendar=place))

    assert taken(next_step(read_back(known))) == taken(next_step(known))
    assert next_step(read_back(known)).say[:1] == next_step(known).say[:1]


def test_a_line_without_such_days_is_kept_as_before_and_one_kept_before_is_read() -> None:
    stored = kept.situation_as_json(USUAL)
    assert "dates" not in stored["line"]
    assert read_back(USUAL).line.calendar == USUAL.line.calendar


def test_hundreds_of_such_days_leave_room_for_the_rest() -> None:
    days = "\n".join(
        f"{date(2026, 11, 1) + timedelta(days=n)} closed | {'reden ' * 16}".strip() for n in range(200)
    )
    place = calendar("Mo-Fr 09:00-17:00", "Europe/Amsterdam", "NL", days)
    crowd = crowded(
        replace(USUAL, line=replace(USUAL.line, calendar=place)), [*USUAL.agents.values()], 300, 200
    )

    assert len(json.dumps(kept.situation_as_json(crowd), ensure_ascii=False).encode()) <= kept.LONGEST
    assert taken(next_step(read_back(crowd))) == taken(next_step(crowd))


def crowded(known: Situation, several: list[AgentFacts], people: int, customers: int) -> Situation:
    """Add hundreds of people who are like those few, and many customers on the caller's number."""
    agents: dict[str, AgentFacts] = dict(known.agents)
    for place in range(people):
        one, key = several[place % len(several)], f"agent{place:03}"
        idle = one.idle_since and one.idle_since + timedelta(seconds=place)
        endpoint = one.endpoint and Endpoint(one.endpoint.kind, key)
        agents[key] = replace(one, key=key, idle_since=idle, endpoint=endpoint)
    who = known.caller
    if who.e164 is not None:
        cases = caller().customers[0].cases
        more = (KnownCustomer(f"klant{place}", "", "nl", ("tag",) * 20, cases) for place in range(customers))
        who = replace(who, customers=(*who.customers, *more))
    return replace(known, agents=agents, caller=who)


@given(
    known=any_situation(),
    several=st.tuples(*(any_agent(key) for key in KEYS[:4])).map(list),
    people=st.sampled_from([60, 300]),
    customers=st.sampled_from([0, 40]),
)
@settings(max_examples=60, deadline=None)
def test_a_decision_among_hundreds_is_kept_in_eight_kilobytes_and_is_the_same(
    known: Situation, several: list[AgentFacts], people: int, customers: int
) -> None:
    crowd = crowded(known, several, people, customers)

    assert len(json.dumps(kept.situation_as_json(crowd)).encode()) <= kept.LONGEST
    assert taken(next_step(read_back(crowd))) == taken(next_step(crowd))


def test_no_name_no_number_and_no_word_of_the_case_is_kept() -> None:
    mobile = "+31611112222"
    named = replace(
        USUAL,
        agents={
            "anna": agent("anna", spoken_name="Sterre", phone=mobile, endpoint=Endpoint("phone", mobile))
        },
    )

    written = json.dumps(kept.situation_as_json(named))

    secrets = (f"Ada {SECRET}", f"Onderwerp {SECRET}", "zaken.example.nl", "Sterre", "31611112222")
    assert [one for one in (*secrets, USUAL.caller.e164) if str(one) in written] == []


def test_what_a_newer_version_kept_is_refused_by_name_not_misread() -> None:
    stored: dict[str, Any] = kept.situation_as_json(USUAL) | {"form": kept.FORM + 1}

    with pytest.raises(kept.UnknownForm):
        kept.situation_of(stored, USUAL.resolved)
