"""Is it told when a line or case is of a team that nobody belongs to, before callers find out?"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import update

from app import db
from app.agents.teams import deserted
from app.records.agents import Agent
from app.records.callers import CaseStatus
from tests import factories

AGENTS = "agent,name,spoken_name,email,team,phone,language\n"
LINES = "number,name,language,country,team,timezone,hours\n"


def found(*, cases: bool = True) -> list[tuple[str, str, str | None]]:
    with db.reading() as session:
        return [(one.kind, one.team, one.alike) for one in deserted(session, cases=cases)]


@pytest.mark.parametrize("spelled", ["balie", "BALIE", " Balie".strip() + "s", "Ba-lie", "Bálie", "Balie "])
def test_a_team_that_is_spelled_otherwise_has_nobody_and_what_was_meant_is_said(
    flask_app: Flask, spelled: str
) -> None:
    with db.transaction() as session:
        factories.agent(session, "anna", team="Balie")
        factories.line(session, team=spelled)
    assert found() == [("line", spelled, None if spelled == "Balies" else "Balie")]


def test_lines_open_cases_and_owed_promises_are_looked_at(flask_app: Flask) -> None:
    now = datetime.now(UTC)
    with db.transaction() as session:
        factories.agent(session, "anna")
        factories.line(session)
        factories.customer(session, "ada", factories.ADA)
        factories.case(session, "Z1", "ada", team="Belastingen")
        factories.case(session, "Z2", "ada", team="Vroeger", status=CaseStatus.SOLVED)
        factories.case(session, "Z3", "ada")
        factories.promise(session, now=now, due_at=now + timedelta(hours=1), agent=None, team="burgerzaken")
    assert found() == [("case", "Belastingen", None), ("promise", "burgerzaken", "Burgerzaken")]
    assert found(cases=False) == [("promise", "burgerzaken", "Burgerzaken")]
    with db.transaction() as session:
        session.execute(update(Agent).values(enabled=False))
    assert ("line", "Burgerzaken", None) in found(), "who has left answers nothing"


def test_the_command_that_loads_and_the_doctor_say_so(
    flask_command: Callable[..., Result], tmp_path: Path
) -> None:
    agents, lines = tmp_path / "agents.csv", tmp_path / "lines.csv"
    agents.write_text(AGENTS + "anna,Anna,,,Balie,,nl\n")
    lines.write_text(LINES + "+31201234567,Algemeen,nl,NL,balie,Europe/Amsterdam,\n")
    assert "note:" not in flask_command("load", "agents", agents).stderr
    told = flask_command("load", "lines", lines)
    assert told.exit_code == 0
    assert "no agent belongs to team “balie” of line Algemeen" in told.stderr
    assert "at the agents it is “Balie”" in told.stderr
    doctor = flask_command("doctor", "--offline").output
    assert "SICK  teams: no agent belongs to team “balie” of line Algemeen (at the agents: “Balie”)" in doctor

    lines.write_text(LINES + "+31201234567,Algemeen,nl,NL,Balie,Europe/Amsterdam,\n")
    assert "note:" not in flask_command("load", "lines", lines).stderr
    assert "ok    teams" in flask_command("doctor", "--offline").output
