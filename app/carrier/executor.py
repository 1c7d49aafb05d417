"""How does a webhook reach the database? Within a deadline, and not at all while it is down."""

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from app import db, fibers
from app.errors import StoreUnavailable

T = TypeVar("T")

# After a failure the database is left alone for this long, and calls go straight to what is left.
REST_SECONDS = 2.0

# https://www.postgresql.org/docs/current/errcodes-appendix.html: serialization_failure, deadlock_detected,
# lock_not_available
IN_THE_WAY = frozenset({"40001", "40P01", "55P03"})


@dataclass
class Executor:
    """The way to the database from a webhook: within the deadline, and not at all while it is down."""

    deadline: float  # seconds
    # Fewer than the engine has connections: calls queue here, where waiting counts towards the deadline.
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(24, "webhook"))
    _resting_until: float = 0.0
    _answered_at: float = 0.0  # when the database last did what it was asked, for whomever

    @property
    def rests(self) -> bool:
        """Whether the database failed a moment ago and is left alone."""
        return time.monotonic() < self._resting_until

    def run(self, work: Callable[[Session], T], deadline: float | None = None) -> T:
        """Do the work in one transaction; see `call`."""
        return self.call(lambda: _in_transaction(work), deadline)

    def call(self, work: Callable[[], T], deadline: float | None = None) -> T:
        """Do the work, which opens what it needs. Raises StoreUnavailable when the database is too slow.

        Work that is late may still commit: everything that it writes can be asked for again. Work that met
        another transaction's locks is done again, so it must not keep anything from the first time.
        """
        asked_at, deadline = time.monotonic(), deadline or self.deadline
        with self._answering(asked_at):
            future: Future[T] = self.pool.submit(self._do, work, asked_at + 2 * deadline)
            try:
                return self._result(future, asked_at, deadline)
            except (OperationalError, InterfaceError, OSError):
                future.cancel()
                raise

    def at_once(self, work: Callable[[], T]) -> T:
        """Do work that uses db.at_once() alone: on the loop, where that is where the request is answered.

        Raises StoreUnavailable as `call` does; late work that was done on the loop is given up.
        """
        fiber = fibers.current()
        if fiber is None:
            return self.call(work)
        asked_at = time.monotonic()
        try:
            with self._answering(asked_at), fiber.within(self.deadline, lambda: self._is_crowded(asked_at)):
                return self._do(work, asked_at + 2 * self.deadline)
        except fibers.WouldWait:
            return self.call(work)

    @contextmanager
    def _answering(self, asked_at: float) -> Iterator[None]:
        """Leave the database alone after a failure; raises StoreUnavailable for each."""
        if self.rests:
            raise StoreUnavailable("resting")
        try:
            yield
        except (OperationalError, InterfaceError, OSError) as error:
            # Late in a crowded process is another matter than silent: somebody else was answered meanwhile.
            is_late = isinstance(error, TimeoutError) and self._is_crowded(asked_at)
            if not is_late and not _met_a_lock(error):
                self._resting_until = time.monotonic() + REST_SECONDS
            raise StoreUnavailable(type(error).__name__) from error
        except PoolTimeout as error:
            raise StoreUnavailable("no connection was free") from error

    def _is_crowded(self, asked_at: float) -> bool:
        """Tell whether others were answered since: the process is crowded, not cut off.

        Better late, with an agent who is reserved, than at once by telephones that others may be ringing too.
        """
        return self._answered_at > asked_at

    def _result(self, future: "Future[T]", asked_at: float, deadline: float) -> T:
        fiber = fibers.current()
        if fiber is not None:
            with fiber.within(deadline, lambda: self._is_crowded(asked_at)):
                return fiber.result_of(future)
        try:
            return future.result(timeout=deadline)
        except TimeoutError:
            if future.done() or not self._is_crowded(asked_at):
                raise
            return future.result(timeout=deadline)

    def _do(self, work: Callable[[], T], until: float) -> T:
        while True:
            try:
                result = work()
            except OperationalError as error:
                if not _met_a_lock(error):
                    raise
                # It said so itself: the database is there, somebody else holds what this work needs.
                self._answered_at = time.monotonic()
                if self._answered_at >= until:
                    raise
                # Two who met must not meet again.
                fibers.sleep(random.uniform(0.005, 0.03))
            else:
                self._answered_at = time.monotonic()
                return result


def _in_transaction(work: Callable[[Session], T]) -> T:
    with db.transaction() as session:
        return work(session)


def _met_a_lock(error: Exception) -> bool:
    """Tell whether the work failed because other work was in its way, not because the database is ill."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) in IN_THE_WAY
