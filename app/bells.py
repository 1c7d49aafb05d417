"""How does a bell get to Redis, and from it? With its library; bus.py imports both for the first who asks."""

import logging
import threading
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import redis as redis_client
from redis import asyncio as async_redis
from redis.connection import ConnectionInterface
from redis.driver_info import DriverInfo

from app import fibers

log = logging.getLogger(__name__)

# A caller waits while we ring a bell: no answer within this is an answer.
TIMEOUT_SECONDS = 0.05
PING_AFTER_SECONDS = 5.0  # of its silence, for whoever listens
# To look whether Redis has gone takes as long as to ring: not looked again so soon.
SURE_FOR_SECONDS = 0.25
REST_SECONDS = 1.0  # after a failure Redis is left alone for this long
# What we tell Redis of the library: each new connection would read it in a file, for a millisecond.
_CLIENT = DriverInfo()


@dataclass
class Bells:
    """One process's way to Redis, with a breaker: a dead Redis costs one time-out a second at most."""

    url: str
    _resting_until: float = field(default=0.0, init=False)
    _bells: ConnectionInterface | None = field(default=None, init=False)
    _looked_at: float = field(default=0.0, init=False)
    _ringing: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        self._redis = redis_client.Redis.from_url(
            self.url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            decode_responses=True,
            health_check_interval=0,
            driver_info=_CLIENT,
        )

    def redis(self) -> redis_client.Redis | None:
        """Return a client with short time-outs, None while Redis is being left alone."""
        return None if time.monotonic() < self._resting_until else self._redis

    def failed(self) -> None:
        """Leave Redis alone for a moment."""
        self._resting_until = time.monotonic() + REST_SECONDS

    def publish(self, messages: Iterable[tuple[str, str]]) -> bool:
        """Publish all (channel, message) without waiting to hear that they came; False when Redis is away.

        A Redis that died a moment ago is noticed before the next bell, not by this one: it may be lost.
        """
        commands = [("PUBLISH", channel, message) for channel, message in messages]
        if self.redis() is None or not commands:
            return self.redis() is not None
        # A line must be made, or is in somebody's hands: to wait for that, a fiber has a thread.
        if fibers.current() is not None and (self._ringing.locked() or not self._is_open()):
            return fibers.elsewhere(lambda: self._ring(commands))
        return self._ring(commands)

    def _ring(self, commands: Sequence[tuple[str, str, str]]) -> bool:
        try:
            with self._ringing:
                line = self._line()
                line.send_packed_command(line.pack_commands(commands), check_health=False)
            return True
        except redis_client.RedisError:
            self.failed()
            log.warning("redis is out of reach")
            return False

    def _line(self) -> ConnectionInterface:
        """Return the connection for bells, made anew when it has ended."""
        if self._bells is not None:
            if self._is_open():
                return self._bells
            self._bells.disconnect()
            self._bells = None
        line = self._redis.connection_pool.make_connection()
        line.connect()
        # https://valkey.io/commands/client-reply/
        line.send_command("CLIENT", "REPLY", "OFF", check_health=False)
        self._bells, self._looked_at = line, time.monotonic()
        return line

    def _is_open(self) -> bool:
        """Tell whether there is one; Redis answers nothing there: what comes is its end."""
        if self._bells is None:
            return False
        now = time.monotonic()
        if now - self._looked_at <= SURE_FOR_SECONDS:
            return True
        with suppress(redis_client.ConnectionError):
            if not self._bells.can_read():
                self._looked_at = now
                return True
        return False


async def hear(url: str, channel: str) -> AsyncIterator[str | None]:
    """Yield what is published from now on: first None, once it is sure that nothing is missed.

    Raises what redis-py raises, and TimeoutError, when Redis is out of reach or has fallen silent.
    """
    # redis-py's default would give up reading after 5 s; silence is normal here, so we ask by ping.
    client = async_redis.Redis.from_url(
        url, socket_timeout=None, socket_connect_timeout=1, decode_responses=True, driver_info=_CLIENT
    )
    async with client, client.pubsub() as subscription:
        await subscription.subscribe(channel)
        waits_for_pong = False
        while True:
            message = await subscription.get_message(timeout=PING_AFTER_SECONDS)
            if message is None:
                if waits_for_pong:
                    raise TimeoutError("redis is silent")
                waits_for_pong = True
                await subscription.ping()
                continue
            waits_for_pong = False
            if message["type"] == "subscribe":
                yield None
            elif message["type"] == "message":
                yield message["data"]
