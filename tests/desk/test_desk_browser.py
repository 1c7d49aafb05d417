"""What does an agent live through at the desk, in a real browser?"""

import contextlib
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request, Route, expect

import config
from app.agents import presence
from app.clock import utcnow
from app.db import transaction
from app.deployment import Deployment
from app.jobs.callbacks import work_off
from app.outgoing.conversations import words_of
from app.records.agents import Activity, Intent, Presence, Reach, Softphone
from app.records.calls import Call, CallStep, StepOutcome
from app.records.messages import Message
from app.records.promises import Promise
from tests import factories
from tests.axe import violations
from tests.desk import office
from tests.factories import ADA, BEN
from tests.pages import resize, sticks_out, until


@pytest.fixture
def office_of_two(flask_app: Flask) -> None:
    """Anna and Ben at their desks; Ada's case is Anna's, Ben's customer is somebody else."""
    with transaction() as session:
        factories.line(session)
        for key, phone in (("anna", "+31612344567"), ("ben", "+31612344568")):
            factories.agent(session, key, phone=phone, softphone=Softphone.NONE)
            office.user(session, key)
        factories.customer(session, "K1", ADA, name="Ada Lovelace")
        factories.customer(session, "K2", ADA, name="Charles Babbage")
        factories.case(session, "Z1", "K1", handled_by=("ben", "anna", "anna"))
        factories.customer(session, "K3", BEN, name="Grace Hopper")
        factories.case(session, "Z3", "K3", handled_by=("anna",))
        session.add(
            Promise(
                origin="test:1",
                number=BEN,
                customer="K3",
                case="Z3",
                agent="anna",
                team="Burgerzaken",
                language="nl",
                due_at=datetime.now(UTC) + timedelta(hours=1),
                created_at=datetime.now(UTC),
                state="open",
            )
        )


@pytest.fixture
def url(flask_app: Flask, office_of_two: None, free_port: int) -> Iterator[str]:
    with office.serving(flask_app, free_port) as address:
        yield address


@pytest.fixture
def desk(page: Page, url: str) -> Iterator[Page]:
    """Anna's desk, connected. Whatever the browser complains of fails the test."""
    complaints = complaints_of(page)
    sign_in(page, url)
    yield page
    # What a test breaks on purpose, the browser rightly tells.
    assert [text for text in complaints if not re.search("net::ERR|Failed to load resource", text)] == []


def complaints_of(page: Page) -> list[str]:
    """Return what the browser complains of on this page, from now on."""
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


def sign_in(page: Page, url: str, who: str = "anna") -> None:
    """Open the desk of somebody who came in before: the form costs as much as all the rest of many a test."""
    office.let_in(page, url, f"{who}@example.nl")
    page.goto(f"{url}/desk")
    until_connected(page)


def sign_in_by_form(page: Page, url: str, who: str = "anna") -> None:
    page.goto(f"{url}/desk")
    page.get_by_label("E-mail").fill(f"{who}@example.nl")
    page.get_by_label("Wachtwoord").fill(office.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{url}/desk")
    until_connected(page)


def until_connected(page: Page) -> None:
    """Wait until the desk has proved that it lives: its stream is open and it has told so."""
    page.wait_for_function(
        "() => performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/desk/heartbeat'))"
    )


def presence_of(agent: str) -> Presence:
    with transaction() as session:
        return session.get_one(Presence, agent)


# --- the pop -----------------------------------------------------------------------------------------


def test_the_card_is_painted_when_a_call_comes_in(desk: Page, settings: config.Settings) -> None:
    desk.emulate_media(reduced_motion="no-preference")
    expect(desk.get_by_text("Klaar voor het volgende gesprek")).to_be_visible()

    sid = office.call_in(settings, ADA)

    expect(desk.get_by_role("heading", name="Ada Lovelace")).to_be_visible()
    expect(desk.locator(".call-state")).to_contain_text("Gaat over")
    expect(desk.get_by_text("Klaar voor het volgende gesprek")).to_be_hidden()
    expect(desk.locator("#announcer")).to_have_text("Er wordt gebeld: Ada Lovelace.")
    # It changes with the usual one every second.
    expect(desk).to_have_title(re.compile("^☎"))
    desk.wait_for_function("() => performance.getEntriesByName('card-painted').length === 1")
    painted = desk.evaluate(
        "() => { const at = (name) => performance.getEntriesByName(name)[0];"
        " return [at('card-painted').detail, at('card-painted').startTime - at('pop-heard').startTime] }"
    )
    assert painted[0] == sid
    print(f"from pop to painted card: {painted[1]:.0f} ms", file=sys.stderr)


def test_the_card_follows_the_call_to_its_end(desk: Page, settings: config.Settings) -> None:
    sid = office.call_in(settings, ADA)
    state = desk.locator(".call-state")
    expect(state).to_contain_text("Gaat over")

    office.pick_up(sid)
    expect(state).to_contain_text("In gesprek")
    expect(desk.locator("#announcer")).to_have_text("U bent in gesprek.")
    expect(state.locator("[data-since]")).to_have_text(re.compile(r"^\d+:\d\d$"))

    office.hang_up(settings, sid)
    expect(state).to_contain_text("Opgehangen")
    expect(desk.get_by_role("button", name="Nog een minuut")).to_be_visible()
    expect(desk.locator("#board")).to_contain_text("gesproken")

    desk.get_by_role("button", name=re.compile("^Klaar$")).click()
    expect(desk.locator("#presence")).to_contain_text("Beschikbaar")
    until(desk, lambda: presence_of("anna").activity == Activity.IDLE)


def test_a_new_call_replaces_the_card_even_when_the_old_one_answers_late(
    desk: Page, settings: config.Settings
) -> None:
    held: list[Route] = []
    first = office.call_in(settings, ADA, sid="CA" + "1" * 32)
    expect(desk.get_by_role("heading", name="Ada Lovelace")).to_be_visible()
    office.hang_up(settings, first)
    desk.route(f"**/desk/calls/{first}/card*", lambda route: held.append(route))
    desk.locator(f"[data-open-call='{first}']").click()
    until(desk, lambda: held)

    office.call_in(settings, BEN, sid="CA" + "2" * 32)
    expect(desk.get_by_role("heading", name="Grace Hopper")).to_be_visible()
    for route in held:
        with contextlib.suppress(Error):  # the page may have given up on it
            route.fulfill(status=200, content_type="text/html", body="<article class=card>Ada</article>")

    expect(desk.get_by_role("heading", name="Grace Hopper")).to_be_visible()
    assert desk.locator(".card").count() == 1


def test_a_desk_never_shows_the_call_of_a_colleague(
    desk: Page, browser: Browser, url: str, settings: config.Settings
) -> None:
    context = browser.new_context(locale="nl-NL")
    of_ben = context.new_page()
    asked: list[str] = []
    of_ben.on("request", lambda request: asked.append(request.url))
    sign_in(of_ben, url, "ben")

    office.call_in(settings, ADA)

    expect(desk.get_by_role("heading", name="Ada Lovelace")).to_be_visible()
    office.tell("ben", 1, kind="presence")
    until(of_ben, lambda: any(address.endswith("/desk/presence") for address in asked))
    assert not [address for address in asked if "/card" in address]
    assert "Lovelace" not in of_ben.content()
    context.close()


def test_a_reload_shows_the_ringing_call_again(desk: Page, settings: config.Settings) -> None:
    office.call_in(settings, ADA)
    expect(desk.get_by_role("heading", name="Ada Lovelace")).to_be_visible()

    desk.reload()

    expect(desk.get_by_role("heading", name="Ada Lovelace")).to_be_visible()
    expect(desk.locator(".call-state")).to_contain_text("Gaat over")


def test_a_callback_is_announced_as_one_and_not_as_somebody_who_calls(
    desk: Page, settings: config.Settings
) -> None:
    now = datetime.now(UTC)
    with transaction() as session:
        factories.promise(
            session, number=ADA, agent="anna", case="Z1", due_at=now + timedelta(minutes=1), now=now
        )

    work_off(Deployment.of(settings), now)

    expect(desk.locator("#announcer")).to_have_text("Tijd om terug te bellen: Ada Lovelace.")


def test_the_notification_of_a_hidden_tab_names_nobody(desk: Page, settings: config.Settings) -> None:
    desk.evaluate(
        """() => {
          window.shown = [];
          window.Notification = class extends EventTarget {
            static permission = "granted";
            constructor(title, options) { super(); window.shown.push(JSON.stringify([title, options])); }
            close() {}
          };
          Object.defineProperty(document, "hidden", { get: () => true });
        }"""
    )

    sid = office.call_in(settings, ADA)

    desk.wait_for_function("() => window.shown.length === 1")
    # The name of the call is made up, and may spell any three digits.
    shown = desk.evaluate("() => window.shown[0]").replace(sid, "")
    assert "Er wordt gebeld" in shown
    assert "Ada" not in shown
    assert "678" not in shown


# --- hands -------------------------------------------------------------------------------------------


def test_declining_takes_a_reason_and_the_card_says_where_the_call_went(
    desk: Page, settings: config.Settings
) -> None:
    sid = office.call_in(settings, ADA)
    desk.locator("summary", has_text="Niet aannemen").click()
    desk.get_by_role("button", name="Ik rond nog iets af").click()

    expect(desk.locator(".call-state")).to_contain_text("Niet meer bij u")
    with transaction() as session:
        step = session.get_one(CallStep, (sid, 1))
    assert (step.outcome, step.declined_why) == (StepOutcome.DECLINED, "finishing")


def test_what_is_masked_appears_when_the_agent_has_checked(desk: Page, settings: config.Settings) -> None:
    office.call_in(settings, ADA)
    card = desk.locator(".card")
    expect(card).to_contain_text("+31 • ••••••78")
    assert "1234AB" not in desk.content()

    desk.get_by_role("button", name=re.compile("gecontroleerd")).click()

    expect(card).to_contain_text("+31 6 12345678")
    expect(card).to_contain_text("1234AB")


def test_picking_another_customer_changes_the_card(desk: Page, settings: config.Settings) -> None:
    office.call_in(settings, ADA)

    desk.get_by_role("button", name="Dit is de klant: Charles Babbage").click()

    expect(desk.get_by_role("heading", name="Charles Babbage")).to_be_visible()
    expect(desk.get_by_role("button", name="Dit is de klant: Ada Lovelace")).to_be_visible()


def test_whoever_rings_is_found_and_picked_by_keyboard_and_what_is_typed_stays(
    desk: Page, settings: config.Settings
) -> None:
    sid = office.call_in(settings, "+31611112222")
    expect(desk.get_by_role("heading", name="Onbekend nummer")).to_be_visible()
    desk.get_by_text("Nieuwe klant", exact=True).click()
    desk.get_by_label("Naam", exact=True).fill("Half een naam")
    search = desk.get_by_role("searchbox", name="Zoek een klant of zaak")
    search.press_sequentially("hopp")
    expect(desk.locator("#announcer")).to_have_text("Eén klant gevonden.")

    # The card is made anew, as after news of its call.
    desk.locator(".card").evaluate("card => { card.dataset.old = '' }")
    office.tell_screen_pop(sid)
    expect(desk.locator(".card[data-old]")).to_have_count(0)
    expect(desk.get_by_label("Naam", exact=True)).to_have_value("Half een naam")
    expect(search).to_have_value("hopp")
    expect(search).to_be_focused()
    desk.keyboard.press("ArrowDown")
    found = desk.get_by_role("button", name="Dit is de klant: Grace Hopper, Zaak Z3")
    expect(found).to_be_focused()
    desk.locator(".card").evaluate("card => { card.dataset.old = '' }")
    office.tell_screen_pop(sid)
    expect(desk.locator(".card[data-old]")).to_have_count(0)
    expect(found).to_be_focused()
    desk.keyboard.press("Enter")

    expect(desk.get_by_role("heading", name="Grace Hopper")).to_be_visible()
    expect(desk.locator("#call")).to_be_focused()
    assert violations(desk, "#card") == []


def test_a_new_customer_is_made_by_keyboard_told_of_and_the_focus_stays_with_the_card(
    desk: Page, settings: config.Settings
) -> None:
    office.call_in(settings, "+31611112222")
    desk.get_by_text("Nieuwe klant", exact=True).press("Enter")
    desk.get_by_label("Naam", exact=True).fill("Mary Somerville")

    desk.keyboard.press("Enter")

    expect(desk.get_by_role("heading", name="Mary Somerville")).to_be_visible()
    expect(desk.locator("#announcer")).to_have_text("Mary Somerville")
    expect(desk.locator("#call")).to_be_focused()


def test_a_search_that_is_refused_says_why(desk: Page, settings: config.Settings) -> None:
    office.call_in(settings, ADA)
    refusal = json.dumps({"title": "Even geduld.", "detail": "Over een minuut kan het weer."})
    desk.route("**/find", lambda route: route.fulfill(status=429, body=refusal))

    desk.get_by_role("searchbox", name="Zoek een klant of zaak").fill("hopp")

    expect(desk.locator("[data-found]")).to_have_text("Even geduld. Over een minuut kan het weer.")


def wraps_up_no_more(agent: str) -> None:
    with transaction() as session:
        assert presence.end_wrap_up(session, agent, utcnow())


def notes_kept(sid: str) -> tuple[str, str] | None:
    with transaction() as session:
        words = words_of(session, sid, "anna")
        return (words.summary, words.outcome) if words.are_there else None


def test_notes_save_themselves(desk: Page, settings: config.Settings) -> None:
    sid = office.call_in(settings, ADA)
    office.pick_up(sid)
    expect(desk.locator(".call-state")).to_contain_text("In gesprek")

    desk.get_by_label(re.compile("Notities")).fill("Belt morgen terug")
    desk.get_by_role("radio", name="Wacht op iemand").check()

    expect(desk.locator(".saved")).to_contain_text("Bewaard om")
    until(desk, lambda: notes_kept(sid) == ("Belt morgen terug", "waiting"))


def test_notes_outlive_a_server_that_fails_and_a_reload(desk: Page, settings: config.Settings) -> None:
    sid = office.call_in(settings, ADA)
    office.pick_up(sid)
    expect(desk.locator(".call-state")).to_contain_text("In gesprek")
    desk.route("**/notes", lambda route: route.fulfill(status=500))
    desk.get_by_label(re.compile("Notities")).fill("Dit mag niet weg")
    expect(desk.locator(".saved")).to_contain_text("Nog niet bewaard")
    assert notes_kept(sid) is None

    desk.once("dialog", lambda dialog: dialog.accept())
    desk.reload()
    expect(desk.get_by_label(re.compile("Notities"))).to_have_value("Dit mag niet weg")
    desk.unroute_all()

    until(desk, lambda: (notes_kept(sid) or ("",))[0] == "Dit mag niet weg")
    expect(desk.locator(".saved")).to_contain_text("Bewaard om")


def test_typing_goes_on_undisturbed_while_the_call_changes(desk: Page, settings: config.Settings) -> None:
    sid = office.call_in(settings, ADA)
    notes = desk.get_by_label(re.compile("Notities"))
    notes.press_sequentially("Eerst dit")

    office.pick_up(sid)
    expect(desk.locator(".call-state")).to_contain_text("In gesprek")
    notes.press_sequentially(" en dan dat")
    office.hang_up(settings, sid)
    expect(desk.locator(".call-state")).to_contain_text("Opgehangen")

    expect(notes).to_have_value("Eerst dit en dan dat")
    expect(notes).to_be_focused()


def test_everything_can_be_done_by_keyboard(desk: Page, settings: config.Settings) -> None:
    # Of two presses the later one stands, however long the first is on its way.
    held: list[Route] = []
    desk.route("**/desk/presence", lambda route: route.continue_() if held else held.append(route))
    desk.keyboard.press("p")
    until(desk, lambda: held, "a first press")
    desk.keyboard.press("b")
    with desk.expect_response(lambda answer: "state=available" in (answer.request.post_data or "")):
        held[0].continue_()
    desk.unroute("**/desk/presence")
    expect(desk.locator(".standing")).to_contain_text("Beschikbaar")
    until(desk, lambda: presence_of("anna").intent == Intent.AVAILABLE)

    sid = office.call_in(settings, ADA)
    expect(desk.get_by_role("heading", name="Ada Lovelace")).to_be_visible()
    desk.keyboard.press("k")
    expect(desk.locator("#call")).to_be_focused()
    desk.keyboard.press("Alt+g")
    expect(desk.locator(".card")).to_contain_text("1234AB")
    desk.keyboard.press("n")
    desk.keyboard.type("bpwd")
    expect(desk.get_by_label(re.compile("Notities"))).to_have_value("bpwd")
    desk.keyboard.press("Shift+Tab")
    desk.keyboard.press("d")
    desk.keyboard.press("Tab")
    desk.keyboard.press("Enter")

    expect(desk.locator(".call-state")).to_contain_text("Niet meer bij u")
    with transaction() as session:
        assert session.get_one(CallStep, (sid, 1)).declined_why == "meeting"


def test_a_stray_key_says_nothing_of_agent_or_customer_while_a_card_is_open(
    desk: Page, settings: config.Settings
) -> None:
    sid = office.call_in(settings, ADA)
    expect(desk.get_by_role("heading", name="Ada Lovelace")).to_be_visible()
    office.pick_up(sid)
    expect(desk.locator(".call-state")).to_contain_text("In gesprek")

    desk.locator("#call").focus()
    desk.keyboard.type("gpwve")
    desk.get_by_label("Opgelost").check()
    desk.keyboard.type("n")
    expect(desk.locator(".intent[value=break] kbd")).to_be_visible()
    desk.keyboard.press("Alt+p")

    until(desk, lambda: presence_of("anna").intent == Intent.BREAK)
    expect(desk.get_by_label("Opgelost")).to_be_focused()
    with transaction() as session:
        assert session.get_one(Call, sid).checked_at is None


@pytest.mark.parametrize("is_moved_away_from", [False, True])
def test_a_note_belongs_to_its_call_whoever_calls_next(
    desk: Page, settings: config.Settings, is_moved_away_from: bool
) -> None:
    first = office.call_in(settings, ADA)
    notes = desk.get_by_label(re.compile("Notities"))
    notes.press_sequentially("Ada wil haar ")
    office.pick_up(first)
    office.hang_up(settings, first)
    expect(desk.locator(".call-state")).to_contain_text("Opgehangen")
    if is_moved_away_from:
        desk.locator("#call").focus()
    wraps_up_no_more("anna")

    second = office.call_in(settings, BEN)
    expect(desk.locator(f".card[data-call={second}]")).to_be_visible()
    pinned = desk.get_by_role("region", name="Uw notitie bij")
    expect(pinned).to_contain_text("Uw notitie bij Ada Lovelace")
    assert sticks_out(desk) == []
    if is_moved_away_from:
        expect(desk.locator("#call")).to_be_focused()
        pinned.get_by_label(re.compile("Notities")).press("End")
    desk.keyboard.type("vergunning")

    until(desk, lambda: (notes_kept(first) or ("",))[0] == "Ada wil haar vergunning")
    expect(desk.locator(".card").get_by_label(re.compile("Notities"))).to_have_value("")
    assert notes_kept(second) is None
    pinned.get_by_role("button", name="Klaar met deze notitie").click()
    expect(pinned).to_have_count(0)


def test_a_note_outlives_a_card_that_was_made_before_it_was_saved(
    desk: Page, settings: config.Settings
) -> None:
    sid = office.call_in(settings, ADA)
    office.pick_up(sid)
    notes = desk.get_by_label(re.compile("Notities"))
    notes.press_sequentially("Belt morgen terug")
    desk.get_by_label("Belofte gedaan").check()
    until(desk, lambda: notes_kept(sid) == ("Belt morgen terug", "promise_made"))
    expect(desk.locator(".saved")).to_contain_text("Bewaard om")

    def made_before(route: Route) -> None:
        html = route.fetch()
        empty = re.sub(r"(<textarea[^>]*>)[^<]*", r"\1", html.text()).replace(" checked>", ">")
        route.fulfill(response=html, body=empty)

    desk.route("**/card", made_before)
    desk.locator(".promising button").first.click()

    expect(desk.locator(".agreed")).to_contain_text("U belt")
    expect(notes).to_have_value("Belt morgen terug")
    expect(desk.get_by_label("Belofte gedaan")).to_be_checked()


def test_after_a_customer_was_picked_no_other_button_has_the_focus(
    desk: Page, settings: config.Settings
) -> None:
    sid = office.call_in(settings, ADA)
    office.pick_up(sid)
    expect(desk.locator(".call-state")).to_contain_text("In gesprek")
    pick = desk.get_by_role("button", name="Dit is de klant: Charles Babbage")
    pick.focus()
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("heading", name="Charles Babbage")).to_be_visible()

    expect(desk.locator("#call")).to_be_focused()
    desk.keyboard.press("Enter")

    expect(desk.get_by_role("heading", name="Charles Babbage")).to_be_visible()
    with transaction() as session:
        call, step = session.get_one(Call, sid), session.get_one(CallStep, (sid, 1))
        assert (call.customer, step.checked_at) == ("K2", None)


def test_a_conversation_can_be_held_while_its_card_is_made_anew(
    desk: Page, settings: config.Settings
) -> None:
    sid = office.call_in(settings, ADA)
    office.pick_up(sid)
    hold = desk.locator("[data-shortcut=h]")
    expect(hold).to_be_enabled()
    held: list[Route] = []
    desk.route(f"**/desk/calls/{sid}/hand-over", lambda route: held.append(route))

    desk.get_by_role("button", name="Dit is de klant: Charles Babbage").click()
    expect(desk.get_by_role("heading", name="Charles Babbage")).to_be_visible()
    until(desk, lambda: held, "how the conversation stands is asked anew")

    expect(hold).to_be_enabled()
    with desk.expect_request(f"**/desk/calls/{sid}/hold"):
        desk.keyboard.press("Alt+h")


def test_what_is_typed_for_the_page_beside_a_call_outlives_its_card_and_is_for_nobody_else(
    desk: Page, settings: config.Settings
) -> None:
    sid = office.call_in(settings, ADA)
    office.pick_up(sid)
    desk.locator("#screen-other-number summary").click()
    number = desk.locator("#screen-number")
    number.fill("06 1234 5678")
    held: list[Route] = []
    desk.route(f"**/desk/calls/{sid}/screen", lambda route: held.append(route))

    desk.keyboard.press("Alt+g")
    expect(desk.locator(".card")).to_contain_text("U hebt de identiteit gecontroleerd")
    until(desk, lambda: held, "how the page stands is asked anew")
    expect(number).to_have_value("06 1234 5678")

    desk.get_by_role("button", name="Dit is de klant: Charles Babbage").click()
    expect(desk.get_by_role("heading", name="Charles Babbage")).to_be_visible()
    expect(number).to_have_count(0)
    for route in held:
        route.continue_()
    desk.unroute_all()


def open_first_promise(desk: Page) -> None:
    """Open the first line of what is owed, and what can be done with it."""
    desk.locator("#board .promise summary").first.click()
    desk.locator("#board .menu summary").first.click()


def test_what_is_done_on_the_board_leaves_the_card_as_it_is(desk: Page, settings: config.Settings) -> None:
    sid = office.call_in(settings, ADA)
    office.pick_up(sid)
    desk.get_by_label(re.compile("Notities")).press_sequentially("Ada wil haar")

    open_first_promise(desk)
    desk.get_by_role("button", name="Ik heb de klant al gesproken").click()

    expect(desk.locator("#board .promise")).to_have_count(0)
    expect(desk.get_by_role("button", name="Ongedaan maken: Grace Hopper")).to_be_visible()
    expect(desk.locator(".menu[open]")).to_have_count(0)
    expect(desk.get_by_label(re.compile("Notities"))).to_have_value("Ada wil haar")
    expect(desk.locator(".refusal")).to_have_count(0)


def test_the_board_waits_for_who_is_choosing_on_it(desk: Page) -> None:
    board = desk.locator("#board")
    held: list[Route] = []
    desk.route("**/desk/board", lambda route: held.append(route))
    office.tell("anna", 1, kind="promise")
    until(desk, lambda: held, "what was asked for before anything was opened")
    open_first_promise(desk)
    time = board.get_by_label("Andere tijd, vóór")
    time.fill("2030-01-02T10:00")
    board.evaluate("board => { board.firstElementChild.dataset.old = '' }")

    held[0].continue_()
    desk.unroute_all()
    office.tell("anna", 2, kind="promise")
    desk.wait_for_timeout(700)  # nothing is to happen

    expect(time).to_have_value("2030-01-02T10:00")
    expect(time).to_be_focused()
    desk.keyboard.press("Escape")
    expect(board.locator("[data-old]")).to_have_count(0)


def test_an_answer_that_comes_late_takes_no_newer_ones_place(desk: Page) -> None:
    held: list[Route] = []
    desk.route("**/desk/presence", lambda route: route.continue_() if held else held.append(route))
    office.tell("anna", 1, kind="presence")
    until(desk, lambda: held, "a question")
    late = held[0].fetch()
    assert "Beschikbaar" in late.text()
    desk.keyboard.press("p")
    expect(desk.locator(".standing")).to_contain_text("Pauze")

    with desk.expect_event("requestfinished", lambda request: request == held[0].request):
        held[0].fulfill(response=late)

    # What is done with an answer is done by the time that the page paints again.
    desk.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    expect(desk.locator(".standing")).to_contain_text("Pauze")


def test_a_promise_is_made_where_the_note_is_written(desk: Page, settings: config.Settings) -> None:
    sid = office.call_in(settings, ADA)
    office.pick_up(sid)
    desk.get_by_label(re.compile("Notities")).press_sequentially("Zoekt het uit")
    own_time = desk.get_by_label("Ander tijdstip, vóór")
    expect(own_time).to_be_hidden()
    desk.get_by_label("Belofte gedaan").check()
    own_time.fill("2020-01-01T10:00")
    desk.get_by_role("button", name="Beloof dit").click()
    expect(desk.locator(".promised")).to_contain_text("Kies een dag en een tijd die nog komen.")

    own_time.fill((datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT10:00"))
    desk.get_by_role("button", name="Beloof dit").click()

    expect(desk.locator(".agreed")).to_contain_text("U belt")
    expect(desk.locator(".promised")).to_contain_text("Beloofd: u belt")
    expect(desk.get_by_label("Belofte gedaan")).to_be_checked()
    expect(desk.locator("#board")).to_contain_text("Ada Lovelace")
    until(desk, lambda: notes_kept(sid) == ("Zoekt het uit", "promise_made"))
    assert violations(desk, "#notes") == []


def test_a_note_that_is_done_with_makes_room_for_the_next_call(desk: Page, settings: config.Settings) -> None:
    first = office.call_in(settings, ADA)
    desk.get_by_label(re.compile("Notities")).press_sequentially("Geregeld")
    desk.get_by_label("Opgelost").check()
    desk.locator("#call").focus()
    office.pick_up(first)
    office.hang_up(settings, first)
    wraps_up_no_more("anna")

    second = office.call_in(settings, BEN)

    expect(desk.locator(f".card[data-call={second}]")).to_be_visible()
    expect(desk.get_by_role("region", name="Uw notitie bij")).to_have_count(0)
    until(desk, lambda: (notes_kept(first) or ("",))[0] == "Geregeld")


def test_what_was_about_to_be_pressed_for_one_caller_is_not_pressed_for_the_next(
    desk: Page, settings: config.Settings
) -> None:
    first = office.call_in(settings, ADA)
    check = desk.get_by_role("button", name=re.compile("gecontroleerd"))
    check.focus()
    office.pick_up(first)
    office.hang_up(settings, first)
    wraps_up_no_more("anna")

    second = office.call_in(settings, BEN)
    expect(desk.locator(f".card[data-call={second}]")).to_be_visible()
    desk.keyboard.press("Enter")

    expect(desk.locator("#call")).to_be_focused()
    with transaction() as session:
        assert session.get_one(Call, second).checked_at is None


def test_shortcuts_are_shown_and_can_be_switched_off(desk: Page) -> None:
    desk.keyboard.press("?")
    dialog = desk.get_by_role("dialog", name="Sneltoetsen")
    expect(dialog).to_contain_text("Identiteit gecontroleerd")
    dialog.get_by_label("Sneltoetsen gebruiken").uncheck()
    desk.keyboard.press("Escape")

    desk.keyboard.press("p")
    desk.reload()
    until_connected(desk)
    desk.keyboard.press("p")

    expect(desk.locator(".standing")).to_contain_text("Beschikbaar")
    expect(desk.locator(".intent kbd").first).to_be_hidden()
    assert presence_of("anna").intent == Intent.AVAILABLE


def test_a_long_name_or_address_makes_nothing_wider_than_the_smallest_window(
    desk: Page, settings: config.Settings
) -> None:
    now = utcnow()
    long = "Wilhelmina-Alexandrina van der Molen-Oosterhuis" * 2
    with transaction() as session:
        factories.customer(session, "L1", "+31611110001", name=long)
        factories.customer(session, "L2", ADA, name=long)
        factories.promise(
            session, number="+31611110001", customer="L1", now=now, due_at=now + timedelta(minutes=30)
        )
        link = "https://bellen.example.nl/c/" + "MQUrDIBx" * 8
        session.add(
            Message(
                sid="SM1",
                direction="outbound",
                number=ADA,
                line=factories.LINE,
                body=link,
                agent="anna",
                customer="K1",
                case="Z1",
                team="Burgerzaken",
                status="delivered",
                at=now,
            )
        )
    desk.reload()
    until_connected(desk)
    office.call_in(settings, ADA)
    expect(desk.get_by_role("heading", name="Ada Lovelace")).to_be_visible()
    expect(desk.locator(".timeline")).to_contain_text(link)
    desk.get_by_role("searchbox", name="Zoek een klant of zaak").fill("wilhelmina")
    expect(desk.locator(".found-list strong")).to_have_count(2)
    open_first_promise(desk)

    for width in (320, 720, 1440):
        resize(desk, width, 640)
        assert sticks_out(desk) == []
        assert desk.locator("#board").bounding_box()["width"] <= width
        assert violations(desk) == []


def test_on_a_telephone_a_call_comes_into_view_and_pulls_nobody_away_from_their_words(
    desk: Page, settings: config.Settings
) -> None:
    resize(desk, 390)
    desk.evaluate("() => scrollTo(0, document.body.scrollHeight)")
    first = office.call_in(settings, ADA)
    expect(desk.get_by_role("heading", name="Ada Lovelace")).to_be_in_viewport()
    office.hang_up(settings, first)
    expect(desk.locator(".call-state")).to_contain_text("Opgehangen")

    open_first_promise(desk)
    time = desk.get_by_label("Andere tijd, vóór").first
    time.focus()
    office.call_in(settings, ADA)
    bar = desk.locator("#pop-bar")
    expect(bar).to_contain_text("Ada Lovelace · Zaak Z1")
    expect(time).to_be_focused()
    expect(time).to_be_in_viewport()
    bar.get_by_role("button", name="Naar dit gesprek").click()

    expect(desk.get_by_role("heading", name="Ada Lovelace")).to_be_in_viewport()
    expect(desk.locator("#call")).to_be_focused()
    expect(bar).to_be_hidden()


def test_a_call_does_not_take_the_focus(desk: Page, settings: config.Settings) -> None:
    desk.get_by_role("button", name="Sneltoetsen").focus()

    office.call_in(settings, ADA)
    expect(desk.get_by_role("heading", name="Ada Lovelace")).to_be_visible()

    expect(desk.get_by_role("button", name="Sneltoetsen")).to_be_focused()


# --- alive or not ------------------------------------------------------------------------------------


def beats(page: Page) -> list[Request]:
    found: list[Request] = []
    page.on("request", lambda request: found.append(request) if "/heartbeat" in request.url else None)
    return found


def test_when_the_server_goes_the_desk_turns_red_and_stops_claiming_to_live(
    page: Page, flask_app: Flask, office_of_two: None, free_port: int, settings: config.Settings
) -> None:
    with office.serving(flask_app, free_port) as url:
        sign_in(page, url)
    alarm = page.locator("#alarm")
    expect(alarm).to_contain_text("Uw werkplek heeft geen verbinding")
    expect(alarm).to_have_css("background-color", "rgb(179, 38, 30)")
    # The lamp beside it too: what was true when the server last spoke is said to be no more than that.
    shown = page.locator(".standing p:visible")
    expect(shown).to_have_text(["Hier niet bereikbaar", "laatst bekend: Beschikbaar"])
    expect(shown.locator(".lamp")).to_have_css("background-color", "rgb(140, 29, 24)")
    claims = beats(page)
    office.tell("anna", 1)
    page.wait_for_timeout(6000)
    assert claims == []

    with office.serving(flask_app, free_port):
        expect(alarm).to_be_hidden()
        expect(page.locator(".standing strong:visible")).to_have_text("Beschikbaar")
        until(page, lambda: claims)
        office.call_in(settings, ADA)
        expect(page.get_by_role("heading", name="Ada Lovelace")).to_be_visible()


def test_a_stream_that_falls_silent_is_not_believed(page: Page, url: str) -> None:
    # A proxy that lost its other side: the connection stays open and nothing comes.
    page.add_init_script(
        """window.EventSource = class extends EventTarget {
          static OPEN = 1; static CLOSED = 2;
          constructor() {
            super();
            this.readyState = 1;
            window.opened = (window.opened ?? 0) + 1;
            if (window.opened === 1) setTimeout(() => this.dispatchEvent(new Event("tick")), 10);
          }
          close() { this.readyState = 2; }
        };"""
    )
    # The page waits as long as it is told to; its usual 25 s would be a long test.
    sign_in(page, url)
    page.route("**/desk", impatient)
    page.reload()
    until_connected(page)
    page.route("**/desk/poll*", lambda route: route.abort())

    expect(page.locator("#alarm")).to_contain_text("Uw werkplek heeft geen verbinding")


def impatient(route: Route) -> None:
    response = route.fetch()
    route.fulfill(response=response, body=response.text().replace('seconds="25"', 'seconds="2"'))


def test_where_no_stream_passes_calls_still_appear(page: Page, url: str, settings: config.Settings) -> None:
    page.route("**/desk/events*", lambda route: route.abort())
    sign_in(page, url)

    office.call_in(settings, ADA)

    expect(page.get_by_role("heading", name="Ada Lovelace")).to_be_visible()
    expect(page.locator("#alarm")).to_contain_text("omweg")


def test_one_tab_is_the_desk_until_another_takes_over(
    desk: Page, url: str, settings: config.Settings
) -> None:
    second = desk.context.new_page()
    second.goto(f"{url}/desk")
    expect(second.get_by_text("Uw werkplek is open in een ander tabblad")).to_be_visible()

    second.get_by_role("button", name="Hier verder werken").click()

    expect(desk.get_by_text("Uw werkplek is open in een ander tabblad")).to_be_visible()
    office.call_in(settings, ADA)
    expect(second.get_by_role("heading", name="Ada Lovelace")).to_be_visible()
    assert desk.locator(".card").count() == 0


def test_signing_in_anew_in_another_tab_goes_on_working(desk: Page, url: str) -> None:
    with_new_token = desk.context.new_page()
    with_new_token.goto(f"{url}/desk")
    with_new_token.locator("#me > summary").click()
    with_new_token.get_by_role("button", name="Uitloggen", exact=True).click()
    with_new_token.get_by_label("E-mail").fill("anna@example.nl")
    with_new_token.get_by_label("Wachtwoord").fill(office.PASSWORD)
    with_new_token.keyboard.press("Enter")
    with_new_token.wait_for_url(f"{url}/desk")

    desk.keyboard.press("p")

    expect(desk.locator(".standing")).to_contain_text("Pauze")
    until(desk, lambda: presence_of("anna").intent == Intent.BREAK)


def test_when_a_colleague_signs_in_here_the_old_page_shows_none_of_their_calls(
    desk: Page, flask_app: Flask, settings: config.Settings
) -> None:
    client = flask_app.test_client()
    office.sign_in(client, "ben@example.nl")
    cookie = client.get_cookie("rechtdoor")
    assert cookie
    desk.context.add_cookies([{"name": "rechtdoor", "value": cookie.value, "url": desk.url}])

    desk.keyboard.press("p")

    expect(desk.locator("#alarm")).to_contain_text("U bent uitgelogd")
    expect(desk.locator("#not-here")).to_have_text("Hier gaat nu niets over: u bent hier uitgelogd.")
    expect(desk.locator(".standing-state.when-proven")).to_be_hidden()
    assert presence_of("ben").intent == Intent.AVAILABLE


def test_signed_out_elsewhere_the_desk_says_so_and_keeps_the_notes(
    desk: Page, settings: config.Settings
) -> None:
    sid = office.call_in(settings, ADA)
    office.pick_up(sid)
    expect(desk.locator(".call-state")).to_contain_text("In gesprek")
    desk.context.clear_cookies()

    desk.get_by_label(re.compile("Notities")).fill("Nog niet bewaard")

    expect(desk.locator("#alarm")).to_contain_text("U bent uitgelogd")
    expect(desk.get_by_role("link", name="Opnieuw inloggen")).to_be_visible()
    expect(desk.get_by_label(re.compile("Notities"))).to_have_value("Nog niet bewaard")


# --- for everybody -----------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_stands_in_the_way_of_anybody(
    browser: Browser, url: str, settings: config.Settings, scheme: str, width: int
) -> None:
    context = browser.new_context(
        locale="nl-NL", color_scheme=scheme, viewport={"width": width, "height": 900}, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(f"{url}/login")
    assert violations(page) == []
    page.get_by_label("E-mail").fill("anna@example.nl")
    page.get_by_label("Wachtwoord").fill("verkeerd wachtwoord")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    assert violations(page) == []

    sign_in_by_form(page, url)
    assert violations(page) == []
    assert sticks_out(page) == []

    office.call_in(settings, ADA)
    expect(page.get_by_role("heading", name="Ada Lovelace")).to_be_visible()
    page.locator("summary", has_text="Niet aannemen").click()
    assert violations(page) == []
    assert sticks_out(page) == []
    context.close()


def test_the_desk_asks_no_other_host(page: Page, url: str, settings: config.Settings) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    complaints = complaints_of(page)
    sign_in_by_form(page, url)
    office.call_in(settings, ADA)
    expect(page.get_by_role("heading", name="Ada Lovelace")).to_be_visible()

    assert [address for address in asked if not address.startswith((url, "data:"))] == []
    assert complaints == []


def test_where_to_be_reached_is_chosen_on_the_page(desk: Page) -> None:
    expect(desk.locator("#presence")).to_contain_text(
        "\u20604567, tot een kwartier nadat u deze pagina sluit"
    )

    desk.get_by_role("button", name="Mijn telefoon").click()

    expect(desk.locator("#presence")).to_contain_text("Oproepen gaan over op uw telefoon …\u20604567.")
    assert presence_of("anna").reach == Reach.PHONE
