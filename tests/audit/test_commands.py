"""What does an operator see of the log, and what can nobody do to it?"""

import re
import secrets
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from flask import Flask
from sqlalchemy import delete, make_url, select, text, update
from sqlalchemy.exc import ProgrammingError

from app.audit import ageing, log, proving, sealing
from app.audit.log import Actor, What
from app.clock import utcnow
from app.db import Database, current, table_of
from app.jobs.retention import forget_old
from app.records.audit import AuditEntry, AuditPending, AuditSubject, Via
from config import Keep
from tests import factories

EVA = Actor("eva@example.nl", Via.PAGE)
NOW = utcnow()


@pytest.fixture
def logged(flask_app: Flask) -> Flask:
    """An application whose log has six lines, of six days."""
    with current().transaction() as session:
        session.execute(delete(AuditPending))
        factories.line(session)
        factories.agent(session, "anna")
        factories.customer(session, "K1", factories.ADA)
        for days in range(6, 0, -1):
            whom = log.customer("K1")
            log.record(session, EVA, What.PROMISE_READ, NOW - timedelta(days=days), whom, promise=days)
        sealing.seal_all(session, NOW)
    return flask_app


def typed(app: Flask, *words: str) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(args=["audit", *words])
    return result.exit_code, result.output


def test_a_whole_log_says_where_it_ends_and_that_place_is_an_anchor(logged: Flask) -> None:
    code, said = typed(logged, "verify")
    assert code == 0, said
    anchor = re.search(r"6:[0-9a-f]{64}", said)
    assert anchor is not None

    assert typed(logged, "head") == (0, anchor[0] + "\n")
    assert typed(logged, "verify", "--since-anchor", anchor[0])[0] == 0
    assert typed(logged, "verify", "--since-anchor", "6:" + "0" * 64)[0] == 1
    assert "--since-anchor" in typed(logged, "verify", "--since-anchor", "yesterday")[1]


def test_a_bad_line_is_named(logged: Flask) -> None:
    with current().engine.begin() as connection:
        walls = "audit_entries_update" if current().is_sqlite else "audit_entries_stay ON audit_entries"
        connection.execute(text(f"DROP TRIGGER {walls}"))
        entries = table_of(AuditEntry)
        connection.execute(update(entries).where(entries.c.number == 4).values(who="somebody@example.nl"))

    code, said = typed(logged, "verify")

    assert code == 1
    assert "line 4" in said
    assert "line 5" not in said


def test_what_is_old_is_forgotten_and_the_rest_stays_whole(logged: Flask) -> None:
    with current().transaction() as session:
        gone = ageing.forget(session, NOW - timedelta(days=3, hours=1), "", NOW)
    assert gone is not None
    assert (gone.until, gone.lines) == (3, 3)
    with current().reading() as session:
        assert list(proving.faults(session)) == []
        numbers = session.scalars(select(AuditEntry.number).order_by(AuditEntry.number)).all()
        assert numbers == [4, 5, 6, 7]
        assert session.scalars(select(AuditSubject.customer)).all() == ["K1"]
    with current().transaction() as session:
        again = ageing.forget(session, NOW + timedelta(days=1), "", NOW + timedelta(days=2))
    assert again is not None
    with current().reading() as session:
        assert list(proving.faults(session)) == []
        assert session.scalars(select(AuditEntry.number)).all() == [8]
        # Of whom nothing is told any more, it isn't kept who they are.
        assert session.scalars(select(AuditSubject.customer)).all() == []


def test_the_worker_forgets_whole_days_of_the_log_in_their_time(logged: Flask) -> None:
    for _ in range(2):
        assert forget_old(Keep(audit=3), NOW).get("audit", 0) in (2, 3, 0)
    with current().reading() as session:
        assert list(proving.faults(session)) == []
        told = session.scalars(select(AuditEntry.what).order_by(AuditEntry.number)).all()
    assert told[-1] == What.LOG_FORGOT
    assert told.count(What.LOG_FORGOT) == 1
    assert told.count(What.PROMISE_READ) in (3, 4)  # of the third day some are older than the hour
    assert forget_old(Keep(audit=None), NOW + timedelta(days=9999)).get("audit") is None


def test_a_customer_who_is_forgotten_is_in_the_log_by_a_hash_that_leads_to_nobody(logged: Flask) -> None:
    with current().transaction() as session:
        log.record(session, EVA, What.PROMISE_READ, NOW, log.customer("K1"), log.number(factories.ADA))
    result = logged.test_cli_runner().invoke(args=["erase", "customer", "K1"])
    assert result.exit_code == 0, result.output

    with current().reading() as session:
        assert list(proving.faults(session)) == []
        assert session.scalars(select(AuditSubject.hash)).all() == []
        assert proving.waiting(session) == 0
        everything = " ".join(str(vars(row)) for row in session.scalars(select(AuditEntry)))
        erased = session.scalars(select(AuditEntry).where(AuditEntry.what == What.ERASED)).one()
    assert "K1" not in everything
    assert factories.ADA not in everything
    assert erased.subject_kind == "customer"


@pytest.fixture
def limited(logged: Flask, database_kind: str) -> Iterator[Database]:
    """The database, as a role has it that may only do what the application does."""
    if database_kind == "sqlite":
        pytest.skip("one file, one owner")
    url, role = make_url(current().url), f"app_{secrets.token_hex(4)}"
    password = secrets.token_hex(8)
    owner = psycopg.connect(url.set(drivername="postgresql").render_as_string(False), autocommit=True)
    owner.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
    code, said = typed(logged, "grants", role)
    assert code == 0, said
    made = Database(url.set(username=role, password=password).render_as_string(False))
    yield made
    made.dispose()
    owner.execute(f"DROP OWNED BY {role}")
    owner.execute(f"DROP ROLE {role}")
    owner.close()


def test_the_role_that_the_application_has_adds_to_the_log_and_changes_nothing(limited: Database) -> None:
    with limited.transaction() as session:
        log.record(session, EVA, What.ERASED, NOW, log.customer("K1"))
        assert sealing.seal_all(session, NOW) == 1
    for statement in (
        "UPDATE audit_entries SET who = 'nobody'",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
        "ALTER TABLE audit_entries DISABLE TRIGGER USER",
        "DROP TABLE audit_entries",
        "DELETE FROM audit_head",
    ):
        with pytest.raises(ProgrammingError), limited.engine.begin() as connection:
            connection.execute(text(statement))
    with limited.reading() as session:
        assert not ageing.may_forget(session)
        assert list(proving.faults(session)) == []


def test_of_a_desk_that_shows_the_same_card_again_and_again_one_look_is_kept(logged: Flask) -> None:
    before = [NOW + timedelta(seconds=second) for second in (0, 30, 60, 400)]
    with current().transaction() as session:
        for moment in before:
            log.record(session, EVA, What.CARD_OPENED, moment, log.customer("K1"), call="CA1")
            sealing.seal_all(session, moment)
        found = select(AuditEntry.at).where(AuditEntry.what == What.CARD_OPENED).order_by(AuditEntry.number)
        assert session.scalars(found).all() == [before[0], before[3]]
