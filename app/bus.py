"""Who should look at once? Redis carries bells that may be lost; whoever listens also looks by itself."""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import redis as redis_client

log = logging.getLogger(__name__)

DESKS = "rechtdoor:desks"  # messages “<agent> <event number>”
WORKERS = "rechtdoor:workers"  # any message: something may be due

# A caller waits while we ring a bell: no answer within this is an answer.
TIMEOUT_SECONDS = 0.05
REST_SECONDS = 1.0  # after a failure Redis is left alone for this long


@dataclass
class Bus:
    """One process's way to Redis, with a breaker: a dead Redis costs one time-out a second at most."""

    url: str
    _resting_until: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._redis = redis_client.Redis.from_url(
            self.url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            decode_responses=True,
            health_check_interval=0,
        )

    def redis(self) -> redis_client.Redis | None:
        """Return a client with short time-outs, None while Redis is being left alone."""
        return None if time.monotonic() < self._resting_until else self._redis

    def failed(self) -> None:
        """Leave Redis alone for a moment."""
        self._resting_until = time.monotonic() + REST_SECONDS

    def publish(self, messages: Iterable[tuple[str, str]]) -> bool:
        """Publish all (channel, message) in one round trip; False when Redis is out of reach."""
        messages = list(messages)
        client = self.redis()
        if client is None or not messages:
            return client is not None
        try:
            with client.pipeline(transaction=False) as pipeline:
                for channel, message in messages:
                    pipeline.publish(channel, message)
                pipeline.execute()
            return True
        except redis_client.RedisError:
            self.failed()
            log.warning("redis is out of reach")
            return False


_bus: Bus | None = None


def bind(bus: Bus) -> Bus:
    global _bus
    _bus = bus
    return bus


def redis() -> redis_client.Redis | None:
    return _bus.redis() if _bus else None


def failed() -> None:
    if _bus:
        _bus.failed()


def publish(messages: Iterable[tuple[str, str]]) -> bool:
    return _bus.publish(messages) if _bus else False
