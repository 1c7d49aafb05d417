"""When is it the turn of a caller who waits, and for whom is nobody held up?"""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import event, update

from app import db
from app.carrier.rest import Carrier
from app.deployment import Deployment
from app.jobs import deliver, waiting
from app.outgoing import outbox
from app.records.agents import Activity, Intent
from app.records.calls import Call, CallState, CallStep
from app.records.outgoing import Outbox
from app.routing import reading
from app.voice import call_control
from app.voice import held as held_calls
from app.voice import waiting as waiting_callers
from config import Settings
from tests import town
from tests.factories import BEN
from tests.rest_carrier import FakeCarrier
from tests.telephone import Another, Line
from tests.town import waiting_for_anna

LATER = timedelta(minutes=5)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def deployment(settings: Settings) -> Deployment:
    return Deployment.of(settings)


@pytest.fixture(autouse=True)
def settled(flask_app: Flask) -> None:
    town.settle()


def waiting_for_the_team(another: Another) -> Line:
    """Everybody talks, and somebody whom nobody knows waits."""
    for key in ("anna", "bram", "carla"):
        town.talks_elsewhere(key)
    call = another(from_="anonymous").comes_in()
    assert call.verbs == ["Say", "Enqueue"]
    return call


def test_whoever_waits_is_sent_on_when_the_agent_is_free(
    another: Another, carrier: Carrier, fake: FakeCarrier, deployment: Deployment
) -> None:
    call = waiting_for_anna(another)
    assert waiting.serve_waiting(deployment, now()) == 0
    town.frees("anna")

    assert waiting.serve_waiting(deployment, now()) == 1
    assert deliver.deliver_due(carrier, deployment, outbox.REDIRECT_CALL, now()) == 1

    [(sid, url)] = fake.redirects
    assert sid == call.sid
    call.post(url)
    assert call.rings == "client:anna"


@pytest.mark.parametrize("asked", ["waitUrl", "wish"])
def test_whose_turn_was_taken_waits_for_the_carrier_that_is_told_so(
    another: Another, carrier: Carrier, fake: FakeCarrier, deployment: Deployment, asked: str
) -> None:
    call = town.whose_turn_is_taken(another, deployment)
    wait = call.attribute("Enqueue", "waitUrl")
    address = wait if asked == "waitUrl" else wait.removesuffix("wait") + "wish"

    call.post(address, SpeechResult="ja hoor")
    assert call.verbs == ["Play", "Pause"]
    deliver.deliver_due(carrier, deployment, outbox.REDIRECT_CALL, now())
    call.post(address, SpeechResult="ja hoor")

    assert call.verbs == ["Play", "Pause"]
    assert len(fake.redirects) == 1


@pytest.mark.parametrize("seconds", [-3, 3], ids=["a moment ago", "by a clock that is ahead"])
@pytest.mark.parametrize("asked", ["waitUrl", "wish"])
def test_whose_turn_was_taken_goes_on_by_themselves_when_the_carrier_was_not_told(
    another: Another, carrier: Carrier, fake: FakeCarrier, deployment: Deployment, asked: str, seconds: int
) -> None:
    call = town.whose_turn_is_taken(another, deployment, now() + timedelta(seconds=seconds))
    wait, left = call.attribute("Enqueue", "waitUrl"), call.attribute("Enqueue", "action")

    call.post(wait if asked == "waitUrl" else wait.removesuffix("wait") + "wish")
    assert call.verbs == ["Leave"]
    call.post(left, QueueResult="leave")
    deliver.deliver_due(carrier, deployment, outbox.REDIRECT_CALL, now())

    assert call.rings == "client:anna"
    assert fake.redirects == []


def test_whose_turn_was_taken_goes_on_at_once_when_the_carrier_refused_to_be_told(
    another: Another, carrier: Carrier, fake: FakeCarrier, deployment: Deployment
) -> None:
    call = town.whose_turn_is_taken(another, deployment)
    fake.refuses = 20003
    deliver.deliver_due(carrier, deployment, outbox.REDIRECT_CALL, now())

    call.post(call.attribute("Enqueue", "waitUrl"))

    assert call.verbs == ["Leave"]


def test_a_ring_that_began_before_the_carrier_sent_the_caller_there_begins_once_more(
    another: Another, carrier: Carrier, deployment: Deployment
) -> None:
    """The carrier asks the action of the ring that it cuts off, and then fetches the step.

    https://github.com/qisoft/i-hate-making-calls/issues/31
    """
    call = town.whose_turn_is_taken(another, deployment)
    left = call.attribute("Enqueue", "action")
    deliver.deliver_due(carrier, deployment, outbox.REDIRECT_CALL, now())
    call.post(left, QueueResult="leave")
    call.leg("ringing")
    number = town.call(call.sid).step

    for _ in range(2):
        call.dial_ends("canceled", CallStatus="in-progress")
        assert (town.call(call.sid).state, town.call(call.sid).step) == (CallState.RINGING, number)
    call.post(f"/voice/calls/{call.sid}/{number}")

    assert call.rings == "client:anna"
    assert town.presence("anna").activity == Activity.RINGING
    assert town.presence("anna").intent == Intent.AVAILABLE
    call.talks()
    assert town.call(call.sid).state == CallState.TALKING


def test_a_ring_that_was_cut_off_for_any_other_reason_goes_on_to_a_colleague(
    another: Another, carrier: Carrier, deployment: Deployment
) -> None:
    call = town.whose_turn_is_taken(another, deployment)
    left = call.attribute("Enqueue", "action")
    deliver.deliver_due(carrier, deployment, outbox.REDIRECT_CALL, now() + timedelta(seconds=1))
    with db.transaction() as session:
        session.execute(update(Outbox).values(done_at=now() - timedelta(seconds=11)))
    call.post(left, QueueResult="leave")
    call.leg("ringing")

    call.dial_ends("canceled", CallStatus="in-progress")

    assert call.rings == "client:bram"


def test_callers_for_one_agent_are_served_in_the_order_in_which_they_came(
    another: Another, deployment: Deployment
) -> None:
    first = waiting_for_anna(another)
    second = waiting_for_anna(another, from_=BEN)
    assert "er is nog één wachtende vóór u" in second.said
    town.frees("anna")

    assert waiting.serve_waiting(deployment, now()) == 1

    assert town.call(first.sid).state == CallState.RINGING
    assert town.call(second.sid).state == CallState.WAITING


def test_a_caller_behind_another_goes_to_a_colleague_when_their_time_is_over(
    another: Another, deployment: Deployment
) -> None:
    first = waiting_for_anna(another)
    second = waiting_for_anna(another, from_=BEN)
    town.frees("anna")
    with db.transaction() as session:
        # The one before has hung up, and nobody has heard of it yet.
        session.execute(update(Call).where(Call.sid == first.sid).values(state=CallState.TALKING))
    town.change("anna", heartbeat_at=now() + LATER)
    town.change("bram", heartbeat_at=now() + LATER)

    assert waiting.serve_waiting(deployment, now() + LATER) == 1

    assert [(step.kind, step.agent) for step in town.steps(second.sid)] == [
        ("wait", "anna"),
        ("colleague", "bram"),
    ]


def test_a_caller_who_was_not_quick_enough_keeps_their_turn_and_their_limit(
    another: Another, deployment: Deployment
) -> None:
    for key in ("bram", "carla"):
        town.change(key, intent=Intent.OFF)
    call = waiting_for_anna(another)
    since = town.call(call.sid).waiting_since
    town.frees("anna")
    # Anna is free when the facts are read, and taken when she is reserved.
    with db.transaction() as session:
        held = session.get_one(Call, call.sid)
        known = reading.read(session, call.sid, held.line, held.remote_e164, now(), deployment.defaults)
    town.talks_elsewhere("anna")
    with db.transaction() as session:
        held = held_calls.held(session, call.sid)
        step = session.get_one(CallStep, (call.sid, held.step))
        assert waiting_callers.serve(session, held, step, known, now(), deployment)

    stands = town.call(call.sid)
    assert (stands.state, stands.waiting_for_agent, stands.waiting_since) == (
        CallState.WAITING,
        "anna",
        since,
    )


def test_whoever_waits_for_the_team_does_not_take_who_is_waited_for_in_person(
    another: Another, deployment: Deployment
) -> None:
    for key in ("bram", "carla"):
        town.change(key, intent=Intent.OFF)
    in_person = waiting_for_anna(another)
    for_team = another(from_="anonymous").comes_in()
    assert for_team.verbs == ["Say", "Enqueue"]
    with db.transaction() as session:
        # Their turn would be now, were there nobody before them.
        early = now() - timedelta(minutes=1)
        session.execute(update(Call).where(Call.sid == for_team.sid).values(waiting_since=early))
    town.frees("anna")

    assert waiting.serve_waiting(deployment, now()) == 1

    assert town.call(in_person.sid).state == CallState.RINGING
    assert len(town.steps(for_team.sid)) == 1


def test_whoever_waits_for_the_team_gets_the_first_of_it_who_is_free(
    another: Another, deployment: Deployment
) -> None:
    call = waiting_for_the_team(another)
    assert waiting.serve_waiting(deployment, now()) == 0
    town.frees("bram")

    assert waiting.serve_waiting(deployment, now()) == 1

    assert [(step.kind, step.agent) for step in town.steps(call.sid)] == [("wait", None), ("team", "bram")]


def test_two_who_are_free_are_for_the_first_two_who_wait(another: Another, deployment: Deployment) -> None:
    calls = [waiting_for_the_team(another) for _ in range(3)]
    town.frees("bram")
    town.frees("carla")

    assert waiting.serve_waiting(deployment, now()) == 2

    states = [town.call(call.sid).state for call in calls]
    assert states == [CallState.RINGING, CallState.RINGING, CallState.WAITING]


def test_nobody_waits_on_for_a_team_that_has_gone_home(another: Another, deployment: Deployment) -> None:
    call = waiting_for_the_team(another)
    for key in ("anna", "bram", "carla"):
        town.change(key, activity=Activity.IDLE, intent=Intent.OFF)

    assert waiting.serve_waiting(deployment, now()) == 1

    assert town.call(call.sid).state == CallState.PROMISING


# --- whom a look leaves alone -------------------------------------------------------------------------


def test_nobody_is_held_while_nothing_has_changed_for_them(
    another: Another, deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    in_person, for_team = waiting_for_anna(another), waiting_for_the_team(another)

    with db.transaction() as session:
        # Somebody else has both, and where there is one writer, everything: nobody may wait for them.
        held_calls.held(session, in_person.sid)
        held_calls.held(session, for_team.sid)
        assert waiting.serve_waiting(deployment, now()) == 0

    assert [record.message for record in caplog.records] == []


def test_who_has_declined_a_caller_is_not_free_for_them(
    another: Another, deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    for key in ("anna", "carla"):
        town.talks_elsewhere(key)
    call = another(from_="anonymous").comes_in()
    assert call.rings == "client:bram"
    with db.transaction() as session:
        assert call_control.decline(session, call.sid, "bram", "not_now", now(), deployment)
    assert (town.call(call.sid).state, town.presence("bram").activity) == (CallState.WAITING, Activity.IDLE)

    with db.transaction() as session:
        held_calls.held(session, call.sid)
        assert waiting.serve_waiting(deployment, now()) == 0

    assert [record.message for record in caplog.records] == []


def test_many_who_wait_cost_no_more_questions_than_one(another: Another, deployment: Deployment) -> None:
    def asked() -> int:
        statements: list[str] = []
        engine = db.current().engine
        event.listen(engine, "before_cursor_execute", note := lambda *words: statements.append(words[2]))
        assert waiting.serve_waiting(deployment, now()) == 0
        event.remove(engine, "before_cursor_execute", note)
        return len(statements)

    waiting_for_anna(another)
    waiting_for_the_team(another)
    of_two = asked()
    for number in range(4):
        waiting_for_anna(another, from_=f"+3161234560{number}")
        waiting_for_the_team(another)

    assert asked() == of_two


def test_who_is_held_by_another_worker_is_left_to_it(
    another: Another, deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    if db.current().is_sqlite:
        pytest.skip("SQLite holds everything, or nothing")
    call = waiting_for_anna(another)
    town.frees("anna")

    with db.transaction() as session:
        held_calls.held(session, call.sid)
        assert waiting.serve_waiting(deployment, now()) == 0

    assert [record.message for record in caplog.records] == []
    assert waiting.serve_waiting(deployment, now()) == 1
