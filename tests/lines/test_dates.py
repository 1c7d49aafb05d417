"""What is true of a day that has hours of its own, and is it told as it is?"""

from dataclasses import replace
from datetime import date, datetime

import pytest

from app.lines.dates import Dates, OwnDate, SaidTwice
from app.lines.hours import Calendar, calendar
from app.lines.spans import NotHours
from app.lines.week import said_twice
from app.routing.decision import next_step
from app.routing.sentences import words
from tests.lines.test_hours import AMSTERDAM, local
from tests.situations import USUAL, line

OFFICE = "Mo-Fr 09:00-12:30,13:30-17:00; Sa 10:00-14:00"
# 24 December 2026 is a Thursday, 5 May 2027 a Wednesday and a public holiday once in five years only.
DAYS = """\
2026-12-03 13:00-15:00 | stadhuis
2026-12-24 until 12:00 | de kerstborrel
2026-12-29/2026-12-31 closed | de verhuizing
2027-05-05 closed
"""


def town(dates: str = DAYS, hours: str = OFFICE) -> Calendar:
    return calendar(hours, "Europe/Amsterdam", "NL", dates)


def times(day: str, dates: str, hours: str = OFFICE) -> str:
    return ",".join(map(str, town(dates, hours).times_on(date.fromisoformat(day))))


@pytest.mark.parametrize(
    ("said", "open_then"),
    [
        ("closed", ""),
        ("dicht", ""),
        ("Gesloten", ""),
        ("until 12:00", "09:00-12:00"),
        ("tot 15:00", "09:00-12:30,13:30-15:00"),
        ("from 10:00", "10:00-12:30,13:30-17:00"),
        ("vanaf 13:00", "13:30-17:00"),
        ("closed 12:00-14:00", "09:00-12:00,14:00-17:00"),
        ("dicht 10:00 - 11:00, 15:00–16:00", "09:00-10:00,11:00-12:30,13:30-15:00,16:00-17:00"),
        ("13:00-15:00", "13:00-15:00"),
        ("19:00-21:00, 10:00-12:00", "10:00-12:00,19:00-21:00"),
        ("00:00-24:00", "00:00-24:00"),
    ],
)
def test_a_day_is_open_as_was_said_of_it_by_itself(said: str, open_then: str) -> None:
    day = date(2026, 12, 24)
    kept = str(Dates.of([OwnDate.of(day, None, said)]))
    assert times("2026-12-24", kept) == open_then
    assert times("2026-12-23", kept) == "09:00-12:30,13:30-17:00", "the day before is one like others"
    assert str(Dates.parse(kept)) == kept


def test_it_counts_before_a_public_holiday_and_says_nothing_of_other_years() -> None:
    assert times("2026-12-25", "2026-12-25 10:00-12:00") == "10:00-12:00"
    assert times("2026-12-25", "2026-12-25 until 12:00") == "", "usually it is closed then, so it stays so"
    assert times("2027-12-24", DAYS) == "09:00-12:30,13:30-17:00"


@pytest.mark.parametrize(
    "said",
    [
        "",
        "maybe",
        "until",
        "until noon",
        "tot 25:00",
        "12:00",
        "15:00-13:00",
        "09:00-12:00,11:00-13:00",
        "closed 12:00",
    ],
)
def test_what_makes_no_sense_of_a_day_is_refused(said: str) -> None:
    with pytest.raises(NotHours):
        OwnDate.of(date(2026, 12, 24), None, said)


@pytest.mark.parametrize(("first", "last"), [("2026-12-24", "2026-12-23"), ("2026-01-01", "2027-01-02")])
def test_a_row_of_days_goes_forward_and_has_an_end(first: str, last: str) -> None:
    with pytest.raises(NotHours):
        OwnDate.of(date.fromisoformat(first), date.fromisoformat(last), "closed")


def test_a_day_that_is_said_twice_is_named_with_both() -> None:
    one = OwnDate.of(date(2026, 12, 28), date(2026, 12, 31), "closed")
    with pytest.raises(SaidTwice) as twice:
        Dates.of([OwnDate.of(date(2026, 12, 30), None, "until 12:00"), one])
    assert twice.value.day == date(2026, 12, 30)
    assert str(twice.value.one) == "2026-12-28/2026-12-31 closed"


@pytest.mark.parametrize(
    ("hours", "day"),
    [
        ("Mo-Fr 09:00-17:00; Fr 09:00-12:00", None),
        ("Mo-Fr 09:00-17:00; Fr 09:00-20:00", None),
        ("Mo 09:00-12:00; Mo 13:00-17:00", None),
        ("24/7", None),
        ("", None),
        ("Mo 09:00-12:00; Mo 11:00-15:00", "Mo"),
        ("Fr 09:00-12:00; Mo-Fr 09:00-17:00", "Fr"),
        ("Mo-We 09:00-12:00; We-Fr 09:00-17:00", "We"),
        ("PH 10:00-12:00; PH 11:00-13:00", "PH"),
    ],
)
def test_of_a_weekday_that_is_said_twice_nothing_gets_lost(hours: str, day: str | None) -> None:
    assert said_twice(hours) == day


@pytest.mark.parametrize(
    ("now", "hears"),
    [
        ("2026-12-24 11:00", None),
        ("2026-12-24 14:00", "nu gesloten vanwege de kerstborrel. We zijn maandagochtend om negen uur weer"),
        ("2026-12-24 18:00", "nu gesloten. We zijn maandagochtend om negen uur weer"),
        ("2026-12-25 11:00", "een feestdag; we zijn gesloten. We zijn maandagochtend om negen uur weer"),
        ("2026-12-29 10:00", "nu gesloten vanwege de verhuizing. We zijn zaterdagochtend om tien uur weer"),
        ("2027-05-05 10:00", "nu gesloten. We zijn vrijdagochtend om negen uur weer"),
        ("2026-12-03 10:00", "nu gesloten vanwege stadhuis. We zijn vanmiddag om een uur weer"),
    ],
)
def test_callers_hear_why_and_when_somebody_is_there_again(now: str, hears: str | None) -> None:
    at = local(now)
    step = next_step(replace(USUAL, now=at, line=line(calendar=town())))

    said = [words(sentence, "nl", AMSTERDAM, at) for sentence in step.say]
    assert (hears in said[0]) if hears else not any("gesloten" in one for one in said)


def test_open_time_that_a_promise_takes_goes_round_such_a_day() -> None:
    before = local("2026-12-24 11:30")
    assert town().after_open_time(before, 60) == local("2026-12-28 09:30")
    assert town().open_until(before) == local("2026-12-24 12:00")
    assert town().next_opening(datetime.fromisoformat("2026-12-29T08:00+01:00")) == local("2027-01-02 10:00")
