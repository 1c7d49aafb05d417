"""Can everybody use the log and the pages on calls: on a telephone, by keyboard, and while a call goes on?"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from app import db
from app.audit import log
from app.audit.log import Actor, What
from app.records.agents import Role
from app.records.audit import Via
from config import Settings
from tests import factories
from tests.axe import violations
from tests.desk import office
from tests.factories import ADA, BEN
from tests.telephone import Line


@pytest.fixture
def url(flask_app: Flask, free_port: int) -> Iterator[str]:
    now = datetime.now(UTC)
    with db.transaction() as session:
        factories.line(session, hours="24/7")
        for key in ("anna", "bram"):
            factories.agent(session, key)
        factories.customer(session, "K1", ADA, name="Ada Lovelace")
        factories.case(session, "Z1", "K1", handled_by=("anna",))
        office.user(session, None, Role.ADMIN)
        eva = Actor("eva@example.nl", Via.PAGE)
        log.record(
            session, eva, What.RULES_PUBLISHED, now, version=3, why="Langer wachten op wie de zaak kent"
        )
        log.record(
            session,
            eva,
            What.RECORD_WRITTEN,
            now,
            log.Subject("line", factories.LINE),
            kind="lines",
            before=["hours: Mo-Fr 09:00-17:00"],
            after=["hours: Mo-Fr 09:00-20:00"],
        )
        log.record(
            session, Actor("api:crm", Via.API), What.API_READ, now, log.number(BEN), list="calls", rows=3
        )
    with office.serving(flask_app, free_port) as address:
        yield address


def sign_in(page: Page, url: str) -> None:
    page.goto(f"{url}/admin")
    page.get_by_label("E-mail").fill("admin@example.nl")
    page.get_by_label("Wachtwoord").fill(office.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{url}/admin")


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def seen(page: Page, name: str, pictures: Path) -> None:
    """Hold the page against axe, on a telephone too."""
    page.screenshot(path=str(pictures / f"{name}.png"), full_page=True)
    assert violations(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert fits(page), f"{name} is wider than a telephone"
    assert violations(page) == []
    page.screenshot(path=str(pictures / f"{name}-390.png"), full_page=True)
    page.set_viewport_size({"width": 1280, "height": 800})


def test_the_log_and_a_call_that_goes_on_are_everybodys_to_read(
    url: str, page: Page, client: FlaskClient, settings: Settings, tmp_path: Path
) -> None:
    call = Line(client, settings).comes_in()
    Line(client, settings, from_="anonymous").comes_in()
    sign_in(page, url)
    page.get_by_role("link", name=re.compile("^Gesprekken")).click()
    expect(page.get_by_label("Telefoonnummer")).to_be_visible()
    seen(page, "calls", tmp_path)
    page.get_by_label("Telefoonnummer").fill("12")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Dit is geen telefoonnummer")
    page.get_by_label("Telefoonnummer").fill("06 12345678")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    assert "612345678" not in page.url
    page.locator("tbody a").click()
    expect(page.locator("#line")).to_contain_text("Anna Jansen wordt gebeld")
    seen(page, "ringing", tmp_path)

    call.talks()

    expect(page.locator("#line")).to_contain_text("Anna Jansen nam op.")
    call.dial_ends("completed", DialCallDuration="60")
    call.hangs_up()
    expect(page.locator("#line")).to_contain_text("U sprak met Anna.")
    seen(page, "call", tmp_path)

    page.goto(f"{url}/admin/audit")
    expect(page.locator("tbody")).to_contain_text("Regels in werking gesteld")
    seen(page, "audit", tmp_path)
    page.get_by_label("Over wie of wat").fill("K1")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr").first).to_contain_text("Ada Lovelace (K1)")
    page.get_by_label("Over wie of wat").fill("nobody at all")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("Niets gevonden")
