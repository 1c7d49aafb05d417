"""Where is the truth kept? The engine, transactions, and column types that mean the same everywhere."""

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    DateTime,
    Engine,
    Index,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    literal_column,
    make_url,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, Pool
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator

from app import fibers
from app.lane import Lane
from config import without_pooler

if TYPE_CHECKING:
    from app.sqlite_lane import SqliteLane

CONNECT_SECONDS = 2  # the least that libpq accepts; the webhook's own deadline is shorter
SQLITE_BUSY_SECONDS = 5.0
# How a database says, or fails to say, that it is slow, busy or gone.
OUT_OF_REACH = (OperationalError, InterfaceError, PoolTimeout, TimeoutError)
# How it says that no column can hold what it was asked about: a number too large, a text with U+0000.
IMPOSSIBLE = (DataError, OverflowError)
READ_ONLY = "read_only"


# What the reads need is to run a statement; beneath a session they go past the ORM.
Reader = Session | Connection
# A moment, or its place in a statement that is built once and asked again and again.
Moment = datetime | ColumnElement[datetime]


class Base(DeclarativeBase):
    """What every table descends from."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def table_of(model: type[Base]) -> Table:
    """Return the table of a class, for statements that go past the ORM."""
    return Base.metadata.tables[model.__tablename__]


def partial_index(name: str, *columns: Any, where: str, unique: bool = False) -> Index:
    """Return an index that holds only the rows of which `where` is true, as SQL has it.

    SQLite uses it for a statement that says the same in the same words; PostgreSQL also for what follows
    from them.
    """
    condition = text(where)
    return Index(name, *columns, unique=unique, postgresql_where=condition, sqlite_where=condition)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment; stored in UTC, since SQLite keeps no time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone can't be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Json = JSON().with_variant(JSONB(), "postgresql")


class Word(String):
    """A column that holds one word of an Enum; what is compared with one says the word itself.

    A partial index serves a statement that is planned once for every value only where its condition stands in
    the statement: with a parameter in its place a prepared read looks through all that there ever was.
    """

    class Comparator(String.Comparator[str]):
        def operate(self, op: OperatorType, *other: Any, **options: Any) -> ColumnElement[Any]:
            return super().operate(op, *(_said(one) for one in other), **options)

    comparator_factory = Comparator


def _said(value: Any) -> Any:
    """Return a word of an Enum, or several, as SQL writes them; anything else as it is."""
    if isinstance(value, StrEnum):
        return literal_column("'{}'".format(value.replace("'", "''")), String())
    if isinstance(value, list | tuple | set | frozenset) and any(isinstance(one, StrEnum) for one in value):
        # What has no order gets one: a statement is known again by its text.
        return [_said(one) for one in (value if isinstance(value, list | tuple) else sorted(value))]
    return value


@dataclass(frozen=True)
class Patience:
    """How long one who asks the database can wait; without a bound where there is none."""

    connection_seconds: float  # until one is free
    statement_milliseconds: int | None = None
    lock_milliseconds: int | None = None


_CONNECT: dict[str, Any] = {
    "connect_timeout": CONNECT_SECONDS,
    "tcp_user_timeout": 1500,
    # A server whose machine vanished says nothing more: asked for a sign of life, not waited for.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
}

# The carrier gives up after 15 s, a caller long before.
OF_A_CALL = Patience(0.3, 800, 300)
# Who looks through everything, while nobody waits on the telephone.
OF_A_REPORT = Patience(5, 60_000, 10_000)
OF_A_LOAD = Patience(30)
# However many look through everything, calls have connections of their own.
PATIENT_CONNECTIONS = 4


class Database:
    """One database: its engines, and the ways to talk to it."""

    def __init__(self, url: str, *, pool_size: int = 20, patient: bool = False) -> None:
        """`patient` lifts every bound: for loads and migrations, never for a call."""
        self.url = without_pooler(url)
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self._is_pooled = self.url != url
        self._lane: Lane | SqliteLane | None = None
        if self.is_sqlite:
            # Readers keep nobody waiting there, and all who write must queue on the one lock.
            writing = threading.Lock()
            self.engine = self._patient = _say_begin(
                _sqlite_engine(url, SQLITE_BUSY_SECONDS, pool_size=20, max_overflow=40), writing
            )
            if _file_of(url) is not None:
                self._lane = _sqlite_lane(url, writing)
        elif self._is_pooled:
            patience = OF_A_LOAD if patient else OF_A_CALL
            self.engine = _pooled_engine(self.url, patience, pool_size, pool_size)
            self._patient = _pooled_engine(self.url, OF_A_REPORT, PATIENT_CONNECTIONS, 0)
        else:
            self.engine = _postgres_engine(url, OF_A_LOAD if patient else OF_A_CALL, pool_size, pool_size)
            self._patient = _postgres_engine(url, OF_A_REPORT, PATIENT_CONNECTIONS, 0)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        self._patient_sessions = sessionmaker(self._patient, expire_on_commit=False)
        self._reading = self._readers(self.engine)
        self._patient_reading = self._readers(self._patient)
        if not self.is_sqlite and not self._is_pooled:
            self._lane = Lane(_of_calls_alone(url, OF_A_LOAD if patient else OF_A_CALL).connect)

    def _readers(self, engine: Engine) -> sessionmaker[Session]:
        if self.is_sqlite:
            engine = engine.execution_options(**{READ_ONLY: True})
        elif not self._is_pooled:
            # Behind a pooler what bounds a statement holds within a transaction alone.
            engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        return sessionmaker(engine, autoflush=False, expire_on_commit=False)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Read and write, all or nothing: committed at the end, rolled back when anything is raised."""
        with self._sessions.begin() as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Read only, without the round trips of a transaction; each statement sees what is committed."""
        with self._reading() as session:
            yield session

    @contextmanager
    def patient_transaction(self) -> Iterator[Session]:
        """A transaction that looks through everything, on a connection that no call would have had."""
        with self._patient_sessions.begin() as session:
            yield session

    @contextmanager
    def patient_reading(self) -> Iterator[Session]:
        """Read only, and look through everything, on a connection that no call would have had."""
        with self._patient_reading() as session:
            yield session

    @contextmanager
    def at_once(self) -> Iterator[Connection]:
        """A bare connection for a few reads and one write (see Guarded), without the trips of a transaction.

        Each statement is a transaction of its own, and so is the write; behind a pooler all are one.
        Raises WouldWait in a fiber that would have to wait in another way than on its loop.
        """
        if self._lane is None and fibers.current() is not None:
            raise fibers.WouldWait
        with self.engine.begin() if self._lane is None else self._lane.taken() as connection:
            yield connection

    def empty_log(self) -> bool:
        """Empty SQLite's write-ahead log, in which what was deleted stands until it is written over.

        False while somebody reads from it; then it is worth another try. Keeps nobody who writes waiting.
        """
        if not self.is_sqlite:
            return True
        connection = self.engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("PRAGMA busy_timeout=100")
            try:
                busy, _, _ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                cursor.execute(f"PRAGMA busy_timeout={int(SQLITE_BUSY_SECONDS * 1000)}")
                cursor.close()
            return not busy
        finally:
            connection.close()

    def pools(self) -> list[Pool]:
        """Return where connections are taken from: those of calls first."""
        return [self.engine.pool, self._patient.pool]

    def dispose(self) -> None:
        if self._lane is not None:
            self._lane.close()
        self.engine.dispose()
        self._patient.dispose()


_database: Database | None = None


def bind(database: Database) -> Database:
    """Make `database` the one that transaction() and reading() of this process speak to."""
    global _database
    _database = database
    return database


def current() -> Database:
    if _database is None:
        raise RuntimeError("no database is bound: create_app() or a worker's start does that")
    return _database


def transaction() -> AbstractContextManager[Session]:
    return current().transaction()


def reading() -> AbstractContextManager[Session]:
    return current().reading()


def at_once() -> AbstractContextManager[Connection]:
    return current().at_once()


def patient_transaction() -> AbstractContextManager[Session]:
    return current().patient_transaction()


def patient_reading() -> AbstractContextManager[Session]:
    return current().patient_reading()


def _pooled_engine(url: str, patience: Patience, pool_size: int, max_overflow: int) -> Engine:
    """Return an engine that leaves nothing on a connection: the next transaction may have another one.

    So each transaction says its bounds itself, and nothing is prepared. https://www.pgbouncer.org/features.html
    """
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_timeout=patience.connection_seconds,
        pool_use_lifo=True,
        connect_args=_CONNECT | {"prepare_threshold": None},
    )
    bounds = {"synchronous_commit": "on", "timezone": "UTC"}
    if patience.statement_milliseconds is not None:
        bounds["statement_timeout"] = str(patience.statement_milliseconds)
    if patience.lock_milliseconds is not None:
        bounds["lock_timeout"] = str(patience.lock_milliseconds)
    each = (f"set_config('{name}', '{value}', true)" for name, value in bounds.items())
    say_them = f"SELECT {', '.join(each)}"

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # An index is built outside of any transaction.
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql(say_them)

    return engine


def _postgres_engine(url: str, patience: Patience, pool_size: int, max_overflow: int) -> Engine:
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_timeout=patience.connection_seconds,
        pool_use_lifo=True,
        connect_args=_connect_args(patience),
    )


def _of_calls_alone(url: str, patience: Patience) -> Engine:
    """Return an engine that keeps no connection by itself, each always in autocommit: see Lane."""
    engine = create_engine(
        url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=_connect_args(patience)
    )

    @event.listens_for(engine, "do_connect")
    def connect(
        dialect: Dialect, record: ConnectionPoolEntry, words: tuple[Any, ...], named: dict[str, Any]
    ) -> DBAPIConnection:
        from app.straight import OnLoop  # with PostgreSQL's driver

        made: Any = OnLoop.connect(*words, **named)
        return cast(DBAPIConnection, made)

    return engine


def _connect_args(patience: Patience) -> dict[str, Any]:
    options = "-c synchronous_commit=on -c timezone=UTC"
    if patience.statement_milliseconds is not None:
        options += f" -c statement_timeout={patience.statement_milliseconds}"
    if patience.lock_milliseconds is not None:
        options += f" -c lock_timeout={patience.lock_milliseconds}"
    return _CONNECT | {"options": options, "prepare_threshold": 5}


_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY")


def _close_to_others(path: Path) -> None:
    """Let nobody but its owner read the database's file, which has no other lock; SQLite's own follow it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        return
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    for one in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
        if one.exists():
            one.chmod(0o600)


def _file_of(url: str) -> Path | None:
    """Return the file of an SQLite database; None for one in memory, or of an address of SQLite's own."""
    path = make_url(url).database
    return None if not path or path == ":memory:" or path.startswith("file:") else Path(path)


def _sqlite_engine(url: str, patience: float, **pool: Any) -> Engine:
    """Return an engine of which nobody begins a transaction yet; it waits so many seconds for others."""
    file = _file_of(url)
    if file is not None:
        # Where that can't be done, whoever connects is told.
        with suppress(OSError):
            _close_to_others(file)
    engine = create_engine(url, connect_args={"timeout": patience}, **pool)

    @event.listens_for(engine, "connect")
    def prepare(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        # What is forgotten is overwritten too: its bytes would stay in the file for a long time.
        for pragma in (*_PRAGMAS, "secure_delete=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def _sqlite_lane(url: str, writing: threading.Lock) -> "SqliteLane":
    from app.sqlite_lane import SqliteLane  # with its driver, for which PostgreSQL would wait in vain

    patient = _sqlite_engine(url, SQLITE_BUSY_SECONDS, poolclass=NullPool)
    impatient = _sqlite_engine(url, 0, poolclass=NullPool)
    return SqliteLane(patient.connect, impatient.connect, writing, SQLITE_BUSY_SECONDS)


def _say_begin(engine: Engine, writing: threading.Lock) -> Engine:
    """Let transactions begin; `writing` is held by whoever writes, within this process.

    SQLite's busy wait is unfair and lets threads starve.
    """

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get(READ_ONLY):
            connection.exec_driver_sql("BEGIN")
            return
        # A deferred BEGIN that turns into a write fails with “database is locked” instead of waiting.
        if not writing.acquire(timeout=SQLITE_BUSY_SECONDS):
            raise TimeoutError("the database is busy with another write")
        connection.info["writing"] = True
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except BaseException:
            connection.info.pop("writing", None)
            writing.release()
            raise

    # After the COMMIT has reached the disk: the engine's commit event would come before it.
    @event.listens_for(engine, "checkin")
    def release(connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        if record.info.pop("writing", False):
            writing.release()

    return engine
