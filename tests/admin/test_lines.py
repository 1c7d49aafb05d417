"""Can an admin say when a line is open, and is nothing of it lost?"""

import re
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import db
from app.records.agents import Role
from app.records.lines import Line
from tests import factories
from tests.desk import office
from tests.factories import LINE

HTML = {"Accept": "text/html"}
URL = f"/admin/lines/{LINE}"
FORM = {
    "name": "Burgerzaken",
    "team": "Burgerzaken",
    "language": "nl",
    "country": "NL",
    "timezone": "Europe/Amsterdam",
    "hours": "Ma-Vr 9:00 - 17:00\nZa 10:00–14:00; Feestdagen 10:00-12:00",
    "greeting": "Goedemiddag.",
}
IN_A_WEEK = datetime.now(UTC).date() + timedelta(days=7)


@pytest.fixture(autouse=True)
def town(flask_app: Flask) -> None:
    with db.transaction() as session:
        factories.line(session)
        factories.agent(session, "anna")
        office.user(session, "anna")
        for role in (Role.ADMIN, Role.SUPERVISOR, Role.AUDITOR):
            office.user(session, None, role)


@pytest.fixture
def token(client: FlaskClient) -> str:
    return office.sign_in(client, "admin@example.nl")


def stored(number: str = LINE) -> Line:
    with db.reading() as session:
        return session.get_one(Line, number)


def post(client: FlaskClient, token: str, path: str, **fields: str) -> TestResponse:
    return client.post(path, data={"csrf": token, **fields}, headers=HTML)


def a_day(client: FlaskClient, token: str, **fields: str) -> TestResponse:
    return post(client, token, f"{URL}/dates", **{"date": str(IN_A_WEEK), "kind": "closed", **fields})


@pytest.mark.parametrize("who", ["anna", "supervisor", "auditor"])
@pytest.mark.parametrize("path", ["/admin/lines", "/admin/lines/new", URL, "/admin/lines/preview"])
def test_lines_are_the_admins_alone(client: FlaskClient, who: str, path: str) -> None:
    office.sign_in(client, f"{who}@example.nl")
    assert client.get(path, headers=HTML).status_code == 403


def test_a_line_is_changed_in_the_words_of_the_house_and_kept_in_one_notation(
    client: FlaskClient, token: str
) -> None:
    assert post(client, token, URL, **FORM, records_messages="yes").status_code == 303

    line = stored()
    assert line.hours == "Mo-Fr 09:00-17:00; Sa 10:00-14:00; PH 10:00-12:00"
    assert (line.name, line.greeting, line.records_messages) == ("Burgerzaken", "Goedemiddag.", True)
    page = client.get(URL, headers=HTML).text
    assert "Ma-Vr 09:00-17:00; Za 10:00-14:00; Feestdagen 10:00-12:00" in page

    post(client, token, URL, **FORM | {"greeting": ""})
    assert (stored().greeting, stored().records_messages) == ("", False)


def test_a_line_is_made_and_a_known_one_is_not_overwritten_by_that(client: FlaskClient, token: str) -> None:
    made = post(client, token, "/admin/lines", number="020 765 4321", **FORM)
    assert made.headers["Location"].startswith("/admin/lines/+31207654321")
    again = post(client, token, "/admin/lines", number="+31 20 765 43 21", **FORM | {"name": "Anders"})
    assert again.status_code == 422
    assert "is al een lijn" in again.text
    assert stored("+31207654321").name == "Burgerzaken"


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("hours", "Ma-Vr 9-17", "Ma-Vr 9-17"),
        ("hours", "Ma 09:00-12:00; Ma 11:00-15:00", "Ma staat er twee keer"),
        ("timezone", "Europe/Utrecht", "tijdzone"),
        ("country", "Nederland", "land"),
        ("name", "", "ontbreekt"),
        ("name", "x\x00y", ""),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(
    client: FlaskClient, token: str, field: str, value: str, complaint: str
) -> None:
    before = stored().hours
    answer = post(client, token, URL, **FORM | {field: value})

    if answer.status_code == 422:
        assert complaint in answer.text
        assert f'id="{field}-wrong"' in answer.text
        assert "Goedemiddag." in answer.text
        assert stored().hours == before
    else:
        assert not complaint
        assert answer.status_code < 500


def test_the_two_weeks_are_shown_before_anything_is_saved(client: FlaskClient, token: str) -> None:
    before = stored().hours
    a_day(client, token, kind="until", ends="12:00", why="de kerstborrel")
    asked = {"line": LINE, "hours": "Ma-Zo 08:00-16:00", "timezone": "Europe/Amsterdam", "country": "NL"}

    shown = client.get("/admin/lines/preview", query_string=asked).text

    assert shown.count("<li") == 14
    assert '08:00-12:00</span> <span class="quiet">eigen dag: de kerstborrel' in shown
    assert "Zo kan het niet" in client.get("/admin/lines/preview", query_string=asked | {"hours": "x"}).text
    assert (
        "Zo kan het niet" in client.get("/admin/lines/preview", query_string=asked | {"timezone": "x"}).text
    )
    assert stored().hours == before


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"kind": "closed", "why": "de verhuizing"}, "closed | de verhuizing"),
        ({"kind": "until", "ends": "12:00"}, "until 12:00"),
        ({"kind": "from", "begins": "10:30"}, "from 10:30"),
        ({"kind": "between", "begins": "13:00", "ends": "15:00"}, "13:00-15:00"),
        ({"kind": "closed_between", "begins": "13:00", "ends": "15:00"}, "closed 13:00-15:00"),
    ],
)
def test_a_day_of_its_own_is_added_shown_and_taken_out(
    client: FlaskClient, token: str, said: dict[str, str], kept: str
) -> None:
    assert a_day(client, token, **said).status_code == 303
    assert stored().dates == f"{IN_A_WEEK} {kept}"
    page = client.get(URL, headers=HTML).text
    assert ("Wie" in page or "beller hoort" in page) or kept.startswith("13")

    assert post(client, token, f"{URL}/dates/remove", date=str(IN_A_WEEK)).status_code == 303
    assert stored().dates == ""


def test_what_a_caller_hears_on_such_a_day_stands_beside_it(client: FlaskClient, token: str) -> None:
    with db.transaction() as session:
        session.get_one(Line, LINE).hours = "24/7"
    a_day(client, token, why="de kerstborrel")
    assert (
        '<q lang="nl">We zijn nu gesloten vanwege de kerstborrel. We zijn'
        in client.get(URL, headers=HTML).text
    )


@pytest.mark.parametrize(
    "said",
    [
        {"until": str(IN_A_WEEK + timedelta(days=3))},
        {"kind": "until", "ends": "12:00"},
        {"date": str(IN_A_WEEK - timedelta(days=1)), "until": str(IN_A_WEEK + timedelta(days=1))},
    ],
)
def test_a_day_that_stands_there_already_is_refused_with_what_it_says(
    client: FlaskClient, token: str, said: dict[str, str]
) -> None:
    a_day(client, token)
    twice = a_day(client, token, **said)
    assert twice.status_code == 422
    assert re.search(r"er is al “\w\w \d+ \w+\.? \d{4}: dicht”", twice.text)
    assert stored().dates == f"{IN_A_WEEK} closed"


@pytest.mark.parametrize(
    "said",
    [
        *({"date": ""}, {"date": "5 mei"}, {"until": "2020-01-01"}, {"why": "x" * 300}),
        *({"kind": "until"}, {"kind": "until", "ends": "\x00"}),
        {"kind": "between", "begins": "15:00", "ends": "13:00"},
    ],
)
def test_a_day_that_makes_no_sense_is_refused(client: FlaskClient, token: str, said: dict[str, str]) -> None:
    assert a_day(client, token, **said).status_code == 422
    assert stored().dates == ""


def test_a_line_whose_team_has_nobody_is_warned_of(client: FlaskClient, token: str) -> None:
    with db.transaction() as session:
        factories.line(session, "+31207654321", team="burger zaken")
    for path in ("/admin/lines", "/admin/lines/+31207654321"):
        page = client.get(path, headers=HTML).text
        assert "in team “burger zaken” zit niemand" in page
        assert "Wordt “Burgerzaken” bedoeld?" in page
    assert "zit niemand" not in client.get(URL, headers=HTML).text


def test_a_line_that_does_not_exist_is_no_page(client: FlaskClient, token: str) -> None:
    assert client.get("/admin/lines/+31200000000", headers=HTML).status_code == 404
    assert post(client, token, "/admin/lines/+31200000000", **FORM).status_code == 404
    assert post(client, token, "/admin/lines/+31200000000/dates", date="2026-12-24").status_code == 404


def test_who_calls_on_such_a_day_hears_why(client: FlaskClient, token: str) -> None:
    today = datetime.now(UTC).date()
    with db.transaction() as session:
        line = session.get_one(Line, LINE)
        line.timezone, line.hours = "UTC", "24/7"
        line.dates = f"{today} closed | de kerstborrel"
    page = client.get(URL, headers=HTML).text
    assert "vanwege de kerstborrel" in page
