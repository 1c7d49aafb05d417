"""Are promises counted as those who were promised would count them?"""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from app import db
from app.admin.keeping import Outcome, bars, line_of, lines, outcomes
from app.records.promises import Promise, PromiseState
from tests import factories

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def kept(minutes_late: float, agent: str = "anna") -> Outcome:
    return Outcome(agent, "Burgerzaken", NOW, NOW + minutes_late * MINUTE)


NEVER = Outcome("bram", "Burgerzaken", NOW, None)


def test_in_time_is_not_after_the_spoken_moment_and_what_was_not_kept_counts() -> None:
    line = line_of("", [kept(-20), kept(-10), kept(0), kept(0.5), NEVER])

    assert (line.due, line.in_time, line.late, line.not_kept, line.percent) == (5, 3, 1, 1, 60)
    assert line.median_early == 10


def test_how_late_is_the_middle_one_and_what_nine_of_ten_stay_within() -> None:
    line = line_of("", [kept(minutes) for minutes in (1, 2, 3, 4, 5, 6, 7, 8, 90, 100)])

    assert (line.median_late, line.p90_late) == (5, 90)
    assert line_of("", []).percent is None
    assert line_of("", [kept(-1)]).p90_late is None


def test_the_real_moments_are_laid_against_the_spoken_ones() -> None:
    found = bars([kept(-1), kept(0), kept(10), kept(16), kept(61), kept(300), NEVER])

    assert [bar.count for bar in found] == [2, 1, 1, 1, 1, 1]
    assert found[0].percent == 100
    assert [line.name for line in lines([kept(0), NEVER], lambda one: one.agent or "")] == ["anna", "bram"]


@pytest.mark.parametrize(
    ("state", "broken", "counted"),
    [
        (PromiseState.KEPT, False, True),
        (PromiseState.BROKEN, True, True),
        (PromiseState.OPEN, False, True),  # its time has come and nobody has rung
        (PromiseState.WITHDRAWN, False, False),
        (PromiseState.MERGED, False, False),
        (PromiseState.MERGED, True, True),  # they had to ring us
    ],
)
def test_which_promises_count(flask_app: Flask, state: PromiseState, broken: bool, counted: bool) -> None:
    with db.transaction() as session:
        factories.line(session)
        factories.agent(session, "anna")
        factories.promise(session, due_at=NOW, now=NOW - 60 * MINUTE)
        values = {"state": state, "broken_at": NOW if broken else None, "finished_at": NOW - MINUTE}
        session.execute(update(Promise).values(values))

        found = outcomes(session, NOW - 10 * MINUTE, NOW + 10 * MINUTE)

        assert len(found) == counted
        assert outcomes(session, NOW + MINUTE, NOW + 2 * MINUTE) == []
        assert outcomes(session, NOW - MINUTE, NOW + MINUTE, team="Belastingen") == []
        if counted:
            assert (found[0].real is not None) == (state == PromiseState.KEPT)
