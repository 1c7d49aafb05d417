"""Do agent and customer see the same, over a poor network, through a reload and a closed page?"""

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from app import db
from app.records.agents import Agent, Presence, Softphone
from app.screen import customer_views
from app.screen.pages import Life
from app.screen.streams import ScreenHub
from config import Settings
from tests import axe
from tests.desk import office
from tests.factories import ADA
from tests.screen import table

# A telephone at the edge of its network.
SLOW = {"offline": False, "latency": 150, "downloadThroughput": 60_000, "uploadThroughput": 30_000}


@pytest.fixture
def url(flask_app: Flask, settings: Settings, free_port: int) -> Iterator[str]:
    table.set_up()
    with db.transaction() as session:
        session.get_one(Presence, "anna").softphone = Softphone.NONE
        session.get_one(Agent, "anna").phone = "+31612344567"
        office.user(session, "anna")

    def knows(environ: dict[str, object]) -> bool:
        with flask_app.request_context(environ):
            return str(environ["PATH_INFO"]).startswith("/b/upload/") and customer_views.may_upload()

    hub = ScreenHub(settings.redis_url, life=Life.of(15))
    with office.serving(flask_app, free_port, knows=knows, screen=hub) as address:
        yield address


@pytest.fixture
def telephone(browser: Browser) -> Iterator[Page]:
    """Ada's own, small and slow."""
    context = browser.new_context(locale="nl-NL", viewport={"width": 390, "height": 780})
    page = context.new_page()
    context.new_cdp_session(page).send("Network.emulateNetworkConditions", SLOW)
    yield page
    context.close()


def test_both_see_what_the_other_does(
    page: Page, telephone: Page, url: str, settings: Settings, browser: Browser
) -> None:
    complaints: list[str] = []
    for one in (page, telephone):
        one.on("pageerror", lambda error: complaints.append(str(error)))
        one.on(
            "console", lambda said: complaints.append(said.text) if "Security Policy" in said.text else None
        )
    page.goto(f"{url}/desk")
    page.get_by_label(re.compile("E-mail")).fill("anna@example.nl")
    page.get_by_label(re.compile("Wachtwoord")).fill(office.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{url}/desk")
    sid = office.call_in(settings, ADA)
    expect(page.get_by_role("heading", name="Ada Lovelace")).to_be_visible()
    office.pick_up(sid)

    panel = page.locator("[data-screen]")
    panel.get_by_role("button", name="Lees een code voor").click()
    code = panel.locator(".screen-code strong").inner_text()
    telephone.goto(f"{url}/s")
    # With the keyboard alone: the field has the focus, once the page is drawn.
    expect(telephone.get_by_role("textbox")).to_be_focused()
    telephone.keyboard.type(code)
    telephone.keyboard.press("Enter")
    expect(telephone.get_by_role("heading", name="U praat met Anna")).to_be_visible()
    assert axe.violations(telephone) == []
    expect(panel).to_contain_text("kijkt mee sinds")
    expect(telephone.locator("main")).not_to_contain_text("Zaak Z1")

    panel.get_by_role("button", name="Gecontroleerd, laat zien").click()
    expect(telephone.locator("main")).to_contain_text("Zaak Z1")
    for choice in ("Klopt", "Dag", "Foto"):
        panel.get_by_role("button", name=choice, exact=True).click()
        expect(telephone.get_by_role("heading", name=f"Woorden {choice.lower()}")).to_be_visible()
        expect(panel.locator("li", has_text=f"Woorden {choice.lower()}")).to_contain_text("gezien")
    expect(telephone.locator("#screen-says")).to_contain_text("iets nieuws")
    assert axe.violations(telephone) == []
    assert telephone.evaluate("document.documentElement.scrollWidth <= innerWidth")

    telephone.get_by_role("button", name="Ja, dit klopt").click()
    expect(panel.locator("li", has_text="Woorden klopt")).to_contain_text("Ja, dit klopt")
    # What is chosen on a page that is on its way out is lost.
    expect(telephone.get_by_role("button", name="Ja, dit klopt")).to_have_count(0)
    # A file that was chosen stays chosen while something else comes in.
    chosen = {"name": "foto.jpg", "mimeType": "image/jpeg", "buffer": table.photo()}
    telephone.get_by_label("Kies een foto of PDF").set_input_files(files=[chosen])
    panel.get_by_role("button", name="Balie", exact=True).click()
    expect(telephone.get_by_role("heading", name="Woorden balie")).to_be_visible()
    telephone.get_by_role("button", name="Stuur op").click()
    expect(telephone.get_by_text("Uw bestand is ontvangen.")).to_be_visible()
    expect(panel).to_contain_text("foto.jpg")
    assert axe.violations(page) == []

    # One loads the page anew, the other's session goes on.
    telephone.reload()
    expect(telephone.get_by_role("heading", name="Woorden balie")).to_be_visible()
    page.reload()
    expect(panel).to_contain_text("foto.jpg")
    # Without a script the same page answers too.
    plain = browser.new_context(
        locale="nl-NL", java_script_enabled=False, storage_state=telephone.context.storage_state()
    )
    bare = plain.new_page()
    bare.goto(f"{url}/b")
    bare.get_by_role("button", name="Kies deze dag").click()
    expect(bare.get_by_text("U koos")).to_be_visible()
    expect(panel.locator("li", has_text="Woorden dag")).to_contain_text("beantwoord")
    # One closes; the other stops, and both know.
    bare.get_by_role("button", name="Stop met meekijken").click()
    plain.close()
    expect(telephone.get_by_role("heading", name="Deze pagina is er niet meer")).to_be_visible()
    expect(panel).to_contain_text("De klant stopte het meekijken")
    assert complaints == []
