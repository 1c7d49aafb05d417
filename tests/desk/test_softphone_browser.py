"""Is the desk itself a telephone? The real Voice SDK in the desk's own page, and a carrier that rings it."""

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Route, expect
from sqlalchemy import select, update
from sqlalchemy.orm import undefer

from app.agents import presence
from app.db import Database
from app.records.agents import Activity, Agent, Presence, Reach, Softphone
from app.records.calls import Call, CallState, CallStep, StepOutcome
from app.records.lines import Line
from phonebox.client import Phonebox, PhoneCall
from startup.warden import Warden
from tests import factories
from tests.axe import violations
from tests.desk import office
from tests.factories import ADA, BEN
from tests.pages import PATIENCE, resize, sticks_out, until
from tests.parts import TELLS, Product, running_product

VOICE = (Path(__file__).parent / "voice.js").read_text()
CALLER_HZ, AGENT_HZ = 600, 1000
ANNAS_PHONE, BENS_PHONE = "+31612344567", "+31612344568"
KATHERINE = "+31612345677"
# Seconds: how often somebody who waits is told so at least.
SAID_AGAIN_WITHIN = 20
# How long the page lets a ring wait for its card; a slow machine may need longer for the card.
CARD_WITHIN = 1200


@pytest.fixture(scope="module")
def product(
    tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path, warden: Warden
) -> Iterator[Product]:
    """One product for all of these tests, as fast as life, but for rings: slow machines look at them long."""
    folder = tmp_path_factory.mktemp("softphone")
    file = folder / "rechtdoor.db"
    shutil.copyfile(migrated_sqlite, file)
    with running_product(f"sqlite:///{file}", folder, warden, speed=1, patience=0.2) as running:
        yield running


class Town:
    """Anna, whose desk is her only telephone, and Ben, who has an ordinary one too; Ada is Anna's caller."""

    def __init__(self, product: Product, database: Database) -> None:
        self.url = product.url
        self.product = product
        self.database = database
        self.phonebox = Phonebox(product.phonebox_url)

    def presence(self, agent: str) -> Presence:
        with self.database.transaction() as session:
            found = session.get_one(Presence, agent)
            session.expunge_all()
            return found

    def call(self, sid: str) -> Call:
        with self.database.transaction() as session:
            found = session.get_one(Call, sid)
            session.expunge_all()
            return found

    def step(self, sid: str, number: int) -> CallStep | None:
        with self.database.transaction() as session:
            found = session.get(CallStep, (sid, number))
            session.expunge_all()
            return found

    def story(self) -> str:
        """What was decided of each call, on what, and how everybody stands: for a test that fails."""
        with self.database.reading() as session:
            steps = session.scalars(select(CallStep).options(undefer(CallStep.situation)))
            decided = [
                f"{one.call_sid} {one.kind} {one.agent} {one.reason}: {one.situation}" for one in steps
            ]
            stand = [
                f"{one.agent} {one.intent} {one.intent_why} {one.activity} {one.call_sid} {one.reach}"
                for one in session.scalars(select(Presence))
            ]
        return "\n".join([*decided, *stand])

    def end_wrap_up(self, agent: str) -> None:
        with self.database.transaction() as session:
            assert presence.end_wrap_up(session, agent, datetime.now(UTC))

    def call_in(self, from_: str = ADA) -> PhoneCall:
        return self.phonebox.call_in(from_, factories.LINE, hz=CALLER_HZ)


@pytest.fixture(scope="module")
def people(product: Product) -> Iterator[Town]:
    database = Database(product.settings["DATABASE_URL"])
    with database.transaction() as session:
        factories.line(session)
        factories.agent(session, "anna", softphone=Softphone.NONE)
        factories.agent(session, "ben", softphone=Softphone.NONE, phone=BENS_PHONE)
        for key in ("anna", "ben"):
            office.user(session, key)
        factories.customer(session, "K1", ADA, name="Ada Lovelace")
        factories.case(session, "Z 1&2", "K1", handled_by=("ben", "anna"))
        factories.customer(session, "K2", BEN, name="Grace Hopper")
        factories.case(session, "Z3", "K2", handled_by=("ben",))
        factories.customer(session, "K3", KATHERINE, name="Katherine Johnson")
        factories.case(session, "Z4", "K3", handled_by=("anna",))
    yield Town(product, database)
    database.dispose()


@pytest.fixture
def town(people: Town, request: pytest.FixtureRequest) -> Iterator[Town]:
    """The town with everybody available and idle, as after a quiet minute."""
    people.phonebox.reset()
    with people.database.transaction() as session:
        # Of calls that the test before left there is no news any more: nobody waits in one for anybody.
        session.execute(
            update(Call)
            .where(Call.state != CallState.ENDED)
            .values(state=CallState.ENDED, waiting_since=None, waiting_for_agent=None, waiting_for_team=None)
        )
        for key in ("anna", "ben"):
            status = session.get_one(Presence, key)
            status.intent, status.intent_since, status.intent_why = "available", datetime.now(UTC), "agent"
            status.activity, status.call_sid, status.lease_until, status.wrap_up_until = (
                Activity.IDLE,
                None,
                None,
                None,
            )
            status.suspect_until, status.heartbeat_at, status.reach = None, None, Reach.DESK
            status.softphone, status.desks = Softphone.NONE, {}
        session.get_one(Agent, "anna").phone = None
    request.node.stash[TELLS] = {"the town": people.story}
    yield people
    people.phonebox.reset()


class Desks:
    """A browser's desks, which ask nobody but us and the carrier, and complain of nothing."""

    def __init__(self, context: BrowserContext, town: Town) -> None:
        self.context = context
        self.town = town
        self.strangers: list[str] = []
        self.complaints: list[str] = []
        ours = {urlsplit(town.url).netloc, town.phonebox.signal}

        def asked(url: str) -> None:
            if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).netloc not in ours:
                self.strangers.append(url)

        context.on("request", lambda request: asked(request.url))
        context.on("page", lambda page: page.on("websocket", lambda socket: asked(socket.url)))
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def open(self, agent: str = "anna") -> Page:
        page = self.context.new_page()
        page.goto(f"{self.town.url}/desk")
        if "/login" in page.url:
            page.get_by_label("E-mail").fill(f"{agent}@example.nl")
            page.get_by_label("Wachtwoord").fill(office.PASSWORD)
            page.keyboard.press("Enter")
            page.wait_for_url(f"{self.town.url}/desk")
        return page

    def ready(self, agent: str = "anna") -> Page:
        """Open a desk and wait until it is a telephone, and the server knows."""
        page = self.open(agent)
        self.until_ready(page, agent)
        return page

    def until_ready(self, page: Page, agent: str = "anna") -> None:
        # What the page was rendered with, and what the server knows, may be of before it was loaded.
        expect(page.locator("#desk")).to_have_attribute("data-telephone", "ready")
        until(page, lambda: self.town.presence(agent).softphone == Softphone.READY, "the server knows of it")
        expect(page.locator("#rings")).to_have_text(re.compile("Oproepen gaan over in dit venster"))


@pytest.fixture
def desks(browser: Browser, town: Town) -> Iterator[Desks]:
    context = browser.new_context(
        locale="nl-NL",
        timezone_id="Europe/Amsterdam",
        ignore_https_errors=True,
        permissions=["microphone"],
        reduced_motion="reduce",
    )
    context.add_init_script(VOICE)
    opened = Desks(context, town)
    yield opened
    context.close()
    assert opened.strangers == []
    # A page that is left breaks off what it was asking for, and the browser rightly tells.
    broken_off = re.compile("net::ERR|Failed to load|closed before the connection is established")
    assert [text for text in opened.complaints if not broken_off.search(text)] == []


def rings_on_phone(town: Town, agent: str, phone: str = BENS_PHONE, reach: Reach = Reach.PHONE) -> None:
    with town.database.transaction() as session:
        session.get_one(Agent, agent).phone = phone
        session.get_one(Presence, agent).reach = reach


def tabs_of(town: Town, agent: str) -> int:
    """Return how many softphones are registered for an agent."""
    return int(town.phonebox.endpoint(f"client:{agent}").state()["softphones"])


def rings(page: Page) -> None:
    # Hidden, it still holds the words of the ring before.
    expect(page.locator("#telephone")).to_be_visible()
    expect(page.locator("#telephone")).to_contain_text("De telefoon gaat")


def microphones(page: Page, there: bool) -> None:
    """Plug the microphone in or out, as far as the page can tell."""
    page.evaluate(
        """(there) => {
          const devices = navigator.mediaDevices;
          devices.really ??= devices.enumerateDevices.bind(devices);
          devices.enumerateDevices = async () =>
            (await devices.really()).filter(({ kind }) => there || kind !== "audioinput");
          devices.dispatchEvent(new Event("devicechange"));
        }""",
        there,
    )


def under_way(page: Page, address: str) -> set[Request]:
    """Return what the page asks of this address from now on and has no answer to yet, at any moment."""
    asked: set[Request] = set()
    page.on("request", lambda request: asked.add(request) if request.url.endswith(address) else None)
    for end in ("requestfinished", "requestfailed"):
        page.on(end, lambda request: asked.discard(request))
    return asked


def hears(page: Page, hz: float) -> None:
    page.wait_for_function("(hz) => Math.abs(heardByTheAgent() - hz) < 12", arg=hz, timeout=PATIENCE)


def test_a_call_is_answered_and_ended_at_the_desk_by_keyboard_alone(desks: Desks, town: Town) -> None:
    desk = desks.ready()
    call = town.call_in()

    rings(desk)
    expect(desk.get_by_role("heading", name="Ada Lovelace")).to_be_visible()
    expect(desk.locator("#telephone-who")).to_be_hidden()
    desk.wait_for_function("() => performance.getEntriesByName('card-painted').length > 0", timeout=PATIENCE)
    marks = dict(
        desk.evaluate(
            "() => performance.getEntriesByType('mark').map(({ name, startTime }) => [name, startTime])"
        )
    )
    waited = marks["ring-shown"] - marks["ring-heard"]
    assert marks["card-painted"] <= marks["ring-shown"] or round(waited) >= CARD_WITHIN
    until(desk, lambda: town.presence("anna").proven_at is not None, "the proof of the ring")

    microphones(desk, there=False)
    desk.evaluate("() => navigator.mediaDevices.enumerateDevices().then(() => null)")
    rings(desk)
    microphones(desk, there=True)

    desk.keyboard.press("a")
    call.wait("bridged:client:anna")
    hears(desk, CALLER_HZ)
    call.wait(f"hears:{AGENT_HZ}")
    expect(desk.locator(".call-state")).to_contain_text("In gesprek")
    until(desk, lambda: town.presence("anna").softphone == Softphone.BUSY)

    expect(desk.get_by_label(re.compile("Notities"))).to_be_focused()
    desk.keyboard.type("mevrouw belt opnieuw ")
    expect(desk.get_by_label(re.compile("Notities"))).to_have_value("mevrouw belt opnieuw ")
    desk.keyboard.press("Alt+m")
    call.wait("hears:0")
    desk.keyboard.press("Alt+m")
    call.wait(f"hears:{AGENT_HZ}")
    desk.locator("#call").focus()
    desk.keyboard.type("mevrouw belt opnieuw ")
    expect(desk.locator("#telephone")).not_to_contain_text("gedempt")

    desk.keyboard.press("Alt+o")
    call.wait("settled")
    expect(desk.locator("#telephone")).to_be_hidden()
    assert town.step(call.sid, 1).outcome == StepOutcome.ANSWERED
    assert town.call(call.sid).case == "Z 1&2"


def test_a_ring_ends_at_once_for_a_caller_who_hangs_up_and_one_who_is_declined_goes_on(
    desks: Desks, town: Town
) -> None:
    rings_on_phone(town, "ben")
    desk = desks.ready()
    bar = desk.locator("#telephone")
    hangs_up = town.call_in()
    rings(desk)
    hangs_up.hang_up()
    expect(bar).to_be_hidden()
    expect(desk.locator(".call-state")).to_contain_text("Opgehangen")
    assert town.step(hangs_up.sid, 1).outcome == StepOutcome.CALLER_HUNG_UP
    until(desk, lambda: town.presence("anna").activity == Activity.IDLE, "Anna is free")

    rings_on_phone(town, "anna", ANNAS_PHONE, Reach.BOTH)
    declined = town.call_in()
    rings(desk)
    declined.wait(f"ringing:{ANNAS_PHONE}")
    assert violations(desk) == []
    desk.keyboard.press("d")
    desk.get_by_role("button", name="Ik rond nog iets af").click()
    expect(bar).to_be_hidden()

    expect(desk.locator("#announcer")).to_have_text("De oproep is niet meer bij u.")
    expect(desk.locator("#call")).to_be_focused()
    town.phonebox.endpoint(ANNAS_PHONE).wait("idle")
    declined.wait(f"ringing:{BENS_PHONE}")
    assert town.step(declined.sid, 1).declined_why == "finishing"
    assert "Anna" in declined.said[0]
    assert town.presence("anna").intent == "available"

    microphones(desk, there=False)
    until(desk, lambda: town.presence("anna").softphone == Softphone.NONE, "a telephone that hears nobody")
    microphones(desk, there=True)
    until(desk, lambda: town.presence("anna").softphone == Softphone.READY)


def test_after_a_reload_the_desk_says_what_is_going_on(desks: Desks, town: Town) -> None:
    rings_on_phone(town, "ben")
    desk = desks.ready()
    ringing = town.call_in()
    rings(desk)
    desk.reload()
    ringing.wait(f"ringing:{BENS_PHONE}")
    expect(desk.locator(".card .call-state")).to_contain_text("Niet meer bij u")
    ringing.hang_up()
    until(desk, lambda: town.presence("ben").activity == Activity.IDLE, "Ben is free")

    desks.until_ready(desk)
    talking = town.call_in()
    rings(desk)
    desk.get_by_role("button", name="Aannemen", exact=False).focus()
    desk.keyboard.press("Enter")
    talking.wait("bridged:client:anna")
    expect(desk.get_by_label(re.compile("Notities"))).to_be_focused()
    expect(desk.locator(".call-state")).to_contain_text("In gesprek")
    assert violations(desk) == []
    asked: list[str] = []
    desk.once("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    desk.reload()
    assert asked == ["beforeunload"]
    talking.wait("settled")
    expect(desk.locator(".card .call-state")).to_contain_text("Opgehangen")
    expect(desk.locator("#telephone")).to_be_hidden()


def test_one_tab_is_the_telephone_and_one_that_freezes_is_left_alone(desks: Desks, town: Town) -> None:
    rings_on_phone(town, "ben")
    first = desks.ready()
    second = desks.open()
    beats = under_way(second, "/desk/heartbeat")
    expect(second.get_by_text("Uw werkplek is open in een ander tabblad")).to_be_visible()
    expect(second.get_by_text("In dit tabblad gaat niets over.")).to_be_visible()
    expect(second.locator("#rings")).to_be_hidden()
    assert violations(second) == []
    second.get_by_role("button", name="Hier verder werken").click()
    desks.until_ready(second)
    until(second, lambda: tabs_of(town, "anna") == 1, "one telephone")

    call = town.call_in()
    rings(second)
    expect(first.locator("#telephone")).to_be_hidden()
    call.hang_up()
    expect(second.locator("#telephone")).to_be_hidden()
    until(second, lambda: town.presence("anna").activity == Activity.IDLE, "Anna is free")

    # No sign of life is on its way when it freezes.
    second.route("**/desk/heartbeat", lambda route: route.abort())
    until(second, lambda: not beats, "its last sign of life was answered")
    lifecycle = desks.context.new_cdp_session(second)
    lifecycle.send("Page.setWebLifecycleState", {"state": "frozen"})
    second.unroute("**/desk/heartbeat")
    with town.database.transaction() as session:
        # So much time has passed since its last sign of life; to its carrier it is as registered as ever.
        session.get_one(Presence, "anna").heartbeat_at = datetime.now(UTC) - timedelta(seconds=16)
    assert tabs_of(town, "anna") == 1
    call = town.call_in()
    call.wait(f"ringing:{BENS_PHONE}")
    assert call.rang == [BENS_PHONE]


def test_the_ring_brings_its_card_when_the_stream_is_late(desks: Desks, town: Town) -> None:
    desks.context.add_init_script(
        """window.EventSource = class extends EventSource {
          addEventListener(kind, ...rest) {
            if (kind !== "screen_pop" && kind !== "call") super.addEventListener(kind, ...rest);
          }
        };"""
    )
    desk = desks.ready()
    earlier = town.call_in()
    expect(desk.get_by_role("heading", name="Ada Lovelace")).to_be_visible()
    rings(desk)
    earlier.hang_up()
    expect(desk.locator("#telephone")).to_be_hidden()
    until(desk, lambda: town.presence("anna").activity == Activity.IDLE, "Anna is free")

    # Grace's own agent is away: Anna's desk still shows the caller before.
    call = town.call_in(BEN)

    rings(desk)
    expect(desk.get_by_role("heading", name="Grace Hopper")).to_be_visible()
    assert desk.locator(".card").get_attribute("data-call") == call.sid


def test_an_agent_tries_the_telephone_before_the_shift(desks: Desks, town: Town) -> None:
    renewed: list[str] = []

    def short_lived(route: Route) -> None:
        answer = route.fetch().json()
        renewed.append(answer["token"])
        route.fulfill(json=answer | {"seconds": 2})

    desks.context.route("**/desk/access-token", short_lived)
    desk = desks.ready()
    until(desk, lambda: len(renewed) > 1, "a second token")
    desks.context.unroute_all()
    desk.get_by_role("button", name="Microfoon en geluid").click()
    dialog = desk.get_by_role("dialog")
    expect(dialog.locator("#microphone-says")).to_have_text("Wij horen u.")
    assert violations(desk) == []
    dialog.get_by_role("button", name="Laat de bel horen").click()
    dialog.get_by_role("button", name="Sluiten").click()

    desk.get_by_role("button", name="Test mijn telefoon").click()
    expect(desk.locator("#telephone")).to_contain_text("Dit is de testoproep")
    until(desk, lambda: town.presence("anna").activity == Activity.RINGING, "Anna rings")
    desk.keyboard.press("a")
    town.phonebox.endpoint("client:anna").wait("caption:Dit is een testoproep")
    expect(desk.locator("#telephone")).to_be_hidden()

    until(desk, lambda: town.presence("anna").activity == Activity.IDLE, "Anna is free")
    expect(desk.locator("#presence")).to_contain_text("Laatst gezien dat hij overging: vandaag")
    assert desk.locator(".card").count() == 0


def test_a_callback_that_the_board_asks_for_rings_at_the_desk_with_its_card(desks: Desks, town: Town) -> None:
    now = datetime.now(UTC)
    with town.database.transaction() as session:
        session.get_one(Line, factories.LINE).timezone = factories.noon_zone(now)
        factories.promise(
            session,
            origin="test:board",
            number=KATHERINE,
            line=factories.LINE,
            customer="K3",
            case="Z4",
            due_at=now + timedelta(hours=2),
            now=now - timedelta(hours=1),
        )
    town.phonebox.endpoint(KATHERINE).register("manual")
    desk = desks.ready()
    desk.evaluate("() => { window.sameAsBefore = true }")
    desk.locator("#board li", has_text="Katherine Johnson").locator(".promise > summary").click()
    desk.get_by_role("button", name="Nu bellen").click()

    rings(desk)
    expect(desk.get_by_role("heading", name="Katherine Johnson")).to_be_visible()
    assert str(desk.locator(".card").get_attribute("data-call")).startswith("CB")
    desk.keyboard.press("a")
    expect(desk.locator(".call-state")).to_contain_text("De klant wordt gebeld")
    expect(desk.locator("#telephone")).to_contain_text("u bent te horen zodra die opneemt")
    town.phonebox.endpoint(KATHERINE).answer()
    expect(desk.locator(".call-state")).to_contain_text("In gesprek")
    expect(desk.locator("#telephone")).to_contain_text("De klant hoort u")
    desk.keyboard.press("Alt+o")
    expect(desk.locator("#telephone")).to_be_hidden()
    assert desk.evaluate("() => window.sameAsBefore")


def test_a_desk_without_a_network_says_so_and_takes_the_next_call_once_it_is_back(
    desks: Desks, town: Town
) -> None:
    desk = desks.ready()
    cut_off = town.call_in()
    rings(desk)
    desk.keyboard.press("a")
    cut_off.wait("bridged:client:anna")

    desks.context.set_offline(True)
    expect(desk.locator("#alarm")).to_contain_text("geen verbinding")
    expect(desk.get_by_text("Hier gaat nu niets over")).to_be_visible()
    expect(desk.locator("#rings")).to_be_hidden()
    expect(desk.locator("#telephone")).to_be_hidden()
    desks.context.set_offline(False)

    expect(desk.locator("#alarm")).to_be_hidden()
    cut_off.hang_up()
    until(desk, lambda: town.presence("anna").activity == Activity.WRAPPING_UP, "the talk is over")
    town.end_wrap_up("anna")
    # The page still shows the words of before when the network is back.
    until(desk, lambda: tabs_of(town, "anna") == 1, "her telephone is registered again")
    desks.until_ready(desk)
    call = town.call_in()
    rings(desk)
    desk.keyboard.press("a")
    call.wait("bridged:client:anna")
    hears(desk, CALLER_HZ)


def test_a_call_that_rings_out_of_sight_is_named_and_one_press_away(desks: Desks, town: Town) -> None:
    desk = desks.ready()
    resize(desk, 900, 500)
    desk.evaluate("() => scrollTo(0, document.body.scrollHeight)")
    town.call_in()
    rings(desk)
    # Once the card stands, nothing scrolls by itself.
    expect(desk.get_by_role("heading", name="Ada Lovelace")).to_be_visible()

    expect(desk.get_by_role("button", name="Aannemen", exact=False)).to_be_in_viewport(ratio=1)
    desk.evaluate("() => scrollBy(0, 300)")
    expect(desk.locator("#telephone-who")).to_contain_text("Ada Lovelace · ")
    expect(desk.locator("#telephone-who")).to_be_visible()
    desk.get_by_role("button", name="Naar dit gesprek").click()

    expect(desk.get_by_role("heading", name="Ada Lovelace")).to_be_in_viewport()


def test_a_conversation_is_handed_over_by_keyboard_and_nobody_is_left_alone(
    browser: Browser, desks: Desks, town: Town
) -> None:
    other = browser.new_context(
        locale="nl-NL", timezone_id="Europe/Amsterdam", ignore_https_errors=True, permissions=["microphone"]
    )
    other.add_init_script(VOICE)
    anna, ben = desks.ready(), Desks(other, town).ready("ben")
    call = town.call_in()
    rings(anna)
    anna.keyboard.press("a")
    call.wait("bridged:client:anna")
    hears(anna, CALLER_HZ)

    expect(anna.locator("#hand-over-to")).to_be_visible()
    anna.keyboard.press("Alt+t")
    expect(anna.get_by_label("Waarom, in een zin")).to_be_focused()
    anna.keyboard.type("Zij belt over haar paspoort.")
    ask_ben = anna.get_by_role("button", name="Vraag erbij: Ben Jansen")
    expect(anna.locator(".colleagues li").first).to_contain_text("kan nu opnemen · kent dit dossier")
    assert violations(anna) == []
    ask_ben.press("Enter")

    expect(ben.locator(".hand-over")).to_contain_text("Anna Jansen vraagt u erbij.")
    expect(ben.locator(".hand-over blockquote")).to_have_text("Zij belt over haar paspoort.")
    rings(ben)
    expect(anna.locator(".hand-over")).to_contain_text("De telefoon van Ben Jansen gaat over.")
    call.wait("caption:Anna belt er een collega bij")
    call.wait("hears:0")
    assert violations(ben) == []
    ben.keyboard.press("a")
    expect(anna.locator(".hand-over")).to_contain_text("U overlegt met Ben Jansen.")
    hears(ben, AGENT_HZ)
    assert "company" not in str(call.state()["heard"][-1]["who"])

    anna.keyboard.press("Alt+s")
    expect(ben.locator(".hand-over")).to_contain_text("U praat met de klant en Anna Jansen samen.")
    call.wait(f"hears:{AGENT_HZ}")
    expect(anna.locator(".hand-over")).to_contain_text("U praat met de klant en Ben Jansen samen.")
    anna.keyboard.press("Alt+l")
    expect(anna.locator(".hand-over")).to_contain_text("Ben Jansen heeft het gesprek overgenomen.")
    expect(anna.locator("#telephone")).to_be_hidden()
    expect(ben.locator(".hand-over")).to_contain_text("Het gesprek is nu van u.")
    hears(ben, CALLER_HZ)
    until(anna, lambda: town.presence("anna").activity == Activity.WRAPPING_UP)

    # The customer waits once more, and is on their way to somebody else when nobody of ours is left.
    expect(ben.locator("[data-shortcut=h][aria-pressed=false]")).to_be_enabled()
    ben.keyboard.press("Alt+h")
    call.wait("caption:is zo weer bij u")
    expect(ben.locator("[data-shortcut=h][aria-pressed=true]")).to_be_enabled()
    ben.keyboard.press("Alt+h")
    hears(ben, CALLER_HZ)
    call.wait("company:client:ben")
    # What was asked of the room late is put right as soon as it is read back.
    until(ben, lambda: call.heard[-1]["kind"] == "people")
    heard = call.state()
    assert heard["music"] == 0
    # To the next room it takes as long as this machine takes; nobody is longer without a word than on hold.
    assert heard["alone"] < SAID_AGAIN_WITHIN
    resize(ben, 390)
    assert sticks_out(ben) == []
    call.hang_up()
    expect(ben.locator(".call-state")).to_contain_text("Opgehangen")
    until(ben, lambda: town.call(call.sid).outcome == "talked")
    other.close()
