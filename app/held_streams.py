"""How does one process hold thousands of event streams? On the loop, each with what waits for its reader.

What is said on them, and to whom, is their hub's: app/desk/streams.py has those of desks,
app/screen/streams.py those of customers.
"""

import asyncio
import logging
import math
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from redis.exceptions import RedisError

from app.bells import hear

log = logging.getLogger(__name__)

# app/serving.py puts it into a request that it can hold.
HOLDS_STREAMS = "rechtdoor.holds_streams"

HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",  # nginx would keep events back
    "X-Content-Type-Options": "nosniff",
}
_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]

# So often some streams are told that they live, and so many: all of a thousand that were opened at once would
# hold up an event, and after a few turns they are spread over the time.
TICKS_EVERY_SECONDS = 0.05
TICKS_AT_ONCE = 8
HEARS_AGAIN_AFTER_SECONDS = 1.0

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
T = TypeVar("T")


class Stream:
    """One open stream. What it must still be sent waits here, so that a slow reader holds up nobody."""

    __slots__ = ("_send", "_sending", "_waiting", "ends", "until")

    def __init__(self, send: Send) -> None:
        self.ends: asyncio.Timeout | None = None  # from when it is held
        self.until = math.inf  # by the loop's clock
        self._send = send
        self._waiting: list[bytes] = []
        self._sending: asyncio.Task[None] | None = None

    def put(self, data: bytes) -> None:
        """Send `data` as soon as the reader takes it."""
        self._waiting.append(data)
        if self._sending is None:
            self._sending = asyncio.get_running_loop().create_task(self._send_waiting())

    def tick(self, tick: bytes, now: float) -> None:
        """Tell the reader that the stream lives, unless that is over."""
        if now >= self.until:
            self.end()
        elif not self._waiting:  # else they see it when they take what waits
            self.put(tick)

    def has_sent(self) -> None:
        """Everything that waited was taken."""

    def end(self) -> None:
        """End the stream now; the browser connects again and resumes."""
        if self.ends is not None and not self.ends.expired():
            self.ends.reschedule(asyncio.get_running_loop().time())

    async def _send_waiting(self) -> None:
        try:
            while self._waiting:
                data = b"".join(self._waiting)
                self._waiting.clear()
                await self._send({"type": "http.response.body", "body": data, "more_body": True})
        finally:
            self._sending = None
        self.has_sent()

    async def finish(self) -> None:
        """Close the answer properly, unless the reader doesn't take what was sent before."""
        if self._sending is None:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


S = TypeVar("S", bound=Stream)


class Streams(ABC, Generic[S]):
    """All streams of one kind in this process: one listener at Redis, one thread that reads for them."""

    def __init__(
        self, redis_url: str, channel: str, *, tick: bytes, tick_seconds: float, lifetime_seconds: float
    ) -> None:
        """`tick` is what each is told every `tick_seconds`, until it ends and the browser comes again."""
        self._redis_url, self._channel = redis_url, channel
        self._tick_bytes, self._tick_seconds = tick, tick_seconds
        self._lifetime_seconds = lifetime_seconds
        # When each is told that it lives, the soonest first.
        self._held: OrderedDict[S, float] = OrderedDict()
        self._hears_redis = False
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        # Streams read in a thread of their own, so that they never take one from a webhook.
        self._reader = ThreadPoolExecutor(1, thread_name_prefix=channel)

    @property
    def count(self) -> int:
        return len(self._held)

    @property
    def hears_redis(self) -> bool:
        return self._hears_redis

    # What a hub does in its own way

    @abstractmethod
    def _jobs(self) -> list[Coroutine[Any, Any, None]]:
        """Return what goes on beside listening and ticking, as long as the hub is there."""

    def _added(self, stream: S) -> None:
        """A stream is held from now on."""

    def _removed(self, stream: S) -> None:
        """It has ended."""

    def _hears(self) -> None:
        """From now on no bell is missed; some may have been."""

    def _heard(self, message: str) -> None:
        """A bell was rung."""

    # Holding

    def start(self) -> None:  # called again it does nothing
        if not self._tasks:
            self._loop = asyncio.get_running_loop()
            jobs = (self._listen(), self._tick(), *self._jobs())
            self._tasks = [self._loop.create_task(job) for job in jobs]

    def close(self) -> None:
        """End all streams: browsers resume at the next process."""
        self._closed = True
        for stream in list(self._held):
            stream.end()

    def close_soon(self) -> None:
        """Close, asked from a signal's handler or another thread."""
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.close)

    async def stop(self) -> None:
        """Close, and give back what was taken."""
        self.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        self._reader.shutdown(wait=False, cancel_futures=True)

    async def _hold(self, stream: S, opening: bytes, receive: Receive, send: Send) -> None:
        """Answer with a stream until it ends or the reader leaves."""
        self.start()
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        try:
            # Its time is looked at with each tick: a timer for each would be half a kilobyte.
            async with asyncio.timeout(None) as stream.ends:
                now = asyncio.get_running_loop().time()
                stream.until = now + self._lifetime_seconds
                self._held[stream] = now + self._tick_seconds
                self._added(stream)
                stream.put(opening)
                while (await receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            await stream.finish()
        finally:
            if self._held.pop(stream, None) is not None:
                self._removed(stream)

    async def _in_thread(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reader, function, *arguments)

    async def _listen(self) -> None:
        while True:
            try:
                async for message in hear(self._redis_url, self._channel):
                    if message is None:
                        self._hears_redis = True
                        self._hears()
                    else:
                        self._heard(message)
            except (RedisError, OSError, TimeoutError):
                if self._hears_redis:
                    log.warning("redis is out of reach; streams are looked after by polling")
            self._hears_redis = False
            await asyncio.sleep(HEARS_AGAIN_AFTER_SECONDS)

    async def _tick(self) -> None:
        while True:
            until_next = self._tick_some(asyncio.get_running_loop().time())
            await asyncio.sleep(min(max(until_next, TICKS_EVERY_SECONDS), 1.0))

    def _tick_some(self, now: float) -> float:
        """Tell a few whose time it is that their stream lives; return the seconds until the next one's."""
        # Twice as many as come to their time meanwhile, where they are spread.
        enough = round(2 * len(self._held) * TICKS_EVERY_SECONDS / self._tick_seconds)
        for _ in range(max(TICKS_AT_ONCE, enough)):
            stream, due = next(iter(self._held.items()), (None, now + self._tick_seconds))
            if stream is None or due > now:
                return due - now
            self._held[stream] = now + self._tick_seconds
            self._held.move_to_end(stream)
            stream.tick(self._tick_bytes, now)
        return 0.0


async def answer_full(send: Send) -> None:
    """Send who wants one more stream elsewhere, or to another time."""
    headers = [(b"retry-after", b"5"), (b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": b"too many event streams here; try again in 5 s\n"})
