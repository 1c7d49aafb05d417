"""Does anything that runs on a page, in the API or by the clock look through a whole table?"""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, text

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
from app.records.agents import Role
from app.records.tokens import Scope
from config import Settings
from tests import history
from tests.api.conftest import Api
from tests.asked import Statement, watched
from tests.desk import office

CALLS = 20_000
# Tables that grow with what happens: of these nobody may read more than a part.
GROWING = {
    *("calls", "call_steps", "inbox", "promises", "promise_events", "promise_attempts", "recordings"),
    *("messages", "outbox", "desk_events", "customers", "customer_numbers", "cases", "contacts"),
}
# Of 2,000 to 9,000 rows in each; a list shows 200, of which a fifth is of the reader's team.
MOST_READ = 1_200


@pytest.fixture
def house(flask_app: Flask) -> None:
    """A house with some years behind it, whose supervisor has a desk."""
    history.fill(db.current().url, CALLS, datetime.now(UTC))
    with db.transaction() as session:
        office.user(session, "agent_0", Role.SUPERVISOR)


def too_much(asked: list[Statement]) -> list[str]:
    """Return the statements that look through a table, each with how the database goes about it."""
    looks = _scans_of_sqlite if db.current().is_sqlite else _reads_of_postgres
    with db.patient_transaction() as session:
        # What was changed meanwhile, the database soon finds out by itself.
        if session.get_bind().dialect.name == "postgresql":
            # Of all rows, not of some: a plan that hangs on which were looked at is another each time.
            session.execute(text("SET LOCAL default_statistics_target = 1000"))
            session.execute(text("ANALYZE"))
    found = {}
    for statement, values in asked:
        looks_at_rows = statement.lstrip().startswith(("SELECT", "UPDATE", "DELETE", "WITH"))
        if looks_at_rows and not isinstance(values, list) and statement not in found:
            with db.current().engine.connect() as connection:
                found[statement] = list(looks(connection, statement, values))
                connection.rollback()
    return [f"{', '.join(looked)}: {statement}" for statement, looked in found.items() if looked]


def _reads_of_postgres(connection: Connection, statement: str, values: Any) -> Iterator[str]:
    """Yield where more rows are read than anybody needs; what only an index counts isn't read."""
    cursor = connection.connection.cursor()
    cursor.execute("SET LOCAL statement_timeout = 0")
    cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values)
    [[plan]] = cursor.fetchall()
    nodes = [plan[0]["Plan"]]
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        thrown_away = [value for name, value in node.items() if name.startswith("Rows Removed by")]
        read = (node["Actual Rows"] + sum(thrown_away)) * node["Actual Loops"]
        kind, table = node["Node Type"], node.get("Relation Name")
        if table in GROWING and kind != "Index Only Scan" and read > MOST_READ:
            yield f"{kind} reads {read:.0f} {table}"


def _scans_of_sqlite(connection: Connection, statement: str, values: Any) -> Iterator[str]:
    for *_, detail in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values):
        verb, table, *how = detail.split()
        # A page of them in the order in which they lie ends where the page does.
        is_page = f"ORDER BY {table}.id" in statement and "LIMIT" in statement
        if verb == "SCAN" and table in GROWING and "INDEX" not in how and not is_page:
            yield detail


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
        assert api.client.get("/metrics").status_code == 200
        assert api.client.get("/readyz").status_code in (200, 503)

    found = too_much(asked)
    assert found == [], "\n\n".join(found)


def contact_of(api: Api) -> dict[str, Any]:
    return {name: value for name, value in api.get("/contacts/C40").json.items() if name != "contact"}


# --- by the clock -------------------------------------------------------------------------------------


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
