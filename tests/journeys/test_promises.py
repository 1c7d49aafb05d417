"""Does somebody who was promised a call get it? Whole callbacks through the carrier's own eyes."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from app.records.agents import Activity, Intent
from app.records.callers import Direction
from app.records.calls import CallState, Outcome
from app.records.lines import Line
from app.records.promises import AttemptOutcome, Promise, PromiseAttempt, PromiseState
from phonebox.client import PhoneCall
from tests import factories
from tests.factories import ADA, LINE, noon_zone
from tests.journeys.conftest import Town

SOON = timedelta(minutes=20)


@pytest.fixture(autouse=True)
def midday(town: Town) -> None:
    """Let it be about noon where the line is, at whatever hour these stories are told."""
    with town.written() as session:
        session.get_one(Line, LINE).timezone = noon_zone(datetime.now(UTC))


def owe(town: Town, *, due_in: timedelta = SOON, agent: str | None = "anna") -> int:
    """Anna promised Ada an hour ago to ring back, `due_in` from now."""
    now = datetime.now(UTC)
    with town.written() as session:
        promise = factories.promise(
            session,
            customer="ada",
            case="Z1",
            agent=agent,
            due_at=now + due_in,
            now=now - timedelta(hours=1),
            about="Het paspoort",
        )
        return promise.id


def promise(town: Town) -> Promise:
    [found] = town.promises()
    return found


def attempts(town: Town) -> list[PromiseAttempt]:
    with town.written() as session:
        found = list(session.query(PromiseAttempt).order_by(PromiseAttempt.id))
        session.expunge_all()
        return found


def callback(town: Town, to: str = "client:anna") -> PhoneCall:
    """Return the leg that the callback has rung, once it rings."""
    town.phonebox.endpoint(to).wait("ringing")
    return next(call for call in town.phonebox.calls() if call.state()["to"] == to)


def dials(town: Town, to: str) -> int:
    """Return how often a telephone rang."""
    return sum(call.rang.count(to) for call in town.phonebox.calls())


def is_in(town: Town, state: PromiseState) -> None:
    town.until(lambda: promise(town).state == state, f"the promise is {state}")


def test_a_promise_is_kept_by_whoever_made_it(town: Town) -> None:
    town.phonebox.endpoint(ADA).register("answer")
    owe(town)
    callback(town)
    [pop] = town.pops("anna")
    assert (pop["case"]["case"], pop["about"], pop["direction"]) == ("Z1", "Het paspoort", "outbound")
    [ring] = town.phonebox.endpoint("client:anna").state()["ringing"]
    assert ring["parameters"] == {"call_sid": pop["call_sid"], "case": "Z1", "customer": "ada"}

    town.phonebox.endpoint("client:anna").answer()
    ada = town.phonebox.endpoint(ADA)
    ada.wait("talking")
    time.sleep(0.8)  # sixteen of the carrier's seconds of conversation
    ada.hang_up()

    is_in(town, PromiseState.KEPT)
    call = town.call(pop["call_sid"])
    assert (call.direction, call.state, call.outcome) == (Direction.OUTBOUND, CallState.ENDED, Outcome.TALKED)
    assert call.bridged_to == "anna"
    assert promise(town).broken_at is None
    town.until(lambda: town.presence("anna").activity == Activity.WRAPPING_UP, "Anna writes things down")
    assert town.phonebox.debugger() == []
    assert dials(town, ADA) == 1


def test_a_colleague_who_knows_the_case_rings_before_the_deadline_when_the_owner_is_away(town: Town) -> None:
    town.change("anna", intent=Intent.BREAK)
    town.phonebox.endpoint(ADA).register("answer")
    town.phonebox.endpoint("client:bram").register("answer")
    owe(town, due_in=timedelta(minutes=10))

    ada = town.phonebox.endpoint(ADA)
    ada.wait("talking")
    time.sleep(0.8)
    ada.hang_up()

    is_in(town, PromiseState.KEPT)
    assert [one.agent for one in attempts(town)] == ["bram"]
    assert promise(town).agent == "anna"


def test_an_owner_who_is_away_is_waited_for_while_there_is_time(town: Town) -> None:
    town.change("anna", intent=Intent.BREAK)
    owe(town, due_in=timedelta(minutes=25))

    is_in(town, PromiseState.DUE)
    assert attempts(town) == []
    town.change("anna", intent=Intent.AVAILABLE)
    callback(town)


def test_a_customer_who_does_not_answer_is_tried_again_and_told_by_message(town: Town) -> None:
    town.phonebox.endpoint(ADA).register("no_answer")
    town.phonebox.endpoint("client:anna").register("answer")
    owe(town)

    for tries in (1, 2, 3):
        town.until(lambda tries=tries: promise(town).tries == tries, f"try {tries} is over")
        if tries < 3:
            assert promise(town).state == PromiseState.DUE
            assert promise(town).next_at is not None
            if tries > 1:
                town.until(lambda: town.presence("anna").activity == Activity.WRAPPING_UP, "Anna rounds off")
                town.end_wrap_up("anna")
            town.until(
                lambda: town.presence("anna").activity == Activity.IDLE, "Anna has heard that nobody answered"
            )
            with town.written() as session:
                session.get_one(Promise, promise(town).id).next_at = datetime.now(UTC)

    assert [one.outcome for one in attempts(town)] == [AttemptOutcome.NO_ANSWER] * 3
    assert promise(town).next_at is None  # a human decides
    town.phonebox.wait_for_message(ADA, "geprobeerd u terug te bellen")
    town.phonebox.wait_for_message(ADA, "niet kunnen bereiken")
    assert dials(town, ADA) == 3


def test_a_voicemail_never_keeps_a_promise(town: Town) -> None:
    town.phonebox.endpoint(ADA).register("voicemail")
    town.phonebox.endpoint("client:anna").register("answer")
    owe(town)
    leg = callback_answered(town)

    leg.wait("bridged")
    time.sleep(0.8)
    town.phonebox.endpoint("client:anna").hang_up()

    town.until(lambda: promise(town).tries == 1, "the try is over")
    assert [one.outcome for one in attempts(town)] == [AttemptOutcome.MACHINE]
    assert promise(town).state == PromiseState.DUE


def callback_answered(town: Town) -> PhoneCall:
    town.until(lambda: bool(attempts(town)) and attempts(town)[0].agent_leg is not None, "it was placed")
    return town.phonebox.call(str(attempts(town)[0].agent_leg))


def test_a_customer_who_rings_first_speaks_to_the_promiser_and_is_not_rung(town: Town) -> None:
    owe(town)
    leg = callback(town)

    call = town.phonebox.call_in(ADA, LINE)
    leg.wait("ended")
    call.wait("ringing:client:anna")
    town.phonebox.endpoint("client:anna").answer()
    call.wait("bridged:client:anna")

    is_in(town, PromiseState.MERGED)
    assert dials(town, ADA) == 0
    assert [one.outcome for one in attempts(town)] == [AttemptOutcome.CUSTOMER_RANG]


def test_an_agent_who_declines_makes_no_try_at_the_customer(town: Town) -> None:
    owe(town, due_in=timedelta(minutes=10))
    callback(town)
    [first] = attempts(town)

    town.decline("anna", first.call_sid, "meeting")

    callback(town, "client:bram")
    assert attempts(town)[0].outcome == AttemptOutcome.AGENT_DECLINED
    assert town.presence("anna").intent == Intent.AVAILABLE
    assert (promise(town).tries, dials(town, ADA)) == (0, 0)


def test_an_ordinary_phone_is_asked_for_a_human(town: Town) -> None:
    town.rings_at("anna", "+31201112233")
    phone = town.phonebox.endpoint("+31201112233").register()
    town.phonebox.endpoint(ADA).register("answer")
    owe(town)

    phone.answer()
    phone.wait("prompt")
    assert dials(town, ADA) == 0
    phone.press("1")

    town.phonebox.endpoint(ADA).wait("talking")


def test_a_customer_who_rings_while_the_phone_hears_of_their_callback_gets_that_phone(town: Town) -> None:
    town.rings_at("anna", "+31201112233")
    phone = town.phonebox.endpoint("+31201112233").register()
    owe(town)
    phone.answer()
    phone.wait("prompt")

    call = town.phonebox.call_in(ADA, LINE)

    call.wait("ringing:+31201112233")
    assert call.said == []
    phone.answer()
    phone.wait("prompt")
    phone.press("1")
    call.wait("bridged:+31201112233")
    is_in(town, PromiseState.MERGED)


def test_an_answer_that_was_lost_does_not_ring_the_agent_twice(town: Town) -> None:
    town.phonebox.fault("/Calls.json", "lost_reply", times=1)
    owe(town)

    callback(town)
    town.until(lambda: attempts(town)[0].agent_leg is not None, "the carrier was asked what it did")

    assert dials(town, "client:anna") == 1


def test_a_worker_that_dies_leaves_its_promise_to_the_next(town: Town) -> None:
    town.product.worker.kill()
    owe(town)
    town.product.worker.start()

    callback(town)
    town.product.worker.kill()
    town.phonebox.endpoint(ADA).register("answer")
    town.phonebox.endpoint("client:anna").answer()
    ada = town.phonebox.endpoint(ADA)
    ada.wait("talking")
    time.sleep(0.8)
    ada.hang_up()
    is_in(town, PromiseState.KEPT)
    town.product.worker.start()
    time.sleep(2.5)  # the new worker looks at everything twice

    assert (dials(town, ADA), len(attempts(town))) == (1, 1)


def test_a_promise_is_kept_with_redis_gone(town: Town) -> None:
    town.product.redis.kill()
    owe(town)

    callback(town)
    assert town.product.worker.stop() == 0, "it stops when it is asked to"
