"""Is anything missing after an outage? Whole calls, while the web process is dead, or the database."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url

from app import db
from app.carrier.rest import Carrier
from app.deployment import Deployment
from app.jobs import backfill
from app.records.agents import Activity
from app.records.calls import CallState, Outcome
from config import load
from phonebox.client import Phonebox
from startup.postgres_server import PostgresServer
from startup.warden import Warden
from tests import factories
from tests.factories import ADA, BEN, LINE
from tests.journeys.conftest import Town
from tests.parts import TELLS, running_product

# So long that a desk whose signs of life can't be written down looks dead.
OUTAGE_SECONDS = 14


def test_whoever_called_while_the_web_was_dead_gets_an_outcome_and_once(town: Town) -> None:
    half_known = town.phonebox.call_in(ADA, LINE)
    half_known.wait("ringing:client:anna")
    town.product.web.kill()
    half_known.hang_up()
    unknown, hidden = town.phonebox.call_in(BEN, LINE), town.phonebox.call_in("anonymous", LINE)
    for call in (half_known, unknown, hidden):
        call.wait("ended")
    town.product.web.start()

    settings = load(town.product.settings)
    db.bind(town.database)
    began = datetime.now(UTC) - timedelta(hours=1)
    first, second = (
        backfill.compare(
            Carrier(settings), Deployment.of(settings), began, datetime.now(UTC) + timedelta(minutes=5)
        )
        for _ in range(2)
    )

    assert {one.sid for one in first.added} == {unknown.sid, hidden.sid}
    assert first.closed == [half_known.sid]
    assert (second.seen, second.added, second.closed) == (3, [], [])
    ended = {call.sid: town.call(call.sid) for call in (half_known, unknown, hidden)}
    assert {call.state for call in ended.values()} == {CallState.ENDED}
    assert ended[half_known.sid].outcome == ended[unknown.sid].outcome == Outcome.MISSED_PROMISED
    assert ended[hidden.sid].outcome == Outcome.NOT_CALLABLE
    assert sorted(one.number for one in town.promises() if one.number) == sorted([ADA, BEN])

    # Those who call now are answered as ever.
    again = town.phonebox.call_in(BEN, LINE)
    again.wait("ringing")
    again.hang_up()


@contextmanager
def out(database: str, server: PostgresServer | None) -> Iterator[None]:
    """The database is killed, or another program holds its file."""
    if server is not None:
        server.kill()
        try:
            yield
        finally:
            server.start()
        return
    with closing(
        sqlite3.connect(str(make_url(database).database), isolation_level=None, timeout=60)
    ) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


@pytest.fixture
def server(request: pytest.FixtureRequest, database_kind: str) -> PostgresServer | None:
    return request.getfixturevalue("postgres_server") if database_kind == "postgresql" else None


@pytest.fixture
def lifelike(
    request: pytest.FixtureRequest, database_url: str, tmp_path: Path, warden: Warden
) -> Iterator[Town]:
    """The town at the speed of life: a telephone rings until its agent has had the time to answer."""
    with running_product(database_url, tmp_path, warden, speed=1) as product:
        request.node.stash[TELLS] = {part.name: part.words for part in product.parts}
        database = db.Database(database_url)
        with database.transaction() as session:
            factories.line(session)
            for key in ("anna", "bram"):
                factories.agent(session, key)
            factories.customer(session, "ada", ADA)
            factories.case(session, "Z1", "ada", handled_by=("bram", "anna"))
        phonebox = Phonebox(product.phonebox_url)
        for key in ("anna", "bram"):
            phonebox.endpoint(f"client:{key}").register()
        # No connection of before the outage is kept for after it.
        database.dispose()
        yield Town(product, phonebox, database)
        database.dispose()


def test_whoever_is_answered_during_an_outage_of_the_database_talks_on(
    lifelike: Town, server: PostgresServer | None
) -> None:
    town = lifelike
    call = town.phonebox.call_in(ADA, LINE)
    anna = town.phonebox.endpoint("client:anna")
    anna.wait("ringing")
    with out(town.product.settings["DATABASE_URL"], server):
        time.sleep(2)
        anna.answer()
        time.sleep(OUTAGE_SECONDS)

    town.until(lambda: town.call(call.sid).state == CallState.TALKING, "the talk was written down")
    assert (town.call(call.sid).bridged_to, town.presence("anna").activity) == ("anna", Activity.TALKING)
    time.sleep(3)
    assert (call.status, call.rang) == ("in-progress", ["client:anna"]), "nobody came between them"
    anna.hang_up()
    call.wait("ended")

    town.until(lambda: town.call(call.sid).state == CallState.ENDED, "the end was written down")
    ended = town.call(call.sid)
    assert (ended.outcome, ended.said, town.promises()) == (Outcome.TALKED, [], [])
    assert [(step.agent, step.outcome) for step in town.steps(call.sid)] == [("anna", "answered")]
    assert town.presence("anna").suspect_until is None
    assert town.phonebox.inbox(ADA) == []
