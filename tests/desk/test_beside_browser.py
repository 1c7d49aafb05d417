"""A morning at the desk in a real browser: a ring in the instant of a click, a note, a crash, a colleague."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

import config
from app.beside import answers
from app.clock import utcnow
from app.db import transaction
from app.outgoing.conversations import words_of
from app.records.beside import Cause, WrapUp
from config.work import Work
from tests import factories
from tests.axe import violations
from tests.desk import office
from tests.desk.test_desk_browser import sign_in
from tests.factories import ADA
from tests.pages import PATIENCE, resize, sticks_out, until

GUARD_SECONDS = 1.5


@pytest.fixture
def url(flask_app: Flask, free_port: int) -> Iterator[str]:
    """Anna and Ben at their desks, where a ring is guarded."""
    flask_app.config["SETTINGS"] = replace(
        flask_app.config["SETTINGS"], work=Work(answer_guard_seconds=GUARD_SECONDS)
    )
    with transaction() as session:
        factories.line(session)
        for key, phone in (("anna", "+31612344567"), ("ben", "+31612344568")):
            factories.agent(session, key, phone=phone)
            office.user(session, key)
        factories.customer(session, "K1", ADA, name="Ada Lovelace")
        factories.case(session, "Z1", "K1", handled_by=("anna",))
        session.add(Cause(key="brief", name="Brief onduidelijk", owner="Communicatie"))
        answers.write(session, "woz", team="", title="Bezwaar maken", body="Binnen zes weken.", now=utcnow())
    with office.serving(flask_app, free_port) as address:
        yield address


def kept(sid: str) -> tuple[str, str, str]:
    with transaction() as session:
        row = session.get(WrapUp, (sid, "anna"))
        return words_of(session, sid, "anna").summary, row.cause if row else "", row.next_step if row else ""


def test_a_morning_beside_the_calls(
    page: Page, browser: Browser, url: str, settings: config.Settings
) -> None:
    sign_in(page, url)

    # --- a call in the instant of a click: to the page no time passes between the two
    page.clock.install()
    page.clock.pause_at(utcnow() + timedelta(seconds=10))
    page.locator("#empty").click()
    sid = office.call_in(settings, ADA)
    decline = page.locator("[data-call] .decline summary")
    expect(decline).to_have_attribute("aria-disabled", "true")
    expect(page.locator("#guard-says")).to_be_visible()
    decline.click(force=True)
    page.keyboard.press("w")
    assert page.locator(".decline[open]").count() == 0
    page.clock.run_for(int(GUARD_SECONDS * 1000))
    expect(decline).not_to_have_attribute("aria-disabled", "true")
    expect(page.locator("#guard-says")).to_be_hidden()
    page.clock.resume()
    decline.click()
    assert page.locator(".decline[open]").count() == 1
    decline.click()

    # --- the note, and what helps to write it
    office.pick_up(sid)
    expect(page.locator(".call-state[data-side=talking]")).to_be_visible()
    page.locator("#summary").fill("Wil bezwaar maken")
    page.get_by_label("Waardoor kwam dit?").select_option("brief")
    page.get_by_label("Volgende stap").fill("Brief sturen")
    expect(page.locator(".answers summary")).to_have_text("Bezwaar maken")
    expect(page.locator("[data-suggested]")).to_contain_text(
        "Oorzaak: Brief onduidelijk. Volgende stap: Brief sturen."
    )
    page.get_by_text("Voorstel voor de notitie").click()
    page.get_by_role("button", name="Zet in de notitie").click()
    expect(page.locator("#summary")).to_have_value(with_the_draft())
    until(page, lambda: kept(sid)[1:] == ("brief", "Brief sturen") and "Volgende stap" in kept(sid)[0])
    assert violations(page) == []

    # --- a colleague is asked, and both see the answer
    other = browser.new_context()
    bens = other.new_page()
    sign_in(bens, url, "ben")
    page.get_by_text("Vraag het een collega").click()
    page.locator("#ask-to").select_option("ben")
    page.get_by_role("button", name="Vraag", exact=True).click()
    expect(page.locator("#asks")).to_contain_text("Nog geen antwoord.")
    expect(bens.locator("#asks")).to_contain_text("Kun jij deze nemen?")
    assert "Ada" not in bens.locator("#asks").inner_text()
    bens.locator("#asks").get_by_role("button", name="Straks").click()
    expect(page.locator("#asks")).to_contain_text("Straks")
    expect(bens.locator("#asks [aria-pressed=true]")).to_have_text("Straks")
    other.close()

    # --- the server is away, and the browser crashes; the note is saved all the same, under its own call
    page.route("**/notes", lambda route: route.abort())
    page.locator("#summary").fill("Net voor de klap geschreven")
    expect(page.locator(".saved.warning")).to_be_visible()
    office.hang_up(settings, sid)
    again = page.context.new_page()
    page.close(run_before_unload=False)
    again.goto(f"{url}/desk?call=")
    until(again, lambda: kept(sid)[0] == "Net voor de klap geschreven")
    again.wait_for_function(
        "() => !Object.keys(localStorage).some((one) => one.startsWith('rechtdoor.notes'))", timeout=PATIENCE
    )

    # --- nothing is wider than a telephone's window
    again.goto(f"{url}/desk?call={sid}")
    resize(again, 390)
    assert sticks_out(again) == []
    expect(again.get_by_role("button", name="Bel deze klant")).to_be_visible()


def with_the_draft() -> str:
    return (
        "Wil bezwaar maken\nDe klant belde over: Zaak Z1. Oorzaak: Brief onduidelijk. "
        "Volgende stap: Brief sturen."
    )
