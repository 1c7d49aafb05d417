"""How does a call go to SQLite? On connections kept for it, and written down together with others that wait.

What costs there is less the statements than what stands around them: to begin, to give a connection back, to
read again what another connection has changed, and the disk, for which everybody waits who commits. See
docs/performance.md.
"""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from app.lane import AtRest, with_short_way

Row = TypeVar("Row")

BUSY = "the database is busy with another write"
# Of so many calls one transaction is made at the most: who isn't a call waits for its end, too.
MOST_TOGETHER = 8
# As many as there are threads that serve calls: nothing is left open on them, and to make one costs more.
MOST_AT_REST = 24


class Sent(NamedTuple):
    """A statement, and its values in the order of its question marks."""

    text: str
    values: list[Any]


@dataclass
class Write:
    """A conditional UPDATE that returns one value, and rows that are written only when it found its own."""

    update: Sent
    rows: Sequence[Sent]
    # For each row the places among its values where goes what the UPDATE returned.
    taken: Sequence[Sequence[int]]
    # Which statement is being done; when it fails it is the one that failed.
    at: str = ""
    found: Any = None
    error: BaseException | None = None
    # Whoever waits here is woken to hear how it ended, or to lead.
    is_to_lead: bool = False
    woken: threading.Lock = field(default_factory=threading.Lock)

    def do(self, driver: sqlite3.Connection) -> None:
        """Write it in a transaction that has begun; `found` is None when the UPDATE found no row."""
        self.at = self.update.text
        found = driver.execute(*self.update).fetchall()
        self.found = found[0][0] if found else None
        if not found:
            return
        for row, places in zip(self.rows, self.taken, strict=True):
            for place in places:
                row.values[place] = self.found
            self.at = row.text
            driver.execute(*row)


class SqliteLane:
    """The way of calls to SQLite, past SQLAlchemy.

    One connection writes, and so it alone still knows what it has read when its own writes come; it is read
    on as well while nobody writes. The other is read on meanwhile.
    """

    def __init__(self, connect: Callable[[], Connection], writing: threading.Lock, patience: float) -> None:
        """`connect` returns a new connection that begins nothing by itself.

        `writing` is held by whoever writes, and waited for so many seconds.
        """
        self._connect = connect
        self._at_rest = AtRest(MOST_AT_REST)
        self._writes, self._reads = Kept(connect), Kept(connect)
        self._queue = Queue(self._writes, writing, patience)
        self._patience = patience

    @contextmanager
    def taken(self) -> Iterator[Connection]:
        """Yield a connection for what isn't prepared; whatever is goes by `rows` and `write`."""
        connection = self._at_rest.take() or with_short_way(self._connect(), self)
        try:
            yield connection
        except IntegrityError:
            self._at_rest.let_go(connection)
            raise
        except BaseException:
            connection.close()
            raise
        self._at_rest.let_go(connection)

    def rows(self, statement: str, values: Sequence[Any], make: Callable[[Sequence[Any]], Row]) -> list[Row]:
        """Read; return what `make` makes of each row. Raises what sqlite3 raises, or TimeoutError."""
        kept = self._writes
        if not kept.lock.acquire(blocking=False):
            kept = self._reads
            if not kept.lock.acquire(timeout=self._patience):
                raise TimeoutError("the database is busy with another read")
        try:
            # All of them, so that no transaction stays open.
            found = kept.driver().execute(statement, values).fetchall()
        except BaseException:
            kept.close()
            raise
        finally:
            kept.lock.release()
        return list(map(make, found))

    def write(self, write: Write) -> Any | None:
        """Return what its UPDATE returned, once it is on the disk; None when nothing was written.

        Raises what sqlite3 raises, or TimeoutError when others write for too long.
        """
        return self._queue.write(write)

    def close(self) -> None:
        """Close what nobody uses any more."""
        self._at_rest.close()
        for kept in (self._writes, self._reads):
            if kept.lock.acquire(timeout=self._patience):
                kept.close()
                kept.lock.release()


class Kept:
    """A connection that stays open for whoever holds its lock."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self.lock = threading.Lock()
        self._connect = connect
        self._connection: Connection | None = None
        self._driver: sqlite3.Connection | None = None

    def driver(self) -> sqlite3.Connection:
        if self._driver is None:
            self._connection = self._connect()
            self._driver = cast(sqlite3.Connection, self._connection.connection.driver_connection)
        return self._driver

    def close(self) -> None:
        """Close it, if it is open; the next who wants it has another."""
        connection, self._connection, self._driver = self._connection, None, None
        if connection is not None:
            connection.close()


class Queue:
    """Where calls wait to be written. Who has the lock writes all that wait, in one transaction.

    One waits for the lock at a time, and is the next to lead; the others wait for it, and what they have to
    write goes into its transaction: they all wait for the disk once. Each is told how its own ended, after
    the COMMIT.
    """

    def __init__(self, kept: Kept, writing: threading.Lock, patience: float) -> None:
        self._kept = kept
        self._writing = writing
        self._patience = patience
        self._guard = threading.Lock()
        self._waiting: deque[Write] = deque()
        self._has_leader = False  # who leads next is the first that waits

    def write(self, write: Write) -> Any | None:
        """Write it, or have it written by whoever leads; see SqliteLane.write."""
        write.woken.acquire()
        with self._guard:
            self._waiting.append(write)
            leads, self._has_leader = not self._has_leader, True
        if leads or self._is_to_lead(write):
            self._lead(write)
        if write.error is not None:
            raise write.error
        return write.found

    def _is_to_lead(self, write: Write) -> bool:
        """Wait until it is written, or nobody but itself can see to that."""
        if not write.woken.acquire(timeout=self._patience):
            with self._guard:
                if not write.is_to_lead and write in self._waiting:
                    self._waiting.remove(write)
                    raise TimeoutError(BUSY)
            # Somebody has begun with it, or is about to say that it leads.
            write.woken.acquire()
        return write.is_to_lead

    def _lead(self, write: Write) -> None:
        if not self._writing.acquire(timeout=self._patience):
            with self._guard:
                self._waiting.remove(write)
                self._choose_leader()
            raise TimeoutError(BUSY)
        together: list[Write] = []
        try:
            with self._guard:
                while self._waiting and len(together) < MOST_TOGETHER:
                    together.append(self._waiting.popleft())
                self._choose_leader()
            with self._kept.lock:
                _write(together, self._kept)
        finally:
            self._writing.release()
            for one in together:
                one.woken.release()

    def _choose_leader(self) -> None:
        self._has_leader = bool(self._waiting)
        if self._waiting:
            self._waiting[0].is_to_lead = True
            self._waiting[0].woken.release()


def _write(together: Sequence[Write], kept: Kept) -> None:
    """Write all in one transaction; when that fails each in its own, so that one fails for itself alone."""
    try:
        kept.driver().execute("BEGIN IMMEDIATE")
    except BaseException as error:
        # Whoever else has the file has it for all of them.
        kept.close()
        for one in together:
            one.error = error
        return
    try:
        for one in together:
            one.do(kept.driver())
        kept.driver().execute("COMMIT")
    except BaseException as error:
        _take_back(kept, error)
        if len(together) == 1:
            together[0].error = error
            return
        for one in together:
            _write([one], kept)


def _take_back(kept: Kept, error: BaseException) -> None:
    if isinstance(error, sqlite3.IntegrityError):
        with suppress(sqlite3.Error):
            kept.driver().execute("ROLLBACK")
            return
    kept.close()
