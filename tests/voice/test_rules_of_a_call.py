"""Is what was decided for a call kept with it, also when rules are published in the middle of it?"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import undefer

from app import db
from app.records.agents import Activity, Presence
from app.records.calls import CallStep
from app.records.lines import Line as OurLine
from app.records.promises import Recording
from app.records.rules import RuleVersion
from app.routing import rules
from app.routing.replay import decided_again
from app.routing.rules import Ladder
from tests import town
from tests.factories import ADA
from tests.telephone import Another, Line


@pytest.fixture(autouse=True)
def settled(flask_app: Flask) -> None:
    town.settle()


def publish(**parameters: Any) -> int:
    with db.transaction() as session:
        return rules.publish(session, Ladder(**parameters), "test", "", datetime.now(UTC))


def steps_of(call: Line) -> list[CallStep]:
    with db.reading() as session:
        query = select(CallStep).where(CallStep.call_sid == call.sid).order_by(CallStep.number)
        found = list(session.scalars(query.options(undefer(CallStep.situation))))
        session.expunge_all()
        return found


def test_each_step_keeps_the_version_and_the_parameters_that_decided_it(call: Line) -> None:
    first = publish(owner_ring_seconds=30)
    call.comes_in()
    second = publish(colleague_ring_seconds=50)

    call.dial_ends("no-answer")

    owner, colleague = steps_of(call)
    assert (owner.rule_version, colleague.rule_version) == (first, second)
    assert owner.parameters is not None
    assert colleague.parameters is not None
    assert (owner.parameters["owner_ring_seconds"], colleague.parameters["colleague_ring_seconds"]) == (
        30,
        50,
    )
    assert call.attribute("Dial", "timeout") == "45"  # the carrier rings five seconds more


def test_every_step_is_decided_again_as_it_was_taken(call: Line, another: Another) -> None:
    call.comes_in().dial_ends("no-answer").dial_ends("no-answer")
    town.talks_elsewhere("carla")
    waits = another(from_="+31687654321").comes_in()

    for step in (*steps_of(call), *steps_of(waits)):
        again = decided_again(step)
        assert again is not None
        assert (again.kind, again.reason.code) == (step.kind, step.reason)
        assert (getattr(again, "agent", None), getattr(again, "team", None)) == (step.agent, step.team)


def test_an_agent_wraps_up_by_the_rules_that_led_the_call_to_them(call: Line) -> None:
    publish(wrap_up_seconds=300)
    call.comes_in().talks()
    publish(wrap_up_seconds=0)

    call.dial_ends("completed", DialBridged="true", DialCallDuration="60")

    status = town.presence("anna")
    assert status.activity == Activity.WRAPPING_UP
    assert status.wrap_up_until is not None
    assert status.wrap_up_until - datetime.now(UTC) > timedelta(seconds=200)


def test_a_message_is_kept_as_long_as_was_resolved_for_its_call(call: Line) -> None:
    publish(recordings_days=7)
    with db.transaction() as session:
        session.execute(update(Presence).values(intent="off"))
        session.execute(update(OurLine).values(records_messages=True))
    call.comes_in()
    publish(recordings_days=365)

    call.post(call.attribute("Record", "action"), RecordingSid="RE" + "a" * 32, RecordingDuration="9")

    with db.reading() as session:
        assert session.scalar(select(Recording.keep_days)) == 7


def test_a_process_survives_rules_of_a_newer_version_of_the_program(call: Line) -> None:
    with db.transaction() as session:
        parameters = {"owner_ring_seconds": 33, "sings_to_callers": True}
        stored = RuleVersion(version=2, rules={"ladder": parameters}, published_by="newer", why="")
        stored.published_at = datetime.now(UTC)
        session.add(stored)

    call.comes_in()

    assert call.rings == "client:anna"
    assert call.attribute("Dial", "timeout") == "28"
    assert call.from_ == ADA
