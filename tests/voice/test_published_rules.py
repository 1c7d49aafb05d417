"""Does a published rule decide who is rung, and does every caller still get a human or a promise?"""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from app import db
from app.api import auth
from app.promises import ledger
from app.records.agents import Role
from app.records.callers import Customer
from app.records.calls import Call, CallState
from app.records.lines import Line as OurLine
from app.records.promises import Promise, PromiseEvent
from app.records.rules import RuleVersion
from app.records.tokens import Scope
from app.routing import publishing, rules
from app.routing.rules import Rules
from tests import factories, town
from tests.api.conftest import Api
from tests.desk import office
from tests.factories import ADA, LINE
from tests.telephone import Another, Line

Json = dict[str, Any]
IS_VIP: Json = {"fact": "customer.tag", "is": ["vip"]}


@pytest.fixture(autouse=True)
def settled(flask_app: Flask) -> None:
    town.settle()
    with db.transaction() as session:
        session.get_one(Customer, "ada").tags = ["VIP"]


def publish(*written: Json, why: str = "because", **ladder: Any) -> int:
    proposed = Rules.written({"rules": list(written), "ladder": ladder})
    with db.transaction() as session:
        return publishing.publish(session, proposed, "eva", why, datetime.now(UTC))


def rule(rule_id: str, *when: Json, **then: Any) -> Json:
    return {"id": rule_id, "name": rule_id.title(), "when": list(when), "then": then}


def promises() -> list[Promise]:
    with db.reading() as session:
        found = list(session.scalars(select(Promise)))
        session.expunge_all()
        return found


def decided_by(call: Line) -> list[tuple[str, str | None, str]]:
    return [(step.kind, step.agent, step.rule) for step in town.steps(call.sid)]


def test_vips_reach_carla_and_then_the_ladder_goes_its_usual_way(call: Line) -> None:
    publish(rule("vip", IS_VIP, first={"agent": "carla"}, owner_ring_seconds=40))

    call.comes_in()
    assert (call.rings, call.verbs) == ("client:carla", ["Dial"])
    assert call.attribute("Dial", "timeout") == "35"
    call.dial_ends("no-answer")

    assert call.rings == "client:anna"
    assert decided_by(call) == [("colleague", "carla", "vip"), ("owner", "anna", "vip")]


def test_whoever_is_no_vip_is_not_touched_by_it(another: Another) -> None:
    publish(rule("vip", IS_VIP, first={"agent": "carla"}))

    ben = another(from_=factories.BEN).comes_in()

    assert ben.rings == "client:anna"
    assert decided_by(ben) == [("owner", "anna", "")]


def test_a_vip_waits_for_carla_as_long_as_the_rule_says_and_is_first(call: Line) -> None:
    publish(rule("vip", IS_VIP, first={"agent": "carla"}, wait_for_owner_seconds=120))
    town.talks_elsewhere("carla")

    call.comes_in()

    assert call.verbs == ["Say", "Enqueue"]
    assert "Carla is nog in gesprek" in call.said
    assert [promise.agent for promise in promises()] == ["carla"]


def test_a_vip_does_not_wait_where_the_rule_says_not_to(call: Line) -> None:
    publish(rule("vip", IS_VIP, first={"agent": "carla"}, wait_for_owner_seconds=0))
    town.talks_elsewhere("carla")

    assert call.comes_in().rings == "client:anna"


def calls_before(count: int, days_ago: int) -> None:
    with db.transaction() as session:
        for number in range(count):
            session.add(
                Call(
                    sid=f"CAbefore{number}", remote_e164=ADA, line=LINE, attestation="", language="nl",
                    said=[], state=CallState.ENDED, rule_version=1, step=1, case="Z1",
                    created_at=datetime.now(UTC) - timedelta(days=days_ago, hours=number),
                )
            )  # fmt: skip


@pytest.mark.parametrize(("days", "rung"), [(7, "client:anna"), (30, "client:dirk")])
def test_the_third_call_within_so_many_days_goes_to_the_supervisor(call: Line, days: int, rung: str) -> None:
    with db.transaction() as session:
        factories.agent(session, "dirk", team="Leiding")
        office.user(session, "dirk", Role.SUPERVISOR)
    publish(
        rule("round", {"fact": "case.calls", "at_least": 3, "days": days}, first="supervisor"),
        counter_to_counter=None,
    )
    calls_before(2, days_ago=10)

    assert call.comes_in().rings == rung


def today() -> Json:
    return {"fact": "weekday", "is": ["mo tu we th fr sa su".split()[_local().weekday()]]}


def _local() -> datetime:
    return datetime.now(ZoneInfo("Europe/Amsterdam"))


def test_on_the_days_of_the_rule_nobody_is_rung_and_the_promise_has_its_time(call: Line) -> None:
    publish(rule("today", today(), only="promise", promise_minutes=240))

    call.comes_in()

    assert call.rings is None
    assert "We verbinden u nu niet door." in call.said
    assert "belt u" in call.said
    [promise] = promises()
    assert promise.next_at is not None
    assert promise.due_at - datetime.now(UTC) > timedelta(hours=3)


def test_a_rule_greets_and_records_where_the_line_does_neither(call: Line) -> None:
    publish(rule("all", greeting="Fijn dat u belt.", records_messages=True, only="promise"))

    call.comes_in()

    assert call.said.startswith("Fijn dat u belt.")
    assert "Record" in call.verbs


def test_what_a_rule_leaves_out_comes_from_the_line_and_then_from_the_installation(call: Line) -> None:
    publish(rule("vip", IS_VIP), greeting="Van de organisatie.", owner_ring_seconds=50)
    assert call.comes_in().said == "Van de organisatie."
    assert call.attribute("Dial", "timeout") == "45"

    with db.transaction() as session:
        session.execute(update(OurLine).values(greeting="Van de lijn."))
    town.everybody_free_again()
    call.sid = "CA" + "b" * 32
    assert call.comes_in().said == "Van de lijn."


# --- who is not put through ---------------------------------------------------------------------------


def test_who_is_refused_hears_the_truth_and_a_supervisor_sees_what_they_say(
    call: Line, client: FlaskClient
) -> None:
    publish(rule("blocked", IS_VIP, only="refuse"))
    with db.transaction() as session:
        office.user(session, "anna", Role.SUPERVISOR)
        office.user(session, "bram", Role.AGENT)

    call.comes_in()

    assert call.rings is None
    assert "We verbinden u nu niet door." in call.said
    assert "leidinggevende" in call.said
    [promise] = promises()
    assert (promise.to_review, promise.next_at, promise.agent) == (True, None, None)
    with db.reading() as session:
        assert session.scalars(select(PromiseEvent.why)).all() == ["promise_refused"]

    office.sign_in(client, "anna@example.nl")
    assert "te beoordelen" in client.get("/desk/board").text
    colleague = client.application.test_client()
    office.sign_in(colleague, "bram@example.nl")
    assert "Klant ada" not in colleague.get("/desk/board").text


def test_what_is_to_be_reviewed_stays_so_however_often_they_ring_until_a_supervisor_says_so(
    call: Line, another: Another
) -> None:
    publish(rule("blocked", IS_VIP, only="refuse"))
    call.comes_in()
    with db.transaction() as session:
        session.scalars(select(Promise)).one().due_at = datetime.now(UTC) - timedelta(minutes=1)

    another(from_=ADA).comes_in()

    [promise] = promises()
    assert (promise.to_review, promise.next_at) == (True, None)
    with db.transaction() as session:
        ledger.ring_now(session, promise.id, "anna", datetime.now(UTC))
    [promise] = promises()
    assert promise.to_review is False
    assert promise.next_at is not None


@pytest.mark.parametrize("then", [{"only": "refuse"}, {"only": "promise"}])
def test_a_callback_that_is_owed_is_not_swallowed_by_a_rule(call: Line, then: Json) -> None:
    due_at = datetime.now(UTC) + timedelta(minutes=20)
    with db.transaction() as session:
        factories.promise(session, now=datetime.now(UTC) - timedelta(hours=1), due_at=due_at, customer="ada")
    publish(rule("all", IS_VIP, **then))

    call.comes_in()

    [promise] = promises()
    assert (promise.due_at, promise.agent, promise.to_review) == (due_at, "anna", False)
    assert promise.next_at is not None
    assert "Anna belt u" in call.said


def test_whoever_promised_to_ring_back_goes_before_whom_a_rule_names(call: Line, another: Another) -> None:
    now = datetime.now(UTC)
    with db.transaction() as session:
        factories.promise(
            session,
            now=now - timedelta(hours=1),
            due_at=now + timedelta(hours=1),
            agent="bram",
            customer="ada",
        )
    publish(rule("vip", IS_VIP, first={"agent": "carla"}))
    assert call.comes_in().rings == "client:bram"

    town.everybody_free_again()
    publish(rule("owed", {"fact": "promise", "is": ["owed"]}, first={"agent": "carla"}))
    assert another(from_=ADA).comes_in().rings == "client:carla"


# --- closed -------------------------------------------------------------------------------------------


def test_only_a_rule_that_is_about_it_has_somebody_rung_while_the_line_is_closed(
    call: Line, another: Another
) -> None:
    with db.transaction() as session:
        session.execute(update(OurLine).values(hours=";"))
        factories.agent(session, "wil", team="Wacht")
    publish(rule("vip", IS_VIP, first={"team": "Wacht"}))
    assert call.comes_in().rings is None

    publish(rule("watch", {"fact": "hours", "is": ["closed"]}, first={"team": "Wacht"}))
    watched = another(from_=ADA).comes_in()
    assert watched.rings == "client:wil"
    watched.dial_ends("no-answer")
    assert watched.rings is None  # nobody else has to be there at night
    assert "gesloten" in watched.said


# --- when rules change, or are wrong ------------------------------------------------------------------


def test_what_is_published_in_the_middle_of_a_call_holds_from_its_next_step_and_the_story_says_so(
    call: Line, client: FlaskClient
) -> None:
    first = publish(rule("vip", IS_VIP, first={"agent": "carla"}))
    call.comes_in()
    second = publish(rule("late", IS_VIP, only="promise"), why="te druk")
    call.dial_ends("no-answer")

    assert call.rings is None
    with db.transaction() as session:
        api = Api(client, auth.create(session, "crm", Scope.READ, None, datetime.now(UTC)))
    told = api.get(f"/calls/{call.sid}", language="nl").json
    assert [(step["rule_version"], step["rule"], step["rule_name"]) for step in told["steps"]] == [
        (first, "vip", "Vip"),
        (second, "late", "Late"),
    ]
    assert [step["rules_changed"] for step in told["steps"]] == [
        None,
        f"Tussen de vorige stap en deze ging versie {second} van de regels in (eva: te druk);"
        " vanaf hier geldt die.",
    ]


def test_whom_a_rule_names_and_who_is_not_there_any_more_is_passed_over(call: Line) -> None:
    publish(rule("vip", IS_VIP, first={"agent": "carla"}))
    with db.transaction() as session:
        session.delete(session.get_one(factories.Presence, "carla"))

    assert call.comes_in().rings == "client:anna"


def store(document: Json) -> None:
    """Put something in force that no program of ours has checked."""
    with db.transaction() as session:
        row = RuleVersion(version=2, rules=document, published_by="newer", why="")
        row.published_at = datetime.now(UTC)
        session.add(row)


def test_a_rule_of_a_newer_program_is_left_out_and_the_others_hold(call: Line) -> None:
    moon = {"id": "moon", "when": [{"fact": "moon", "is": ["full"]}], "then": {"only": "promise"}}
    store({"ladder": {}, "rules": [moon, "?", rule("vip", IS_VIP, first={"agent": "carla"}, sings=True)]})

    assert call.comes_in().rings == "client:carla"


def test_a_rule_that_fails_leaves_the_caller_the_ladder(
    call: Line, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    publish(rule("vip", IS_VIP, only="refuse"))
    with db.reading() as session:
        [broken] = rules.in_force(session).rules

    def fails(_: object) -> bool:
        raise ZeroDivisionError

    object.__setattr__(broken, "holds", fails)
    object.__setattr__(broken.when[0], "holds", fails)

    assert call.comes_in().rings == "client:anna"
    assert "a rule could not be asked" in caplog.text


def test_rules_that_are_off_or_behind_one_that_holds_say_nothing(call: Line) -> None:
    publish(
        rule("off", IS_VIP, only="refuse") | {"enabled": False},
        rule("vip", IS_VIP, first={"agent": "bram"}),
        rule("later", IS_VIP, first={"agent": "carla"}),
    )

    assert call.comes_in().rings == "client:bram"
