"""How does a call go to PostgreSQL? On connections kept for it, past the driver's cursor and the pool."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError, OperationalError

from app import fibers
from app.turns import Turns

if TYPE_CHECKING:
    from app.straight import Straight

Row = TypeVar("Row")

# As many wait for the next call.
MOST_AT_REST = 8
_STRAIGHT = "straight"
# After these a connection is as it was.
_USUAL = (IntegrityError, OperationalError, fibers.WouldWait)


class ShortWay(Protocol):
    """How statements go to a database past SQLAlchemy."""

    def rows(self, statement: str, values: Sequence[Any], make: Callable[[Sequence[Any]], Row]) -> list[Row]:
        """Run a statement; return what `make` makes of each row. Raises what the driver raises."""


def straight(connection: Connection) -> ShortWay | None:
    """Return the short way to the database, where the connection has one."""
    found: ShortWay | None = connection.get_execution_options().get(_STRAIGHT)
    return found


def with_short_way(connection: Connection, short_way: ShortWay) -> Connection:
    return connection.execution_options(**{_STRAIGHT: short_way})


class AtRest:
    """Connections on which nothing has begun, and which wait for the next call; in a crowd more are made."""

    def __init__(self, most: int) -> None:
        """`most`: of so many the others are closed when the crowd is over."""
        self._most = most
        self._connections: deque[Connection] = deque()

    def take(self) -> Connection | None:
        """Return the last that was let go, since the server's part of it is still warm; None without one."""
        try:
            return self._connections.pop()
        except IndexError:
            return None

    def let_go(self, connection: Connection, *, is_warm: bool = True) -> None:
        """`is_warm`: it was used; another is taken last."""
        # SQLAlchemy thinks in transactions even here; for the database there is none to be ended.
        connection.rollback()
        if len(self._connections) >= self._most:
            connection.close()
        elif is_warm:
            self._connections.append(connection)
        else:
            self._connections.appendleft(connection)

    def close(self) -> None:
        while self._connections:
            self._connections.pop().close()


class Lane:
    """Connections that stay open, each statement on them its own transaction; used by one at a time."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        """`connect` returns a new connection in autocommit that closing really closes."""
        self._connect = connect
        self._at_rest = AtRest(MOST_AT_REST)
        self._turns = Turns()

    @contextmanager
    def taken(self) -> Iterator[Connection]:
        """Yield a connection. Raises WouldWait in a fiber when one would have to be made."""
        connection = self._rested() or self._new()
        way = cast("Straight", straight(connection))
        answered = way.answers
        try:
            yield connection
        except BaseException as error:
            is_usual = isinstance(error, _USUAL) and not connection.invalidated and way.is_open
            if is_usual:
                self._at_rest.let_go(connection)
            else:
                # As it stands, perhaps in the middle of an answer. It may have struck those at rest as well:
                # a server that was restarted, a table changed.
                connection.invalidate()
                connection.close()
                self.close()
            raise
        self._at_rest.let_go(connection, is_warm=way.answers != answered)

    def close(self) -> None:
        """Close whatever is at rest."""
        self._at_rest.close()

    def _rested(self) -> Connection | None:
        while (connection := self._at_rest.take()) is not None:
            if not cast("Straight", straight(connection)).has_ended():
                return connection
            connection.close()
        return None

    def _new(self) -> Connection:
        if fibers.current() is not None:
            raise fibers.WouldWait
        from app.straight import Straight  # with PostgreSQL's driver, which SQLite would wait for in vain

        connection = self._connect()
        return with_short_way(connection, Straight.on(connection, self._turns))
