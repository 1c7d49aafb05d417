"""Can another desk than ours do the same beside a call, and only in its own agent's calls?"""

import pytest
from flask.testing import FlaskClient

from app import db
from app.api import auth
from app.records.tokens import Scope
from tests import factories
from tests.api.conftest import Api
from tests.factories import NOW
from tests.screen.table import Agent, Customer


def token(agent: str | None, scope: str = Scope.DESK) -> str:
    with db.transaction() as session:
        return auth.create(session, f"{scope} {agent}", scope, agent, NOW)


@pytest.fixture
def desk(client: FlaskClient, anna: Agent) -> Api:
    return Api(client, token("anna"))


def test_a_desk_of_another_system_does_all_that_ours_does(desk: Api, anna: Agent, flask_app: object) -> None:
    at = f"/calls/{anna.sid}/screen"
    assert desk.get(at).json["state"] == "none"

    offered = desk.post(at, {"by": "code"}).json

    assert (offered["state"], offered["by"], len(offered["code"])) == ("offered", "code", 6)
    ada = Customer(flask_app)  # type: ignore[arg-type]
    ada.type(offered["code"])
    item = desk.post(f"{at}/items", {"choice": "klopt"}).json["items"][0]
    assert item["state"] == "put"
    assert desk.post(f"{at}/checked", {}).json["subject"] == "Zaak Z1"
    ada.get()
    ada.post(f"/b/items/{item['item']}", answer="yes")
    [item] = desk.get(at).json["items"]
    assert (item["state"], item["answer"]) == ("answered", "yes")
    assert (
        desk.post(f"{at}/items", {"kind": "form", "words": "x", "value": "http://plain"}).status_code == 422
    )
    assert desk.post(f"{at}/device", {"let_in": True}).json["why"] == "not_waiting"
    assert desk.delete(f"{at}/items/{item['item']}").json["items"] == []
    assert desk.post(f"{at}/stop", {}).json["state"] == "stopped"
    assert ada.get().status_code == 410


def test_only_the_agents_own_calls_and_files_are_reached(desk: Api, anna: Agent, client: FlaskClient) -> None:
    at = f"/calls/{anna.sid}/screen"
    with db.transaction() as session:
        factories.agent(session, "cas")
    other, reader = Api(client, token("cas")), Api(client, token(None, Scope.READ))

    assert other.get(at).status_code == 403
    assert other.post(at, {"by": "code"}).status_code == 403
    assert reader.get(at).status_code == 200
    assert reader.post(at, {"by": "code"}).status_code == 403
    assert desk.get("/calls/CAnone/screen").status_code == 404
    assert desk.get(f"{at}/uploads/{'0' * 32}").status_code == 404


def test_a_teams_choices_are_kept_and_an_address_that_is_none_is_refused(
    client: FlaskClient, anna: Agent
) -> None:
    api = Api(client, token(None, Scope.WRITE))
    said = {"kind": "form", "name": "Verhuizen", "words_nl": "Geef uw verhuizing door", "team": "Burgerzaken"}

    assert (
        api.put("/screen/choices/verhuizen", said | {"value": "https://www.example.nl/v"}).status_code == 200
    )

    assert api.get("/screen/choices/verhuizen").json["name"] == "Verhuizen"
    assert "Verhuizen" in anna.panel()
    for wrong in (
        *("http://www.example.nl", "javascript:alert(1)", "https://u:p@example.nl", "https://x y.nl"),
        *("https://localhost", "//example.nl", 'https://example.nl/"onclick=', "data:text/html,x"),
    ):
        refused = api.put("/screen/choices/verhuizen", said | {"value": wrong})
        assert (refused.status_code, refused.json["errors"][0]["field"]) == (422, "value"), wrong
    assert len(api.get("/screen/choices?team=Burgerzaken").json["items"]) == 6
    assert api.delete("/screen/choices/verhuizen").status_code == 204
    assert api.get("/screen/choices/verhuizen").status_code == 404
