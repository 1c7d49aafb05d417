"""Can an agent read and answer what customers write, and nobody else's?"""

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

import config
from app.agents import desk_events
from app.callbacks import due
from app.clock import utcnow
from app.db import transaction
from app.deployment import Deployment
from app.records.agents import DeskEvent, Role, User
from app.records.messages import Message, MessageStop
from app.records.promises import Promise, PromiseState
from tests import factories
from tests.desk import office
from tests.factories import ADA, LINE
from tests.telephone import signed

STRANGER = "+31611111112"
SID = "SM" + "a" * 32


@pytest.fixture
def settled(flask_app: Flask) -> None:
    """Anna and Ben of one team, Carla of another; Ada's case is Anna's. It is about noon there."""
    with transaction() as session:
        factories.line(session).timezone = factories.noon_zone(utcnow())
        for key, team in (("anna", "Burgerzaken"), ("ben", "Burgerzaken"), ("carla", "Belastingen")):
            factories.agent(session, key, team=team)
            office.user(session, key)
        factories.customer(session, "K1", ADA, name="Ada <b>Lovelace</b>")
        factories.case(session, "Z1", "K1", handled_by=("ben", "anna"))


def browser(flask_app: Flask, who: str) -> FlaskClient:
    client = flask_app.test_client()
    office.sign_in(client, f"{who}@example.nl")
    return client


@pytest.fixture
def anna(flask_app: Flask, settled: None) -> FlaskClient:
    return browser(flask_app, "anna")


def write(client: FlaskClient, settings: config.Settings, body: str, from_: str = ADA, sid: str = SID) -> str:
    """A customer writes; return the address of the thread."""
    form = MultiDict({"MessageSid": sid, "From": from_, "To": LINE, "Body": body})
    assert signed(client, settings, "/messages/incoming", form).status_code == 200
    return f"/desk/messages/message/{sid}"


def post(client: FlaskClient, path: str, **form: str) -> tuple[int, str]:
    """Post as the desk's script does."""
    with client.session_transaction() as session:
        headers = {"X-CSRF-Token": session["csrf"], "X-Requested-With": "fetch"}
    answer = client.post(path, data=form, headers=headers)
    return answer.status_code, answer.text


def ours() -> list[Message]:
    with transaction() as session:
        found = list(session.scalars(select(Message).where(Message.direction == "outbound")))
        session.expunge_all()
        return found


def heard(agent: str) -> list[str]:
    """What an agent's desk was told of messages, so that what it shows stays true."""
    with transaction() as session:
        wanted = select(DeskEvent.data).where(DeskEvent.agent == agent, DeskEvent.kind == "message")
        return [data["status"] for data in session.scalars(wanted.order_by(DeskEvent.number))]


def test_an_agent_reads_what_was_written_and_answers_it_once(
    anna: FlaskClient, client: FlaskClient, settings: config.Settings
) -> None:
    thread = write(client, settings, "Wat moet ik <i>meenemen</i>?")
    board = anna.get("/desk/board").text
    assert "wacht op uw antwoord" in board
    assert thread in board
    page = anna.get(thread, headers={"X-Requested-With": "fetch"}).text
    assert "&lt;i&gt;meenemen&lt;/i&gt;" in page
    assert "Bericht aan Ada &lt;b&gt;Lovelace&lt;/b&gt;, +31 • ••••••78" in page
    once = re.search(r'name="once" value="(\w+)"', page)
    assert once is not None

    for _ in range(2):  # a second press
        status, answered = post(anna, f"{thread}/answer", body="Uw paspoort.", once=once[1])

    assert status == 200
    [sent] = ours()
    assert (sent.number, sent.line, sent.body, sent.author, sent.case) == (
        ADA,
        LINE,
        "Uw paspoort.",
        "anna",
        "Z1",
    )
    assert "wordt verstuurd" in answered
    assert heard("anna") == ["received", "seen_to"]
    form = MultiDict({"MessageSid": "SM" + "e" * 32, "MessageStatus": "delivered"})
    signed(client, settings, f"/messages/status?message={sent.sid}", form)
    assert heard("anna") == ["received", "seen_to", "delivered"]
    assert "wacht op uw antwoord" not in anna.get("/desk/board").text


def test_without_a_script_the_thread_is_a_page_of_its_own(
    anna: FlaskClient, client: FlaskClient, settings: config.Settings
) -> None:
    thread = write(client, settings, "Hallo?")
    token = office.token_in(anna.get(thread).text)

    refused = anna.post(f"{thread}/answer", data={"csrf": token, "body": "x" * 1559})
    sent = anna.post(f"{thread}/answer", data={"csrf": token, "body": "Goedemiddag"})

    assert (refused.status_code, sent.status_code, sent.location) == (422, 303, thread)
    assert "hoogstens 1558 tekens" in refused.text
    assert "x" * 1559 in refused.text  # nothing of what was typed is lost
    assert [one.body for one in ours()] == ["Goedemiddag"]


@pytest.mark.parametrize(("body", "why"), [("  ", "Schrijf eerst"), ("x" * 1559, "hoogstens 1558")])
def test_what_can_not_be_sent_is_refused_with_a_reason(
    anna: FlaskClient, client: FlaskClient, settings: config.Settings, body: str, why: str
) -> None:
    thread = write(client, settings, "Hallo?")

    status, problem = post(anna, f"{thread}/answer", body=body)

    assert (status, why in problem, ours()) == (422, True, [])


@pytest.mark.parametrize(
    ("from_", "why"), [("PostNL", "geen telefoonnummer"), ("+31201112233", "vast nummer")]
)
def test_whom_no_message_can_reach_is_said_instead_of_a_form(
    anna: FlaskClient, client: FlaskClient, settings: config.Settings, from_: str, why: str
) -> None:
    page = anna.get(write(client, settings, "Uw pakket", from_=from_)).text

    assert why in page
    assert "<textarea" not in page


def test_whoever_wants_no_messages_gets_none_from_an_agent_either(
    anna: FlaskClient, client: FlaskClient, settings: config.Settings
) -> None:
    thread = write(client, settings, "Hallo?")
    with transaction() as session:
        session.add(MessageStop(number=ADA, at=utcnow(), how="asked"))

    assert "wil geen berichten" in anna.get(thread).text
    assert post(anna, f"{thread}/answer", body="Toch nog iets")[0] == 422
    assert ours() == []


def test_a_message_is_only_for_its_agent_and_their_team(
    flask_app: Flask, anna: FlaskClient, client: FlaskClient, settings: config.Settings
) -> None:
    thread = write(client, settings, "Hallo?")
    ben, carla = browser(flask_app, "ben"), browser(flask_app, "carla")

    assert ben.get(thread).status_code == 200
    assert thread not in ben.get("/desk/board").text  # Anna has half an hour
    with transaction() as session:
        session.get_one(Message, SID).at -= timedelta(hours=2)
    assert thread in ben.get("/desk/board").text
    assert thread not in carla.get("/desk/board").text
    for path in (thread, thread.replace(SID, "SM0"), "/desk/messages/promise/1"):
        assert carla.get(path).status_code == 404
    assert post(carla, f"{thread}/answer", body="Ik ook")[0] == 404
    with transaction() as session:
        carla_user = session.scalars(select(User).where(User.agent == "carla")).one()
        carla_user.role, carla_user.teams = Role.SUPERVISOR, ["*"]
    assert thread in carla.get("/desk/board").text


def test_a_message_of_a_stranger_is_everybodys_until_one_has_seen_it(
    flask_app: Flask, anna: FlaskClient, client: FlaskClient, settings: config.Settings
) -> None:
    thread = write(client, settings, "Bent u morgen open?", from_=STRANGER)
    ben = browser(flask_app, "ben")
    assert "antwoord van uw team" in anna.get("/desk/board").text
    assert thread in ben.get("/desk/board").text

    assert post(ben, f"{thread}/seen")[0] == 200

    assert "antwoord van uw team" not in anna.get("/desk/board").text
    assert heard("anna") == heard("ben") == ["received", "seen_to"]
    with transaction() as session:
        assert session.get_one(Message, SID).handled_by == "ben"


def owe() -> int:
    now = utcnow()
    with transaction() as session:
        return factories.promise(
            session, customer="K1", case="Z1", due_at=now + timedelta(hours=1), now=now
        ).id


def test_an_agent_writes_to_whom_they_promised_a_call(anna: FlaskClient) -> None:
    promise = owe()
    assert f"/desk/messages/promise/{promise}" in anna.get("/desk/board").text

    status, _ = post(anna, f"/desk/messages/promise/{promise}/answer", body="Ik heb uw dossier erbij.")

    [sent] = ours()
    assert (status, sent.promise, sent.number) == (200, promise, ADA)


def test_what_did_not_arrive_stands_at_the_desk_with_its_reason(
    anna: FlaskClient, client: FlaskClient, settings: config.Settings
) -> None:
    promise = owe()
    post(anna, f"/desk/messages/promise/{promise}/answer", body="Ik heb uw dossier erbij.")
    [sent] = ours()

    form = MultiDict({"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30003"})
    signed(client, settings, f"/messages/status?message={sent.sid}", form)

    assert "niet aangekomen" in anna.get("/desk/board").text
    assert "staat uit of heeft geen bereik" in anna.get(f"/desk/messages/promise/{promise}").text


def test_a_promise_that_waits_for_a_human_stands_at_the_supervisors_desk(
    flask_app: Flask, anna: FlaskClient, settings: config.Settings
) -> None:
    promise, now = owe(), utcnow()
    with transaction() as session:
        carla_user = session.scalars(select(User).where(User.agent == "carla")).one()
        carla_user.role, carla_user.teams = Role.SUPERVISOR, ["*"]
        owed = session.get_one(Promise, promise)
        owed.number, owed.state = "+31909123456", PromiseState.DUE  # must not be rung
        owed.created_at, owed.due_at = now - timedelta(hours=1), now + timedelta(minutes=10)
    with transaction() as session:
        due.work_off(session, promise, now, Deployment.of(settings))
        told = [event.data for event in desk_events.after(session, "carla", 0) if event.kind == "promise"]
    assert [data["asks_human"] for data in told] == [True]
    carla = browser(flask_app, "carla")

    assert f"/admin/promises/{promise}" in carla.get("/desk/board").text
    assert "Besluit nodig" not in anna.get("/desk/board").text
    assert 'href="/admin/promises"' in carla.get("/desk").text
    assert 'href="/admin/promises"' not in anna.get("/desk").text
