"""Are calls that come at the same time written together on SQLite, and is each told how its own ended?"""

import asyncio
import os
import sqlite3
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError

from app import db
from app.carrier.executor import Executor
from app.errors import StoreUnavailable
from app.routing.statements import CALLER
from tests import factories
from tests.databases import NewDatabase
from tests.lanes import AGENTS, in_fiber, rings, sqlite_lane, written
from tests.test_fibers import LONG
from tests.test_lane import WHO_CALLS


@pytest.fixture
def url(new_database: NewDatabase, tmp_path: Path) -> str:
    return new_database("sqlite", tmp_path, "")


@pytest.fixture
def database(url: str) -> Iterator[db.Database]:
    made = db.Database(url)
    with made.transaction() as session:
        for key in AGENTS:
            factories.agent(session, key)
    yield made
    made.dispose()


def commits(url: str) -> int:
    """Count the transactions in the write-ahead log. https://www.sqlite.org/fileformat2.html#walformat"""
    log = Path(f"{make_url(url).database}-wal").read_bytes()
    size, salt = struct.unpack(">8xI4x8s", log[:24])
    frames = [log[start : start + 16] for start in range(32, len(log), size + 24)]
    return sum(frame[4:8] != bytes(4) and frame[8:16] == salt for frame in frames)


class Threads:
    """Calls that are answered in a thread each."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(len(AGENTS))

    def begin(self, work: Callable[[], Any]) -> "Future[Any]":
        return self._pool.submit(work)

    def close(self) -> None:
        self._pool.shutdown()


class OneLoop:
    """Calls that are answered in fibers of one loop, as a web process does."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def begin(self, work: Callable[[], Any]) -> "Future[Any]":
        return asyncio.run_coroutine_threadsafe(in_fiber(work), self._loop)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


Calls = Threads | OneLoop


@pytest.fixture(params=[Threads, OneLoop], ids=["threads", "one loop"])
def calls(request: pytest.FixtureRequest, database: db.Database) -> Iterator[Calls]:
    rested(database)
    made = request.param()
    yield made
    made.close()


def rested(database: db.Database) -> None:
    """Let the database have seen a crowd of calls, whose connections are kept: a fiber opens none."""
    with ExitStack() as crowd:
        for _ in AGENTS:
            crowd.enter_context(database.at_once())
    rings(database, "nobody", "CA")
    with sqlite_lane(database)._writes.lock:  # as while a call is written
        written(database)


@contextmanager
def all_waiting(
    database: db.Database, calls: Calls, *numbers: tuple[str, str]
) -> Iterator[list["Future[Any]"]]:
    """Let calls come in while somebody else writes: until the end of the block."""
    queue = sqlite_lane(database)._queue._waiting
    with database.transaction() as session:
        session.execute(text("SELECT 1"))
        futures = [calls.begin(partial(rings, database, *one)) for one in numbers]
        while len(queue) < len(numbers) and not any(one.done() for one in futures):
            time.sleep(0.001)
        yield futures


def test_calls_that_wait_are_written_in_one_transaction(
    database: db.Database, calls: Calls, url: str
) -> None:
    assert database.empty_log()
    with all_waiting(database, calls, *((key, f"CA{key}") for key in AGENTS[:8])) as futures:
        pass

    assert [one.result() for one in futures] == [1] * 8
    assert written(database) == ([f"CA{key}" for key in AGENTS[:8]], [(key, 1) for key in AGENTS[:8]])
    assert commits(url) == 1


def test_so_many_do_not_fit_into_one_transaction(database: db.Database, calls: Calls, url: str) -> None:
    assert database.empty_log()
    with all_waiting(database, calls, *((key, f"CA{key}") for key in AGENTS)) as futures:
        pass

    assert [one.result() for one in futures] == [1] * len(AGENTS)
    assert commits(url) == 2


def test_who_is_taken_already_or_was_answered_spoils_nothing_for_the_others(
    database: db.Database, calls: Calls
) -> None:
    assert rings(database, "agent0", "CA0") == 1
    numbers = ("agent1", "CA1"), ("agent2", "CA0"), ("agent0", "CA3"), ("agent4", "CA4"), ("agent4", "CA5")
    with all_waiting(database, calls, *numbers) as futures:
        pass

    one, repeated, taken, *two_for_one = futures
    assert one.result() == 1
    with pytest.raises(IntegrityError, match=r"UNIQUE constraint failed: inbox(.|\n)*INSERT INTO inbox"):
        repeated.result()
    assert taken.result() is None
    assert sorted(future.result() or 0 for future in two_for_one) == [0, 1]
    sids, events = written(database)
    assert sids in (["CA0", "CA1", "CA4"], ["CA0", "CA1", "CA5"])
    assert events == [("agent0", 1), ("agent1", 1), ("agent4", 1)]
    # Of what failed nothing stands, not even that the agent was taken.
    assert rings(database, "agent2", "CA2") == 1


def test_a_call_is_read_while_somebody_writes(database: db.Database) -> None:
    with database.transaction() as session:
        session.execute(text("UPDATE agent_slots SET fence = fence + 1"))

        assert written(database) == ([], [])


def test_what_a_call_reads_is_the_same_as_in_a_transaction(database: db.Database) -> None:
    with database.transaction() as session:
        factories.line(session)
        factories.customer(session, "k", "+31612345678")
        factories.case(session, "z", "k", handled_by=("agent0",))
        factories.case(session, "y", "k", handled_by=("agent1",))
    with database.at_once() as past_it, database.transaction() as by_it:
        found = CALLER.rows(past_it, WHO_CALLS)
        assert len(found) == 2
        assert found == CALLER.rows(by_it.connection(), WHO_CALLS)


def test_connections_at_rest_keep_nobody_from_emptying_the_log(database: db.Database, url: str) -> None:
    rings(database, "agent0", "CA0")
    written(database)

    assert database.empty_log()
    assert Path(f"{make_url(url).database}-wal").stat().st_size == 0


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, database: db.Database, url: str) -> Iterator[db.Database]:
    """The same file, for who waits for nobody longer than a moment."""
    monkeypatch.setattr(db, "SQLITE_BUSY_SECONDS", 0.2)
    made = db.Database(url)
    rested(made)
    yield made
    made.dispose()


@pytest.mark.gives_up_in_time
def test_calls_give_up_when_another_program_holds_the_file_and_go_on_afterwards(
    impatient: db.Database, url: str
) -> None:
    with closing(sqlite3.connect(str(make_url(url).database), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for sid in ("CA0", "CA1"):
            with pytest.raises(OperationalError, match="database is locked"):
                rings(impatient, "agent0", sid)
        other.execute("ROLLBACK")

    assert rings(impatient, "agent0", "CA2") == 1


@pytest.mark.gives_up_in_time
def test_calls_give_up_when_somebody_else_writes_for_too_long_and_go_on_afterwards(
    impatient: db.Database, calls: Calls
) -> None:
    with all_waiting(impatient, calls, *((key, f"CA{key}") for key in AGENTS[:3])) as futures:
        raised = [one.exception() for one in futures]

    assert [type(one) for one in raised] == [TimeoutError] * 3
    assert rings(impatient, "agent0", "CA0") == 1
    assert written(impatient) == (["CA0"], [("agent0", 1)])


@pytest.fixture
def loop_alone(database: db.Database) -> Iterator[OneLoop]:
    rested(database)
    made = OneLoop()
    yield made
    made.close()


def test_calls_that_come_to_a_loop_together_are_written_together(
    database: db.Database, loop_alone: OneLoop, url: str
) -> None:
    assert database.empty_log()

    async def all_at_once() -> list[Any]:
        return await asyncio.gather(
            *(in_fiber(partial(rings, database, key, f"CA{key}")) for key in AGENTS[:8])
        )

    both = asyncio.run_coroutine_threadsafe(all_at_once(), loop_alone._loop)
    assert both.result() == [1] * 8
    assert commits(url) == 1


def test_the_loop_goes_on_while_another_program_writes(
    database: db.Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "SQLITE_BUSY_SECONDS", LONG)
    with closing(OneLoop()) as loop:
        patient = db.Database(url)
        rested(patient)
        with closing(sqlite3.connect(str(make_url(url).database), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            asked = loop.begin(partial(rings, patient, "agent0", "CA0"))
            assert [loop.begin(lambda: 7).result(timeout=60) for _ in range(5)] == [7] * 5
            # What is read needn't wait for whoever writes.
            assert loop.begin(partial(written, patient)).result(timeout=60) == ([], [])
            assert not asked.done()

        assert asked.result() == 1
        patient.dispose()


@pytest.mark.gives_up_in_time
def test_who_gives_up_on_a_loop_writes_nothing_and_keeps_nobody_waiting(
    database: db.Database, loop_alone: OneLoop
) -> None:
    executor = Executor(deadline=0.1)
    with all_waiting(database, loop_alone):
        first, second = (
            loop_alone.begin(partial(executor.at_once, partial(rings, database, key, f"CA{key}")))
            for key in AGENTS[:2]
        )
        assert isinstance(first.exception(), StoreUnavailable)
        assert isinstance(second.exception(), StoreUnavailable)
        third = loop_alone.begin(partial(rings, database, "agent2", "CA2"))

    assert third.result() == 1
    assert written(database) == (["CA2"], [("agent2", 1)])


def test_a_file_that_is_no_database_is_told_and_one_that_is_again_is_read(
    database: db.Database, tmp_path: Path
) -> None:
    file = tmp_path / "other.db"
    other = db.Database(f"sqlite:///{file}")
    file.write_bytes(b"no database " * 1000)
    with pytest.raises(DatabaseError):
        written(other)

    file.unlink()
    with closing(sqlite3.connect(str(make_url(database.url).database))) as whole:
        whole.execute("VACUUM INTO ?", [str(file)])

    assert written(other) == ([], [])
    other.dispose()


def test_nothing_of_the_file_stays_open(database: db.Database, url: str) -> None:
    file = str(make_url(url).database)
    rings(database, "agent0", "CA0")
    written(database)

    database.dispose()

    held = [os.path.realpath(f"/proc/self/fd/{one}") for one in os.listdir("/proc/self/fd")]
    assert not [one for one in held if one.startswith(file)]
    assert rings(database, "agent1", "CA1") == 1
