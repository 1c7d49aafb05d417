"""What if two things happen at the same instant? Each caller is answered, and no agent is rung by two."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy import delete, func, select, update

from app import db
from app.deployment import Deployment
from app.jobs import waiting
from app.records.agents import Activity, Intent, Presence
from app.records.calls import Call, CallState, CallStep, Outcome
from app.records.promises import Promise, PromiseState
from app.voice import call_control
from app.voice.outage import spool_replay
from config import Settings
from tests import factories, town
from tests.factories import ADA, BEN
from tests.telephone import Another, Line

RINGS_ANNA = "<Identity>anna</Identity>"
ROUNDS = 500  # of two calls for one agent, on each database


@pytest.fixture(autouse=True)
def settled(flask_app: Flask) -> None:
    town.settle()


@pytest.fixture
def deployment(settings: Settings) -> Deployment:
    return Deployment.of(settings)


def at_once(*doings: Callable[[], object], threads: ThreadPoolExecutor | None = None) -> list[object]:
    """Do all at the same instant, each in a thread; return what each returned. Raises what any raised."""
    start = threading.Barrier(len(doings))

    def one(doing: Callable[[], object]) -> object:
        start.wait()
        return doing()

    if threads is not None:
        return [future.result() for future in [threads.submit(one, doing) for doing in doings]]
    with ThreadPoolExecutor(len(doings)) as own:
        return at_once(*doings, threads=own)


@pytest.fixture
def ringing_in(flask_app: Flask, settings: Settings) -> Callable[..., Line]:
    """Make a call that can come in from a thread of its own."""

    def make(from_: str = ADA) -> Line:
        return Line(flask_app.test_client(), settings, from_)

    return make


def only_anna() -> None:
    for key in ("bram", "carla"):
        town.change(key, intent=Intent.OFF)


def forget_calls() -> None:
    with db.transaction() as session:
        session.execute(
            update(Call)
            .where(Call.state != CallState.ENDED)
            .values(state=CallState.ENDED, waiting_since=None, waiting_for_agent=None)
        )
        session.execute(delete(Promise))
        session.execute(
            update(Presence).values(activity=Activity.IDLE, call_sid=None, heartbeat_at=datetime.now(UTC))
        )


def free_anna_of_her_call() -> str | None:
    """Return the call that Anna is taken for, and let the next round begin."""
    with db.transaction() as session:
        taken_for = session.scalar(select(Presence.call_sid).where(Presence.agent == "anna"))
        session.execute(
            update(Call)
            .where(Call.state != CallState.ENDED)
            .values(state=CallState.ENDED, waiting_since=None, waiting_for_agent=None)
        )
        session.execute(
            update(Presence)
            .where(Presence.agent == "anna")
            .values(activity=Activity.IDLE, call_sid=None, heartbeat_at=datetime.now(UTC))
        )
        return taken_for


@pytest.mark.parametrize(("callers", "rounds"), [(2, ROUNDS), (8, 25)])
def test_calls_for_one_agent_at_the_same_instant_ring_her_once_and_are_all_answered(
    ringing_in: Callable[..., Line], callers: int, rounds: int
) -> None:
    only_anna()
    with ThreadPoolExecutor(callers) as threads:
        for number in range(rounds):
            calls = [ringing_in(ADA if place % 2 else BEN) for place in range(callers)]
            replies = [str(one) for one in at_once(*(call.answered for call in calls), threads=threads)]

            rung = [call.sid for call, reply in zip(calls, replies, strict=True) if RINGS_ANNA in reply]
            assert len(rung) == 1, f"round {number}"
            assert sum("<Enqueue" in reply for reply in replies) == callers - 1, f"round {number}: {replies}"
            assert free_anna_of_her_call() == rung[0]
    with db.transaction() as session:
        rings = select(func.count()).where(CallStep.kind == "owner")
        assert session.scalar(rings) == rounds
        assert session.scalar(select(func.count()).select_from(Call)) == rounds * callers
    assert len(town.pops("anna")) == rounds


def test_two_workers_that_serve_one_waiting_caller_ring_the_agent_once(
    another: Another, deployment: Deployment
) -> None:
    for number in range(12):
        town.talks_elsewhere("anna")
        call = another().comes_in()
        assert call.verbs == ["Say", "Enqueue"]
        town.change("anna", activity=Activity.IDLE, call_sid=None, heartbeat_at=datetime.now(UTC))

        served = at_once(*[lambda: waiting.serve_waiting(deployment, datetime.now(UTC))] * 3)

        assert sorted(served) == [0, 0, 1], f"round {number}"  # type: ignore[type-var]
        assert town.pops("anna").count(call.sid) == 1
        assert [step.kind for step in town.steps(call.sid)] == ["wait", "owner"]
        redirects = [row.payload for row in town.outbox() if row.payload.get("call_sid") == call.sid]
        assert redirects == [{"call_sid": call.sid, "step": 2}]
        forget_calls()


def test_a_caller_who_asks_the_queue_while_a_worker_serves_is_sent_on_once(
    another: Another, deployment: Deployment, ringing_in: Callable[..., Line]
) -> None:
    for number in range(12):
        town.talks_elsewhere("anna")
        call = another().comes_in()
        wait_url = call.attribute("Enqueue", "waitUrl")
        town.change("anna", activity=Activity.IDLE, call_sid=None, heartbeat_at=datetime.now(UTC))
        asking = ringing_in()
        asking.sid = call.sid

        at_once(
            lambda: waiting.serve_waiting(deployment, datetime.now(UTC)),
            lambda: asking.post(wait_url, context="wait"),  # noqa: B023
        )

        assert town.call(call.sid).state == CallState.RINGING, f"round {number}"
        assert len(town.steps(call.sid)) == 2
        assert town.pops("anna").count(call.sid) == 1
        forget_calls()


def test_a_decline_against_a_pick_up_leaves_one_of_the_two(
    another: Another, deployment: Deployment, ringing_in: Callable[..., Line]
) -> None:
    seen = set()
    for number in range(16):
        call = another().comes_in()
        call.leg("ringing")
        leg = call.attribute("Client", "statusCallback")
        picking_up = ringing_in()
        picking_up.sid = call.sid

        def decline(sid: str = call.sid) -> bool:
            with db.transaction() as session:
                return call_control.decline(session, sid, "anna", "meeting", datetime.now(UTC), deployment)

        declined, _ = at_once(
            decline,
            lambda: picking_up.post(leg, CallStatus="in-progress", CallSid="CA" + "e" * 32),  # noqa: B023
        )

        stands = town.call(call.sid)
        seen.add(declined)
        if declined:
            assert (stands.state, stands.bridged_to) == (CallState.RINGING, None), f"round {number}"
            assert town.presence("anna").activity == Activity.IDLE
            assert town.presence("bram").call_sid == call.sid
        else:
            assert (stands.state, stands.bridged_to) == (CallState.TALKING, "anna"), f"round {number}"
            assert town.presence("anna").activity == Activity.TALKING
            assert town.presence("bram").activity == Activity.IDLE
        forget_calls()
    assert seen <= {True, False}


def test_one_call_that_comes_in_eight_times_at_once_is_one_call(ringing_in: Callable[..., Line]) -> None:
    with ThreadPoolExecutor(8) as threads:
        for _ in range(8):
            first = ringing_in()
            same = [ringing_in() for _ in range(8)]
            for one in same:
                one.sid = first.sid
            at_once(*(one.comes_in for one in same), threads=threads)

            assert len({one.raw for one in same}) == 1
            assert same[0].rings == "client:anna"
            assert town.pops("anna").count(first.sid) == 1
            forget_calls()


def test_callers_from_one_number_at_once_are_owed_one_call(ringing_in: Callable[..., Line]) -> None:
    for key in ("anna", "bram", "carla"):
        town.change(key, intent=Intent.OFF)
    for _ in range(6):
        calls = [ringing_in() for _ in range(6)]
        at_once(*(call.comes_in for call in calls))

        assert {tuple(call.verbs) for call in calls} == {("Say", "Gather")}
        assert len({call.said for call in calls}) == 1
        [promise] = town.promises()
        assert {town.call(call.sid).promise for call in calls} == {promise.id}
        forget_calls()


def test_the_end_told_while_the_beginning_is_answered_leaves_one_outcome(
    ringing_in: Callable[..., Line],
) -> None:
    for number in range(12):
        call, ending = ringing_in(), ringing_in()
        ending.sid = call.sid

        at_once(call.comes_in, lambda: ending.post("/voice/status", CallStatus="completed"))  # noqa: B023

        stands = town.call(call.sid)
        assert (stands.state, stands.outcome) == (CallState.ENDED, Outcome.MISSED_PROMISED), f"round {number}"
        assert town.presence("anna").activity == Activity.IDLE
        assert [promise.state for promise in town.promises()] == [PromiseState.OPEN]
        forget_calls()


def test_a_hundred_calls_at_once_each_get_their_outcome(
    flask_app: Flask, settings: Settings, deployment: Deployment
) -> None:
    with db.transaction() as session:
        for number in range(10):
            factories.agent(session, f"agent{number}")
        for number in range(16):
            factories.customer(session, f"klant{number}", f"+316123400{number:02}")
            factories.case(session, f"K{number}", f"klant{number}", handled_by=(f"agent{number % 10}",))
    numbers = [f"+316123400{number:02}" for number in range(30)] + [ADA, BEN, "anonymous", "+31201119999"]
    calls = [Line(flask_app.test_client(), settings, numbers[place % len(numbers)]) for place in range(100)]

    def lives(call: Line) -> None:
        """Come in, talk if somebody is rung, and hang up."""
        call.comes_in()
        assert {"Dial", "Enqueue", "Gather", "Record"} & {verb.tag for verb in call.reply.iter()}
        if (
            len(list(call.reply.iter("Client"))) == 1
            and call.reply.find(".//Client[@statusCallback]") is not None
        ):
            call.talks()
            call.dial_ends("completed", DialBridged="true", DialCallDuration="5")
        call.hangs_up()

    at_once(*(lambda call=call: lives(call) for call in calls))  # type: ignore[misc]

    # What a moment's overload kept on disk is written down when it is over.
    spool_replay.merge(flask_app.extensions["carrier"].spool, deployment)
    for call in calls:
        call.hangs_up()
    with db.transaction() as session:
        ended = session.scalars(select(Call)).all()
        assert {call.sid for call in ended} == {call.sid for call in calls}
        assert all(call.outcome is not None and call.state == CallState.ENDED for call in ended)
        talked = [call.bridged_to for call in ended if call.outcome == Outcome.TALKED]
        assert talked
        held = select(Presence.agent).where(Presence.activity.in_(("reserved", "ringing", "talking")))
        assert session.scalars(held).all() == []
        unowed = [
            call.sid
            for call in ended
            if call.outcome == Outcome.NOT_CALLABLE and call.remote_e164 is not None
        ]
        assert unowed == []
        owed = select(func.count()).where(Promise.state == PromiseState.OPEN).group_by(Promise.number)
        assert set(session.scalars(owed)) <= {1}
