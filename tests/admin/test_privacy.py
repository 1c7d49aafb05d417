"""Can a supervisor take out all of somebody, and have them forgotten, and see that it is done?"""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect
from sqlalchemy import select
from werkzeug.test import TestResponse

from app import db
from app.audit.log import What
from app.jobs import erasures
from app.records.agents import Role
from app.records.audit import AuditPending
from app.records.callers import Customer
from app.records.calls import Call, CallState
from app.records.privacy import Erasure
from tests import factories
from tests.axe import violations
from tests.desk import office
from tests.desk.test_desk_pages import seen
from tests.factories import ADA, BEN, LINE

STRANGER = "+31619283746"
PAGE = "/admin/privacy"


@pytest.fixture(autouse=True)
def people(flask_app: Flask) -> None:
    """Ada and Bea share a number, Ben has his own, and a stranger called."""
    now = datetime.now(UTC)
    with db.transaction() as session:
        factories.line(session)
        factories.agent(session, "anna")
        for role in (Role.SUPERVISOR, Role.ADMIN, Role.AUDITOR):
            office.user(session, None, role)
        office.user(session, "anna")
        factories.customer(session, "K1", ADA, name="Ada Lovelace")
        factories.customer(session, "K2", ADA, name="Bea Lovelace")
        factories.customer(session, "K3", BEN, name="Ben Ito")
        factories.case(session, "Z3", "K3", handled_by=("anna",))
        for sid, number, customer in (("CA1", STRANGER, None), ("CA2", BEN, "K3"), ("CA3", ADA, "K1")):
            made = Call(sid=sid, remote_e164=number, customer=customer, line=LINE, language="nl")
            made.state, made.rule_version, made.created_at, made.ended_at = CallState.ENDED, 1, now, now
            session.add(made)
        factories.promise(session, number=STRANGER, now=now, due_at=now + timedelta(hours=1))


def signed_in(flask_app: Flask, role: str) -> FlaskClient:
    client = flask_app.test_client()
    office.sign_in(client, f"{role}@example.nl")
    return client


@pytest.fixture
def admin(flask_app: Flask) -> FlaskClient:
    return signed_in(flask_app, "admin")


def post(client: FlaskClient, what: str, **form: str) -> TestResponse:
    with client.session_transaction() as session:
        token = session["csrf"]
    return client.post(f"{PAGE}/{what}", data={"csrf": token, **form}, headers={"Origin": "http://localhost"})


# --- who may --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "look", "act"),
    [("admin", 200, 200), ("supervisor", 200, 200), ("auditor", 200, 403), ("anna", 403, 403)],
)
def test_who_may_look_and_who_may_do_something(flask_app: Flask, role: str, look: int, act: int) -> None:
    client = signed_in(flask_app, role)

    assert client.get(PAGE).status_code == look
    assert post(client, "find", asked="K3").status_code == act
    assert post(client, "export", kind="customer", of="K3").status_code == act
    assert post(client, "forget", kind="customer", of="K3").status_code == act


def test_the_auditor_sees_how_long_what_is_kept_and_no_way_to_look_anybody_up(flask_app: Flask) -> None:
    page = signed_in(flask_app, "auditor").get(PAGE).text

    assert "KEEP_CALLS_DAYS" in page
    assert "1.095 dagen" in seen(page)
    assert "/admin/privacy/find" not in page


# --- looking somebody up ----------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ["06 19283746", "+31619283746", "0031619283746"])
def test_somebody_whom_nobody_knows_is_found_by_their_number(admin: FlaskClient, asked: str) -> None:
    page = seen(post(admin, "find", asked=asked).text)

    assert "Gesprekken 1 Beloftes 1 waarvan nog open: 1" in page
    assert "Alles ophalen" in page


@pytest.mark.parametrize("asked", ["K3", "Ito"])
def test_a_customer_is_found_by_key_or_name(admin: FlaskClient, asked: str) -> None:
    page = post(admin, "find", asked=asked)

    assert page.status_code == 200
    assert "Ben Ito" in page.text


def test_a_number_of_two_customers_is_asked_whose_it_is_before_anything_is_handed_out(
    admin: FlaskClient,
) -> None:
    page = seen(post(admin, "find", asked=ADA).text)

    assert "Kies eerst wie van hen erom vraagt" in page
    assert ("Ada Lovelace" in page, "Bea Lovelace" in page) == (True, True)
    assert post(admin, "export", kind="number", of=ADA).status_code == 409


def test_who_is_not_there_is_said_so(admin: FlaskClient) -> None:
    answer = post(admin, "find", asked="Niemand")
    assert (answer.status_code, "niemand gevonden" in answer.text) == (404, True)
    assert post(admin, "export", kind="customer", of="nobody").status_code == 404
    assert post(admin, "export", kind="nonsense", of="K3").status_code == 404
    assert post(admin, "forget", kind="customer", of="").status_code == 404


def test_no_number_and_no_name_stands_in_an_address(admin: FlaskClient) -> None:
    again = admin.get(f"{PAGE}/find")
    assert (again.status_code, again.location) == (303, PAGE)


# --- all of one person ------------------------------------------------------------------------------------


def test_all_of_a_customer_is_one_file(admin: FlaskClient) -> None:
    answer = post(admin, "export", kind="customer", of="K3")

    assert (answer.mimetype, answer.headers["Cache-Control"]) == ("application/zip", "no-store")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert {"LEES MIJ.txt", "READ ME.txt", "customer.json", "calls.json"} <= {*archive.namelist()}
        assert json.loads(archive.read("customer.json"))[0]["name"] == "Ben Ito"
        assert [call["sid"] for call in json.loads(archive.read("calls.json"))] == ["CA2"]
    with db.reading() as session:
        [event] = session.scalars(select(AuditPending).where(AuditPending.what == What.PERSON_EXPORTED))
    assert (event.who, event.subjects) == ("admin@example.nl", [["customer", "K3"]])


def test_what_was_guessed_on_a_shared_number_is_counted_and_left_out(admin: FlaskClient) -> None:
    with zipfile.ZipFile(io.BytesIO(post(admin, "export", kind="customer", of="K1").data)) as archive:
        assert json.loads(archive.read("calls.json")) == []
        assert json.loads(archive.read("left-out.json"))["left_out"]["calls"] == 1


# --- forgetting -------------------------------------------------------------------------------------------


def test_nobody_is_forgotten_by_one_press(admin: FlaskClient) -> None:
    asked = post(admin, "forget", kind="customer", of="K3")

    assert "Weet je het zeker?" in asked.text
    with db.reading() as session:
        assert session.get(Customer, "K3") is not None


def test_who_is_forgotten_has_a_receipt_that_names_nobody(admin: FlaskClient) -> None:
    answer = post(admin, "forget", kind="customer", of="K3", sure="yes")

    assert answer.status_code == 303
    page = seen(admin.get(answer.location).text)
    assert "Hier Weg" in page
    assert "Nog te wissen: 1" in page, "the carrier's record of the call"
    assert "Ito" not in page
    erasures.work_off(datetime.now(UTC) + timedelta(seconds=20))
    with db.reading() as session:
        assert session.get(Customer, "K3") is None
        [receipt] = session.scalars(select(Erasure))
        assert (receipt.whom, receipt.asked_by, receipt.calls) == (None, "admin@example.nl", 1)
    assert "admin@example.nl" in admin.get(PAGE).text


def test_a_number_of_two_customers_can_be_forgotten_and_it_is_said_who_lose_it(admin: FlaskClient) -> None:
    asked = seen(post(admin, "forget", kind="number", of=ADA).text)
    assert "raken dit nummer kwijt, en blijven zelf bestaan: Ada Lovelace, Bea Lovelace" in asked

    assert post(admin, "forget", kind="number", of=ADA, sure="yes").status_code == 303

    with db.reading() as session:
        assert session.get(Call, "CA3").remote_e164 is None  # type: ignore[union-attr]  # it stays
        assert session.get(Customer, "K1") is not None


def test_forgetting_nobody_is_said_to_be_nothing(admin: FlaskClient) -> None:
    answer = post(admin, "forget", kind="number", of="+31612121212", sure="yes")
    assert (answer.status_code, "Er is niets vergeten" in answer.text) == (200, True)


# --- for everybody ----------------------------------------------------------------------------------------


@pytest.fixture
def url(flask_app: Flask, free_port: int) -> Iterator[str]:
    with office.serving(flask_app, free_port) as address:
        yield address


def test_the_pages_stand_in_nobodys_way(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"{url}/login?next={PAGE}")
    page.fill("[name=email]", "admin@example.nl")
    page.fill("[name=password]", office.PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Gegevens van mensen")
    found = violations(page)
    page.get_by_label("Telefoonnummer, klantsleutel of naam").fill("06-12345678")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Kies eerst wie van hen")).to_be_visible()
    found += violations(page)
    page.get_by_role("button", name="Deze klant: Ada Lovelace").press("Enter")
    with page.expect_download() as download:
        page.get_by_role("button", name="Alles ophalen").press("Enter")
    assert download.value.suggested_filename == "export.zip"
    page.get_by_role("button", name="Laten vergeten").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Weet je het zeker?")
    found += violations(page)
    page.get_by_role("button", name="Ja, laat vergeten").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Vergeten: verzoek"))
    found += violations(page)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert (found, width) == ([], 390)


def test_who_sees_some_teams_alone_looks_nobody_up_since_what_there_is_may_be_any_teams(
    flask_app: Flask,
) -> None:
    with db.transaction() as session:
        email = office.user(session, None, Role.SUPERVISOR, email="some@example.nl", teams=["Burgerzaken"])
    client = flask_app.test_client()
    office.sign_in(client, email)

    assert "/admin/privacy/find" not in client.get(PAGE).text
    assert post(client, "find", asked="Ada").status_code == 403
    assert post(client, "export", kind="customer", of="K1").status_code == 403
    assert post(client, "forget", kind="customer", of="K1", sure="yes").status_code == 403
