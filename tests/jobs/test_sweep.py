"""What ends by itself when the carrier's news is lost, a worker dies, or a redirect is refused?"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from app import db
from app.carrier.rest import Carrier
from app.deployment import Deployment
from app.jobs import deliver, sweep
from app.outgoing import outbox
from app.records.agents import Activity, Agent, Intent
from app.records.calls import Call, CallState, CallStep, Outcome
from app.records.promises import PromiseState
from app.voice import call_control
from config import Settings
from tests import town
from tests.factories import ADA, BEN
from tests.rest_carrier import FakeCarrier
from tests.telephone import Another, Line

LATER = timedelta(minutes=5)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
LEG = "CA" + "e" * 32  # of the ring at a desk


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def deployment(settings: Settings) -> Deployment:
    return Deployment.of(settings)


@pytest.fixture
def another(flask_app: Flask, settings: Settings) -> Another:
    return lambda **fields: Line(flask_app.test_client(), settings, **fields)


@pytest.fixture(autouse=True)
def settled(flask_app: Flask) -> None:
    town.settle()


# --- news that was lost -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["completed", "no-answer", "canceled", "busy", "failed"])
def test_a_call_whose_end_was_lost_is_closed_and_its_caller_owed_a_call(
    another: Another, carrier: Carrier, fake: FakeCarrier, deployment: Deployment, status: str
) -> None:
    call = another().comes_in()
    call.leg("ringing")
    fake.knows(call.sid, status)

    assert sweep.reconcile(carrier, deployment, now()) == 0, "nobody asks before it is time"
    assert sweep.reconcile(carrier, deployment, now() + LATER) == 1

    ended = town.call(call.sid)
    assert (ended.state, ended.outcome) == (CallState.ENDED, Outcome.MISSED_PROMISED)
    assert [(one.number, one.agent) for one in town.promises()] == [(ADA, "anna")]
    assert (town.presence("anna").activity, town.presence("anna").intent) == (Activity.IDLE, Intent.AVAILABLE)
    assert sweep.reconcile(carrier, deployment, now() + 3 * LATER) == 0


def test_a_call_that_goes_on_is_left_alone(
    another: Another, carrier: Carrier, fake: FakeCarrier, deployment: Deployment
) -> None:
    call = another().comes_in().talks()
    fake.knows(call.sid, "in-progress")

    assert sweep.reconcile(carrier, deployment, now() + LATER) == 0

    assert town.call(call.sid).state == CallState.TALKING
    assert town.presence("anna").activity == Activity.TALKING


def test_a_call_that_the_carrier_never_heard_of_is_closed(
    another: Another, carrier: Carrier, deployment: Deployment
) -> None:
    call = another().comes_in()

    assert sweep.reconcile(carrier, deployment, now() + LATER) == 1

    assert town.call(call.sid).outcome == Outcome.MISSED_PROMISED


def test_a_carrier_out_of_reach_closes_nothing_until_no_call_can_last_that_long(
    another: Another, settings: Settings, deployment: Deployment
) -> None:
    nowhere = Carrier(replace(settings, api_url="http://127.0.0.1:1"))
    call = another().comes_in()

    assert sweep.reconcile(nowhere, deployment, now() + LATER) == 0
    assert town.call(call.sid).state == CallState.RINGING
    assert sweep.reconcile(nowhere, deployment, now() + timedelta(hours=5)) == 1
    assert town.call(call.sid).outcome == Outcome.MISSED_PROMISED


def test_a_conversation_of_which_all_news_was_lost_counts_by_its_length(
    another: Another, carrier: Carrier, fake: FakeCarrier, deployment: Deployment
) -> None:
    call = another().comes_in()
    fake.knows(call.sid, "completed", duration="95")

    assert sweep.reconcile(carrier, deployment, now() + LATER) == 1

    ended = town.call(call.sid)
    assert (ended.outcome, ended.bridged_to) == (Outcome.TALKED, "anna")
    assert town.promises() == []


def test_a_call_that_can_not_be_closed_does_not_keep_the_others_open(
    another: Another, carrier: Carrier, deployment: Deployment
) -> None:
    broken, sound = another().comes_in(), another(from_=BEN).comes_in()
    with db.transaction() as session:
        session.execute(update(Call).where(Call.sid == broken.sid).values(state="unheard of"))

    closed = []
    for sid in (broken.sid, sound.sid):
        closed.append(sweep._look_up(sid, carrier, deployment, now() + LATER))
    assert closed == [False, True]
    assert town.call(sound.sid).state == CallState.ENDED


# --- what ends by itself ------------------------------------------------------------------------------


def test_a_reservation_of_which_no_news_comes_ends_by_itself(another: Another) -> None:
    another().comes_in()
    assert town.presence("anna").activity == Activity.RESERVED

    assert sweep.end_leases(now()) == []
    assert sweep.end_leases(now() + LATER) == ["anna"]

    assert (town.presence("anna").activity, town.presence("anna").intent) == (Activity.IDLE, Intent.AVAILABLE)


def test_news_of_a_conversation_that_comes_after_its_reservation_ended_takes_the_agent_again(
    another: Another,
) -> None:
    call = another().comes_in()
    sweep.end_leases(now() + LATER)

    call.leg("in-progress")

    assert (town.presence("anna").activity, town.presence("anna").call_sid) == (Activity.TALKING, call.sid)
    call.dial_ends("completed", DialBridged="true", DialCallDuration="30")
    assert town.presence("anna").activity == Activity.WRAPPING_UP


def test_a_caller_is_not_left_ringing_at_a_desk_that_died(
    another: Another, carrier: Carrier, fake: FakeCarrier, deployment: Deployment
) -> None:
    call = another().comes_in()
    call.leg("ringing")
    action = call.attribute("Dial", "action")
    soon, later = now() + timedelta(seconds=5), now() + timedelta(seconds=13)
    town.change("bram", heartbeat_at=later)
    assert sweep.leave_dead_desks(carrier, deployment, soon, LONG_AGO) == 0

    assert sweep.leave_dead_desks(carrier, deployment, later, LONG_AGO) == 1
    assert sweep.leave_dead_desks(carrier, deployment, later, LONG_AGO) == 0

    assert deliver.deliver_due(carrier, deployment, outbox.END_LEG, later) == 1
    assert fake.ended == [LEG]
    call.post(action, DialCallStatus="no-answer")
    assert call.rings == "client:bram"
    assert call.said == "Anna is op dit moment niet te bereiken. Ik verbind u door met Bram."
    assert town.presence("anna").activity == Activity.IDLE


def test_silence_while_nothing_could_be_written_down_says_nothing_of_a_desk(
    another: Another, carrier: Carrier, deployment: Deployment
) -> None:
    call = another().comes_in()
    call.leg("ringing")
    back_at = now() + timedelta(seconds=20)

    for since in (None, back_at):
        at = back_at + timedelta(seconds=11)
        assert sweep.leave_dead_desks(carrier, deployment, at, since) == 0
    assert town.call(call.sid).step == 1

    at = back_at + timedelta(seconds=13)
    assert sweep.leave_dead_desks(carrier, deployment, at, back_at) == 1, "since then it had the time"


def test_a_silent_desk_that_has_answered_is_in_a_conversation(
    another: Another, carrier: Carrier, fake: FakeCarrier, deployment: Deployment
) -> None:
    call = another().comes_in()
    call.leg("ringing")
    fake.talking.add(call.sid)
    later = now() + timedelta(seconds=13)

    assert sweep.leave_dead_desks(carrier, deployment, later, LONG_AGO) == 0

    assert town.call(call.sid).state == CallState.TALKING
    assert (town.call(call.sid).bridged_to, town.call(call.sid).said) == ("anna", [])
    anna = town.presence("anna")
    assert (anna.activity, anna.intent, anna.suspect_until) == (Activity.TALKING, Intent.AVAILABLE, None)
    assert (town.outbox(), town.pops("bram")) == ([], [])


def test_while_the_carrier_can_not_be_asked_no_desk_is_left(
    another: Another, carrier: Carrier, fake: FakeCarrier, deployment: Deployment
) -> None:
    call = another().comes_in()
    call.leg("ringing")
    fake.is_away = True
    later = now() + timedelta(seconds=13)

    assert sweep.leave_dead_desks(carrier, deployment, later, LONG_AGO) == 0
    assert town.call(call.sid).step == 1

    fake.is_away = False
    assert sweep.leave_dead_desks(carrier, deployment, later, LONG_AGO) == 1


def test_a_ring_that_was_declined_is_ended_also_where_the_carrier_knows_of_no_legs(
    another: Another, carrier: Carrier, fake: FakeCarrier, deployment: Deployment
) -> None:
    call = another().comes_in()
    call.leg("ringing")
    with db.transaction() as session:
        assert call_control.decline(session, call.sid, "anna", "meeting", now(), deployment)
    fake.forgets = True

    assert deliver.deliver_due(carrier, deployment, outbox.END_LEG, now()) == 1

    assert fake.ended == [LEG]


@pytest.mark.parametrize("rang", [True, False])
@pytest.mark.parametrize("colleagues", [True, False])
def test_a_desk_that_answers_as_it_is_left_keeps_its_caller(
    another: Another,
    carrier: Carrier,
    fake: FakeCarrier,
    deployment: Deployment,
    rang: bool,
    colleagues: bool,
) -> None:
    call = another().comes_in()
    if rang:
        call.leg("ringing")
    began_at = now() - timedelta(seconds=13)
    town.change("anna", heartbeat_at=began_at)
    with db.transaction() as session:
        session.execute(update(CallStep).where(CallStep.call_sid == call.sid).values(started_at=began_at))
    if not colleagues:
        town.change("bram", intent=Intent.OFF)
        town.change("carla", intent=Intent.OFF)
    assert sweep.leave_dead_desks(carrier, deployment, now(), LONG_AGO) == 1
    assert (town.presence("bram").activity == Activity.RESERVED) == colleagues
    assert len(town.promises()) == (0 if colleagues else 1)
    fake.talking.add(call.sid)

    kind = outbox.END_LEG if rang else outbox.REDIRECT_CALL
    assert deliver.deliver_due(carrier, deployment, kind, now()) == 1

    assert (fake.ended, fake.redirects) == ([], [])
    stands = town.call(call.sid)
    assert (stands.state, stands.bridged_to, stands.said) == (CallState.TALKING, "anna", [])
    assert (town.presence("anna").activity, town.presence("anna").suspect_until) == (Activity.TALKING, None)
    assert town.presence("bram").activity == Activity.IDLE
    call.dial_ends("completed", DialBridged="true", DialCallDuration="30")
    assert call.verbs == ["Hangup"]
    assert town.call(call.sid).outcome == Outcome.TALKED
    assert [one.state for one in town.promises()] == [PromiseState.MERGED] * (not colleagues)
    assert [row for row in town.outbox() if row.kind == outbox.SEND_MESSAGE and row.done_at is None] == []


def test_a_desk_that_died_leaves_the_agents_ordinary_phone(
    another: Another, carrier: Carrier, deployment: Deployment
) -> None:
    with db.transaction() as session:
        session.get_one(Agent, "anna").phone = town.PHONE
    call = another().comes_in()
    call.leg("ringing")

    sweep.leave_dead_desks(carrier, deployment, now() + timedelta(seconds=13), LONG_AGO)

    call.post(call.attribute("Dial", "action"), DialCallStatus="no-answer")
    assert call.rings == town.PHONE


def test_a_desk_that_lives_is_left_to_ring(
    another: Another, carrier: Carrier, deployment: Deployment
) -> None:
    call = another().comes_in()
    call.leg("ringing")
    later = now() + timedelta(seconds=13)
    town.change("anna", heartbeat_at=later - timedelta(seconds=4))

    assert sweep.leave_dead_desks(carrier, deployment, later, LONG_AGO) == 0
    assert town.call(call.sid).step == 1


def test_wrapping_up_ends_by_itself_and_not_before(another: Another) -> None:
    call = another().comes_in().talks()
    call.dial_ends("completed", DialBridged="true", DialCallDuration="30")

    assert sweep.end_wrap_ups(now()) == []
    assert sweep.end_wrap_ups(now() + LATER) == ["anna"]
    assert town.presence("anna").activity == Activity.IDLE


def test_an_agent_who_is_said_to_talk_in_a_call_that_is_over_is_freed(another: Another) -> None:
    call = another().comes_in().talks()
    with db.transaction() as session:
        session.execute(update(Call).where(Call.sid == call.sid).values(state=CallState.ENDED))

    assert sweep.free_forgotten(now()) == ["anna"]
    assert sweep.free_forgotten(now()) == []


@pytest.mark.parametrize("job", [sweep.end_wrap_ups, sweep.end_leases, sweep.free_forgotten])
def test_a_sweep_over_nothing_does_nothing(job: Callable[[datetime], list[str]]) -> None:
    assert job(now()) == []
