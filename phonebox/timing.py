"""What time is it in the simulated world, and how does one wait for something there?"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime


def utcnow() -> datetime:
    """Return the real time, aware, in UTC: what is written into timestamps."""
    return datetime.now(UTC)


def rfc2822(moment: datetime | None) -> str | None:
    """Write a moment as Twilio does in JSON and in callbacks (`Sun, 22 Nov 2026 09:00:00 +0000`)."""
    return None if moment is None else format_datetime(moment)


class Clock:
    """Simulated seconds: real ones times `speed`.

    Who has to do something has as long as `patience` says, which is how much faster than life that time goes;
    None is as all else. A world may be quick, and whoever drives it slow.
    """

    def __init__(self, speed: float, patience: float | None = None) -> None:
        self.speed = speed
        self.patience = patience
        self._origin = time.monotonic()
        self._before = 0.0

    def now(self) -> float:
        """Return simulated seconds since the world began."""
        return self._before + (time.monotonic() - self._origin) * self.speed

    def run_at(self, speed: float) -> None:
        """Go on at another speed; what sleeps already wakes as it was told."""
        self._before, self._origin, self.speed = self.now(), time.monotonic(), speed

    async def sleep(self, seconds: float) -> None:
        """Let simulated seconds pass."""
        await asyncio.sleep(seconds / self.speed)

    async def sleep_for_a_hand(self, seconds: float) -> None:
        """Let the time pass that somebody has to answer, speak or press."""
        await asyncio.sleep(seconds / (self.patience or self.speed))


class Changes:
    """Wakes everybody who waits for the world to be otherwise; no waiting here is a poll."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Event] = set()

    def notify(self) -> None:
        """Say that something changed."""
        for waiting in self._waiting:
            waiting.set()

    async def until(self, is_true: Callable[[], bool], real_seconds: float | None = None) -> bool:
        """Wait until `is_true()`; return False when it is not within `real_seconds` (None: wait forever)."""
        changed = asyncio.Event()
        self._waiting.add(changed)
        loop = asyncio.get_running_loop()
        deadline = None if real_seconds is None else loop.time() + real_seconds
        try:
            while not is_true():
                changed.clear()
                left = None if deadline is None else deadline - loop.time()
                if left is not None and left <= 0:
                    return False
                try:
                    await asyncio.wait_for(changed.wait(), left)
                except TimeoutError:
                    return is_true()
            return True
        finally:
            self._waiting.discard(changed)
