"""Can other systems see what we owe, have us promise, and take it back?"""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from app import db
from app.records.messages import Message
from app.records.promises import Promise, PromiseState
from tests.api.conftest import Api, errors_of
from tests.api.test_records import ANNA, CASE, WORLD

OWED = {"number": "0687654321", "due_at": "2126-05-01T16:00:00+02:00", "case": "Z1", "agent": "anna"}


@pytest.fixture
def world(api: Api) -> Api:
    api.put_all(WORLD)
    return api


def test_a_promise_is_made_and_seen(world: Api) -> None:
    made = world.post("/promises", OWED | {"about": "Wil weten of het klaar is."})
    assert made.status_code == 201
    promise = made.json
    assert (promise["state"], promise["number"], promise["customer"]) == ("open", "+31687654321", "K1")
    assert (promise["team"], promise["agent"], promise["language"]) == ("Balie", "anna", "nl")
    assert promise["due_at"] == "2126-05-01T14:00:00+00:00"
    assert [event["why"] for event in promise["events"]] == ["Agreed with the customer."]
    assert world.get(f"/promises/{promise['id']}").json == promise
    assert [one["id"] for one in world.get("/promises").json["items"]] == [promise["id"]]


def test_a_promise_about_a_case_is_owed_by_its_owner_while_they_are_here(world: Api) -> None:
    def owes(number: str, **fields: str) -> tuple[str | None, str]:
        made = world.post("/promises", {"number": number, "due_at": OWED["due_at"], "case": "Z1"} | fields)
        return made.json["agent"], made.json["team"]

    assert owes("0687654321") == ("anna", "Balie")
    assert owes("0687654322", team="Vergunningen") == (None, "Vergunningen"), "a team that was named owes it"
    world.put("/agents/anna", ANNA | {"enabled": False})
    assert owes("0687654323") == (None, "Balie")


def test_asking_twice_makes_one_promise(world: Api) -> None:
    first = world.post("/promises", OWED, headers={"Idempotency-Key": "request-1"})
    again = world.post("/promises", OWED, headers={"Idempotency-Key": "request-1"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json["id"] == again.json["id"]


def told() -> list[str]:
    with db.transaction() as session:
        return [message.body for message in session.scalars(select(Message).order_by(Message.at))]


def test_the_customer_is_told_of_it_once_unless_somebody_else_tells_them(world: Api) -> None:
    request = {"headers": {"Idempotency-Key": "request-1"}}
    assert world.post("/promises", OWED, **request).status_code == 201
    assert world.post("/promises", OWED, **request).status_code == 200
    world.post("/promises", OWED | {"number": "0687654322", "tell": False})
    world.post("/promises", OWED | {"number": "0201234568"})

    [body] = told()
    assert "Anna" in body


def test_a_promise_that_was_broken_and_is_made_anew_is_told_anew(world: Api) -> None:
    first = world.post("/promises", OWED).json["id"]
    with db.transaction() as session:
        promise = session.get_one(Promise, first)
        promise.due_at = promise.broken_at = datetime(2026, 1, 1, tzinfo=UTC)
        promise.state = PromiseState.BROKEN

    assert world.post("/promises", OWED).json["id"] == first

    assert len(told()) == 2


def test_whether_to_tell_is_yes_or_no(world: Api) -> None:
    assert "tell" in errors_of(world.post("/promises", OWED | {"tell": "perhaps"}))


def test_a_key_that_was_used_for_another_number_is_refused_rather_than_answered_with_that_promise(
    world: Api,
) -> None:
    world.post("/promises", OWED, headers={"Idempotency-Key": "request-1"})
    other = world.post("/promises", OWED | {"number": "0687654322"}, headers={"Idempotency-Key": "request-1"})
    assert "about another number" in errors_of(other)["Idempotency-Key"]


def test_people_who_share_a_number_are_each_promised_their_own(world: Api) -> None:
    world.put("/customers/K2", {"name": "Bob Babbage", "phones": OWED["number"]})
    world.put("/cases/Z2", CASE | {"customer": "K2"})
    first = world.post("/promises", OWED)

    second = world.post("/promises", OWED | {"case": "Z2", "agent": None})

    assert (first.status_code, second.status_code) == (201, 201)
    assert (second.json["customer"], second.json["case"], second.json["agent"]) == ("K2", "Z2", None)
    assert world.get(f"/promises/{first.json['id']}").json == first.json


def test_a_key_that_was_used_for_another_customer_is_refused_too(world: Api) -> None:
    world.put("/customers/K2", {"name": "Bob Babbage", "phones": OWED["number"]})
    world.post("/promises", OWED, headers={"Idempotency-Key": "request-1"})
    theirs = {name: OWED[name] for name in ("number", "due_at", "agent")} | {"customer": "K2"}
    other = world.post("/promises", theirs, headers={"Idempotency-Key": "request-1"})
    assert "customer" in errors_of(other)["Idempotency-Key"]


def test_a_number_that_is_owed_a_call_keeps_that_promise(world: Api) -> None:
    first = world.post("/promises", OWED | {"about": "Het paspoort."})
    later = OWED | {"due_at": "2126-06-01T16:00:00+02:00", "about": "En de verhuizing."}
    world.post("/promises", later)
    other = world.post("/promises", later)
    assert (other.status_code, other.json["id"]) == (200, first.json["id"])
    assert other.json["due_at"] == first.json["due_at"]
    assert other.json["about"] == "Het paspoort.\nEn de verhuizing.", "nothing is lost, or said twice"


def test_a_promise_is_withdrawn_once_and_stays_to_be_seen(world: Api) -> None:
    made = world.post("/promises", OWED).json
    for _ in range(2):
        gone = world.post(f"/promises/{made['id']}/withdraw")
        assert (gone.status_code, gone.json["state"]) == (200, "withdrawn")
    assert [event["who"] for event in gone.json["events"]] == ["", "api:crm"]
    assert world.post("/promises", OWED).status_code == 201


def test_what_is_finished_cannot_be_withdrawn(world: Api) -> None:
    made = world.post("/promises", OWED).json
    with db.transaction() as session:
        session.get_one(Promise, made["id"]).state = PromiseState.KEPT
    answer = world.post(f"/promises/{made['id']}/withdraw")
    assert (answer.status_code, answer.json["type"]) == (409, "/api/v1/docs#problem-promise_is_finished")


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"number": "0900 1234"}, "number", "one that we don't ring back"),
        ({"number": "+14158675309"}, "number", "one that we don't ring back"),
        ({"number": "+31201234567"}, "number", "one that we don't ring back"),  # our own line
        ({"number": "anonymous"}, "number", "isn't a valid telephone number"),
        ({"number": None}, "number", "is missing"),
        ({"due_at": "2020-01-01T00:00:00Z"}, "due_at", "lies in the past"),
        ({"due_at": "soon"}, "due_at", "isn't a date and time"),
        ({"case": "Z9"}, "case", "there is no case “Z9”"),
        ({"case": None, "customer": "K9"}, "customer", "there is no customer “K9”"),
        ({"customer": "K2"}, "case", "is another customer's case"),
        ({"agent": "zoe"}, "agent", "there is no agent “zoe”"),
        ({"agent": "gone"}, "agent", "no longer works here"),
        ({"line": "+31209999999"}, "line", "there is no line"),
        ({"agent": None, "case": None}, "team", "name a team"),
        ({"colour": "red"}, "colour", "doesn't exist"),
    ],
)
def test_what_cannot_be_promised_is_said(
    world: Api, change: dict[str, Any], field: str, message: str
) -> None:
    world.put("/customers/K2", {"name": "Bob"})
    world.put("/agents/gone", {"name": "Gijs", "team": "Balie", "enabled": False})
    assert message in errors_of(world.post("/promises", OWED | change))[field]
    assert world.get("/promises").json["items"] == []


def test_promises_are_narrowed_by_state_debtor_team_customer_and_case(world: Api) -> None:
    first = world.post("/promises", OWED).json["id"]
    other = {"number": "+32475123456", "due_at": OWED["due_at"], "team": "Vergunningen"}
    second = world.post("/promises", other).json["id"]
    world.post(f"/promises/{second}/withdraw")

    def listed(**query: str) -> list[int]:
        answer = world.get("/promises", query_string=query)
        return [one["id"] for one in answer.json["items"]]

    assert listed() == [first, second]
    assert listed(state="open") == [first]
    assert listed(state="withdrawn") == [second]
    assert listed(agent="anna") == [first]
    assert listed(team="Vergunningen") == [second]
    assert listed(customer="K1") == listed(case="Z1") == [first]
    assert listed(limit="1") == [first]
    assert listed(after=str(first)) == [second]
    assert errors_of(world.get("/promises?state=lost")).keys() == {"state"}
    assert errors_of(world.get("/promises?after=x")).keys() == {"after"}
