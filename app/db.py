"""Where is the truth kept? The engine, transactions, and column types that mean the same everywhere."""

import os
import threading
from collections import namedtuple
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    BindParameter,
    ColumnElement,
    Connection,
    DateTime,
    Engine,
    FromClause,
    Index,
    Insert,
    MetaData,
    Select,
    Table,
    Update,
    bindparam,
    create_engine,
    event,
    insert,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry, Pool
from sqlalchemy.types import TypeDecorator

from config import without_pooler

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
        if self.is_sqlite:
            # Readers keep nobody waiting there, and all who write must queue on the one lock.
            self.engine = self._patient = _sqlite_engine(url)
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
        self._autocommit = self.engine.execution_options(isolation_level="AUTOCOMMIT")

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

        On PostgreSQL each statement is a transaction of its own; on SQLite and behind a pooler all are one.
        """
        with (
            self.engine.begin()
            if self.is_sqlite or self._is_pooled
            else self._autocommit.connect() as connection
        ):
            yield connection

    def pools(self) -> list[Pool]:
        """Return where connections are taken from: those of calls first."""
        return [self.engine.pool, self._patient.pool]

    def dispose(self) -> None:
        self.engine.dispose()
        self._patient.dispose()


class Prepared:
    """A statement that runs on every call: its text and what its values go through are worked out once.

    The database answers such a statement in less time than SQLAlchemy takes to send it and to read the
    answer (docs/performance.md has the figures). It is written, and compiled, with SQLAlchemy all the same.
    """

    def __init__(self, statement: Select[Any] | Update | Insert) -> None:
        self._statement = statement
        names = [str(name) for name in statement.exported_columns.keys()]  # noqa: SIM118  # no dict
        found: Any = namedtuple("Found", names)  # type: ignore[misc]  # mypy wants them in the source
        self._as_row = found._make
        self._returns_rows = bool(names)
        self._forms: dict[str, _Form] = {}

    def rows(self, connection: Connection, parameters: Mapping[str, Any]) -> list[Any]:
        """Run it; return named tuples. Raises SQLAlchemy's errors."""
        form = self._forms.get(connection.dialect.name)
        if form is None:
            form = self._forms[connection.dialect.name] = _Form(self._statement, connection.dialect)
        cursor = connection.connection.cursor()
        try:
            cursor.execute(form.text, form.bound(parameters))
            found = cursor.fetchall() if self._returns_rows else []
        except connection.dialect.loaded_dbapi.Error as error:
            raise _wrapped(error, form.text, connection) from error
        finally:
            cursor.close()
        return [self._as_row(form.read(row)) for row in found]


class _Form:
    """A statement as one database wants it."""

    def __init__(self, statement: Select[Any] | Update | Insert, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        if "POSTCOMPILE" in str(compiled):
            raise ValueError("a list of values has no fixed text: write it as expressions")
        self.text = str(compiled)
        self._constant = {name: value for name, value in compiled.params.items() if value is not None}
        # SQLite takes them in order, PostgreSQL by name.
        self._order = getattr(compiled, "positiontup", None)
        self._to_database = {
            name: convert
            for name, parameter in compiled.binds.items()
            if (convert := parameter.type.dialect_impl(dialect).bind_processor(dialect))
        }
        self._from_database = [
            (place, convert)
            for place, column in enumerate(statement.exported_columns)
            if (convert := column.type.dialect_impl(dialect).result_processor(dialect, None))
        ]

    def bound(self, parameters: Mapping[str, Any]) -> Any:
        values = {**self._constant, **parameters}
        for name, convert in self._to_database.items():
            values[name] = convert(values[name])
        return values if self._order is None else [values[name] for name in self._order]

    def read(self, row: Sequence[Any]) -> list[Any]:
        values = list(row)
        for place, convert in self._from_database:
            values[place] = convert(values[place])
        return values


def _wrapped(error: Exception, text: str, connection: Connection) -> BaseException:
    """Return a driver's error as SQLAlchemy's; a connection that is gone is given up."""
    dialect = connection.dialect
    gone = dialect.is_disconnect(error, connection.connection.dbapi_connection, None)  # type: ignore[arg-type]
    wrapped = DBAPIError.instance(
        text, None, error, dialect.loaded_dbapi.Error, connection_invalidated=gone, dialect=dialect
    )
    if gone:
        connection.invalidate(error)
    return wrapped


@dataclass(frozen=True)
class Rows:
    """One row of a table that a Guarded writes; `taken` are the columns whose value its UPDATE returns."""

    table: Table
    columns: tuple[str, ...]
    taken: Mapping[str, str] = field(default_factory=dict)  # column: what the UPDATE calls it

    def names(self, place: int) -> list[str]:
        """Return what the values of this row are called, the row being the place-th."""
        return [f"row{place}_{name}" for name in (*self.columns, *self.taken)]


class Guarded:
    """A conditional UPDATE, and rows that are written only when it found its own: all or nothing.

    One statement on PostgreSQL, so that it is its own transaction and takes one round trip; on SQLite they
    follow each other in the transaction that at_once() began.
    """

    def __init__(self, update: Update, rows: Sequence[Rows]) -> None:
        """`update` returns one column; its parameters must not be named `row…`."""
        self._rows = rows
        for one in rows:
            _require_all(one)
        taken = update.cte("taken")
        written = [
            _insertion(place, one, {name: taken.c[returned] for name, returned in one.taken.items()}, taken)
            for place, one in enumerate(rows)
        ]
        self._together = Prepared(
            select(*taken.c).add_cte(*(row.cte(f"written{place}") for place, row in enumerate(written)))
        )
        self._update = Prepared(update)
        self._each = [
            Prepared(_insertion(place, one, {name: _value(place, one, name) for name in one.taken}))
            for place, one in enumerate(rows)
        ]

    def write(
        self, connection: Connection, parameters: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
    ) -> Any | None:
        """Return what the UPDATE returned; None when it found no row, and then nothing was written.

        `rows` hold the values in the order that was given to the constructor. Raises IntegrityError when
        one of them stands already.
        """
        values = dict(parameters)
        for place, row in enumerate(rows):
            values |= {f"row{place}_{name}": value for name, value in row.items()}
        if connection.dialect.name == "postgresql":
            found = self._together.rows(connection, values)
            return found[0][0] if found else None
        found = self._update.rows(connection, parameters)
        if not found:
            return None
        for place, (one, insertion) in enumerate(zip(self._rows, self._each, strict=True)):
            values |= {f"row{place}_{name}": found[0][0] for name in one.taken}
            insertion.rows(connection, {name: values[name] for name in one.names(place)})
        return found[0][0]


def _insertion(
    place: int, row: Rows, taken: Mapping[str, ColumnElement[Any]], source: FromClause | None = None
) -> Insert:
    values = select(*(_value(place, row, name) for name in row.columns), *taken.values())
    if source is not None:
        values = values.select_from(source)
    return insert(row.table).from_select([*row.columns, *taken], values, include_defaults=False)


def _value(place: int, row: Rows, name: str) -> BindParameter[Any]:
    return bindparam(f"row{place}_{name}", type_=row.table.c[name].type)


def _require_all(row: Rows) -> None:
    """Raise ValueError when a column would stay empty that may not: nobody fills in defaults here."""
    given = {*row.columns, *row.taken}
    missing = [
        column.name
        for column in row.table.columns
        if column.name not in given and not column.nullable and column.server_default is None
    ]
    if missing:
        raise ValueError(f"rows of {row.table.name} lack {', '.join(missing)}: name them in Rows")


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
    options = "-c synchronous_commit=on -c timezone=UTC"
    if patience.statement_milliseconds is not None:
        options += f" -c statement_timeout={patience.statement_milliseconds}"
    if patience.lock_milliseconds is not None:
        options += f" -c lock_timeout={patience.lock_milliseconds}"
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_timeout=patience.connection_seconds,
        pool_use_lifo=True,
        connect_args=_CONNECT | {"options": options, "prepare_threshold": 5},
    )


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


def _sqlite_engine(url: str) -> Engine:
    path = make_url(url).database
    if path and path != ":memory:" and not path.startswith("file:"):
        # Where that can't be done, whoever connects is told.
        with suppress(OSError):
            _close_to_others(Path(path))
    engine = create_engine(url, connect_args={"timeout": SQLITE_BUSY_SECONDS}, pool_size=20, max_overflow=40)
    # SQLite's busy wait is unfair and lets threads starve: within this process writers queue on a lock.
    writing = threading.Lock()

    @event.listens_for(engine, "connect")
    def prepare(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        # What is forgotten is overwritten too: its bytes would stay in the file for a long time.
        for pragma in (*_PRAGMAS, "secure_delete=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

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
