"""How does a call go to PostgreSQL? On connections kept for it, past the driver's cursor and the pool.

For a statement of some kilobytes psycopg's cursor takes several times as long as libpq itself: it looks for
the places of the values anew each time. See docs/performance.md for the figures.
"""

import select
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import psycopg
from psycopg import abc
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGresult
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError, OperationalError

Row = TypeVar("Row")

# As many wait for the next call; in a crowd more are made, and closed when it is over.
MOST_AT_REST = 8
# To ask the kernel lets another thread in. Whoever was answered a moment ago is not asked.
SURE_FOR_SECONDS = 0.25
_STRAIGHT = "straight"
_DONE = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)


class Straight:
    """What libpq alone does on one connection: each statement is prepared once, then its name is sent.

    Only for connections on which nothing is ever rolled back: after a ROLLBACK psycopg deallocates whatever
    was prepared.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._libpq = connection.pgconn
        self._unasked = select.poll()
        self._unasked.register(self._libpq.socket, select.POLLIN)
        self._answered_at = time.monotonic()
        self._connection = connection
        # Each has its own transformer, which finds out once what the columns are read by: they can't change.
        self._prepared: dict[str, tuple[bytes, abc.Transformer]] = {}

    def rows(self, statement: str, values: Sequence[Any], make: Callable[[Sequence[Any]], Row]) -> list[Row]:
        """Run a statement with its values at $1, $2, …; return what `make` makes of each row.

        The server knows the types of the values by the columns and casts of the statement. Raises what
        psycopg raises.
        """
        name, adapt = self._prepared.get(statement) or self._prepare(statement)
        formats = [PyFormat.BINARY if type(value) is bytes else PyFormat.TEXT for value in values]
        # None is NULL to libpq, whatever its types say.
        sent = cast(Sequence[abc.Buffer], adapt.dump_sequence(values, formats))
        result = self._done(self._libpq.exec_prepared(name, sent, adapt.formats))
        self._answered_at = time.monotonic()
        adapt.set_pgresult(result, set_loaders=adapt.pgresult is None)
        return adapt.load_rows(0, result.ntuples, make)

    def has_ended(self) -> bool:
        """Tell whether the server has spoken unasked: all that it says to whom it has answered is goodbye."""
        return time.monotonic() - self._answered_at > SURE_FOR_SECONDS and bool(self._unasked.poll(0))

    def _prepare(self, statement: str) -> tuple[bytes, abc.Transformer]:
        name = b"straight_%d" % len(self._prepared)
        self._done(self._libpq.prepare(name, statement.encode()))
        found = self._prepared[statement] = name, Transformer(self._connection)
        return found

    def _done(self, result: PGresult) -> PGresult:
        if result.status in _DONE:
            return result
        if self._libpq.status != ConnStatus.OK:
            # A connection that ended has no code of its own.
            raise psycopg.OperationalError(result.get_error_message())
        raise psycopg.errors.error_from_result(result)


def straight(connection: Connection) -> Straight | None:
    """Return the short way to the server, where the connection has one."""
    found: Straight | None = connection.get_execution_options().get(_STRAIGHT)
    return found


class Lane:
    """Connections that stay open, each statement on them its own transaction; used by one at a time."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        """`connect` returns a new connection in autocommit that closing really closes."""
        self._connect = connect
        self._at_rest: deque[Connection] = deque()

    @contextmanager
    def taken(self) -> Iterator[Connection]:
        """Yield a connection; the last that was let go, since the server's part of it is still warm."""
        connection = self._rested() or self._new()
        try:
            yield connection
        except BaseException as error:
            is_usual = isinstance(error, IntegrityError | OperationalError) and not connection.invalidated
            if is_usual:
                self._let_go(connection)
            else:
                # It may have struck those at rest as well: a server that was restarted, a table changed.
                connection.close()
                self.close()
            raise
        self._let_go(connection)

    def close(self) -> None:
        """Close whatever is at rest."""
        while self._at_rest:
            self._at_rest.pop().close()

    def _rested(self) -> Connection | None:
        while True:
            try:
                connection = self._at_rest.pop()
            except IndexError:
                return None
            if not cast(Straight, straight(connection)).has_ended():
                return connection
            connection.close()

    def _new(self) -> Connection:
        connection = self._connect()
        driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
        return connection.execution_options(**{_STRAIGHT: Straight(driver)})

    def _let_go(self, connection: Connection) -> None:
        # SQLAlchemy thinks in transactions even here; for the server there is none to be ended.
        connection.rollback()
        if len(self._at_rest) < MOST_AT_REST:
            self._at_rest.append(connection)
        else:
            connection.close()
