"""When is a line open, and how long does open time take?"""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lines.hours import Calendar, calendar
from app.lines.spans import Span
from app.lines.week import DAYS, Hours

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
OFFICE = "Mo-Fr 09:00-17:30; Sa 10:00-14:00"


def town(hours: str = OFFICE, country: str = "NL") -> Calendar:
    return calendar(hours, "Europe/Amsterdam", country)


def local(text: str) -> datetime:
    """A moment on Amsterdam's clocks, such as 2026-11-24 10:00."""
    return datetime.fromisoformat(text).replace(tzinfo=AMSTERDAM)


def spans(text: str) -> dict[str, list[tuple[int, int]]]:
    week = Hours.parse(text).week
    return {day: [(s.start, s.end) for s in week[n]] for n, day in enumerate(DAYS) if week[n]}


NINE, NOON, HALF_PAST_FIVE, MIDNIGHT = 540, 720, 1050, 1440


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mo 09:00-17:30", {"Mo": [(NINE, HALF_PAST_FIVE)]}),
        ("  Mo   09:00-17:30 ; ", {"Mo": [(NINE, HALF_PAST_FIVE)]}),
        ("Sa-Mo 09:00-12:00", {key: [(NINE, NOON)] for key in ("Mo", "Sa", "Su")}),
        ("Tu-Tu 09:00-12:00", {"Tu": [(NINE, NOON)]}),
        ("Mo,We 09:00-12:00", {key: [(NINE, NOON)] for key in ("Mo", "We")}),
        ("Mo 13:00-17:30,09:00-12:00", {"Mo": [(NINE, NOON), (780, HALF_PAST_FIVE)]}),
        ("Mo 09:00-12:00,12:00-17:30", {"Mo": [(NINE, NOON), (NOON, HALF_PAST_FIVE)]}),
        ("Su 00:00-24:00", {"Su": [(0, MIDNIGHT)]}),
        (
            "Mo-We 09:00-17:30; Tu 09:00-12:00",
            {"Mo": [(NINE, 1050)], "Tu": [(NINE, NOON)], "We": [(NINE, 1050)]},
        ),
        (";", {}),
    ],
)
def test_hours_are_read_as_they_are_written(text: str, expected: dict[str, list[tuple[int, int]]]) -> None:
    assert spans(text) == expected


def test_no_hours_at_all_are_always() -> None:
    assert Hours.parse("") == Hours.parse("  ") == Hours(((Span(0, MIDNIGHT),),) * 7)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Mo", "Mo"),
        ("09:00-17:30", "09:00-17:30"),
        ("Mo 09:00 - 17:30", "Mo 09:00 - 17:30"),
        ("Ma 09:00-17:30", "Ma"),
        ("mo 09:00-17:30", "mo"),
        ("Mo-Fri 09:00-17:30", "Mo-Fri"),
        ("Mo 9:00-17:30", "9:00-17:30"),
        ("Mo 09:00-25:00", "09:00-25:00"),
        ("Mo 09:60-10:00", "09:60-10:00"),
        ("Mo 09:00-24:30", "09:00-24:30"),
        ("Mo 17:30-09:00", "17:30-09:00"),
        ("Mo 09:00-09:00", "09:00-09:00"),
        ("Mo 22:00-06:00", "22:00-06:00"),
        ("Tu 09:00-12:00; Mo 09:00-12:00,11:59-14:00", "Mo 09:00-12:00,11:59-14:00"),
        ("Mo 09:00-12:00,", "Mo 09:00-12:00,"),
        ("Mo, 09:00-12:00", "Mo, 09:00-12:00"),
        ("Mo 09:00–17:30", "09:00–17:30"),
        ("closed", "closed"),
    ],
)
def test_hours_that_make_no_sense_are_refused_by_what_is_wrong_in_them(text: str, named: str) -> None:
    with pytest.raises(ValueError, match=r"“") as refused:
        Hours.parse(text)
    assert f"“{named}”" in str(refused.value)


@given(st.text(alphabet="MoTuWeThFrSaSu 0123456789:-,;\n", max_size=40))
def test_whatever_stands_there_is_read_or_refused_in_words(text: str) -> None:
    refused = ""
    week: tuple[tuple[Span, ...], ...] = ((),) * 7
    try:
        week = Hours.parse(text).week
    except ValueError as error:
        refused = str(error)

    assert "“" in refused or not refused
    assert len(week) == 7
    for day in week:
        assert all(0 <= span.start < span.end <= MIDNIGHT for span in day)
        assert all(one.end <= other.start for one, other in itertools.pairwise(day))


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-11-24 08:59", False),
        ("2026-11-24 09:00", True),
        ("2026-11-24 17:29", True),
        ("2026-11-24 17:30", False),
        ("2026-11-28 10:00", True),  # Saturday
        ("2026-11-29 10:00", False),  # Sunday
        ("2026-12-25 10:00", False),  # Christmas, a Friday
        ("2026-04-27 10:00", False),  # King's Day, a Monday
        ("2026-04-28 10:00", True),
    ],
)
def test_a_line_is_open_by_the_clock_on_its_own_wall(at: str, is_open: bool) -> None:
    assert town().is_open(local(at)) is is_open
    assert town().is_open(local(at).astimezone(UTC)) is is_open


def test_a_holiday_closes_a_line_by_the_day_of_its_own_time_zone() -> None:
    # 23:30 UTC on the 24th is Christmas already in Amsterdam, and not yet in London.
    eve = datetime(2026, 12, 24, 23, 30, tzinfo=UTC)
    nights = "Mo-Su 00:00-24:00"

    assert not calendar(nights, "Europe/Amsterdam", "NL").is_open(eve)
    assert calendar(nights, "Europe/London", "GB").is_open(eve)
    assert town(nights).holiday(eve)
    assert town(nights).holiday(eve - timedelta(hours=2)) is None


def test_only_hours_that_say_so_hold_on_a_public_holiday() -> None:
    christmas = local("2026-12-25 10:00")

    assert not town("").is_open(christmas)
    assert town("24/7").is_open(christmas)
    assert town("Mo-Fr 09:00-17:00; PH 10:00-14:00").is_open(christmas)
    assert not town("Mo-Fr 09:00-17:00; PH 10:00-14:00").is_open(local("2026-12-25 15:00"))


def test_a_country_of_which_no_holidays_are_known_has_none() -> None:
    assert town(country="XX").is_open(local("2026-12-25 10:00"))


def test_a_line_in_an_unknown_place_is_refused() -> None:
    with pytest.raises((ZoneInfoNotFoundError, ValueError)):
        calendar(OFFICE, "Europe/Nergens", "NL")


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-11-24 10:00", "2026-11-24 10:00"),
        ("2026-11-24 08:00", "2026-11-24 09:00"),
        ("2026-11-24 17:30", "2026-11-25 09:00"),
        ("2026-11-27 18:00", "2026-11-28 10:00"),
        ("2026-11-28 14:00", "2026-11-30 09:00"),
        ("2026-12-24 18:00", "2026-12-28 09:00"),  # both days of Christmas, then Sunday
    ],
)
def test_the_next_opening_skips_nights_weekends_and_holidays(at: str, opens: str) -> None:
    assert town().next_opening(local(at)) == local(opens)


@pytest.mark.parametrize(
    ("at", "minutes", "passed"),
    [
        ("2026-11-24 10:00", 60, "2026-11-24 11:00"),
        ("2026-11-24 16:30", 60, "2026-11-24 17:30"),
        ("2026-11-24 16:31", 60, "2026-11-25 09:01"),
        ("2026-11-24 17:30", 60, "2026-11-25 10:00"),
        ("2026-11-28 13:30", 60, "2026-11-30 09:30"),
        ("2026-12-24 17:00", 60, "2026-12-28 09:30"),
        ("2026-11-24 10:00", 0, "2026-11-24 10:00"),
    ],
)
def test_open_time_passes_only_while_the_line_is_open(at: str, minutes: int, passed: str) -> None:
    assert town().after_open_time(local(at), minutes) == local(passed)


@pytest.mark.parametrize(
    ("hours", "at", "minutes", "passed"),
    [
        # The clock goes from 2 to 3: an open night of 24 hours lasts 23.
        ("", "2026-03-28T23:00+00:00", 180, "2026-03-29T02:00+00:00"),
        ("Su 00:00-24:00", "2026-03-28T23:00+00:00", 23 * 60, "2026-03-29T22:00+00:00"),
        # From 3 back to 2: it lasts 25.
        ("Su 00:00-24:00", "2026-10-24T22:00+00:00", 25 * 60, "2026-10-25T23:00+00:00"),
        # Nine o'clock is nine o'clock on either side of it.
        (OFFICE, "2026-03-28T14:00+00:00", 60, "2026-03-30T08:00+00:00"),
        (OFFICE, "2026-10-24T13:00+00:00", 60, "2026-10-26T09:00+00:00"),
    ],
)
def test_the_nights_on_which_the_clock_changes_are_as_long_as_they_are(
    hours: str, at: str, minutes: int, passed: str
) -> None:
    moment = town(hours).after_open_time(datetime.fromisoformat(at), minutes)
    assert moment == datetime.fromisoformat(passed)


def test_a_line_that_never_opens_says_so() -> None:
    never = town(";")

    assert not never.is_open(local("2026-11-24 10:00"))
    assert never.next_opening(local("2026-11-24 10:00")) is None
    assert never.after_open_time(local("2026-11-24 10:00"), 60) is None


hours_texts = st.sampled_from(["", OFFICE, "Mo 00:00-24:00", "Su 02:00-03:00", "Mo-Su 08:00-20:00", ";"])
moments = st.integers(0, 2 * 365 * 24 * 60).map(
    lambda m: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=m)
)


@given(hours_texts, moments, st.integers(0, 240))
def test_open_time_ends_while_open_or_at_closing_and_never_before_it_began(
    hours: str, at: datetime, minutes: int
) -> None:
    opening, passed = town(hours).next_opening(at), town(hours).after_open_time(at, minutes)

    assert (opening is None) == (passed is None)
    if opening is None or passed is None:
        return
    assert at <= opening <= passed
    assert town(hours).is_open(opening)
    assert passed - opening >= timedelta(minutes=minutes)
    assert town(hours).is_open(passed) or town(hours).is_open(passed - timedelta(microseconds=1))


def test_a_day_that_is_named_twice_has_both_times_or_the_later_of_those_that_overlap() -> None:
    office = town("Mo-Fr 09:00-12:00; Mo-Fr 13:00-17:00; Fr 10:00-12:30")

    assert office.is_open(local("2026-11-30 10:00"))
    assert not office.is_open(local("2026-11-30 12:30"))
    assert office.is_open(local("2026-11-30 16:00"))
    assert not office.is_open(local("2026-12-04 09:30"))
    assert office.is_open(local("2026-12-04 12:15"))
