"""How do people say a time?"""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from app import web
from app.catalogue import times

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NL_HOURS = "twaalf een twee drie vier vijf zes zeven acht negen tien elf".split()
EN_HOURS = "twelve one two three four five six seven eight nine ten eleven".split()
NL_MINUTES = [*NL_HOURS[1:], "twaalf", "dertien", "veertien"]


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=AMSTERDAM)


def minutes_after_twelve_nl(words: str) -> int:
    """Understand a Dutch time of day: minutes after twelve o'clock, on a clock with twelve hours."""
    if match := re.fullmatch(r"(\w+) uur", words):
        return NL_HOURS.index(match[1]) * 60
    match = re.fullmatch(r"(?:(kwart|\w+) (over|voor) )?(half )?(\w+)", words)
    assert match, words
    away = 0 if match[1] is None else 15 if match[1] == "kwart" else NL_MINUTES.index(match[1]) + 1
    base = NL_HOURS.index(match[4]) * 60 - (30 if match[3] else 0)
    return (base + (away if match[2] == "over" else -away)) % 720


def minutes_after_twelve_en(words: str) -> int:
    if match := re.fullmatch(r"(\w+) o'clock", words):
        return EN_HOURS.index(match[1]) * 60
    match = re.fullmatch(r"(a quarter|half|[\w-]+)(?: minutes?)? (past|to) (\w+)", words)
    assert match, words
    numbers = [times.number(value, "en") for value in range(30)]
    away = {"a quarter": 15, "half": 30}.get(match[1]) or numbers.index(match[1])
    base = EN_HOURS.index(match[3]) * 60
    return (base + (away if match[2] == "past" else -away)) % 720


@pytest.mark.parametrize("hour", range(24))
def test_every_minute_of_the_day_is_understood_as_the_one_that_was_meant(hour: int) -> None:
    for minute in range(60):
        meant = (hour % 12) * 60 + minute
        assert minutes_after_twelve_nl(times.clock_nl(hour, minute)) == meant
        assert minutes_after_twelve_en(times.clock_en(hour, minute)) == meant


@pytest.mark.parametrize(
    ("clock", "dutch", "english"),
    [
        ("15:00", "drie uur", "three o'clock"),
        ("15:05", "vijf over drie", "five past three"),
        ("15:15", "kwart over drie", "a quarter past three"),
        ("15:16", "veertien voor half vier", "sixteen minutes past three"),
        ("15:30", "half vier", "half past three"),
        ("15:40", "tien over half vier", "twenty to four"),
        ("15:45", "kwart voor vier", "a quarter to four"),
        ("15:59", "een voor vier", "one minute to four"),
        ("00:30", "half een", "half past twelve"),
        ("12:45", "kwart voor een", "a quarter to one"),
        ("23:45", "kwart voor twaalf", "a quarter to twelve"),
    ],
)
def test_a_time_of_day_is_said_as_people_say_it(clock: str, dutch: str, english: str) -> None:
    hour, minute = (int(part) for part in clock.split(":"))

    assert times.clock_nl(hour, minute) == dutch
    assert times.clock_en(hour, minute) == english


# Tuesday 24 November 2026.
@pytest.mark.parametrize(
    ("now", "moment", "dutch", "english"),
    [
        ("10:00", "24T11:15", "vanochtend om kwart over elf", "at a quarter past eleven this morning"),
        ("10:00", "24T15:15", "vanmiddag om kwart over drie", "at a quarter past three this afternoon"),
        ("10:00", "24T19:00", "vanavond om zeven uur", "at seven o'clock tonight"),
        ("10:00", "25T10:00", "morgenochtend om tien uur", "at ten o'clock tomorrow morning"),
        ("10:00", "26T13:30", "donderdagmiddag om half twee", "at half past one on Thursday afternoon"),
        ("10:00", "30T09:00", "maandagochtend om negen uur", "at nine o'clock on Monday morning"),
        # A night belongs to the day before it: nobody who is told “morgennacht” thinks of the coming one.
        ("22:50", "25T00:00", "vannacht om twaalf uur", "at twelve o'clock tonight"),
        ("23:30", "25T00:30", "vannacht om half een", "at half past twelve tonight"),
        ("10:00", "25T02:00", "vannacht om twee uur", "at two o'clock tonight"),
        ("00:10", "24T01:15", "vannacht om kwart over een", "at a quarter past one tonight"),
        ("00:10", "25T00:00", "vannacht om twaalf uur", "at twelve o'clock tonight"),
        ("05:30", "25T00:15", "vannacht om kwart over twaalf", "at a quarter past twelve tonight"),
        ("00:10", "25T01:15", "morgennacht om kwart over een", "at a quarter past one tomorrow night"),
        ("10:00", "26T02:00", "morgennacht om twee uur", "at two o'clock tomorrow night"),
        ("10:00", "27T02:00", "donderdagnacht om twee uur", "at two o'clock on Thursday night"),
    ],
)
def test_a_moment_is_said_with_the_day_as_seen_from_now(
    now: str, moment: str, dutch: str, english: str
) -> None:
    at, seen_from = local(f"2026-11-{moment}"), local(f"2026-11-24 {now}")

    assert times.spoken(at, seen_from, AMSTERDAM, "nl", "at") == dutch
    assert times.spoken(at, seen_from, AMSTERDAM, "en", "at") == english


def test_a_deadline_is_said_with_before() -> None:
    at, now = local("2026-11-24T15:15"), local("2026-11-24T10:00")

    assert times.spoken(at, now, AMSTERDAM, "nl", "before") == "vanmiddag vóór kwart over drie"
    assert times.spoken(at, now, AMSTERDAM, "en", "before") == "before a quarter past three this afternoon"


def test_a_day_beyond_a_week_is_said_by_its_date() -> None:
    at, now = local("2026-12-28T09:00"), local("2026-11-24T10:00")

    assert times.spoken(at, now, AMSTERDAM, "nl", "at") == "maandagochtend 28 december om negen uur"
    assert (
        times.spoken(at, now, AMSTERDAM, "en", "at")
        == "at nine o'clock on Monday morning, the 28th of December"
    )


@pytest.mark.parametrize(
    ("day", "said"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (22, "22nd"), (31, "31st")],
)
def test_dates_are_counted_as_in_english(day: int, said: str) -> None:
    at, now = local(f"2027-01-{day:02}T09:00"), local("2026-11-24T10:00")

    assert f"the {said} of January" in times.spoken(at, now, AMSTERDAM, "en", "at")


SUMMER, WINTER = ("zomertijd", "summer time"), ("wintertijd", "winter time")


# Sunday 31 October 2027, in whose night it is two o'clock twice in Amsterdam, and one o'clock in Dublin.
@pytest.mark.parametrize(
    ("zone", "utc", "dutch", "english", "shown", "which"),
    [
        ("Europe/Amsterdam", "30T23:59", "een voor twee", "one minute to two", "01:59", None),
        ("Europe/Amsterdam", "31T00:00", "twee uur", "two o'clock", "02:00", SUMMER),
        ("Europe/Amsterdam", "31T00:30", "half drie", "half past two", "02:30", SUMMER),
        ("Europe/Amsterdam", "31T01:00", "twee uur", "two o'clock", "02:00", WINTER),
        ("Europe/Amsterdam", "31T01:30", "half drie", "half past two", "02:30", WINTER),
        ("Europe/Amsterdam", "31T02:00", "drie uur", "three o'clock", "03:00", None),
        # In Ireland's data it is the winter that differs from the standard.
        ("Europe/Dublin", "30T23:45", "kwart voor een", "a quarter to one", "00:45", None),
        ("Europe/Dublin", "31T00:15", "kwart over een", "a quarter past one", "01:15", SUMMER),
        ("Europe/Dublin", "31T01:15", "kwart over een", "a quarter past one", "01:15", WINTER),
        ("Europe/Dublin", "31T02:15", "kwart over twee", "a quarter past two", "02:15", None),
        ("Africa/Johannesburg", "31T00:30", "half drie", "half past two", "02:30", None),
        ("UTC", "31T01:30", "half twee", "half past one", "01:30", None),
    ],
)
def test_a_time_that_the_clock_shows_twice_says_which_of_the_two_it_is(
    zone: str, utc: str, dutch: str, english: str, shown: str, which: tuple[str, str] | None
) -> None:
    at, where = datetime.fromisoformat(f"2027-10-{utc}+00:00"), ZoneInfo(zone)
    now = datetime(2027, 10, 30, 20, tzinfo=UTC)
    in_dutch, in_english = (f" {which[0]}", f" {which[1]}") if which else ("", "")

    assert times.spoken(at, now, where, "nl", "before") == f"vannacht vóór {dutch}{in_dutch}"
    assert times.spoken(at, now, where, "en", "at") == f"at {english}{in_english} tonight"
    assert times.written(at, where, "nl") == f"zo 31 oktober {shown}{in_dutch}"
    assert times.written(at, where, "en") == f"{shown}{in_english} on Sun 31 October"


def test_the_hour_that_the_spring_leaves_out_needs_no_word() -> None:
    before, after = datetime(2027, 3, 28, 0, 59, tzinfo=UTC), datetime(2027, 3, 28, 1, 0, tzinfo=UTC)

    assert times.written(before, AMSTERDAM, "nl") == "zo 28 maart 01:59"
    assert times.written(after, AMSTERDAM, "nl") == "zo 28 maart 03:00"


def test_pages_say_which_of_the_two_it_is_as_well(flask_app: Flask) -> None:
    now, at = datetime(2027, 10, 30, 10, tzinfo=UTC), datetime(2027, 10, 31, 1, 30, tzinfo=UTC)
    with flask_app.test_request_context(headers={"Accept-Language": "nl"}):
        assert web.clock_time(at) == "02:30 wintertijd"
        assert web.day_and_time(at, now) == "morgen 02:30 wintertijd"
        assert web.day(at, now) == "morgen"
        assert web.due(at, now) == "morgen vóór 02:30 wintertijd"
        assert web.day_and_time(at - timedelta(hours=1), at) == "vandaag 02:30 zomertijd"
        assert web.day_and_time(now, now) == "vandaag 12:00"


@pytest.mark.parametrize(
    ("language", "year", "days"),
    [
        ("nl", 2026, "di 6 jan|di 3 mrt|di 5 mei|do 3 sep|di 13 okt|vr 25 dec"),
        ("en", 2026, "Tue 6 Jan|Tue 3 Mar|Tue 5 May|Thu 3 Sep|Tue 13 Oct|Fri 25 Dec"),
        ("nl", 2027, "wo 6 jan 2027|wo 3 mrt 2027|wo 5 mei 2027|vr 3 sep 2027|wo 13 okt 2027|za 25 dec 2027"),
        (
            "en",
            2027,
            "Wed 6 Jan 2027|Wed 3 Mar 2027|Wed 5 May 2027|Fri 3 Sep 2027|Wed 13 Oct 2027|Sat 25 Dec 2027",
        ),
    ],
)
def test_pages_write_days_compactly_and_the_clock_with_24_hours(
    flask_app: Flask, language: str, year: int, days: str
) -> None:
    now = datetime(2026, 6, 15, 10, tzinfo=UTC)
    dates = ((1, 6), (3, 3), (5, 5), (9, 3), (10, 13), (12, 25))
    moments = [datetime(year, month, day, 21, 5, tzinfo=AMSTERDAM) for month, day in dates]
    with flask_app.test_request_context(headers={"Accept-Language": language}):
        assert [web.day(one, now) for one in moments] == days.split("|")
        assert [web.day_and_time(one, now) for one in moments] == [f"{day} 21:05" for day in days.split("|")]


def test_pages_call_the_days_beside_today_by_their_names(flask_app: Flask) -> None:
    now = local("2026-11-24T10:00")
    with flask_app.test_request_context(headers={"Accept-Language": "nl"}):
        assert web.day_and_time(local("2026-11-23T09:10"), now) == "gisteren 09:10"
        assert web.day_and_time(local("2026-11-24T00:00"), now) == "vandaag 00:00"
        assert web.day_and_time(local("2026-11-25T23:59"), now) == "morgen 23:59"
        assert web.due(local("2026-11-24T14:00"), now) == "vóór 14:00"
        assert web.due(local("2026-11-27T14:00"), now) == "vrijdag 27 november vóór 14:00"


@pytest.mark.parametrize(
    ("moment", "dutch", "english"),
    [
        ("2026-11-24T14:00", "vóór 14:00", "before 14:00"),
        ("2026-11-25T10:00", "morgen vóór 10:00", "before 10:00 tomorrow"),
        ("2026-11-30T10:00", "maandag 30 november vóór 10:00", "before 10:00 on Monday 30 November"),
        ("2027-01-04T09:30", "maandag 4 januari 2027 vóór 09:30", "before 09:30 on Monday 4 January 2027"),
    ],
)
def test_pages_say_by_when_as_people_would(moment: str, dutch: str, english: str) -> None:
    now = local("2026-11-24T10:00")

    assert times.deadline(local(moment), now, AMSTERDAM, "nl") == dutch
    assert times.deadline(local(moment), now, AMSTERDAM, "en") == english


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("nl", ["1 minuut", "15 minuten", "90 minuten", "1 seconde", "89 seconden", "7 dagen", "4 min"]),
        ("en", ["1 minute", "15 minutes", "90 minutes", "1 second", "89 seconds", "7 days", "4 min"]),
    ],
)
def test_pages_say_how_long_something_takes_in_the_unit_that_was_chosen(
    flask_app: Flask, language: str, said: list[str]
) -> None:
    with flask_app.test_request_context(headers={"Accept-Language": language}):
        minutes = [web.duration(count, "minute") for count in (1, 15, 90)]
        seconds = [web.duration(count, "second") for count in (1, 89)]
        assert [*minutes, *seconds, web.duration(7, "day"), web.duration(4, "minute", "short")] == said


DUTCH = re.compile(
    r"(van(nacht|ochtend|middag|avond)|morgen(nacht|ochtend|middag|avond)"
    r"|(maan|dins|woens|donder|vrij|zater|zon)dag(nacht|ochtend|middag|avond)( \d{1,2} [a-z]+)?)"
    r" (om|vóór) [a-z ]+"
)
ENGLISH = re.compile(
    r"(at|before) [a-z' -]+ (tonight|this (morning|afternoon)|tomorrow (morning|afternoon|evening|night)"
    r"|on (Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
    r" (morning|afternoon|evening|night)(, the \d{1,2}(st|nd|rd|th) of [A-Z][a-z]+)?)"
)
moments = st.integers(0, 2 * 365 * 24 * 60).map(
    lambda m: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=m)
)


@given(moments, st.timedeltas(timedelta(0), timedelta(days=40)), st.sampled_from(["at", "before"]))
def test_every_moment_to_come_is_said_in_words_that_are_understood(
    now: datetime, ahead: timedelta, preposition: str
) -> None:
    assert DUTCH.fullmatch(times.spoken(now + ahead, now, AMSTERDAM, "nl", preposition))
    assert ENGLISH.fullmatch(times.spoken(now + ahead, now, AMSTERDAM, "en", preposition))


@pytest.mark.parametrize("language", ["nl", "en"])
@pytest.mark.parametrize("start", ["2026-11-24T10:00", "2027-10-29T10:00"])
def test_two_moments_of_the_coming_week_are_never_said_alike(start: str, language: str) -> None:
    now = local(start).astimezone(UTC)
    hours = [now + timedelta(hours=ahead) for ahead in range(1, 6 * 24)]

    said = [times.spoken(one, now, AMSTERDAM, language, "at") for one in hours]
    assert len(set(said)) == len(said)


@pytest.mark.parametrize(
    ("value", "dutch", "english"), [(0, "nul", "zero"), (4, "vier", "four"), (45, "45", "45")]
)
def test_small_counts_are_words_and_large_ones_figures(value: int, dutch: str, english: str) -> None:
    assert times.number(value, "nl") == dutch
    assert times.number(value, "en") == english
