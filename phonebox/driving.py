"""How does a test, or the page, phone in, pick up, speak, and see what happened?"""

import asyncio
import dataclasses
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from aiohttp import web

from phonebox.calls import CallStatus, Input, Leg, Pressed, Spoken
from phonebox.endpoints import Behaviour, Endpoint, Ring
from phonebox.faults import Fault, FaultRule
from phonebox.settings import SharedKey
from phonebox.world import World, leg_summary, read_list

DEFAULT_WAIT = 10.0
# How long a word or a key waits for somebody to listen.
DEFAULT_PATIENCE = 5.0
HEARTBEAT_SECONDS = 10.0
DETAILS = {
    "forwarded_from": "ForwardedFrom",
    "stir_verstat": "StirVerstat",
    "caller_country": "CallerCountry",
    "caller_name": "CallerName",
}

Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Refused(Exception):
    """A driving request that can't be done; the message says why and what would."""

    def __init__(self, status: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": message, **more}


class Driving:
    """The driving API: JSON, without authentication, for this machine only."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """Return every address that is served."""
        table: tuple[tuple[str, str, Handle], ...] = (
            ("POST", "/calls", self.phone_in),
            ("GET", "/calls", self.calls),
            ("GET", "/calls/{sid}", self.call),
            ("GET", "/calls/{sid}/wait", self.wait_for_call),
            ("POST", "/calls/{sid}/say", self.say),
            ("POST", "/calls/{sid}/press", self.press),
            ("POST", "/calls/{sid}/hangup", self.hang_up),
            ("GET", "/endpoints", self.endpoints),
            ("GET", "/endpoints/{address}", self.endpoint),
            ("PUT", "/endpoints/{address}", self.set_up_endpoint),
            ("GET", "/endpoints/{address}/wait", self.wait_for_endpoint),
            ("POST", "/endpoints/{address}/answer", self.answer),
            ("POST", "/endpoints/{address}/decline", self.decline),
            ("POST", "/endpoints/{address}/hangup", self.endpoint_hangs_up),
            ("POST", "/endpoints/{address}/say", self.endpoint_says),
            ("POST", "/endpoints/{address}/press", self.endpoint_presses),
            ("POST", "/messages", self.write),
            ("GET", "/messages", self.messages),
            ("GET", "/messages/wait", self.wait_for_message),
            ("PUT", "/messages/undeliverable", self.undeliverable),
            ("GET", "/events", self.events),
            ("GET", "/debugger", self.debugger),
            ("GET", "/requests", self.requests),
            ("GET", "/requests/wait", self.wait_for_requests),
            ("GET", "/faults", self.faults),
            ("PUT", "/faults", self.set_fault),
            ("DELETE", "/faults", self.clear_faults),
            ("GET", "/settings", self.settings),
            ("PUT", "/settings", self.change_settings),
            ("GET", "/phonebook", self.phonebook),
            ("GET", "/lines", self.lines),
            ("POST", "/reset", self.reset),
        )
        prefix = "/phonebox"
        return [web.route(method, prefix + path, self._guarded(handle)) for method, path, handle in table]

    @staticmethod
    def _guarded(handle: Handle) -> Handle:
        async def guarded(request: web.Request) -> web.StreamResponse:
            # A page of another site may not drive the simulator behind its reader's back.
            origin = request.headers.get("Origin")
            if origin is not None and origin.partition("://")[2] != request.host:
                return web.json_response({"error": "only phonebox's own page may do this"}, status=403)
            try:
                return await handle(request)
            except Refused as refused:
                return web.json_response(refused.body, status=refused.status)

        return guarded

    # -- calls

    def _leg(self, request: web.Request) -> Leg:
        leg = self._world.legs.get(request.match_info["sid"])
        if leg is None:
            raise Refused(404, "there is no call with this SID")
        return leg

    def _snapshot(self, leg: Leg, status: int = 200) -> web.Response:
        return web.json_response(self._world.snapshot(leg), status=status)

    async def phone_in(self, request: web.Request) -> web.Response:
        """Somebody dials a number of the account."""
        body = await _json(request)
        to = _text(body, "to")
        if not to:
            raise Refused(400, "to: which number is dialled?")
        sid = _text(body, "call_sid") or None
        if sid is not None and sid in self._world.legs:
            raise Refused(409, "call_sid: there is a call with this SID already")
        details = {name: str(body[field]) for field, name in DETAILS.items() if body.get(field) is not None}
        details |= {str(name): str(value) for name, value in dict(body.get("extra") or {}).items()}
        leg = self._world.phone_in(_text(body, "from"), to, sid, details)
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
        if await self._world.until(is_true, _seconds(request)):
            return self._snapshot(leg)
        return self._snapshot(leg, 408)

    def _condition(self, leg: Leg, wanted: str) -> Callable[[], bool]:
        """Read a condition; what happened once counts also when it is over already."""
        name, _, detail = wanted.partition(":")
        conditions: dict[str, Callable[[], bool]] = {
            "ringing": lambda: detail in leg.rang if detail else bool(leg.rang),
            "bridged": lambda: detail in leg.bridged_to if detail else bool(leg.bridged_to),
            "caption": lambda: any(detail in caption.text for caption in leg.captions),
            "kind": lambda: any(detail == caption.kind for caption in leg.captions),
            "status": lambda: leg.status.value == detail,
            "prompt": lambda: leg.prompt is not None and detail in ("", leg.prompt.kind),
            "queued": lambda: leg.queue_name is not None and detail in ("", leg.queue_name),
            "answered": lambda: leg.answered,
            "ended": lambda: leg.ended,
            "settled": lambda: self._world.settled(leg),
        }
        if name not in conditions:
            raise Refused(400, f"for: {name} is none of {', '.join(conditions)}")
        return conditions[name]

    async def say(self, request: web.Request) -> web.Response:
        """The caller says something, as soon as anybody or anything listens."""
        return await self._put_in(request, self._leg(request), Spoken(await _required(request, "text")))

    async def press(self, request: web.Request) -> web.Response:
        """The caller presses keys, as soon as anybody or anything listens."""
        return await self._put_in(request, self._leg(request), Pressed(await _required(request, "digits")))

    async def _put_in(self, request: web.Request, leg: Leg, heard: Input) -> web.Response:
        patience = float((await _json(request)).get("seconds", DEFAULT_PATIENCE))

        await self._world.until(lambda: leg.ended or leg.is_heard(heard), patience)
        if not leg.take(heard):
            raise Refused(409, "nobody listens on this call just now", call=self._world.snapshot(leg))
        return self._snapshot(leg)

    async def hang_up(self, request: web.Request) -> web.Response:
        """The person on this call puts the telephone down; a second time changes nothing."""
        leg = self._leg(request)
        leg.hang_up()
        return self._snapshot(leg)

    # -- telephones

    def _endpoint(self, request: web.Request) -> Endpoint:
        endpoint = self._world.endpoints.find(request.match_info["address"])
        if endpoint is None:
            raise Refused(404, "no telephone has this address: client:name, +31612345678, or sip:")
        return endpoint

    def _picture(self, endpoint: Endpoint) -> dict[str, Any]:
        ringing = [_ring_picture(ring) for ring in endpoint.ringing]
        talking = [_leg_picture(leg) for leg in endpoint.active]
        return {
            "address": endpoint.address,
            "kind": endpoint.kind.value,
            "registered": endpoint.reachable,
            "behaviour": endpoint.behaviour.value,
            "answer_after": endpoint.answer_after,
            "presses": endpoint.presses,
            "says": endpoint.says,
            "state": "ringing" if ringing else "talking" if talking else "idle",
            "ringing": ringing,
            "talking": talking,
            "calls": [leg.sid for leg in endpoint.legs],
        }

    async def endpoints(self, request: web.Request) -> web.Response:
        """List the telephones that were named so far."""
        pictures = [self._picture(endpoint) for endpoint in self._world.endpoints]
        return web.json_response({"endpoints": pictures})

    async def endpoint(self, request: web.Request) -> web.Response:
        """Return one telephone."""
        return web.json_response(self._picture(self._endpoint(request)))

    async def set_up_endpoint(self, request: web.Request) -> web.Response:
        """Register a telephone or say what it does when it rings."""
        endpoint = self._endpoint(request)
        body = await _json(request)
        unknown = set(body) - {
            "registered", "behaviour", "answer_after", "presses", "says", "greeting", "call_waiting",
        }  # fmt: skip
        if unknown:
            raise Refused(400, f"{', '.join(sorted(unknown))}: telephones have no such setting")
        try:
            endpoint.behaviour = Behaviour(body.get("behaviour", endpoint.behaviour.value))
        except ValueError as error:
            raise Refused(400, f"behaviour: one of {', '.join(Behaviour)}") from error
        endpoint.registered = bool(body.get("registered", endpoint.registered))
        after = body.get("answer_after", endpoint.answer_after)
        endpoint.answer_after = None if after is None else float(after)
        for name in ("presses", "says", "greeting"):
            setattr(endpoint, name, str(body.get(name, getattr(endpoint, name))))
        endpoint.call_waiting = bool(body.get("call_waiting", endpoint.call_waiting))
        self._world.numbers_changed()
        self._world.events.add("endpoint", {"address": endpoint.address})
        return web.json_response(self._picture(endpoint))

    async def wait_for_endpoint(self, request: web.Request) -> web.Response:
        """Answer as soon as a telephone rings, talks, is idle, is asked something, or hears something."""
        endpoint = self._endpoint(request)
        name, _, detail = request.query.get("for", "ringing").partition(":")
        conditions: dict[str, Callable[[], bool]] = {
            "ringing": lambda: bool(endpoint.ringing),
            "talking": lambda: bool(endpoint.active),
            "bridged": lambda: any(leg.bridged_to for leg in endpoint.active),
            "idle": lambda: not endpoint.ringing and not endpoint.active,
            "prompt": lambda: any(leg.prompt for leg in endpoint.active),
            "caption": lambda: any(detail in each.text for leg in endpoint.legs for each in leg.captions),
        }
        if name not in conditions:
            raise Refused(400, f"for: {name} is none of {', '.join(conditions)}")
        in_time = await self._world.until(conditions[name], _seconds(request))
        return web.json_response(self._picture(endpoint), status=200 if in_time else 408)

    async def _ring(self, request: web.Request) -> tuple[Endpoint, Ring]:
        """Return the ring that can be answered, waiting a little for one."""
        endpoint = self._endpoint(request)
        patience = float((await _json(request)).get("seconds", DEFAULT_PATIENCE))
        await self._world.until(lambda: bool(endpoint.ringing), patience)
        if not endpoint.ringing:
            raise Refused(409, "this telephone does not ring", endpoint=self._picture(endpoint))
        return endpoint, endpoint.ringing[0]

    async def answer(self, request: web.Request) -> web.Response:
        """Pick up."""
        endpoint, ring = await self._ring(request)
        ring.leg.answered_by = "human"
        ring.settle(CallStatus.IN_PROGRESS)
        await self._world.until(lambda: ring.leg.answered or ring.leg.ended, DEFAULT_PATIENCE)
        return web.json_response(self._picture(endpoint))

    async def decline(self, request: web.Request) -> web.Response:
        """Push the call away."""
        endpoint, ring = await self._ring(request)
        ring.settle(CallStatus.BUSY)
        await self._world.until(lambda: ring.leg.ended, DEFAULT_PATIENCE)
        return web.json_response(self._picture(endpoint))

    async def endpoint_hangs_up(self, request: web.Request) -> web.Response:
        """Put the telephone down: every talk on it ends."""
        endpoint = self._endpoint(request)
        for leg in endpoint.active:
            leg.hang_up()
        return web.json_response(self._picture(endpoint))

    async def endpoint_says(self, request: web.Request) -> web.Response:
        """Whoever holds this telephone says something."""
        return await self._endpoint_puts_in(request, Spoken(await _required(request, "text")))

    async def endpoint_presses(self, request: web.Request) -> web.Response:
        """Whoever holds this telephone presses keys."""
        return await self._endpoint_puts_in(request, Pressed(await _required(request, "digits")))

    async def _endpoint_puts_in(self, request: web.Request, heard: Input) -> web.Response:
        endpoint = self._endpoint(request)
        patience = float((await _json(request)).get("seconds", DEFAULT_PATIENCE))

        def listener() -> Leg | None:
            return next((leg for leg in endpoint.active if leg.is_heard(heard)), None)

        await self._world.until(lambda: listener() is not None, patience)
        leg = listener()
        if leg is None or not leg.take(heard):
            raise Refused(409, "nobody listens to this telephone", endpoint=self._picture(endpoint))
        return web.json_response(self._picture(endpoint))

    # -- messages

    async def write(self, request: web.Request) -> web.Response:
        """Somebody outside sends a text message to a number of the account."""
        body = await _json(request)
        message = self._world.messages.receive(_text(body, "from"), _text(body, "to"), _text(body, "body"))
        return web.json_response(message.as_json(), status=201)

    async def messages(self, request: web.Request) -> web.Response:
        """List messages, all or those to one number, oldest first."""
        to = request.query.get("to")
        messages = self._world.messages.inbox(to) if to else list(self._world.messages)
        return web.json_response({"messages": [message.as_json() for message in messages]})

    async def wait_for_message(self, request: web.Request) -> web.Response:
        """Answer as soon as a message to a number arrived that contains a text."""
        to, containing = request.query.get("to", ""), request.query.get("containing", "")

        def arrived() -> list[dict[str, Any]]:
            inbox = self._world.messages.inbox(to)
            return [message.as_json() for message in inbox if containing in message.body]

        in_time = await self._world.until(lambda: bool(arrived()), _seconds(request))
        return web.json_response({"messages": arrived()}, status=200 if in_time else 408)

    async def undeliverable(self, request: web.Request) -> web.Response:
        """Name the numbers to which no message can be delivered."""
        numbers = [str(number) for number in (await _json(request)).get("numbers", [])]
        self._world.messages.undeliverable = set(numbers)
        return web.json_response({"numbers": numbers})

    # -- what happened

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Stream everything that happens; `Last-Event-ID` or `?after=` resumes."""
        after = request.headers.get("Last-Event-ID") or request.query.get("after", "")
        last = int(after) if after.isdecimal() else self._world.events.last_id
        stream = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await stream.prepare(request)
        await stream.write(b"retry: 1000\n\n")
        try:
            while True:
                events = await self._world.events.wait_after(last, HEARTBEAT_SECONDS)
                lines = "".join(
                    f"id: {event.id}\nevent: {event.kind}\ndata: {json.dumps(event.data)}\n\n"
                    for event in events
                )
                await stream.write((lines or ": still here\n\n").encode())
                last = events[-1].id if events else last
        except (ConnectionResetError, asyncio.CancelledError):
            return stream

    async def debugger(self, request: web.Request) -> web.Response:
        """List the debugger's complaints, oldest first."""
        entries = [asdict(entry) for entry in self._world.debugger.entries]
        return web.json_response({"entries": entries})

    def _requests(self, request: web.Request) -> list[dict[str, Any]]:
        containing = request.query.get("containing", "")
        return [asdict(record) for record in self._world.webhooks.records if containing in record.url]

    async def requests(self, request: web.Request) -> web.Response:
        """List the webhooks, oldest first, all or those whose URL contains a text."""
        return web.json_response({"requests": self._requests(request)})

    async def wait_for_requests(self, request: web.Request) -> web.Response:
        """Answer as soon as so many webhooks whose URL contains a text were answered."""
        wanted = int(request.query.get("count", "1"))
        containing = request.query.get("containing", "")

        def done() -> int:
            records = self._world.webhooks.records
            return sum(record.done and containing in record.url for record in records)

        in_time = await self._world.until(lambda: done() >= wanted, _seconds(request))
        return web.json_response({"requests": self._requests(request)}, status=200 if in_time else 408)

    # -- faults and settings

    async def faults(self, request: web.Request) -> web.Response:
        """List the faults that are switched on."""
        return web.json_response({"faults": [asdict(rule) for rule in self._world.faults.rules]})

    async def set_fault(self, request: web.Request) -> web.Response:
        """Let something go wrong with the webhooks whose URL matches."""
        body = await _json(request)
        try:
            fault = Fault(_text(body, "fault"))
        except ValueError as error:
            raise Refused(400, f"fault: one of {', '.join(Fault)}") from error
        times = body.get("times")
        rule = FaultRule(
            _text(body, "pattern"),
            fault,
            float(body.get("seconds", 1.0)),
            None if times is None else int(times),
        )
        self._world.faults.rules.append(rule)
        return web.json_response(asdict(rule))

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Let nothing go wrong any more."""
        self._world.faults.rules.clear()
        return web.Response(status=204)

    async def settings(self, request: web.Request) -> web.Response:
        """Return the settings that matter to who drives."""
        settings = self._world.settings
        return web.json_response(
            {
                "app_url": settings.app_url,
                "account_sid": settings.account_sid,
                "speed": self._world.clock.speed,
                "action_after_hangup": settings.action_after_hangup,
                "redirect_while_ringing": settings.redirect_while_ringing,
                "shared_key": settings.shared_key.sid if settings.shared_key else None,
            }
        )

    async def change_settings(self, request: web.Request) -> web.Response:
        """Change the speed, the auth token, the shared key, or one of the switches."""
        body = await _json(request)
        settings = self._world.settings
        if "auth_token" in body:
            settings = dataclasses.replace(settings, auth_token=_text(body, "auth_token"))
        if "action_after_hangup" in body:
            settings = dataclasses.replace(settings, action_after_hangup=bool(body["action_after_hangup"]))
        if "redirect_while_ringing" in body:
            allowed = bool(body["redirect_while_ringing"])
            settings = dataclasses.replace(settings, redirect_while_ringing=allowed)
        if "shared_key" in body:
            key = body["shared_key"]
            shared = SharedKey(str(key["sid"]), str(key["secret"])) if key else None
            settings = dataclasses.replace(settings, shared_key=shared)
        self._world.settings = settings
        if "speed" in body:
            speed = float(body["speed"])
            if speed <= 0:
                raise Refused(400, "speed: a number above 0; 1 is as fast as life")
            self._world.clock.run_at(speed)
        return await self.settings(request)

    async def phonebook(self, request: web.Request) -> web.Response:
        """List the callers whom the page offers."""
        return web.json_response({"phonebook": read_list(self._world.settings.phonebook)})

    async def lines(self, request: web.Request) -> web.Response:
        """List the account's numbers that can be dialled."""
        numbers = self._world.numbers
        return web.json_response(
            {"lines": [{"number": each.phone_number, "name": each.friendly_name} for each in numbers]}
        )

    async def reset(self, request: web.Request) -> web.Response:
        """Forget everything that happened."""
        await self._world.reset()
        return web.Response(status=204)


def _leg_picture(leg: Leg) -> dict[str, Any]:
    return leg_summary(leg) | {
        "parent": leg.parent.sid if leg.parent else None,
        "prompt": leg.prompt.kind if leg.prompt else None,
        "bridged_to": list(leg.bridged_to),
    }


def _ring_picture(ring: Ring) -> dict[str, Any]:
    return _leg_picture(ring.leg)


async def _json(request: web.Request) -> dict[str, Any]:
    """Return the body as an object; an empty body is an empty one."""
    if not request.body_exists:
        return {}
    try:
        body = await request.json()
    except ValueError as error:
        raise Refused(400, "the body is no JSON") from error
    if not isinstance(body, dict):
        raise Refused(400, "the body is no JSON object")
    return body


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    return "" if value is None else str(value)


async def _required(request: web.Request, name: str) -> str:
    value = _text(await _json(request), name)
    if not value:
        raise Refused(400, f"{name}: nothing is given")
    return value


def _seconds(request: web.Request) -> float:
    try:
        return min(float(request.query.get("seconds", DEFAULT_WAIT)), 300.0)
    except ValueError as error:
        raise Refused(400, "seconds: a number") from error
