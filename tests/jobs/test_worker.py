"""What if Redis fails the worker? It goes on with the next job, and stops when it is asked to."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest
import redis
from rq import Queue
from rq.serializers import JSONSerializer

from app.jobs import schedule
from app.jobs.worker import take_from_queue

REDIS: list[str] = []
DONE: list[str] = []


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """The worker listens to signals; whoever listened before does so again afterwards."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    DONE.clear()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def queue_url(redis_url: str) -> str:
    REDIS[:] = [redis_url]
    return redis_url


def enqueue(name: str) -> None:
    with redis.Redis.from_url(REDIS[0]) as connection:
        queue = Queue(schedule.QUEUE, connection=connection, serializer=JSONSerializer)
        queue.enqueue(f"{__name__}.{name}", result_ttl=0, failure_ttl=0)


def lose_everything() -> None:
    """A job under which all of Redis vanishes, and that asks for another a moment later."""
    DONE.append("first")
    with redis.Redis.from_url(REDIS[0]) as connection:
        connection.flushall()
    threading.Timer(0.2, enqueue, ["stop"]).start()


def stop() -> None:
    """A job during which the process is asked to stop."""
    DONE.append("second")
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_job_that_vanishes_from_redis_does_not_end_the_worker(queue_url: str) -> None:
    enqueue("lose_everything")

    take_from_queue(queue_url, threading.Event())

    assert DONE == ["first", "second"]
