"""Can a conversation be handed over by another system, and by the agent's own desk alone?"""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import db
from app.agents.teams import ALL
from app.deployment import Deployment
from app.records.agents import Presence, Role
from app.records.tokens import Scope
from config import Settings
from tests import factories
from tests.api.conftest import Api, NewToken, errors_of
from tests.desk import office
from tests.exchange import rung_back
from tests.factories import ADA
from tests.telephone import Line


@pytest.fixture(autouse=True)
def town(flask_app: Flask) -> None:
    with db.transaction() as session:
        factories.line(session)
        for key in ("anna", "bram", "chef"):
            factories.agent(session, key)
        office.user(session, "chef", Role.SUPERVISOR, teams=[ALL])
        factories.customer(session, "ada", ADA)
        factories.case(session, "Z1", "ada", handled_by=("anna",))


@pytest.fixture
def sid(settings: Settings, town: None) -> str:
    """Ada and Anna talk."""
    sid = office.call_in(settings, ADA)
    office.pick_up(sid)
    return sid


@pytest.fixture
def anna(client: FlaskClient, new_token: NewToken) -> Api:
    return Api(client, new_token(Scope.DESK, agent="anna"))


def test_a_desk_hands_its_own_conversation_over(anna: Api, sid: str) -> None:
    asked = {"to": "bram", "kind": "warm", "why": "Spoed."}
    for _ in range(2):
        answer = anna.post(f"/calls/{sid}/transfer", asked)
        assert answer.status_code == 200, answer.json
        assert answer.json["legs"] == [
            {"role": "customer", "agent": None, "state": "joining"},
            {"role": "agent", "agent": "anna", "state": "joining"},
            {"role": "consulted", "agent": "bram", "state": "ringing"},
        ]
        transfer = answer.json["transfer"]
        assert (transfer["from"], transfer["to"], transfer["phase"]) == ("anna", "bram", "ringing")

    refused = anna.post(f"/calls/{sid}/transfer/join")
    assert refused.status_code == 409
    assert (refused.json["why"], refused.json["detail"]) == (
        "hand_over_not_taken_yet",
        "Your colleague hasn't answered yet. The customer stays with you until they do.",
    )
    for _ in range(2):
        back = anna.post(f"/calls/{sid}/transfer/cancel")
        assert (back.status_code, back.json["transfer"]["outcome"]) == (200, "returned")


def test_in_a_conversation_that_we_placed_all_of_it_can_be_done_too(
    client: FlaskClient, new_token: NewToken, anna: Api, settings: Settings, town: None
) -> None:
    sid = rung_back(Line(client, settings), Deployment.of(settings))
    chef = Api(client, new_token(Scope.DESK, agent="chef"))

    assert anna.post(f"/calls/{sid}/hold", {"on": True}).json["legs"][0]["role"] == "customer"
    assert anna.post(f"/calls/{sid}/hold", {"on": False}).status_code == 200
    listens = chef.post(f"/calls/{sid}/supervise", {"mode": "listen"})
    assert (listens.status_code, listens.json["legs"][-1]["agent"]) == (200, "chef")
    handed = anna.post(f"/calls/{sid}/transfer", {"to": "bram"})
    assert (handed.status_code, handed.json["transfer"]["phase"]) == (200, "ringing")
    assert anna.post(f"/calls/{sid}/transfer/cancel").json["transfer"]["outcome"] == "returned"
    assert anna.post(f"/calls/{sid}/protect", {"step": "warn"}).status_code == 200


def test_others_desks_may_not_and_a_supervisors_may(
    client: FlaskClient, new_token: NewToken, sid: str
) -> None:
    bram = Api(client, new_token(Scope.DESK, agent="bram"))
    chef = Api(client, new_token(Scope.DESK, agent="chef"))

    assert bram.post(f"/calls/{sid}/transfer", {"to": "bram"}).status_code == 403
    assert chef.post(f"/calls/{sid}/transfer", {"to": "bram"}).status_code == 200


def test_the_customer_waits_and_is_back(anna: Api, sid: str) -> None:
    for on, state in ((True, True), (True, True), (False, False)):
        answer = anna.post(f"/calls/{sid}/hold", {"on": on})
        assert answer.status_code == 200
        assert [leg["role"] for leg in answer.json["legs"]] == ["customer", "agent"], state
    assert anna.post(f"/calls/{sid}/hold", {}).status_code == 422


def test_what_can_not_be_says_why(anna: Api, api: Api, sid: str) -> None:
    assert errors_of(anna.post(f"/calls/{sid}/transfer", {"to": "nobody"})) == {
        "to": "name an agent, or a team that somebody belongs to"
    }
    assert errors_of(anna.post(f"/calls/{sid}/transfer", {"to": "bram", "kind": "hot"})).keys() == {"kind"}
    assert anna.post("/calls/CA0/transfer", {"to": "bram"}).status_code == 404
    none = api.post(f"/calls/{sid}/transfer/complete")
    assert (none.status_code, none.json["why"]) == (409, "hand_over_none")
    with db.transaction() as session:
        factories.agent(session, "dora", available=False)
    away = api.post(f"/calls/{sid}/transfer", {"to": "dora"}, language="nl")
    assert away.json["detail"] == "Dora Jansen is er vandaag niet meer. De klant blijft bij u."


def test_a_supervisors_desk_listens_and_nobody_elses_token_does(
    client: FlaskClient, new_token: NewToken, anna: Api, sid: str
) -> None:
    chef = Api(client, new_token(Scope.DESK, agent="chef"))

    for _ in range(2):
        answer = chef.post(f"/calls/{sid}/supervise", {"mode": "listen"})
        assert answer.status_code == 200, answer.json
        assert answer.json["legs"][-1] == {"role": "supervisor", "agent": "chef", "state": "ringing"}
    assert chef.post(f"/calls/{sid}/supervise", {"mode": "leave"}).status_code == 200
    assert anna.post(f"/calls/{sid}/supervise", {"mode": "listen"}).status_code == 409
    bram = Api(client, new_token(Scope.DESK, agent="bram"))
    assert bram.post(f"/calls/{sid}/supervise", {"mode": "listen"}).status_code == 403
    system = Api(client, new_token(Scope.WRITE))
    assert system.post(f"/calls/{sid}/supervise", {"mode": "listen"}).status_code == 403
    assert "mode" in errors_of(chef.post(f"/calls/{sid}/supervise", {"mode": "spy"}))


def test_an_agent_is_protected_through_their_own_desk(anna: Api, sid: str) -> None:
    for step in ("warn", "warn", "end", "end"):
        assert anna.post(f"/calls/{sid}/protect", {"step": step}).status_code == 200

    presence = anna.get("/agents/anna/presence")
    assert presence.json["state"] == "talking"
    with db.reading() as session:
        assert session.get_one(Presence, "anna").intent_why == "protected"
