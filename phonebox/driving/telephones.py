"""How are telephones put down, answered, declined and spoken into?"""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from phonebox.driving.pictures import leg_summary
from phonebox.driving.reading import (
    DEFAULT_PATIENCE,
    Part,
    Refused,
    Route,
    number_in,
    read_json,
    required,
    seconds_in,
)
from phonebox.network.calls import CallStatus, Input, Leg, Pressed, Spoken
from phonebox.network.endpoints import Behaviour, Endpoint, Ring


class Telephones(Part):
    """Telephones, from the called side."""

    def routes(self) -> list[Route]:
        """Return method, path below /phonebox, and handler of every address."""
        return [
            ("GET", "/endpoints", self.endpoints),
            ("GET", "/endpoints/{address}", self.endpoint),
            ("PUT", "/endpoints/{address}", self.set_up_endpoint),
            ("GET", "/endpoints/{address}/wait", self.wait_for_endpoint),
            ("POST", "/endpoints/{address}/answer", self.answer),
            ("POST", "/endpoints/{address}/decline", self.decline),
            ("POST", "/endpoints/{address}/hangup", self.endpoint_hangs_up),
            ("POST", "/endpoints/{address}/say", self.endpoint_says),
            ("POST", "/endpoints/{address}/press", self.endpoint_presses),
        ]

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
            "softphones": len(endpoint.devices),
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
        body = await read_json(request)
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
        if "answer_after" in body:
            after = body["answer_after"]
            endpoint.answer_after = None if after is None else number_in(body, "answer_after", 0)
        for name in ("presses", "says", "greeting"):
            setattr(endpoint, name, str(body.get(name, getattr(endpoint, name))))
        endpoint.call_waiting = bool(body.get("call_waiting", endpoint.call_waiting))
        self._world.numbers_changed()
        self._world.events.add("endpoint", {"address": endpoint.address})
        return web.json_response(self._picture(endpoint))

    async def wait_for_endpoint(self, request: web.Request) -> web.Response:
        """Answer as soon as a telephone rings, talks, is idle, there, gone, is asked, or hears something."""
        endpoint = self._endpoint(request)
        name, _, detail = request.query.get("for", "ringing").partition(":")
        conditions: dict[str, Callable[[], bool]] = {
            "ringing": lambda: bool(endpoint.ringing),
            "talking": lambda: bool(endpoint.active),
            "bridged": lambda: any(leg.bridged_to for leg in endpoint.active),
            "idle": lambda: not endpoint.ringing and not endpoint.active,
            "registered": lambda: endpoint.reachable,
            "unregistered": lambda: not endpoint.reachable,
            "prompt": lambda: any(leg.prompt for leg in endpoint.active),
            "caption": lambda: any(detail in each.text for leg in endpoint.legs for each in leg.captions),
        }
        if name not in conditions:
            raise Refused(400, f"for: {name} is none of {', '.join(conditions)}")
        in_time = await self._world.changes.until(conditions[name], seconds_in(request))
        return web.json_response(self._picture(endpoint), status=200 if in_time else 408)

    async def _ring(self, request: web.Request) -> tuple[Endpoint, Ring]:
        """Return the ring that can be answered, waiting a little for one."""
        endpoint = self._endpoint(request)
        patience = number_in(await read_json(request), "seconds", DEFAULT_PATIENCE)
        await self._world.changes.until(lambda: bool(endpoint.ringing), patience)
        if not endpoint.ringing:
            raise Refused(409, "this telephone does not ring", endpoint=self._picture(endpoint))
        return endpoint, endpoint.ringing[0]

    async def answer(self, request: web.Request) -> web.Response:
        """Pick up."""
        endpoint, ring = await self._ring(request)
        ring.leg.answered_by = "human"
        ring.settle(CallStatus.IN_PROGRESS)
        await self._world.changes.until(lambda: ring.leg.answered or ring.leg.ended, DEFAULT_PATIENCE)
        return web.json_response(self._picture(endpoint))

    async def decline(self, request: web.Request) -> web.Response:
        """Push the call away."""
        endpoint, ring = await self._ring(request)
        ring.settle(CallStatus.BUSY)
        await self._world.changes.until(lambda: ring.leg.ended, DEFAULT_PATIENCE)
        return web.json_response(self._picture(endpoint))

    async def endpoint_hangs_up(self, request: web.Request) -> web.Response:
        """Put the telephone down: every talk on it ends."""
        endpoint = self._endpoint(request)
        for leg in endpoint.active:
            leg.hang_up()
        return web.json_response(self._picture(endpoint))

    async def endpoint_says(self, request: web.Request) -> web.Response:
        """Whoever holds this telephone says something."""
        return await self._endpoint_puts_in(request, Spoken(await required(request, "text")))

    async def endpoint_presses(self, request: web.Request) -> web.Response:
        """Whoever holds this telephone presses keys."""
        return await self._endpoint_puts_in(request, Pressed(await required(request, "digits")))

    async def _endpoint_puts_in(self, request: web.Request, heard: Input) -> web.Response:
        endpoint = self._endpoint(request)
        patience = number_in(await read_json(request), "seconds", DEFAULT_PATIENCE)

        def listener() -> Leg | None:
            return next((leg for leg in endpoint.active if leg.is_heard(heard)), None)

        await self._world.changes.until(lambda: listener() is not None, patience)
        leg = listener()
        if leg is None or not leg.take(heard):
            raise Refused(409, "nobody listens to this telephone", endpoint=self._picture(endpoint))
        return web.json_response(self._picture(endpoint))


def _leg_picture(leg: Leg) -> dict[str, Any]:
    return leg_summary(leg) | {
        "parent": leg.parent.sid if leg.parent else None,
        "prompt": leg.prompt.kind if leg.prompt else None,
        "bridged_to": list(leg.bridged_to),
    }


def _ring_picture(ring: Ring) -> dict[str, Any]:
    return _leg_picture(ring.leg)
