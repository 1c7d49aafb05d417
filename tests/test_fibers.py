"""Does what waits in a fiber keep nobody else waiting, and is it given up in time?"""

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
from sqlalchemy import Connection, func, literal, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from app import bells, bus, db, fibers
from app.carrier.executor import Executor
from app.carrier.spool import Spool
from app.errors import StoreUnavailable
from app.prepared import Prepared
from tests.databases import NewDatabase
from tests.lanes import alone, in_fiber, until
from tests.test_lane import A_CALL, WRITE_CALL

T = TypeVar("T")

LOCK = 20261130
# Waits until whoever holds the lock lets it go.
WAIT = Prepared(select(literal(1).label("waited"), func.pg_advisory_lock(LOCK).label("lock")))
LONG = 600.0


@pytest.fixture
def database(new_database: NewDatabase, tmp_path: Path) -> Iterator[db.Database]:
    made = db.bind(db.Database(new_database("postgresql", tmp_path, "fibers"), patient=True))
    for count in (1, 2):
        connections = [made.at_once() for _ in range(count)]
        for one in connections:
            one.__enter__()
        for one in connections:
            one.__exit__(None, None, None)
    yield made
    made.dispose()


@pytest.fixture
def other(database: db.Database) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Somebody else at the same database, who holds the lock."""
    with psycopg.connect(database.url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        yield connection


def waits() -> int:
    with db.at_once() as connection:
        return int(WAIT.rows(connection, {})[0].waited)


def backend(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT pg_backend_pid()")) or 0)


def waiting(other: psycopg.Connection[tuple[object, ...]]) -> int:
    found = other.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    [(count,)] = found.fetchall()
    assert isinstance(count, int)
    return count


def test_the_loop_goes_on_while_a_statement_waits(
    database: db.Database, other: psycopg.Connection[tuple[object, ...]]
) -> None:
    async def story() -> list[int]:
        both = [asyncio.ensure_future(in_fiber(waits))]
        await until(lambda: waiting(other) == 1)
        both.append(asyncio.ensure_future(in_fiber(waits)))
        await until(lambda: waiting(other) == 2)
        other.execute("SELECT pg_advisory_unlock_all()")
        first, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        # Who has it now keeps it until their connection ends.
        database.dispose()
        return [one.result() for one in first]

    assert asyncio.run(story()) == [1]


def test_a_statement_past_the_short_way_lets_the_loop_go_on_as_well(
    database: db.Database, other: psycopg.Connection[tuple[object, ...]]
) -> None:
    def by_cursor() -> object:
        with db.at_once() as connection:
            return connection.scalar(text(f"SELECT 7 FROM pg_advisory_lock({LOCK})"))

    async def story() -> object:
        asked = asyncio.ensure_future(in_fiber(by_cursor))
        await until(lambda: waiting(other) == 1)
        other.execute("SELECT pg_advisory_unlock_all()")
        return await asked

    assert asyncio.run(story()) == 7


def test_what_is_late_is_given_up_with_its_connection(
    database: db.Database, other: psycopg.Connection[tuple[object, ...]]
) -> None:
    executor = Executor(deadline=0.1)

    with pytest.raises(StoreUnavailable):
        alone(lambda: executor.at_once(waits))
    assert executor.rests
    other.execute("SELECT pg_advisory_unlock_all()")

    with database.at_once() as connection:
        assert connection.scalar(text("SELECT 1")) == 1


def test_what_is_watched_is_let_go_with_its_connection(database: db.Database) -> None:
    def asks() -> int:
        with db.at_once() as connection:
            return connection.scalar(text("SELECT 1")) or 0

    async def story() -> None:
        await in_fiber(asks)
        before = os.listdir("/proc/self/fd")
        for _ in range(5):
            # Once by the server's goodbye, once by ours.
            await in_fiber(lambda: ended(database))
            database.dispose()
            await asyncio.to_thread(asks)
            await in_fiber(asks)
        await until(lambda: len(os.listdir("/proc/self/fd")) <= len(before))

    asyncio.run(story())


def ended(database: db.Database) -> None:
    with suppress(OperationalError), db.at_once() as connection:
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))


def test_in_a_crowd_one_is_waited_for_once_more(
    database: db.Database, other: psycopg.Connection[tuple[object, ...]]
) -> None:
    executor = Executor(deadline=1.0)

    def works() -> int:
        return executor.at_once(waits)

    async def story() -> int:
        asked = asyncio.ensure_future(in_fiber(works))
        await until(lambda: waiting(other) == 1)
        # Somebody else is answered, so the first second isn't the last.
        await in_fiber(lambda: executor.at_once(lambda: None))
        await asyncio.sleep(executor.deadline)
        other.execute("SELECT pg_advisory_unlock_all()")
        return await asked

    assert asyncio.run(story()) == 1


def test_without_a_connection_at_rest_a_thread_makes_one(database: db.Database) -> None:
    database.dispose()
    executor = Executor(deadline=LONG)

    def who() -> tuple[bool, int]:
        with db.at_once() as connection:
            return fibers.current() is None, backend(connection)

    is_in_thread, first = alone(lambda: executor.at_once(who))
    is_in_fiber, second = alone(lambda: executor.at_once(who))

    assert (is_in_thread, is_in_fiber) == (True, False)
    assert first == second


def test_a_fiber_makes_no_connection(database: db.Database) -> None:
    database.dispose()

    with pytest.raises(fibers.WouldWait):
        alone(waits)


def test_an_error_of_the_database_is_the_same_in_a_fiber(database: db.Database) -> None:
    def work() -> None:
        with db.at_once() as connection:
            WRITE_CALL.rows(connection, A_CALL)

    work()

    with pytest.raises(IntegrityError) as in_thread:
        work()
    with pytest.raises(IntegrityError) as in_fiber:
        alone(work)
    assert str(in_fiber.value) == str(in_thread.value)


def test_a_server_that_ends_the_connection_is_told_of_as_ever(
    database: db.Database, other: psycopg.Connection[tuple[object, ...]]
) -> None:
    async def story() -> None:
        asked = asyncio.ensure_future(in_fiber(waits))
        await until(lambda: waiting(other) == 1)
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        )
        await asked

    with pytest.raises(OperationalError):
        asyncio.run(story())


def test_what_a_task_knows_its_fiber_knows() -> None:
    name = ContextVar("name", default="nobody")

    def after_a_pause() -> str:
        fibers.sleep(0)
        return name.get()

    async def story(who: str) -> str:
        name.set(who)
        return await in_fiber(after_a_pause)

    async def both() -> list[str]:
        return list(await asyncio.gather(story("anna"), story("bram")))

    assert asyncio.run(both()) == ["anna", "bram"]


def test_elsewhere_is_another_thread_and_what_it_raises_is_raised() -> None:
    here = threading.get_ident()

    assert alone(lambda: fibers.elsewhere(threading.get_ident)) != here
    assert fibers.elsewhere(threading.get_ident) == here
    with pytest.raises(ZeroDivisionError):
        alone(lambda: fibers.elsewhere(lambda: 1 / 0))


def test_a_task_that_is_cancelled_ends_its_fiber(
    database: db.Database, other: psycopg.Connection[tuple[object, ...]]
) -> None:
    ended = []

    def work() -> None:
        try:
            waits()
        finally:
            ended.append(True)

    async def story() -> None:
        asked = asyncio.ensure_future(in_fiber(work))
        await until(lambda: waiting(other) == 1)
        asked.cancel()
        with suppress(asyncio.CancelledError):
            await asked

    asyncio.run(story())
    assert ended == [True]


def test_a_file_is_written_in_a_thread(tmp_path: Path) -> None:
    spool = Spool(tmp_path)

    async def story() -> bool:
        return await in_fiber(lambda: spool.keep("ended", {"call_sid": "CA1"}))

    assert asyncio.run(story())
    [(_, facts)] = list(spool.take())
    assert facts == [{"kind": "ended", "call_sid": "CA1"}]


def test_a_bell_is_heard_that_rings_in_a_fiber(redis_url: str) -> None:
    ringing = bells.Bells(redis_url)

    async def story() -> list[str | None]:
        heard = []
        async for message in bells.hear(redis_url, bus.DESKS):
            heard.append(message)
            if len(heard) == 3:
                return heard
            assert await in_fiber(lambda: ringing.publish([(bus.DESKS, f"anna {len(heard)}")]))
        raise AssertionError("the line was closed")

    assert asyncio.run(story()) == [None, "anna 1", "anna 2"]


def test_a_dead_redis_is_no_error_in_a_fiber() -> None:
    nowhere = bells.Bells("redis://127.0.0.1:1/0")

    assert alone(lambda: nowhere.publish([(bus.DESKS, "anna 1")])) is False
