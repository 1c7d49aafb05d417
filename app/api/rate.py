"""Does this token ask too often? A sliding minute in Redis; without Redis nobody is held back."""

import time

from redis.exceptions import RedisError

from app import bus
from app.api.problems import ApiProblem

WINDOW_SECONDS = 60
# A CRM that writes all day stays far below it; a script that has run wild does not.
REQUESTS_PER_MINUTE = 3000
# Of one agent's desk, which beats every five seconds.
HEARTBEATS_PER_MINUTE = 240


def count(whose: str, limit: int = REQUESTS_PER_MINUTE, now: float | None = None) -> None:
    """Count one request. Raises ApiProblem 429, with the seconds to wait, when there were too many."""
    client = bus.redis()
    if client is None:
        return
    now = time.time() if now is None else now
    window, into = divmod(now, WINDOW_SECONDS)
    try:
        with client.pipeline(transaction=False) as pipeline:
            pipeline.incr(_key(whose, int(window)))
            pipeline.expire(_key(whose, int(window)), 2 * WINDOW_SECONDS)
            pipeline.get(_key(whose, int(window) - 1))
            this, _, last = pipeline.execute()
    except RedisError:
        # A dead Redis must not stop a desk from saying that it is alive.
        bus.failed()
        return
    # The last minute's requests count for the part of it that is still within sixty seconds.
    if int(this) + int(last or 0) * (1 - into / WINDOW_SECONDS) > limit:
        wait = max(1, int(WINDOW_SECONDS - into) if int(this) > limit else 5)
        raise ApiProblem(429, "too_many_requests", retry_after=wait, seconds=wait)


def _key(whose: str, window: int) -> str:
    return f"rechtdoor:rate:{whose}:{window}"
