"""What do the databases of one test after the other share? What costs much, and changes nothing."""

import select
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, event
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import LRUCache

from app import db

Connection = psycopg.Connection[Any]

# What the whole product says to its database, in each of its forms.
_STATEMENTS = 10_000
# Whoever needs more at once connects anew, and hangs up.
_CONNECTIONS = 8


class Shared:
    """What engines have in common that were made one after the other: statements, and connections."""

    def __init__(self) -> None:
        self._compiled: dict[type[Dialect], LRUCache[Any, Any]] = defaultdict(lambda: LRUCache(_STATEMENTS))
        self._learned: dict[type[Dialect], dict[str, Any]] = {}
        self._kept: dict[object, list[Connection]] = defaultdict(list)

    def sqlite(self, engine: Engine) -> Engine:
        """Let nobody wait for the disk: what is kept from a process that dies is kept without it, too."""
        self._share_statements(engine)

        @event.listens_for(engine, "connect")
        def hurry(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
            connection.cursor().execute("PRAGMA synchronous=OFF").close()

        return engine

    def postgres(self, engine: Engine, patience: db.Patience) -> Engine:
        """Let it take over connections that another engine, as patient as this one, has closed.

        A new one costs a process, which then reads what it must know of each table.
        """
        self._share_statements(engine)
        self._share_what_was_learned(engine.dialect)
        key = (engine.url, patience)

        @event.listens_for(engine, "do_connect")
        def take_over(dialect: Dialect, record: object, words: Any, options: Any) -> Connection | None:
            kept = self._kept[key]
            while kept:
                connection = kept.pop()
                if _is_alive(connection):
                    return connection
                connection.close()
            return None

        def close(connection: DBAPIConnection) -> None:
            real, kept = cast(Connection, connection), self._kept[key]
            if len(kept) < _CONNECTIONS and _is_idle(real):
                kept.append(real)
            else:
                real.close()

        # Of this one dialect; mypy holds a method for the class's alone.
        engine.dialect.do_close = close  # type: ignore[assignment,method-assign]
        return engine

    def processes(self) -> list[int]:
        """Return the server's processes behind the connections that nobody has at the moment."""
        kept = [connection for some in self._kept.values() for connection in [*some]]
        return [connection.info.backend_pid for connection in kept if not connection.closed]

    def close(self) -> None:
        for some in self._kept.values():
            while some:
                some.pop().close()

    def _share_statements(self, engine: Engine) -> None:
        engine._compiled_cache = self._compiled[type(engine.dialect)]

    def _share_what_was_learned(self, dialect: Dialect) -> None:
        """Ask a server once what it is: each engine would ask with its first connection."""
        ask = dialect.initialize

        def initialize(connection: Any) -> None:
            known = self._learned.get(type(dialect))
            if known is None:
                before = {**vars(dialect)}
                ask(connection)
                self._learned[type(dialect)] = {
                    name: value
                    for name, value in vars(dialect).items()
                    if name not in before or before[name] is not value
                }
            else:
                vars(dialect).update(known)

        # As above: of this one dialect.
        dialect.initialize = initialize  # type: ignore[method-assign]


@contextmanager
def sharing() -> Iterator[Shared]:
    """Let all engines that the product makes share what they can."""
    shared = Shared()
    make_sqlite, make_postgres = db._sqlite_engine, db._postgres_engine
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            db,
            "_sqlite_engine",
            lambda url, patience, **pool: shared.sqlite(make_sqlite(url, patience, **pool)),
        )
        patched.setattr(
            db,
            "_postgres_engine",
            lambda url, patience, *sizes: shared.postgres(make_postgres(url, patience, *sizes), patience),
        )
        for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg):
            # What was compiled is found again by the dialect, of which each engine has its own.
            patched.setattr(dialect, "__eq__", lambda one, other: type(one) is type(other))
            patched.setattr(dialect, "__hash__", lambda one: hash(type(one)))
        yield shared
    shared.close()


def _is_idle(connection: Connection) -> bool:
    return not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE


def _is_alive(connection: Connection) -> bool:
    """Tell whether the server left it alone: all that it says by itself is that it hangs up."""
    if not _is_idle(connection):
        return False
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return not waiting.poll(0)
