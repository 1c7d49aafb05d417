"""Does a team read what was written to it, and no other team's? And is every message somebody's?"""

import secrets
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from app import db
from app.clock import utcnow
from app.messages import messages
from app.records.agents import Agent, DeskEvent, Role, User
from app.records.callers import Case, CaseStatus
from app.records.calls import CallStep
from app.records.messages import Message
from app.records.promises import Promise
from config import Settings
from tests import factories
from tests.desk import office
from tests.desk.test_desk_pages import ask, seen
from tests.factories import ADA, LINE
from tests.telephone import signed

TAXES, NOBODYS = "+31201234600", "+31201234700"
STRANGER = "+31611111112"


@pytest.fixture(autouse=True)
def settled(flask_app: Flask) -> None:
    """Anna and Ben at the counter, Carla at the taxes; each team has a line. Sofie supervises."""
    with db.transaction() as session:
        for number, team in ((LINE, "Burgerzaken"), (TAXES, "Belastingen"), (NOBODYS, "Niemand")):
            factories.line(session, number, team=team).timezone = factories.noon_zone(utcnow())
        for key, team in (("anna", "Burgerzaken"), ("ben", "Burgerzaken"), ("carla", "Belastingen")):
            factories.agent(session, key, team=team)
            office.user(session, key)
        factories.agent(session, "sofie", team="Leiding")
        office.user(session, "sofie", Role.SUPERVISOR)
        factories.customer(session, "K1", ADA, name="Ada Lovelace")


@pytest.fixture
def anna(flask_app: Flask) -> FlaskClient:
    return desk(flask_app, "anna")


@pytest.fixture
def carla(flask_app: Flask) -> FlaskClient:
    return desk(flask_app, "carla")


def desk(flask_app: Flask, who: str) -> FlaskClient:
    client = flask_app.test_client()
    office.sign_in(client, f"{who}@example.nl")
    return client


def write(client: FlaskClient, settings: Settings, body: str, to: str, from_: str = ADA) -> str:
    sid = "SM" + secrets.token_hex(16)
    form = MultiDict({"MessageSid": sid, "From": from_, "To": to, "Body": body})
    assert signed(client.application.test_client(), settings, "/messages/incoming", form).status_code == 200
    return sid


def message(sid: str) -> Message:
    with db.reading() as session:
        return session.get_one(Message, sid)


def read(client: FlaskClient, sid: str) -> str:
    answer = client.get(f"/desk/messages/message/{sid}", headers={"X-Requested-With": "fetch"})
    return seen(answer.text) if answer.status_code == 200 else str(answer.status_code)


def told(agent: str) -> list[str]:
    with db.reading() as session:
        events = select(DeskEvent.data).where(DeskEvent.agent == agent, DeskEvent.kind == "message")
        return [data["message_sid"] for data in session.scalars(events)]


def test_what_somebody_wrote_to_one_team_no_other_reads(
    anna: FlaskClient, carla: FlaskClient, settings: Settings
) -> None:
    counter = write(anna, settings, "Waar ligt mijn paspoort?", LINE)
    taxes = write(anna, settings, "Ik kan mijn aanslag niet betalen.", TAXES)

    of_anna, of_carla = read(anna, counter), read(carla, taxes)

    assert ("paspoort" in of_anna, "aanslag" in of_anna) == (True, False)
    assert ("paspoort" in of_carla, "aanslag" in of_carla) == (False, True)
    assert "Er is ook contact geweest met Belastingen" in of_anna
    assert "Er is ook contact geweest met Burgerzaken" in of_carla
    assert (read(anna, taxes), read(carla, counter)) == ("404", "404")
    assert taxes not in anna.get("/desk/board").text
    assert taxes not in told("anna")


def test_who_answers_or_saw_to_it_leaves_what_waits_for_another_team(
    anna: FlaskClient, carla: FlaskClient, settings: Settings
) -> None:
    counter = write(anna, settings, "Waar ligt mijn paspoort?", LINE)
    taxes = write(anna, settings, "Ik kan mijn aanslag niet betalen.", TAXES)

    assert ask(anna, f"/desk/messages/message/{counter}/answer", body="Hier.", once="1")[0] == 200

    assert message(counter).handled_by == "anna"
    assert message(taxes).handled_at is None
    assert taxes in carla.get("/desk/board").text


def test_who_was_spoken_to_by_one_team_still_waits_for_the_other(
    anna: FlaskClient, settings: Settings
) -> None:
    taxes = write(anna, settings, "Ik kan mijn aanslag niet betalen.", TAXES, STRANGER)
    with db.transaction() as session:
        for key in ("anna", "ben"):
            messages.see_to(session, STRANGER, key, utcnow())
    assert message(taxes).handled_at is None


def test_an_answer_leaves_from_the_line_of_the_team_that_gives_it(
    anna: FlaskClient, carla: FlaskClient, settings: Settings
) -> None:
    counter = write(anna, settings, "Waar ligt mijn paspoort?", LINE, STRANGER)
    write(anna, settings, "Ik kan mijn aanslag niet betalen.", TAXES, STRANGER)  # the newest

    ask(anna, f"/desk/messages/message/{counter}/answer", body="Hier.", once="1")

    with db.reading() as session:
        [ours] = session.scalars(select(Message).where(Message.author == "anna"))
    assert (ours.line, ours.team) == (LINE, "Burgerzaken")


def test_whoever_was_asked_by_a_human_answers_that_human_and_nobody_else(
    anna: FlaskClient, carla: FlaskClient, settings: Settings
) -> None:
    """Ada's case is at the counter; what she writes to the taxes, whom she answers, isn't about it."""
    taxes = write(anna, settings, "Ik kan mijn aanslag niet betalen.", TAXES)
    ask(carla, f"/desk/messages/message/{taxes}/answer", body="Hoeveel kunt u missen?", once="1")
    with db.transaction() as session:
        factories.case(session, "Z1", "K1", handled_by=("anna",))

    answer = write(anna, settings, "Vijftig euro per maand.", TAXES)

    assert (message(answer).agent, message(answer).team, message(answer).case) == (
        "carla",
        "Belastingen",
        None,
    )
    assert answer in told("carla")
    assert answer not in told("anna")
    assert "Vijftig euro" in read(carla, answer)
    assert read(anna, answer) == "404"


def test_who_left_is_answered_at_their_team(
    anna: FlaskClient, carla: FlaskClient, settings: Settings
) -> None:
    taxes = write(anna, settings, "Ik kan mijn aanslag niet betalen.", TAXES)
    ask(carla, f"/desk/messages/message/{taxes}/answer", body="Hoeveel kunt u missen?", once="1")
    with db.transaction() as session:
        factories.case(session, "Z1", "K1", handled_by=("anna",))
        session.get_one(Agent, "carla").enabled = False

    answer = message(write(anna, settings, "Vijftig euro per maand.", TAXES))

    assert (answer.agent, answer.team) == (None, "Belastingen")
    assert answer.sid in told("sofie"), "nobody is left in that team, so whoever supervises hears of it"


def test_the_team_whose_case_it_becomes_reads_what_was_written_about_it(
    anna: FlaskClient, carla: FlaskClient, settings: Settings
) -> None:
    with db.transaction() as session:
        factories.case(session, "Z1", "K1", handled_by=("anna",))
    counter = write(anna, settings, "Waar ligt mijn paspoort?", LINE)
    assert read(carla, counter) == "404"

    with db.transaction() as session:
        session.get_one(Case, "Z1").team = "Belastingen"
    assert "paspoort" in read(carla, counter)

    with db.transaction() as session:
        session.get_one(Case, "Z1").status = CaseStatus.SOLVED
    assert read(carla, counter) == "404"


def test_a_supervisor_and_an_admin_read_all_of_them(
    flask_app: Flask, anna: FlaskClient, settings: Settings
) -> None:
    counter = write(anna, settings, "Waar ligt mijn paspoort?", LINE)
    write(anna, settings, "Ik kan mijn aanslag niet betalen.", TAXES)
    for role in (Role.SUPERVISOR, Role.ADMIN):
        with db.transaction() as session:
            session.scalars(select(User).where(User.agent == "sofie")).one().role = role
        both = read(desk(flask_app, "sofie"), counter)
        assert ("paspoort" in both, "aanslag" in both, "ook contact" in both) == (True, True, False)


def test_only_who_may_hand_out_all_of_a_customer_finds_the_way_to_it_on_the_card(
    flask_app: Flask, settings: Settings
) -> None:
    sid = office.call_in(settings, ADA)
    with db.transaction() as session:
        rung = session.scalars(select(CallStep.agent).where(CallStep.call_sid == sid)).one()
    card = f"/desk/calls/{sid}/card"
    assert "/admin/privacy" not in desk(flask_app, str(rung)).get(card).text

    with db.transaction() as session:
        session.scalars(select(User).where(User.agent == rung)).one().role = Role.SUPERVISOR
    assert 'action="/admin/privacy/find" target="_blank"' in desk(flask_app, str(rung)).get(card).text


@pytest.mark.parametrize("to", [NOBODYS, "+31201239999"])
def test_what_is_written_to_a_line_without_people_is_shown_to_who_supervises(
    flask_app: Flask, anna: FlaskClient, settings: Settings, to: str
) -> None:
    sid = write(anna, settings, "Is daar iemand?", to, STRANGER)

    assert sid in told("sofie")
    assert "Is daar iemand?" in read(desk(flask_app, "sofie"), sid)
    if to == "+31201239999":
        assert sid in desk(flask_app, "sofie").get("/desk/board").text
    assert read(anna, sid) == "404"


def test_who_owes_a_call_reads_what_was_written_of_it_and_nothing_else(
    carla: FlaskClient, settings: Settings
) -> None:
    counter = write(carla, settings, "Waar ligt mijn paspoort?", LINE, STRANGER)
    now = utcnow()
    with db.transaction() as session:
        owed = factories.promise(
            session,
            number=STRANGER,
            agent="carla",
            team="Belastingen",
            line=TAXES,
            now=now,
            due_at=now + timedelta(hours=2),
        )
        messages.inform(session, session.get_one(Promise, owed.id), "Carla belt u.", "told", now)
        promise = owed.id

    page = carla.get(f"/desk/messages/promise/{promise}", headers={"X-Requested-With": "fetch"})

    assert ("Carla belt u." in page.text, "paspoort" in page.text) == (True, False)
    assert message(counter).handled_at is None
