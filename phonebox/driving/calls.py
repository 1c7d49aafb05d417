"""How does somebody phone in, speak, press keys and hang up, and how does the call stand?"""

import base64
from collections.abc import Callable
from random import Random

from aiohttp import web

from phonebox.driving.pictures import company, leg_summary, snapshot
from phonebox.driving.reading import (
    DEFAULT_PATIENCE,
    Json,
    Part,
    Refused,
    Route,
    number_in,
    object_in,
    read_json,
    required,
    seconds_in,
    text_in,
)
from phonebox.mishearing import misheard
from phonebox.network.calls import Input, Leg, Pressed, Spoken
from phonebox.placing import phone_in
from phonebox.sound import Mouth, NoSound, Played, Tone, decibels, share_of

DETAILS = {
    "forwarded_from": "ForwardedFrom",
    "stir_verstat": "StirVerstat",
    "caller_country": "CallerCountry",
    "caller_name": "CallerName",
}


class Calls(Part):
    """Calls, from the caller's side."""

    _random = Random()

    def routes(self) -> list[Route]:
        """Return method, path below /phonebox, and handler of every address."""
        return [
            ("POST", "/calls", self.phone_in),
            ("GET", "/calls", self.calls),
            ("GET", "/calls/{sid}", self.call),
            ("GET", "/calls/{sid}/wait", self.wait_for_call),
            ("POST", "/calls/{sid}/say", self.say),
            ("POST", "/calls/{sid}/press", self.press),
            ("POST", "/calls/{sid}/hangup", self.hang_up),
            ("PUT", "/calls/{sid}/sound", self.give_sound),
            ("GET", "/calls/{sid}/sound", self.sound),
            ("POST", "/calls/{sid}/media", self.media),
        ]

    def _leg(self, request: web.Request) -> Leg:
        leg = self._world.legs.get(request.match_info["sid"])
        if leg is None:
            raise Refused(404, "there is no call with this SID")
        return leg

    def _snapshot(self, leg: Leg, status: int = 200) -> web.Response:
        return web.json_response(snapshot(self._world, leg), status=status)

    async def phone_in(self, request: web.Request) -> web.Response:
        """Somebody dials a number of the account."""
        body = await read_json(request)
        to = text_in(body, "to")
        if not to:
            raise Refused(400, "to: which number is dialled?")
        sid = text_in(body, "call_sid") or None
        if sid is not None and sid in self._world.legs:
            raise Refused(409, "call_sid: there is a call with this SID already")
        details = {name: str(body[field]) for field, name in DETAILS.items() if body.get(field) is not None}
        details |= {str(name): str(value) for name, value in object_in(body, "extra").items()}
        mouth = mouth_in(body)
        leg = phone_in(self._world, text_in(body, "from"), to, sid, details)
        leg.by_hand = not body.get("silent")
        if mouth is not None:
            self._world.mixer.line(leg).mouth = mouth
        return web.json_response({"sid": leg.sid}, status=201)

    async def calls(self, request: web.Request) -> web.Response:
        """List the calls that came in or were placed, newest first, without the legs that they dialled."""
        legs = [leg for leg in reversed(self._world.legs.values()) if leg.parent is None]
        return web.json_response({"calls": [leg_summary(leg) for leg in legs]})

    async def call(self, request: web.Request) -> web.Response:
        """Return all that is known of one call."""
        return self._snapshot(self._leg(request))

    async def wait_for_call(self, request: web.Request) -> web.Response:
        """Answer as soon as a condition is true; 408, with the call as it is, when it is not in time."""
        leg = self._leg(request)
        is_true = self._condition(leg, request.query.get("for", "ended"))
        if await self._world.changes.until(is_true, seconds_in(request)):
            return self._snapshot(leg)
        return self._snapshot(leg, 408)

    def _condition(self, leg: Leg, wanted: str) -> Callable[[], bool]:
        """Read a condition; what happened once counts also when it is over already."""
        name, _, detail = wanted.partition(":")
        conditions: dict[str, Callable[[], bool]] = {
            "ringing": lambda: detail in leg.rang if detail else bool(leg.rang),
            "bridged": lambda: detail in leg.bridged_to if detail else bool(leg.bridged_to),
            "company": lambda: bool(company(leg)) if not detail else detail in company(leg),
            "no_company": lambda: not company(leg) if not detail else detail not in company(leg),
            "caption": lambda: any(detail in caption.text for caption in leg.captions),
            "kind": lambda: any(detail == caption.kind for caption in leg.captions),
            "status": lambda: leg.status.value == detail,
            "prompt": lambda: leg.prompt is not None and detail in ("", leg.prompt.kind),
            "queued": lambda: leg.queue_name is not None and detail in ("", leg.queue_name),
            "answered": lambda: leg.answered,
            "ended": lambda: leg.ended,
            "hears": lambda: self._world.mixer.hears(leg, hertz(detail)),
            "not_hears": lambda: not self._world.mixer.hears(leg, hertz(detail)),
            "settled": lambda: leg.settled,
        }
        if name not in conditions:
            raise Refused(400, f"for: {name} is none of {', '.join(conditions)}")
        if name in ("hears", "not_hears"):
            hertz(detail)
        return conditions[name]

    async def say(self, request: web.Request) -> web.Response:
        """The caller says something, as soon as anybody or anything listens."""
        text, body = await required(request, "text"), await read_json(request)
        share = number_in(body, "mishears", self._world.settings.mishears)
        if not 0 <= share <= 1:
            raise Refused(400, "mishears: a share of the words, from 0 to 1")
        heard = misheard(text, share, self._random)
        confidence = number_in(body, "confidence", heard.confidence)
        return await self._put_in(request, self._leg(request), Spoken(heard.text, confidence))

    async def press(self, request: web.Request) -> web.Response:
        """The caller presses keys, as soon as anybody or anything listens."""
        return await self._put_in(request, self._leg(request), Pressed(await required(request, "digits")))

    async def _put_in(self, request: web.Request, leg: Leg, heard: Input) -> web.Response:
        patience = number_in(await read_json(request), "seconds", DEFAULT_PATIENCE)

        await self._world.changes.until(lambda: leg.ended or leg.is_heard(heard), patience)
        if not leg.take(heard):
            raise Refused(409, "nobody listens on this call just now", call=snapshot(self._world, leg))
        return self._snapshot(leg)

    async def give_sound(self, request: web.Request) -> web.Response:
        """The person on this leg is a tone, or a WAV file, or silent, from now on."""
        leg = self._leg(request)
        self._world.mixer.line(leg).mouth = mouth_in(await read_json(request))
        return web.Response(status=204)

    async def sound(self, request: web.Request) -> web.Response:
        """Say how loud is what is heard on this leg, and which part of it is at the given frequencies.

        `longest_silence` is in real seconds, since this was asked last.
        """
        leg = self._leg(request)
        meter = self._world.mixer.line(leg).meter
        heard = meter.window
        shares = {hz: round(share_of(heard, hertz(hz)), 3) for hz in request.query.getall("hz", [])}
        return web.json_response(
            {
                "decibels": round(decibels(heard), 1),
                "shares": shares,
                "longest_silence": round(meter.longest_silence(), 2),
            }
        )

    async def media(self, request: web.Request) -> web.Response:
        """Give the person on this leg a browser's microphone and speaker: its offer in, our answer out."""
        leg = self._leg(request)
        if leg.ended:
            raise Refused(409, "this call is over")
        if missing := self._world.switchboard.missing():
            raise Refused(503, f"no sound: {' and '.join(missing)} not installed")
        from phonebox.network.webrtc import connect

        try:
            answer = await connect(self._world.mixer, leg, await required(request, "sdp"))
        except ValueError as error:
            raise Refused(400, "sdp: no offer of a browser") from error
        return web.json_response({"sdp": answer})

    async def hang_up(self, request: web.Request) -> web.Response:
        """The person on this call puts the telephone down; a second time changes nothing."""
        leg = self._leg(request)
        leg.hang_up()
        return self._snapshot(leg)


def mouth_in(body: Json) -> Mouth | None:
    """Return whom the `hz` or the `wav` of a request lets speak; None when it is neither."""
    if body.get("hz") is not None:
        return Tone(number_in(body, "hz", 0))
    encoded = text_in(body, "wav")
    if not encoded:
        return None
    try:
        return Played(base64.b64decode(encoded, validate=True))
    except NoSound as error:
        raise Refused(400, f"wav: {error}") from error
    except ValueError as error:
        raise Refused(400, "wav: a WAV file in base64") from error


def hertz(text: str) -> float:
    """Return a frequency; 0 stands for silence."""
    if not text.isdecimal():
        raise Refused(400, "hears, hz: a frequency in whole hertz, 0 for silence")
    return float(text)
