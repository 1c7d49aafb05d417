"""Does an upgrade lead to the tables that the program knows, keep what is in them, and let calls go on?"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from app import migrations
from app.db import Base, Database
from startup.postgres_server import PostgresServer
from tests import databases
from tests.asked import watched

# Of the release before indexes were built while calls go on.
BEFORE = "0008"


@pytest.fixture
def empty(database_kind: str, postgres_server: PostgresServer, tmp_path: Path) -> Iterator[Database]:
    """A database without a single table."""
    if database_kind == "sqlite":
        url = f"sqlite:///{tmp_path}/empty.db"
    else:
        url = databases.create(postgres_server, f"empty_{tmp_path.name.replace('-', '_')}"[:60].lower())
    made = Database(url, patient=True)
    yield made
    made.dispose()


def step_to(database: Database, revision: str) -> None:
    """Bring a database to the shape of an earlier release, or back to it."""
    config = migrations._config()
    with database.engine.begin() if database.is_sqlite else database.engine.connect() as connection:
        config.attributes["connection"] = connection
        at = MigrationContext.configure(connection).get_current_revision()
        connection.rollback() if not database.is_sqlite else None
        (command.downgrade if at is not None and at > revision else command.upgrade)(config, revision)


def tallies(database: Database) -> dict[tuple[str, str], int]:
    """Return how often what happened, as far as it is counted."""
    with database.reading() as session:
        counted = text("SELECT figure, label, sum(times) FROM tallies GROUP BY figure, label")
        return {(figure, label): int(times) for figure, label, times in session.execute(counted)}


def rows(database: Database, table: str) -> int:
    with database.reading() as session:
        return int(session.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


HISTORY = [
    "INSERT INTO agents (key, name, spoken_name, email, team, language, enabled) "
    "VALUES ('anna', 'Anna', 'Anna', '', 'x', 'nl', true)",
    "INSERT INTO calls (sid, line, language, attestation, state, rule_version, situation, said, created_at, "
    "step) VALUES ('CA1', '+31201234500', 'nl', '', 'ended', 1, '{\"caller\": \"K1\"}', '[]', "
    "'2026-01-01 00:00:00', 1)",
    "INSERT INTO call_steps (call_sid, number, kind, reason, reason_values, endpoint, started_at, "
    "declined_why) VALUES ('CA1', 1, 'owner', 'owner_free', '{}', '', '2026-01-01 00:00:00', '')",
    "INSERT INTO promises (id, origin, team, language, due_at, state, about, created_at) "
    "VALUES (1, 'call:CA1', 'x', 'nl', '2026-01-01 00:00:00', 'open', '', '2026-01-01 00:00:00')",
    "INSERT INTO promise_events (promise, at, state, why, who, details) "
    "VALUES (1, '2026-01-01 00:00:00', 'open', 'promise_asked', '', '{}')",
    "INSERT INTO recordings (sid, call_sid, promise, state, made_at, attempts, content_type) "
    "VALUES ('RE1', 'CA1', 1, 'kept', '2026-01-01 00:00:00', 1, 'audio/mpeg')",
]
KEPT = ("agents", "calls", "call_steps", "promises", "promise_events", "recordings")


def test_an_upgrade_keeps_every_row_and_can_be_taken_back(empty: Database) -> None:
    step_to(empty, BEFORE)
    with empty.transaction() as session:
        for statement in HISTORY:
            session.connection().exec_driver_sql(statement)

    migrations.upgrade(empty)
    assert {table: rows(empty, table) for table in KEPT} == dict.fromkeys(KEPT, 1)
    assert migrations.is_current(empty)
    assert tallies(empty) == {("call_ended", ""): 1}

    step_to(empty, BEFORE)
    assert {table: rows(empty, table) for table in KEPT} == dict.fromkeys(KEPT, 1)
    migrations.upgrade(empty)
    assert {table: rows(empty, table) for table in KEPT} == dict.fromkeys(KEPT, 1)


@pytest.mark.filterwarnings("ignore:.*expression-based index")  # of which SQLite tells nothing
def test_the_steps_lead_to_the_tables_that_the_program_knows(empty: Database) -> None:
    migrations.upgrade(empty)

    with empty.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        differs = [change for change in compare_metadata(context, Base.metadata) if _matters(change)]

    assert differs == []


def _matters(change: Any) -> bool:
    """A column that only the release before this one writes may stand there, and what finds names.

    For that each database has its own means.
    """
    kind, *what = change if isinstance(change, tuple) else change[0]
    if kind in ("remove_table", "remove_index"):
        name = str(what[0].name)
        finds = ("customer_words", "ix_customer_words_customer", "ix_customers_name", "ix_team_answers_words")
        return name not in finds and not name.startswith("answer_words")
    return not (kind == "remove_column" and what[-1].name == "situation")


def indexes(database: Database) -> set[str]:
    looked = inspect(database.engine)
    return {
        str(one["name"])
        for table in looked.get_table_names()
        for one in looked.get_indexes(table)
        # What a constraint brings stands in the table's own statement: nobody writes to that table yet.
        if "duplicates_constraint" not in one
    }


def test_indexes_are_built_while_calls_are_written(empty: Database) -> None:
    if empty.is_sqlite:
        pytest.skip("one process has that file")
    step_to(empty, BEFORE)
    known = indexes(empty)

    with watched() as asked:
        migrations.upgrade(empty)

    built = [statement for statement, _ in asked if statement.startswith(("CREATE INDEX", "CREATE UNIQUE"))]
    assert len(built) >= len(indexes(empty) - known) > 10
    assert [statement for statement in built if "CONCURRENTLY" not in statement] == []


def test_an_upgrade_that_was_broken_off_is_taken_up_again(empty: Database) -> None:
    if empty.is_sqlite:
        pytest.skip("all steps are one transaction there")
    step_to(empty, BEFORE)
    with empty.engine.begin() as connection:
        # As an upgrade leaves it that dies while it builds: columns, an index that is no use, the old number.
        connection.execute(text("ALTER TABLE calls ADD COLUMN forgotten_at timestamptz"))
        connection.execute(text("CREATE INDEX ix_calls_created_at_sid ON calls (created_at)"))
        spoilt = "indexrelid = 'ix_calls_created_at_sid'::regclass"
        connection.execute(text(f"UPDATE pg_index SET indisvalid = false WHERE {spoilt}"))

    migrations.upgrade(empty)

    with empty.reading() as session:
        definition = text("SELECT pg_get_indexdef('ix_calls_created_at_sid'::regclass)")
        assert "(created_at, sid)" in str(session.scalar(definition))
        assert session.scalar(text("SELECT count(*) FROM pg_index WHERE NOT indisvalid")) == 0
    assert migrations.is_current(empty)


# The step that counts what there was, and the one before it.
COUNTED, NOT_COUNTED = "0039", "0038"


def test_an_upgrade_counts_what_there_was_once_while_calls_go_on(empty: Database) -> None:
    step_to(empty, NOT_COUNTED)

    def call(sid: str, state: str, outcome: str | None) -> None:
        _run(
            empty,
            "INSERT INTO calls (sid, line, language, attestation, state, outcome, rule_version, said, "
            "created_at, step) VALUES (:sid, '+31201234500', 'nl', '', :state, :outcome, 1, '[]', "
            "'2026-01-01 00:00:00', 1)",
            sid=sid,
            state=state,
            outcome=outcome,
        )

    def promise(number: int, state: str, finished_at: str | None) -> None:
        _run(
            empty,
            "INSERT INTO promises (id, origin, team, language, due_at, state, about, created_at, "
            "finished_at, broken_at) VALUES (:number, :number, 'x', 'nl', '2026-01-01 00:00:00', :state, '', "
            "'2026-01-01 00:00:00', :finished_at, :finished_at)",
            number=number,
            state=state,
            finished_at=finished_at,
        )

    call("CA1", "ended", "talked")
    call("CA2", "ended", "promised")
    call("CA3", "ringing", None)
    promise(1, "kept", "2026-01-01 00:10:00")
    promise(2, "merged", "2026-01-01 00:10:00")
    promise(3, "open", None)
    before = {
        ("call_ended", "talked"): 1,
        ("call_ended", "promised"): 1,
        ("promise_finished", "kept"): 1,
        ("promise_finished", "merged"): 1,
        ("promise_broken", ""): 2,
        ("promise_kept", "900"): 1,
    }

    step_to(empty, COUNTED)

    assert tallies(empty) == before
    _run(empty, "UPDATE calls SET state = 'ended', outcome = 'promised' WHERE sid = 'CA3'")
    _run(empty, "UPDATE calls SET outcome = 'talked' WHERE sid = 'CA2'")
    _run(empty, "UPDATE promises SET state = 'broken', finished_at = NULL WHERE id = 1")
    after = before | {
        ("call_ended", "talked"): 2,
        ("call_ended", "promised"): 2,
        ("call_corrected", "promised"): 1,
        ("promise_taken_back", "kept"): 1,
    }
    assert tallies(empty) == after
    if empty.is_sqlite:
        return  # all steps are one transaction there
    # Broken off when all was done but the number: it is done once more, and counts nothing twice.
    _run(empty, "UPDATE alembic_version SET version_num = :before", before=NOT_COUNTED)
    step_to(empty, COUNTED)
    assert tallies(empty) == after


def _run(database: Database, statement: str, **values: object) -> None:
    with database.transaction() as session:
        session.execute(text(statement), values)
