"""Do those who look through everything leave the calls their connections, and get the time they need?"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, create_engine, text
from werkzeug.test import TestResponse

from app import db
from app.records.agents import Role
from tests import factories
from tests.desk import office
from tests.factories import ADA, NOW

pytestmark = pytest.mark.gives_up_in_time


@pytest.fixture
def supervisor(flask_app: Flask, client: FlaskClient) -> FlaskClient:
    with db.transaction() as session:
        factories.line(session)
        factories.agent(session, "anna")
        factories.promise(session, number=ADA, now=NOW, due_at=NOW)
        office.user(session, None, Role.SUPERVISOR)
    office.sign_in(client, "supervisor@example.nl")
    return client


@pytest.fixture
def another(flask_app: Flask) -> Iterator[Engine]:
    """Somebody else in the same PostgreSQL."""
    if db.current().is_sqlite:
        pytest.skip("readers never wait there, and all who write share one lock")
    engine = create_engine(db.current().url)
    yield engine
    engine.dispose()


@contextmanager
def asking(ask: Callable[[], TestResponse]) -> Iterator[list[TestResponse]]:
    """Ask in a thread; its answer stands in the list afterwards."""
    answers: list[TestResponse] = []
    thread = threading.Thread(target=lambda: answers.append(ask()))
    thread.start()
    yield answers
    thread.join()


def waits_longer_than_a_call_could(another: Engine) -> None:
    """Return once a statement has waited for longer than one of a call may."""
    longest = text(
        "SELECT max(clock_timestamp() - query_start) > :most * interval '1 millisecond' "
        "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    bound = {"most": db.OF_A_CALL.statement_milliseconds}
    with another.connect() as connection:
        while not connection.scalar(longest, bound):
            connection.rollback()


@pytest.mark.parametrize(
    "page",
    ["/admin/promises", "/admin/promises/figures", "/admin/promises/export.csv?view=all"],
)
def test_a_report_may_take_longer_than_a_call(supervisor: FlaskClient, another: Engine, page: str) -> None:
    with another.connect() as holding:
        holding.execute(text("LOCK TABLE promises IN ACCESS EXCLUSIVE MODE"))
        with asking(lambda: supervisor.get(page)) as answers:
            waits_longer_than_a_call_could(another)
            holding.rollback()

    assert answers[0].status_code == 200


def test_calls_have_connections_whoever_reports(supervisor: FlaskClient, another: Engine) -> None:
    calls, patient = db.current().pools()
    with ExitStack() as held:
        for _ in range(db.PATIENT_CONNECTIONS):
            held.enter_context(db.patient_reading()).execute(text("SELECT 1"))
        before = calls.checkedout()  # type: ignore[attr-defined]

        answer = supervisor.get("/admin/promises/figures")

        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert calls.checkedout() == before  # type: ignore[attr-defined]
        with db.reading() as session:
            assert session.scalar(text("SELECT 1")) == 1
    assert patient.checkedout() == 0  # type: ignore[attr-defined]
    assert supervisor.get("/admin/promises/figures").status_code == 200
