"""What if Redis fails the worker, or the carrier is slow? Nobody waits for what they need not wait for."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis
from flask import Flask
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import select

from app import db
from app.jobs import schedule
from app.jobs.worker import prepare, take_from_queue
from app.messages import messages
from app.records.agents import Activity
from app.records.lines import Line as OurLine
from app.records.messages import Message
from config import Settings
from startup import commands
from startup.process import Process
from startup.warden import Warden
from tests import factories, town
from tests.factories import ADA, BEN, LINE, noon_zone
from tests.jobs.holding import until
from tests.parts import ROOT, clean_environment, test_settings
from tests.rest_carrier import FakeCarrier
from tests.telephone import Another, Line

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


# --- a whole worker -----------------------------------------------------------------------------------


@pytest.fixture
def town_at_noon(flask_app: Flask) -> None:
    """The town is always open, it is about noon, and desks are alive until the story is over."""
    town.settle()
    for key in ("anna", "bram", "carla"):
        town.change(key, heartbeat_at=datetime.now(UTC) + timedelta(hours=1))
    with db.transaction() as session:
        line = session.get_one(OurLine, LINE)
        line.hours, line.timezone = "24/7", noon_zone(datetime.now(UTC))


@pytest.fixture
def start(
    town_at_noon: None, settings: Settings, fake: FakeCarrier, warden: Warden, tmp_path: Path
) -> Iterator[Callable[..., Process]]:
    """Start a worker's process, whose carrier is `fake`."""

    def worker(redis_url: str = settings.redis_url) -> Process:
        chosen = test_settings(settings.database_url, redis_url, tmp_path)
        process = Process(
            name="worker",
            command=commands.worker(),
            warden=warden,
            env={**clean_environment(), **chosen, "TWILIO_API_URL": fake.url},
            folder=ROOT,
            output=tmp_path / "worker.log",
        )
        process.spawn()
        running.callback(process.stop)
        return process

    with ExitStack() as running:
        yield worker
        for answers in fake.slow.values():
            answers.set()


@contextmanager
def at_work(settings: Settings) -> Iterator[None]:
    """A worker does its jobs in threads of ours, but for the queue."""
    here, made = db.current(), prepare(settings)
    loop = threading.Thread(target=made.run)
    loop.start()
    try:
        yield
    finally:
        made.stop()
        loop.join()
        made.finish(60)
        db.current().dispose()
        db.bind(here)


def owe(number: str) -> None:
    """Bram is to ring somebody now."""
    now = datetime.now(UTC)
    begun_at, due_at = now - timedelta(hours=1), now + timedelta(minutes=10)
    with db.transaction() as session:
        factories.promise(session, number=number, now=begun_at, due_at=due_at, agent="bram")


def waits_for_anna(another: Another, **fields: str) -> Line:
    """Anna still writes something down, and somebody waits for her."""
    an_hour_on = datetime.now(UTC) + timedelta(hours=1)
    town.change("anna", activity=Activity.WRAPPING_UP, call_sid=None, wrap_up_until=an_hour_on)
    call = another(**fields).comes_in()
    assert call.verbs == ["Say", "Enqueue"]
    return call


def anna_is_free() -> None:
    town.change("anna", activity=Activity.IDLE, call_sid=None, wrap_up_until=None)


def write(number: str) -> None:
    """Something is to be sent to somebody who is owed a call tomorrow."""
    now = datetime.now(UTC)
    with db.transaction() as session:
        promise = factories.promise(session, number=number, due_at=now + timedelta(days=1), now=now)
        messages.inform(session, promise, "We bellen u terug.", f"told/{number}", now)


def test_a_carrier_that_is_slow_about_messages_holds_up_neither_callbacks_nor_who_waits(
    another: Another, start: Callable[..., Process], fake: FakeCarrier
) -> None:
    fake.is_slow_about("/Messages.json")
    for digit in range(6):
        write(f"+3161234500{digit}")
    waits = waits_for_anna(another)
    start()
    until(lambda: "/Messages.json" in fake.asked)

    owe(BEN)
    until(lambda: any("/picked-up" in url for _, url in fake.redirects))
    anna_is_free()
    until(lambda: waits.sid in [sid for sid, _ in fake.redirects])

    assert fake.messages == []


def test_a_carrier_that_is_slow_about_one_who_waits_does_not_hold_up_the_next(
    another: Another, town_at_noon: None, settings: Settings, fake: FakeCarrier
) -> None:
    first = waits_for_anna(another)
    slow = f"/Calls/{first.sid}"
    answers = fake.is_slow_about(slow)
    # A process would give up on the carrier after five seconds, and go on.
    with at_work(replace(settings, redis_url="redis://127.0.0.1:1/0", api_url=fake.url)):
        anna_is_free()
        until(lambda: slow in fake.asked)

        second = waits_for_anna(another, from_=BEN)
        anna_is_free()

        until(lambda: second.sid in [sid for sid, _ in fake.redirects])
        assert first.sid not in [sid for sid, _ in fake.redirects]
        answers.set()


def test_without_redis_who_waits_is_connected_and_what_is_to_be_sent_leaves(
    another: Another, start: Callable[..., Process], fake: FakeCarrier
) -> None:
    waits = waits_for_anna(another)
    write(BEN)
    start("redis://127.0.0.1:1/0")
    until(lambda: fake.messages == [BEN])
    anna_is_free()

    until(lambda: waits.sid in [sid for sid, _ in fake.redirects])


def test_a_worker_that_is_stopped_finishes_what_it_has_in_hand(
    start: Callable[..., Process], fake: FakeCarrier
) -> None:
    answers = fake.is_slow_about(ADA)
    write(ADA)
    worker = start()
    until(lambda: fake.asked == [ADA])

    os.kill(worker.pid, signal.SIGTERM)
    answers.set()
    until(lambda: not worker.is_running)

    assert fake.messages == [ADA]
    with db.reading() as session:
        assert session.scalars(select(Message.status)).all() == ["queued"]
