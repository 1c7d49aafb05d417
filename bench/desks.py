"""How soon do desks see what they are told? Many open streams, and what arrives on them and when."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

CONNECTING_AT_ONCE = 50


@dataclass
class Desk(asyncio.Protocol):
    """One open stream; notes when each call's screen-pop arrived."""

    agent: str
    arrived: dict[bytes, float]
    opened: "asyncio.Future[None]"
    _transport: asyncio.Transport | None = None
    _rest: bytes = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's are no subclass of asyncio's
        request = f"GET /stream/{self.agent} HTTP/1.1\r\nHost: desk\r\nAccept: text/event-stream\r\n\r\n"
        self._transport.write(request.encode())  # type: ignore[union-attr]

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        if not self.opened.done():
            if b" 200 " not in data.partition(b"\r\n")[0]:
                self.opened.set_exception(ConnectionError(data[:200].decode(errors="replace")))
                return
            self.opened.set_result(None)
        self._rest += data
        *events, self._rest = self._rest.split(b"\n\n")
        for event in events:
            if b"event: screen_pop\n" in event:
                sid = event.partition(b'"call_sid":"')[2].partition(b'"')[0]
                self.arrived.setdefault(sid, now)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("the stream was refused"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


@dataclass
class Desks:
    """The open streams of many agents."""

    arrived: dict[bytes, float] = field(default_factory=dict)
    open_ones: list[Desk] = field(default_factory=list)

    async def open(self, port: int, agents: Sequence[str]) -> None:
        for start in range(0, len(agents), CONNECTING_AT_ONCE):
            some = agents[start : start + CONNECTING_AT_ONCE]
            await asyncio.gather(*(self._open_one(port, agent) for agent in some))

    async def _open_one(self, port: int, agent: str) -> None:
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = loop.create_future()
        _transport, desk = await loop.create_connection(
            lambda: Desk(agent, self.arrived, opened), "127.0.0.1", port
        )
        await opened
        self.open_ones.append(desk)

    def close(self) -> None:
        for desk in self.open_ones:
            desk.close()
