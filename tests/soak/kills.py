"""Which part dies when? At named points of live calls, chosen by the seed; each comes back a little later."""

import queue
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import redis as redis_client

from startup.postgres_server import PostgresServer
from startup.process import NotReady
from tests.soak.witness import POINTS, Point

FLUSH = "FLUSHALL"


class Part(Protocol):
    """Something that can be killed and started again, on the same port."""

    def kill(self) -> object: ...
    def start(self) -> None: ...


@dataclass(frozen=True)
class Kill:
    """One part, killed once."""

    number: int
    point: str
    part: str
    call_sid: str
    at: float  # of the clock on the wall
    down_seconds: float


@dataclass
class Postgres:
    """The database: whoever kills it leaves children behind that take a moment to notice."""

    server: PostgresServer

    def kill(self) -> None:
        self.server.kill()

    def start(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                self.server.start()
                return
            except NotReady:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)


@dataclass
class Flush:
    """Redis stays, and forgets everything."""

    url: str

    def kill(self) -> None:
        try:
            with redis_client.Redis.from_url(self.url, socket_timeout=2) as connection:
                connection.flushall()
        except redis_client.RedisError:
            return

    def start(self) -> None:
        """It never went."""


@dataclass
class Killer:
    """Kills so many parts, one after the other, from its own thread."""

    parts: Mapping[str, Part]
    chance: random.Random
    how_many: int
    patience: float  # seconds; a point that doesn't come is not waited for longer
    say: Callable[[str], None] = lambda _: None
    kills: list[Kill] = field(default_factory=list)
    _points: "queue.Queue[tuple[float, Point]]" = field(default_factory=queue.Queue)

    def hears(self, point: Point) -> None:
        """Listen to the witness."""
        self._points.put((time.monotonic(), point))

    def run(self, stopped: threading.Event) -> None:
        for number in range(1, self.how_many + 1):
            if stopped.is_set():
                return
            part = self.chance.choice([name for name in self.parts for _ in range(_weight(name))])
            point = self._wait_for(self.chance.choice(POINTS))
            # Some die in the middle of the answer, some when all is written, some in between.
            time.sleep(self.chance.choice((0, 0, 0.005, 0.02, 0.05, 0.2)))
            down = self.chance.choice((0, 0, 0.3, 1, 3))
            kill = Kill(number, point.name, part, point.leg.sid if point.leg else "", time.time(), down)
            self.kills.append(kill)
            self.parts[part].kill()
            self.say(f"{number:5d}  {kill.point:22s} {part:10s} down for {down} s")
            time.sleep(down)
            self.parts[part].start()
            time.sleep(self.chance.uniform(0.1, 1.5))

    def _wait_for(self, wanted: str) -> Point:
        """Return the next point of this name; whichever came last when it doesn't come."""
        while not self._points.empty():
            self._points.get_nowait()
        asked_at = time.monotonic()
        last = Point("any moment")
        while (left := asked_at + self.patience - time.monotonic()) > 0:
            try:
                _, last = self._points.get(timeout=left)
            except queue.Empty:
                break
            if last.name == wanted:
                return last
        return last


def _weight(part: str) -> int:
    """Webs and workers hold what is under way; the stores are there for them."""
    return {"web": 3, "worker 1": 2, "worker 2": 2, "database": 2}.get(part, 1)
