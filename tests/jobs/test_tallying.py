"""Are many lines of tallies made a few, and do their sums stay what they were, whoever does it?"""

from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from app import db
from app.db import Database
from app.jobs import tallying
from app.records.tallies import Figure, Tally

CALLS = [("talked", 1), ("promised", 1), ("talked", 1), ("talked", 4), ("promised", 1)] * 5


@pytest.fixture
def lines(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Twenty-five lines, where ten are added up at a time."""
    monkeypatch.setattr(tallying, "AT_A_TIME", 10)
    with db.transaction() as session:
        for label, times in CALLS:
            session.add(Tally(figure=Figure.CALL_ENDED, label=label, times=times, seconds=0.5))
    yield
    with db.reading() as session:
        sums = select(Tally.label, func.sum(Tally.times), func.sum(Tally.seconds)).group_by(Tally.label)
        counted = {label: (int(times), seconds) for label, times, seconds in session.execute(sums)}
    assert counted == {"talked": (30, 7.5), "promised": (10, 5.0)}


def how_many() -> int:
    with db.reading() as session:
        return session.scalar(select(func.count()).select_from(Tally)) or 0


def test_many_lines_become_a_few_with_the_same_sums(lines: None) -> None:
    assert tallying.add_up() >= len(CALLS)
    assert how_many() <= 4
    tallying.add_up()
    assert how_many() == 2


def test_what_another_worker_holds_is_left_to_them(lines: None, database: Database) -> None:
    if database.is_sqlite:
        # Who writes second waits there until the first is done: nobody can find what another holds.
        pytest.skip("there is one lock for all")
    with db.transaction() as session:
        # They die before they have written the sums.
        assert tallying._add_up_some(session) == 10
        assert tallying.add_up() >= 15
        session.rollback()
    assert how_many() <= 14


def test_nothing_is_done_about_a_few(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallying, "MANY", 3)
    for count in range(1, 5):
        with db.transaction() as session:
            session.add(Tally(figure=Figure.CALL_ENDED, label="talked", times=1))
        with db.reading() as session:
            assert bool(session.scalars(tallying.many()).all()) == (count > 3)
