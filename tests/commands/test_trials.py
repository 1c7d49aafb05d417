"""Can an operator try the draft: the saved calls, and those of a period?"""

from collections.abc import Callable
from typing import Any

from click.testing import Result

from app import db
from app.clock import utcnow
from app.routing import publishing, trials
from tests import town
from tests.factories import ADA, LINE
from tests.telephone import Another

Command = Callable[..., Result]

CALL: dict[str, Any] = {
    "caller": {"case": {}, "handled_by": ["anna"]},
    "line": LINE,
    "at": "2026-11-27T16:10:00+01:00",
}
ALL_TO_A_PROMISE = {"rules": [{"id": "r1", "then": {"only": "promise"}}]}


def save(*tests: dict[str, Any], draft: dict[str, Any] | None = None) -> None:
    with db.transaction() as session:
        trials.save_all(session, trials.read(list(tests), "NL"), "eva", utcnow())
        if draft is not None:
            publishing.save(session, draft, based_on=1, revision=None, who="eva", now=utcnow())


def test_saved_calls_are_run_by_the_draft_and_a_red_one_fails(
    flask_command: Command, flask_app: object
) -> None:
    town.settle()
    save({"name": "Anna eerst", "call": CALL, "expect": {"first": "anna", "ends": "promise"}})

    good = flask_command("rules", "test")
    save({"name": "Anna neemt op", "call": CALL, "expect": {"ends": "human"}}, draft=ALL_TO_A_PROMISE)
    bad = flask_command("rules", "test")

    assert (good.exit_code, bad.exit_code) == (0, 1)
    assert "ok  Anna eerst" in good.output
    assert "NO  Anna neemt op" in bad.output
    assert "ends: human ≠ promise" in bad.output


def test_a_draft_is_simulated_beside_the_rules_in_force(flask_command: Command, flask_app: object) -> None:
    town.settle()
    save(draft=ALL_TO_A_PROMISE)

    by_rules = flask_command("rules", "simulate", ADA, "--line", LINE, "--answers", "answered")
    by_draft = flask_command("rules", "simulate", ADA, "--line", LINE, "--draft")

    assert "1. owner anna" in by_rules.output
    assert "Ends with a human." in by_rules.output
    assert "1. promise anna" in by_draft.output


def test_a_replay_lists_what_would_have_gone_otherwise(
    flask_command: Command, flask_app: object, another: Another
) -> None:
    town.settle()
    call = another().comes_in()
    save(draft=ALL_TO_A_PROMISE)

    done = flask_command(
        "rules", "replay", "--since", "2026-01-01T00:00:00Z", "--until", "2099-01-01T00:00:00Z"
    )

    assert done.exit_code == 0, done.output
    assert f"{call.sid}: owner anna → promise anna (elsewhere, later, promise)" in done.output
    told = {*done.output.splitlines()}
    assert {"calls: 1", "elsewhere: 1", "sooner: 0", "later: 1", "to a promise: 1"} <= told


def test_a_period_that_is_none_is_refused_by_its_option(flask_command: Command, flask_app: object) -> None:
    done = flask_command("rules", "replay", "--since", "yesterday", "--until", "2099-01-01T00:00:00Z")

    assert done.exit_code != 0
    assert "--since: write a moment" in done.output
