"""Does what is proven of rules hold of calls? The closure that decides, the term that the prover sees and the
sentence that a person reads are held together; what the prover finds is played.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import z3
from flask import Flask
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from app import db
from app.clock import utcnow
from app.deployment import Deployment
from app.routing import proven_words, prover, proving, publishing, rule_sentences, simulation
from app.routing.asked_call import AskedCall
from app.routing.conditions import FACTS, Kind
from app.routing.proving import Ground
from app.routing.resolving import comes_to, comes_to_by_default, resolve
from app.routing.rules import Rules
from app.routing.situation import Situation
from config import Settings
from tests import town
from tests.factories import LINE
from tests.routing.test_conditions import any_call, any_condition

Json = dict[str, Any]

# `RULES_EXAMPLES=700 pytest tests/routing/test_prover.py --hypothesis-seed=…` looks longer. No test may
# take more than seven minutes (tests/watch.py): for more, other seeds.
EXAMPLES = int(os.environ.get("RULES_EXAMPLES", "40"))
GROUND = Ground((LINE,), 3, date(2026, 11, 24))
THENS: tuple[Json, ...] = ({}, {"only": "promise"}, {"first": "supervisor"}, {"wait_for_owner_seconds": 9})
looks = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True, scope="module")
def time_enough() -> Iterator[None]:
    """What the prover finds is asked here, not how quickly: a busy machine makes nothing unproven."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(proving, "SECONDS", 200)
        patched.setattr(proving, "MOST_SECONDS", 300)
        yield


def rules(*written: Json) -> Rules:
    return Rules.written({"rules": [{"id": f"r{number}", **one} for number, one in enumerate(written)]})


def when(*conditions: Json, **then: Any) -> Json:
    return {"when": list(conditions), "then": then}


def asks(name: str, **question: Any) -> Json:
    return {"fact": name, **question}


@st.composite
def any_rules(draw: st.DrawFn) -> Rules:
    conditions = draw(st.lists(any_condition(), min_size=1, max_size=5))
    return rules(
        *(
            {
                "when": draw(st.lists(st.sampled_from(conditions), max_size=3)),
                "then": draw(st.sampled_from(THENS)),
            }
            for _ in range(draw(st.integers(1, 5)))
        )
    )


@st.composite
def any_whole_call(draw: st.DrawFn) -> Situation:
    """A call of which all is counted that rules may ask for."""
    counts = sorted(draw(st.lists(st.integers(1, 40), min_size=4, max_size=4)))
    known = draw(any_call())
    return replace(known, calls_within=dict(zip((1, 7, 30, 90), counts, strict=True)), calls_lately=counts[1])


def is_the_call(world: prover.World, known: Situation) -> Iterator[Any]:
    """Yield what says to the prover that it is this call and no other."""
    for name, fact in FACTS.items():
        if name in prover.EACH:
            continue
        if name == prover.COUNTED:
            for days, unknown in world.calls.items():
                if (count := fact.read(known, days)) is not None:
                    yield unknown == count
        elif name in prover.NUMBERS:
            if (number := fact.read(known)) is not None:
                yield world.number[name] == number
        elif name in world.choice:
            value = fact.read(known)
            value = value.casefold() if fact.kind == Kind.CHOICE and value else value
            if name == "caller.country":
                yield world.has_country == (value is not None)
            if value is not None:
                yield world.is_(name, value if value in world.values(name) else None)
    customers = known.caller.customers
    for place, (is_there, tags, language) in enumerate(world.customers):
        yield is_there == (place < len(customers))
        if place < len(customers):
            has = {tag.casefold() for tag in customers[place].tags}
            yield from (unknown == (tag in has) for tag, unknown in tags.items())
            spoken, spoken_of = customers[place].language, world.values("customer.language")
            yield language == (spoken_of.index(spoken) if spoken in spoken_of else len(spoken_of))


def outcome(some: Rules, known: Situation) -> Any:
    decided = resolve(some, known).rule
    for rule, ladder in some.in_use:
        if rule.id == decided:
            return comes_to(rule, ladder)
    return comes_to_by_default(some.ladder)


@given(some=any_rules(), known=any_whole_call())
@looks
def test_the_prover_sees_a_rule_as_the_closure_that_decides_calls_does(some: Rules, known: Situation) -> None:
    world = prover.World(proving.question("check", {"draft": some}, GROUND), 2)
    order = prover.Order(world, "draft", world.asked["rules"]["draft"])
    solver = z3.Solver()
    solver.add(*world.axioms, *world.definitions, *order.axioms, *is_the_call(world, known))

    assert solver.check() == z3.sat, "a call that could be is ruled out"
    model = solver.model()
    assert [z3.is_true(model.eval(one, model_completion=True)) for one in order.holds] == [
        rule.holds(known) for rule, _ in some.in_use
    ]
    decided = order.first(model)
    assert resolve(some, known).rule == (some.rules[decided].id if decided < len(some.rules) else "")


@given(before=any_rules(), after=any_rules(), calls=st.lists(any_whole_call(), min_size=5, max_size=5))
@looks
def test_whichever_call_is_treated_otherwise_is_among_the_changes(
    before: Rules, after: Rules, calls: list[Situation]
) -> None:
    found = prover.changes(proving.question("changes", {"draft": after, "published": before}, GROUND))
    pairs = {(one["published"], one["draft"]) for one in found["pairs"]}

    assert found["is_whole"]
    for known in calls:
        if outcome(before, known) != outcome(after, known):
            assert (resolve(before, known).rule, resolve(after, known).rule) in pairs


@given(some=any_rules(), calls=st.lists(any_whole_call(), min_size=5, max_size=5))
@looks
def test_what_never_decides_decides_no_call(some: Rules, calls: list[Situation]) -> None:
    found = prover.check(proving.question("check", {"draft": some}, GROUND))
    never = {one["rule"] for one in found["never"]}

    assert found["unproven"] == []
    assert not never & {resolve(some, known).rule for known in calls}
    if found["left"]["is_empty"]:
        assert all(resolve(some, known).rule for known in calls)


@given(one=any_condition(), other=any_condition(), known=any_whole_call())
@settings(looks, max_examples=EXAMPLES * 5)
def test_two_rules_that_differ_are_never_read_back_as_the_same(
    one: Json, other: Json, known: Situation
) -> None:
    first, second = rules(when(one), when(other)).rules
    assume(first.holds(known) != second.holds(known))

    for language in ("nl", "en"):
        said = [
            rule_sentences.words(rule_sentences.sentence(rule.written, language)) for rule in (first, second)
        ]
        assert said[0] != said[1]


# --- one by one -----------------------------------------------------------------------------------------

VIP, NO_VIP = asks("customer.tag", **{"is": ["vip"]}), asks("customer.tag", is_not=["VIP"])
MONDAY = asks("weekday", **{"is": ["mo"]})
LATE = asks("time", between=["16:00", "24:00"])


@pytest.mark.parametrize(
    ("written", "never"),
    [
        ([when(VIP), when(VIP, MONDAY)], [("r1", ("r0",))]),
        ([when(asks("weekday", is_not=["mo"])), when(MONDAY), when(VIP)], [("r2", ("r0", "r1"))]),
        ([when(MONDAY, asks("date", **{"is": ["2026-11-24"]}))], [("r0", ())]),  # a Tuesday
        ([when(VIP, asks("caller.kind", **{"is": ["withheld"]}))], [("r0", ())]),
        ([when(asks("case.calls", at_least=5, days=1), asks("case.calls", at_most=4, days=7))], [("r0", ())]),
        # Two customers of one number may differ, and then neither holds.
        ([when(VIP), when(NO_VIP), when(asks("caller.kind", **{"is": ["known"]}))], []),
        ([when(VIP) | {"enabled": False}, when(VIP)], []),
        ([when(), when(VIP)], [("r1", ("r0",))]),
    ],
)
def test_a_rule_that_no_call_can_come_to_is_found_with_what_takes_its_calls(
    written: list[Json], never: list[tuple[str, tuple[str, ...]]]
) -> None:
    checked = proving.check(rules(*written), GROUND)

    assert [(one.rule, one.above) for one in checked.never] == never
    assert checked.unproven == ()


def test_customers_of_one_number_who_differ_are_not_forgotten() -> None:
    before = rules(when(VIP, only="promise"), when(NO_VIP, only="promise"))
    after = rules(when(asks("caller.kind", **{"is": ["known", "nothing_open"]}), only="promise"))

    found = proving.changes(before, after, GROUND)

    # Neither holds of two customers of whom one is a vip; of one customer either does.
    [pair] = found.pairs
    assert (pair.before, pair.after, found.is_whole) == ("", "r0", True)
    assert (len(pair.example.facts["customers"]), pair.example.is_playable) == (2, False)


def test_a_draft_that_differs_in_little_is_compared_whole_however_many_customers_rules_ask_about() -> None:
    several = [when(asks("customer.tag", **{"is": [f"tag {number}"]}), MONDAY) for number in range(30)]
    before = rules(*several, when(VIP), when(NO_VIP))
    after = rules(*several, when(VIP, only="promise"), when(NO_VIP))

    found = proving.changes(before, after, GROUND)

    [pair] = found.pairs
    assert (pair.before, pair.after, found.is_whole) == ("r30", "r30", True)


def test_rules_that_are_put_in_another_order_treat_otherwise_whom_both_are_about() -> None:
    first, second, third = when(VIP, only="promise"), when(MONDAY, first="supervisor"), when(LATE)
    found = proving.changes(rules(first, second, third), rules(second, first, third), GROUND)

    # Each is called by its place: r0 is the vips' before, and Monday's after.
    assert [(one.before, one.after) for one in found.pairs] == [("r0", "r0")]
    assert found.is_whole


def test_rules_that_cannot_be_looked_into_are_said_not_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving, "_PROVER", proving._PROVER.with_name("nothing.py"))

    checked = proving.check(rules(when(VIP, MONDAY, owner_ring_seconds=33)), GROUND)

    assert (checked.is_proven, checked.never) == (False, ())


def test_nothing_of_the_application_imports_the_prover() -> None:
    code = (
        "import app, app.serving, app.jobs.worker, app.routing.proving, sys; assert 'z3' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


# --- what is found is played ------------------------------------------------------------------------------

MANY = [
    when(VIP, MONDAY, LATE, only="promise"),
    when(asks("case.calls", at_least=3, days=30), asks("case.team", is_not=["Zorg"]), first="supervisor"),
    when(asks("caller.country", **{"is": ["be"]}), asks("attestation", **{"is": ["A"]}), only="refuse"),
    when(asks("promise", **{"is": ["broken"]}), wait_for_owner_seconds=300),
    when(asks("hours", **{"is": ["open"]}), asks("date", at_least="2027-02-01"), first="owner"),
    when(asks("customer.language", is_not=["nl"]), asks("case.agents", at_least=2), owner_ring_seconds=30),
    when(asks("day", **{"is": ["holiday"]}), promise_minutes=500),
]


def test_each_situation_is_a_call_that_the_simulator_decides_by_that_rule(
    flask_app: Flask, settings: Settings
) -> None:
    town.settle()
    before, after = rules(), rules(*MANY)
    deployment = Deployment.of(settings)

    with db.reading() as session:
        ground = publishing.ground(session, utcnow())
        found, is_whole = proven_words.situations(session, before, after, ground, "nl")
        assert is_whole
        assert {one["after"] for one in found} == {rule.id for rule in after.rules}
        for one in found:
            assert one["call"], one["words"]
            asked = AskedCall.read(one["call"], "NL")
            for some, expected in ((before, one["before"]), (after, one["after"])):
                done = simulation.simulate(session, asked, now=utcnow(), deployment=deployment, rules=some)
                assert (done.as_json("nl")["rule"] or "") == expected, one["words"]
