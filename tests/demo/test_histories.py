"""Are the histories such as people could have lived through?"""

import re
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from demo.storylines import STORYLINES, Storyline
from demo.words import STATUS_AFTER, Status
from demo.workdays import WorkingDays, in_words, is_working_day
from tests.demo.reading import NOW, Demo, written

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
MONTHS = "januari februari maart april mei juni juli augustus september oktober november december".split()
SPOKEN_DAY = re.compile(rf"(?:maan|dins|woens|donder|vrij)dag (\d+) ({'|'.join(MONTHS)})")


def _started(row: dict[str, str]) -> datetime:
    return datetime.fromisoformat(row["started_at"])


def test_contacts_lie_in_the_last_sixty_days_and_before_today(demo: Demo) -> None:
    now = datetime.fromisoformat(NOW)
    for row in demo.rows("contacts.csv"):
        assert now - timedelta(days=60) < _started(row)
        assert _started(row).astimezone(AMSTERDAM).date() < now.date()


def test_contacts_begin_and_end_within_working_hours(demo: Demo) -> None:
    for row in demo.rows("contacts.csv"):
        start = _started(row).astimezone(AMSTERDAM)
        end = start + timedelta(seconds=int(row["seconds"]))
        assert start.weekday() < 5, row
        assert time(8, 30) <= start.time() < end.time() <= time(17, 0) or row["seconds"] == "0", row


def test_times_carry_the_offset_that_amsterdam_has_that_day(demo: Demo) -> None:
    offsets = set()
    for row in demo.rows("contacts.csv"):
        offset = _started(row).utcoffset()
        assert offset == _started(row).astimezone(AMSTERDAM).utcoffset()
        offsets.add(offset)
    assert offsets == {timedelta(hours=1), timedelta(hours=2)}


def test_a_case_is_opened_before_its_first_contact(demo: Demo) -> None:
    for case in demo.rows("cases.csv"):
        assert datetime.fromisoformat(case["opened_at"]) < _started(demo.contacts_of(case["case"])[0])


def test_nobody_is_in_two_conversations_at_once(demo: Demo) -> None:
    busy = demo.busy()
    assert len(busy) == 8
    for spans in busy.values():
        for (start, seconds), (following, _) in pairwise(spans):
            assert start + timedelta(seconds=seconds) <= following


def test_talking_takes_time_and_writing_is_not_counted(demo: Demo) -> None:
    for row in demo.rows("contacts.csv"):
        seconds = int(row["seconds"])
        assert 60 <= seconds <= 3600 if row["channel"] in {"call", "visit"} else seconds == 0, row


def test_a_case_stands_where_its_last_contact_left_it(demo: Demo) -> None:
    after = {
        "solved": "solved",
        "waiting": "waiting",
        "promise_made": "open",
        "handed_over": "open",
    }
    for case in demo.rows("cases.csv"):
        outcomes = [row["outcome"] for row in demo.contacts_of(case["case"])]
        assert case["status"] == after[outcomes[-1]]
        assert "solved" not in outcomes[:-1]


def test_no_open_case_begins_with_a_broken_promise(demo: Demo) -> None:
    today = datetime.fromisoformat(NOW).date()
    unsolved = [case for case in demo.rows("cases.csv") if case["status"] != "solved"]
    for case in unsolved:
        last = demo.contacts_of(case["case"])[-1]
        assert _days_in(last["summary"], _started(last).date())[-1] >= today, last
    assert len(unsolved) > 30


def test_what_was_promised_for_a_day_happens_that_day(demo: Demo) -> None:
    kept = 0
    for case in demo.rows("cases.csv"):
        contacts = demo.contacts_of(case["case"])
        for promised, following in pairwise(contacts):
            days = _days_in(promised["summary"], _started(promised).date())
            assert _started(following).date() in days, (promised, following)
            kept += 1
    assert kept > 100


def test_who_is_named_as_owner_is_an_agent_of_the_case_whom_the_last_note_names(demo: Demo) -> None:
    named = [case for case in demo.rows("cases.csv") if case["owner"]]
    for case in named:
        last = demo.contacts_of(case["case"])[-1]
        assert case["status"] != "solved"
        assert case["owner"] != last["agent"]
        assert demo.spoken_name(case["owner"]) in last["summary"]
    assert 3 <= len(named) <= 20


def test_no_customer_has_two_cases_about_the_same(demo: Demo) -> None:
    subjects: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for case in demo.rows("cases.csv"):
        subjects[case["customer"]][case["subject"]] += 1
    assert all(count == 1 for counts in subjects.values() for count in counts.values())


def test_some_customers_have_no_case_some_two_and_some_share_a_telephone(demo: Demo) -> None:
    cases = Counter(case["customer"] for case in demo.rows("cases.csv"))
    customers = demo.rows("customers.csv")
    sharing = Counter(phone for row in customers for phone in row["phones"].split("|"))
    assert Counter(cases[row["customer"]] for row in customers).keys() == {0, 1, 2}
    assert sum(count == 2 for count in sharing.values()) >= 5
    assert sum("|" in row["phones"] for row in customers) >= 10


def test_nothing_is_left_between_braces(demo: Demo) -> None:
    texts = [row["summary"] for row in demo.rows("contacts.csv")]
    texts += [row["subject"] for row in demo.rows("cases.csv")]
    for text in texts:
        assert "{" not in text
        assert "}" not in text


def test_conversations_with_somebody_who_speaks_english_say_so(demo: Demo) -> None:
    english = {row["customer"] for row in demo.rows("customers.csv") if row["language"] == "en"}
    cases = {case["case"]: case["customer"] in english for case in demo.rows("cases.csv")}
    for row in demo.rows("contacts.csv"):
        spoken = cases[row["case"]] and row["channel"] in {"call", "visit"}
        assert row["summary"].endswith("Gesprek in het Engels.") == spoken


def test_there_are_many_different_matters() -> None:
    assert len(STORYLINES) >= 25
    assert len({each.key for each in STORYLINES}) == len(STORYLINES)
    notes = [note for each in STORYLINES for step in each.steps for note in step.notes]
    assert len(set(notes)) == len(notes)


@pytest.mark.parametrize("storyline", STORYLINES, ids=lambda each: each.key)
def test_a_storyline_takes_two_to_six_steps_and_only_the_last_one_solves_it(storyline: Storyline) -> None:
    states = [STATUS_AFTER[step.outcome] for step in storyline.steps]
    assert 2 <= len(states) <= 6
    assert states.index(Status.SOLVED) == len(states) - 1


@pytest.mark.parametrize("storyline", STORYLINES, ids=lambda each: each.key)
def test_a_storyline_says_by_when_until_it_is_solved(storyline: Storyline) -> None:
    *earlier, last = storyline.steps
    assert all("{next}" in note for step in earlier for note in step.notes)
    assert not any("{next}" in note for note in last.notes)


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    moment=st.datetimes(datetime(2024, 1, 1), datetime(2031, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    seed=st.integers(0, 10_000),
)
def test_any_moment_and_seed_make_whole_histories(tmp_path: Path, moment: datetime, seed: int) -> None:
    demo = written(tmp_path, "--now", moment.isoformat(), "--seed", str(seed))
    contacts = demo.rows("contacts.csv")
    assert len(demo.rows("cases.csv")) == 90
    assert all(moment - timedelta(days=60) < _started(row) < moment for row in contacts)
    assert all(is_working_day(_started(row).date()) for row in contacts)


def test_the_town_hall_is_closed_at_weekends_and_on_public_holidays() -> None:
    assert is_working_day(date(2025, 12, 24))
    assert not is_working_day(date(2025, 12, 25))  # Christmas
    assert not is_working_day(date(2026, 4, 27))  # King's Day
    assert not is_working_day(date(2025, 11, 22))  # Saturday


def test_working_days_are_counted_back_from_today() -> None:
    monday = WorkingDays(datetime(2025, 11, 24, 10, tzinfo=AMSTERDAM))
    assert monday.day(1) == date(2025, 11, 21)
    assert monday.day(0) == date(2025, 11, 24)
    assert monday.day(-1) == date(2025, 11, 25)


def test_on_a_sunday_the_next_working_day_is_still_to_come() -> None:
    sunday = WorkingDays(datetime(2025, 11, 23, 10, tzinfo=AMSTERDAM))
    assert sunday.day(1) == date(2025, 11, 21)
    assert sunday.day(0) == date(2025, 11, 24)


def test_days_are_spoken_of_in_dutch() -> None:
    assert in_words(date(2025, 11, 20)) == "donderdag 20 november"


def _days_in(summary: str, written_on: date) -> list[date]:
    """Return the days that a note mentions, each the first one with that name after the note was written."""
    days = []
    for number, month in SPOKEN_DAY.findall(summary):
        day = date(written_on.year, MONTHS.index(month) + 1, int(number))
        days.append(day if day >= written_on else day.replace(year=day.year + 1))
    return days
