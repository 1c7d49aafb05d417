"""What does a monitor read of promises and of what must still leave?"""

from datetime import timedelta

from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from app import db
from app.outgoing import outbox
from app.promises import ledger
from app.records.promises import Promise, PromiseState
from tests import factories
from tests.factories import NOW


def owed(number: str) -> Promise:
    with db.transaction() as session:
        return factories.promise(session, number=number, agent=None, due_at=NOW + timedelta(hours=1), now=NOW)


def moves(promise: Promise, state: PromiseState, minutes_late: float) -> None:
    with db.transaction() as session:
        held = session.get_one(Promise, promise.id)
        ledger.move(session, held, state, "promise_kept", held.due_at + timedelta(minutes=minutes_late))


def metrics(client: FlaskClient) -> dict[tuple[str, str], float]:
    """Return every sample by its name and its label, where it has one."""
    text = client.get("/metrics").text
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(text)
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


def test_without_any_promise_the_figures_are_zero(client: FlaskClient) -> None:
    read = metrics(client)

    assert read["rechtdoor_promises_broken", ""] == 0
    assert read["rechtdoor_promises_kept_late_seconds_count", ""] == 0
