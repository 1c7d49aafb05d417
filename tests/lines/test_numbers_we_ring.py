"""Is one policy asked wherever a number is dialled, texted or filled in, and does no line ring itself?"""

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.datastructures import MultiDict

import config
from app import db
from app.agents import presence
from app.api import auth
from app.clock import utcnow
from app.messages import messages
from app.records.agents import Agent, Presence, Reach
from app.records.calls import Outcome
from app.records.messages import Message
from app.records.tokens import Scope
from config import ConfigurationError, Settings
from config.numbers import EUROPE
from startup import serve
from startup.problems import BadSetting
from tests import factories, town
from tests.factories import LINE
from tests.parts import test_settings as values_for_tests
from tests.telephone import Another, signed

MOBILE_LINE = "+31651234567"  # a line of ours on which texts come in
COSTLY = {
    "premium": "+319061234567",
    "shared cost": "+448431234567",
    "satellite": "+881612345678",
    "outside": "+14158675309",
    "forwarding": "+31841234567",
}


@pytest.fixture(autouse=True)
def settled(flask_app: Flask) -> None:
    town.settle()
    with db.transaction() as session:
        factories.line(session, MOBILE_LINE)


@pytest.fixture
def put(client: FlaskClient, flask_app: Flask) -> Callable[..., Any]:
    """Write a record as another system does."""
    with db.transaction() as session:
        token = auth.create(session, "crm", Scope.WRITE, None, utcnow())

    def ask(path: str, record: dict[str, Any]) -> Any:
        headers = {"Authorization": f"Bearer {token}", "Accept-Language": "en"}
        return client.put(f"/api/v1{path}", json=record, headers=headers)

    return ask


@pytest.mark.parametrize("phone", COSTLY.values(), ids=COSTLY)
def test_a_costly_number_is_no_agents_phone(
    put: Callable[..., Any], flask_command: Callable[..., Result], tmp_path: Path, phone: str
) -> None:
    refused = put("/agents/dora", {"name": "Dora", "team": "Balie", "phone": phone})
    assert refused.status_code == 422
    assert "CALLABLE_COUNTRIES" in refused.json["errors"][0]["message"]
    file = tmp_path / "agents.csv"
    file.write_text(f"agent,name,spoken_name,email,team,phone,language\ndora,Dora,,,Balie,{phone},nl\n")
    loaded = flask_command("load", "agents", file)
    assert loaded.exit_code == 1
    assert "row 2: phone" in loaded.stderr
    with db.reading() as session:
        assert session.get(Agent, "dora") is None


def test_one_of_our_lines_is_no_agents_phone_by_whatever_door(
    put: Callable[..., Any], flask_command: Callable[..., Result], tmp_path: Path
) -> None:
    refused = put("/agents/dora", {"name": "Dora", "team": "Balie", "phone": LINE})
    assert refused.status_code == 422
    assert refused.json["errors"][0]["field"] == "phone"
    assert "Algemeen" in refused.json["errors"][0]["message"], "the line is named"
    file = tmp_path / "agents.csv"
    file.write_text(f"agent,name,spoken_name,email,team,phone,language\ndora,Dora,,,Balie,{LINE},nl\n")
    assert "would ring itself" in flask_command("load", "agents", file).stderr


def test_an_agents_phone_becomes_no_line_of_ours(put: Callable[..., Any]) -> None:
    assert put("/agents/dora", {"name": "Dora", "team": "Balie", "phone": "0612340000"}).status_code == 201
    line = {"name": "Balie", "team": "Balie", "timezone": "Europe/Amsterdam"}
    refused = put("/lines/+31612340000", line)
    assert refused.status_code == 422
    assert "dora" in refused.json["errors"][0]["message"]
    with db.transaction() as session:
        session.execute(update(Agent).where(Agent.key == "dora").values(enabled=False))
    assert put("/lines/+31612340000", line).status_code == 201, "who has left is not rung"


def test_a_number_for_emergencies_becomes_no_line_of_ours(put: Callable[..., Any], flask_app: Flask) -> None:
    settings: Settings = flask_app.config["SETTINGS"]
    flask_app.config["SETTINGS"] = replace(settings, fallback_numbers=("+31203691234",))
    line = {"name": "Balie", "team": "Balie", "timezone": "Europe/Amsterdam"}
    refused = put("/lines/+31203691234", line)
    assert refused.status_code == 422
    assert "FALLBACK_NUMBERS" in refused.json["errors"][0]["message"]


@pytest.mark.parametrize("phone", COSTLY.values(), ids=COSTLY)
def test_a_costly_number_for_emergencies_stops_the_start(tmp_path: Path, phone: str) -> None:
    values = values_for_tests("sqlite:///x.db", "redis://127.0.0.1:1/0", tmp_path)
    with pytest.raises(ConfigurationError, match=r"FALLBACK_NUMBERS: .*CALLABLE_COUNTRIES"):
        config.load(values | {"FALLBACK_NUMBERS": phone})
    if phone == COSTLY["outside"]:
        allowed = config.load(values | {"FALLBACK_NUMBERS": phone, "CALLABLE_COUNTRIES": "europe, us"})
        assert allowed.callable_countries == EUROPE | {"US"}


@pytest.mark.parametrize("said", ["Nederland", "NL,XX", ","])
def test_a_country_that_is_none_stops_the_start(tmp_path: Path, said: str) -> None:
    values = values_for_tests("sqlite:///x.db", "redis://127.0.0.1:1/0", tmp_path)
    with pytest.raises(ConfigurationError, match="CALLABLE_COUNTRIES"):
        config.load(values | {"CALLABLE_COUNTRIES": said})


@pytest.mark.parametrize("phone", [MOBILE_LINE, COSTLY["premium"]])
@pytest.mark.parametrize("reach", [Reach.PHONE, Reach.BOTH])
def test_a_phone_that_stood_there_before_is_not_dialled_and_the_doctor_names_whose(
    another: Another, flask_command: Callable[..., Result], phone: str, reach: Reach
) -> None:
    with db.transaction() as session:
        session.execute(update(Agent).where(Agent.key == "anna").values(phone=phone))
        session.execute(update(Presence).where(Presence.agent == "anna").values(reach=reach))
    call = another().comes_in()
    assert phone not in call.raw.decode()
    told = flask_command("doctor", "--offline").output
    assert "SICK  agents' phones" in told
    assert "anna" in told.split("agents' phones")[1].splitlines()[0]
    assert phone not in told


def test_what_the_page_shows_of_an_agent_is_what_a_call_does(flask_app: Flask) -> None:
    with db.transaction() as session:
        session.execute(update(Agent).where(Agent.key == "anna").values(phone=MOBILE_LINE))
        session.execute(update(Presence).where(Presence.agent == "anna").values(reach=Reach.PHONE))
    with db.transaction() as session:
        seen = presence.view(session, "anna", utcnow())
        assert seen is not None
        assert (seen.reachable, seen.rings_at) == (False, None)


def test_one_of_our_lines_that_hangs_up_while_it_rings_is_owed_no_callback(another: Another) -> None:
    call = another(from_=MOBILE_LINE).comes_in()
    call.hangs_up()
    assert town.call(call.sid).outcome == Outcome.NOT_CALLABLE
    assert [promise.number for promise in town.promises()] in ([], [None])


def test_one_of_our_lines_that_writes_is_owed_no_callback_and_no_answer(
    client: FlaskClient, settings: Settings
) -> None:
    form = {
        "MessageSid": "SM" + secrets.token_hex(16),
        "From": MOBILE_LINE,
        "To": LINE,
        "Body": "bel mij terug",
    }
    assert signed(client, settings, "/messages/incoming", MultiDict(form)).status_code == 200
    assert town.promises() == []
    with db.reading() as session:
        assert [message.status for message in session.scalars(select(Message))] == ["received"]


def test_nothing_is_written_to_a_number_that_has_become_a_line_of_ours(flask_app: Flask) -> None:
    now = utcnow()
    with db.transaction() as session:
        promise = factories.promise(session, now=now, due_at=now + timedelta(hours=2), number="+31612340000")
        factories.line(session, "+31612340000")
        messages.inform(session, promise, "Wij bellen u terug.", "key", now)
    with db.reading() as session:
        assert session.scalars(select(Message)).all() == []


def test_a_line_of_ours_for_emergencies_stops_make_serve(settings: Settings) -> None:
    serve._require_telephones_of_others(replace(settings, fallback_numbers=("+31203691234",)))
    with pytest.raises(BadSetting, match=rf"FALLBACK_NUMBERS: \{LINE} is a line of ours"):
        serve._require_telephones_of_others(replace(settings, fallback_numbers=(LINE, "+31203691234")))
