"""When does the customer's page have something new? A stream for each, which says so and nothing else.

All of one process are looked after by one question to the database; Redis says when to ask it sooner. A
stream ends with the page, its cookie, or the call and its grace, within some seconds, whoever holds it.
"""

import asyncio
import logging
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import Response, current_app, request
from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import bus
from app.clock import utcnow
from app.db import reading
from app.records.calls import Call
from app.records.screen import ScreenPage
from app.screen.pages import Life
from config import Settings

log = logging.getLogger(__name__)

# app/serving.py puts the first into a request that it can hold; the second, which never leaves us, orders it.
HOLDS_STREAMS = "rechtdoor.holds_streams"
HANDED_OVER = "X-Beside-Stream"

LOOK_SECONDS = 1.0
TICK_SECONDS = 15.0
LIFETIME_SECONDS = 15 * 60  # then the browser comes again
MOST_OF_PAGE = 4  # a reload may overlap; more is no person
MOST = 2000  # to one process; the rest polls
RETRY = b"retry: 1000\n\n"
TICK = b": tick\n\n"
OVER = b"event: over\ndata: {}\n\n"

HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True)
class Now:
    """How a page stands: what changes with everything that it shows, and which browsers it knows."""

    stamp: str
    holder: str | None
    waiting: str | None
    is_over: bool

    def lets(self, whose: str, is_in: bool) -> bool:
        return not self.is_over and whose == (self.holder if is_in else self.waiting)


def stamp(version: int, ended_at: datetime | None, bridged_to: str | None) -> str:
    """Return what changes with everything that the page shows."""
    return f"{version}.{int(ended_at is not None)}.{zlib.crc32((bridged_to or '').encode()):x}"


def stamp_of(session: Session, page: ScreenPage) -> str:
    call = session.get_one(Call, page.call_sid)
    return stamp(page.version, call.ended_at, call.bridged_to)


def changed(now: str) -> bytes:
    return f'event: changed\ndata: {{"stamp": "{now}"}}\n\n'.encode()


def open_stream(page: int, whose: str, began: str, *, is_in: bool) -> Response:
    """Answer this request with the stream of a page, for the browser whose cookie's hash is `whose`.

    On the ASGI server it is held on the loop; elsewhere this answer is the stream, at a thread.
    """
    if request.environ.get(HOLDS_STREAMS):
        return Response(status=200, headers={HANDED_OVER: f"{page} {whose} {began} {int(is_in)}"})
    settings: Settings = current_app.config["SETTINGS"]
    life = Life.of(settings.screen_grace_minutes)
    return Response(_in_this_thread(page, whose, began, is_in, life), headers=HEADERS)


def _in_this_thread(page: int, whose: str, began: str, is_in: bool, life: Life) -> Iterator[bytes]:
    ends, seen = time.monotonic() + 30, began
    yield RETRY
    while time.monotonic() < ends:
        now = read([page], life).get(page)
        if now is None or not now.lets(whose, is_in):
            yield OVER
            return
        if now.stamp != seen:
            seen = now.stamp
            yield changed(seen)
        time.sleep(LOOK_SECONDS / 2)


def read(wanted: list[int], life: Life) -> dict[int, Now]:
    """Return how these pages stand, in one question; what is gone is left out."""
    now = utcnow()
    of_page = (ScreenPage.id, ScreenPage.version, ScreenPage.holder_hash, ScreenPage.waiting_hash)
    of_call = (Call.state, Call.ended_at, Call.bridged_to, Call.forgotten_at)
    wanted_rows = select(*of_page, ScreenPage.stopped_at, *of_call).join(
        Call, Call.sid == ScreenPage.call_sid
    )
    with reading() as session:
        rows = session.execute(wanted_rows.where(ScreenPage.id.in_(wanted))).all()
    return {
        row.id: Now(
            stamp(row.version, row.ended_at, row.bridged_to),
            row.holder_hash,
            row.waiting_hash,
            row.stopped_at is not None or life.is_over(row, now),
        )
        for row in rows
    }


@dataclass(eq=False)
class _Open:
    """One stream."""

    page: int
    whose: str
    seen: str
    is_in: bool
    put: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(8))

    def say(self, data: bytes | None) -> None:
        # A reader that takes nothing needs no more than the newest: it fetches what there is.
        if self.put.full():
            self.put.get_nowait()
        self.put.put_nowait(data)


class ScreenHub:
    """All streams of customers' pages in this process."""

    def __init__(self, redis_url: str, *, life: Life, most: int = MOST) -> None:
        self._redis_url = redis_url
        self._life = life
        self._most = most
        self._open: dict[int, list[_Open]] = {}
        self._count = 0
        self._bell = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="screen")

    @property
    def count(self) -> int:
        return self._count

    def start(self) -> None:  # called again it does nothing
        if not self._tasks:
            self._loop = asyncio.get_running_loop()
            self._tasks = [self._loop.create_task(job) for job in (self._listen(), self._look())]

    def close(self) -> None:
        """End all streams: browsers come again at the next process."""
        self._closed = True
        for one in [one for some in self._open.values() for one in some]:
            one.say(None)

    def close_soon(self) -> None:
        """Close, asked from a signal's handler or another thread."""
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.close)

    async def stop(self) -> None:
        self.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        self._reader.shutdown(wait=False, cancel_futures=True)

    async def hold(self, handed_over: str, receive: Receive, send: Send) -> None:
        """Answer with the stream that open_stream() ordered, until it ends or the reader leaves."""
        page, whose, seen, is_in = handed_over.split(" ")
        one = _Open(int(page), whose, seen, is_in == "1")
        if self._closed or self._count >= self._most or len(self._open.get(one.page, ())) >= MOST_OF_PAGE:
            await _answer_full(send)
            return
        self.start()
        headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        self._open.setdefault(one.page, []).append(one)
        self._count += 1
        gone = asyncio.ensure_future(receive())
        saying = asyncio.ensure_future(self._say(one, send))
        try:
            self._bell.set()
            await asyncio.wait((gone, saying), return_when=asyncio.FIRST_COMPLETED, timeout=LIFETIME_SECONDS)
        finally:
            for task in (gone, saying):
                task.cancel()
            await asyncio.gather(gone, saying, return_exceptions=True)
            of_page = self._open[one.page]
            of_page.remove(one)
            if not of_page:
                del self._open[one.page]
            self._count -= 1

    async def _say(self, one: _Open, send: Send) -> None:
        data: bytes | None = RETRY
        while data is not None:
            await send({"type": "http.response.body", "body": data, "more_body": True})
            if data == OVER:
                break
            try:
                data = await asyncio.wait_for(one.put.get(), TICK_SECONDS)
            except TimeoutError:
                data = TICK
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _look(self) -> None:
        """Ask how all pages stand, as soon as a bell rings and now and then without one."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._bell.wait(), LOOK_SECONDS)
            self._bell.clear()
            if self._open:
                try:
                    await self._tell()
                except Exception:
                    log.warning("pages beside calls can't be read", exc_info=True)
                    await asyncio.sleep(LOOK_SECONDS)

    async def _tell(self) -> None:
        wanted = sorted(self._open)
        stand: dict[int, Now] = {}
        for start in range(0, len(wanted), 200):
            some = wanted[start : start + 200]
            stand |= await asyncio.get_running_loop().run_in_executor(self._reader, read, some, self._life)
        for page in wanted:
            now = stand.get(page)
            for one in list(self._open.get(page, ())):
                if now is None or not now.lets(one.whose, one.is_in):
                    one.say(OVER)
                elif now.stamp != one.seen:
                    one.seen = now.stamp
                    one.say(changed(now.stamp))

    async def _listen(self) -> None:
        while True:
            try:
                async for message in bus.hear(self._redis_url, bus.SCREEN):
                    if message is None or (message.isdigit() and int(message) in self._open):
                        self._bell.set()
            except (RedisError, OSError, TimeoutError):
                log.debug("redis is out of reach; pages beside calls are looked after by polling")
            await asyncio.sleep(1.0)


async def _answer_full(send: Send) -> None:
    headers = [(b"retry-after", b"5"), (b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": b"too many event streams here; try again in 5 s\n"})
