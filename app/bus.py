"""Who should look at once? Redis carries bells that may be lost; whoever listens also looks by itself."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redis import Redis

    from app.bells import Bells

DESKS = "rechtdoor:desks"  # messages “<agent> <event number>”
SCREEN = "rechtdoor:screen"  # messages “<page>”: what stands beside a call has changed
WORKERS = "rechtdoor:workers"  # any message: something may be due

_bells: "Callable[[], Bells] | None" = None


def bind(redis_url: str) -> None:
    """Say where Redis is. Its library is imported for the first who asks: most commands never do."""

    @cache
    def bells() -> "Bells":
        from app.bells import Bells

        return Bells(redis_url)

    global _bells
    _bells = bells


def redis() -> "Redis | None":
    """Return a client with short time-outs, None while Redis is being left alone."""
    return _bells().redis() if _bells else None


def failed() -> None:
    """Leave Redis alone for a moment."""
    if _bells:
        _bells().failed()


def publish(messages: Iterable[tuple[str, str]]) -> bool:
    """Publish all (channel, message) without waiting to hear that they came; False when Redis is away."""
    return _bells().publish(messages) if _bells else False
