"""What does the switchboard say to a softphone, message by message?"""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import VoiceGrant

from phonebox.certificate import tls_context
from phonebox.client import DrivingError, Phonebox
from phonebox.network.softphones import DECLINED, MALFORMED
from phonebox.settings import DEVELOPMENT_ACCOUNT_SID, DEVELOPMENT_API_KEY, DEVELOPMENT_API_SECRET
from phonebox.tokens import INVALID
from startup import vendor
from tests.phonebox.scripted import App

ADA, LINE, ANNA = "+31612345678", "+31880001111", "client:anna"
Json = dict[str, Any]


class Tab:
    """A softphone that only knows the messages."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def send(self, kind: str, **payload: Any) -> None:
        await self._socket.send_str(json.dumps({"type": kind, "payload": payload, "version": "1.6"}))

    async def send_raw(self, text: str) -> None:
        await self._socket.send_str(text)

    async def next(self) -> Json:
        """Return the next message that is no heartbeat."""
        while (text := await self._socket.receive_str(timeout=10)) == "\n":
            pass
        message: Json = json.loads(text)
        return message

    async def register(self, incoming: bool = True) -> Json:
        token = AccessToken(
            DEVELOPMENT_ACCOUNT_SID, DEVELOPMENT_API_KEY, DEVELOPMENT_API_SECRET, identity="anna"
        )
        token.add_grant(VoiceGrant(incoming_allow=incoming))
        await self.send("listen", token=str(token.to_jwt()))
        assert (await self.next())["type"] == "connected"
        await self.send("register", media={"audio": True})
        return await self.next()


async def hang_up(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Close a connection and wait until it is closed: TLS says goodbye after the library has returned."""
    beneath = socket.get_extra_info("socket")
    await socket.close()
    while beneath.fileno() != -1:
        await asyncio.sleep(0.01)


Story = Callable[[Callable[[], Awaitable[Tab]]], Awaitable[None]]


def tell(phone: Phonebox, story: Story) -> None:
    """Let a story happen with tabs that connect to a phonebox."""

    async def told() -> None:
        sockets: list[aiohttp.ClientWebSocketResponse] = []
        trusting = ssl.create_default_context()
        trusting.check_hostname = False
        trusting.verify_mode = ssl.CERT_NONE
        async with aiohttp.ClientSession() as session:

            async def connect() -> Tab:
                sockets.append(await session.ws_connect(f"wss://{phone.signal}/signal", ssl=trusting))
                return Tab(sockets[-1])

            try:
                await story(connect)
            finally:
                for socket in sockets:
                    await hang_up(socket)

    asyncio.run(told())


def test_of_many_tabs_the_ten_newest_ring(phone: Phonebox, app: App) -> None:
    app.on("/voice/incoming", "<Dial timeout='600'><Client>anna</Client></Dial>")

    async def story(connect: Callable[[], Awaitable[Tab]]) -> None:
        tabs = [await connect() for _ in range(11)]
        for tab in tabs:
            assert (await tab.register())["type"] == "ready"
        call = phone.call_in(ADA, LINE)
        invites = [await tab.next() for tab in tabs[1:]]
        await tabs[1].send("reject", callsid=invites[0]["payload"]["callsid"])
        stopped = [await tab.next() for tab in tabs[2:]]
        # Had the oldest been rung, that would be the first thing it heard.
        await tabs[0].send("register", media={"audio": False})

        assert {each["type"] for each in invites} == {"invite"}
        assert {each["type"] for each in stopped} == {"cancel"}
        assert (await tabs[0].next())["type"] == "offline"
        call.wait("ended")

    tell(phone, story)


def test_an_invite_carries_what_the_sdk_shows(phone: Phonebox, app: App) -> None:
    app.on(
        "/voice/incoming",
        "<Dial timeout='600'><Client><Identity>anna</Identity>"
        "<Parameter name='case' value='a=b&amp;c d'/></Client></Dial>",
    )

    async def story(connect: Callable[[], Awaitable[Tab]]) -> None:
        tab = await connect()
        await tab.register()
        phone.call_in(ADA, LINE)
        invite = (await tab.next())["payload"]

        assert invite["parameters"] == {
            "From": ADA,
            "To": ANNA,
            "CallSid": invite["callsid"],
            "AccountSid": DEVELOPMENT_ACCOUNT_SID,
            "Params": "case=a%3Db%26c%20d",
        }
        assert "PCMU/8000" in invite["sdp"]
        assert "127.0.0.1" in invite["sdp"]

    tell(phone, story)


def test_what_makes_no_sense_is_said_and_ends_nothing(phone: Phonebox) -> None:
    async def story(connect: Callable[[], Awaitable[Tab]]) -> None:
        tab = await connect()
        for rubbish in ("no json", "[]", '{"type": "answer"}', '{"type": "dance"}', '{"payload": 3}'):
            await tab.send_raw(rubbish)
            assert (await tab.next())["payload"]["error"]["code"] == MALFORMED
        await tab.send("register", media={"audio": True})
        assert (await tab.next())["payload"]["error"]["code"] == INVALID
        await tab.send("listen", token="rubbish")
        assert (await tab.next())["payload"]["error"]["code"] == INVALID
        assert (await tab.register())["type"] == "ready"

    tell(phone, story)


def test_a_token_without_incoming_calls_registers_nothing(phone: Phonebox) -> None:
    async def story(connect: Callable[[], Awaitable[Tab]]) -> None:
        tab = await connect()

        assert (await tab.register(incoming=False))["payload"]["error"]["code"] == INVALID
        assert not phone.endpoint(ANNA).state()["registered"]

    tell(phone, story)


def test_an_answer_that_comes_too_late_is_hung_up(phone: Phonebox, app: App) -> None:
    app.on("/voice/incoming", "<Dial timeout='600'><Client>anna</Client></Dial>")

    async def story(connect: Callable[[], Awaitable[Tab]]) -> None:
        tab = await connect()
        await tab.register()
        call = phone.call_in(ADA, LINE)
        invite = await tab.next()
        call.hang_up()
        assert (await tab.next())["type"] == "cancel"
        await tab.send("answer", callsid=invite["payload"]["callsid"], sdp="v=0")

        late = await tab.next()
        assert (late["type"], late["payload"]["callsid"]) == ("hangup", invite["payload"]["callsid"])

    tell(phone, story)


def test_an_answer_that_is_none_ends_the_call_instead_of_leaving_it_silent(phone: Phonebox, app: App) -> None:
    app.on("/voice/incoming", "<Dial timeout='600'><Client>anna</Client></Dial>")

    async def story(connect: Callable[[], Awaitable[Tab]]) -> None:
        tab = await connect()
        await tab.register()
        call = phone.call_in(ADA, LINE)
        invite = await tab.next()
        await tab.send("answer", callsid=invite["payload"]["callsid"], sdp="rubbish")

        said = [await tab.next() for _ in range(2)]
        assert {each["type"] for each in said} == {"error", "hangup"}
        call.wait("ended")

    tell(phone, story)


def test_a_telephone_that_acts_by_itself_does_not_ring_in_the_browser(phone: Phonebox, app: App) -> None:
    app.on("/voice/incoming", "<Dial timeout='600' action='/after'><Client>anna</Client></Dial>")
    app.on("/after", "<Hangup/>")

    async def story(connect: Callable[[], Awaitable[Tab]]) -> None:
        tab = await connect()
        await tab.register()
        phone.endpoint(ANNA).register(behaviour="busy")
        phone.call_in(ADA, LINE).wait("ended")
        await tab.send("register", media={"audio": False})

        assert (await tab.next())["type"] == "offline"
        assert app.at("/after")[0].form["DialCallStatus"] == "busy"

    tell(phone, story)


def test_a_softphone_that_wants_to_call_out_is_told_that_it_can_not(phone: Phonebox) -> None:
    async def story(connect: Callable[[], Awaitable[Tab]]) -> None:
        tab = await connect()
        await tab.register()
        await tab.send("invite", callsid="TJ1", sdp="v=0", twilio={})

        assert (await tab.next())["payload"]["error"]["code"] == DECLINED
        assert (await tab.next())["type"] == "hangup"

    tell(phone, story)


def test_messages_in_a_call_are_acknowledged(phone: Phonebox) -> None:
    async def story(connect: Callable[[], Awaitable[Tab]]) -> None:
        tab = await connect()
        await tab.send("message", callsid="CA1", voiceeventsid="KX1", content="{}")

        told = await tab.next()
        assert (told["type"], told["payload"]["voiceeventsid"]) == ("ack", "KX1")

    tell(phone, story)


@pytest.mark.parametrize("sdp", ["rubbish", "v=0\r\n", "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"])
def test_a_browsers_offer_that_is_none_is_refused(phone: Phonebox, app: App, sdp: str) -> None:
    app.on("/voice/incoming", "<Pause length='600'/>")

    with pytest.raises(DrivingError, match="no offer"):
        phone.call_in(ADA, LINE).connect(sdp)


def test_a_certificate_outlives_the_process_and_keeps_its_key_to_itself(tmp_path: Path) -> None:
    kept = tmp_path / "kept.pem"

    tls_context(kept)
    first = kept.read_bytes()
    tls_context(kept)

    assert kept.read_bytes() == first
    assert kept.stat().st_mode & 0o077 == 0


def test_the_copies_of_other_peoples_scripts_are_as_published() -> None:
    for library in vendor.LIBRARIES:
        vendor.check(library)


def test_a_copy_that_somebody_edited_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = vendor.LIBRARIES[0]
    folder = tmp_path / library.folder
    folder.mkdir()
    for file in (vendor.VENDOR / library.folder).iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    with (folder / "twilio.min.js").open("a") as script:
        script.write(";")
    monkeypatch.setattr(vendor, "VENDOR", tmp_path)

    with pytest.raises(vendor.NotAsPublished, match=r"twilio\.min\.js is not what was published"):
        vendor.check(library)
