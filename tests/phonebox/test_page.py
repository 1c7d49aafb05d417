"""Can a person phone, answer, and see what happens, with nothing but a browser?"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, Request, Route, expect
from twilio.rest import Client

from phonebox.client import Phonebox, running
from phonebox.network.calls import CallStatus, HungUpBy
from phonebox.network.messages import MessageStatus
from phonebox.settings import DEVELOPMENT_ACCOUNT_SID, DEVELOPMENT_AUTH_TOKEN
from tests.axe import violations
from tests.phonebox.scripted import App, OtherHost

PHONEBOX = Path(__file__).parents[2] / "phonebox"
LINE = "+31880001111"
ADA = "+31612345678"
ANNAS_PHONE = "+31612300001"
ANNA = "[data-address='client:anna']"


@pytest.fixture(scope="module")
def _exchange(_app: App, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phonebox]:
    folder = tmp_path_factory.mktemp("phonebook")
    people, lines = folder / "people.json", folder / "lines.json"
    people.write_text(json.dumps([{"number": ADA, "label": "Ada de Vries"}]))
    lines.write_text(json.dumps([{"number": LINE, "name": "Gemeente"}]))
    phones = folder / "phones.json"
    phones.write_text(json.dumps([{"number": ANNAS_PHONE, "name": "Anna de Wit"}]))
    more = ["--phonebook", str(people), "--lines", str(lines), "--telephones", str(phones), "--patience", "1"]
    with running(_app.url, speed=10, more=more) as phonebox:
        yield phonebox


@pytest.fixture
def exchange(_exchange: Phonebox, app: App) -> Phonebox:
    """A phonebox with a telephone book, in which nothing has happened yet."""
    _exchange.reset()
    return _exchange


@pytest.fixture
def telephone(page: Page, exchange: Phonebox) -> Iterator[Page]:
    """Phonebox's page, open; whatever goes wrong in it, or is asked of another host, fails the test."""
    wrong: list[str] = []

    def watch(request: Request) -> None:
        if not request.url.startswith(exchange.base_url):
            wrong.append(f"asked {request.url}")

    page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", watch)
    page.goto(exchange.base_url)
    expect(page.locator("#live")).to_have_attribute("data-on", "yes")
    yield page
    assert wrong == []


def test_somebody_phones_and_somebody_answers(telephone: Page, exchange: Phonebox, app: App) -> None:
    app.on("/voice/incoming", '<Dial answerOnBridge="true"><Client>anna</Client></Dial>')
    exchange.endpoint("client:anna").register()

    telephone.select_option("#from-choice", label=f"Ada de Vries · {ADA}")
    telephone.get_by_role("button", name="Bellen").click()
    expect(telephone.locator("#state")).to_have_text("Hoort de telefoon overgaan")
    anna = telephone.locator(ANNA)
    expect(anna).to_have_attribute("data-state", "ringing")
    expect(anna).to_contain_text("Gaat over: Ada de Vries")
    anna.get_by_role("button", name="Opnemen").click()
    expect(telephone.locator("#state")).to_have_text("In gesprek met Anna")
    telephone.get_by_label("Wat de beller zegt").first.fill("Goedemiddag!")
    telephone.get_by_label("Wat de beller zegt").first.press("Enter")
    expect(anna.locator(".heard")).to_contain_text("Goedemiddag!")
    anna.locator(".line-words").fill("Dag mevrouw.")
    anna.locator(".line-words").press("Enter")
    expect(telephone.locator("#captions")).to_contain_text("Dag mevrouw.")
    anna.get_by_role("button", name="Ophangen").click()

    expect(telephone.locator("#state")).to_have_text("Opgehangen")
    expect(anna).to_have_attribute("data-state", "idle")
    assert app.at("/voice/incoming")[0].form["From"] == ADA


def test_three_telephones_in_one_conversation_are_shown_with_what_each_hears(
    telephone: Page, exchange: Phonebox, app: App
) -> None:
    """Ada and Anna talk, Ben listens in and whispers to Anna; then Ada waits with a sentence."""
    http = OtherHost(exchange.base_url)
    twilio = Client(DEVELOPMENT_ACCOUNT_SID, DEVELOPMENT_AUTH_TOKEN, http_client=http)
    app.on("/voice/incoming", '<Dial><Conference participantLabel="ada" waitUrl="">een</Conference></Dial>')
    app.on("/hold", '<Say language="nl-NL">Anna is zo terug.</Say>')
    for name in ("anna", "ben"):
        exchange.endpoint(f"client:{name}").register(behaviour="answer")
    ada = exchange.call_in(ADA, LINE)
    ada.wait("kind:conference")
    people = twilio.conferences("een").participants
    anna = people.create(from_=LINE, to="client:anna", label="anna").call_sid
    ada.wait("company:client:anna")
    people.create(from_=LINE, to="client:ben", label="ben", call_sid_to_coach=anna, coaching=True)
    exchange.call(anna).wait("company:client:ben")

    room = telephone.locator(".room")
    expect(room.get_by_role("heading")).to_have_text("Eén gesprek, 3 telefoons")
    expect(room.locator(f"[data-party='{ADA}'] .hears")).to_have_text("Hoort: Anna")
    expect(room.locator("[data-party='client:anna'] .hears")).to_have_text("Hoort: Ada de Vries, Ben")
    expect(room.locator("[data-party='client:ben']")).to_contain_text("fluistert naar Anna")
    inside = twilio.conferences(twilio.conferences.list()[0].sid).participants
    inside("ada").update(hold=True, hold_url=f"{app.url}/hold")
    expect(room.locator(f"[data-party='{ADA}']")).to_contain_text("In de wacht")
    expect(room.locator(f"[data-party='{ADA}'] .hears")).to_contain_text("stilte")
    expect(room.locator(f"[data-party='{ADA}'] .heard")).to_have_text("Anna is zo terug.")
    inside("ada").delete()
    inside("anna").delete()
    inside("ben").delete()
    expect(room).to_have_count(0)
    if http.session is not None:
        http.session.close()


def test_everything_is_done_by_keyboard_alone(telephone: Page, exchange: Phonebox, app: App) -> None:
    app.on(
        "/voice/incoming",
        '<Gather numDigits="3" timeout="600" action="/heard"><Say language="nl-NL">Ja?</Say></Gather>',
    )
    app.on("/heard", '<Say language="nl-NL">Dank u.</Say><Pause length="600"/>')

    telephone.locator("#call").focus()
    telephone.keyboard.press("Enter")
    expect(telephone.locator("#state")).to_have_text("Zeg iets of druk toetsen")
    telephone.locator("#end").focus()
    telephone.keyboard.type("12")
    telephone.locator("#keypad button", has_text="#").focus()
    telephone.locator("#keypad button", has_text="7").focus()
    telephone.keyboard.press("Enter")
    expect(telephone.locator("#captions")).to_contain_text("Dank u.")
    telephone.keyboard.press("Escape")

    expect(telephone.locator("#state")).to_have_text("Opgehangen")
    assert app.at("/heard")[0].form["Digits"] == "127"


def test_an_ordinary_phone_hears_the_whisper_and_accepts_with_a_key(
    telephone: Page, exchange: Phonebox, app: App
) -> None:
    app.on("/voice/incoming", '<Dial><Number url="/whisper">+31687654321</Number></Dial>')
    app.on(
        "/whisper",
        '<Gather numDigits="1" action="/accept" timeout="600"><Say>Toets 1.</Say></Gather><Hangup/>',
    )
    app.on("/accept", "<Pause/>")

    telephone.get_by_role("button", name="Bellen").click()
    ben = telephone.locator("[data-address='+31687654321']")
    ben.get_by_role("button", name="Opnemen").click()
    expect(ben.locator(".heard")).to_contain_text("Toets 1.")
    expect(ben).to_contain_text("Hoort eerst een bericht")
    ben.locator(".keys [data-key='1']").click()

    expect(telephone.locator("#captions")).to_contain_text("+31687654321 heeft opgenomen")


def test_a_withheld_number_and_a_typed_one_can_phone(telephone: Page, exchange: Phonebox, app: App) -> None:
    app.on("/voice/incoming", "<Hangup/>")

    telephone.select_option("#from-choice", "withheld")
    telephone.get_by_role("button", name="Bellen").click()
    expect(telephone.locator("#state")).to_have_text("Opgehangen")
    telephone.select_option("#from-choice", "typed")
    telephone.locator("#from").fill("+31 20 123 45 67")
    telephone.get_by_role("button", name="Bellen").click()
    app.wait_for("/voice/incoming", 2)

    assert [each.form["From"] for each in app.at("/voice/incoming")] == ["anonymous", "+31201234567"]


def test_the_wire_shows_twiml_and_complaints(telephone: Page, exchange: Phonebox, app: App) -> None:
    app.on("/voice/incoming", '<Say langauge="nl-NL">&lt;b&gt;Hallo&lt;/b&gt;</Say>')

    telephone.get_by_role("button", name="Bellen").click()
    row = telephone.locator("#log li", has_text="/voice/incoming")
    expect(row).to_contain_text("200")
    expect(row).to_contain_text("⚠ 1")
    row.locator("summary").click()

    expect(row.locator("pre")).to_contain_text("<Response>")
    expect(row.locator(".notes")).to_contain_text("12200")
    expect(row.locator("dl")).to_contain_text("CallSid")
    assert telephone.locator("#captions b").count() == 0


def test_messages_come_in_and_go_out(telephone: Page, exchange: Phonebox, app: App) -> None:
    app.on("/messages/incoming", "<Message>Wij lezen het.</Message>")

    telephone.get_by_role("tab", name="Berichten").click()
    telephone.get_by_label("Bericht", exact=True).fill("Bel mij maar na vijven")
    telephone.get_by_role("button", name="Stuur").click()

    expect(telephone.locator("#messages")).to_contain_text("Bel mij maar na vijven")
    expect(telephone.locator("#messages")).to_contain_text("Wij lezen het.")
    assert app.wait_for("/messages/incoming")[0].form["From"] == ADA


def test_the_page_speaks_english_too_and_remembers_it(telephone: Page, exchange: Phonebox) -> None:
    telephone.get_by_role("button", name="English").click()
    expect(telephone.get_by_role("heading", name="The caller")).to_be_visible()

    telephone.reload()

    expect(telephone.get_by_role("button", name="Dial", exact=True)).to_be_visible()
    assert telephone.locator("html").get_attribute("lang") == "en"


def test_the_page_fits_a_telephone(telephone: Page, exchange: Phonebox, app: App) -> None:
    app.on("/voice/incoming", "<Dial><Client>anna</Client></Dial>")
    exchange.endpoint("client:anna").register(behaviour="answer")
    telephone.set_viewport_size({"width": 360, "height": 740})

    telephone.get_by_role("button", name="Bellen").click()
    expect(telephone.locator("#state")).to_have_text("In gesprek met Anna")

    assert telephone.evaluate("() => document.documentElement.scrollWidth") <= 360


def test_the_page_says_when_phonebox_is_away_and_comes_back_by_itself(
    page: Page, exchange: Phonebox, app: App
) -> None:
    app.on("/voice/incoming", "<Pause length='600'/>")
    away = False

    def cut(route: Route) -> None:
        route.abort() if away else route.continue_()

    page.route(re.compile("/phonebox/events"), cut)
    page.goto(exchange.base_url)
    expect(page.locator("#live")).to_have_attribute("data-on", "yes")
    away = True
    page.reload()
    expect(page.locator("#live")).to_have_text("verbinding kwijt, probeert opnieuw")
    call = exchange.call_in(ADA, LINE)
    call.wait("kind:ringing")
    away = False
    page.reload()

    expect(page.locator("#live")).to_have_text("verbonden")
    page.locator("#recent summary").click()
    expect(page.locator("#calls")).to_contain_text("Ada de Vries → Gemeente")


def test_who_waits_is_told_so_in_words_and_once(telephone: Page, exchange: Phonebox, app: App) -> None:
    app.on("/voice/incoming", '<Enqueue waitUrl="/wait">wait-4b1f</Enqueue>')
    app.on("/wait", '<Pause length="1"/>')

    telephone.get_by_role("button", name="Bellen").click()

    expect(telephone.locator("#state")).to_have_text("Wacht tot er iemand vrij is")
    expect(telephone.locator("#captions .silence")).to_have_count(1)
    app.wait_for("/wait", count=3)
    expect(telephone.locator("#captions .silence")).to_have_count(1)
    expect(telephone.locator("#talk")).not_to_contain_text("wait-")
    telephone.locator("#recent summary").click()
    expect(telephone.locator("#calls small")).to_have_text("bezig")


def test_the_telephone_that_rings_comes_first_and_is_at_hand_on_a_small_screen(
    telephone: Page, exchange: Phonebox, app: App
) -> None:
    app.on("/voice/incoming", "<Dial><Client>carla</Client></Dial>")
    for name in ("anna", "bram", "carla"):
        exchange.endpoint(f"client:{name}").register()
    expect(telephone.locator(".phone")).to_have_count(3)
    telephone.set_viewport_size({"width": 390, "height": 740})

    telephone.get_by_role("button", name="Bellen").click()

    expect(telephone.locator(".phone").first).to_have_attribute("data-address", "client:carla")
    expect(telephone.locator("#bell")).to_contain_text("Gaat over bij Carla")
    telephone.locator("#bell").get_by_role("button", name="Opnemen").click()
    expect(telephone.locator("#state")).to_have_text("In gesprek met Carla")
    expect(telephone.locator("#bell")).to_be_hidden()


def test_an_ordinary_phone_that_rings_says_whose_it_is(telephone: Page, exchange: Phonebox, app: App) -> None:
    app.on("/voice/incoming", f"<Dial><Number>{ANNAS_PHONE}</Number></Dial>")

    telephone.get_by_role("button", name="Bellen").click()

    expect(telephone.locator(".phone h3")).to_have_text("Anna de Wit")
    expect(telephone.locator(".phone .line")).to_have_text(ANNAS_PHONE)


def test_who_dials_in_another_spelling_reads_their_messages_all_the_same(
    telephone: Page, exchange: Phonebox, app: App
) -> None:
    telephone.get_by_label("Wie belt er?").select_option("typed")
    telephone.get_by_label("Nummer van de beller").fill(f"0{ADA.removeprefix('+31')}")
    app.on("/messages/incoming", "<Message>Dag Ada.</Message>")
    exchange.write(ADA, LINE, "Hallo")

    telephone.get_by_role("tab", name="Berichten").click()

    expect(telephone.locator("#messages .in")).to_contain_text("Dag Ada.")


def test_a_link_in_a_message_opens_in_a_tab_that_knows_nothing_of_this_one(
    telephone: Page, exchange: Phonebox, app: App
) -> None:
    link = f"{app.url}/c/MQ.abc"
    app.on("/messages/incoming", f"<Message>Wij bellen u terug &lt;b&gt;.\n{link}.</Message>")
    telephone.get_by_role("tab", name="Berichten").click()
    telephone.get_by_label("Bericht", exact=True).fill("Hallo")
    telephone.get_by_role("button", name="Stuur").click()

    found = telephone.locator("#messages a")
    expect(found).to_have_attribute("href", link)
    expect(found).to_have_attribute("target", "_blank")
    expect(found).to_have_attribute("rel", "noopener noreferrer")
    expect(telephone.locator("#messages .in")).to_contain_text(f"Wij bellen u terug <b>.\n{link}.")


def test_everything_is_said_in_both_languages() -> None:
    page = Path(__file__).parents[2] / "phonebox" / "page"
    words = (page / "words.js").read_text()
    dutch, english = (
        set(re.findall(r"^    (\w+): ", part, re.MULTILINE)) for part in words.split("  en: {", maxsplit=1)
    )
    used = set(re.findall(r'data-word="(\w+)"', (page / "index.html").read_text()))

    kinds = set(re.findall(r'\.hears\("(\w+)"', "".join(one.read_text() for one in PHONEBOX.rglob("*.py"))))
    # What stands in its own words, and what is said with a name.
    spoken = {"say", "error", "voice", "said", "tone", "bridged", "ended", "pressed"}
    named = {f"call_{status.value.replace('-', '_')}" for status in CallStatus}
    named |= {f"message_{status.value}" for status in MessageStatus} | {
        f"ended_{by.value}" for by in HungUpBy
    }

    assert dutch == english
    assert used | (kinds - spoken) | named <= dutch


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_can_be_used_by_everybody(
    telephone: Page, exchange: Phonebox, app: App, scheme: Literal["light", "dark"]
) -> None:
    app.on(
        "/voice/incoming",
        '<Say langauge="nl-NL">Een ogenblik.</Say><Dial><Client>anna</Client><Client>bram</Client></Dial>',
        "<Pause length='600'/>",
    )
    exchange.endpoint("client:anna").register(behaviour="answer")
    exchange.endpoint("client:bram").register()
    exchange.endpoint("client:carla").register().unregister()
    telephone.emulate_media(color_scheme=scheme, reduced_motion="reduce")

    telephone.get_by_role("button", name="Bellen").click()
    expect(telephone.locator("#state")).to_have_text("In gesprek met Anna")
    telephone.get_by_label("Wat de beller zegt").first.fill("Dag!")
    telephone.keyboard.press("Enter")
    expect(telephone.locator("#captions .said")).to_have_text("Dag!")
    telephone.locator("#log summary").last.click()
    telephone.locator("#recent summary").click()

    assert violations(telephone, also=["label-content-name-mismatch"]) == []


TALKS = """() => {
  const context = new AudioContext();
  const tone = context.createOscillator();
  tone.frequency.value = 700;
  const voice = context.createMediaStreamDestination();
  tone.connect(voice);
  tone.start();
  navigator.mediaDevices.getUserMedia = () => Promise.resolve(voice.stream.clone());
}"""
REFUSES = "() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error('no')) }"
HEARS = """(hz) => {
  const stream = document.querySelector("#ear").srcObject;
  if (!stream) return false;
  if (globalThis.listened !== stream) {
    const context = new AudioContext();
    globalThis.listened = stream;
    globalThis.analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
    globalThis.width = context.sampleRate / 8192;
    context.createMediaStreamSource(stream).connect(analyser);
  }
  const levels = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(levels);
  const loudest = levels.indexOf(Math.max(...levels));
  return levels[loudest] > -60 && Math.abs(loudest * width - hz) < 12;
}"""


def test_the_caller_speaks_and_hears_with_microphone_and_speaker(
    telephone: Page, exchange: Phonebox, app: App
) -> None:
    app.on("/voice/incoming", '<Dial answerOnBridge="true"><Client>anna</Client></Dial>')
    anna = exchange.endpoint("client:anna").register()
    telephone.evaluate(TALKS)

    telephone.get_by_role("button", name="Bellen").click()
    leg = exchange.call(anna.wait("ringing")["ringing"][0]["sid"])
    leg.sound(hz=1300)
    anna.answer()
    telephone.get_by_role("button", name="Microfoon uit").click()

    leg.wait("hears:700")
    telephone.wait_for_function(HEARS, arg=1300)
    telephone.get_by_role("button", name="Microfoon aan").click()
    leg.wait("hears:0")
    expect(telephone.locator("#state")).to_have_text("In gesprek met Anna")


def test_a_page_without_a_microphone_says_how_to_allow_it(
    telephone: Page, exchange: Phonebox, app: App
) -> None:
    app.on("/voice/incoming", "<Pause length='600'/>")
    telephone.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error('no')) }"
    )

    telephone.get_by_role("button", name="Bellen").click()
    telephone.get_by_role("button", name="Microfoon uit").click()

    expect(telephone.get_by_role("alert")).to_contain_text("sta die toe")
    expect(telephone.get_by_role("button", name="Microfoon uit")).to_be_visible()
