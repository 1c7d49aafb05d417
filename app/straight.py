"""What does libpq do by itself? The short way to PostgreSQL, past its driver's cursor.

For a statement of some kilobytes psycopg's cursor takes several times as long as libpq itself: it looks for
the places of the values anew each time. See docs/performance.md for the figures.
"""

import select
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Self, TypeVar, cast

import psycopg
from psycopg import abc, generators
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult
from sqlalchemy import Connection

from app import fibers
from app.turns import Asked, Turns

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

    def __init__(self, connection: psycopg.Connection[Any], turns: Turns) -> None:
        """`turns`: what fibers ask goes together with what others ask in the same turn."""
        self._turns = turns
        self.answers = 0  # how often it was asked and has answered
        self._libpq = connection.pgconn
        self._unasked = select.poll()
        self._unasked.register(self._libpq.socket, select.POLLIN)
        self._answered_at = time.monotonic()
        self._connection = connection
        # Each has its own transformer, which finds out once what the columns are read by: they can't change.
        self._prepared: dict[str, tuple[bytes, abc.Transformer]] = {}

    @classmethod
    def on(cls, connection: Connection, turns: Turns) -> Self:
        """Return the short way of one of SQLAlchemy's connections."""
        return cls(cast("psycopg.Connection[Any]", connection.connection.driver_connection), turns)

    def rows(self, statement: str, values: Sequence[Any], make: Callable[[Sequence[Any]], Row]) -> list[Row]:
        """Run a statement with its values at $1, $2, …; return what `make` makes of each row.

        The server knows the types of the values by the columns and casts of the statement. Raises what
        psycopg raises.
        """
        fiber = fibers.current()
        if fiber is None:
            return self.rows_alone(statement, Asked(values, make))
        return self._turns.rows(fiber, self, statement, values, make)

    def rows_alone(self, statement: str, asked: Asked) -> list[Any]:
        """Run a statement for one; see Way."""
        name, adapt = self._prepared.get(statement) or self._prepare(statement)
        result = self._done(self._asked(name, _sent(adapt, asked.values), adapt.formats))
        self._has_answered()
        return _made(adapt, result, asked.make)

    def rows_together(self, statement: str, together: Sequence[Asked]) -> None:
        """Run a statement for several, in a fiber; see Way.

        Without a transaction of its own begun, all up to one Sync are one:
        https://www.postgresql.org/docs/current/libpq-pipeline-mode.html
        """
        name, adapt = self._prepared.get(statement) or self._prepare(statement)
        able, sent = [], []
        for one in together:
            with suppress(Exception):  # what can't be sent shows again when it is asked alone
                sent.append(_sent(adapt, one.values))
                able.append(one)
        try:
            results = self._connection.wait(_through(self._libpq, name, adapt.formats, sent))
        except psycopg.OperationalError:
            self._connection.close()
            return
        except BaseException:
            self._connection.close()  # in the middle of an answer
            raise
        self._has_answered()
        # What was answered before the end holds only if the COMMIT succeeded, which is at the end.
        *answers, end = results
        if end.status != ExecStatus.PIPELINE_SYNC or any(one.status not in _DONE for one in answers):
            return
        for one, result in zip(able, answers, strict=True):
            with suppress(Exception):  # and so does what can't be read
                one.rows = _made(adapt, result, one.make)

    def _has_answered(self) -> None:
        self.answers += 1
        self._answered_at = time.monotonic()

    def _asked(self, name: bytes, sent: Sequence[abc.Buffer], formats: Sequence[Format] | None) -> PGresult:
        if fibers.current() is None:
            return self._libpq.exec_prepared(name, sent, formats)
        self._libpq.send_query_prepared(name, sent, formats)
        found: Sequence[PGresult] = self._connection.wait(generators.execute(self._libpq))
        return found[0]

    @property
    def is_open(self) -> bool:
        return not self._connection.closed

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


def _sent(adapt: abc.Transformer, values: Sequence[Any]) -> Sequence[abc.Buffer]:
    # None is NULL to libpq, whatever its types say.
    return cast("Sequence[abc.Buffer]", adapt.dump_sequence(values, [PyFormat.TEXT] * len(values)))


def _made(adapt: abc.Transformer, result: PGresult, make: Callable[[Sequence[Any]], Row]) -> list[Row]:
    adapt.set_pgresult(result, set_loaders=adapt.pgresult is None)
    return adapt.load_rows(0, result.ntuples, make)


def _through(
    libpq: PGconn, name: bytes, formats: Sequence[Format] | None, sent: Sequence[Sequence[abc.Buffer]]
) -> abc.PQGen[list[PGresult]]:
    """Send values for a statement in a pipeline; return what came of each, and of the end."""
    libpq.enter_pipeline_mode()
    for values in sent:
        libpq.send_query_prepared(name, values, formats)
    libpq.pipeline_sync()
    yield from generators.send(libpq)
    results: list[PGresult] = []
    for _ in range(len(sent) + 1):
        results += yield from generators.fetch_many(libpq)
    if libpq.status != ConnStatus.OK:
        raise psycopg.OperationalError(libpq.get_error_message())
    libpq.exit_pipeline_mode()
    return results
