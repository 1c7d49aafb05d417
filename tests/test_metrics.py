"""What does a monitor read of promises and of what must still leave?"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import unquote

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import delete, text
from werkzeug.test import EnvironBuilder, run_wsgi_app

from app import db
from app.outgoing import outbox
from app.promises import ledger
from app.records.calls import Call, CallState, Outcome
from app.records.promises import Promise, PromiseState
from tests import factories
from tests.factories import NOW
from tests.telephone import Line


def owed(number: str) -> Promise:
    with db.transaction() as session:
        return factories.promise(session, number=number, agent=None, due_at=NOW + timedelta(hours=1), now=NOW)


def moves(promise: Promise, state: PromiseState, minutes_late: float) -> None:
    with db.transaction() as session:
        held = session.get_one(Promise, promise.id)
        ledger.move(session, held, state, "promise_kept", held.due_at + timedelta(minutes=minutes_late))


def metrics(client: FlaskClient) -> dict[tuple[str, str], float]:
    """Return every sample by its name and its label, where it has one."""
    told = client.get("/metrics").text
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(told)
        for sample in family.samples
    }


def test_what_was_kept_how_late_and_what_was_broken_can_be_read(client: FlaskClient) -> None:
    in_time, late, still_owed = owed("+31612345671"), owed("+31612345672"), owed("+31612345673")
    moves(in_time, PromiseState.KEPT, -10)
    moves(late, PromiseState.BROKEN, 1)
    moves(late, PromiseState.KEPT, 12)
    moves(still_owed, PromiseState.BROKEN, 1)
    with db.transaction() as session:
        outbox.add(session, outbox.END_LEG, "end/CB1", {"leg_sid": "CA1"}, NOW)

    read = metrics(client)

    assert read["rechtdoor_promises", "kept"] == 2
    assert read["rechtdoor_promises", "broken"] == 1
    assert read["rechtdoor_promises_broken", ""] == 2, "one that was kept late stays broken too"
    late_buckets = [
        read["rechtdoor_promises_kept_late_seconds_bucket", le] for le in ("0.0", "300.0", "900.0", "+Inf")
    ]
    assert late_buckets == [1, 1, 2, 2]
    assert read["rechtdoor_promises_kept_late_seconds_sum", ""] == 12 * 60
    assert read["rechtdoor_outbox_waiting", ""] == 1

    with db.transaction() as session:
        taken_back = session.get_one(Promise, late.id)
        ledger.take_back(session, taken_back, "promise_machine", taken_back.due_at, {})
        session.execute(delete(Promise).where(Promise.id == in_time.id))

    read = metrics(client)
    assert (read["rechtdoor_promises", "kept"], read["rechtdoor_promises", "broken"]) == (1, 2)
    assert read["rechtdoor_promises_broken", ""] == 2
    assert read["rechtdoor_promises_finished_total", "kept"] == 2, "no count falls, whatever becomes of it"
    assert read["rechtdoor_promises_kept_late_seconds_count", ""] == 2


def test_without_any_promise_the_figures_are_zero(client: FlaskClient) -> None:
    read = metrics(client)

    assert read["rechtdoor_promises_broken", ""] == 0
    assert read["rechtdoor_promises_kept_late_seconds_count", ""] == 0


@contextmanager
def out_of_reach(table: str) -> Iterator[None]:
    """Let nothing be read from a table for a while."""
    with db.patient_transaction() as session:
        session.execute(text(f"ALTER TABLE {table} RENAME TO somewhere_else"))
    yield
    with db.patient_transaction() as session:
        session.execute(text(f"ALTER TABLE somewhere_else RENAME TO {table}"))


def test_a_figure_that_can_not_be_had_says_so_and_costs_no_other(client: FlaskClient) -> None:
    owed("+31612345671")

    with out_of_reach("calls"):
        read = metrics(client)

    assert read["rechtdoor_figures_missing", "calls"] == 1
    assert read["rechtdoor_figures_missing", "promises"] == 0
    assert read["rechtdoor_promises", "open"] == 1
    assert read["rechtdoor_outbox_waiting", ""] == 0
    assert not [name for name, _ in read if name == "rechtdoor_calls"]
    after = metrics(client)
    assert after["rechtdoor_figures_missing", "calls"] == 0


def test_without_a_database_the_monitor_is_told_what_is_missing(client: FlaskClient) -> None:
    real, away = db.current(), db.Database("postgresql+psycopg://nobody@127.0.0.1:1/gone")
    db.bind(away)
    try:
        read = metrics(client)
    finally:
        db.bind(real)
        away.dispose()

    missing = {figure: value for (name, figure), value in read.items() if name == "rechtdoor_figures_missing"}
    figures = ("outbox", "caps", "carrier", "forgotten", "promises", "lateness", "calls")
    assert missing == dict.fromkeys(figures, 1)


def test_every_webhook_is_timed_whatever_room_answers_it(client: FlaskClient, call: Line) -> None:
    with db.transaction() as session:
        factories.line(session)
    call.comes_in()
    client.get("/healthz")
    client.post("/voice/ring-tests/anna/CA1/status")
    client.post("/messages/incoming")

    told = client.get("/metrics").text

    timed = {
        (sample.labels["endpoint"], sample.labels["status"])
        for family in text_string_to_metric_families(told)
        for sample in family.samples
        if sample.name == "rechtdoor_webhook_seconds_count"
    }
    assert ("voice.incoming", "200") in timed
    assert {endpoint.partition(".")[0] for endpoint, _ in timed} == {"voice", "ring_tests", "messages"}


def test_calls_are_counted_by_state_and_outcome(client: FlaskClient) -> None:
    with db.transaction() as session:
        for sid, state, outcome in (
            ("CA1", CallState.ENDED, Outcome.TALKED),
            ("CA2", CallState.ENDED, Outcome.TALKED),
            ("CA3", CallState.ENDED, Outcome.PROMISED),
            ("CA4", CallState.TALKING, None),
        ):
            session.add(
                Call(
                    sid=sid,
                    line=factories.LINE,
                    language="nl",
                    state=state,
                    outcome=outcome,
                    rule_version=1,
                    created_at=NOW,
                )
            )

    assert calls_counted(client) == {("ended", "talked"): 2, ("ended", "promised"): 1, ("talking", ""): 1}

    with db.transaction() as session:
        session.get_one(Call, "CA3").outcome = Outcome.TALKED  # as a late word of the carrier's has it
        ends = session.get_one(Call, "CA4")
        ends.state, ends.outcome = CallState.ENDED, Outcome.TALKED
    with db.transaction() as session:
        session.get_one(Call, "CA1").outcome = Outcome.REFUSED
        session.flush()
        session.rollback()
    with db.transaction() as session:
        session.execute(delete(Call).where(Call.sid != "CA4"))  # they were kept for long enough

    assert calls_counted(client) == {("ended", "talked"): 4, ("ended", "promised"): 0}
    read = metrics(client)
    assert read["rechtdoor_calls_ended_total", "talked"] == 4
    assert read["rechtdoor_calls_ended_total", "promised"] == 1, "no count falls, whatever becomes of it"
    assert ("rechtdoor_calls_ended_total", "refused") not in read


def calls_counted(client: FlaskClient) -> dict[tuple[str, str], float]:
    return {
        (sample.labels["state"], sample.labels["outcome"]): sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
        if sample.name == "rechtdoor_calls"
    }


@pytest.mark.parametrize(
    "path", ["/%6detrics", "/metric%73", "/%6Detrics?a=b", "//metrics", "///metrics", "/metrics/"]
)
def test_a_guard_of_the_address_of_the_figures_is_passed_by_no_other_spelling(
    client: FlaskClient, path: str
) -> None:
    environ = EnvironBuilder(path="/x").get_environ() | in_the_wire(path)
    body, status, _ = run_wsgi_app(client.application, environ, buffered=True)
    assert status.split()[0] in ("308", "404")
    assert b"rechtdoor_" not in b"".join(body)
    assert client.get("/metrics?a=b").status_code == 200


def in_the_wire(path: str) -> dict[str, str]:
    """Return what the server makes of a path: as it came, and as it is routed."""
    plain, _, query = path.partition("?")
    return {"REQUEST_URI": path, "RAW_URI": path, "PATH_INFO": unquote(plain), "QUERY_STRING": query}
