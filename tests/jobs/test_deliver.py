"""What leaves for the carrier, and what becomes of it when the carrier is slow or away, or a worker dies?"""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app import db
from app.carrier.rest import Carrier
from app.deployment import Deployment
from app.jobs import deliver, in_hand
from app.messages import messages
from app.outgoing import outbox
from app.records.agents import Activity, Agent, Intent
from app.records.calls import CallState
from app.records.messages import Message
from app.records.outgoing import Outbox
from app.records.promises import PromiseEvent, PromiseState
from app.voice import ring_tests
from config import Settings
from tests import factories, town
from tests.factories import ADA, BEN
from tests.jobs.holding import LATER, until
from tests.rest_carrier import FakeCarrier
from tests.telephone import Another
from tests.town import waiting_for_anna


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def deployment(settings: Settings) -> Deployment:
    return Deployment.of(settings)


@pytest.fixture(autouse=True)
def settled(flask_app: Flask) -> None:
    town.settle()


def tell(number: str = ADA) -> str:
    """Write to somebody about the callback that they are owed; return the message's name."""
    key = f"told/{number}"
    with db.transaction() as session:
        owed = factories.promise(session, number=number, due_at=now() + timedelta(hours=2), now=now())
        messages.inform(session, owed, "We bellen u terug.", key, now())
        return str(session.scalars(select(Outbox.payload).where(Outbox.key == key)).one()["message"])


def message(sid: str) -> Message:
    with db.reading() as session:
        return session.get_one(Message, sid)


def row(sid: str) -> Outbox:
    """What stands in the outbox about a message."""
    return next(one for one in town.outbox() if one.payload.get("message") == sid)


def story() -> list[str]:
    with db.reading() as session:
        return list(session.scalars(select(PromiseEvent.why).order_by(PromiseEvent.id)))


@pytest.mark.parametrize(
    ("organisation", "begins"),
    [
        ("Gemeente Waterrijk", "Gemeente Waterrijk: We bellen u terug.\nhttp"),
        ("", "We bellen u terug.\nhttp"),
    ],
)
def test_a_message_by_itself_says_who_writes_it_where_that_is_set(
    carrier: Carrier, deployment: Deployment, organisation: str, begins: str
) -> None:
    sid = tell()

    ours = replace(deployment, organisation=organisation)
    assert deliver.deliver_due(carrier, ours, outbox.SEND_MESSAGE, now()) == 1

    assert message(sid).body.startswith(begins)


def test_an_agents_reply_says_who_writes_it_too(carrier: Carrier, deployment: Deployment) -> None:
    with db.transaction() as session:
        owed = factories.promise(session, number=ADA, due_at=now() + timedelta(hours=2), now=now())
        sent = messages.answer(session, owed, "Ik kijk het na.", session.get_one(Agent, "anna"), now())
        assert sent is not None
        sid = sent.sid

    deliver.deliver_due(
        carrier, replace(deployment, organisation="Gemeente Waterrijk"), outbox.SEND_MESSAGE, now()
    )

    assert message(sid).body == "Gemeente Waterrijk: Ik kijk het na."


# --- who has it in hand -------------------------------------------------------------------------------


@pytest.mark.usefixtures("holding")
def test_what_a_slow_carrier_has_not_answered_yet_is_sent_by_nobody_else(
    carrier: Carrier, fake: FakeCarrier, deployment: Deployment
) -> None:
    slow, other = tell(ADA), tell(BEN)
    answers = fake.is_slow_about(ADA)

    with ThreadPoolExecutor() as workers:
        sending = workers.submit(deliver.deliver_due, carrier, deployment, outbox.SEND_MESSAGE, now())
        until(lambda: fake.asked == [ADA] and row(slow).next_at > now() + LATER)
        assert deliver.deliver_due(carrier, deployment, outbox.SEND_MESSAGE, now() + LATER) == 1
        assert fake.messages == [BEN], "nobody waits for the one that is under way"
        answers.set()
        sending.result()

    assert fake.messages == [BEN, ADA]
    assert (message(slow).status, message(other).status) == ("queued", "queued")


def test_what_a_worker_took_and_died_with_is_delivered_by_the_next(
    another: Another, carrier: Carrier, fake: FakeCarrier, deployment: Deployment
) -> None:
    town.whose_turn_is_taken(another, deployment)
    with db.transaction() as session:
        assert outbox.take(session, outbox.REDIRECT_CALL, now()) is not None

    assert deliver.deliver_due(carrier, deployment, outbox.REDIRECT_CALL, now()) == 0, "it may be on its way"
    later = now() + timedelta(seconds=16)
    assert deliver.deliver_due(carrier, deployment, outbox.REDIRECT_CALL, later) == 1
    assert len(fake.redirects) == 1
    assert deliver.deliver_due(carrier, deployment, outbox.REDIRECT_CALL, later + LATER) == 0


def test_what_was_tried_before_is_left_alone_by_whoever_can_not_know_that_it_is_left_over(
    carrier: Carrier, fake: FakeCarrier, deployment: Deployment
) -> None:
    tell(ADA)
    with db.transaction() as session:
        assert outbox.take(session, outbox.SEND_MESSAGE, now()) is not None
    tell(BEN)

    tried = deliver.deliver_due(carrier, deployment, outbox.SEND_MESSAGE, now() + LATER, left_over=False)

    assert (tried, fake.messages) == (1, [BEN])


def test_whoever_is_stopped_begins_nothing_more(
    carrier: Carrier, fake: FakeCarrier, deployment: Deployment
) -> None:
    tell(ADA)
    tell(BEN)

    deliver.deliver_due(carrier, deployment, outbox.SEND_MESSAGE, now(), stopped=lambda: bool(fake.messages))

    assert fake.messages == [ADA]


# --- what came of it ----------------------------------------------------------------------------------


def test_what_the_carrier_took_is_not_sent_again_when_that_can_not_be_written_down_at_once(
    carrier: Carrier, fake: FakeCarrier, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "SQLITE_BUSY_SECONDS", 0.2)
    sid = tell()
    answers = fake.is_slow_about(ADA)

    with ThreadPoolExecutor() as workers:
        sending = workers.submit(deliver.deliver_due, carrier, deployment, outbox.SEND_MESSAGE, now())
        until(lambda: fake.asked == [ADA])
        with db.transaction() as session:
            session.get_one(Message, sid, with_for_update=True)
            # It tries once, in vain, and waits until it may try again.
            monkeypatch.setattr(in_hand, "time", tried := _Waits())
            answers.set()
            until(tried.waits.is_set)
        tried.goes_on.set()
        sending.result()

    assert fake.messages == [ADA]
    assert (message(sid).status, row(sid).done_at is not None) == ("queued", True)


class _Waits:
    """A clock whose sleeper tells that it sleeps, until it is woken."""

    def __init__(self) -> None:
        self.waits, self.goes_on = threading.Event(), threading.Event()

    def sleep(self, seconds: float) -> None:
        self.waits.set()
        self.goes_on.wait(30)


def test_a_message_that_fails_in_an_unforeseen_way_for_half_an_hour_is_told_of(
    carrier: Carrier, fake: FakeCarrier, deployment: Deployment
) -> None:
    sid, since = tell(), now()
    fake.babbles = True

    for second in range(0, 60 * 60, 60):
        deliver.deliver_due(carrier, deployment, outbox.SEND_MESSAGE, since + timedelta(seconds=second))

    assert (message(sid).status, message(sid).handled_at, row(sid).result) == ("failed", None, "failed")
    assert story().count("promise_not_told") == 1


def test_a_message_that_was_withdrawn_too_late_is_known_to_have_left(
    carrier: Carrier, fake: FakeCarrier, deployment: Deployment
) -> None:
    sid = tell()
    answers = fake.is_slow_about(ADA)

    with ThreadPoolExecutor() as workers:
        sending = workers.submit(deliver.deliver_due, carrier, deployment, outbox.SEND_MESSAGE, now())
        until(lambda: fake.asked == [ADA])
        with db.transaction() as session:
            messages.withdraw(session, row(sid).key, now())
        answers.set()
        sending.result()

    assert (message(sid).status, message(sid).carrier_sid is None) == ("queued", False)


def test_a_ring_test_that_fails_in_an_unforeseen_way_frees_its_agent(
    carrier: Carrier, fake: FakeCarrier, deployment: Deployment
) -> None:
    with db.transaction() as session:
        assert ring_tests.ask(session, "anna", now()) is None
    assert town.presence("anna").activity == Activity.RESERVED
    fake.babbles = True

    deliver.deliver_due(carrier, deployment, outbox.RING_TEST, now())

    anna = town.presence("anna")
    assert (anna.activity, anna.suspect_until is None) == (Activity.IDLE, False)


def test_a_delivery_that_fails_in_an_unforeseen_way_does_not_keep_the_others(
    another: Another, carrier: Carrier, fake: FakeCarrier, deployment: Deployment
) -> None:
    with db.transaction() as session:
        outbox.add(session, outbox.SEND_MESSAGE, "broken", {"nothing": 1}, now() - LATER)
    call = waiting_for_anna(another)
    call.post("/voice/status", CallStatus="completed")

    assert deliver.deliver_due(carrier, deployment, outbox.SEND_MESSAGE, now()) == 2

    assert fake.messages == [ADA]


# --- callers who are sent on ---------------------------------------------------------------------------


def test_a_redirect_that_comes_too_late_does_not_break_off_the_conversation(
    another: Another, carrier: Carrier, fake: FakeCarrier, deployment: Deployment
) -> None:
    call = town.whose_turn_is_taken(another, deployment)
    action = call.attribute("Enqueue", "action")
    call.post(action, QueueResult="leave")
    call.talks()

    assert deliver.deliver_due(carrier, deployment, outbox.REDIRECT_CALL, now()) == 1

    assert fake.redirects == []
    assert town.call(call.sid).state == CallState.TALKING


def test_a_caller_who_was_put_through_while_the_database_was_gone_is_not_cut_off(
    another: Another, carrier: Carrier, fake: FakeCarrier, deployment: Deployment
) -> None:
    call = town.whose_turn_is_taken(another, deployment)
    fake.talking.add(call.sid)

    assert deliver.deliver_due(carrier, deployment, outbox.REDIRECT_CALL, now()) == 1

    assert fake.redirects == []


def test_a_refused_redirect_of_a_caller_who_has_hung_up_frees_the_agent_at_once(
    another: Another, carrier: Carrier, fake: FakeCarrier, deployment: Deployment
) -> None:
    call = town.whose_turn_is_taken(another, deployment)
    assert town.presence("anna").activity == Activity.RESERVED
    fake.refuses = 21220
    fake.knows(call.sid, "completed")

    assert deliver.deliver_due(carrier, deployment, outbox.REDIRECT_CALL, now()) == 1

    assert town.call(call.sid).state == CallState.ENDED
    assert (town.presence("anna").activity, town.presence("anna").intent) == (Activity.IDLE, Intent.AVAILABLE)
    assert [promise.state for promise in town.promises()] == [PromiseState.OPEN]
