"""Can another system try the rules: one call, the saved ones, those of a period?"""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app import db
from app.api import shapes
from app.records.agents import DeskEvent
from app.records.calls import Call
from app.records.lines import Line
from app.records.promises import Promise
from tests import town
from tests.api.conftest import Api
from tests.api.test_description import valid
from tests.factories import ADA, LINE
from tests.telephone import Another

CALL: dict[str, Any] = {
    "caller": {"name": "Mevrouw De Vries", "case": {"team": "Burgerzaken"}, "handled_by": ["anna", "bram"]},
    "line": LINE,
    "at": "2026-11-27T16:10:00+01:00",
    "presence": {"anna": "break", "bram": "free", "carla": "off"},
}


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/v1/openapi.json").json
    return found


def test_a_made_up_call_is_told_step_by_step_and_leaves_nothing_behind(
    api: Api, document: dict[str, Any]
) -> None:
    town.settle()

    answer = api.post("/rules/simulate", CALL | {"answers": ["no_answer"]})

    assert answer.status_code == 200, answer.json
    valid("SimulatedCall", answer.json, document)
    told = answer.json
    ring, promise = told["steps"]
    assert (ring["kind"], ring["target"], ring["pops_at"]) == ("colleague", "bram", 0)
    assert ring["say"] == ["Anna heeft even pauze.", "Ik verbind u door met Bram."]
    assert ring["rings_at"] > 0
    assert ring["desk"]["screen_pop"]["customers"][0]["name"] == "Mevrouw De Vries"
    assert (promise["kind"], told["ends"], told["owes"]["agent"]) == ("promise", "promise", "anna")
    with db.transaction() as session:
        session.get_one(Line, LINE).asks = True
    stranger = {"caller": {"kind": "unknown"}, "line": LINE, "answers": ["heard: een medewerker graag"]}
    answer = api.post("/rules/simulate", stranger)
    valid("SimulatedCall", answer.json, document)
    assert answer.json["steps"][0]["understood"]["taken_for"] == "nothing"
    with db.reading() as session:
        for table in (Call, DeskEvent, Promise):
            assert session.scalar(select(func.count()).select_from(table)) == 0


def test_a_known_number_is_simulated_with_what_is_known_of_it(api: Api) -> None:
    town.settle()

    told = api.post("/rules/simulate", {"from": ADA, "line": LINE, "answers": ["answered:4"]}).json

    assert [step["target"] for step in told["steps"]] == ["anna"]
    assert (told["ends"], told["seconds"], told["steps"][0]["say"]) == ("human", 4, [])


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({}, "from"),
        ({"from": ADA} | {"caller": {}}, "caller"),
        (CALL | {"line": "+31201234599"}, "line"),
        (CALL | {"presence": {"zoe": "free"}}, "presence.zoe"),
        (CALL | {"presence": {"anna": "asleep"}}, "presence.anna"),
        (CALL | {"caller": {"case": {"age_days": -1}}}, "caller.case.age_days"),
        (CALL | {"caller": {"kind": "friend"}}, "caller.kind"),
        (CALL | {"caller": {"handled_by": ["zoe"]}}, "caller.handled_by[0]"),
        (CALL | {"answers": ["no_answer", "sings"]}, "answers[1]"),
        (CALL | {"at": "2026-11-27T16:10:00"}, "at"),
        (CALL | {"menu": 1}, "menu"),
    ],
)
def test_what_is_no_call_is_refused_by_its_field(api: Api, said: dict[str, Any], field: str) -> None:
    town.settle()

    answer = api.post("/rules/simulate", said)

    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.json["errors"]]


def test_saved_calls_are_put_shown_and_run_by_both(api: Api, document: dict[str, Any]) -> None:
    town.settle()
    tests = [
        {"name": "Anna op pauze → Bram", "call": CALL, "expect": {"first": "bram"}},
        {"name": "nooit Carla", "call": CALL, "expect": {"first": "carla"}},
    ]

    put = api.put("/rules/tests", tests)

    assert put.status_code == 200, put.json
    valid("RuleTests", put.json, document)
    assert [one["name"] for one in api.get("/rules/tests").json] == ["Anna op pauze → Bram", "nooit Carla"]
    run = api.post("/rules/tests/run")
    valid("RuleTestResults", run.json, document)
    assert [(one["published"]["passes"], one["draft"]["passes"]) for one in run.json] == [
        (True, True),
        (False, False),
    ]
    assert run.json[1]["draft"]["wrong"] == [{"field": "first", "expected": "carla", "found": "bram"}]


def test_a_test_that_cannot_be_read_leaves_the_others_as_they_were(api: Api) -> None:
    town.settle()
    api.put("/rules/tests", [{"name": "een", "call": CALL}])

    refused = api.put("/rules/tests", [{"name": "twee", "call": CALL}, {"name": "drie", "call": {}}])

    assert refused.status_code == 422
    assert {error["field"] for error in refused.json["errors"]} >= {"tests[1].call.at"}
    assert [one["name"] for one in api.get("/rules/tests").json] == ["een"]


def test_a_period_is_replayed(api: Api, another: Another, document: dict[str, Any]) -> None:
    town.settle()
    another().comes_in()

    answer = api.post(
        "/rules/replay", {"since": "2026-01-01T00:00:00+01:00", "until": "2099-01-01T00:00:00+01:00"}
    )

    assert answer.status_code == 200, answer.json
    valid("Replay", answer.json, document)
    assert (answer.json["calls"], answer.json["list"], answer.json["next"]) == (1, [], None)


def test_a_period_that_ends_before_it_begins_is_refused(api: Api) -> None:
    answer = api.post(
        "/rules/replay", {"since": "2026-02-01T00:00:00+01:00", "until": "2026-01-01T00:00:00+01:00"}
    )

    assert [error["field"] for error in answer.json["errors"]] == ["until"]


def test_every_example_can_be_sent(api: Api) -> None:
    town.settle()
    with db.transaction() as session:
        town.factories.line(session, "+31201234567")

    assert api.post("/rules/simulate", shapes.EXAMPLES["CallToSimulate"]).status_code == 200
    assert api.put("/rules/tests", shapes.EXAMPLES["RuleTestsWritten"]).status_code == 200
    assert api.post("/rules/replay", shapes.EXAMPLES["PeriodToReplay"]).status_code == 200


def test_whoever_is_rung_after_the_answers_picks_up(api: Api) -> None:
    town.settle()
    asked = {"from": ADA, "line": LINE, "presence": {"anna": "available", "bram": "free", "carla": "off"}}

    told = api.post("/rules/simulate", asked | {"answers": ["no_answer"]}).json

    assert [(step["target"], step["answer"]) for step in told["steps"]] == [
        ("anna", "no_answer"),
        ("bram", "answered"),
    ]
    assert (told["ends"], told["rule"]) == ("human", None)


def test_a_draft_by_which_a_saved_call_goes_astray_is_published_for_a_reason_only(api: Api) -> None:
    town.settle()
    api.put("/rules/tests", [{"name": "Bram eerst", "call": CALL, "expect": {"first": "bram"}}])
    rules = [{"id": "r1", "then": {"only": "promise"}}]
    assert api.put("/rules/draft", {"rules": rules, "based_on": 1}).status_code == 200

    checked = api.post("/rules/check", {})
    refused = api.post("/rules/publish", {"why": "rust"})
    published = api.post("/rules/publish", {"why": "rust", "despite": "Bram is met vakantie"})

    assert [note["test"] for note in checked.json["notes"] if note["kind"] == "test"] == ["Bram eerst"]
    assert refused.status_code == 422
    assert refused.json["tests"][0]["wrong"][0] == {"field": "first", "expected": "bram", "found": "anna"}
    assert published.status_code == 200, published.json
    assert "Bram is met vakantie" in published.json["why"]
