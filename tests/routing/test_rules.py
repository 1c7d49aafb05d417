"""What does a rule come to, and is it proven? Outcomes on the usual situation, and any outcome in any."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.agents.presence import Reachability
from app.routing import kept, proof
from app.routing import rules as rule_versions
from app.routing.decision import AskForNumber, MakePromise, Ring, decide, next_step
from app.routing.ladder import First, FirstKind, Ladder, Resolved
from app.routing.mistakes import InvalidRules
from app.routing.proof import Names, ProblemKind
from app.routing.resolving import looks_at, resolve
from app.routing.rule_sentences import differences, sentence, words
from app.routing.rules import Rules
from app.routing.situation import Situation
from tests.routing.test_conditions import any_condition
from tests.routing.test_decision import path, reason, spoken
from tests.routing.test_kept import taken
from tests.situations import ANNA, DIRK, KEYS, TEAMS, USUAL, any_situation, by, line, with_agent

Json = dict[str, Any]


def first(kind: str, key: str = "", **more: Any) -> Resolved:
    return by(first=First(FirstKind(kind), key), **more)


def led(resolved: Resolved, **changes: Any) -> list[str]:
    return path(decide(replace(USUAL, resolved=resolved, **changes)))


USUALLY = ["owner anna", "colleague bram", "colleague carla", "promise anna"]
BOSS = replace(DIRK, key="boss", team="Leiding", is_supervisor=True)
GONE = {key: replace(one, reachability=Reachability.OFF) for key, one in USUAL.agents.items()}


@pytest.mark.parametrize(
    ("resolved", "agents", "expected"),
    [
        (first("owner"), USUAL.agents, USUALLY),
        (first("agent", "dirk"), USUAL.agents, ["colleague dirk", *USUALLY]),
        (first("agent", "nobody"), USUAL.agents, USUALLY),
        (first("agent", "anna"), USUAL.agents, USUALLY),
        (
            first("agent", "dirk"),
            with_agent(replace(DIRK, reachability=Reachability.BUSY)),
            ["wait dirk", *USUALLY],
        ),
        (
            first("agent", "dirk", wait_for_owner_seconds=0),
            with_agent(replace(DIRK, reachability=Reachability.BUSY)),
            USUALLY,
        ),
        # Nobody waits for one person and then for another.
        (
            first("agent", "dirk"),
            {
                "anna": replace(ANNA, reachability=Reachability.BUSY),
                "dirk": replace(DIRK, reachability=Reachability.BUSY),
            },
            ["wait dirk", "promise anna"],
        ),
        (first("team", "Belastingen"), USUAL.agents, ["team dirk", *USUALLY]),
        (
            first("knows_case"),
            with_agent(replace(ANNA, reachability=Reachability.BUSY)),
            ["colleague bram", "wait anna", "colleague carla", "promise anna"],
        ),
        (first("supervisor"), {**USUAL.agents, "boss": BOSS}, ["colleague boss", *USUALLY]),
        (first("supervisor"), USUAL.agents, USUALLY),
        (first("agent", "dirk"), GONE, ["promise anna"]),
    ],
)
def test_whom_a_rule_names_is_rung_first_and_then_the_ladder_goes_its_usual_way(
    resolved: Resolved, agents: Any, expected: list[str]
) -> None:
    assert led(resolved, agents=agents) == expected


def test_of_whom_the_caller_never_asked_for_nothing_is_said_while_they_are_not_there() -> None:
    away = replace(DIRK, reachability=Reachability.BREAK, back_at=USUAL.now + timedelta(hours=1))

    step = next_step(replace(USUAL, resolved=first("agent", "dirk"), agents=with_agent(away)))

    assert isinstance(step, Ring)
    assert (step.agent, step.say) == ("anna", ())


def test_whom_the_caller_would_rather_not_speak_to_is_not_rung_for_a_rule() -> None:
    [ada] = USUAL.caller.customers
    avoided = replace(ada, cases=(replace(ada.cases[0], avoided="dirk"),))
    known = replace(USUAL.caller, customers=(avoided,))

    for resolved in (first("agent", "dirk"), first("team", "Belastingen")):
        assert led(resolved, caller=known) == USUALLY


def test_a_promise_alone_is_one_step_with_its_own_true_words() -> None:
    step = next_step(replace(USUAL, resolved=by(only="promise")))

    assert isinstance(step, MakePromise)
    assert spoken(step).startswith("We verbinden u nu niet door. Anna belt u")
    assert "Regel" in reason(step).title()


def test_who_is_refused_with_a_number_that_nobody_knows_is_still_asked_for_one() -> None:
    step = next_step(replace(USUAL, resolved=by(only="refuse"), can_be_rung_back=False))

    assert isinstance(step, AskForNumber)
    assert spoken(step).startswith("We verbinden u nu niet door.")


# --- what is looked at ----------------------------------------------------------------------------------


def of(*written: Json, **ladder: Any) -> Rules:
    numbered = [{"id": f"r{place}", **rule} for place, rule in enumerate(written)]
    return Rules.written({"rules": numbered, "ladder": ladder}, 7)


OF_THIS_TEAM: Json = {"fact": "case.team", "is": ["burgerzaken"]}
OF_ANOTHER: Json = {"fact": "case.team", "is": ["Zorg"]}
COMES_BACK: Json = {"fact": "case.calls", "at_least": 3, "days": 30}


@pytest.mark.parametrize(
    ("written", "everybody", "agents", "days"),
    [
        ([], False, (), ()),
        ([{"when": [OF_THIS_TEAM], "then": {"owner_ring_seconds": 40}}], False, (), ()),
        ([{"when": [OF_THIS_TEAM], "then": {"first": {"agent": "dirk"}}}], True, ("dirk",), ()),
        # Of a rule that this call can't come to nothing is read.
        ([{"when": [OF_ANOTHER], "then": {"first": {"agent": "dirk"}}}], False, (), ()),
        ([{"when": [OF_ANOTHER, COMES_BACK], "then": {"first": "supervisor"}}], False, (), ()),
        ([{"when": [OF_THIS_TEAM, COMES_BACK], "then": {"first": "supervisor"}}], True, (), (30,)),
        ([{"when": [OF_THIS_TEAM]}, {"when": [COMES_BACK]}], False, (), ()),
        ([{"enabled": False, "when": [COMES_BACK]}], False, (), ()),
    ],
)
def test_no_more_is_read_than_what_a_rule_for_this_call_looks_at(
    written: list[Json], everybody: bool, agents: tuple[str, ...], days: tuple[int, ...]
) -> None:
    looks = looks_at(of(*written), USUAL)

    assert (looks.everybody, looks.agents, looks.days) == (everybody, agents, days)


# --- any rules ------------------------------------------------------------------------------------------

any_first = st.sampled_from(["owner", "knows_case", "supervisor"]) | st.one_of(
    st.sampled_from(KEYS).map(lambda key: {"agent": key}),
    st.sampled_from(TEAMS).map(lambda team: {"team": team}),
)
any_numbers = st.fixed_dictionaries(
    {},
    optional={
        "wait_for_owner_seconds": st.integers(0, 1800),
        "owner_ring_seconds": st.integers(10, 120),
        "colleague_ring_seconds": st.integers(10, 120),
        "most_rings": st.integers(1, 20),
        "total_seconds": st.integers(10, 900),
        "wait_for_team_seconds": st.integers(0, 1800),
        "teams": st.lists(st.sampled_from(TEAMS), max_size=2),
        "promise_minutes": st.integers(5, 600),
        "greeting": st.just("Goedemiddag."),
        "records_messages": st.booleans(),
        "speaks_names": st.booleans(),
        "look_back_days": st.integers(0, 400),
        "wrap_up_seconds": st.integers(0, 900),
    },
)
any_outcome = any_numbers | st.builds(lambda numbers, who: {**numbers, "first": who}, any_numbers, any_first)
any_outcome |= st.builds(
    lambda numbers, only: {**numbers, "only": only}, any_numbers, st.sampled_from(["promise", "refuse"])
)
any_rules = st.lists(
    st.fixed_dictionaries({"when": st.lists(any_condition(), max_size=2), "then": any_outcome}), max_size=4
)


@given(written=any_rules, known=any_situation())
@settings(max_examples=400, deadline=None)
def test_by_whatever_rules_the_first_that_holds_decides_and_the_call_ends_in_a_promise(
    written: list[Json], known: Situation
) -> None:
    rules = of(*written)

    resolved = resolve(rules, known)

    holding = [rule.id for rule in rules.rules if rule.holds(known)]
    assert resolved.rule == (holding[0] if holding else "")
    steps = decide(replace(known, resolved=resolved)).steps
    assert isinstance(steps[-1], MakePromise | AskForNumber)
    assert all(step.say for step in steps if isinstance(step, MakePromise | AskForNumber))


@given(written=any_rules, known=any_situation())
@settings(max_examples=300, deadline=None)
def test_what_was_decided_by_a_rule_is_decided_again_from_what_was_kept(
    written: list[Json], known: Situation
) -> None:
    known = replace(known, resolved=resolve(of(*written), known))

    stored = json.loads(json.dumps([kept.situation_as_json(known), known.ladder.as_json()]))
    # The step itself says which rule it was; see routing/replay.py.
    resolved = Resolved(Ladder.kept(stored[1]), known.resolved.version, known.resolved.rule)
    again = kept.situation_of(stored[0], resolved)

    assert taken(next_step(again)) == taken(next_step(known))
    assert len(json.dumps(stored[0]).encode()) <= kept.LONGEST


@given(outcome=any_outcome)
@settings(max_examples=40, deadline=None)
def test_every_outcome_that_may_be_written_is_proven(outcome: Json) -> None:
    found = proof.problems_of(of({"then": outcome}))

    assert [problem.words for problem in found] == []


@given(written=any_rules, other=any_rules)
@settings(max_examples=200, deadline=None)
def test_whatever_can_be_written_can_be_said_and_so_can_what_is_different(
    written: list[Json], other: list[Json]
) -> None:
    before, after = of(*written), of(*other)
    for language in ("nl", "en"):
        for rule in before.rules:
            pieces = sentence(rule.written, language)
            said = words(pieces)
            assert said[0].isupper()
            assert said.endswith(".")
            fields = {one.field for one in pieces if one.field}
            assert len(fields) == len(rule.when) + len(rule.written["then"])
        told = differences(before, after, language)
        assert (told == []) == (before.as_json() == after.as_json())


def test_a_rule_that_names_who_is_not_there_is_a_problem_in_both_languages() -> None:
    names = Names(frozenset({"anna"}), frozenset({"Burgerzaken"}))
    rules = of({"then": {"first": {"agent": "dirk"}}}, {"then": {"teams": ["Zorg", "Burgerzaken"]}})

    found = proof.problems_of(rules, names)

    assert [(one.rule, one.kind, one.name) for one in found] == [
        ("r0", ProblemKind.UNKNOWN_NAME, "dirk"),
        ("r1", ProblemKind.UNKNOWN_NAME, "Zorg"),
    ]
    assert "dirk" in found[0].say("nl")
    assert "Zorg" in found[1].say("en")


def test_fifty_rules_of_which_each_names_another_are_walked_once_for_each_way_they_can_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    walked = []
    real = proof._broken
    monkeypatch.setattr(proof, "_broken", lambda *these: walked.append(1) or real(*these))
    proof._proven.cache_clear()
    proof._proven_outcome.cache_clear()

    proof.problems_of(
        of(*({"then": {"first": {"agent": f"a{n}"}, "promise_minutes": n + 5}} for n in range(50)))
    )

    assert len(walked) == 2  # the ladder, and a named agent


def test_the_default_ladder_can_be_written_but_names_nobody() -> None:
    with pytest.raises(InvalidRules) as refused:
        Rules.written({"ladder": {"first": "owner", "only": "refuse", "total_seconds": 60}})

    assert [mistake.field for mistake in refused.value.mistakes] == ["ladder.first", "ladder.only"]


def test_what_the_rules_ask_of_a_line_is_its_own_number() -> None:
    rules = of({"when": [{"fact": "line", "is": ["+31201234599"]}], "then": {"only": "promise"}})

    assert resolve(rules, USUAL).rule == ""
    assert resolve(rules, replace(USUAL, line=line(number="+31201234599"))).rule == "r0"


def test_a_draft_that_differs_in_the_order_of_what_it_asks_alone_says_so() -> None:
    one, other = of({"when": [OF_THIS_TEAM, COMES_BACK]}), of({"when": [COMES_BACK, OF_THIS_TEAM]})

    [difference] = differences(one, other, "nl")

    assert difference.words == "Regel 1: vraagt hetzelfde in een andere volgorde"


@pytest.mark.parametrize(
    "stored",
    [
        {"rules": None},
        {"rules": 5},
        {"ladder": None},
        {"rules": [{"id": "x", "then": {"total_seconds": "long"}}]},
    ],
)
def test_whatever_stands_in_a_version_there_are_rules_to_go_by(stored: Json) -> None:
    published = rule_versions.read_version(2, stored)

    assert (published.version, published.ladder) == (2, Ladder())
    assert resolve(published, USUAL).ladder == Ladder()
