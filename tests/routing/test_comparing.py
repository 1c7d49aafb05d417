"""Which of the calls of a period would have gone otherwise by other rules, and which can nobody tell?"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from app import db
from app.records.agents import Agent
from app.records.calls import CallStep
from app.routing import comparing
from app.routing.comparing import Compared
from app.routing.rules import Rules
from tests import factories, town
from tests.factories import ADA, BEN
from tests.telephone import Another

Compare = Callable[..., Compared]


@pytest.fixture
def compare(flask_app: Flask) -> Compare:
    """Hold a draft against what was decided for the calls of this test."""
    town.settle()

    def by(*rules: dict[str, Any], ladder: dict[str, Any] | None = None, **more: Any) -> Compared:
        written = [{"id": f"r{number}", **rule} for number, rule in enumerate(rules)]
        draft = Rules.written({"rules": written, "ladder": ladder or {}})
        now = datetime.now(UTC)
        since, until = now - timedelta(days=1), now + timedelta(days=1)
        with db.reading() as session:
            return comparing.compare(session, draft, since, until, **more)

    return by


TO_BRAM = {"when": [{"fact": "caller.kind", "is": ["known"]}], "then": {"first": {"agent": "bram"}}}
TO_A_PROMISE = {"then": {"only": "promise"}}


def test_by_the_same_rules_no_call_goes_otherwise(compare: Compare, another: Another) -> None:
    another().comes_in()

    found = compare()

    assert (found.calls, found.changes, found.unknown) == (1, [], 0)


def test_a_call_that_would_have_come_to_a_promise_is_listed_before_and_after(
    compare: Compare, another: Another
) -> None:
    call = another().comes_in()

    (change,) = compare(TO_A_PROMISE).changes

    assert (change.call_sid, change.how) == (call.sid, ("elsewhere", "later", "promise"))
    assert (change.before.kind, change.before.target) == ("owner", "anna")
    assert (change.after.kind, change.after.target, change.after.rule) == ("promise", "anna", "r0")


def test_of_a_call_whose_owner_alone_was_looked_at_nobody_guesses_who_else_was_there(
    compare: Compare, another: Another
) -> None:
    another().comes_in()

    found = compare(TO_BRAM)

    assert (found.unknown, found.changes) == (1, [])


def test_of_a_call_for_which_everybody_was_looked_at_it_is_known(compare: Compare, another: Another) -> None:
    town.change("anna", intent="break")
    call = another().comes_in()
    assert call.rings == "client:bram"
    carla = {"then": {"first": {"agent": "carla"}}}

    (change,) = compare(carla).changes

    assert (change.how, change.before.target, change.after.target) == (("elsewhere",), "bram", "carla")


def test_a_longer_ring_is_later_only_for_who_waited_until_it_was_over(
    compare: Compare, another: Another
) -> None:
    unanswered, answered = another(from_=ADA).comes_in(), another(from_=BEN)
    with db.transaction() as session:
        session.get_one(CallStep, (unanswered.sid, 1)).rang_at = factories.NOW
    unanswered.dial_ends("no-answer")
    town.everybody_free_again()
    answered.comes_in().talks()

    found = compare(ladder={"owner_ring_seconds": 40})

    assert [(one.call_sid, one.how) for one in found.changes] == [(unanswered.sid, ("later",))]


def test_who_has_left_since_is_nobody_to_send_a_call_to(compare: Compare, another: Another) -> None:
    town.change("anna", intent="break")
    another().comes_in()
    with db.transaction() as session:
        session.get_one(Agent, "carla").enabled = False

    found = compare({"then": {"first": {"agent": "carla"}}})

    assert (found.unknown, found.changes) == (1, [])


def test_a_decision_of_another_form_is_counted_and_not_guessed(compare: Compare, another: Another) -> None:
    call = another().comes_in()
    with db.transaction() as session:
        step = session.get_one(CallStep, (call.sid, 1))
        step.situation = {**(step.situation or {}), "form": 99}

    found = compare(TO_A_PROMISE)

    assert (found.calls, found.unknown, found.changes) == (1, 1, [])


def test_a_longer_period_is_gone_through_in_parts(compare: Compare, another: Another) -> None:
    for _ in range(3):
        town.everybody_free_again()
        another().comes_in()

    first = compare(TO_A_PROMISE, at_a_time=2)
    rest = compare(TO_A_PROMISE, at_a_time=2, after=first.next)

    assert (first.calls, rest.calls, rest.next) == (2, 1, None)
    assert len({change.call_sid for change in (*first.changes, *rest.changes)}) == 3
