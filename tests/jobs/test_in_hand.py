"""Does whoever has something in hand keep it for as long as the work takes, also what isn't in the outbox?"""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app import db
from app.carrier.rest import Carrier
from app.deployment import Deployment
from app.jobs import backfill, recordings
from app.promises import recordings as sounds
from app.records.jobs import CarrierLook
from app.records.promises import Recording, RecordingState
from config import Settings
from tests.jobs.holding import LATER, until
from tests.rest_carrier import FakeCarrier

RECORDING = "RE" + "6" * 32

pytestmark = pytest.mark.usefixtures("database", "holding")


def now() -> datetime:
    return datetime.now(UTC)


def recorded() -> None:
    with db.transaction() as session:
        session.add(Recording(sid=RECORDING, call_sid="CA1", made_at=now(), next_at=now()))


def next_at(column: object) -> datetime:
    with db.reading() as session:
        found: datetime = session.scalars(select(column)).one()  # type: ignore[call-overload]
        return found


def test_a_message_that_a_slow_carrier_has_not_handed_over_yet_is_fetched_by_nobody_else(
    carrier: Carrier, fake: FakeCarrier
) -> None:
    recorded()
    answers = fake.is_slow_about(RECORDING)

    with ThreadPoolExecutor() as workers:
        fetching = workers.submit(recordings.carry, carrier, now())
        until(lambda: bool(fake.asked) and next_at(Recording.next_at) > now() + LATER)
        assert recordings.carry(carrier, now() + LATER) == 0
        answers.set()
        assert fetching.result() == 1

    assert fake.asked == [RECORDING]


def test_a_message_that_two_have_deleted_at_the_carrier_is_still_here() -> None:
    recorded()
    sound = sounds.Sound("audio/mpeg", b"ID3")

    for write in (lambda session: sounds.fetched(session, RECORDING, sound, now()), *[_deleted] * 2):
        with db.transaction() as session:
            write(session)

    with db.reading() as session:
        assert session.get_one(Recording, RECORDING).state == RecordingState.KEPT


def _deleted(session: db.Session) -> None:
    sounds.deleted(session, RECORDING)


def test_calls_are_compared_with_a_slow_carriers_by_one_worker_at_a_time(
    carrier: Carrier, fake: FakeCarrier, settings: Settings
) -> None:
    deployment = Deployment.of(settings)
    with db.transaction() as session:
        ago = now() - timedelta(hours=1)
        session.add(CarrierLook(name=backfill.CALLS, complete_until=ago, next_at=ago, added=0))
    answers = fake.is_slow_about("StartTime")

    with ThreadPoolExecutor() as workers:
        comparing = workers.submit(backfill.look, carrier, deployment, now())
        until(lambda: bool(fake.asked) and next_at(CarrierLook.next_at) > now() + LATER)
        assert backfill.look(carrier, deployment, now() + LATER) is None
        answers.set()
        comparing.result()

    assert fake.asked == ["StartTime"]
