"""Who is asked once more who they are, and does what they wanted come about afterwards?"""

import io
import re
from datetime import timedelta

import pyotp
import pytest
from flask import Flask, Response, request
from flask.testing import FlaskClient
from sqlalchemy import select, update

from app.clock import utcnow
from app.db import transaction
from app.door import authenticators, guessing, sessions, step_up
from app.door.sign_in import require_role
from app.door.step_up import require_fresh
from app.records.access import UserSession
from app.records.agents import Role
from config import Settings
from tests.desk import office
from tests.desk.office import PASSWORD

PAGE = {"Accept": "text/html"}
EMAIL = "admin@example.nl"


@pytest.fixture
def client(flask_app: Flask) -> FlaskClient:
    """An admin's browser; `/exports` and `/erasures` stand for what can't be taken back."""

    @require_role(Role.ADMIN)
    @require_fresh
    def exports() -> Response:
        return Response("the export")

    @require_role(Role.ADMIN)
    @require_fresh
    def erasures() -> Response:
        return Response(f"erased {sorted(request.form.items(multi=True))}")

    flask_app.add_url_rule("/exports", view_func=exports)
    flask_app.add_url_rule("/erasures", view_func=erasures, methods=["POST"])
    with transaction() as session:
        office.user(session, None, Role.ADMIN)
    client = flask_app.test_client()
    office.sign_in(client, EMAIL)
    return client


def wait(minutes: int) -> None:
    at = utcnow() - timedelta(minutes=minutes)
    with transaction() as session:
        session.execute(update(UserSession).values(proven_at=at))


def token(client: FlaskClient) -> str:
    with client.session_transaction() as session:
        return str(session["csrf"])


def fields_of(page: str, form: int = 0) -> list[tuple[str, str]]:
    """Return what a form of the question carries, hidden, of what was filled in before."""
    [*forms] = re.findall(r"<form.*?</form>", page, re.DOTALL)
    return re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', forms[form])


def test_who_signed_in_a_moment_ago_is_not_asked(client: FlaskClient) -> None:
    assert client.get("/exports", headers=PAGE).text == "the export"


def test_later_a_page_opens_after_the_question(client: FlaskClient) -> None:
    wait(6)

    asked = client.get("/exports?since=2026-11-01", headers=PAGE)

    assert (asked.status_code, asked.location) == (303, "/login/again?next=%2Fexports%3Fsince%3D2026-11-01")
    assert "Bent u het nog?" in client.get(asked.location).text
    answered = client.post(asked.location, data={"csrf": token(client), "again_password": PASSWORD})
    assert answered.location == "/exports?since=2026-11-01"
    assert client.get(answered.location).text == "the export"


def test_a_form_is_taken_with_all_that_was_filled_in(client: FlaskClient) -> None:
    wait(6)
    filled_in = {"who": ["K1", "K2"], "why": "“op verzoek” <b>", "csrf": token(client)}

    asked = client.post("/erasures", data=filled_in, headers=PAGE)

    assert asked.status_code == 403
    carried = fields_of(asked.text)
    assert [name for name, _ in carried] == ["csrf", "who", "who", "why"]
    wrong = client.post("/erasures", data={**filled_in, "again_password": "een ander woord"}, headers=PAGE)
    assert (wrong.status_code, fields_of(wrong.text)) == (401, carried)
    assert "Dit wachtwoord klopt niet" in wrong.text
    done = client.post("/erasures", data={**filled_in, "again_password": PASSWORD}, headers=PAGE)
    expected = [("csrf", token(client)), ("who", "K1"), ("who", "K2"), ("why", "“op verzoek” <b>")]
    assert done.text == f"erased {sorted(expected)}"
    # From then on nothing is asked for a while.
    assert client.get("/exports", headers=PAGE).text == "the export"


def test_a_code_of_the_app_will_do_and_counts_once(client: FlaskClient, settings: Settings) -> None:
    secret = authenticators.new_secret()
    now = utcnow()
    with transaction() as session:
        authenticators.add(session, EMAIL, secret, 0, now, settings.all_secret_keys)
        session.execute(update(UserSession).values(proven_by="factor"))
    wait(6)
    code = pyotp.TOTP(secret).at(now)

    done = client.post("/erasures", data={"csrf": token(client), "again_code": code}, headers=PAGE)
    wait(6)
    again = client.post("/erasures", data={"csrf": token(client), "again_code": code}, headers=PAGE)

    assert (done.status_code, again.status_code) == (200, 401)


def test_who_answers_goes_on_under_another_secret_and_the_old_one_is_soon_over(
    client: FlaskClient, flask_app: Flask
) -> None:
    copied = flask_app.test_client()
    cookie = client.get_cookie("rechtdoor")
    assert cookie is not None
    copied.set_cookie("rechtdoor", cookie.value)
    wait(6)

    client.post("/login/again?next=/exports", data={"csrf": token(client), "again_password": PASSWORD})

    # Another window may have just sent it, but it can't do what was asked about.
    assert copied.get("/account").status_code == 200
    assert copied.get("/exports", headers=PAGE).status_code == 303
    with transaction() as session:
        for row in session.scalars(select(UserSession)):
            row.started_at -= sessions.OLD_WORKS_FOR
    assert copied.get("/account").status_code == 401
    assert client.get("/exports", headers=PAGE).text == "the export"


def test_signing_out_ends_the_old_secret_at_once(client: FlaskClient, flask_app: Flask) -> None:
    copied = flask_app.test_client()
    cookie = client.get_cookie("rechtdoor")
    assert cookie is not None
    copied.set_cookie("rechtdoor", cookie.value)
    wait(6)
    client.post("/login/again", data={"csrf": token(client), "again_password": PASSWORD})

    client.post("/logout", data={"csrf": token(client)})

    assert copied.get("/account").status_code == 401


def test_a_proof_is_never_handed_to_the_view(client: FlaskClient) -> None:
    # Answered in another window meanwhile: nothing is asked any more.
    done = client.post("/erasures", data={"csrf": token(client), "again_password": PASSWORD}, headers=PAGE)

    assert PASSWORD not in done.text
    assert "again_" not in done.text


def test_a_script_is_told_where_the_question_is(client: FlaskClient) -> None:
    wait(6)

    refused = client.post("/erasures", data={"csrf": token(client)}, headers={"Accept": "application/json"})

    assert (refused.status_code, refused.get_json()["step_up"]) == (403, step_up.QUESTION)


def test_a_file_is_not_swallowed_but_asked_for_anew(client: FlaskClient) -> None:
    wait(6)
    form = {"csrf": token(client), "file": (io.BytesIO(b"x"), "x.csv")}

    asked = client.post(
        "/erasures", data=form, headers={**PAGE, "Referer": "http://localhost/exports?form=1"}
    )

    assert asked.location == "/login/again?next=%2Fexports%3Fform%3D1"


def test_guessing_at_an_open_desk_is_slowed_down(client: FlaskClient) -> None:
    wait(6)
    guess = {"csrf": token(client), "again_password": "een ander woord"}
    for _ in range(guessing.FREE_FOR_ACCOUNT):
        assert client.post("/erasures", data=guess, headers=PAGE).status_code == 401

    slowed = client.post("/erasures", data={**guess, "again_password": PASSWORD}, headers=PAGE)

    assert slowed.status_code == 429
    assert int(slowed.headers["Retry-After"]) > 0


@pytest.mark.parametrize("next_", ["https://evil.example/", "//evil.example"])
def test_the_question_leads_nowhere_else(client: FlaskClient, next_: str) -> None:
    answered = client.post(
        f"/login/again?next={next_}", data={"csrf": token(client), "again_password": PASSWORD}
    )

    assert answered.location == "/desk"


def test_who_is_not_signed_in_is_asked_for_that_and_who_may_not_is_refused(flask_app: Flask) -> None:
    stranger = flask_app.test_client()

    assert stranger.get("/login/again?next=/account", headers=PAGE).location.startswith("/login?next=")


def test_the_list_of_promises_is_exported_only_by_who_is_there_still(client: FlaskClient) -> None:
    assert client.get("/admin/promises/export.csv", headers=PAGE).mimetype == "text/csv"
    wait(6)

    assert client.get("/admin/promises/export.csv", headers=PAGE).status_code == 303
    assert client.post("/admin/promises/leaver", data={"csrf": token(client)}).status_code == 403
