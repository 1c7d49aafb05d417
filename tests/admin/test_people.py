"""Can an admin say who works here, who is away and who may sign in, and is nobody locked out by it?"""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app import db
from app.agents import absences, presence
from app.records.access import AccessEvent, AccessKind, UserSession
from app.records.agents import Agent, Intent, Presence, Reach, Role, User
from app.records.lines import Line
from tests import factories
from tests.desk import office
from tests.factories import LINE

HTML = {"Accept": "text/html"}
ANNA = "/admin/people/agents/anna"
FORM = {
    "name": "Anna Bakker",
    "spoken_name": "Anneke",
    "team": "Balie",
    "phone": "06 12345678",
    "email": "anna@example.nl",
    "language": "nl",
}


def now() -> datetime:
    return datetime.now(UTC)


def on(days: int = 0) -> date:
    """Return the day that is so many days from today."""
    return now().date() + timedelta(days=days)


@pytest.fixture(autouse=True)
def town(flask_app: Flask) -> None:
    with db.transaction() as session:
        factories.line(session, hours="Mo-Su,PH 09:00-17:00").timezone = "UTC"
        # Where it is another day already, an absence of today would be of yesterday.
        factories.line(session, "+31207654322", team=FORM["team"]).timezone = "UTC"
        for key in ("anna", "bram"):
            factories.agent(session, key)
        office.user(session, "anna")
        for role in (Role.ADMIN, Role.SUPERVISOR, Role.AUDITOR):
            office.user(session, None, role)


@pytest.fixture
def token(client: FlaskClient) -> str:
    return office.sign_in(client, "admin@example.nl")


def post(client: FlaskClient, token: str, path: str, **fields: str) -> TestResponse:
    return client.post(path, data={"csrf": token, **fields}, headers=HTML)


def agent(key: str = "anna") -> Agent:
    with db.reading() as session:
        return session.get_one(Agent, key)


def status(key: str = "anna") -> Presence:
    with db.reading() as session:
        return session.get_one(Presence, key)


def user(email: str) -> User | None:
    with db.reading() as session:
        return session.get(User, email)


@pytest.mark.parametrize("who", ["anna", "supervisor", "auditor"])
@pytest.mark.parametrize("path", ["/admin/people", "/admin/people/new", ANNA, "/admin/people/accounts"])
def test_people_are_the_admins_alone(client: FlaskClient, who: str, path: str) -> None:
    office.sign_in(client, f"{who}@example.nl")
    assert client.get(path, headers=HTML).status_code == 403


def test_an_agent_is_changed_and_a_new_one_can_be_rung(client: FlaskClient, token: str) -> None:
    assert post(client, token, ANNA, **FORM).status_code == 303
    anna = agent()
    assert (anna.spoken_name, anna.team, anna.phone) == ("Anneke", "Balie", "+31612345678")

    made = post(client, token, "/admin/people", agent="clara", **FORM | {"phone": ""})
    assert made.headers["Location"].startswith("/admin/people/agents/clara")
    assert status("clara").intent == Intent.OFF
    again = post(client, token, "/admin/people", agent="clara", **FORM)
    assert again.status_code == 422
    assert "is er al" in again.text


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("phone", LINE, "lijn"),
        ("phone", "0900 1234", ""),
        ("phone", "geen", "telefoonnummer"),
        ("email", "anna", "e-mailadres"),
        ("team", "", "ontbreekt"),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(
    client: FlaskClient, token: str, field: str, value: str, complaint: str
) -> None:
    answer = post(client, token, ANNA, **FORM | {field: value})
    assert answer.status_code == 422
    assert f'id="{field}-wrong"' in answer.text
    assert complaint in answer.text
    assert "Anneke" in answer.text
    assert agent().spoken_name != "Anneke"


def test_people_are_found_by_name_and_team_and_who_left_is_left_out(client: FlaskClient, token: str) -> None:
    with db.transaction() as session:
        session.get_one(Agent, "bram").enabled = False
        factories.agent(session, "c_ara")

    def shown(query: str) -> set[str]:
        return set(re.findall(r"/admin/people/agents/(\w+)", client.get(f"/admin/people?{query}").text))

    assert shown("") == {"anna", "c_ara"}
    assert shown("left=yes") == {"anna", "bram", "c_ara"}
    assert shown("q=ANNA") == {"anna"}
    assert shown("q=_") == {"c_ara"}
    assert shown("team=Elders") == set()
    assert client.get("/admin/people?q=%00&team=%00").status_code < 500


def test_a_team_without_anybody_is_warned_of_and_leads_to_the_mend(client: FlaskClient, token: str) -> None:
    with db.transaction() as session:
        session.get_one(Line, LINE).team = "Bouwzaken"
    page = client.get("/admin/people", headers=HTML).text
    assert "in team “Bouwzaken” zit niemand" in page
    assert "/admin/people/new?team=Bouwzaken" in page


# --- away ---------------------------------------------------------------------------------------------


def absent(client: FlaskClient, token: str, first: object, last: object = "") -> TestResponse:
    return post(client, token, f"{ANNA}/absence", absent_from=str(first), absent_until=str(last))


def test_who_is_absent_from_today_is_rung_no_more_and_callers_hear_when_they_are_back(
    client: FlaskClient, token: str
) -> None:
    with db.transaction() as session:
        presence.set_intent(session, "anna", Intent.AVAILABLE, now())
    assert absent(client, token, on(), on(2)).status_code == 303

    back_at = datetime.combine(on(3), datetime.min.time(), UTC).replace(hour=9)
    assert (status().intent, status().intent_why, status().back_at) == (Intent.OFF, "absent", back_at)
    assert "is nu afwezig" in client.get(ANNA, headers=HTML).text
    assert re.search(r"tot en met \w\w \d+ \w+", client.get("/admin/people", headers=HTML).text)


def test_an_absence_begins_on_its_day_and_who_comes_in_all_the_same_is_there(
    client: FlaskClient, token: str
) -> None:
    with db.transaction() as session:
        presence.set_intent(session, "anna", Intent.AVAILABLE, now())
    absent(client, token, on(1))
    assert status().intent == Intent.AVAILABLE

    tomorrow = now() + timedelta(days=1)
    with db.transaction() as session:
        assert absences.keep(session, tomorrow) == 1
    assert status().intent == Intent.OFF
    with db.transaction() as session:
        presence.set_intent(session, "anna", Intent.AVAILABLE, tomorrow)
        assert absences.keep(session, tomorrow) == 0
    assert status().intent == Intent.AVAILABLE


@pytest.mark.parametrize(("reach", "then"), [(Reach.PHONE, Intent.AVAILABLE), (Reach.DESK, Intent.OFF)])
def test_who_has_no_desk_to_say_so_is_back_by_themselves(
    client: FlaskClient, token: str, reach: Reach, then: Intent
) -> None:
    post(client, token, ANNA, **FORM)
    with db.transaction() as session:
        presence.set_intent(session, "anna", Intent.AVAILABLE, now(), reach=reach)
    absent(client, token, on())
    with db.transaction() as session:
        assert absences.keep(session, now()) == 0
        assert absences.keep(session, now() + timedelta(days=1)) == 1
        assert absences.keep(session, now() + timedelta(days=1)) == 0
    assert (status().intent, agent().absent_until) == (then, None)


def test_an_absence_ends_when_somebody_says_so(client: FlaskClient, token: str) -> None:
    absent(client, token, on(), on(9))
    post(client, token, f"{ANNA}/absence", ends="yes")
    assert (agent().absent_from, agent().absent_until, status().intent_why) == (None, None, "agent")


def test_an_absence_that_began_goes_on_until_another_day(client: FlaskClient, token: str) -> None:
    absent(client, token, on(), on(2))
    assert absent(client, token, "", on(5)).status_code == 303
    back_at = status().back_at
    assert back_at
    assert back_at.date() == on(6)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (-9, -5),
        (0, -1),
        (0, 800),
        ("5 mei", ""),
        ("", 0),
    ],
)
def test_an_absence_that_makes_no_sense_is_refused(
    client: FlaskClient, token: str, first: object, last: object
) -> None:
    days = [on(said) if isinstance(said, int) else said for said in (first, last)]
    assert absent(client, token, *days).status_code == 422
    assert agent().absent_until is None


# --- accounts -----------------------------------------------------------------------------------------


def test_an_agent_gets_an_account_and_a_link_that_is_shown_once(client: FlaskClient, token: str) -> None:
    given = post(
        client, token, "/admin/people/accounts", agent="bram", account="Bram@Example.nl", role="agent"
    )

    [link] = re.findall(r'value="https?://[^/"]+(/login/password/[^"]+)"', given.text)
    assert client.application.test_client().get(link).status_code == 200
    bram = user("bram@example.nl")
    assert bram
    assert (bram.role, bram.agent) == (Role.AGENT, "bram")
    assert "/login/password" not in client.get("/admin/people/agents/bram", headers=HTML).text
    twice = post(
        client, token, "/admin/people/accounts", agent="bram", account="anna@example.nl", role="agent"
    )
    assert twice.status_code == 422
    assert "heeft al een account" in twice.text


def test_where_one_signs_in_elsewhere_there_is_no_link_and_nobody_can_guess_the_password(
    client: FlaskClient, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = client.application.config
    with monkeypatch.context() as elsewhere:
        elsewhere.setitem(config, "SETTINGS", replace(config["SETTINGS"], passwords=False))
        given = post(client, token, "/admin/people/accounts", account="new@example.nl", role="auditor")
    assert given.status_code == 200
    assert "/login/password" not in given.text
    stranger = client.application.test_client()
    for guess in ("", "the account that nobody has"):
        assert office.try_password(stranger, "new@example.nl", guess).status_code == 401


def test_another_role_ends_what_was_open_and_is_written_down(client: FlaskClient, token: str) -> None:
    other = client.application.test_client()
    office.sign_in(other, "supervisor@example.nl")

    post(client, token, "/admin/people/accounts/role", account="supervisor@example.nl", role="auditor")

    found = user("supervisor@example.nl")
    assert found
    assert found.role == Role.AUDITOR
    assert other.get("/admin/promises", headers=HTML).status_code != 200
    with db.reading() as session:
        assert not session.scalars(
            select(UserSession).where(UserSession.email == "supervisor@example.nl")
        ).all()
        event = session.scalars(
            select(AccessEvent).where(AccessEvent.kind == AccessKind.ACCESS_CHANGED)
        ).one()
    assert (event.email, event.about) == ("supervisor@example.nl", "auditor")


def test_no_address_of_ours_holds_an_address_of_somebodys(client: FlaskClient, token: str) -> None:
    page = client.get("/admin/people", headers=HTML).text
    assert not re.search(r'href="[^"]*@', page)
    [mark] = re.findall(r'/admin/people/accounts/(\w+)">supervisor@', page)
    assert "supervisor@example.nl" in client.get(f"/admin/people/accounts/{mark}", headers=HTML).text
    assert client.get("/admin/people/accounts/0000", headers=HTML).status_code == 404
    changed = post(
        client, token, "/admin/people/accounts/role", account="supervisor@example.nl", role="auditor"
    )
    assert changed.headers["Location"] == f"/admin/people/accounts/{mark}?saved=1"


def test_nobody_takes_their_own_role_away_nor_gives_a_desk_to_who_has_none(
    client: FlaskClient, token: str
) -> None:
    own = post(client, token, "/admin/people/accounts/role", account="admin@example.nl", role="auditor")
    assert own.status_code == 422
    desk = post(client, token, "/admin/people/accounts/role", account="supervisor@example.nl", role="agent")
    assert desk.status_code == 422
    admin = user("admin@example.nl")
    assert admin
    assert admin.role == Role.ADMIN


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/admin/people/accounts", {"account": "x@example.nl", "role": "king"}),
        ("/admin/people/accounts", {"account": "nobody", "role": "auditor"}),
        ("/admin/people/accounts", {"account": "x@example.nl", "role": "agent"}),
        ("/admin/people/accounts", {"account": "x@example.nl", "role": "agent", "agent": "zoe"}),
        ("/admin/people/accounts/role", {"account": "zoe@example.nl", "role": "auditor"}),
        ("/admin/people/accounts/invite", {"account": "zoe@example.nl"}),
        ("/admin/people", {"agent": "a\x00", "name": "\x00"}),
    ],
)
def test_what_makes_no_sense_of_an_account_is_no_error_of_ours(
    client: FlaskClient, token: str, path: str, fields: dict[str, str]
) -> None:
    assert post(client, token, path, **fields).status_code in {400, 404, 422}
