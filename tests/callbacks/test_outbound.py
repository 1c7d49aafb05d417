"""What if an agent rings a customer, and the customer rings back? One try, and back to who made it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import db
from app.api import auth
from app.callbacks import outbound
from app.deployment import Deployment
from app.desk.card import RingsFor, card_of
from app.errors import InvalidField, NotNow
from app.records.agents import Intent
from app.records.lines import Line
from app.records.promises import PromiseState
from config import Settings
from tests import town
from tests.api.conftest import Api
from tests.callbacks.test_callbacks import Callback, attempts, noon, owe, stored, why  # noqa: F401  # a fixture
from tests.factories import ADA, BEN, LINE
from tests.telephone import Another


@pytest.fixture
def deployment(settings: Settings) -> Deployment:
    return Deployment.of(settings)


def ring(deployment: Deployment, agent: str = "carla", number: str | None = None) -> str:
    with db.transaction() as session:
        return outbound.of_customer(session, "ada", number, "Z1", agent, datetime.now(UTC), deployment)


def in_vain(client: FlaskClient, settings: Settings, deployment: Deployment) -> int:
    """Carla rings Ada, who doesn't pick up; return the promise that this was kept as."""
    ring(deployment)
    callback = Callback(client, settings, from_=LINE, to=attempts()[-1].address)
    callback.name = attempts()[-1].call_sid
    callback.is_taken()
    assert callback.attribute("Number", "statusCallback")
    assert ADA in callback.raw.decode()
    callback.tell("ended", DialCallStatus="no-answer")
    callback.tell("agent", CallStatus="completed")
    return attempts()[-1].promise


def test_an_agent_is_rung_and_then_the_customer_once_however_often_it_is_asked(
    client: FlaskClient,
    settings: Settings,
    deployment: Deployment,
) -> None:
    first, again = ring(deployment), ring(deployment)

    assert first == again
    [attempt] = attempts()
    assert (attempt.agent, attempt.number) == ("carla", ADA)
    assert town.call(first).line == LINE
    assert town.call(first).case == "Z1"
    with db.reading() as session:
        card = card_of(session, first, "carla", datetime.now(UTC), checked=False)
    # Nobody was promised it: no word of a promise may stand there.
    assert card is not None
    assert card.rings_for == RingsFor.OUTBOUND


def test_a_try_in_vain_is_over_and_who_rings_back_reaches_who_made_it_and_hears_so(
    client: FlaskClient,
    settings: Settings,
    deployment: Deployment,
    another: Another,
) -> None:
    promise = in_vain(client, settings, deployment)
    assert stored(promise).state == PromiseState.WITHDRAWN
    assert why(promise)[-1] == "promise_no_answer"
    town.everybody_free_again()

    caller = another().comes_in()

    assert caller.rings == "client:carla", "though the case is anna's"
    assert "Carla heeft geprobeerd u te bellen." in caller.said
    step = town.steps(caller.sid)[0]
    assert step.reason == "tried_to_reach"
    caller.dial_ends("no-answer")
    assert caller.rings == "client:anna"


def test_once_they_were_spoken_to_nobody_says_again_that_we_tried(
    client: FlaskClient,
    settings: Settings,
    deployment: Deployment,
    another: Another,
) -> None:
    in_vain(client, settings, deployment)
    town.everybody_free_again()
    caller = another().comes_in().talks()
    caller.hangs_up()
    town.everybody_free_again()

    later = another().comes_in()

    assert (later.rings, later.said) == ("client:carla", "")


def test_who_tried_and_is_not_free_is_not_waited_for(
    client: FlaskClient,
    settings: Settings,
    deployment: Deployment,
    another: Another,
) -> None:
    in_vain(client, settings, deployment)
    town.everybody_free_again()
    town.change("carla", intent=Intent.BREAK)

    assert another().comes_in().rings == "client:anna"


@pytest.mark.parametrize(
    ("prepare", "number", "code"),
    [
        (lambda: town.change("carla", intent=Intent.BREAK), None, "agent"),
        (lambda: town.talks_elsewhere("carla"), None, "agent_busy"),
        (lambda: night(), None, "night"),
    ],
)
def test_it_is_said_why_it_can_not_be_now_and_nothing_is_left_behind(
    deployment: Deployment,
    prepare: Callable[[], object],
    number: str | None,
    code: str,
) -> None:
    prepare()

    with pytest.raises(NotNow) as refused:
        ring(deployment, number=number)

    assert refused.value.code == code
    assert town.promises() == []
    assert attempts() == []


def night() -> None:
    """It is three o'clock in the night where the line is."""
    hours = (3 - datetime.now(UTC).hour) % 24
    hours = hours - 24 if hours > 12 else hours
    with db.transaction() as session:
        session.get_one(Line, LINE).timezone = f"Etc/GMT{-hours:+d}" if hours else "Etc/GMT"


@pytest.mark.parametrize("number", [BEN, "+31612121212", "+31900123456"])
def test_nobody_rings_a_number_that_is_not_the_customers(deployment: Deployment, number: str) -> None:
    with pytest.raises(InvalidField) as refused:
        ring(deployment, number=number)

    assert refused.value.field == "number"


def test_a_promise_is_kept_by_who_rings_for_it_now(deployment: Deployment) -> None:
    promise = owe(due_in=timedelta(hours=5))

    with db.transaction() as session:
        sid = outbound.of_promise(session, promise, "carla", datetime.now(UTC), deployment)

    assert stored(promise).state == PromiseState.CALLING
    assert stored(promise).agent == "carla"
    with pytest.raises(NotNow), db.transaction() as session:
        outbound.of_promise(session, promise, "anna", datetime.now(UTC), deployment)
    assert attempts()[-1].call_sid == sid


def test_another_system_has_a_customer_rung_and_hears_why_it_can_not(
    flask_app: Flask, client: FlaskClient
) -> None:
    with db.transaction() as session:
        token = auth.create(session, "desk", "desk", "carla", datetime.now(UTC))
    api = Api(client, token)

    made = api.post("/calls", {"customer": "ada"})
    again = api.post("/calls", {"customer": "ada"})
    both = api.post("/calls", {"customer": "ada", "promise": 1})
    theirs = api.post("/calls", {"customer": "ada", "number": BEN})
    other = api.post("/calls", {"customer": "ada", "agent": "anna"})

    assert made.status_code == 200, made.text
    assert made.json["call_sid"] == again.json["call_sid"]
    assert {"role": "agent", "agent": "carla", "state": "ringing"} in made.json["legs"]
    assert (both.status_code, theirs.status_code, other.status_code) == (422, 422, 403)
