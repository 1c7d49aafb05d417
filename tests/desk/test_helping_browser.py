"""Do two people at their desks see of each other what they must, while one helps and one is protected?"""

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from app.db import transaction
from app.records.agents import Role, Softphone
from config import Settings
from tests import factories
from tests.axe import violations
from tests.desk import office
from tests.factories import ADA
from tests.pages import resize, sticks_out


@pytest.fixture
def url(flask_app: Flask, free_port: int) -> Iterator[str]:
    """Anna, whose case Ada's is, and Karin, who supervises her."""
    with transaction() as session:
        factories.line(session)
        for key, phone in (("anna", "+31612344567"), ("karin", "+31612344568")):
            factories.agent(session, key, phone=phone, softphone=Softphone.NONE)
            office.user(session, key, Role.SUPERVISOR if key == "karin" else Role.AGENT)
        factories.customer(session, "K1", ADA, name="Ada Lovelace")
        factories.case(session, "Z1", "K1", handled_by=("anna",))
    with office.serving(flask_app, free_port) as address:
        yield address


def at_desk(page: Page, url: str, who: str) -> Page:
    office.let_in(page, url, f"{who}@example.nl")
    page.goto(f"{url}/desk")
    return page


def test_who_listens_is_seen_and_who_is_shouted_at_is_helped(
    page: Page, browser: Browser, url: str, settings: Settings
) -> None:
    sid = office.call_in(settings, ADA)
    office.pick_up(sid)
    anna = at_desk(page, url, "anna")
    expect(anna.get_by_role("heading", name="Ada Lovelace")).to_be_visible()
    context = browser.new_context(locale="nl-NL")
    karin = at_desk(context.new_page(), url, "karin")
    watched = karin.locator("#watch")
    expect(watched).to_contain_text("Anna Jansen")
    expect(watched).to_contain_text("met Ada Lovelace")

    watched.get_by_role("button", name="Luister mee: Anna Jansen").focus()
    karin.keyboard.press("Enter")
    expect(watched).to_contain_text("uw telefoon gaat over")
    expect(anna.locator("#card-state")).to_contain_text("Karin Jansen komt zo meeluisteren of helpen.")

    # By keyboard alone: the key opens it, Enter says yes.
    anna.keyboard.press("Alt+x")
    warn = anna.locator(".protect").get_by_role("button", name="Waarschuw de klant")
    expect(warn).to_be_visible()
    warn.focus()
    anna.keyboard.press("Enter")
    expect(anna.locator(".protect summary")).to_contain_text("Beëindig dit gesprek netjes")
    expect(watched).to_contain_text("vraagt hulp")
    expect(watched.get_by_role("link")).to_contain_text("1 keer bescherming te beoordelen")

    for desk in (anna, karin):
        assert violations(desk) == []
        resize(desk, 390)
        assert sticks_out(desk) == []
    karin.goto(f"{url}/admin/protections")
    expect(karin.locator("main")).to_contain_text("Nog te beoordelen")
    assert violations(karin) == []
    assert sticks_out(karin) == []
    karin.get_by_label("Waarom?").fill("Terecht.")
    karin.get_by_role("button", name="Laat het zo: Anna Jansen").click()
    expect(karin.locator("main")).to_contain_text("Blijft zo")
    context.close()
