"""Have two weeks of calls come in that can be looked back upon, and leave the ten calls as they are told?"""

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import undefer

from app import db
from app.beside import answers, wrapping
from app.deployment import Deployment
from app.records.beside import WrapUp
from app.records.callers import Direction
from app.records.calls import Call, CallState, CallStep, Outcome
from app.records.messages import Message
from app.records.promises import OWED, Promise, PromiseState
from app.routing import comparing
from app.routing.replay import decided_again
from app.routing.rules import Rules
from config import Settings
from demo import beside, cast
from demo.files import write
from demo.recorded import DAYS, record

NOW = datetime(2026, 11, 27, 15, 0, tzinfo=UTC)


@pytest.fixture
def recorded(flask_app: Flask, settings: Settings, tmp_path: Path) -> int:
    """The demonstration's data, loaded as `make run` loads it, with its two weeks of calls."""
    write(tmp_path / "demo", NOW)
    for table in ("agents", "lines", "customers", "cases", "contacts"):
        done = flask_app.test_cli_runner().invoke(
            args=["load", table, str(tmp_path / "demo" / f"{table}.csv")]
        )
        assert done.exit_code == 0, done.output
    with db.transaction() as session:
        return record(session, NOW, Deployment.of(settings))


def test_two_weeks_of_calls_are_decided_again_as_they_were(recorded: int, settings: Settings) -> None:
    with db.reading() as session:
        steps = session.scalars(select(CallStep).options(undefer(CallStep.situation))).all()
        wrong = []
        for step in steps:
            again = decided_again(step)
            agent = getattr(again, "agent", None)
            if again is None or (again.kind, again.reason.code, agent) != (
                step.kind,
                step.reason,
                step.agent,
            ):
                wrong.append((step.call_sid, step.number, step.kind, again))
        assert wrong == []
        assert recorded > 200
        assert session.scalar(select(func.count()).where(Call.state != CallState.ENDED)) == 0
        # No desk begins with messages that wait for somebody.
        assert session.scalar(select(func.count()).where(Message.handled_at.is_(None))) == 0
        days = {call.created_at.date() for call in session.scalars(select(Call))}
        assert 8 <= len(days) <= DAYS
        found = {*session.scalars(select(Call.outcome).where(Call.direction == Direction.INBOUND))}
        assert found == {Outcome.TALKED, Outcome.PROMISED, Outcome.MISSED_PROMISED, Outcome.NOT_CALLABLE}


def test_nothing_is_owed_some_of_it_was_late_and_whoever_the_guide_speaks_of_has_not_called(
    recorded: int, settings: Settings, tmp_path: Path
) -> None:
    told = {plan.customer for plan in cast.PLANS}
    with (tmp_path / "demo" / "customers.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["customer"] in told]
    phones = {phone for row in rows for phone in row["phones"].split("|")}
    with db.transaction() as session:
        states = [*session.scalars(select(Promise.state))]
        assert not set(states) & set(OWED)
        assert states.count(PromiseState.KEPT) > len(states) / 2
        assert session.scalar(select(Promise.id).where(Promise.broken_at.is_not(None)).limit(1)) is not None
        assert session.scalar(select(func.count()).where(Call.remote_e164.in_(phones))) == 0
        assert session.scalar(select(func.count()).where(Call.customer.in_(told))) == 0
        # Done once, it is not done again.
        assert record(session, NOW, Deployment.of(settings)) == 0


FIRST = {"only": "promise"}


def test_a_draft_has_something_to_be_held_against(recorded: int) -> None:
    draft = Rules.written(
        {"rules": [{"id": "r1", "when": [{"fact": "weekday", "is": ["mo"]}], "then": {"only": "promise"}}]}
    )
    with db.reading() as session:
        since = datetime(2026, 1, 1, tzinfo=UTC)
        found = comparing.compare(session, draft, since, NOW)
        same = comparing.compare(session, Rules.written({}), since, NOW)
    assert found.count("promise") > 10
    asked = (("customer.tag", {"is": ["VIP"]}), ("case.calls", {"at_least": 3, "days": 7}))
    for fact, test in asked:
        example = Rules.written({"rules": [{"id": "r1", "when": [{"fact": fact, **test}], "then": FIRST}]})
        with db.reading() as session:
            assert comparing.compare(session, example, since, NOW).changes, f"nobody shows what {fact} does"
    assert (same.changes, same.unknown, found.calls) == ([], 0, same.calls)


def test_their_conversations_are_wrapped_up_so_that_a_team_has_habits(recorded: int) -> None:
    with db.transaction() as session:
        assert beside.write(session, NOW) > 20
        assert beside.write(session, NOW) == 0
    with db.reading() as session:
        rows = session.execute(select(WrapUp.team, WrapUp.cause).where(WrapUp.next_step != "")).all()
        habits = [wrapping.usual_step(session, team, cause, "", NOW) for team, cause in set(rows)]
        assert any(habits)
        assert answers.find(session, "ik ben mijn paspoort kwijt", "Burgerzaken")
