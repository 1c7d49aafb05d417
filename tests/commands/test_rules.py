"""Can an operator see the rules, prove them, publish them, and try a caller, without anything ringing?"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import func, select

from app import db
from app.records.agents import DeskEvent
from app.records.calls import Call
from app.records.rules import RuleVersion
from tests import factories
from tests.factories import ADA, LINE

Command = Callable[..., Result]


@pytest.fixture
def written(tmp_path: Path) -> Callable[[object], str]:
    def write(rules: object) -> str:
        file = tmp_path / "rules.json"
        file.write_text(json.dumps(rules), encoding="utf-8")
        return str(file)

    return write


@pytest.fixture
def town(flask_app: object) -> None:
    with db.transaction() as session:
        factories.line(session)
        factories.agent(session, "anna")
        factories.agent(session, "bram", available=False)
        factories.customer(session, "ada", ADA)
        factories.case(session, "Z1", "ada", handled_by=("bram", "anna"))


def test_the_rules_in_force_are_shown_as_they_may_be_published_again(
    flask_command: Command, written: Callable[[object], str]
) -> None:
    shown = json.loads(flask_command("rules", "show").stdout)
    shown["ladder"]["owner_ring_seconds"] = 40

    done = flask_command("rules", "publish", written(shown), "--why", "longer")

    assert (done.exit_code, shown["version"]) == (0, 1)
    again = json.loads(flask_command("rules", "show").stdout)
    assert (again["version"], again["ladder"]["owner_ring_seconds"]) == (2, 40)
    with db.reading() as session:
        assert session.get_one(RuleVersion, 2).why == "longer"


def test_rules_that_hold_are_proven(flask_command: Command, written: Callable[[object], str]) -> None:
    done = flask_command("rules", "check", written({"most_rings": 2, "total_seconds": 30}))

    assert done.exit_code == 0
    assert "every path ends in a human or a promise" in done.stdout


@pytest.mark.parametrize(
    ("rules", "named"),
    [
        ({"owner_ring_seconds": 5}, "owner_ring_seconds: must be a whole number from 10 to 120"),
        ({"menu": True}, "menu: there is no such rule"),
        ({"extra_teams": "Zorg"}, "extra_teams: must be a list of team names"),
        ([1], "must hold an object"),
    ],
)
def test_what_is_no_rule_is_refused_by_name_and_nothing_is_published(
    flask_command: Command, written: Callable[[object], str], rules: object, named: str
) -> None:
    done = flask_command("rules", "publish", written(rules), "--why", "try")

    assert done.exit_code != 0
    assert named in done.output
    assert json.loads(flask_command("rules", "show").stdout)["version"] == 1


def test_a_simulated_caller_is_told_who_would_ring_and_nobody_does(
    flask_command: Command, town: None
) -> None:
    done = flask_command("rules", "simulate", "06 12345678", "--line", LINE)

    assert done.exit_code == 0
    steps = [line for line in done.stdout.splitlines() if line[:1].isdigit()]
    assert [step.split(":")[0] for step in steps] == ["1. owner anna", "2. promise anna"]
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Call)) == 0
        assert session.scalar(select(func.count()).select_from(DeskEvent)) == 0


def test_a_moment_without_an_offset_is_asked_for_again(flask_command: Command, town: None) -> None:
    done = flask_command("rules", "simulate", ADA, "--at", "2026-11-24T10:00")

    assert done.exit_code != 0
    assert "at: “2026-11-24T10:00” doesn't say in which time zone" in done.output
