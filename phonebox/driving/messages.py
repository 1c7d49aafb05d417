"""How does somebody write to the application, and what did it write back?"""

from typing import Any

from aiohttp import web

from phonebox.driving.reading import Part, Route, read_json, required, seconds_in
from phonebox.network.messages import CANT_SEND, UNKNOWN_HANDSET
from phonebox.texting import receive


class Messages(Part):
    """Text messages, from the outside."""

    def routes(self) -> list[Route]:
        """Return method, path below /phonebox, and handler of every address."""
        return [
            ("POST", "/messages", self.write),
            ("GET", "/messages", self.messages),
            ("GET", "/messages/wait", self.wait_for_message),
            ("PUT", "/messages/undeliverable", self.undeliverable),
            ("PUT", "/messages/silent", self.silent),
        ]

    async def write(self, request: web.Request) -> web.Response:
        """Somebody outside sends a text message to a number of the account."""
        from_, to = await required(request, "from"), await required(request, "to")
        message = receive(self._world, from_, to, await required(request, "body"))
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

        in_time = await self._world.changes.until(lambda: bool(arrived()), seconds_in(request))
        return web.json_response({"messages": arrived()}, status=200 if in_time else 408)

    async def undeliverable(self, request: web.Request) -> web.Response:
        """Name the numbers to which no message can be delivered, and the error that tells why."""
        asked = await read_json(request)
        numbers = [str(number) for number in asked.get("numbers", [])]
        code = asked.get("code", UNKNOWN_HANDSET)
        if not isinstance(code, int):
            raise web.HTTPBadRequest(text="code is one of the carrier's errors, such as 30003")
        self._world.messages.undeliverable = dict.fromkeys(numbers, code)
        return web.json_response({"numbers": numbers, "code": code})

    async def silent(self, request: web.Request) -> web.Response:
        """Name the numbers of the account that can't send, and with which error the REST API refuses them."""
        asked = await read_json(request)
        numbers = [str(number) for number in asked.get("numbers", [])]
        code = asked.get("code", CANT_SEND)
        if not isinstance(code, int):
            raise web.HTTPBadRequest(text="code is one of the carrier's errors, such as 21606")
        self._world.messages.silent = dict.fromkeys(numbers, code)
        return web.json_response({"numbers": numbers, "code": code})
