"""Who is rung when the caller answers a try of ours? Who made it, while they are free; as a pure decision."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.agents.presence import Reachability
from app.records.calls import StepKind, StepOutcome
from app.routing import kept
from app.routing.decision import MakePromise, Ring, decide, needs_others, next_step
from app.routing.ladder import BY_DEFAULT
from app.routing.situation import Missed, Situation, Tried
from tests import situations
from tests.situations import NOW, agent, agents

TRIED = Missed("carla", NOW - timedelta(hours=2))


def situation(**more: object) -> Situation:
    """Anna owns the case; Carla rang the caller two hours ago and didn't reach them."""
    usual: dict[str, object] = {
        "now": NOW,
        "line": situations.line(),
        "caller": situations.caller(),
        "owner": "anna",
        "agents": agents(agent("anna"), agent("carla")),
        "can_be_rung_back": True,
        "missed": TRIED,
    }
    return Situation(**(usual | more))  # type: ignore[arg-type]


def test_who_tried_comes_before_the_owner_and_it_is_said() -> None:
    first, second, *_ = decide(situation()).steps

    assert isinstance(first, Ring)
    assert isinstance(second, Ring)
    assert (first.agent, first.kind, first.reason.code) == ("carla", StepKind.COLLEAGUE, "tried_to_reach")
    assert [one.code for one in first.say] == ["we_tried"]
    assert (second.agent, second.kind) == ("anna", StepKind.OWNER)


def test_an_owner_who_tried_is_rung_as_the_owner_and_nobody_else_need_be_looked_at() -> None:
    known = situation(missed=Missed("anna", NOW), agents=agents(agent("anna")))
    step = next_step(known)

    assert isinstance(step, Ring)
    assert (step.agent, step.kind) == ("anna", StepKind.OWNER)
    assert not needs_others(known, step)
    of_another = situation(agents=agents(agent("anna")))
    assert needs_others(of_another, next_step(of_another))


@pytest.mark.parametrize(
    "more",
    [
        {"missed": None},
        {"agents": agents(agent("anna"), agent("carla", Reachability.BUSY))},
        {"agents": agents(agent("anna"), agent("carla", Reachability.LEFT, endpoint=None))},
        {"tried": (Tried(StepKind.COLLEAGUE, "carla", StepOutcome.NO_ANSWER),)},
    ],
)
def test_otherwise_the_owner_is_rung(more: dict[str, object]) -> None:
    step = next_step(situation(**more))

    assert isinstance(step, Ring)
    assert step.agent == "anna"
    assert step.reason.code != "tried_to_reach"


def test_whom_the_caller_rather_avoids_is_not_rung_for_having_tried() -> None:
    caller = situations.caller()
    [customer] = caller.customers
    avoiding = replace(customer, cases=(replace(customer.cases[0], avoided="carla"),))

    step = next_step(situation(caller=replace(caller, customers=(avoiding,))))

    assert isinstance(step, Ring)
    assert step.agent == "anna"


def test_to_a_number_that_may_be_forged_nothing_is_said_of_it() -> None:
    step = next_step(situation(attestation="TN-Validation-Failed-C"))

    assert isinstance(step, Ring)
    assert (step.agent, step.say) == ("carla", ())


def test_while_closed_nobody_is_rung_for_it() -> None:
    night = NOW + timedelta(hours=12)

    assert isinstance(next_step(situation(now=night)), MakePromise)


def test_it_is_kept_with_the_decision_and_read_back() -> None:
    known = situation()

    again = kept.situation_of(kept.situation_as_json(known), BY_DEFAULT)

    assert again.missed == TRIED
    assert next_step(again).reason.code == "tried_to_reach"
