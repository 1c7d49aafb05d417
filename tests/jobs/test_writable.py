"""Since when could signs of life be written down? As a worker's own writes show it."""

from datetime import UTC, datetime, timedelta

from app.jobs.writable import Writable

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def written(*moments: float) -> Writable:
    writable = Writable()
    for moment in moments:
        writable.wrote(after(moment))
    return writable


def test_who_has_not_written_yet_knows_nothing() -> None:
    assert Writable().since(NOON) is None


def test_writes_in_their_time_have_no_gap_between_them() -> None:
    assert written(0, 5, 10.5, 16).since(after(20)) == NOON


def test_a_write_that_had_to_wait_begins_anew() -> None:
    assert written(0, 5, 21).since(after(22)) == after(21)


def test_who_could_not_write_lately_knows_nothing() -> None:
    assert written(0, 5).since(after(14)) is None


def test_after_a_refusal_it_begins_anew() -> None:
    writable = written(0, 5)
    writable.failed()
    assert writable.since(after(6)) is None

    writable.wrote(after(7))

    assert writable.since(after(8)) == after(7)
