"""What does libpq do by itself? The short way to PostgreSQL, past its driver's cursor.

For a statement of some kilobytes psycopg's cursor takes several times as long as libpq itself: it looks for
the places of the values anew each time. See docs/performance.md for the figures.
"""

import select
import time
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeVar, cast

import psycopg
from psycopg import abc, generators
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGresult
from sqlalchemy import Connection

from app import fibers

T = TypeVar("T")
Row = TypeVar("Row")

# To ask the kernel lets another thread in. Whoever was answered a moment ago is not asked.
SURE_FOR_SECONDS = 0.25
_DONE = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)


class OnLoop(psycopg.Connection[Any]):
    """A connection for which a fiber waits on its loop, and a thread as ever."""

    _watched: fibers.Watched | None = None

    def wait(self, gen: abc.PQGen[T], *bounds: Any, **more_bounds: Any) -> T:
        fiber = fibers.current()
        if fiber is None:
            return super().wait(gen, *bounds, **more_bounds)
        if self._watched is None:
            self._watched = fibers.Watched(self.pgconn.socket)
        return fiber.drive(gen, self._watched)

    def close(self) -> None:
        super().close()
        if self._watched is not None:
            self._watched.let_go()


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

    @classmethod
    def on(cls, connection: Connection) -> Self:
        """Return the short way of one of SQLAlchemy's connections."""
        return cls(cast("psycopg.Connection[Any]", connection.connection.driver_connection))

    def rows(self, statement: str, values: Sequence[Any], make: Callable[[Sequence[Any]], Row]) -> list[Row]:
        """Run a statement with its values at $1, $2, …; return what `make` makes of each row.

        The server knows the types of the values by the columns and casts of the statement. Raises what
        psycopg raises.
        """
        name, adapt = self._prepared.get(statement) or self._prepare(statement)
        # None is NULL to libpq, whatever its types say.
        sent = cast("Sequence[abc.Buffer]", adapt.dump_sequence(values, [PyFormat.TEXT] * len(values)))
        result = self._done(self._asked(name, sent, adapt.formats))
        self._answered_at = time.monotonic()
        adapt.set_pgresult(result, set_loaders=adapt.pgresult is None)
        return adapt.load_rows(0, result.ntuples, make)

    def _asked(self, name: bytes, sent: Sequence[abc.Buffer], formats: Sequence[Format] | None) -> PGresult:
        if fibers.current() is None:
            return self._libpq.exec_prepared(name, sent, formats)
        self._libpq.send_query_prepared(name, sent, formats)
        found: Sequence[PGresult] = self._connection.wait(generators.execute(self._libpq))
        return found[0]

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
