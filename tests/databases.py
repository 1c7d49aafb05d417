"""How does each test get an empty database? Emptied, where the one of the test before may be used again."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url

import app.records.all  # noqa: F401  # whatever a test imports, each table is emptied
from app.db import Base
from startup.postgres_server import PostgresServer
from tests.engines import Shared

NewDatabase = Callable[[str, Path, str], str]  # its kind, a folder and a name: its URL
Connection = psycopg.Connection[tuple[Any, ...]]

_DELETE_ALL = "; ".join(f'DELETE FROM "{table}"' for table in Base.metadata.tables)
# What a test may have done beside its rows: renamed a column, dropped a table.
_SHAPE = """
SELECT attrelid::regclass::text, attname, atttypid::regtype::text
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
ORDER BY 1, attnum
"""
_NUMBER_FROM_ONE = """
SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
FROM pg_sequences WHERE last_value IS NOT NULL
"""
# Foreign keys aren't asked after, since all rows go.
_EMPTY = f"SET session_replication_role = replica; {_DELETE_ALL}; {_NUMBER_FROM_ONE}"
# Waits until they are gone: what they were about to commit would come after the emptying.
_SEND_AWAY = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s AND pid <> ALL(%s)
"""


class PostgresDatabases:
    """Empty databases of one server, each in the shape of its template."""

    def __init__(self, server: PostgresServer, template: str, shared: Shared) -> None:
        self._server = server
        self._template = template
        self._shared = shared
        self._connections: dict[str, Connection] = {}

    def fresh(self, name: str) -> str:
        """Return the URL of an empty database, in which nobody does anything any more."""
        self._server.start()  # in case the test before this one killed it
        try:
            self._empty_or_copy(name)
        except psycopg.OperationalError:
            # The connections that we kept are of a server that is no more, or of a database.
            self.close()
            self._empty_or_copy(name)
        return self._server.url(name)

    def close(self) -> None:
        while self._connections:
            self._connections.popitem()[1].close()

    def _empty_or_copy(self, name: str) -> None:
        server = self._connected("postgres")
        known = [connection.info.backend_pid for connection in self._connections.values()]
        server.execute(_SEND_AWAY, [name, [*known, *self._shared.processes()]])
        if not self._is_emptied(server, name):
            # A test that looked at the template itself may have left a connection for the next.
            server.execute(_SEND_AWAY, [self._template, []])
            server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            server.execute(f"CREATE DATABASE {name} TEMPLATE {self._template}")

    def _is_emptied(self, server: Connection, name: str) -> bool:
        """Delete its rows, a fiftieth of the work of another copy; False when it is gone, or changed."""
        if not server.execute("SELECT FROM pg_database WHERE datname = %s", [name]).rowcount:
            return False
        connection = self._connected(name)
        if connection.execute(_SHAPE).fetchall() != self._right_shape:
            self._connections.pop(name).close()
            return False
        connection.execute(_EMPTY)
        return True

    @cached_property
    def _right_shape(self) -> list[tuple[Any, ...]]:
        with _connect(self._server.url(self._template)) as connection:
            return connection.execute(_SHAPE).fetchall()

    def _connected(self, name: str) -> Connection:
        if name not in self._connections:
            self._connections[name] = _connect(self._server.url(name))
        return self._connections[name]


def create(server: PostgresServer, name: str) -> str:
    """Make a database of that name, and return its URL."""
    with _connect(server.url("postgres")) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.url(name)


_WALLS = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%RAISE(ABORT%'"
# What a worker still has in its hands is noted by the number of its row: no later row may have that.
_NEXT_IN_OUTBOX = "SELECT coalesce(max(id), 0) + 1 FROM outbox"
_PLACE_IN_OUTBOX = """
INSERT INTO outbox (id, kind, key, payload, created_at, next_at, attempts, done_at, result)
VALUES ({place}, 'earlier', 'earlier', '{{}}', '2026-01-01', '2026-01-01', 1, '2026-01-01', '')
"""


def empty(url: str) -> None:
    """Delete all rows of a database that others have open; numbers start at one again, but in the outbox."""
    if (address := make_url(url)).get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(address.database), timeout=60)) as file:
            file.execute("BEGIN IMMEDIATE")
            [place] = file.execute(_NEXT_IN_OUTBOX).fetchone()
            # What refuses to be deleted from is asked again afterwards.
            walls = file.execute(_WALLS).fetchall()
            for name, _ in walls:
                file.execute(f"DROP TRIGGER {name}")
            for statement in _DELETE_ALL.split("; "):
                file.execute(statement)
            for _, wall in walls:
                file.execute(wall)
            file.execute(_PLACE_IN_OUTBOX.format(place=place))
            file.commit()
        return
    with _connect(url) as connection:
        found = connection.execute(_NEXT_IN_OUTBOX).fetchone()
        connection.execute(_EMPTY)
        connection.execute(_PLACE_IN_OUTBOX.format(place=found[0] if found else 1))
        connection.execute("SELECT setval('outbox_id_seq', (SELECT max(id) FROM outbox))")


def _connect(url: str) -> Connection:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
