"""Does a passkey sign somebody in, in a real browser, and can nobody else use it?"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import CDPSession, Page, expect
from playwright.sync_api import Error as PlaywrightError
from sqlalchemy import func, select, update

from app.clock import utcnow
from app.db import reading, transaction
from app.door import authenticators, passkeys
from app.records.access import AccessEvent, AccessKind, UserSession
from app.records.agents import Role
from app.records.factors import Authenticator, Passkey, SpentChallenge
from config import Settings
from tests import axe
from tests.desk import office
from tests.desk.office import PASSWORD

EMAIL = "admin@example.nl"
OVERSEERS = frozenset({"supervisor", "admin", "auditor"})


@pytest.fixture
def url(flask_app: Flask, free_port: int) -> Iterator[str]:
    """The address of a running server, at a name: browsers make no passkeys for addresses of figures."""
    with transaction() as session:
        office.user(session, None, Role.ADMIN)
    with office.serving(flask_app, free_port) as address:
        yield address.replace("127.0.0.1", "localhost")


class Device:
    """What keeps passkeys, and checks a finger: Chromium's own, without a finger."""

    def __init__(self, page: Page) -> None:
        self._devtools: CDPSession = page.context.new_cdp_session(page)
        self._devtools.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        self._id = self._devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})[
            "authenticatorId"
        ]

    def is_touched(self, yes: bool) -> None:
        """Let it answer whatever is asked, at once; or not."""
        about = {"authenticatorId": self._id, "enabled": yes}
        self._devtools.send("WebAuthn.setAutomaticPresenceSimulation", about)

    def verifies(self, yes: bool) -> None:
        about = {"authenticatorId": self._id, "isUserVerified": yes}
        self._devtools.send("WebAuthn.setUserVerified", about)


@pytest.fixture
def device(page: Page) -> Device:
    return Device(page)


def sign_in(page: Page, url: str, device: Device) -> None:
    device.is_touched(False)
    page.goto(f"{url}/login")
    page.get_by_label("E-mailadres").fill(EMAIL)
    page.get_by_label("Wachtwoord").fill(PASSWORD)
    page.get_by_role("button", name="Inloggen", exact=True).click()
    page.wait_for_url(re.compile("/(login/second|account/factors|admin)$"))
    device.is_touched(True)


def add_passkey(page: Page, url: str, name: str = "Laptop van het werk") -> None:
    page.goto(f"{url}/account/factors")
    page.get_by_label("Hoe noemt u hem?").fill(name)
    page.get_by_role("button", name="Passkey toevoegen").click()
    expect(page.get_by_role("heading", name="Uw herstelcodes")).to_be_visible()


def sign_out(page: Page, device: Device) -> None:
    device.is_touched(False)
    page.get_by_role("button", name="Uitloggen", exact=True).click()
    page.wait_for_url("**/login")


def look_again(page: Page) -> None:
    """Load the page anew, unless the passkey was quicker: it leads on as soon as the device is touched."""
    try:
        page.reload()
    except PlaywrightError as left:
        if "ERR_ABORTED" not in left.message:
            raise


def test_a_passkey_signs_somebody_in_without_a_password_and_stands_in_for_a_code(
    url: str, page: Page, device: Device
) -> None:
    sign_in(page, url, device)
    add_passkey(page, url)
    assert axe.violations(page) == []
    with page.expect_download() as saved:
        page.get_by_role("link", name="Opslaan als bestand").click()
    assert len(saved.value.path().read_text().split()) == 10
    page.get_by_role("link", name="Bewaard, verder").click()
    expect(page.get_by_text("Laptop van het werk", exact=True)).to_be_visible()

    # Renamed, by what the page offers.
    page.get_by_label("Naam van Laptop van het werk").fill("Laptop")
    page.get_by_role("button", name="Naam wijzigen van Laptop van het werk").click()
    expect(page.get_by_role("status")).to_contain_text("andere naam")

    # A second step after the password.
    sign_out(page, device)
    sign_in(page, url, device)
    expect(page.get_by_role("heading", name="Nog één stap")).to_be_visible()
    assert axe.violations(page) == []
    page.get_by_role("button", name="Verder met een passkey").click()
    page.wait_for_url("**/admin")

    # Alone: the browser knows whose it is, and offers it beside the name.
    page.goto(f"{url}/account")
    sign_out(page, device)
    device.is_touched(True)
    look_again(page)
    page.wait_for_url("**/admin")
    with reading() as session:
        key = session.scalars(select(Passkey)).one()
        signed_in = session.scalars(select(AccessEvent.kind)).all()
        an_hour_ago = utcnow() - timedelta(hours=1)  # what was renewed is older, and over
        proven = session.scalars(
            select(UserSession.proven_by).where(UserSession.started_at > an_hour_ago)
        ).all()
    assert key.name == "Laptop"
    assert key.uses > 0
    assert signed_in.count(AccessKind.SIGNED_IN) == 3
    assert set(proven) == {"factor"}

    # And when one is asked once more.
    with transaction() as session:
        session.execute(update(UserSession).values(proven_at=utcnow() - timedelta(hours=1)))
    page.goto(f"{url}/account/factors/app")
    expect(page.get_by_role("heading", name="Bent u het nog?")).to_be_visible()
    page.get_by_role("button", name="Verder met een passkey").click()
    expect(page.get_by_role("heading", name="App instellen")).to_be_visible()


def test_a_copied_passkey_and_one_without_a_finger_let_nobody_in(
    url: str, page: Page, device: Device
) -> None:
    sign_in(page, url, device)
    add_passkey(page, url)
    page.get_by_role("link", name="Bewaard, verder").click()
    sign_out(page, device)
    with transaction() as session:
        session.execute(update(Passkey).values(uses=1000))

    device.is_touched(True)
    look_again(page)

    expect(page.get_by_role("alert").filter(has_text="Met deze passkey lukte het niet")).to_be_visible()
    with transaction() as session:
        session.execute(update(Passkey).values(uses=0))
    device.verifies(False)
    page.get_by_role("button", name="Inloggen met een passkey").click()
    expect(page.get_by_role("alert").filter(has_text="Dat lukte niet")).to_be_visible()
    page.goto(f"{url}/account")
    expect(page).to_have_url(re.compile("/login"))


def test_a_passkey_is_set_up_before_anything_else_where_one_is_needed(
    flask_app: Flask, url: str, page: Page, device: Device
) -> None:
    settings: Settings = flask_app.config["SETTINGS"]
    flask_app.config["SETTINGS"] = replace(settings, second_factor_roles=OVERSEERS)
    sign_in(page, url, device)
    expect(page.get_by_text("Voor uw rol is een wachtwoord alleen niet genoeg")).to_be_visible()
    assert axe.violations(page) == []

    add_passkey(page, url, name="")
    page.get_by_role("link", name="Bewaard, verder").click()
    page.wait_for_url("**/admin")

    # It is the last: it stays.
    page.goto(f"{url}/account/factors")
    page.get_by_role("button", name=re.compile("^Verwijderen: Chrome")).click()
    expect(page.get_by_role("alert").filter(has_text="Dit is het laatste")).to_be_visible()
    with reading() as session:
        assert session.scalar(select(func.count()).select_from(Passkey)) == 1


def test_the_pages_of_ones_own_account_stand_in_nobodys_way(
    flask_app: Flask, url: str, page: Page, device: Device
) -> None:
    sign_in(page, url, device)
    add_passkey(page, url)
    settings: Settings = flask_app.config["SETTINGS"]
    with transaction() as session:
        secret = authenticators.new_secret()
        authenticators.add(session, EMAIL, secret, 0, utcnow(), settings.all_secret_keys)
        assert session.get(Authenticator, EMAIL) is not None
    for language in ("Nederlands", "English"):
        page.goto(f"{url}/account")
        with page.expect_navigation():
            page.get_by_role("button", name=language).click()
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            for where in ("", "/factors", "/factors/app", "/password"):
                page.goto(f"{url}/account{where}")
                assert axe.violations(page) == [], where
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), where


def test_the_pages_at_the_door_stand_in_nobodys_way(url: str, page: Page) -> None:
    for language in ("nl", "en"):
        page.set_extra_http_headers({"Accept-Language": language})
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            for where in ("/login", "/login/forgot", "/login/password/none"):
                page.goto(url + where)
                assert axe.violations(page) == [], where
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), where


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "[]",
        "{}",
        "[" * 9000,
        '{"id": 1, "response": {}}',
        '{"id": "x", "response": {"userHandle": 7}}',
        "x" * 20_000,
    ],
)
def test_what_is_no_answer_of_a_passkey_is_none(flask_app: Flask, answer: str) -> None:
    site = passkeys.Site("localhost", "http://localhost", "Rechtdoor")
    with transaction() as session:
        assert passkeys.accept(session, answer, passkeys.new_challenge(), site, utcnow()) is None
    assert passkeys.made(answer, passkeys.new_challenge(), site) is None


def test_no_challenge_is_answered_twice(flask_app: Flask) -> None:
    challenge = passkeys.new_challenge()
    with transaction() as session:
        assert passkeys._spend(session, challenge, utcnow())
    with transaction() as session:
        assert not passkeys._spend(session, challenge, utcnow())
        assert session.scalar(select(func.count()).select_from(SpentChallenge)) == 1


def test_where_browsers_know_no_passkeys_none_is_offered(client: FlaskClient) -> None:
    page = client.get("/login", base_url="http://127.0.0.1:8000").text

    assert "passkey" not in page
