"""Can a desk say what its agent does, prove that it is alive, and hear what happens?"""

from datetime import timedelta
from itertools import islice
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import db
from app.agents import desk_events, presence
from app.clock import utcnow
from app.records.tokens import Scope
from tests.api.conftest import Api, NewToken, errors_of


@pytest.fixture
def anna(api: Api) -> str:
    api.put("/agents/anna", {"name": "Anna", "team": "Balie", "phone": "0612345678"})
    api.put("/agents/ben", {"name": "Ben", "team": "Balie"})
    return "/agents/anna"


BEAT = {"visible": True, "softphone": "ready"}


def test_an_agent_can_be_reached_once_the_desk_is_proved_alive(api: Api, anna: str) -> None:
    assert api.get(f"{anna}/presence").json["state"] == "off"
    assert api.put(f"{anna}/presence", {"state": "available", "reach": "desk"}).json["reachable"] is False
    assert api.post(f"{anna}/heartbeat", BEAT).status_code == 204
    now = api.get(f"{anna}/presence").json
    assert (now["state"], now["reachable"], now["rings_at"], now["why"]) == (
        "available",
        True,
        "client",
        "agent",
    )
    assert now["since"] is not None


def test_an_ordinary_telephone_needs_no_proof(api: Api, anna: str) -> None:
    now = api.put(f"{anna}/presence", {"state": "available", "reach": "phone"}).json
    assert (now["reachable"], now["rings_at"]) == (True, "phone")


@pytest.mark.parametrize("state", ["break", "away", "off"])
def test_whoever_is_not_there_may_say_when_they_are_back(api: Api, anna: str, state: str) -> None:
    now = api.put(f"{anna}/presence", {"state": state, "back_at": "2126-05-01T12:00:00+02:00"}).json
    assert (now["state"], now["back_at"]) == (state, "2126-05-01T10:00:00+00:00")


def test_wrapping_up_ends_with_the_next_word(api: Api, anna: str) -> None:
    api.put(f"{anna}/presence", {"state": "available", "reach": "phone"})
    now = api.put(f"{anna}/presence", {"state": "wrapping_up"}).json
    assert (now["state"], now["reachable"]) == ("wrapping_up", False)
    assert now["wrap_up_until"] is not None
    now = api.put(f"{anna}/presence", {"state": "available"}).json
    assert (now["state"], now["reachable"]) == ("available", True)


def test_nobody_wraps_up_while_a_call_is_on_its_way(api: Api, anna: str) -> None:
    api.put(f"{anna}/presence", {"state": "available", "reach": "phone"})
    now = utcnow()
    with db.transaction() as session:
        number = presence.reserve(session, "anna", "CA1", 1, now, timedelta(seconds=30))
        assert number is not None
    answer = api.put(f"{anna}/presence", {"state": "wrapping_up"})
    assert (answer.status_code, answer.json["type"]) == (409, "/api/v1/docs#problem-wrap_up_not_now")
    assert api.get(f"{anna}/presence").json["state"] == "reserved"


@pytest.mark.parametrize(
    ("said", "field", "message"),
    [
        ({}, "state", "is missing"),
        ({"state": "lunch"}, "state", "choose from available, break, away, off, wrapping_up"),
        ({"state": "talking"}, "state", "choose from"),
        ({"state": True}, "state", "wrong type"),
        ({"state": "break", "back_at": "noon"}, "back_at", "isn't a date and time"),
        ({"state": "available", "reach": "home"}, "reach", "choose from desk, phone"),
        ({"state": "available", "mood": "fine"}, "mood", "doesn't exist"),
    ],
)
def test_what_cannot_be_used_of_a_presence_is_said(
    api: Api, anna: str, said: dict[str, Any], field: str, message: str
) -> None:
    assert message in errors_of(api.put(f"{anna}/presence", said))[field]
    assert api.get(f"{anna}/presence").json["state"] == "off"


def test_nobody_is_rung_on_a_telephone_that_nobody_knows(api: Api, anna: str) -> None:
    answer = api.put("/agents/ben/presence", {"state": "available", "reach": "phone"}, language="nl")
    assert "heeft geen telefoonnummer" in errors_of(answer)["reach"]


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ({}, {"visible", "softphone"}),
        ({"visible": "yes", "softphone": "ready"}, {"visible"}),
        ({"visible": True, "softphone": "on"}, {"softphone"}),
        ({"visible": True, "softphone": "ready", "x": 1}, {"x"}),
    ],
)
def test_what_cannot_be_used_of_a_heartbeat_is_said(
    api: Api, anna: str, said: dict[str, Any], fields: set[str]
) -> None:
    assert errors_of(api.post(f"{anna}/heartbeat", said)).keys() == fields


def test_a_desk_hears_what_it_missed_and_then_what_comes(
    api: Api, client: FlaskClient, new_token: NewToken, anna: str
) -> None:
    desk = Api(client, new_token(Scope.DESK, agent="anna"))
    with db.transaction() as session:
        for state in ("ringing", "talking"):
            desk_events.tell(session, "anna", "call", {"call_sid": "CA1", "state": state}, utcnow())
        newest = desk_events.newest(session, "anna")
    answer = desk.get(f"{anna}/events", headers={"Last-Event-ID": str(newest - 1)})
    assert answer.status_code == 200
    assert answer.mimetype == "text/event-stream"
    told = b"".join(islice(answer.response, 2)).decode()
    assert f"id: {newest}\nevent: call\n" in told
    assert '"state":"talking"' in told
    assert "ringing" not in told
    answer.close()


def test_two_programs_of_one_agent_are_two_desks_of_which_the_best_counts(api: Api, anna: str) -> None:
    api.put(f"{anna}/presence", {"state": "available"})

    def beats(softphone: str, agent: str = "", **more: str) -> None:
        said = {"visible": True, "softphone": softphone} | more
        assert api.post(f"{anna}/heartbeat", said, headers={"User-Agent": agent}).status_code == 204

    for _ in range(2):
        beats("ready", desk="laptop")
        beats("none", desk="balie")
        assert api.get(f"{anna}/presence").json["softphone"] == "ready"
    beats("none", desk="laptop")
    assert api.get(f"{anna}/presence").json["softphone"] == "none"

    for _ in range(2):
        beats("ready", agent="one program")
        beats("none", agent="another")
        assert api.get(f"{anna}/presence").json["softphone"] == "ready"
