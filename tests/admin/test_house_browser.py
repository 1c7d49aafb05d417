"""Can an admin use the pages of lines and people on a telephone, and by keyboard alone?"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import holidays
import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from app import db
from app.records.agents import Agent, Role
from app.records.lines import Line
from tests import factories
from tests.axe import violations
from tests.desk import office
from tests.factories import LINE

# A day on which the line is open: no public holiday, of which there are two in a row at most.
IN_A_WEEK = next(
    day
    for days in (7, 8, 9)
    if (day := datetime.now(UTC).date() + timedelta(days=days)) not in holidays.country_holidays("NL")
)


@pytest.fixture
def url(flask_app: Flask, free_port: int) -> Iterator[str]:
    with db.transaction() as session:
        line = factories.line(session, hours="Mo-Su 09:00-17:00")
        line.dates = f"{IN_A_WEEK + timedelta(days=1)} closed | de verhuizing"
        factories.line(session, "+31207654321", team="burger zaken")
        for key in ("anna", "bram"):
            factories.agent(session, key)
        bram = session.get_one(Agent, "bram")
        bram.absent_from = bram.absent_until = IN_A_WEEK
        office.user(session, "anna")
        office.user(session, None, Role.ADMIN)
    with office.serving(flask_app, free_port) as address:
        yield address


def sign_in(page: Page, url: str, language: str = "nl") -> None:
    office.let_in(page, url, "admin@example.nl")
    page.goto(f"{url}/admin")
    if language == "en":
        with page.expect_navigation():
            page.get_by_role("button", name="English").click()


@pytest.mark.parametrize(("language", "scheme"), [("nl", "light"), ("en", "dark")])
def test_nothing_stands_in_the_way_of_an_admin_on_a_telephone(
    browser: Browser, url: str, language: str, scheme: str
) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": 390, "height": 844})
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    sign_in(page, url, language)
    for path in (
        *("/admin", "/admin/lines", "/admin/lines/new", f"/admin/lines/{LINE}", "/admin/lines/+31207654321"),
        *("/admin/people", "/admin/people/new", "/admin/people/accounts", "/admin/files"),
        *("/admin/people/agents/anna", "/admin/people/agents/bram"),
    ):
        page.goto(f"{url}{path}")
        assert violations(page) == [], path
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), path
        assert page.locator("html").get_attribute("lang") == language, path
    page.goto(f"{url}/admin/people/new")
    page.locator("[name=name]").fill("Clara")
    page.locator("[name=agent]").fill("cla-ra")
    page.locator("[name=team]").fill("Balie")
    page.keyboard.press("Enter")
    expect(page.locator("#agent-wrong")).to_be_visible()
    assert violations(page) == [], "with a field that is wrong"
    assert [one for one in complaints if "status of 422" not in one] == []
    context.close()


def test_hours_and_a_day_of_their_own_are_written_by_keyboard_and_seen_before_they_are_saved(
    page: Page, url: str
) -> None:
    sign_in(page, url)
    page.goto(f"{url}/admin/lines/{LINE}")
    preview = page.locator("#preview")
    expect(preview.locator("li")).to_have_count(14)

    page.get_by_label("Openingstijden").focus()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("Ma-Zo 8:30 - 16:00")
    expect(preview).to_contain_text("08:30-16:00")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("Ma 9-17")
    expect(preview).to_contain_text("Zo kan het niet")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("Ma-Zo 8:30 - 16:00")
    page.get_by_role("button", name="Bewaren").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Bewaard")

    page.get_by_label("Dag", exact=True).fill(str(IN_A_WEEK))
    page.get_by_label("Wat geldt dan").select_option("until")
    page.get_by_label("Tot", exact=True).fill("12:00")
    page.get_by_label("Vanwege").fill("de kerstborrel")
    page.keyboard.press("Enter")

    expect(page.locator(".dates")).to_contain_text("open tot 12:00 · de kerstborrel")
    expect(page.locator(".dates")).to_contain_text("We zijn nu gesloten vanwege de kerstborrel.")
    expect(preview).to_contain_text("08:30-12:00")
    with db.reading() as session:
        assert session.get_one(Line, LINE).hours == "Mo-Su 08:30-16:00"
