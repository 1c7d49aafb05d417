"""Is anything missing after an outage? Whole calls, while the web process is dead."""

from datetime import UTC, datetime, timedelta

from app import db
from app.carrier import Carrier
from app.jobs import backfill
from app.voice.ladder import Deployment
from app.voice.models import CallState, Outcome
from config import load
from tests.factories import ADA, BEN, LINE
from tests.journeys.conftest import Town


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
