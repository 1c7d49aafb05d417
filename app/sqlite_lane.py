"""How does a call go to SQLite? On connections kept for it, and written down together with others that wait.

What costs there is less the statements than what stands around them: to begin, to give a connection back, to
read again what another connection has changed, and the disk, for which everybody waits who commits. See
docs/performance.md.
"""

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from app import fibers
from app.lane import AtRest, with_short_way
from app.turns import MOST_TOGETHER

Row = TypeVar("Row")
T = TypeVar("T")

BUSY = "the database is busy with another write"
# As many as there are threads that serve calls: nothing is left open on them, and to make one costs more.
MOST_AT_REST = 24
# Between two looks whether another program is done with the file.
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.001, 0.05


class Sent(NamedTuple):
    """A statement, and its values in the order of its question marks."""

    text: str
    values: list[Any]


@dataclass(eq=False)
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
    is_to_lead: bool = False
    # Given when it is written, or is to lead.
    word: fibers.Word = field(default_factory=fibers.word)

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
    on as well while nobody writes. The other is read on meanwhile. A fiber waits for neither.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        connect_impatient: Callable[[], Connection],
        writing: threading.Lock,
        patience: float,
    ) -> None:
        """Both connect to the same file, and begin nothing by themselves; an impatient one waits for nobody.

        `writing` is held by whoever writes, and waited for so many seconds.
        """
        self._connect = connect
        self._at_rest = AtRest(MOST_AT_REST)
        self._writes, self._reads = Kept(connect_impatient, patience), Kept(connect_impatient, patience)
        self._queue = Queue(self._writes, writing, patience)
        self._patience = patience

    @contextmanager
    def taken(self) -> Iterator[Connection]:
        """Yield a connection for what isn't prepared; whatever is goes by `rows` and `write`.

        Raises WouldWait in a fiber when one would have to be made.
        """
        connection = self._at_rest.take() or self._new()
        try:
            yield connection
        except (IntegrityError, fibers.WouldWait):
            self._at_rest.let_go(connection)
            raise
        except BaseException:
            connection.close()
            raise
        self._at_rest.let_go(connection)

    def _new(self) -> Connection:
        if fibers.current() is not None:
            raise fibers.WouldWait
        return with_short_way(self._connect(), self)

    def rows(self, statement: str, values: Sequence[Any], make: Callable[[Sequence[Any]], Row]) -> list[Row]:
        """Read; return what `make` makes of each row.

        Raises what sqlite3 raises, or TimeoutError; WouldWait in a fiber when somebody is in the way.
        """
        found = self._found_at_once(statement, values)
        if found is None:
            if fibers.current() is not None:
                raise fibers.WouldWait
            found = self._found(statement, values)
        return list(map(make, found))

    def _found_at_once(self, statement: str, values: Sequence[Any]) -> list[Any] | None:
        """Return the rows; None when somebody would have to be waited for."""
        kept = next((one for one in (self._writes, self._reads) if one.is_free()), None)
        if kept is None:
            return None
        with _to_be_let_go(kept.lock):
            try:
                return kept.all(statement, values)
            except sqlite3.OperationalError as error:
                if _is_busy(error):
                    return None
                raise

    def _found(self, statement: str, values: Sequence[Any]) -> list[Any]:
        if not self._reads.lock.acquire(timeout=self._patience):
            raise TimeoutError("the database is busy with another read")
        with _to_be_let_go(self._reads.lock):
            return self._reads.patiently(lambda: self._reads.all(statement, values))

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

    def __init__(self, connect: Callable[[], Connection], patience: float) -> None:
        self.lock = threading.Lock()
        self._connect = connect
        self._patience = patience
        self._connection: Connection | None = None
        self._driver: sqlite3.Connection | None = None

    def is_free(self) -> bool:
        """Tell whether nobody has it, and keep it so. On a loop none is opened, which may take long."""
        if self._driver is None and fibers.current() is not None:
            return False
        return self.lock.acquire(blocking=False)

    def driver(self) -> sqlite3.Connection:
        if self._driver is None:
            self._connection = self._connect()
            self._driver = cast(sqlite3.Connection, self._connection.connection.driver_connection)
        return self._driver

    def all(self, statement: str, values: Sequence[Any]) -> list[Any]:
        """Return all rows, so that no transaction stays open."""
        try:
            return self.driver().execute(statement, values).fetchall()
        except BaseException as error:
            if not _is_busy(error):
                self.close()
            raise

    def patiently(self, do: Callable[[], T]) -> T:
        """Do what another program may be in the way of, until it isn't; raises that it is in the end."""
        until, pause = time.monotonic() + self._patience, SHORTEST_PAUSE_SECONDS
        while True:
            try:
                return do()
            except BaseException as error:
                if not _is_busy(error) or time.monotonic() + pause > until:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def close(self) -> None:
        """Close it, if it is open; the next who wants it has another."""
        connection, self._connection, self._driver = self._connection, None, None
        if connection is not None:
            connection.close()


class Queue:
    """Where calls wait to be written. Who leads writes all that wait, in one transaction.

    One leads at a time, and waits for the lock; the others wait for it, and what they have to write goes into
    its transaction: they all wait for the disk once. Each is told how its own ended, after the COMMIT, and
    the first of those that came meanwhile leads next. A fiber that leads writes on its loop, where no other
    thread comes between the statements, and leaves all that may take long to a thread.
    """

    def __init__(self, kept: Kept, writing: threading.Lock, patience: float) -> None:
        self._kept = kept
        self._writing = writing
        self._patience = patience
        self._guard = threading.Lock()
        self._waiting: deque[Write] = deque()
        self._has_leader = False
        # For fibers: there is one leader at a time.
        self._thread = ThreadPoolExecutor(1, "sqlite")

    def write(self, write: Write) -> Any | None:
        """Write it, or have it written by whoever leads; see SqliteLane.write."""
        with self._guard:
            self._waiting.append(write)
            leads, self._has_leader = not self._has_leader, True
            write.is_to_lead = leads
        try:
            if leads or self._is_to_lead(write):
                self._lead(write)
        except BaseException:
            self._withdraw(write)
            raise
        if write.error is not None:
            raise write.error
        return write.found

    def _is_to_lead(self, write: Write) -> bool:
        """Wait until it is written, or nobody but itself can see to that."""
        if not write.word.wait(self._patience):
            with self._guard:
                if write in self._waiting and not write.is_to_lead:
                    raise TimeoutError(BUSY)
            # Somebody has begun with it, or is about to say that it leads.
            write.word.wait()
        return write.is_to_lead

    def _withdraw(self, write: Write) -> None:
        """Nobody waits for it any more; if it was to lead, another does."""
        with self._guard:
            if write not in self._waiting:
                return
            self._waiting.remove(write)
        if write.is_to_lead:
            self._hand_on()

    def _lead(self, write: Write) -> None:
        fiber = fibers.current()
        if fiber is None:
            self._write_when_free()
            return
        # Whoever else is about to write on this loop waits for the same disk.
        fiber.let_others()
        if not self._is_free():
            fiber.result_of(self._thread.submit(self._write_when_free))
            return
        together = self._together()
        # On its loop nothing waits, neither for another program nor for the disk.
        is_ready = _is_ready(together, self._kept)
        fiber.result_of(self._thread.submit(self._finish, together, is_ready))

    def _write_when_free(self) -> None:
        if not self._writing.acquire(timeout=self._patience):
            raise TimeoutError(BUSY)
        self._kept.lock.acquire()
        self._finish(self._together(), is_ready=False)

    def _is_free(self) -> bool:
        """Tell whether nobody writes or reads there, and keep it so."""
        if not self._writing.acquire(blocking=False):
            return False
        if self._kept.is_free():
            return True
        self._writing.release()
        return False

    def _together(self) -> list[Write]:
        """Take what is written next; another leader may have taken it all."""
        with self._guard:
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_TOGETHER))]

    def _finish(self, together: Sequence[Write], is_ready: bool) -> None:
        """Bring to the disk what is ready, and what isn't yet."""
        try:
            if together and not (is_ready and _is_committed(self._kept)):
                _write(together, self._kept)
        finally:
            self._kept.lock.release()
            self._writing.release()
            self._hand_on()
            for one in together:
                one.word.give()

    def _hand_on(self) -> None:
        """Let the first that waits lead."""
        with self._guard:
            self._has_leader = bool(self._waiting)
            first = self._waiting[0] if self._waiting else None
            if first is not None:
                first.is_to_lead = True
        if first is not None:
            first.word.give()


def _is_ready(together: Sequence[Write], kept: Kept) -> bool:
    """Do all in a transaction that wants nothing but its COMMIT; False, and nothing is done, if one fails."""
    if not together:
        return False
    try:
        kept.driver().execute("BEGIN IMMEDIATE")
        for one in together:
            one.do(kept.driver())
    except BaseException as error:
        _take_back(kept, error)
        return False
    return True


def _is_committed(kept: Kept) -> bool:
    try:
        kept.driver().execute("COMMIT")
    except BaseException as error:
        _take_back(kept, error)
        return False
    return True


def _write(together: Sequence[Write], kept: Kept) -> None:
    """Write all in one transaction; when that fails each in its own, so that one fails for itself alone."""
    try:
        kept.patiently(lambda: kept.driver().execute("BEGIN IMMEDIATE"))
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
    if isinstance(error, sqlite3.IntegrityError) or _is_busy(error):
        with suppress(sqlite3.Error):
            if kept.driver().in_transaction:
                kept.driver().execute("ROLLBACK")
            return
    kept.close()


def _is_busy(error: BaseException) -> bool:
    """Tell whether another program had the file. https://www.sqlite.org/rescode.html#busy"""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF == sqlite3.SQLITE_BUSY


@contextmanager
def _to_be_let_go(lock: threading.Lock) -> Iterator[None]:
    try:
        yield
    finally:
        lock.release()
