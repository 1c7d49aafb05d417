"""Does a saved call tell when it goes elsewhere, and depend on nothing but itself and the rules?"""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from app import db
from app.clock import utcnow
from app.deployment import Deployment
from app.routing import trials
from app.routing.asked_call import NotACall
from app.routing.rules import Rules
from app.routing.trials import Result
from config import Settings
from tests import town
from tests.factories import ADA, LINE

Try = Callable[..., Result]

FRIDAY = "2026-11-27T16:10:00+01:00"
DE_VRIES: dict[str, Any] = {
    "line": LINE,
    "at": FRIDAY,
    "caller": {"case": {"team": "Burgerzaken"}, "handled_by": ["anna", "bram"], "tags": ["vip"]},
}


@pytest.fixture
def tried(flask_app: Flask, settings: Settings) -> Try:
    """Try one call by rules."""
    town.settle()

    def by(call: dict[str, Any], expect: dict[str, Any], *rules: dict[str, Any]) -> Result:
        tests = trials.read([{"name": "test", "call": call, "expect": expect}], "NL")
        written = [{"id": f"r{number}", **rule} for number, rule in enumerate(rules)]
        with db.reading() as session:
            draft = Rules.written({"rules": written})
            (result,) = trials.run_tests(session, draft, utcnow(), Deployment.of(settings), tests)
        return result

    return by


def test_a_call_with_its_owner_on_a_break_goes_to_who_handled_it_before(tried: Try) -> None:
    call = DE_VRIES | {"presence": {"anna": "break"}}

    assert tried(call, {"first": "bram", "ends": "promise", "says": ["owner_on_break", "connecting"]}).passes


def test_who_is_at_their_desk_just_now_changes_no_test(tried: Try) -> None:
    town.change("bram", intent="off")
    town.talks_elsewhere("anna")

    assert tried(DE_VRIES, {"first": "anna"}).passes
    assert tried(DE_VRIES | {"presence": {"anna": "away"}}, {"first": "bram"}).passes


def test_what_comes_out_otherwise_is_named_by_its_field(tried: Try) -> None:
    to_carla = {"when": [{"fact": "customer.tag", "is": ["vip"]}], "then": {"first": {"agent": "carla"}}}

    wrong = tried(DE_VRIES, {"rule": "", "first": "anna", "says": ["team_busy"]}, to_carla).wrong

    assert [(one.field, one.expected, one.found) for one in wrong][:2] == [
        ("rule", "", "r0"),
        ("first", "anna", "carla"),
    ]
    assert wrong[2].field == "says"


def test_a_call_of_a_real_number_may_be_tried_too(tried: Try) -> None:
    assert tried({"from": ADA, "line": LINE, "at": FRIDAY}, {"first": "anna"}).passes


def test_a_test_about_somebody_who_is_gone_is_red_and_says_so(tried: Try) -> None:
    call = DE_VRIES | {"presence": {"zoe": "break"}}

    assert [(one.field, one.found) for one in tried(call, {}).wrong] == [("call", "presence.zoe")]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({}, "tests"),
        ([{"name": " ", "call": DE_VRIES}], "tests[0].name"),
        ([{"name": "a", "call": {"line": LINE, "at": FRIDAY}}], "tests[0].call.caller"),
        ([{"name": "a", "call": DE_VRIES | {"at": "16:10"}}], "tests[0].call.at"),
        ([{"name": "a", "call": DE_VRIES, "expect": {"ends": "menu"}}], "tests[0].expect.ends"),
        ([{"name": "a", "call": DE_VRIES, "expect": {"says": ["menu"]}}], "tests[0].expect.says[0]"),
        ([{"name": "a", "call": DE_VRIES}] * 2, "tests[1].name"),
        ([{"name": "a", "call": DE_VRIES | {"answers": ["maybe"]}}], "tests[0].call.answers[0]"),
    ],
)
def test_what_is_no_test_is_refused_by_its_field(said: Any, field: str) -> None:
    with pytest.raises(NotACall) as refused:
        trials.read(said, "NL")

    assert field in [one.field for one in refused.value.mistakes]


def test_saved_calls_keep_who_changed_them_last_and_their_order(flask_app: Flask) -> None:
    first, second = {"name": "a", "call": DE_VRIES}, {"name": "b", "call": DE_VRIES}
    with db.transaction() as session:
        trials.save_all(session, trials.read([first, second], "NL"), "eva", utcnow())
    changed = second | {"expect": {"ends": "human"}}
    with db.transaction() as session:
        trials.save_all(session, trials.read([changed, first], "NL"), "joke", utcnow())

    with db.reading() as session:
        rows = [(row.name, row.changed_by) for row in trials.rows(session)]
        assert rows == [("b", "joke"), ("a", "eva")]
        assert [one.name for one in trials.saved(session, "NL")] == ["b", "a"]
