"""What stands beside a call: how it is wrapped up, what helps to note it, what went before."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

import config
from app.beside import answers, first_contact
from app.db import transaction
from app.forgetting import retention
from app.records.agents import DeskEvent, Role
from app.records.beside import Ask, Cause, TeamAnswer, WrapUp
from app.records.callers import Contact
from app.records.messages import Message
from tests import factories
from tests.desk import office
from tests.desk.test_agreed import anna, in_talk, promise  # noqa: F401  # a fixture
from tests.desk.test_desk_pages import ask, seen
from tests.factories import ADA

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def lists(flask_app: Flask) -> None:
    """What the team keeps for its desk."""
    now = datetime.now(UTC)
    with transaction() as session:
        session.add(Cause(key="brief", name="Brief onduidelijk", owner="Communicatie"))
        session.add(Cause(key="oud", name="Oude oorzaak", owner="Niemand", enabled=False))
        for key, team, title, body in (
            ("woz", "", "Bezwaar tegen de WOZ-waarde", "Zes weken na de aanslag, met het formulier."),
            ("afval", "", "Wanneer wordt het grofvuil opgehaald", "Op afspraak, binnen een week."),
            ("geheim", "elders", "Bezwaar van een ander team", "Gaat anna niets aan."),
        ):
            answers.write(session, key, team=team, title=title, body=body, now=now)


def noted(client: FlaskClient, sid: str, **form: str) -> int:
    return ask(client, f"/desk/calls/{sid}/notes", **form)[0]


def card(client: FlaskClient, sid: str) -> str:
    return client.get(f"/desk/calls/{sid}/card").text


@pytest.mark.usefixtures("lists")
def test_a_conversation_is_wrapped_up_with_a_cause_and_a_next_step(
    anna: FlaskClient,  # noqa: F811
    settings: config.Settings,
) -> None:
    sid = in_talk(settings)

    assert "Brief onduidelijk · Communicatie" in card(anna, sid)
    assert "Oude oorzaak" not in card(anna, sid)
    assert (
        noted(anna, sid, outcome="solved", summary="x", cause="brief", next_step=" Terugbellen  na taxatie ")
        == 200
    )
    assert noted(anna, sid, outcome="solved", summary="xy") == 200, "an older page knows of neither"
    office.hang_up(settings, sid)

    with transaction() as session:
        row = session.get_one(WrapUp, (sid, "anna"))
        assert (row.outcome, row.case, row.cause, row.next_step) == (
            "solved",
            "Z1",
            "brief",
            "Terugbellen na taxatie",
        )
        found = first_contact.figures(session, row.at - HOUR, row.at + HOUR, row.at + 8 * DAY)
        assert (found.fixed, found.share, found.causes[0].owner) == (1, 1.0, "Communicatie")
        contact = session.scalars(select(Contact).where(Contact.key == f"call:{sid}")).one()
        session.add(
            Contact(
                key="later",
                case="Z1",
                agent="anna",
                channel="call",
                direction="inbound",
                started_at=contact.started_at + DAY,
            )
        )
        session.flush()
        came_back = first_contact.figures(session, row.at - HOUR, row.at + HOUR, row.at + 8 * DAY)
        assert (came_back.fixed, came_back.came_back) == (0, 1)


@pytest.mark.usefixtures("lists")
def test_what_is_wrong_with_a_wrap_up_is_said_and_nothing_is_lost(
    anna: FlaskClient,  # noqa: F811
    settings: config.Settings,
) -> None:
    sid = in_talk(settings)

    status, said = ask(anna, f"/desk/calls/{sid}/notes", outcome="", summary="", cause="bestaat-niet")
    assert (status, "Kies een oorzaak uit de lijst" in said) == (422, True)
    status, said = ask(anna, f"/desk/calls/{sid}/notes", outcome="", summary="", next_step="x" * 121)
    assert (status, "120 tekens" in said) == (422, True)


@pytest.mark.usefixtures("lists")
def test_beside_a_note_stand_a_draft_the_teams_habit_and_its_answers(
    anna: FlaskClient,  # noqa: F811
    settings: config.Settings,
) -> None:
    for number in range(6):
        before = in_talk(settings)
        step = "Terugbellen na taxatie" if number < 4 else f"Iets anders {number}"
        noted(anna, before, outcome="waiting", summary="x", cause="brief", next_step=step)
        office.hang_up(settings, before)
        assert ask(anna, "/desk/wrap-up", what="done")[0] == 200
    sid = in_talk(settings)
    promise(anna, sid, 2 * HOUR)

    status, html = ask(
        anna,
        f"/desk/calls/{sid}/suggested",
        outcome="promise_made",
        cause="brief",
        next_step="",
        summary="Wil bezwaren maken tegen de aanslag",
    )
    words = seen(html)

    assert status == 200
    assert "4 van de 6 keer deed uw team hierna: Terugbellen na taxatie" in words
    assert "Oorzaak: Brief onduidelijk. Er is iets beloofd. Afgesproken: we bellen" in words
    assert "Bezwaar tegen de WOZ-waarde" in words
    assert "grofvuil" not in words
    assert "ander team" not in words
    stranger = anna.post("/desk/calls/CAother/suggested", headers={"X-Requested-With": "fetch"})
    assert stranger.status_code in (400, 404)


def test_answers_are_found_by_what_words_begin_with_and_what_is_removed_never_is(flask_app: Flask) -> None:
    now = datetime.now(UTC)
    with transaction() as session:
        made = answers.write(session, "k", team="", title="Paspoort kwijt", body="Doe aangifte.", now=now)
        assert [one.key for one in answers.find(session, "mevrouw is haar paspoorten kwijt", "x")] == ["k"]
        for nothing in ("\"); -- OR * NEAR(' & | !", "de en het", ""):
            assert list(answers.find(session, nothing, "x")) == []
        answers.write(session, "k", team="", title="Rijbewijs verlopen", body="Vraag het aan.", now=now)
        assert list(answers.find(session, "paspoort aangifte", "x")) == []
        assert [one.key for one in answers.find(session, "rijbewijs", "x")] == ["k"]
        session.delete(made)
        session.flush()
        assert list(answers.find(session, "rijbewijs", "x")) == []


def test_contacts_messages_and_promises_stand_in_one_line_of_time(
    anna: FlaskClient,  # noqa: F811
    settings: config.Settings,
) -> None:
    now = datetime.now(UTC)
    with transaction() as session:
        for days, words in ((9, "Eerste gesprek"), (7, "Tweede gesprek"), (1, "Laatste gesprek")):
            session.add(
                Contact(
                    key=f"c{days}",
                    case="Z1",
                    agent="anna",
                    channel="visit",
                    direction="inbound",
                    started_at=now - days * DAY,
                    seconds=60,
                    summary=words,
                )
            )
        for sid, agent, team, words in (
            ("SM1", "anna", "", "Komt u nog?"),
            ("SM2", "ben", "elders", "Aan een ander team"),
        ):
            session.add(
                Message(
                    sid=sid,
                    direction="inbound",
                    channel="sms",
                    number=ADA,
                    line="+31200000000",
                    body=words,
                    customer="K1",
                    agent=agent,
                    team=team,
                    status="received",
                    at=now - 8 * DAY,
                    handled_at=now,
                )
            )
    sid = in_talk(settings)
    promise(anna, sid, 2 * HOUR)

    line = re.findall(r'<li data-kind="(\w+)">', card(anna, sid))
    words = seen(card(anna, sid))

    assert {*line} == {"promise", "message", "contact"}
    assert words.index("beloofd:") < words.index("Tweede gesprek") < words.index("Komt u nog?")
    assert words.index("Komt u nog?") < words.index("Eerste gesprek")
    assert "Aan een ander team" not in words


def test_causes_and_answers_are_kept_on_a_page_and_over_the_api(
    flask_app: Flask,
    client: FlaskClient,
) -> None:
    with transaction() as session:
        office.user(session, None, Role.ADMIN)
    token = office.sign_in(client, "admin@example.nl")
    html = {"X-CSRF-Token": token, "Origin": "http://localhost"}

    made = client.post(
        "/admin/lists/causes",
        data={"name": "Brief", "owner": "Post", "enabled": "yes", "position": "2"},
        headers=html,
    )
    refused = client.post("/admin/lists/causes", data={"name": "Zonder proces", "owner": " "}, headers=html)
    misplaced = client.post(
        "/admin/lists/causes", data={"name": "Brief", "owner": "Post", "position": "eerst"}, headers=html
    )
    client.post("/admin/lists/answers", data={"title": "Titel", "body": "Tekst"}, headers=html)

    assert made.status_code == 303
    assert refused.status_code == 422
    assert 'value="Zonder proces"' in refused.text
    assert misplaced.status_code == 422
    assert 'value="eerst" aria-invalid="true"' in misplaced.text
    with transaction() as session:
        [cause] = session.scalars(select(Cause))
        [answer] = session.scalars(select(TeamAnswer))
        key, id_ = answer.key, cause.key
        assert (cause.name, cause.owner, cause.position, cause.enabled) == ("Brief", "Post", 2, True)
    client.post("/admin/lists/answers", data={"key": key, "what": "remove"}, headers=html)
    client.post("/admin/lists/causes", data={"key": id_, "name": "Brief", "owner": "Post"}, headers=html)
    page = seen(client.get("/admin/lists").text)
    assert "Titel" not in page
    with transaction() as session:
        assert session.get_one(Cause, id_).enabled is False


def test_the_crm_is_linked_to_by_a_template_that_was_checked() -> None:
    def problems(url: str) -> list[str]:
        try:
            config.load({"ENV": "test", "CRM_URL": url})
        except config.ConfigurationError as error:
            return error.problems
        return []

    work = config.load({"ENV": "test", "CRM_URL": "https://crm.example.nl/z/{case}?k={customer}"}).work

    assert work.link_to("Z 1/2", "K&1") == "https://crm.example.nl/z/Z%201%2F2?k=K%261"
    assert work.link_to("Z1", None) == ""
    for wrong in (
        "http://crm.example.nl/{case}",
        "javascript:alert({case})",
        "https://{case}.example.nl/",
        "https://crm.example.nl/{number}",
        "https://crm.example.nl/",
        "https://crm.example.nl/{case}}",
        "https://name:word@crm.example.nl/{case}",
    ):
        assert [one for one in problems(wrong) if one.startswith("CRM_URL: ")], wrong
    assert problems("https://x.nl/{case}") == []


def test_a_colleague_is_asked_in_a_line_and_nothing_of_it_stays(
    anna: FlaskClient,  # noqa: F811
    flask_app: Flask,
    settings: config.Settings,
) -> None:
    with transaction() as session:
        for key in ("ben", "carla"):
            factories.agent(session, key, available=False)
            office.user(session, key)
    ben, carla = flask_app.test_client(), flask_app.test_client()
    office.sign_in(ben, "ben@example.nl")
    office.sign_in(carla, "carla@example.nl")
    sid = in_talk(settings)

    for to, text in (("", "Kun jij?"), ("anna", "Kun jij?"), ("ben", " "), ("ben", "x" * 301)):
        assert ask(anna, f"/desk/calls/{sid}/ask", to=to, text=text)[0] == 422
    for _ in range(2):
        assert ask(anna, f"/desk/calls/{sid}/ask", to="ben", text="Kun jij deze nemen?")[0] == 200
    with transaction() as session:
        [asked] = session.scalars(select(Ask))
        number = asked.id

    assert "Anna Jansen vraagt u: “Kun jij deze nemen?” Zaak Z1" in seen(ben.get("/desk/asks").text)
    assert "Ada" not in ben.get("/desk/asks").text
    assert seen(carla.get("/desk/asks").text).strip() == ""
    assert ask(carla, f"/desk/asks/{number}", answer="yes")[0] == 404
    assert ask(ben, f"/desk/asks/{number}", answer="misschien")[0] == 422
    assert ask(ben, f"/desk/asks/{number}", answer="yes")[0] == 204
    assert "Kun jij deze nemen?” Zaak Z1 Ja" in seen(anna.get("/desk/asks").text)
    with transaction() as session:
        told = select(DeskEvent.agent).where(DeskEvent.kind == "ask").order_by(DeskEvent.agent)
        assert [*session.scalars(told)] == ["anna", "anna", "ben", "ben"]

    assert forget_asks(HOUR) == 0, "while it goes on it stays"
    assert forget_asks(2 * DAY) == 0
    office.hang_up(settings, sid)
    assert (forget_asks(HOUR), forget_asks(2 * DAY)) == (0, 1)


def forget_asks(after: timedelta) -> int:
    now = datetime.now(UTC) + after
    [old] = [one for one in retention.everything(config.Keep(), now) if one.name == "asks"]
    with transaction() as session:
        return old.some(session, now)
