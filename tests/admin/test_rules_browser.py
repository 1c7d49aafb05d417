"""Can rules be written, put in order and published in a browser: by keyboard, by two at once, on a phone?"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

import config
from app import db
from app.clock import utcnow
from app.records.agents import Role
from app.routing import comparing, last_week, publishing
from tests import factories
from tests.axe import violations
from tests.desk import office
from tests.factories import ADA, BEN
from tests.pages import until

Rules = list[dict[str, Any]]


@pytest.fixture
def url(flask_app: Flask, settings: config.Settings, free_port: int) -> Iterator[str]:
    """Anna and Bram write rules. Ada, a VIP, rang once; Ben rang four times about one case."""
    last_week.forget()
    with db.transaction() as session:
        factories.line(session, hours="24/7")
        for key in ("anna", "bram"):
            factories.agent(session, key)
            office.user(session, key, Role.ADMIN)
        factories.customer(session, "ada", ADA).tags = ["VIP"]
        factories.customer(session, "ben", BEN)
        factories.case(session, "Z1", "ben", handled_by=("bram",))
    for number in (ADA, BEN, BEN, BEN, BEN):
        office.call_in(settings, number)
    with office.serving(flask_app, free_port) as address:
        yield address
    last_week.forget()


def comes_in(
    browser: Browser, url: str, who: str = "anna", *, width: int = 1440, language: str = "nl", **more: Any
) -> Page:
    """Somebody opens the page in a browser of their own."""
    context = browser.new_context(
        locale=f"{language}-NL", viewport={"width": width, "height": 900}, reduced_motion="reduce", **more
    )
    page = context.new_page()
    office.let_in(page, url, f"{who}@example.nl")
    page.goto(f"{url}/admin/rules")
    expect(page.locator(".rules-live-page")).to_be_attached()
    return page


def complaints_of(page: Page) -> list[str]:
    found: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        # A browser says of itself that the server refused a text, which is what the page then shows.
        if (
            message.type in ("error", "warning")
            and "the server responded with a status of 4" not in message.text
        ):
            found.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: found.append(f"{error}: {error.stack}"))
    return found


def drafted() -> Rules:
    with db.reading() as session:
        return list(publishing.draft(session).document["rules"])


def sentences(page: Page) -> list[str]:
    return page.locator("#rules .sentence").all_inner_texts()


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the keyboard is there."""
    for _ in range(120):
        page.keyboard.press("Tab")
        if page.evaluate("(one) => document.activeElement.matches(one)", selector):
            return
    raise AssertionError(f"no way to {selector} by keyboard")


def test_three_rules_are_made_published_and_put_back_by_keyboard_alone(browser: Browser, url: str) -> None:
    page = comes_in(browser, url)
    complaints = complaints_of(page)

    # An example, and whom it names changed by its word.
    tab_to(page, "#example-vip")
    page.keyboard.press("Enter")
    expect(page.locator(".word").first).to_be_focused()
    tab_to(page, ".word[data-row=then-who]")
    page.keyboard.press("Enter")
    expect(page.locator("select[name=then-who]")).to_be_focused()
    expect(page.locator("[data-part=editor] [data-row]:visible")).to_have_count(1)
    # One letter is enough; of a list that waits longer than a second for the next, that begins another word.
    page.keyboard.press("b")
    expect(page.locator("#rules .sentence")).to_have_text(
        "Als de klant het kenmerk VIP heeft: bel eerst Bram Jansen."
    )
    page.keyboard.press("Escape")
    expect(page.locator(".word[data-row=then-who]")).to_be_focused()

    # One from nothing: a fact, its number, whom to ring, and switched on.
    tab_to(page, "#add-rule")
    page.keyboard.press("Enter")
    second = page.locator("#rules > li").nth(1)
    expect(second.locator("[name=add-fact]")).to_be_focused()
    page.keyboard.press("h")
    expect(second.locator("[name=add-fact] option:checked")).to_contain_text("Hoe vaak")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    field = second.get_by_label("Minstens")
    expect(field).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(second.locator(".sentence")).to_contain_text("in 7 dagen minstens 4 is")
    expect(field).to_be_focused()
    expect(second.locator(".beside-count")).to_contain_text("1 van de 5 gesprekken")
    tab_to(page, "select[name=then-who]")
    page.keyboard.press("e")
    expect(second.locator(".sentence")).to_contain_text("bel eerst een leidinggevende")
    second.get_by_role("button", name="Aanzetten").press("Enter")
    expect(page.locator("#rules-said")).to_have_text("Regel 2 staat aan.")

    tab_to(page, "#example-friday")
    page.keyboard.press("Enter")
    expect(page.locator("#rules > li")).to_have_count(3)
    assert [one["then"] for one in drafted()] == [
        {"first": {"agent": "bram"}},
        {"first": "supervisor"},
        {"only": "promise"},
    ]
    assert all(one["enabled"] for one in drafted())
    assert violations(page) == []

    tab_to(page, "#why")
    page.keyboard.type("Zoals afgesproken")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#rules-said")).to_have_text("Versie 2 geldt nu.")
    tab_to(page, "#put-back-1 summary")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("Toch niet")
    page.keyboard.press("Enter")
    expect(page.locator("#rules-said")).to_have_text("Versie 3 geldt nu, met de regels van eerder.")
    expect(page.locator("#rules > li")).to_have_count(0)
    assert complaints == []
    page.context.close()


def test_two_browsers_edit_one_draft_and_nobodys_work_is_lost(browser: Browser, url: str) -> None:
    anna, bram = comes_in(browser, url), comes_in(browser, url, "bram")
    complaints = [complaints_of(anna), complaints_of(bram)]
    for number, code in enumerate(("vip", "often"), 1):
        anna.locator(f"#example-{code}").click()
        expect(anna.locator("#rules > li")).to_have_count(number)
    # What others did appears by itself; whoever comes back to the page needn't wait for it.
    bram.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    expect(bram.locator("#rules > li")).to_have_count(2)

    # Each another rule: both stay, and each sees the other's.
    anna.locator(".word[data-row=then-who]").nth(0).click()
    anna.locator("select[name=then-who]").select_option("owner")
    expect(anna.locator("#rules-said")).to_have_text("Opgeslagen in het concept.")
    bram.locator(".word[data-row=when-0]").nth(2).click()
    bram.get_by_label("Minstens").fill("5")
    expect(bram.locator("#rules .sentence").nth(0)).to_contain_text("bel eerst de behandelaar")
    expect(bram.locator("#rules .sentence").nth(1)).to_contain_text("minstens 5 is")
    assert [one["then"].get("first") for one in drafted()] == ["owner", "supervisor"]

    # The same rule: both texts, and a choice. What Anna saves doesn't reach Bram by itself just now.
    bram.route(re.compile("revision="), lambda route: route.fulfill(status=204))
    bram.locator(".word[data-row=then-who]").nth(0).click()
    expect(bram.get_by_label("Wie gaat het eerst over?")).to_be_focused()
    anna.get_by_label("Wie gaat het eerst over?").select_option("supervisor")
    expect(anna.locator("#rules .sentence").nth(0)).to_contain_text("bel eerst een leidinggevende")
    bram.get_by_label("Wie gaat het eerst over?").select_option("agent:bram")
    clash = bram.locator(".clash")
    expect(clash).to_contain_text("bel eerst Bram Jansen")
    expect(clash).to_contain_text("bel eerst een leidinggevende")
    expect(clash).to_contain_text("Anna Jansen veranderde regel 1 intussen ook")
    expect(clash).to_be_focused()
    assert violations(bram) == []
    # It waits for his choice, whatever else he does, in the very same rule too.
    bram.get_by_role("button", name="Uitzetten (regel 2)").click()
    expect(bram.locator("#rules-said")).to_have_text("Regel 2 staat uit.")
    bram.get_by_label("Wie gaat het eerst over?").select_option("knows_case")
    expect(bram.locator("#rules .sentence").nth(0)).to_contain_text("bel eerst wie de zaak kent")
    bram.get_by_label("Wie gaat het eerst over?").select_option("supervisor")
    expect(bram.locator("#rules .sentence").nth(0)).to_contain_text("bel eerst een leidinggevende")
    expect(clash).to_contain_text("bel eerst Bram Jansen")
    clash.get_by_role("button", name="Houd beide").click()
    expect(bram.locator("#rules > li")).to_have_count(3)
    expect(clash).to_have_count(0)
    assert [one["then"]["first"] for one in drafted()][:2] == ["supervisor", {"agent": "bram"}]
    assert complaints == [[], []]
    for one in (anna, bram):
        one.context.close()


def test_rules_are_put_in_order_by_keys_buttons_and_dragging(browser: Browser, url: str) -> None:
    page = comes_in(browser, url)
    complaints = complaints_of(page)
    for number, code in enumerate(("vip", "often", "friday"), 1):
        page.locator(f"#example-{code}").click()
        expect(page.locator("#rules > li")).to_have_count(number)
    vip, often, friday = (one["id"] for one in drafted())

    def order() -> list[str]:
        return [one["id"] for one in drafted()]

    page.locator(f"#rule-{friday} .word").first.focus()
    page.keyboard.press("Alt+ArrowUp")
    page.keyboard.press("Alt+ArrowUp")
    until(page, lambda: order() == [friday, vip, often], "moving by keys")
    expect(page.locator("#rules-said")).to_have_text("Staat nu op plaats 1.")
    expect(page.locator(f"#rule-{friday} .word").first).to_be_focused()

    page.get_by_role("button", name="Regel 2 omlaag").press("Enter")
    until(page, lambda: order() == [friday, often, vip], "moving by a button")
    expect(page.locator(f"#rule-{vip}")).to_be_focused()  # the last has no button to go further down

    handle, target = page.locator(f"#handle-{friday}"), page.locator(f"#rule-{vip}")
    handle.scroll_into_view_if_needed()
    start, end = handle.bounding_box(), target.bounding_box()
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] + 5, start["y"] + 5)
    page.mouse.down()
    page.mouse.move(start["x"] + 5, end["y"] + end["height"] - 5, steps=12)
    page.mouse.up()
    until(page, lambda: order() == [often, vip, friday], "dragging")
    expect(page.locator("#rules-said")).to_have_text("Staat nu op plaats 3.")
    assert complaints == []
    page.context.close()


def test_what_cannot_be_saved_is_told_at_once_and_stays_written(browser: Browser, url: str) -> None:
    page = comes_in(browser, url)
    page.locator("#example-vip").click()
    page.locator(".word[data-row=when-0]").click()

    page.get_by_role("checkbox", name="VIP").uncheck()

    expect(page.locator(".field-mistake:visible")).to_have_text(
        "Kies of typ er minstens één, of haal deze voorwaarde weg."
    )
    assert violations(page) == []
    page.get_by_label("Of typ er zelf een").fill("Goud")
    expect(page.locator("#rules .sentence")).to_contain_text("het kenmerk Goud")
    expect(page.locator(".field-mistake:visible")).to_have_count(0)
    page.context.close()


def test_what_is_written_while_the_server_is_away_is_saved_once_it_is_back(
    browser: Browser, url: str
) -> None:
    page = comes_in(browser, url)
    page.locator("#example-often").click()
    page.locator(".word[data-row=when-0]").first.click()
    page.route("**/admin/rules/rule/*", lambda route: route.abort())

    page.get_by_label("Minstens").fill("6")

    expect(page.locator("#rules-said")).to_contain_text("De server is even niet bereikbaar")
    assert drafted()[0]["when"][0]["at_least"] == 3
    page.unroute("**/admin/rules/rule/*")
    expect(page.locator("#rules .sentence")).to_contain_text("minstens 6 is")
    expect(page.get_by_label("Minstens")).to_be_focused()
    page.context.close()


# 720 px wide is what is left of 1440 at twice the size.
EVERYBODY = [
    ("nl", 1440, "light"),
    ("nl", 390, "dark"),
    ("nl", 720, "light"),
    ("en", 1440, "dark"),
    ("en", 390, "light"),
]


def test_nothing_stands_in_the_way_of_anybody(browser: Browser, url: str) -> None:
    """Without a rule and with three, of which one and the ladder are open."""
    pages = []
    for language, width, scheme in EVERYBODY:
        page = comes_in(browser, url, width=width, language=language, color_scheme=scheme)
        if page.locator("html").get_attribute("lang") != language:
            page.get_by_role("button", name="English").click()
        expect(page.locator("html")).to_have_attribute("lang", language)
        expect(page.locator(".rules-live-page")).to_be_attached()
        assert violations(page) == [], (language, width, scheme)
        pages.append(page)
    for number, code in enumerate(("vip", "often", "friday"), 1):
        pages[0].locator(f"#example-{code}").click()
        expect(pages[0].locator("#rules > li")).to_have_count(number)
    for page, how in zip(pages, EVERYBODY, strict=True):
        page.reload()
        expect(page.locator(".rules-live-page")).to_be_attached()
        expect(page.locator("html")).to_have_attribute("lang", how[0])
        page.locator(".beside-calls summary").first.click()
        for opener, opened in (("#open-ladder", "#rule-ladder"), ("#rules [data-open]", "#rules")):
            page.locator(opener).first.click()
            # One at a time is open, and the other closes when this one comes.
            expect(page.locator(f"{opened} [name=edited]")).to_have_count(1)
            for more in page.locator("[data-more]").all():
                more.locator("summary").click()
            assert violations(page) == [], how
            assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), how
        # And the page that says who is treated otherwise.
        page.locator("#draft a[href='/admin/rules/proof']").click()
        expect(page.locator(".proof-list > li").first).to_be_visible()
        assert violations(page) == [], how
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), how
        page.context.close()


def test_a_long_period_is_replayed_by_itself_part_after_part(
    browser: Browser, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "AT_A_TIME", 2)
    with db.transaction() as session:
        draft = {"rules": [{"id": "r1", "then": {"only": "promise"}}]}
        publishing.save(session, draft, based_on=1, revision=None, who="anna@example.nl", now=utcnow())
    page = comes_in(browser, url, width=390)
    complaints = complaints_of(page)
    parts: list[str] = []
    page.on("response", lambda answer: parts.append(answer.url) if "after=" in answer.url else None)

    page.goto(f"{url}/admin/simulate/replay?since=2026-01-01&until=2099-01-01")

    expect(page.locator("#replay-over")).to_have_text("Alle gesprekken van deze periode zijn nagespeeld.")
    expect(page.locator("#replay-progress")).to_contain_text("5 van de 5 gesprekken nagespeeld")
    expect(page.locator("[data-figure=calls]")).to_have_text("5")
    expect(page.locator("#replay-list tbody tr")).to_have_count(5)
    until(page, lambda: len(parts) >= 2, "the second part")
    assert len(parts) == 2
    assert violations(page) == []
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert complaints == []
    page.context.close()
