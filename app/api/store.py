"""How do records reach the tables, and come out again? Many at once or one, the same statements for both."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence, Set, Sized
from contextlib import contextmanager
from functools import cache, lru_cache
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sqlalchemy import (
    Column,
    MetaData,
    Row,
    Select,
    Table,
    case,
    delete,
    exists,
    func,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.api import own_dates
from app.api.fields import Problem
from app.api.records import (
    AGENTS,
    CASES,
    CONTACTS,
    CUSTOMERS,
    DATES,
    EXAMPLES,
    LINES,
    TOPICS,
    AgentRecord,
    CaseRecord,
    ContactRecord,
    CustomerRecord,
    DateRecord,
    ExampleRecord,
    Kind,
    LineRecord,
    Record,
    TopicRecord,
)
from app.callers import history
from app.clock import utcnow
from app.db import table_of
from app.door import sessions
from app.promises import whose
from app.records.agents import Agent, Presence
from app.records.callers import Case, Contact, Customer, CustomerNumber, digits_of
from app.records.lines import Line
from app.records.topics import Source, Topic, TopicExample
from app.topics import store as topics

if TYPE_CHECKING:
    import psycopg

R = TypeVar("R", bound=Record)
Rows = list[dict[str, Any]]
Also = Callable[[Any], dict[str, Any]]

KEYS_AT_ONCE = 1000  # in one IN (…)
# From here on PostgreSQL is faster with COPY and one statement for all than with a statement for each.
ROWS_FOR_COPY = 200


def key_of(kind: Kind[R], record: R) -> str:
    return cast(str, getattr(record, kind.key))


def refused(session: Session, kind: Kind[R], records: Sequence[R]) -> dict[int, list[Problem]]:
    """Tell which records can't be written beside what is there: their position, and what to mend."""
    if kind is DATES:
        return own_dates.refused(session, cast("Sequence[DateRecord]", records))
    problems = _missing_references(session, kind, records)
    for name, code, in_the_way in _CLASHES.get(kind.name, ()):
        found = in_the_way(session, {value for record in records if (value := getattr(record, name))})
        if not found:
            continue
        for position, record in enumerate(records):
            if (by := found.get(getattr(record, name) or "")) is not None:
                values = {"text": getattr(record, name), "who": by}
                problems.setdefault(position, []).append(Problem(name, code, values))
    return problems


def _our_lines(session: Session, numbers: Set[str]) -> dict[str, str]:
    """Return which of the numbers are lines of ours, with their names."""
    found = select(Line.number, Line.name)
    return {row.number: row.name for row in _in_slices(session, found, Line.number, numbers)}


def _agents_phones(session: Session, numbers: Set[str]) -> dict[str, str]:
    """Return which of the numbers are phones of agents, with whose."""
    found: dict[str, str] = {}
    still_there = select(Agent.phone, Agent.key).where(Agent.enabled).order_by(Agent.key)
    for row in _in_slices(session, still_there, Agent.phone, numbers):
        found[row.phone] = f"{found[row.phone]}, {row.key}" if row.phone in found else row.key
    return found


# A line that is rung for a call to a line would ring itself.
_CLASHES: dict[str, tuple[tuple[str, str, Callable[[Session, Set[str]], dict[str, str]]], ...]] = {
    AGENTS.name: (("phone", "phone_is_line", _our_lines),),
    LINES.name: (("number", "line_is_phone", _agents_phones),),
}


def _missing_references(session: Session, kind: Kind[R], records: Sequence[R]) -> dict[int, list[Problem]]:
    problems: dict[int, list[Problem]] = {}
    for name, column, code in _REFERENCES.get(kind.name, ()):
        named = {value for record in records if (value := getattr(record, name))}
        unknown = named - _existing(session, column, named)
        if not unknown:
            continue
        for position, record in enumerate(records):
            if (value := getattr(record, name)) in unknown:
                problems.setdefault(position, []).append(
                    Problem(_SAID_AS.get(name, name), code, {"text": value})
                )
    return problems


# What a field is called by whoever wrote it.
_SAID_AS = {"about": "topic"}
_REFERENCES: dict[str, tuple[tuple[str, InstrumentedAttribute[str], str], ...]] = {
    CASES.name: (("customer", Customer.key, "no_such_customer"), ("owner", Agent.key, "no_such_agent")),
    CONTACTS.name: (("case", Case.key, "no_such_case"), ("agent", Agent.key, "no_such_agent")),
    EXAMPLES.name: (("about", Topic.key, "no_such_topic"),),
}


def write(session: Session, kind: Kind[R], records: Sequence[R]) -> None:
    """Write records that were checked: new ones appear, known ones are replaced.

    Of several with the same key the last one counts. What they refer to must exist.
    """
    key = attrgetter(kind.key, *kind.beside)
    latest = {key(record): record for record in records}
    if not latest:
        return
    # In one order for everybody, so that two loads of the same rows can't wait for each other.
    ordered = [latest[key] for key in sorted(latest)]
    _WRITERS[kind.name](session, ordered)


def exists_already(session: Session, kind: Kind[Any], key: str) -> bool:
    return bool(session.scalar(select(exists().where(_KEY_COLUMNS[kind.name] == key))))


def _rows(records: Sequence[Record], *apart: str, **columns: str) -> Rows:
    """Return records as rows: fields `apart` are left out, `columns` says what others are called there."""
    fields = [name for name in type(records[0]).model_fields if name not in apart]
    names, values = [columns.get(name, name) for name in fields], itemgetter(*fields)
    return [dict(zip(names, values(record.__dict__), strict=True)) for record in records]


def _write_agents(session: Session, records: list[AgentRecord]) -> None:
    rows = _rows(records, agent="key")
    for row in rows:
        row |= {"spoken_name": row["spoken_name"] or row["name"][:100], "enabled": True}
    _upsert(session, table_of(Agent), rows, keep={"enabled"})
    for record in records:
        if record.enabled is not None:
            session.execute(update(Agent).where(Agent.key == record.agent).values(enabled=record.enabled))
            if not record.enabled:
                sessions.end_all_of_agent(session, record.agent, utcnow())
    # The row that reservations take, with the model's own defaults.
    session.execute(
        _insert(session)(Presence).on_conflict_do_nothing(), [{"agent": one.agent} for one in records]
    )


def _write_lines(session: Session, records: list[LineRecord]) -> None:
    new = {"greeting": "", "records_messages": False, "asks": True, "question": "", "dates": ""}
    new |= {"sends_screen": False}
    rows = [row | new for row in _rows(records)]
    _upsert(session, table_of(Line), rows, key=("number",), keep=new.keys())
    for record in records:
        if named := {name: value for name in new if (value := getattr(record, name)) is not None}:
            session.execute(update(Line).where(Line.number == record.number).values(**named))


def _write_customers(session: Session, records: list[CustomerRecord]) -> None:
    if _takes_copy(session, records):
        _copy_customers(session, records)
        return
    _upsert(session, table_of(Customer), _rows(records, "phones", customer="key"))
    table = table_of(CustomerNumber)
    known: dict[str, list[tuple[int, str]]] = {}
    for e164, customer, position in _in_slices(  # type: ignore[misc]
        session,
        select(table.c.e164, table.c.customer, table.c.position),
        table.c.customer,
        [record.customer for record in records],
    ):
        known.setdefault(customer, []).append((position, e164))
    changed = [
        record
        for record in records
        if tuple(e164 for _, e164 in sorted(known.get(record.customer, ()))) != record.phones
    ]
    for slice_ in _slices(record.customer for record in changed if record.customer in known):
        session.execute(delete(table).where(table.c.customer.in_(slice_)))
    numbers = [
        {"e164": e164, "customer": record.customer, "position": position}
        for record in changed
        for position, e164 in enumerate(record.phones)
    ]
    if numbers:
        _upsert(session, table, numbers, key=("e164", "customer"))


def _copy_customers(session: Session, records: list[CustomerRecord]) -> None:
    """Write customers and their numbers with one COPY and three statements, whatever there was before."""
    columns = ["key", "name", "language", "postcode", "tags"]
    rows = (
        (
            record.customer,
            record.name,
            record.language,
            record.postcode,
            _json_of_tags(record.tags),
            _json_of_numbers(record.phones),
        )
        for record in records
    )
    customers, numbers = table_of(Customer), table_of(CustomerNumber)
    with _staged(session, customers, [*columns, "phones"], rows, Column("phones", JSONB)) as staged:
        known = select(*(staged.c[name] for name in columns))
        insert = postgres_insert(customers).from_select(columns, known)
        session.execute(_or_replace(insert, customers, columns, ("key",), frozenset()))
        session.execute(
            delete(numbers).where(
                numbers.c.customer == staged.c.key, ~staged.c.phones.has_key(numbers.c.e164)
            )
        )
        each = (
            func.jsonb_array_elements_text(staged.c.phones)
            .table_valued("e164", with_ordinality="place")
            .render_derived()
        )
        names = ["e164", "customer", "position"]
        insert = postgres_insert(numbers).from_select(
            names,
            select(each.c.e164, staged.c.key, each.c.place - 1).select_from(staged.join(each, true())),
        )
        session.execute(_or_replace(insert, numbers, names, ("e164", "customer"), frozenset()))


def _write_cases(session: Session, records: list[CaseRecord]) -> None:
    rows = _rows(records, case="key", owner="named_owner")
    for row in rows:
        row["digits"] = digits_of(row["key"])
    _upsert(session, table_of(Case), rows, also=_named_anew)
    # Of many it is quicker to look through all that is owed.
    keys = [record.case for record in records] if len(records) < KEYS_AT_ONCE else None
    whose.cases_moved(session, keys, utcnow())


def _named_anew(excluded: Any) -> dict[str, Any]:
    """Whoever names an owner whom the caller had asked not to speak to knows why: from then on it holds."""
    known = table_of(Case).c
    is_named = excluded.named_owner.is_distinct_from(known.named_owner)
    return {
        "avoided_agent": case(
            (is_named & (excluded.named_owner == known.avoided_agent), null()), else_=known.avoided_agent
        )
    }


def _write_contacts(session: Session, records: list[ContactRecord]) -> None:
    keys = [record.contact for record in records]
    # Also the cases that contacts are taken away from.
    touched = {case for (case,) in _in_slices(session, select(Contact.case), Contact.key, keys)}
    touched |= {record.case for record in records}
    # Locked first: whoever records a contact at the same time must see ours, or we theirs.
    history.lock(session, touched)
    _upsert(session, table_of(Contact), _rows(records, contact="key"))
    history.refresh(session, touched)


def _write_topics(session: Session, records: list[TopicRecord]) -> None:
    rows = [
        row | {"words": list(row["words"]), "changed_at": utcnow()} for row in _rows(records, topic="key")
    ]
    _upsert(
        session,
        table_of(Topic),
        rows,
    )
    topics.changed(session)


def _write_examples(session: Session, records: list[ExampleRecord]) -> None:
    rows = [{"text": one.text, "topic": one.about, "source": str(Source.LOADED)} for one in records]
    _upsert(session, table_of(TopicExample), rows, key=("text",))
    topics.changed(session)


_WRITERS: dict[str, Any] = {
    AGENTS.name: _write_agents,
    LINES.name: _write_lines,
    CUSTOMERS.name: _write_customers,
    CASES.name: _write_cases,
    CONTACTS.name: _write_contacts,
    TOPICS.name: _write_topics,
    EXAMPLES.name: _write_examples,
    DATES.name: own_dates.write,
}

_KEY_COLUMNS: dict[str, InstrumentedAttribute[str]] = {
    AGENTS.name: Agent.key,
    LINES.name: Line.number,
    CUSTOMERS.name: Customer.key,
    CASES.name: Case.key,
    CONTACTS.name: Contact.key,
    TOPICS.name: Topic.key,
}


# --- statements ------------------------------------------------------------------------------------------


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def _insert(session: Session) -> Any:
    """Return the insert of the database's own kind: both know ON CONFLICT, SQLAlchemy keeps them apart."""
    return sqlite_insert if _is_sqlite(session) else postgres_insert


def _upsert(
    session: Session,
    table: Table,
    rows: Rows,
    *,
    key: tuple[str, ...] = ("key",),
    keep: Set[str] = frozenset(),
    also: Also | None = None,
) -> None:
    """Insert rows or replace what they say; columns in `keep` stay as they are where the row is known.

    `also` returns what else a change means for a row, from what is said of it now.
    A row that says nothing new is not written, so that the same file again costs no more than reading it.
    """
    insert = _insert(session)(table)
    names = list(rows[0])

    def or_replace(insert: Any) -> Any:
        return _or_replace(insert, table, names, key, keep, also)

    if _takes_copy(session, rows):
        cells = (row.values() for row in rows)
        with _staged(session, table, names, cells) as staged:
            insert = insert.from_select(names, select(staged))
            session.execute(or_replace(insert))
    elif len(rows) < ROWS_FOR_COPY:
        session.execute(or_replace(insert), rows)
    else:
        _run_many(session, or_replace(insert.values(dict.fromkeys(names))), rows)


def _run_many(session: Session, statement: Any, rows: Rows) -> None:
    """Hand the driver all rows at once: SQLAlchemy's own work on each would take longer than SQLite's."""
    dialect = session.get_bind().dialect
    compiled = statement.compile(dialect=dialect)
    for name in compiled.positiontup:
        if process := compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect):
            process = cache(process)  # the same tags, and the same days, stand in many rows
            for row in rows:
                row[name] = process(row[name])
    values = itemgetter(*compiled.positiontup)
    session.connection().exec_driver_sql(str(compiled), list(map(values, rows)))


def _or_replace(
    insert: Any,
    table: Table,
    names: list[str],
    key: tuple[str, ...],
    keep: Set[str],
    also: Also | None = None,
) -> Any:
    new = {name: insert.excluded[name] for name in names if name not in keep and name not in key}
    changed = [table.c[name].is_distinct_from(value) for name, value in new.items()]
    if also is not None:
        new |= also(insert.excluded)
    return insert.on_conflict_do_update(index_elements=list(key), set_=new, where=or_(*changed))


def _takes_copy(session: Session, rows: Sized) -> bool:
    return len(rows) >= ROWS_FOR_COPY and not _is_sqlite(session)


@contextmanager
def _staged(
    session: Session, table: Table, names: list[str], rows: Iterable[Iterable[Any]], *more: Column[Any]
) -> Iterator[Table]:
    """COPY rows into a temporary table with columns of these names; `more` are those that `table` lacks."""
    staged = Table(
        f"staged_{table.name}",
        MetaData(),
        *(Column(name, table.c[name].type) for name in names if name in table.c),
        *more,
        prefixes=["TEMPORARY"],
        postgresql_on_commit="DROP",
    )
    connection = session.connection()
    staged.create(connection)
    # Python's CSV writer is the quickest way from values to text; it writes None and "" alike.
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    never_null = [name for name in names if name not in table.c or not table.c[name].nullable]
    quoted = connection.dialect.identifier_preparer.quote
    columns, told = (", ".join(map(quoted, some)) for some in (names, never_null))
    command = f"COPY {quoted(staged.name)} ({columns}) FROM STDIN (FORMAT csv, FORCE_NOT_NULL ({told}))"
    cursor: psycopg.Cursor[Any] = connection.connection.cursor()  # type: ignore[assignment]
    with cursor, cursor.copy(command) as copy:
        copy.write(text.getvalue())
    yield staged
    staged.drop(connection)


@lru_cache(maxsize=16_384)
def _json_of_tags(tags: tuple[str, ...]) -> str:
    return json.dumps(tags)  # the same stand in many rows


def _json_of_numbers(numbers: tuple[str, ...]) -> str:
    return '["' + '", "'.join(numbers) + '"]' if numbers else "[]"  # digits: nothing to escape


def _existing(session: Session, column: InstrumentedAttribute[str], keys: Iterable[str]) -> set[str]:
    return {key for (key,) in _in_slices(session, select(column), column, keys)}


def _in_slices(
    session: Session,
    statement: Select[*tuple[Any, ...]],
    column: InstrumentedAttribute[Any] | Column[Any],
    keys: Iterable[str],
) -> Iterable[Row[Any]]:
    for slice_ in _slices(keys):
        yield from session.execute(statement.where(column.in_(slice_)))


def _slices(keys: Iterable[str]) -> Iterable[list[str]]:
    ordered = sorted(keys)
    for start in range(0, len(ordered), KEYS_AT_ONCE):
        yield ordered[start : start + KEYS_AT_ONCE]
