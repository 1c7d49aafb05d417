"""How is a statement sent past the ORM? Built once, and guarded writes of several rows in one round trip."""

import re
from collections import namedtuple
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    FromClause,
    Insert,
    Select,
    Table,
    Update,
    bindparam,
    insert,
    literal_column,
    select,
)
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import visitors

from app.lane import straight

if TYPE_CHECKING:
    from app.sqlite_lane import SqliteLane

_PLACE = re.compile(r"%\((\w+)\)s|%%")


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
        form = self._form(connection.dialect)
        short_way = straight(connection)
        try:
            if short_way is not None:
                return short_way.rows(*form.in_order(parameters), self._read_by(form))
            return self._by_cursor(connection, form, parameters)
        except connection.dialect.loaded_dbapi.Error as error:
            raise _wrapped(error, form.text, connection) from error

    def _by_cursor(self, connection: Connection, form: "_Form", parameters: Mapping[str, Any]) -> list[Any]:
        cursor = connection.connection.cursor()
        try:
            cursor.execute(form.text, form.bound(parameters))
            found = cursor.fetchall() if self._returns_rows else []
        finally:
            cursor.close()
        return list(map(self._read_by(form), found))

    def _read_by(self, form: "_Form") -> Callable[[Sequence[Any]], Any]:
        return lambda row: self._as_row(form.read(row))

    def as_sent(self, dialect: Dialect, parameters: Mapping[str, Any]) -> tuple[str, Any]:
        """Return the text and the values that a database is sent."""
        form = self._form(dialect)
        return form.text, form.bound(parameters)

    def places(self, dialect: Dialect, names: Collection[str]) -> Sequence[int]:
        """Return where among the values that SQLite is sent those of these names stand."""
        return [place for place, name in enumerate(self._form(dialect).order or ()) if name in names]

    def _form(self, dialect: Dialect) -> "_Form":
        form = self._forms.get(dialect.name)
        if form is None:
            form = self._forms[dialect.name] = _Form(self._statement, dialect)
        return form


class _Form:
    """A statement as one database wants it."""

    def __init__(self, statement: Select[Any] | Update | Insert, dialect: Dialect) -> None:
        # What never changes stands in the text: there is less to send, and a plan for all values knows it.
        fixed: Any = visitors.replacement_traverse(statement, {}, partial(_constant_in_words, dialect))
        compiled = fixed.compile(dialect=dialect)
        if "POSTCOMPILE" in str(compiled):
            raise ValueError("a list of values has no fixed text: write it as expressions")
        self.text = str(compiled)
        # What is set by an UPDATE, and what one database alone adds.
        self._constant = {name: value for name, value in compiled.params.items() if value is not None}
        # SQLite takes them in order, PostgreSQL by name.
        self.order = getattr(compiled, "positiontup", None)
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

        self._names: list[str] = []
        self._numbered = _PLACE.sub(self._number, self.text)  # as libpq takes it: $1, $2, …

    def _number(self, place: re.Match[str]) -> str:
        if place[1] is None:
            return "%"
        if place[1] not in self._names:
            self._names.append(place[1])
        return f"${self._names.index(place[1]) + 1}"

    def in_order(self, parameters: Mapping[str, Any]) -> tuple[str, list[Any]]:
        """Return the text and the values as they go past SQLAlchemy."""
        if self.order is not None:
            return self.text, self.bound(parameters)
        values, to_database = {**self._constant, **parameters}, self._to_database
        return self._numbered, [
            to_database[name](values[name]) if name in to_database else values[name] for name in self._names
        ]

    def bound(self, parameters: Mapping[str, Any]) -> Any:
        """Return the values for `text`."""
        values = {**self._constant, **parameters}
        for name, convert in self._to_database.items():
            values[name] = convert(values[name])
        return values if self.order is None else [values[name] for name in self.order]

    def read(self, row: Sequence[Any]) -> list[Any]:
        values = list(row)
        for place, convert in self._from_database:
            if values[place] is not None:
                values[place] = convert(values[place])
        return values


def _constant_in_words(dialect: Dialect, element: Any, **_: Any) -> Any:
    """Return a value that was given as the statement was written, as SQL writes it; None: leave it."""
    if not isinstance(element, BindParameter) or element.value is None or element.expanding:
        return None
    write = element.type.dialect_impl(dialect).literal_processor(dialect)
    return literal_column(write(element.value), element.type) if write else None


def _wrapped(error: Exception, text: str, connection: Connection) -> BaseException:
    """Return a driver's error as SQLAlchemy's; a connection that is gone is given up."""
    dialect = connection.dialect
    # What it wants is typed as what the driver raises, and this is that.
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
    follow each other in a transaction, which begins as late as it can where at_once() gave the connection.
    """

    def __init__(self, update: Update, rows: Sequence[Rows]) -> None:
        """`update` returns one column; its parameters must not be named `row…`."""
        self._rows = rows
        # What each row's columns are called among the values of the one statement.
        self._names = [{name: f"row{place}_{name}" for name in one.columns} for place, one in enumerate(rows)]
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

        `rows` hold the values in the order that was given to the constructor, and may hold more. Raises
        IntegrityError when one of them stands already.
        """
        values = dict(parameters)
        for names, row in zip(self._names, rows, strict=True):
            for name, called in names.items():
                values[called] = row[name]
        if connection.dialect.name == "postgresql":
            found = self._together.rows(connection, values)
            return found[0][0] if found else None
        lane = straight(connection)
        if lane is not None:
            return self._by_lane(cast("SqliteLane", lane), connection, parameters, values)
        found = self._update.rows(connection, parameters)
        if not found:
            return None
        for place, (one, insertion) in enumerate(zip(self._rows, self._each, strict=True)):
            values |= {f"row{place}_{name}": found[0][0] for name in one.taken}
            insertion.rows(connection, {name: values[name] for name in one.names(place)})
        return found[0][0]

    def _by_lane(
        self,
        lane: "SqliteLane",
        connection: Connection,
        parameters: Mapping[str, Any],
        values: Mapping[str, Any],
    ) -> Any | None:
        """Make everything ready before its turn comes, since all who write wait for one another."""
        from app.sqlite_lane import Sent, Write  # with its driver: see db

        dialect = connection.dialect
        rows, taken = [], []
        for place, (one, insertion) in enumerate(zip(self._rows, self._each, strict=True)):
            later = {f"row{place}_{name}": None for name in one.taken}
            of_row = {called: values[called] for called in self._names[place].values()}
            rows.append(Sent(*insertion.as_sent(dialect, of_row | later)))
            taken.append(insertion.places(dialect, later) if later else ())
        write = Write(Sent(*self._update.as_sent(dialect, parameters)), rows, taken)
        try:
            return lane.write(write)
        except dialect.loaded_dbapi.Error as error:
            raise _wrapped(error, write.at, connection) from error


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
        if column is not row.table.autoincrement_column
    ]
    if missing:
        raise ValueError(f"rows of {row.table.name} lack {', '.join(missing)}: name them in Rows")
