"""What has happened so far, and what happens next?"""

import asyncio
import json
from dataclasses import asdict
from typing import Any

from aiohttp import web

from phonebox.driving.reading import Part, Refused, Route, seconds_in

HEARTBEAT_SECONDS = 10.0


class Watching(Part):
    """Everything that can be watched."""

    def routes(self) -> list[Route]:
        """Return method, path below /phonebox, and handler of every address."""
        return [
            ("GET", "/events", self.events),
            ("GET", "/debugger", self.debugger),
            ("GET", "/requests", self.requests),
            ("GET", "/requests/wait", self.wait_for_requests),
        ]

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
        count = request.query.get("count", "1")
        if not count.isdecimal():
            raise Refused(400, "count: a whole number")
        wanted = int(count)
        containing = request.query.get("containing", "")

        def done() -> int:
            records = self._world.webhooks.records
            return sum(record.done and containing in record.url for record in records)

        in_time = await self._world.changes.until(lambda: done() >= wanted, seconds_in(request))
        return web.json_response({"requests": self._requests(request)}, status=200 if in_time else 408)
