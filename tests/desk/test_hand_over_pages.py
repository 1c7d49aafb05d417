"""What does the desk show of a hand-over, to either side of it, and what does it refuse?"""

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import db
from app.clock import utcnow
from app.deployment import Deployment
from app.records.agents import Presence
from config import Settings
from tests import factories
from tests.desk import office
from tests.exchange import rung_back
from tests.factories import ADA
from tests.telephone import Line, plain


@pytest.fixture
def sid(request: pytest.FixtureRequest, flask_app: Flask, settings: Settings) -> str:
    """Ada and Anna talk, since Ada rang us or was rung; Bram knows the file, Carla is on a break."""
    with db.transaction() as session:
        factories.line(session)
        for key in ("anna", "bram", "carla"):
            factories.agent(session, key)
            office.user(session, key)
            # Their desks live for as long as a busy machine may take.
            session.get_one(Presence, key).heartbeat_at = utcnow() + timedelta(hours=1)
        session.get_one(Presence, "carla").intent = "break"
        factories.customer(session, "ada", ADA)
        factories.case(session, "Z1", "ada", handled_by=("bram", "anna"))
    if getattr(request, "param", "") == "placed":
        return rung_back(Line(flask_app.test_client(), settings), Deployment.of(settings))
    sid = office.call_in(settings, ADA)
    office.pick_up(sid)
    return sid


def shown(client: FlaskClient, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return plain(re.sub(r"<[^>]+>", " ", answer.text))


def posted(client: FlaskClient, token: str, address: str, **form: str) -> tuple[int, str]:
    headers = {"X-Requested-With": "fetch"}
    answer = client.post(address, data={"csrf": token} | form, headers=headers)
    return answer.status_code, plain(re.sub(r"<[^>]+>", " ", answer.text))


@pytest.mark.parametrize("sid", ["came in", "placed"], indirect=True)
def test_both_screens_say_how_it_stands(flask_app: Flask, sid: str) -> None:
    anna, bram = flask_app.test_client(), flask_app.test_client()
    token, brams = office.sign_in(anna, "anna@example.nl"), office.sign_in(bram, "bram@example.nl")
    here = f"/desk/calls/{sid}"
    assert "Laat de klant even wachten" in shown(anna, f"{here}/hand-over")
    # Whoever is on the line may have been rung by us: then no word calls them a caller.
    assert "beller" not in shown(anna, f"{here}/card").lower()

    found = posted(anna, token, f"{here}/colleagues", asked="burger")[1]
    assert found.index("Bram Jansen Burgerzaken · kan nu opnemen · kent dit dossier") < found.index("Carla")
    assert "Carla Jansen Burgerzaken · heeft pauze" in found
    assert "Wie vrij is van Burgerzaken 1 kan nu opnemen" in found

    refused = posted(anna, token, f"{here}/transfer", to="carla")
    assert refused[0] == 409
    assert "Carla Jansen heeft pauze. De klant blijft bij u." in refused[1]

    status, panel = posted(anna, token, f"{here}/transfer", to="bram", why="Spoed!")
    assert (status, "De telefoon van Bram Jansen gaat over." in panel) == (200, True)
    assert "Spoed" not in panel
    card = shown(bram, f"{here}/card")
    assert "Gaat over via Algemeen" in card
    assert "De klant hoort hier niets van en gaat terug naar uw collega." in card
    theirs = shown(bram, f"{here}/hand-over")
    assert "Anna Jansen vraagt u erbij." in theirs
    assert "Spoed!" in theirs

    assert posted(bram, brams, f"{here}/decline", why="meeting")[0] == 200
    assert "Bram Jansen kan nu niet. De klant is weer bij u." in shown(anna, f"{here}/hand-over")
    assert posted(anna, token, f"{here}/hold", on="yes")[0] == 200
    assert "Verder met de klant" in shown(anna, f"{here}/hand-over")


def test_what_is_nobodys_business_is_not_there(flask_app: Flask, sid: str) -> None:
    carla = flask_app.test_client()
    token = office.sign_in(carla, "carla@example.nl")

    assert carla.get(f"/desk/calls/{sid}/hand-over").status_code == 404
    assert posted(carla, token, f"/desk/calls/{sid}/transfer", to="bram")[0] == 404
