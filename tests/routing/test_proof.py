"""Would the proof of the rules see a path that breaks them? Of decisions that are wrong on purpose."""

from dataclasses import replace

import pytest

from app.agents.presence import Endpoint, Reachability
from app.records.calls import StepKind, StepOutcome
from app.routing.decision import Ask, MakePromise, Ring, Step, Wait, next_step
from app.routing.proof import ProblemKind, problems
from app.routing.rules import Ladder
from app.routing.sentences import Sentence
from app.routing.situation import Situation

SMALLEST = Ladder(
    owner_ring_seconds=10,
    colleague_ring_seconds=10,
    most_rings=1,
    wait_for_owner_seconds=0,
    wait_for_team_seconds=0,
    total_seconds=10,
    promise_minutes=5,
)
LARGEST = Ladder(
    owner_ring_seconds=120,
    colleague_ring_seconds=120,
    most_rings=20,
    wait_for_owner_seconds=1800,
    wait_for_team_seconds=1800,
    total_seconds=900,
    promise_minutes=7 * 24 * 60,
    extra_teams=("another",),
    direct_calls_per_hour=1,
    counter_to_counter=2,
)


@pytest.mark.parametrize("ladder", [Ladder(), SMALLEST, LARGEST, Ladder(counter_to_counter=None)])
def test_every_path_of_the_ladder_ends_in_a_human_or_a_promise_in_time(ladder: Ladder) -> None:
    assert [problem.words for problem in problems(ladder)] == []


def goes_round_for_ever(known: Situation) -> Step:
    return Wait(None, "team", 0, None, Sentence("team_busy"), (Sentence("team_busy"),))


def rings_past_the_limit(known: Situation) -> Step:
    step = next_step(known)
    is_colleague = isinstance(step, Ring) and step.kind == StepKind.COLLEAGUE
    return replace(step, seconds=known.ladder.total_seconds) if is_colleague else step  # type: ignore[arg-type]


def waits_past_the_limit(known: Situation) -> Step:
    step = next_step(known)
    return replace(step, seconds=step.seconds * 2) if isinstance(step, Wait) and step.agent is None else step


def lets_wait_in_silence(known: Situation) -> Step:
    step = next_step(known)
    return replace(step, say=()) if isinstance(step, Wait) else step


def says_nothing_of_the_promise(known: Situation) -> Step:
    step = next_step(known)
    return replace(step, say=()) if isinstance(step, MakePromise) else step


def rings_who_left(known: Situation) -> Step:
    step = next_step(known)
    if isinstance(step, MakePromise) and known.agents["owner"].reachability == Reachability.LEFT:
        return Ring(StepKind.OWNER, "owner", Endpoint("client", "owner"), 10, Sentence("owner_free"))
    return step


def asks_twice(known: Situation) -> Step:
    step = next_step(known)
    silent = known.tried[-1:] and known.tried[-1].outcome == StepOutcome.SILENT
    return Ask(Sentence("asked"), (Sentence("open_question"),)) if silent else step


def asks_without_a_word(known: Situation) -> Step:
    step = next_step(known)
    return replace(step, say=()) if isinstance(step, Ask) else step


@pytest.mark.parametrize(
    ("decide", "kind"),
    [
        (asks_twice, ProblemKind.NO_END),
        (asks_without_a_word, ProblemKind.SILENT),
        (goes_round_for_ever, ProblemKind.NO_END),
        (rings_past_the_limit, ProblemKind.TOO_LONG),
        (waits_past_the_limit, ProblemKind.TOO_LONG),
        (lets_wait_in_silence, ProblemKind.SILENT),
        (says_nothing_of_the_promise, ProblemKind.SILENT),
        (rings_who_left, ProblemKind.NOBODY_THERE),
    ],
)
def test_a_decision_that_breaks_the_rule_of_rules_is_found_and_told(
    decide: object, kind: ProblemKind
) -> None:
    found = problems(Ladder(), decide)  # type: ignore[arg-type]

    assert {problem.kind for problem in found} == {kind}
    assert all("caller" in problem.words and problem.steps for problem in found)


def test_an_agent_who_makes_way_is_among_the_situations_that_are_walked() -> None:
    found = problems(Ladder(), lets_wait_in_silence)

    seen = " ".join(problem.situation for problem in problems(Ladder(), goes_round_for_ever))
    assert "makes way" in seen
    # Whoever puts the telephone down for this very caller is there in seconds: no word is needed.
    assert not any("owner makes way, colleague off, member off" in problem.situation for problem in found)
