"""Can everybody use the pages on promises, and the desk's messages, on a telephone and by keyboard?"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Page, expect
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

import config
from app import db
from app.messages import messages
from app.promises import ledger, links
from app.records.agents import Role
from app.records.messages import Message
from app.records.promises import Promise
from tests import factories
from tests.axe import violations
from tests.desk import office
from tests.factories import ADA, BEN, LINE
from tests.telephone import signed

# No such page, no such link, and a form's address without the form.
REFUSED = ("/nowhere", "/c/nonsense", "/admin/promises/act")


@pytest.fixture
def owed(flask_app: Flask) -> int:
    """Anna owes Ada a call of which she could not be told, and kept one too late."""
    now = datetime.now(UTC)
    with db.transaction() as session:
        factories.line(session, hours="24/7")
        for key in ("anna", "bram", "clara"):
            factories.agent(session, key)
        factories.customer(session, "ada", ADA, name="Ada Lovelace")
        office.user(session, "anna", Role.SUPERVISOR)
        ids = []
        for number, due in ((ADA, 60), (BEN, -50)):
            made = factories.promise(
                session,
                number=number,
                customer="ada" if number == ADA else None,
                due_at=now + timedelta(minutes=due),
                now=now - timedelta(hours=2),
            )
            ids.append(made.id)
        ledger.keep(session, ids[1], "anna", now)
        messages.inform(session, session.get_one(Promise, ids[0]), "Wij bellen u.", "test", now)
        [lost] = session.scalars(select(Message))
        messages.status(session, lost.sid, "SM1", "undelivered", 30003, now)
    return ids[0]


@pytest.fixture
def url(flask_app: Flask, owed: int, free_port: int) -> Iterator[str]:
    with office.serving(flask_app, free_port) as address:
        yield address


def sign_in(page: Page, url: str, language: str = "nl") -> None:
    office.let_in(page, url, "anna@example.nl")
    page.goto(f"{url}/desk")
    if language == "en":
        page.locator("#me summary").click()
        with page.expect_navigation():
            page.get_by_role("button", name="English").click()


def complaints_of(page: Page) -> list[str]:
    found: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            found.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: found.append(f"{error}: {error.stack}"))
    return found


@pytest.mark.parametrize(("language", "scheme"), [("nl", "light"), ("en", "dark")])
def test_nothing_stands_in_the_way_of_anybody_on_a_telephone(
    browser: Browser, url: str, owed: int, settings: config.Settings, language: str, scheme: str
) -> None:
    context = browser.new_context(
        locale="nl-NL", color_scheme=scheme, viewport={"width": 390, "height": 844}, reduced_motion="reduce"
    )
    page = context.new_page()
    complaints = complaints_of(page)
    sign_in(page, url, language)
    theirs = links.to_promise("", settings.secret_key, owed)
    for path in (
        "/admin",
        "/admin/promises",
        "/admin/promises/figures",
        "/admin/promises/leaver?leaves=anna&agent=bram&agent=clara",
        f"/admin/promises/{owed}",
        f"/desk/messages/promise/{owed}",
        f"{theirs}?lang={language}",
        f"{theirs}?ask=withdraw",
        *REFUSED,
    ):
        page.goto(f"{url}{path}")
        assert violations(page) == [], path
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), path
        assert page.locator("html").get_attribute("lang") == language, path
    # A browser says of itself that a page was refused.
    assert [one for one in complaints if "the server responded with a status of 40" not in one] == []
    context.close()


def write(flask_app: Flask, settings: config.Settings, body: str) -> None:
    """Ada writes to us."""
    form = MultiDict({"MessageSid": "SM" + "a" * 32, "From": ADA, "To": LINE, "Body": body})
    assert signed(flask_app.test_client(), settings, "/messages/incoming", form).status_code == 200


def test_an_agent_answers_a_message_by_keyboard_without_leaving_the_desk(
    page: Page, url: str, owed: int, flask_app: Flask, settings: config.Settings
) -> None:
    complaints = complaints_of(page)
    sign_in(page, url)
    page.wait_for_function(
        "() => performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/desk/heartbeat'))"
    )

    write(flask_app, settings, "Wat moet ik meenemen?")

    expect(page.locator("#board .words", has_text="Wat moet ik meenemen?")).to_be_visible()
    link = page.locator("[data-open-thread]", has_text="Ada Lovelace").first
    link.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Ada Lovelace")).to_be_focused()
    field = page.get_by_label(re.compile("Bericht aan Ada Lovelace"))
    field.fill("Uw paspoort, en ")
    with db.transaction() as session:  # something becomes of an older message while Anna types
        [lost] = session.scalars(select(Message).where(Message.direction == "outbound"))
        messages.show(session, lost, datetime.now(UTC))
    expect(field).to_have_value("Uw paspoort, en ")
    field.press_sequentially("uw sleutel.")
    page.get_by_role("button", name="Versturen").press("Enter")
    expect(page.locator(".said .ours .words").last).to_have_text("Uw paspoort, en uw sleutel.")
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(page.locator("#thread")).to_be_hidden()
    assert page.url == f"{url}/desk"
    with db.transaction() as session:
        sent = session.scalars(select(Message).where(Message.author == "anna")).one()
        assert (sent.body, sent.number) == ("Uw paspoort, en uw sleutel.", ADA)
    assert complaints == []
