"""Are calls that come at the same time written together on SQLite, and is each told how its own ended?"""

import os
import sqlite3
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, make_url, select, text, update
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError

from app import db
from app.db import table_of
from app.prepared import Guarded, Prepared, Rows
from app.records.agents import DeskEvent, Presence
from app.records.calls import Inbox
from app.routing.statements import CALLER
from tests import factories
from tests.databases import NewDatabase
from tests.test_lane import WHO_CALLS

NOW = datetime(2026, 11, 30, 9, 0, 0, 123456, tzinfo=UTC)
AGENTS = [f"agent{number}" for number in range(12)]
_inbox, _events, _slots = table_of(Inbox), table_of(DeskEvent), table_of(Presence)
TAKE = Guarded(
    update(_slots)
    .where(_slots.c.agent == bindparam("who"), _slots.c.call_sid.is_(None))
    .values(event_number=_slots.c.event_number + 1, call_sid=bindparam("for_sid"))
    .returning(_slots.c.event_number),
    [
        Rows(_events, ("agent", "kind", "data", "created_at"), taken={"number": "event_number"}),
        Rows(_inbox, ("call_sid", "request", "reply", "created_at")),
    ],
)
REPLIES = Prepared(select(_inbox.c.call_sid, _inbox.c.reply).order_by(_inbox.c.call_sid))
EVENTS = Prepared(select(_events.c.agent, _events.c.number, _events.c.data).order_by(_events.c.agent))


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


def rings(database: db.Database, agent: str, sid: str) -> Any:
    """Take an agent for a call: return the number of the event, None when somebody else has them."""
    rows = [
        {"agent": agent, "kind": "screen_pop", "data": {"call_sid": sid}, "created_at": NOW},
        {"call_sid": sid, "request": "incoming", "reply": sid.encode(), "created_at": NOW},
    ]
    with database.at_once() as connection:
        return TAKE.write(connection, {"who": agent, "for_sid": sid}, rows)


def written(database: db.Database) -> tuple[list[str], list[tuple[str, int]]]:
    """Return the calls that were answered, and the agents with the number of their event."""
    with database.at_once() as connection:
        replies, events = REPLIES.rows(connection, {}), EVENTS.rows(connection, {})
    assert all(one.reply == one.call_sid.encode() for one in replies)
    return [one.call_sid for one in replies], [(one.agent, one.number) for one in events]


def commits(url: str) -> int:
    """Count the transactions in the write-ahead log. https://www.sqlite.org/fileformat2.html#walformat"""
    log = Path(f"{make_url(url).database}-wal").read_bytes()
    size, salt = struct.unpack(">8xI4x8s", log[:24])
    frames = [log[start : start + 16] for start in range(32, len(log), size + 24)]
    return sum(frame[4:8] != bytes(4) and frame[8:16] == salt for frame in frames)


@contextmanager
def all_waiting(database: db.Database, *calls: tuple[str, str]) -> Iterator[list[Future[Any]]]:
    """Let calls come in, each in a thread, while somebody else writes: until the end of the block."""
    begun = threading.Barrier(len(calls) + 1)

    def comes_in(agent: str, sid: str) -> Any:
        begun.wait()
        return rings(database, agent, sid)

    queue = database._lane._queue._waiting  # type: ignore[union-attr]  # what is measured here is its length
    with ThreadPoolExecutor(len(calls)) as threads, database.transaction() as session:
        session.execute(text("SELECT 1"))
        futures = [threads.submit(comes_in, *one) for one in calls]
        begun.wait()
        while len(queue) < len(calls) and not any(one.done() for one in futures):
            time.sleep(0.001)
        yield futures


def test_calls_that_wait_are_written_in_one_transaction(database: db.Database, url: str) -> None:
    assert database.empty_log()
    with all_waiting(database, *((key, f"CA{key}") for key in AGENTS[:8])) as futures:
        pass

    assert [one.result() for one in futures] == [1] * 8
    assert written(database) == ([f"CA{key}" for key in AGENTS[:8]], [(key, 1) for key in AGENTS[:8]])
    assert commits(url) == 1


def test_so_many_do_not_fit_into_one_transaction(database: db.Database, url: str) -> None:
    assert database.empty_log()
    with all_waiting(database, *((key, f"CA{key}") for key in AGENTS)) as futures:
        pass

    assert [one.result() for one in futures] == [1] * len(AGENTS)
    assert commits(url) == 2


def test_who_is_taken_already_or_was_answered_spoils_nothing_for_the_others(database: db.Database) -> None:
    assert rings(database, "agent0", "CA0") == 1
    calls = ("agent1", "CA1"), ("agent2", "CA0"), ("agent0", "CA3"), ("agent4", "CA4"), ("agent4", "CA5")
    with all_waiting(database, *calls) as futures:
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
    impatient: db.Database,
) -> None:
    with all_waiting(impatient, *((key, f"CA{key}") for key in AGENTS[:3])) as futures:
        raised = [one.exception() for one in futures]

    assert [type(one) for one in raised] == [TimeoutError] * 3
    assert rings(impatient, "agent0", "CA0") == 1
    assert written(impatient) == (["CA0"], [("agent0", 1)])


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
