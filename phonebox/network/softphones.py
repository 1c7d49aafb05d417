"""How do softphones in browsers register, ring, answer and hang up?

Speaks what Twilio's Voice SDK speaks to its gateway ("PSTREAM" 1.6): JSON objects `{type, payload, version}`
over a WebSocket at `wss://host:port/signal`. Twilio publishes no description; this is what the SDK's own code
sends and understands (npm @twilio/voice-sdk 2.18.5, es5/twilio/pstream.js, device.js, call.js).
"""

import asyncio
import importlib.util
import json
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from aiohttp import WSMsgType, web

from phonebox.events import EventLog
from phonebox.network.calls import CallStatus, Leg, Pressed
from phonebox.network.endpoints import Endpoint, Endpoints, Ring
from phonebox.network.mixing import Mixer
from phonebox.settings import Settings
from phonebox.tokens import EXPIRED, INVALID, Access, TokenRefused, verify

if TYPE_CHECKING:
    from phonebox.network.webrtc import Peer

log = logging.getLogger("phonebox")

PSTREAM_VERSION = "1.6"
# The SDK reconnects when nothing came for 15 s.
HEARTBEAT_SECONDS = 10.0
HEARTBEAT = "\n"
# The name of a task that waits for the end of a talk.
TALK = "talk"
# https://www.twilio.com/docs/api/errors/31002 and 31100
DECLINED = 31002
MALFORMED = 31100
TRUSTED = (
    '<!doctype html><html lang="nl"><meta charset="utf-8"><title>phonebox</title>'
    "<p>Deze browser vertrouwt phonebox nu: ga terug en laad het bureau opnieuw.</p>"
    '<p lang="en">This browser trusts phonebox now: go back and load the desk again.</p></html>'
)
Payload = dict[str, Any]


class Malformed(Exception):
    """A message that is none; the text says what is missing."""


@dataclass
class Ringing:
    """A ring of which the browser was told."""

    ring: Ring
    peer: "Peer"


@dataclass
class Talk:
    """A call that the browser answered."""

    leg: Leg
    peer: "Peer"


class Softphone:
    """One tab with a `Device` in it: a connection, and the telephone that it registers (endpoints.Device)."""

    def __init__(
        self,
        settings: Settings,
        endpoints: Endpoints,
        mixer: Mixer,
        events: EventLog,
        socket: web.WebSocketResponse,
    ) -> None:
        self._settings = settings
        self._endpoints = endpoints
        self._mixer = mixer
        self._events = events
        self._socket = socket
        self._access: Access | None = None
        self._endpoint: Endpoint | None = None
        self._ringing: dict[str, Ringing] = {}
        self._talks: dict[str, Talk] = {}
        self._outbox: asyncio.Queue[str] = asyncio.Queue()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._expiry: asyncio.Task[Any] | None = None

    # -- the connection

    async def serve(self) -> None:
        """Exchange messages until the browser is gone."""
        writing, beating = self._spawn(self._write()), self._spawn(self._beat())
        try:
            async for message in self._socket:
                if message.type is WSMsgType.TEXT and message.data != HEARTBEAT:
                    await self._take(message.data)
        finally:
            writing.cancel()
            beating.cancel()
            await self._gone()

    async def _write(self) -> None:
        while True:
            text = await self._outbox.get()
            try:
                await self._socket.send_str(text)
            except (ConnectionError, RuntimeError):
                return

    async def _beat(self) -> None:
        while True:
            self._outbox.put_nowait(HEARTBEAT)
            await asyncio.sleep(HEARTBEAT_SECONDS)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Do something meanwhile; not as a task of the world, which a reset would end."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a softphone failed", exc_info=error)

    async def _gone(self) -> None:
        """The connection is over: as far as the exchange knows the call lasts until its media ends."""
        self._unregister()
        if self._expiry is not None:
            self._expiry.cancel()
        ringing, self._ringing = self._ringing, {}
        for each in ringing.values():
            await each.peer.close()

    async def forget(self) -> None:
        """Hang up whatever goes on; the telephone stays registered."""
        for task in list(self._tasks):
            if task.get_name() == TALK:
                task.cancel()
        over: list[Ringing | Talk] = [*self._ringing.values(), *self._talks.values()]
        for sid in self._ringing:
            self.send("cancel", {"callsid": sid})
        for sid in self._talks:
            self.send("hangup", {"callsid": sid})
        self._ringing.clear()
        self._talks.clear()
        for each in over:
            await each.peer.close()

    async def disconnect(self) -> None:
        """Close the connection, as a gateway that is restarted does."""
        await self._socket.close()

    # -- messages

    def send(self, kind: str, payload: Payload) -> None:
        """Tell the browser something, in order."""
        self._outbox.put_nowait(json.dumps({"type": kind, "payload": payload, "version": PSTREAM_VERSION}))

    def complain(self, code: int, message: str, callsid: str | None = None) -> None:
        """Tell the browser what is wrong; the SDK makes a `Device` error of it."""
        about = {"callsid": callsid} if callsid else {}
        self.send("error", {"error": {"code": code, "message": message}} | about)

    async def _take(self, text: str) -> None:
        try:
            kind, payload = _read(text)
            await self._obey(kind, payload)
        except Malformed as error:
            self.complain(MALFORMED, str(error))

    async def _obey(self, kind: str, payload: Payload) -> None:
        match kind:
            case "listen":
                self._listen(payload)
            case "register":
                self._register(payload)
            case "answer":
                await self._answer(_sid(payload), str(payload.get("sdp", "")))
            case "reject":
                await self._reject(_sid(payload))
            case "hangup":
                await self._hang_up(_sid(payload))
            case "dtmf":
                self._press(_sid(payload), str(payload.get("dtmf", "")))
            case "message":
                told = {"acktype": "message", "callsid": _sid(payload)}
                self.send("ack", told | {"voiceeventsid": payload.get("voiceeventsid", "")})
            case "invite":
                sid = _sid(payload)
                self.complain(DECLINED, "phonebox places no calls for softphones", sid)
                self.send("hangup", {"callsid": sid})
            case "reinvite":
                # The media of a call here never moves, since both ends are on this machine.
                log.info("a softphone asked for other media; it keeps what it has")
            case _:
                raise Malformed(f"{kind}: no message of this kind is known")

    # -- registering

    def _listen(self, payload: Payload) -> None:
        settings = self._settings
        try:
            access = verify(str(payload.get("token", "")), settings.account_sid, settings.api_keys)
        except TokenRefused as refused:
            self.complain(refused.code, str(refused))
            return
        if self._access is not None and self._access.identity != access.identity:
            self._unregister()
        self._access = access
        if self._expiry is not None:
            self._expiry.cancel()
        self._expiry = self._spawn(self._expire(access))
        token = {"identity": access.identity, "ttl": int(access.seconds_left)}
        self.send("connected", {"region": "dev", "home": "dev", "edge": "dev", "token": token})

    async def _expire(self, access: Access) -> None:
        """A telephone whose token ran out rings no more; a call that goes on goes on."""
        await asyncio.sleep(access.seconds_left)
        self._unregister()
        self._access = None
        self.complain(EXPIRED, "the token has expired: ask for a new one")

    def _register(self, payload: Payload) -> None:
        media = payload.get("media")
        if not isinstance(media, dict) or not media.get("audio"):
            self._unregister()
            self.send("offline", {})
            return
        if self._access is None:
            self.complain(INVALID, "register comes after a token that was accepted")
            return
        if not self._access.may_ring:
            self.complain(INVALID, "grants.voice.incoming.allow: the token lets nobody ring this telephone")
            return
        if self._endpoint is None:
            # Loading it takes a second: not when the first call is on its way.
            self._spawn(asyncio.to_thread(_what_carries_sound))
            self._endpoint = self._endpoints.find(f"client:{self._access.identity}")
            if self._endpoint is not None:
                self._endpoint.devices.append(self)
                self._changed(self._endpoint)
        self.send("ready", {})

    def _unregister(self) -> None:
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is not None:
            endpoint.devices.remove(self)
            self._changed(endpoint)

    def _changed(self, endpoint: Endpoint) -> None:
        self._events.add("endpoint", {"address": endpoint.address})

    # -- ringing (endpoints.Device)

    def ring(self, ring: Ring) -> None:
        """Invite the browser."""
        self._spawn(self._invite(ring))

    async def _invite(self, ring: Ring) -> None:
        leg = ring.leg
        peer = _what_carries_sound()(leg.hang_up)
        sdp = await peer.offer()
        if not ring.open or self._socket.closed:
            await peer.close()
            return
        self._ringing[leg.sid] = Ringing(ring, peer)
        parameters = {
            "From": leg.from_,
            "To": leg.to,
            "CallSid": leg.sid,
            "AccountSid": self._settings.account_sid,
            "Params": urlencode(leg.custom_parameters, quote_via=quote),
        }
        self.send("invite", {"callsid": leg.sid, "sdp": sdp, "parameters": parameters})

    def stop(self, leg: Leg) -> None:
        """The ring is over; who answered it is not told."""
        ringing = self._ringing.pop(leg.sid, None)
        if ringing is not None:
            self.send("cancel", {"callsid": leg.sid})
            self._spawn(ringing.peer.close())

    async def _reject(self, sid: str) -> None:
        """Refuse for everybody: the exchange stops the other tabs of this identity, as Twilio does."""
        ringing = self._ringing.pop(sid, None)
        if ringing is not None:
            ringing.ring.settle(CallStatus.BUSY)
            await ringing.peer.close()

    # -- talking

    async def _answer(self, sid: str, sdp: str) -> None:
        ringing = self._ringing.pop(sid, None)
        if ringing is None or not ringing.ring.settle(CallStatus.IN_PROGRESS):
            # Somebody else was faster, or the caller has gone.
            self.send("hangup", {"callsid": sid})
            return
        leg, peer = ringing.ring.leg, ringing.peer
        leg.answered_by = "human"
        talk = self._talks[sid] = Talk(leg, peer)
        self._spawn(self._talk(talk)).set_name(TALK)
        try:
            await peer.accept(sdp)
        except ValueError as error:
            leg.hang_up()
            raise Malformed("sdp: no answer to what was offered") from error
        line = self._mixer.line(leg)
        line.mouth = peer
        line.hearers.append(peer)

    async def _talk(self, talk: Talk) -> None:
        await talk.leg.over.wait()
        self._talks.pop(talk.leg.sid, None)
        self.send("hangup", {"callsid": talk.leg.sid})
        await talk.peer.close()

    async def _hang_up(self, sid: str) -> None:
        if sid in self._talks:
            self._talks[sid].leg.hang_up()
        else:
            await self._reject(sid)

    def _press(self, sid: str, digits: str) -> None:
        if sid in self._talks:
            self._talks[sid].leg.take(Pressed(digits))


def _what_carries_sound() -> "type[Peer]":
    """Return what carries sound to a browser; a machine may lack its packages (`Switchboard.missing`)."""
    from phonebox.network.webrtc import Peer

    return Peer


def _read(text: str) -> tuple[str, Payload]:
    try:
        message = json.loads(text)
    except ValueError as error:
        raise Malformed("a message is JSON") from error
    if not isinstance(message, dict) or not isinstance(payload := message.get("payload", {}), dict):
        raise Malformed("a message has a type and a payload")
    return str(message.get("type", "")), payload


def _sid(payload: Payload) -> str:
    sid = payload.get("callsid")
    if not isinstance(sid, str):
        raise Malformed("callsid: which call?")
    return sid


class Switchboard:
    """Where softphones connect; `address` is `host:port` (the Device option `chunderw`), once it listens."""

    def __init__(self, settings: Settings, endpoints: Endpoints, mixer: Mixer, events: EventLog) -> None:
        self._softphone = partial(Softphone, settings, endpoints, mixer, events)
        self._connected: set[Softphone] = set()
        self.address: str | None = None

    @staticmethod
    def missing() -> list[str]:
        """Return the packages that sound needs and this machine lacks."""
        return [name for name in ("aiortc", "cryptography") if importlib.util.find_spec(name) is None]

    def app(self) -> web.Application:
        """Return what is served over TLS."""
        app = web.Application()
        app.add_routes([web.get("/signal", self._signal), web.get("/", self._trusted)])
        return app

    async def _trusted(self, request: web.Request) -> web.Response:
        """Say that the certificate was accepted, to whoever opened this address to do that."""
        return web.Response(text=TRUSTED, content_type="text/html")

    async def _signal(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(max_msg_size=256 * 1024)
        await socket.prepare(request)
        softphone = self._softphone(socket)
        self._connected.add(softphone)
        try:
            await softphone.serve()
        finally:
            self._connected.discard(softphone)
        return socket

    async def forget(self) -> None:
        """Hang up every softphone; they stay registered."""
        for softphone in list(self._connected):
            await softphone.forget()

    async def close(self) -> None:
        """Hang up and let go of every softphone."""
        await self.forget()
        for softphone in list(self._connected):
            await softphone.disconnect()
