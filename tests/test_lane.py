"""Do calls keep their connections, and lose them when they must? Is what goes past the driver the same?"""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, bindparam, func, insert, select, text
from sqlalchemy.exc import IntegrityError, NotSupportedError, OperationalError

from app import db, lane, straight
from app.db import table_of
from app.prepared import Prepared
from app.records.callers import Direction
from app.records.calls import Call, CallState, Inbox
from app.routing.statements import CALLER
from tests import factories
from tests.databases import NewDatabase

NOW = datetime(2026, 11, 30, 9, 0, 0, 123456, tzinfo=UTC)
_inbox, _calls = table_of(Inbox), table_of(Call)
_OF_A_CALL = (
    "direction",
    "sid",
    "remote_e164",
    "line",
    "attestation",
    "language",
    "state",
    "rule_version",
    "said",
    "heard",
)
WRITE_CALL = Prepared(
    insert(_calls).values({name: bindparam(name) for name in (*_OF_A_CALL, "created_at", "step")})
)
WRITE_REPLY = Prepared(
    insert(_inbox).values({name: bindparam(name) for name in ("call_sid", "request", "reply", "created_at")})
)
READ_CALL = Prepared(select(_calls).where(_calls.c.sid == bindparam("sid")))
READ_REPLY = Prepared(select(_inbox).where(_inbox.c.call_sid == bindparam("sid")))
A_CALL: dict[str, Any] = {
    "direction": Direction.INBOUND,
    "sid": "CA1",
    "remote_e164": None,
    "line": '100 % \'van "ons" \\ %(sid)s $1 😀',
    "attestation": "",
    "language": "nl",
    "state": CallState.RINGING,
    "rule_version": 3,
    "said": [{"at": "nu", "text": "dag, één \\u0041 ”"}],
    "heard": None,
    "created_at": NOW.astimezone(),
    "step": 1,
}
WHO_CALLS = {
    "sid": "CA1",
    "line": factories.LINE,
    "e164": "+31612345678",
    "dialled_since": NOW - timedelta(days=3),
}
A_REPLY = {"call_sid": "CA1", "request": "incoming", "reply": bytes(range(256)), "created_at": NOW}


@pytest.fixture
def database(new_database: NewDatabase, tmp_path: Path) -> Iterator[db.Database]:
    made = db.Database(new_database("postgresql", tmp_path, "lane"))
    yield made
    made.dispose()


def backend(connection: Connection) -> int:
    """Return the number of the server's process behind a connection."""
    return int(connection.scalar(text("SELECT pg_backend_pid()")) or 0)


def several(database: db.Database, count: int) -> set[int]:
    """Take that many connections at the same time, and return which they were."""
    with ExitStack() as held:
        taken = [held.enter_context(database.at_once()) for _ in range(count)]
        return {backend(one) for one in taken}


def test_the_same_comes_of_it_past_the_driver_as_by_it(database: db.Database) -> None:
    with database.at_once() as connection:
        assert lane.straight(connection) is not None
        WRITE_CALL.rows(connection, A_CALL)
        WRITE_REPLY.rows(connection, A_REPLY)
        past_it = *READ_CALL.rows(connection, {"sid": "CA1"}), *READ_REPLY.rows(connection, {"sid": "CA1"})
    with database.transaction() as session:
        connection = session.connection()
        assert lane.straight(connection) is None
        by_it = *READ_CALL.rows(connection, {"sid": "CA1"}), *READ_REPLY.rows(connection, {"sid": "CA1"})
        connection.execute(text("DELETE FROM inbox"))
        connection.execute(text("DELETE FROM calls"))
        WRITE_CALL.rows(connection, A_CALL)
        WRITE_REPLY.rows(connection, A_REPLY)
        wholly_by_it = (
            *READ_CALL.rows(connection, {"sid": "CA1"}),
            *READ_REPLY.rows(connection, {"sid": "CA1"}),
        )

    assert past_it == by_it == wholly_by_it
    call, reply = past_it
    assert {name: getattr(call, name) for name in _OF_A_CALL} == {name: A_CALL[name] for name in _OF_A_CALL}
    assert (call.created_at, reply.reply) == (NOW, A_REPLY["reply"])


def test_the_reading_of_a_call_is_the_same_past_the_driver(database: db.Database) -> None:
    with database.transaction() as session:
        factories.line(session)
        factories.agent(session, "anna")
        factories.customer(session, "k", "+31612345678")
        factories.case(session, "z", "k", handled_by=("anna",))
        factories.case(session, "y", "k", handled_by=("anna",))
    with database.at_once() as past_it, database.transaction() as by_it:
        assert CALLER.rows(past_it, WHO_CALLS) == CALLER.rows(by_it.connection(), WHO_CALLS)


def test_the_next_call_has_the_connection_of_the_one_before(database: db.Database) -> None:
    assert several(database, 1) == several(database, 1)


def test_in_a_crowd_there_are_more_connections_and_most_of_them_end_with_it(database: db.Database) -> None:
    crowd = several(database, lane.MOST_AT_REST + 3)

    assert len(crowd) == lane.MOST_AT_REST + 3
    assert several(database, lane.MOST_AT_REST) < crowd
    assert not several(database, lane.MOST_AT_REST + 1) <= crowd


def test_a_row_that_stands_already_is_told_and_costs_no_connection(database: db.Database) -> None:
    with database.at_once() as connection:
        WRITE_CALL.rows(connection, A_CALL)
        before = backend(connection)

    with pytest.raises(IntegrityError), database.at_once() as connection:
        WRITE_CALL.rows(connection, A_CALL)

    assert several(database, 1) == {before}


def end(database: db.Database, backends: set[int]) -> None:
    with database.transaction() as session:
        for one in backends:
            session.execute(text("SELECT pg_terminate_backend(:one, 5000)"), {"one": one})


def test_connections_that_ended_at_rest_cost_no_call(
    database: db.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(straight, "SURE_FOR_SECONDS", 0)
    end(database, several(database, 3))

    with database.at_once() as connection:
        assert READ_CALL.rows(connection, {"sid": "CA1"}) == []


def test_a_connection_that_ends_under_a_call_takes_none_with_it(database: db.Database) -> None:
    def call() -> None:
        with database.at_once() as connection:
            end(database, {backend(connection)})
            READ_CALL.rows(connection, {"sid": "CA1"})

    with pytest.raises(OperationalError) as raised:
        call()

    assert raised.value.connection_invalidated
    with database.at_once() as connection:
        assert READ_CALL.rows(connection, {"sid": "CA1"}) == []


@pytest.mark.gives_up_in_time
def test_a_statement_that_comes_too_late_costs_no_connection(database: db.Database) -> None:
    sleep = Prepared(select(func.pg_sleep(5).label("slept")))
    before = several(database, 1)

    with pytest.raises(OperationalError), database.at_once() as connection:
        sleep.rows(connection, {})

    assert several(database, 1) == before


def test_a_table_that_was_changed_meanwhile_fails_one_call_at_the_most(database: db.Database) -> None:
    with ExitStack() as held:
        for _ in range(3):
            READ_REPLY.rows(held.enter_context(database.at_once()), {"sid": "CA1"})
    with database.transaction() as session:
        session.execute(text("ALTER TABLE inbox ALTER COLUMN request TYPE text"))

    with pytest.raises(NotSupportedError), database.at_once() as connection:
        READ_REPLY.rows(connection, {"sid": "CA1"})

    with database.at_once() as connection:
        assert READ_REPLY.rows(connection, {"sid": "CA1"}) == []
