"""Is every line of the log that somebody tampered with found?

`AUDIT_TAMPERINGS=10000 pytest tests/audit/test_chain.py` tampers that often; the suite does it less.
"""

import os
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from app.audit import chain, keys, log, proving, sealing
from app.audit.chain import Anchor, Fault, Kind
from app.audit.log import Actor, What
from app.db import Database, table_of
from app.records.audit import AuditEntry, AuditHead, AuditKey, AuditPending, Via

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
ENTRIES = table_of(AuditEntry)
LINES = 40
TAMPERINGS = int(os.environ.get("AUDIT_TAMPERINGS", "60"))
SECRET = "the first secret key of this test, long enough"


@pytest.fixture(autouse=True)
def secret_key() -> Iterator[None]:
    keys.bind([SECRET])
    yield
    keys.bind([])


@pytest.fixture
def written(database: Database) -> Database:
    """A database whose log has some lines of all kinds."""
    with database.transaction() as session:
        session.execute(delete(AuditPending))  # that the log began, in a database that is new
        for i in range(LINES):
            what = (What.RULES_PUBLISHED, What.CARD_OPENED, What.PROMISE_CHANGED)[i % 3]
            who = Actor(f"eva{i % 4}@example.nl", Via.PAGE)
            subject = (log.customer(f"K{i}"), log.promise(i), log.number(f"+3161234{i:04}"))[i % 3]
            log.record(session, who, what, NOW + timedelta(seconds=i), subject, version=i, why="because")
        sealing.seal_all(session, NOW + timedelta(minutes=1))
    return database


def found(database: Database, anchor: Anchor | None = None) -> list[Fault]:
    with database.reading() as session:
        return list(proving.faults(session, anchor))


def unguarded(database: Database) -> None:
    """Take the walls away, as whoever owns the database can."""
    with database.engine.begin() as connection:
        if database.is_sqlite:
            for name in ("update", "delete"):
                connection.execute(text(f"DROP TRIGGER audit_entries_{name}"))
        else:
            connection.execute(text("ALTER TABLE audit_entries DISABLE TRIGGER USER"))


def test_a_log_that_nobody_touched_is_whole_and_each_line_holds_the_hash_of_the_one_before(
    written: Database,
) -> None:
    assert found(written) == []
    with written.reading() as session:
        lines = session.scalars(select(AuditEntry).order_by(AuditEntry.number)).all()
    assert [line.number for line in lines] == list(range(1, LINES + 1))
    assert [line.previous for line in lines] == [chain.BEGINNING, *(line.hash for line in lines[:-1])]


def test_nobody_changes_or_deletes_a_line_while_the_walls_stand(written: Database) -> None:
    for statement in (
        update(ENTRIES).where(ENTRIES.c.number == 3).values(who="somebody else"),
        delete(ENTRIES).where(ENTRIES.c.number == 3),
        delete(ENTRIES),
    ):
        with pytest.raises(DBAPIError), written.engine.begin() as connection:
            connection.execute(statement)
    assert found(written) == []


# --- what is found ------------------------------------------------------------------------------------

Rows = Sequence[dict[str, object]]
Tampering = Callable[[Connection, random.Random, Rows], None]
_TEXTS = ("what", "who", "via", "why", "sort", "subject_kind", "subject", "details", "previous", "hash")


def changes_a_field(connection: Connection, chance: random.Random, rows: Rows) -> None:
    row, name = chance.choice(rows), chance.choice(_TEXTS)
    value = str(row[name])
    place = chance.randrange(len(value) + 1)
    longest = 8 if name == "sort" else 10 if name == "via" else 64 if name in ("hash", "previous") else 250
    other = (value[:place] + chance.choice("0123456789abcdefz\"' ") + value[place + 1 :])[:longest]
    other = other if other != value else value[:-1] + ("z" if value[-1:] != "z" else "y")
    _set(connection, row, {name: other})


def changes_a_moment_or_a_number(connection: Connection, chance: random.Random, rows: Rows) -> None:
    row = chance.choice(rows)
    moment = row["at"]
    assert isinstance(moment, datetime)
    values = ({"at": moment + timedelta(microseconds=1)}, {"key_id": 2}, {"forgets_until": 1})
    _set(connection, row, dict(chance.choice(values)))


def removes_lines(connection: Connection, chance: random.Random, rows: Rows) -> None:
    """From the beginning, the middle, the end; one, some or all."""
    first = chance.randint(1, LINES)
    last = chance.choice((first, chance.randint(first, LINES), LINES))
    first = chance.choice((first, 1))
    connection.execute(delete(ENTRIES).where(ENTRIES.c.number.between(first, last)))


def puts_one_in(connection: Connection, chance: random.Random, rows: Rows) -> None:
    copied = dict(chance.choice(rows))
    connection.execute(insert(ENTRIES).values(**copied | {"number": chance.choice((0, LINES + 1))}))


def swaps_two(connection: Connection, chance: random.Random, rows: Rows) -> None:
    one, other = chance.sample(list(rows), 2)
    _set(connection, one, {"number": LINES + 5})
    connection.execute(
        update(ENTRIES).where(ENTRIES.c.number == other["number"]).values(number=one["number"])
    )
    connection.execute(update(ENTRIES).where(ENTRIES.c.number == LINES + 5).values(number=other["number"]))


def hashes_anew_without_the_key(connection: Connection, chance: random.Random, rows: Rows) -> None:
    """As somebody does who knows how it is done, and has all but SECRET_KEY."""
    row = chance.choice(rows)
    line = chain.Line(**row | {"who": "nobody@example.nl"})  # type: ignore[arg-type]  # as the columns are
    _set(connection, row, {"who": line.who, "hash": chain.hash_of(b"a key of theirs", line)})


def moves_the_head(connection: Connection, chance: random.Random, rows: Rows) -> None:
    """Cuts off the end, and says that the log ended there."""
    last = chance.choice(rows[:-1])
    connection.execute(delete(ENTRIES).where(ENTRIES.c.number > last["number"]))
    connection.execute(update(table_of(AuditHead)).values(number=last["number"], hash=last["hash"]))


def _set(connection: Connection, row: dict[str, object], values: dict[str, object]) -> None:
    connection.execute(update(ENTRIES).where(ENTRIES.c.number == row["number"]).values(**values))


WAYS: tuple[Tampering, ...] = (
    changes_a_field,
    changes_a_moment_or_a_number,
    removes_lines,
    puts_one_in,
    swaps_two,
    hashes_anew_without_the_key,
    moves_the_head,
)


def test_whatever_is_done_to_the_log_is_found(written: Database) -> None:
    unguarded(written)
    columns = list(ENTRIES.columns)
    with written.engine.connect() as connection:
        rows = [dict(row._mapping) for row in connection.execute(select(*columns).order_by(ENTRIES.c.number))]
    missed = []
    for seed in range(TAMPERINGS):
        chance = random.Random(seed)
        way = WAYS[seed % len(WAYS)]
        with written.transaction() as session:
            way(session.connection(), chance, rows)
            session.expire_all()
            if not list(proving.faults(session)):
                missed.append((seed, way.__name__))
            session.rollback()
    assert missed == []
    assert found(written) == []


def test_each_of_many_lines_that_were_changed_is_named(written: Database) -> None:
    unguarded(written)
    with written.engine.begin() as connection:
        connection.execute(update(ENTRIES).where(ENTRIES.c.number % 2 == 0).values(who="somebody else"))

    assert found(written) == [Fault(number, Kind.CHANGED) for number in range(2, LINES + 1, 2)]


@pytest.mark.parametrize(
    ("first", "last", "fault"),
    [
        (1, 1, Fault(2, Kind.CUT_OFF)),
        (7, 9, Fault(7, Kind.MISSING, 9)),
        (LINES, LINES, Fault(LINES, Kind.MISSING, LINES)),
        (1, LINES, Fault(1, Kind.MISSING, LINES)),
    ],
)
def test_where_lines_are_missing_is_said(written: Database, first: int, last: int, fault: Fault) -> None:
    unguarded(written)
    with written.engine.begin() as connection:
        connection.execute(delete(ENTRIES).where(ENTRIES.c.number.between(first, last)))

    assert found(written) == [fault]


def test_a_log_with_all_that_belongs_to_it_gone_is_not_taken_for_a_new_one(written: Database) -> None:
    unguarded(written)
    with written.engine.begin() as connection:
        for table in (ENTRIES, table_of(AuditHead), table_of(AuditKey), table_of(AuditPending)):
            connection.execute(delete(table))

    assert found(written) == [Fault(1, Kind.HEAD)]


def test_an_anchor_that_was_noted_outside_tells_of_an_end_that_was_put_back(written: Database) -> None:
    """Whoever has a copy of yesterday's database puts all of it back, hashes, head and keys alike."""
    with written.reading() as session:
        head = session.scalars(select(AuditHead)).one()
        yesterday = {"number": head.number, "hash": head.hash, "mac": head.mac}
    with written.transaction() as session:
        log.record(session, Actor("eva@example.nl", Via.PAGE), What.ERASED, NOW, log.customer("K1"))
        sealing.seal_all(session, NOW)
        anchor = proving.head_of(session)
    assert anchor is not None
    assert found(written, anchor) == []
    unguarded(written)
    with written.engine.begin() as connection:
        connection.execute(delete(ENTRIES).where(ENTRIES.c.number > LINES))
        connection.execute(update(table_of(AuditHead)).values(**yesterday))

    assert found(written) == []
    assert found(written, anchor) == [Fault(LINES + 1, Kind.ANCHOR)]


# --- keys ---------------------------------------------------------------------------------------------


def test_another_secret_key_leaves_the_log_as_it_is(written: Database) -> None:
    keys.bind([SECRET, "the second secret key of this test, as long"])
    with written.transaction() as session:
        log.record(session, Actor("eva@example.nl", Via.PAGE), What.ERASED, NOW)
        sealing.seal_all(session, NOW)
    # From then on the old one isn't needed any more.
    keys.bind(["the second secret key of this test, as long"])

    assert found(written) == []
    with written.transaction() as session:
        log.record(session, Actor("eva@example.nl", Via.PAGE), What.ERASED, NOW)
        sealing.seal_all(session, NOW)
    assert found(written) == []


def test_without_the_secret_key_nothing_is_sealed_nothing_is_lost_and_nothing_is_believed(
    written: Database,
) -> None:
    with written.transaction() as session:
        log.record(session, Actor("eva@example.nl", Via.PAGE), What.ERASED, NOW)
    keys.bind(["one that has nothing to do with it, of some length"])

    with pytest.raises(keys.KeyUnknown), written.transaction() as session:
        sealing.seal_all(session, NOW)

    assert {fault.kind for fault in found(written)} == {Kind.UNKNOWN_KEY}
    with written.reading() as session:
        assert proving.waiting(session) == 1
