"""When does the customer's page have something new? A stream for each, which says so and nothing else.

All of one process are looked after by one question to the database; Redis says when to ask it sooner. A
stream ends with the page, its cookie, or the call and its grace, within some seconds, whoever holds it.
"""

import asyncio
import logging
import time
import zlib
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Response, current_app, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import bus
from app.clock import utcnow
from app.db import reading
from app.held_streams import HEADERS, HOLDS_STREAMS, Receive, Send, Stream, Streams, answer_full
from app.records.calls import Call
from app.records.screen import ScreenPage
from app.screen.pages import Life
from config import Settings

log = logging.getLogger(__name__)

# Which stream app/serving.py is to hold; it never leaves us.
HANDED_OVER = "X-Beside-Stream"

LOOK_SECONDS = 1.0
TICK_SECONDS = 15.0
LIFETIME_SECONDS = 15 * 60  # then the browser comes again
MOST_OF_PAGE = 4  # a reload may overlap; more is no person
MOST = 2000  # to one process; the rest polls
MOST_WAITING = 8  # changes that wait for a slow reader
RETRY = b"retry: 1000\n\n"
TICK = b": tick\n\n"
OVER = b"event: over\ndata: {}\n\n"


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


class _Open(Stream):
    """The open stream of a page."""

    __slots__ = ("_is_over", "is_in", "page", "seen", "whose")

    def __init__(self, page: int, whose: str, seen: str, is_in: bool, send: Send) -> None:
        super().__init__(send)
        self.page, self.whose, self.seen, self.is_in = page, whose, seen, is_in
        self._is_over = False

    def say(self, data: bytes) -> None:
        # A reader that takes nothing needs no more than the newest: it fetches what there is.
        if len(self._waiting) == MOST_WAITING:
            del self._waiting[0]
        self.put(data)

    def say_over(self) -> None:
        """Say that the page is over, and end when that was taken."""
        if not self._is_over:
            self._is_over = True
            self.say(OVER)

    def has_sent(self) -> None:
        if self._is_over:
            self.end()


class ScreenHub(Streams[_Open]):
    """All streams of customers' pages in this process."""

    def __init__(self, redis_url: str, *, life: Life, most: int = MOST) -> None:
        super().__init__(
            redis_url, bus.SCREEN, tick=TICK, tick_seconds=TICK_SECONDS, lifetime_seconds=LIFETIME_SECONDS
        )
        self._life = life
        self._most = most
        self._open: dict[int, list[_Open]] = {}
        self._bell = asyncio.Event()

    def _jobs(self) -> list[Coroutine[Any, Any, None]]:
        return [self._look()]

    async def hold(self, handed_over: str, receive: Receive, send: Send) -> None:
        """Answer with the stream that open_stream() ordered, until it ends or the reader leaves."""
        page, whose, seen, is_in = handed_over.split(" ")
        one = _Open(int(page), whose, seen, is_in == "1", send)
        if self._closed or self.count >= self._most or len(self._open.get(one.page, ())) >= MOST_OF_PAGE:
            await answer_full(send)
            return
        await self._hold(one, RETRY, receive, send)

    def _added(self, stream: _Open) -> None:
        self._open.setdefault(stream.page, []).append(stream)
        self._bell.set()

    def _removed(self, stream: _Open) -> None:
        of_page = self._open[stream.page]
        of_page.remove(stream)
        if not of_page:
            del self._open[stream.page]

    def _hears(self) -> None:
        self._bell.set()

    def _heard(self, message: str) -> None:
        if message.isdigit() and int(message) in self._open:
            self._bell.set()

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
            stand |= await self._in_thread(read, wanted[start : start + 200], self._life)
        for page in wanted:
            now = stand.get(page)
            for one in list(self._open.get(page, ())):
                if now is None or not now.lets(one.whose, one.is_in):
                    one.say_over()
                elif now.stamp != one.seen:
                    one.seen = now.stamp
                    one.say(changed(now.stamp))
