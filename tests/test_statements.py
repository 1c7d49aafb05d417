"""Does anything that runs on a page, in the API or by the clock look through a whole table?"""

import re
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg import sql
from sqlalchemy import Connection, text, update

from app import db
from app.admin.promises import VIEWS
from app.api import auth
from app.carrier.rest import Carrier
from app.carrier.spool import Spool
from app.clock import utcnow
from app.deployment import Deployment
from app.jobs.look import Look
from app.jobs.timetable import Timetable
from app.promises import links
from app.records.agents import Intent, Presence, Role, Softphone
from app.records.tokens import Scope
from app.voice.outage import snapshot
from bench import history
from config import Settings
from tests.api.conftest import Api
from tests.asked import Asked, watched
from tests.desk import office
from tests.telephone import Line

CALLS = 20_000
LINE = "+31201234500"
# Tables that grow with what happens: of these nobody may read more than a part.
GROWING = {
    *("calls", "call_steps", "inbox", "promises", "promise_events", "promise_attempts", "recordings"),
    *("messages", "outbox", "desk_events", "customers", "customer_numbers", "cases", "contacts"),
}
# Of 2,000 to 9,000 rows in each; a list shows 200, of which a fifth is of the reader's team.
MOST_READ = 1_400
# Of SQLite's machine, which takes some twenty for a row that it reads and hands out.
MOST_STEPS = 50_000


@pytest.fixture
def house(flask_app: Flask) -> None:
    """A house with some years behind it, whose supervisor has a desk."""
    history.fill(db.current().url, CALLS, datetime.now(UTC))
    with db.transaction() as session:
        office.user(session, "agent_0", Role.SUPERVISOR)


def too_much(asked: Asked) -> list[str]:
    """Return the statements that look through a table, each with how the database goes about it."""

    def looks(connection: Connection, statement: str, values: Any) -> Iterator[str]:
        if db.current().is_sqlite:
            return _work_of_sqlite(connection, statement, values)
        return _reads_of_postgres(connection, statement, values, is_of_calls=statement in asked.on_a_lane)

    with db.patient_transaction() as session:
        # What was changed meanwhile, the database soon finds out by itself.
        if session.get_bind().dialect.name == "postgresql":
            # Of all rows, not of some: a plan that hangs on which were looked at is another each time.
            session.execute(text("SET LOCAL default_statistics_target = 1000"))
            session.execute(text("ANALYZE"))
    found = {}
    for statement, values in asked:
        looks_at_rows = statement.lstrip().startswith(("SELECT", "UPDATE", "DELETE", "WITH"))
        if looks_at_rows and statement not in found and not is_many(values):
            with db.current().engine.connect() as connection:
                found[statement] = list(looks(connection, statement, values))
                connection.rollback()
    return [f"{', '.join(looked)}: {statement}" for statement, looked in found.items() if looked]


def is_many(values: Any) -> bool:
    """Tell whether a statement was sent once for many rows."""
    return isinstance(values, list) and any(isinstance(one, list | tuple | dict) for one in values)


def _reads_of_postgres(
    connection: Connection, statement: str, values: dict[str, Any], *, is_of_calls: bool
) -> Iterator[str]:
    """Yield where more rows are read than anybody needs; what only an index counts isn't read.

    Asked again and again, a statement gets a plan for all values as soon as that seems no dearer than one for
    each; such a plan knows no condition whose words come as parameters. What `is_of_calls` must have one: to
    plan it takes as long as to do it, and longer.
    """
    cursor: Any = connection.connection.cursor()
    _look_calmly(cursor)
    # What writes new rows can't do so twice; of that the database's own reckoning must do.
    explain = f"EXPLAIN (FORMAT JSON{'' if 'INSERT INTO' in statement else ', ANALYZE'})"
    cursor.execute(f"{explain} {statement}", values)
    of_these = list(_nodes(cursor.fetchone()[0]))
    connection.rollback()
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", statement)))
    numbered = re.sub(r"%\((\w+)\)s", lambda found: f"${names.index(found[1]) + 1}", statement)
    said = ", ".join(sql.Literal(values[name]).as_string(cursor) for name in names)
    _look_calmly(cursor)
    cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    cursor.execute(f"PREPARE asked AS {numbered.replace('%%', '%')}")
    try:
        cursor.execute(f"{explain} EXECUTE asked{f'({said})' if said else ''}")
        of_all = list(_nodes(cursor.fetchone()[0]))
    finally:
        connection.rollback()
        cursor.execute("DEALLOCATE asked")
    # As the database reckons it: src/backend/utils/cache/plancache.c, cached_plan_cost
    planning = 2.5 * (1 + sum("Relation Name" in node for node in of_these))
    is_for_all = of_all[0]["Total Cost"] < of_these[0]["Total Cost"] + planning
    if is_of_calls and not is_for_all:
        yield f"planned for each call, since for all values it seems to cost {of_all[0]['Total Cost']:.0f}"
    yield from _read_too_much(of_all if is_for_all else of_these)


def _look_calmly(cursor: Any) -> None:
    cursor.execute("SET LOCAL statement_timeout = 0")
    # All of this is in memory; else a few thousand rows are soonest read in one go.
    cursor.execute("SET LOCAL random_page_cost = 1.1")


def _nodes(explained: Any) -> Iterator[dict[str, Any]]:
    nodes = [explained[0]["Plan"]]
    while nodes:
        yield nodes[0]
        nodes += nodes.pop(0).get("Plans", [])


def _read_too_much(nodes: list[dict[str, Any]]) -> Iterator[str]:
    for node in nodes:
        thrown_away = [value for name, value in node.items() if name.startswith("Rows Removed by")]
        rows = node.get("Actual Rows", node["Plan Rows"]) + sum(thrown_away)
        read = rows * node.get("Actual Loops", 1)
        kind, table = node["Node Type"], node.get("Relation Name")
        if table in GROWING and kind != "Index Only Scan" and read > MOST_READ:
            yield f"{kind} reads {read:.0f} {table}"


def _work_of_sqlite(connection: Connection, statement: str, values: Any) -> Iterator[str]:
    """Yield where a table is looked through, and what takes many steps of SQLite's machine all the same."""
    for *_, detail in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", tuple(values)):
        verb, table, *how = detail.split()
        # A page of them in the order in which they lie ends where the page does.
        is_page = f"ORDER BY {table}.id" in statement and "LIMIT" in statement
        if verb == "SCAN" and table in GROWING and "INDEX" not in how and not is_page:
            yield detail
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 100
        return 0

    machine = cast(sqlite3.Connection, connection.connection.dbapi_connection)
    machine.set_progress_handler(count, 100)
    try:
        machine.execute(statement, values).fetchall()
    finally:
        machine.set_progress_handler(None, 0)
    if steps > MOST_STEPS:
        yield f"takes {steps} steps"


# --- pages --------------------------------------------------------------------------------------------

PAGES = [
    *("/desk", "/desk/board", "/desk/calls/CA0/card", "/desk/calls/CA400/card", "/desk/poll?after=1"),
    "/desk/promises/401",
    *("/desk/messages/message/SM0", "/desk/messages/promise/401"),
    *(f"/admin/promises?view={view}" for view in VIEWS),
    *("/admin/promises?view=all&agent=agent_3", "/admin/promises?view=all&team=Team%203"),
    *("/admin/promises?view=kept&team=Nobody", "/admin/promises?view=late&agent=nobody"),
    *("/admin/promises/401", "/admin/promises/figures?days=7"),
    "/admin/promises/leaver?leaves=agent_5&agent=agent_2&agent=agent_3",
    "/admin/calls/CA400",
    *("/admin/rules", "/admin/rules?open=ladder"),
]


SEARCHES: list[dict[str, str]] = [
    *({}, {"before": "CA7000"}, {"number": "06 10000040"}, {"hidden": "1", "day": "2026-01-05"}),
    *({"customer": "K40"}, {"customer": "Klant 40"}, {"agent": "agent_3", "day": "2026-01-05"}),
    *(
        {"outcome": "promised"},
        {"outcome": "refused"},
        {"outcome": "live"},
        {"rule": "nobody"},
        {"rule": "1"},
    ),
]


def test_no_page_looks_through_a_table(client: FlaskClient, house: None, settings: Settings) -> None:
    token = office.sign_in(client, "agent_0@example.nl")
    linked = f"/c/{links.to_promise('', settings.secret_key, 1).rpartition('/')[2]}"
    with watched() as asked:
        for page in [*PAGES, linked]:
            assert client.get(page).status_code == 200, page
        for asked_for in ("Klant 40", "Nobody Like This", "K40", "Z40", "06 10000040"):
            form = {"asked": asked_for, "csrf": token}
            assert client.post("/desk/calls/CA0/find", data=form).status_code == 200, asked_for
        for search in SEARCHES:
            assert client.post("/admin/calls", data={"csrf": token, **search}).status_code == 200, search

    found = too_much(asked)
    assert found == [], "\n\n".join(found)


# --- the API ------------------------------------------------------------------------------------------

ASKED = [
    "/calls",
    "/calls?after=CA7000",
    "/calls?from=%2B31610000040",
    "/calls?customer=K40",
    "/calls?case=Z40",
    f"/calls?since={quote('2020-01-01T00:00:00Z')}",
    f"/calls?until={quote('2026-01-01T00:00:00Z')}",
    "/calls/CA40",
    *("/promises", "/promises?after=2000", "/promises?state=open", "/promises?agent=agent_3&state=open"),
    *("/promises?customer=K40", "/promises?case=Z40", "/promises?team=Team%203", "/promises/401"),
    *("/agents", "/agents?team=Team%203", "/agents/agent_3", "/agents/agent_3/presence", "/lines"),
    *("/customers", "/customers?phone=%2B31610000040", "/customers?after=K40", "/customers/K40"),
    *("/cases", "/cases?customer=K40", "/cases?status=open&after=Z40", "/cases/Z40"),
    *("/contacts", "/contacts?case=Z40", "/contacts?agent=agent_3", "/contacts/C40", "/hooks"),
]


@pytest.fixture
def api(client: FlaskClient, house: None) -> Api:
    with db.transaction() as session:
        return Api(client, auth.create(session, "crm", Scope.WRITE, None, datetime.now(UTC)))


def test_nothing_that_other_systems_ask_looks_through_a_table(api: Api) -> None:
    with watched() as asked:
        for path in ASKED:
            answer = api.get(path)
            assert answer.status_code == 200, (path, answer.text)
        assert api.put("/contacts/C40", contact_of(api)).status_code == 200
        promise = {"number": "+31610000044", "due_at": "2126-05-01T16:00:00Z", "case": "Z44"}
        assert api.post("/promises", promise).status_code == 201
        assert api.client.get("/readyz").status_code in (200, 503)
        assert api.client.get("/metrics").status_code == 200

    found = too_much(asked)
    assert found == [], "\n\n".join(found)


def contact_of(api: Api) -> dict[str, Any]:
    return {name: value for name, value in api.get("/contacts/C40").json.items() if name != "contact"}


# --- on the path of a call ----------------------------------------------------------------------------


def test_no_call_looks_through_a_table(client: FlaskClient, house: None, settings: Settings) -> None:
    with db.transaction() as session:
        is_there = {
            "intent": Intent.AVAILABLE,
            "softphone": Softphone.READY,
            "desk_visible": True,
            "heartbeat_at": utcnow(),
        }
        # Everybody but the owner of K81's case.
        session.execute(update(Presence).where(Presence.agent != "agent_1").values(is_there))
    usual, busy = (
        Line(client, settings, from_=number, to=LINE) for number in ("+31610000084", "+31610000041")
    )
    stranger = Line(client, settings, from_="+31101234567", to=LINE)
    Line(client, settings, from_="+31101234568", to=LINE).comes_in()
    # The picture for an outage is taken by itself: see below.
    client.application.extensions["voice"].keeper.stop()
    with watched() as asked:
        usual.comes_in().talks()
        usual.dial_ends("completed", DialCallDuration="60").hangs_up()
        for call in (busy, stranger):
            call.comes_in()
            if call is stranger:
                said = "met Jansen, 1012 AB, zaaknummer 12345"
                call.post(call.attribute("Gather", "action"), SpeechResult=said)
            call.dial_ends("no-answer").hangs_up()

    assert any("WITH taken AS" in statement or "UPDATE agent_slots" in statement for statement, _ in asked)
    assert asked.on_a_lane
    found = too_much(asked)
    assert found == [], "\n\n".join(found)


# --- by the clock -------------------------------------------------------------------------------------


def test_the_picture_for_an_outage_looks_through_no_table(
    flask_app: Flask, house: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of the cases of the house it takes as few as of a city's.
    monkeypatch.setattr(snapshot, "MOST_OWNERS", 20)
    keeper = flask_app.extensions["voice"].keeper
    with db.transaction() as session, watched() as asked:
        keeper.refresh(session, utcnow())
        keeper.refresh_owners(session)

    assert len(keeper.snapshot.owners) > 0
    found = too_much(asked)
    assert found == [], "\n\n".join(found)


def test_no_job_looks_through_a_table(
    house: None, carrier: Carrier, settings: Settings, tmp_path: Path
) -> None:
    spool, stopped = Spool(tmp_path / "spool"), threading.Event()
    deployment = Deployment.of(settings)
    jobs = Timetable(carrier, deployment, spool, stopped, settings.keep, strict_hooks=False).jobs()
    with watched() as asked:
        for job in jobs.values():
            job.do()
        # And how each is asked whether there is anything to do, all in one go.
        Look({name: (job.rows, job.at_once) for name, job in jobs.items() if job.rows}).at(utcnow())

    found = too_much(asked)
    assert found == [], "\n\n".join(found)
