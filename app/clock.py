"""What time is it? Asked only by entry points; everything beneath is handed `now`."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]


def utcnow() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


def going_on_from(now: datetime) -> Clock:
    """Return a clock that shows `now` and goes on from there, for work that takes its time."""
    began = time.monotonic()
    return lambda: now + timedelta(seconds=time.monotonic() - began)
