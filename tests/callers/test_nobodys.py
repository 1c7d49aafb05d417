"""What of a number that is nobody's own, such as a switchboard's? It tells nobody, and is never rung."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from app import db
from app.deployment import Deployment
from app.jobs import callbacks as jobs
from app.lines import nobodys
from app.messages import replies
from app.records.agents import Intent
from app.records.lines import Line
from app.records.messages import Message
from app.records.promises import PromiseState
from config import Settings
from tests import factories, town
from tests.api.conftest import Api, errors_of
from tests.api.conftest import api as api
from tests.api.conftest import new_token as new_token
from tests.factories import ADA, LINE
from tests.telephone import Another

HOUR = timedelta(hours=1)


@pytest.fixture
def switchboard(flask_app: Flask) -> None:
    town.settle()
    with db.transaction() as session:
        nobodys.mark(session, ADA, "het stadhuis", datetime.now(UTC))


@pytest.mark.usefixtures("switchboard")
def test_who_rings_with_it_is_an_unknown_caller_whatever_is_owed_there(another: Another) -> None:
    now = datetime.now(UTC)
    with db.transaction() as session:
        factories.promise(session, customer="ada", case="Z1", due_at=now + HOUR, now=now - HOUR)

    call = another(from_=ADA).comes_in().talks()

    stored = town.call(call.sid)
    assert (stored.customer, stored.case, stored.remote_e164) == (None, None, ADA)
    assert [promise.state for promise in town.promises()] == [PromiseState.OPEN], "who talked may be anybody"


@pytest.mark.usefixtures("switchboard")
def test_who_reaches_nobody_is_asked_for_a_number_of_their_own(another: Another) -> None:
    for key in ("anna", "bram", "carla"):
        town.change(key, intent=Intent.BREAK)

    call = another(from_=ADA).comes_in()

    assert "kunnen we niet terugbellen. Noemt u een ander nummer" in call.said
    call.post(call.attribute("Gather", "action"), Digits="0687654321")
    assert [promise.number for promise in town.promises()] == ["+31687654321"]


@pytest.mark.usefixtures("switchboard")
def test_what_was_owed_there_before_is_left_to_a_human(settings: Settings) -> None:
    now = datetime.now(UTC)
    with db.transaction() as session:
        line = session.get_one(Line, LINE)
        line.timezone, line.hours = factories.noon_zone(now), "24/7"  # before eight nobody is rung
        factories.promise(session, due_at=now + HOUR / 4, now=now - HOUR)
    assert jobs.work_off(Deployment.of(settings), now) == 0
    assert [promise.next_at for promise in town.promises()] == [None]


@pytest.mark.usefixtures("switchboard")
def test_what_is_written_from_it_is_read_by_a_human(settings: Settings) -> None:
    now = datetime.now(UTC)
    with db.transaction() as session:
        factories.promise(session, customer="ada", case="Z1", due_at=now + HOUR, now=now - HOUR)
        incoming = replies.IncomingMessage("SM1", ADA, LINE, "laat maar, is opgelost")
        replies.receive(session, incoming, now, Deployment.of(settings))
    with db.reading() as session:
        [message] = session.scalars(select(Message))
        assert (message.customer, message.promise, message.handled_at) == (None, None, None)
    assert [promise.state for promise in town.promises()] == [PromiseState.OPEN]


def test_other_systems_and_operators_say_so_and_take_it_back(
    api: Api, flask_command: Callable[..., Result]
) -> None:
    said = {"nobodys": True, "note": "het stadhuis"}
    assert api.put("/numbers/0612345678", said).json == {"number": ADA} | said
    assert api.get(f"/numbers/{ADA}").json == {"number": ADA} | said
    assert [one["number"] for one in api.get("/numbers").json["items"]] == [ADA]
    assert flask_command("numbers", "list").output == f"{ADA}  het stadhuis\n"
    owed = {"number": ADA, "due_at": "2126-05-01T16:00:00Z", "team": "Balie"}
    assert "somebody's own" in errors_of(api.post("/promises", owed))["number"]

    assert flask_command("numbers", "somebodys", "06-12345678").exit_code == 0
    assert api.get(f"/numbers/{ADA}").json["nobodys"] is False
    assert flask_command("numbers", "nobodys", "06-12345678", "--note", "weer").exit_code == 0
    assert api.put("/numbers/0612345678", {"nobodys": False}).json["nobodys"] is False
    assert api.get("/numbers").json["items"] == []
    assert flask_command("numbers", "nobodys", "12").exit_code != 0
