"""At which hour may a promised callback ring? By the clock on the wall, also when that changes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.promises.times import Window, by_day, is_day, try_again_at

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def at(text: str) -> datetime:
    """Return a moment on the clock in Amsterdam."""
    return datetime.fromisoformat(text).replace(tzinfo=AMSTERDAM).astimezone(UTC)


@pytest.mark.parametrize(
    ("made", "due", "ring_from"),
    [
        ("2026-11-24 10:00", "2026-11-24 12:00", "2026-11-24 11:30"),
        # Never within two minutes, unless the promise itself is shorter than that.
        ("2026-11-24 10:00", "2026-11-24 10:15", "2026-11-24 10:02"),
        ("2026-11-24 10:00", "2026-11-24 10:02", "2026-11-24 10:01"),
        # So soon it is meant at once: the line dropped, at night too.
        ("2026-11-24 10:00", "2026-11-24 10:01:30", "2026-11-24 10:00"),
        ("2026-11-24 02:00", "2026-11-24 02:01:30", "2026-11-24 02:00"),
        # Not before eight in the morning.
        ("2026-11-24 20:50", "2026-11-25 08:15", "2026-11-25 08:00"),
        # What was agreed for the night is done in the night.
        ("2026-11-24 02:00", "2026-11-24 03:00", "2026-11-24 02:30"),
        ("2026-11-24 20:00", "2026-11-24 21:30", "2026-11-24 21:00"),
        # The clock goes back an hour on the last Sunday of October, and forward in March.
        ("2026-10-24 20:50", "2026-10-25 08:15", "2026-10-25 08:00"),
        ("2027-03-27 20:50", "2027-03-28 08:15", "2027-03-28 08:00"),
    ],
)
def test_a_promise_rings_half_an_hour_before_it_is_due_if_that_is_by_day(
    made: str, due: str, ring_from: str
) -> None:
    assert Window(at(made), at(due), AMSTERDAM).ring_from == at(ring_from)


def test_the_night_in_which_the_clock_goes_back_is_an_hour_longer() -> None:
    evening = at("2026-10-24 21:00")

    assert by_day(evening, AMSTERDAM) == at("2026-10-25 08:00")
    assert by_day(evening, AMSTERDAM) - evening == timedelta(hours=12)
    assert by_day(at("2026-10-23 21:00"), AMSTERDAM) - at("2026-10-23 21:00") == timedelta(hours=11)


@pytest.mark.parametrize(
    ("clock", "day"), [("07:59", False), ("08:00", True), ("20:59", True), ("21:00", False), ("00:00", False)]
)
def test_people_are_rung_from_eight_to_nine(clock: str, day: bool) -> None:
    assert is_day(at(f"2026-11-24 {clock}"), AMSTERDAM) is day


def test_an_agreed_night_call_may_be_a_little_late_and_then_waits_for_the_morning() -> None:
    window = Window(at("2026-11-24 02:00"), at("2026-11-24 03:00"), AMSTERDAM)

    assert window.may_ring(at("2026-11-24 02:45"))
    assert window.may_ring(at("2026-11-24 03:20"))
    assert not window.may_ring(at("2026-11-24 03:40"))
    assert window.may_ring(at("2026-11-24 08:00"))


def test_a_day_call_that_is_late_does_not_ring_in_the_evening() -> None:
    window = Window(at("2026-11-24 19:00"), at("2026-11-24 20:45"), AMSTERDAM)

    assert window.may_ring(at("2026-11-24 20:55"))
    assert not window.may_ring(at("2026-11-24 21:10"))


@pytest.mark.parametrize(
    ("tries", "now", "again"),
    [
        (1, "2026-11-24 10:00", "2026-11-24 10:10"),
        (2, "2026-11-24 10:10", "2026-11-24 10:55"),
        (2, "2026-11-24 20:30", "2026-11-25 08:00"),
    ],
)
def test_gaps_between_tries_grow_and_stay_within_the_day(tries: int, now: str, again: str) -> None:
    assert try_again_at(tries, at(now), AMSTERDAM) == at(again)


def test_after_three_tries_a_human_is_asked() -> None:
    assert try_again_at(3, at("2026-11-24 10:00"), AMSTERDAM) is None


# --- who is rung --------------------------------------------------------------------------------------
