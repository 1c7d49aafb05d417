"""Does the real Voice SDK, in a real browser, ring, talk and hang up here?"""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import VoiceGrant

from phonebox.client import Phonebox, PhoneCall
from phonebox.settings import DEVELOPMENT_ACCOUNT_SID, DEVELOPMENT_API_KEY, DEVELOPMENT_API_SECRET
from phonebox.sound import silence, wav_of
from tests.pages import PATIENCE
from tests.parts import TELLS
from tests.phonebox.scripted import Answer, App

ADA = "+31612345678"
LINE = "+31880001111"
ANNA = "client:anna"
CALLER_HZ, ANNA_HZ = 600, 1000
RINGTONE = "data:audio/wav;base64," + base64.b64encode(wav_of([silence()])).decode()
HERE = Path(__file__).parent
SDK = HERE.parents[1] / "app" / "static" / "vendor" / "twilio-voice-sdk" / "twilio.min.js"
RING_ANNA = (
    '<Dial answerOnBridge="true" timeout="{ring_seconds}" action="/after"><Client><Identity>anna</Identity>'
    '<Parameter name="case" value="Z-1 &amp; é+2"/></Client></Dial>'
)

Open = Callable[..., "Softphone"]
CallAnna = Callable[..., PhoneCall]


def token_for(
    identity: str, *, secret: str = DEVELOPMENT_API_SECRET, seconds: int = 3600, incoming: bool = True
) -> str:
    """Return an access token as the official library makes it."""
    token = AccessToken(DEVELOPMENT_ACCOUNT_SID, DEVELOPMENT_API_KEY, secret, identity=identity, ttl=seconds)
    token.add_grant(VoiceGrant(incoming_allow=incoming))
    return str(token.to_jwt())


class Softphone:
    """A tab with the SDK in it."""

    def __init__(self, page: Page, chunderw: str) -> None:
        self.page = page
        self._chunderw = chunderw

    def start(self, token: str, hz: int = ANNA_HZ) -> "Softphone":
        """Register with a token; what comes of it is seen in `seen` and `errors`."""
        options = {"token": token, "chunderw": self._chunderw, "hz": hz, "ringtone": RINGTONE}
        self.page.evaluate("(options) => { start(options).catch(() => {}) }", options)
        return self

    def wait_for(self, kind: str, times: int = 1) -> None:
        """Wait until the SDK said so."""
        self.page.wait_for_function(
            "([kind, times]) => softphone.seen.filter((each) => each === kind).length >= times",
            arg=[kind, times],
            timeout=PATIENCE,
        )

    def wait_for_error(self, code: int) -> None:
        """Wait until the SDK complained with this code."""
        self.page.wait_for_function("(code) => softphone.errors.includes(code)", arg=code, timeout=PATIENCE)

    def wait_to_hear(self, hz: float) -> None:
        """Wait until a tone of this pitch arrives (0: until nothing does)."""
        self.page.wait_for_function("(hz) => Math.abs(heard() - hz) < 12", arg=hz, timeout=PATIENCE)

    def do(self, what: str) -> None:
        """Let the person do something with the call: `accept()`, `reject()`, `mute(true)`, …"""
        self.page.evaluate(f"() => {{ softphone.call.{what}; }}")

    def story(self) -> str:
        """Tell what came of the tab, for somebody who looks for a fault."""
        return str(self.page.evaluate("() => story()")) if not self.page.is_closed() else "closed"

    @property
    def seen(self) -> list[str]:
        return list(self.page.evaluate("() => softphone.seen"))

    @property
    def errors(self) -> list[int]:
        return list(self.page.evaluate("() => softphone.errors"))


@pytest.fixture
def desks(browser: Browser, phone: Phonebox, app: App) -> Iterator[BrowserContext]:
    """A browser that trusts phonebox's certificate; asking anybody else for anything fails the test."""
    app.on("/softphone.html", answer=Answer((HERE / "softphone.html").read_text(), content_type="text/html"))
    app.on(
        "/softphone.js", answer=Answer((HERE / "softphone.js").read_text(), content_type="text/javascript")
    )
    app.on("/twilio.min.js", answer=Answer(SDK.read_text(), content_type="text/javascript"))
    context = browser.new_context(ignore_https_errors=True, permissions=["microphone"])
    elsewhere: list[str] = []
    context.on(
        "request",
        lambda request: (
            None if request.url.startswith((app.url, "data:", "blob:")) else elsewhere.append(request.url)
        ),
    )
    context.on("weberror", lambda error: elsewhere.append(str(error.error)))
    yield context
    context.close()
    assert elsewhere == []


@pytest.fixture
def open_tab(desks: BrowserContext, phone: Phonebox, app: App, request: pytest.FixtureRequest) -> Open:
    """Open one more tab with the SDK; with an identity it registers too."""
    tells = request.node.stash[TELLS]

    def opened(identity: str | None = None, hz: int = ANNA_HZ) -> Softphone:
        page = desks.new_page()
        page.goto(f"{app.url}/softphone.html")
        tab = Softphone(page, phone.signal)
        tells[f"tab {len(tells)}"] = tab.story
        if identity is not None:
            tab.start(token_for(identity), hz).wait_for("registered")
        return tab

    return opened


@pytest.fixture
def call_anna(phone: Phonebox, app: App) -> CallAnna:
    """Let Ada call, with a voice, and ring Anna for so many simulated seconds."""

    def called(ring_seconds: int = 600) -> PhoneCall:
        app.on("/voice/incoming", RING_ANNA.format(ring_seconds=ring_seconds))
        app.on("/after", "<Say>Een collega.</Say>", "<Pause length='600'/>")
        return phone.call_in(ADA, LINE, hz=CALLER_HZ)

    return called


def test_two_people_hear_each_other(open_tab: Open, call_anna: CallAnna) -> None:
    anna = open_tab("anna")

    call = call_anna()
    anna.wait_for("incoming")
    assert anna.page.evaluate("() => softphone.parameters") == {"from": ADA, "case": "Z-1 & é+2"}
    anna.do("accept()")
    call.wait("bridged:client:anna")

    anna.wait_to_hear(CALLER_HZ)
    call.wait(f"hears:{ANNA_HZ}")
    anna.do("mute(true)")
    call.wait("hears:0")
    anna.wait_to_hear(CALLER_HZ)
    anna.do("mute(false)")
    call.wait(f"hears:{ANNA_HZ}")
    anna.do("disconnect()")
    call.wait("caption:Een collega.")


def test_a_caller_who_hangs_up_ends_the_ring_and_the_talk(open_tab: Open, call_anna: CallAnna) -> None:
    anna = open_tab("anna")

    gives_up = call_anna()
    anna.wait_for("incoming")
    gives_up.hang_up()
    anna.wait_for("cancel")
    talks = call_anna()
    anna.wait_for("incoming", 2)
    anna.do("accept()")
    talks.wait("bridged")
    talks.hang_up()
    anna.wait_for("disconnect")

    assert anna.errors == []


def test_who_declines_sends_the_caller_on(open_tab: Open, call_anna: CallAnna, app: App) -> None:
    anna = open_tab("anna")

    call = call_anna()
    anna.wait_for("incoming")
    anna.do("reject()")
    call.wait("caption:Een collega.")

    assert app.at("/after")[0].form["DialCallStatus"] == "busy"


def test_of_two_tabs_both_ring_and_the_first_to_answer_has_the_call(
    open_tab: Open, call_anna: CallAnna
) -> None:
    left, right = open_tab("anna", hz=ANNA_HZ), open_tab("anna", hz=1400)

    call = call_anna()
    left.wait_for("incoming")
    right.wait_for("incoming")
    right.do("accept()")
    left.wait_for("cancel")

    call.wait("hears:1400")
    assert call.bridged_to == [ANNA]


def test_reloading_one_of_two_tabs_while_it_rings_declines_for_both(
    open_tab: Open, call_anna: CallAnna, phone: Phonebox, app: App
) -> None:
    left, right = open_tab("anna"), open_tab("anna")

    call = call_anna()
    left.wait_for("incoming")
    right.wait_for("incoming")
    left.page.reload()
    right.wait_for("cancel")
    call.wait("caption:Een collega.")

    assert app.at("/after")[0].form["DialCallStatus"] == "busy"


def test_a_tab_that_is_closed_in_a_talk_ends_it_and_rings_no_more(
    open_tab: Open, call_anna: CallAnna, phone: Phonebox, app: App
) -> None:
    anna = open_tab("anna")

    call = call_anna()
    anna.wait_for("incoming")
    anna.do("accept()")
    call.wait("bridged")
    anna.page.close(run_before_unload=False)
    call.wait("caption:Een collega.")
    phone.endpoint(ANNA).wait("unregistered")

    again = call_anna()
    again.wait("caption:Een collega.")
    assert [each.form["DialCallStatus"] for each in app.at("/after")] == ["completed", "no-answer"]


def test_a_frozen_tab_is_registered_and_lets_the_caller_wait_in_vain(
    open_tab: Open, call_anna: CallAnna, phone: Phonebox, app: App
) -> None:
    anna = open_tab("anna")
    anna.page.evaluate("() => { softphone.device.on('incoming', (call) => call.accept()) }")
    freezer = anna.page.context.new_cdp_session(anna.page)
    # Chromium freezes no page that it shows; a debugger's pause stops its scripts as thoroughly.
    freezer.send("Debugger.enable")
    freezer.send("Debugger.pause")
    phone.change(patience=None)  # nobody comes

    call = call_anna(ring_seconds=25)
    call.wait("ringing:client:anna")
    assert phone.endpoint(ANNA).state()["registered"]
    call.wait("caption:Een collega.")
    freezer.send("Debugger.disable")

    assert app.at("/after")[0].form["DialCallStatus"] == "no-answer"


def test_who_talks_does_not_notice_a_second_caller(open_tab: Open, call_anna: CallAnna, app: App) -> None:
    anna = open_tab("anna")
    first = call_anna()
    anna.wait_for("incoming")
    anna.do("accept()")
    first.wait("bridged")

    second = call_anna(ring_seconds=5)
    second.wait("ringing:client:anna")
    second.wait("caption:Een collega.")

    assert anna.seen.count("incoming") == 1
    assert app.at("/after")[0].form["DialCallStatus"] == "no-answer"
    assert not first.state()["ended"]


def test_keys_reach_the_whisper(open_tab: Open, phone: Phonebox, app: App) -> None:
    app.on("/voice/incoming", '<Dial><Client url="/whisper">anna</Client></Dial>')
    app.on("/whisper", '<Gather numDigits="1" action="/accept" timeout="600"/>', "<Hangup/>")
    app.on("/accept", "<Pause/>")
    anna = open_tab("anna")

    call = phone.call_in(ADA, LINE)
    anna.wait_for("incoming")
    anna.do("accept()")
    phone.endpoint(ANNA).wait("prompt")
    anna.do("sendDigits('1')")

    call.wait("bridged:client:anna")
    assert app.at("/accept")[0].form["Digits"] == "1"


def test_the_page_learns_why_a_token_opens_nothing(open_tab: Open, phone: Phonebox) -> None:
    tab = open_tab()

    tab.start(token_for("anna", secret="somebody else's secret, long enough"))
    tab.wait_for_error(20101)
    tab.start(token_for("anna", seconds=-5))
    tab.wait_for_error(20104)

    assert not phone.endpoint(ANNA).state()["registered"]


def test_a_token_that_runs_out_ends_the_registration_and_a_new_one_renews_it(
    open_tab: Open, phone: Phonebox
) -> None:
    anna = open_tab()

    # Long enough to register with; the SDK warns ten seconds before its end.
    anna.start(token_for("anna", seconds=13)).wait_for("registered")
    anna.wait_for("expiring")
    anna.page.evaluate("(token) => softphone.device.updateToken(token)", token_for("anna", seconds=2))
    anna.wait_for_error(20104)

    phone.endpoint(ANNA).wait("unregistered")


def test_phonebox_forgets_calls_but_not_who_is_connected(
    open_tab: Open, call_anna: CallAnna, phone: Phonebox
) -> None:
    anna = open_tab("anna")
    talks = call_anna()
    anna.wait_for("incoming")
    anna.do("accept()")
    talks.wait("bridged")

    phone.reset()
    anna.wait_for("disconnect")
    call_anna()

    anna.wait_for("incoming", 2)
