"""Is a caller whose line drops rung back by the same agent, without doing anything?"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import db
from app.deployment import Deployment
from app.jobs import callbacks as jobs
from app.jobs import sweep
from app.records.agents import Activity
from app.records.calls import Call, CallState, Outcome
from app.records.promises import AttemptOutcome, Promise, PromiseAttempt, PromiseState
from config import Settings
from tests import town
from tests.desk import office
from tests.factories import ADA
from tests.telephone import Another, Line


@pytest.fixture
def call(flask_app: Flask, another: Another) -> Line:
    """Ada talks with Anna."""
    town.settle()
    call = another().comes_in().talks()
    assert town.call(call.sid).state == CallState.TALKING
    return call


@pytest.fixture
def deployment(settings: Settings) -> Deployment:
    return Deployment.of(settings)


def rung() -> list[tuple[str, str]]:
    """Who was taken to ring whom back."""
    with db.transaction() as session:
        tried = session.scalars(select(PromiseAttempt).order_by(PromiseAttempt.id))
        return [(one.agent, one.number) for one in tried]


def works_off(deployment: Deployment, *, seconds_later: float) -> int:
    """What a worker does so much later; desks show signs of life until then."""
    then = datetime.now(UTC) + timedelta(seconds=seconds_later)
    sweep.end_wrap_ups(then)
    return jobs.work_off(deployment, then)


def the_agents_leg_fails(call: Line) -> None:
    call.dial_ends("failed", DialBridged="true", DialCallDuration="40")
    assert call.said == "De verbinding viel weg. Anna belt u zo terug, op het nummer waarmee u nu belt."
    assert call.verbs == ["Say", "Hangup"]
    call.hangs_up()


def the_agents_leg_is_said_to_have_failed(call: Line) -> None:
    call.leg("failed")
    call.dial_ends("completed", DialBridged="true", DialCallDuration="40")
    assert "Anna belt u zo terug" in call.said
    call.hangs_up()


def the_callers_own_leg_fails(call: Line) -> None:
    call.post("/voice/status", CallStatus="failed")
    call.dial_ends("completed", CallStatus="failed", DialBridged="true", DialCallDuration="40")


@pytest.mark.parametrize(
    "ends", [the_agents_leg_fails, the_agents_leg_is_said_to_have_failed, the_callers_own_leg_fails]
)
def test_a_line_that_the_carrier_says_has_failed_is_rung_back_at_once(
    call: Line, deployment: Deployment, ends: Callable[[Line], None]
) -> None:
    ends(call)

    assert (town.call(call.sid).state, town.call(call.sid).outcome) == (CallState.ENDED, Outcome.TALKED)
    [promise] = town.promises()
    assert (promise.agent, promise.number, promise.case) == ("anna", ADA, "Z1")
    assert works_off(deployment, seconds_later=6) == 1, "no wrap-up: it isn't over"
    assert rung() == [("anna", ADA)]
    assert town.pops("anna")[-1] != call.sid, "the card of the callback is on her desk"


def test_a_hidden_caller_whose_line_failed_stands_on_the_agents_list(
    flask_app: Flask, another: Another
) -> None:
    town.settle()
    call = another(from_="anonymous").comes_in().talks()
    spoke_to = town.call(call.sid).bridged_to

    call.dial_ends("failed", DialBridged="true", DialCallDuration="40")

    assert "viel weg, en dit nummer kunnen we niet terugbellen. Belt u ons alstublieft nog eens." in call.said
    [promise] = town.promises()
    assert (promise.agent, promise.number, promise.next_at) == (spoke_to, None, None)
    assert town.presence(str(spoke_to)).activity == Activity.WRAPPING_UP


def test_who_just_puts_the_telephone_down_is_not_rung_back(call: Line, deployment: Deployment) -> None:
    call.dial_ends("completed", DialBridged="true", DialCallDuration="40")
    call.hangs_up()

    assert town.promises() == []
    assert town.presence("anna").activity == Activity.WRAPPING_UP


def test_an_agent_says_with_one_press_that_the_line_dropped(
    call: Line, client: FlaskClient, deployment: Deployment
) -> None:
    with db.transaction() as session:
        for key in ("anna", "bram"):
            office.user(session, key)
    token = office.sign_in(client, "anna@example.nl")
    press = {"data": {"csrf": token}}
    path = f"/desk/calls/{call.sid}/dropped"
    assert client.post(path, **press).status_code == 422, "it is going on"
    call.dial_ends("completed", DialBridged="true", DialCallDuration="40")
    call.hangs_up()
    assert path in client.get(f"/desk/calls/{call.sid}/card").text

    assert [client.post(path, **press).status_code for _ in range(2)] == [303, 303]

    assert path not in client.get(f"/desk/calls/{call.sid}/card").text, "once is enough"
    assert jobs.work_off(deployment, datetime.now(UTC)) == 1
    assert rung() == [("anna", ADA)]
    with client.session_transaction() as visit:
        visit.clear()
    token = office.sign_in(client, "bram@example.nl")
    assert client.post(path, data={"csrf": token}).status_code == 404, "it was never his"


def test_it_is_too_late_to_say_so_when_the_call_is_long_over(call: Line, client: FlaskClient) -> None:
    call.dial_ends("completed", DialBridged="true", DialCallDuration="40")
    call.hangs_up()
    with db.transaction() as session:
        session.get_one(Call, call.sid).ended_at = datetime.now(UTC) - timedelta(minutes=20)
        office.user(session, "anna")
    token = office.sign_in(client, "anna@example.nl")

    assert client.post(f"/desk/calls/{call.sid}/dropped", data={"csrf": token}).status_code == 422
    assert town.promises() == []


def test_a_callback_whose_line_fails_is_tried_again_at_once(call: Line, deployment: Deployment) -> None:
    the_agents_leg_fails(call)
    works_off(deployment, seconds_later=6)
    with db.transaction() as session:
        name = session.scalars(select(PromiseAttempt.call_sid)).one()
    for what, fields in (
        ("picked-up", {}),
        ("customer", {"CallStatus": "in-progress", "CallSid": "CA" + "c" * 32}),
        ("ended", {"DialCallStatus": "failed", "DialBridged": "true", "DialCallDuration": "30"}),
    ):
        call.post(f"/voice/callbacks/{name}/{what}", **fields)

    assert call.said.startswith("De verbinding viel weg.")
    with db.transaction() as session:
        assert session.scalars(select(PromiseAttempt.outcome)).all() == [AttemptOutcome.DROPPED]
        promise = session.scalars(select(Promise)).one()
        assert (promise.state, promise.tries) == (PromiseState.DUE, 0)
    assert works_off(deployment, seconds_later=12) == 1
    assert rung() == [("anna", ADA)] * 2
