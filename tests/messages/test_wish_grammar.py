"""Is what people write understood, in Dutch and in English, and left to a human where it isn't?"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lines.hours import calendar
from app.messages.wish_grammar import parse
from app.messages.wished_times import Clock, Day, Kind, Part, agreed

TODAY, TOMORROW = Day(ahead=0), Day(ahead=1)
H = Clock


def sure(hour: int, minute: int = 0) -> Clock:
    return Clock(hour, minute, sure=True)


UNDERSTOOD: list[tuple[str, dict[str, object]]] = [
    ("bel mij maar na vijven", {"start": H(5)}),
    ("Bel mij maar na vijven!", {"start": H(5)}),
    ("liever na 5 uur", {"start": H(5)}),
    ("na 17:00 aub", {"start": sure(17)}),
    ("vanaf 13.30 uur graag", {"start": sure(13, 30)}),
    ("morgen na 10 uur graag", {"day": TOMORROW, "start": H(10)}),
    ("Hoi Anna, bel me maar na vijven. Groet, Ada", {"start": H(5)}),
    ("Beste mevrouw Jansen,\nkan het morgen om half elf?\nMet vriendelijke groet, A. de Vries",
     {"day": TOMORROW, "at": H(10, 30)}),
    ("kan het om half drie?", {"at": H(2, 30)}),
    ("om half een graag", {"at": H(12, 30)}),
    ("kwart over drie", {"at": H(3, 15)}),
    ("kwart voor 9 vanavond", {"at": H(8, 45), "day": TODAY, "part": Part.EVENING}),
    ("om vijf voor half vier", {"at": H(3, 25)}),
    ("om 10 over half 4", {"at": H(3, 40)}),
    ("om 3 uur 's middags", {"at": H(3), "part": Part.AFTERNOON}),
    ("rond elf uur", {"at": H(11)}),
    ("15:30", {"at": sure(15, 30)}),
    ("09:15 uur", {"at": sure(9, 15)}),
    ("bel niet voor 10 uur", {"start": H(10)}),
    ("niet eerder dan drie uur", {"start": H(3)}),
    ("pas na zessen", {"start": H(6)}),
    ("ik ben bereikbaar tot drie uur", {"end": H(3)}),
    ("uiterlijk om vijf uur", {"end": H(5)}),
    ("voor 12 uur graag", {"end": H(12)}),
    ("tussen 2 en 4", {"start": H(2), "end": H(4)}),
    ("tussen 14.00 en 16.00 uur", {"start": sure(14), "end": sure(16)}),
    ("14-16 uur", {"start": sure(14), "end": sure(16)}),
    ("morgen van 9 tot 11", {"day": TOMORROW, "start": H(9), "end": H(11)}),
    ("over een uur", {"delay": timedelta(hours=1)}),
    ("over een half uur graag", {"delay": timedelta(minutes=30)}),
    ("over een kwartier", {"delay": timedelta(minutes=15)}),
    ("bel me over 20 minuten", {"delay": timedelta(minutes=20)}),
    ("vanmiddag graag", {"day": TODAY, "part": Part.AFTERNOON}),
    ("morgenochtend", {"day": TOMORROW, "part": Part.MORNING}),
    ("overmorgen in de middag", {"day": Day(ahead=2), "part": Part.AFTERNOON}),
    ("dinsdag", {"day": Day(weekday=1)}),
    ("a.s. vrijdagmiddag", {"day": Day(weekday=4), "part": Part.AFTERNOON}),
    ("dinsdag morgen om 10 uur", {"day": Day(weekday=1), "part": Part.MORNING, "at": H(10)}),
    ("na het weekend", {"day": Day(next_week=True)}),
    ("volgende week dinsdag", {"day": Day(weekday=1, next_week=True)}),
    ("kunt u mij terugbellen", {}),
    ("bel me terug aub", {}),
    ("please call me after 5 pm", {"start": sure(17)}),
    ("Hi Anna, can you call me tomorrow morning? Thanks", {"day": TOMORROW, "part": Part.MORNING}),
    ("at half past three please", {"at": H(3, 30)}),
    ("could you ring me at a quarter to 4?", {"at": H(3, 45)}),
    ("not before 10 a.m.", {"start": sure(10)}),
    ("please don't call me before 10", {"start": H(10)}),
    ("I'm free until noon", {"end": sure(12)}),
    ("between 2 and 4 pm", {"start": H(2), "end": sure(16)}),
    ("in half an hour", {"delay": timedelta(minutes=30)}),
    ("call me back in two hours", {"delay": timedelta(hours=2)}),
    ("on Monday after 9", {"day": Day(weekday=0), "start": H(9)}),
    ("after the weekend please", {"day": Day(next_week=True)}),
    ("the day after tomorrow in the afternoon", {"day": Day(ahead=2), "part": Part.AFTERNOON}),
]  # fmt: skip

WITHDRAWN = [
    "bel me niet meer",
    "Laat maar, is opgelost",
    "Het is al geregeld, dank u wel",
    "terugbellen hoeft niet meer",
    "u hoeft mij niet meer terug te bellen",
    "hoeft niet meer",
    "niet meer nodig",
    "ik heb het zelf al opgelost, bedankt",
    "Never mind",
    "it's been resolved, thanks",
    "please don't call me any more",
    "no need to call back",
    "I already fixed it myself",
]

THANKS = ["ok", "Prima, dank u wel!", "is goed", "thanks", "That works, thank you"]

# Each holds something that could be taken for a wish by whoever doesn't read all of it.
LEFT_TO_A_HUMAN = [
    "",
    "ja",
    "nee",
    "wie is dit?",
    "ik kan niet om 3 uur",
    "om 3 of 4 uur",
    "dinsdag of woensdag",
    "ik ben na 5 niet bereikbaar",
    "liever niet morgen",
    "niet opgelost",
    "is het opgelost?",
    "nog niet geregeld",
    "bel me niet meer voor vijf uur",
    "laat maar, bel morgen om 10 uur",
    "mijn paspoort is kwijt, kan het om half drie?",
    "bel me voor mijn paspoort",
    "bel mijn zoon na vijven",
    "bel 0612345678",
    "ik ben er om drie uur weer, afwezigheidsbericht",
    "Ik ben tot maandag met vakantie en lees uw bericht daarna.",
    "na mijn werk",
    "na de lunch",
    "after work",
    "at half 3",
    "volgende maandag",
    "om 25 uur",
    "om 14:75",
    "morgen vroeg",
    "morgen dinsdag",
    "om 3 uur na 4 uur",
    "don't call me unless it is urgent",
    "this isn't solved",
    "call me maybe",
    "x" * 300,
    "na vijven " * 40,
]


@pytest.mark.parametrize(("words", "wish"), UNDERSTOOD)
def test_a_wish_is_understood(words: str, wish: dict[str, object]) -> None:
    read = parse(words)

    names = ("day", "part", "at", "start", "end", "delay")
    assert read.kind == Kind.RING
    assert {name: getattr(read, name) for name in names if getattr(read, name) is not None} == wish


@pytest.mark.parametrize(
    ("words", "kind"),
    [(words, Kind.WITHDRAW) for words in WITHDRAWN] + [(words, Kind.THANKS) for words in THANKS],
)
def test_who_need_not_be_rung_and_who_agrees_is_understood(words: str, kind: Kind) -> None:
    assert parse(words).kind == kind


@pytest.mark.parametrize("words", LEFT_TO_A_HUMAN)
def test_what_holds_anything_else_is_left_to_a_human(words: str) -> None:
    assert parse(words).kind == Kind.UNCLEAR


# --- the times that come of it ------------------------------------------------------------------------

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
OFFICE = calendar("Mo-Fr 09:00-17:30", "Europe/Amsterdam", "NL")


def at(words: str) -> datetime:
    return datetime.fromisoformat(words).replace(tzinfo=AMSTERDAM)


@pytest.mark.parametrize(
    ("now", "words", "not_before", "due_at"),
    [
        # Tuesday 24 November 2026
        ("2026-11-24T10:00", "na vijven", "2026-11-24T17:00", "2026-11-24T17:30"),
        ("2026-11-24T10:00", "om half drie", "2026-11-24T14:30", "2026-11-24T15:00"),
        ("2026-11-24T10:00", "tussen 2 en 4", "2026-11-24T14:00", "2026-11-24T15:00"),
        ("2026-11-24T10:00", "voor vier uur", None, "2026-11-24T16:00"),
        ("2026-11-24T10:00", "vanmiddag", "2026-11-24T12:00", "2026-11-24T13:00"),
        ("2026-11-24T10:00", "morgen na 10 uur graag", "2026-11-25T10:00", "2026-11-25T11:00"),
        ("2026-11-24T10:00", "over een uur", "2026-11-24T11:00", "2026-11-24T12:00"),
        ("2026-11-24T10:00", "donderdag", "2026-11-26T09:00", "2026-11-26T10:00"),
        ("2026-11-24T10:00", "bel me terug", None, "2026-11-24T11:00"),
        ("2026-11-27T16:00", "na het weekend", "2026-11-30T09:00", "2026-11-30T10:00"),
        # in the evening ten o'clock is tomorrow's, at three in the night it is today's
        ("2026-11-24T20:30", "na 10 uur", "2026-11-25T10:00", "2026-11-25T11:00"),
        ("2026-11-24T03:00", "na 10 uur", "2026-11-24T10:00", "2026-11-24T11:00"),
        ("2026-11-24T03:00", "om half drie", "2026-11-24T14:30", "2026-11-24T15:00"),
        # the night in which the clock goes back, and the one in which it goes forward
        ("2026-10-23T16:00", "na het weekend", "2026-10-26T09:00", "2026-10-26T10:00"),
        ("2026-03-28T12:00", "maandag om 10 uur", "2026-03-30T10:00", "2026-03-30T10:30"),
        # Easter Monday 2026 is 6 April: after the weekend is Tuesday
        ("2026-04-03T16:00", "na het weekend", "2026-04-07T09:00", "2026-04-07T10:00"),
    ],
)
def test_a_wish_becomes_a_time_at_which_somebody_is_there(
    now: str, words: str, not_before: str | None, due_at: str
) -> None:
    when = agreed(parse(words), OFFICE, at(now).astimezone(UTC), 60)

    assert when is not None
    assert when.not_before == (at(not_before) if not_before else None)
    assert when.due_at == at(due_at)


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ("2026-11-24T10:00", "na zessen"),  # nobody is there then
        ("2026-11-24T10:00", "na acht uur"),
        ("2026-11-24T10:00", "vanavond"),
        ("2026-11-24T10:00", "zaterdag"),
        ("2026-11-24T10:00", "dinsdag"),  # today, or in a week?
        ("2026-11-24T15:00", "om half drie"),  # past
        ("2026-11-24T15:00", "voor 12 uur"),
        ("2026-11-24T15:55", "voor 4 uur"),  # in five minutes
        ("2026-11-24T03:00", "morgen na 10 uur"),  # today, or the day after the night?
        ("2026-11-24T16:30", "over twee uur"),
        ("2026-04-03T16:00", "maandag"),  # Easter Monday
        ("2026-12-24T16:00", "morgen"),  # Christmas
    ],
)
def test_a_time_at_which_nobody_is_there_or_that_may_be_two_is_left_to_a_human(now: str, words: str) -> None:
    wish = parse(words)

    assert wish.kind == Kind.RING
    assert agreed(wish, OFFICE, at(now).astimezone(UTC), 60) is None


def test_who_is_there_day_and_night_still_does_not_ring_at_three_in_the_night() -> None:
    always = calendar("24/7", "Europe/Amsterdam", "NL")
    now = at("2026-11-24T01:00").astimezone(UTC)

    by_day = agreed(parse("om 3 uur"), always, now, 60)

    assert by_day is not None
    assert by_day.not_before == at("2026-11-24T15:00")
    assert agreed(parse("om 8 uur"), always, now, 60) is None  # may be either


_SIGNS = ("-", "/", ".", " - ", "–")
_AROUND = (
    "{} graag",
    "op {} graag",
    "bel me {}",
    "liever {}",
    "na {}",
    "vanaf {} aub",
    "maandag {}",
    "{}",
    "on {} please",
)


@given(
    st.integers(1, 31), st.integers(1, 12), st.sampled_from(_SIGNS), st.sampled_from(_AROUND), st.booleans()
)
def test_figures_that_may_be_a_date_are_never_read_as_times(
    day: int, month: int, sign: str, around: str, padded: bool
) -> None:
    date = f"{day:02}{sign}{month:02}" if padded else f"{day}{sign}{month}"
    assert parse(around.format(date)).kind == Kind.UNCLEAR
    assert parse(around.format(f"{date}{sign}2026")).kind == Kind.UNCLEAR


@pytest.mark.parametrize(
    "text",
    [
        "11/24 please",
        "de 24e",
        "op de 24e graag",
        "the 24th",
        "24 november",
        "vanaf 24",
        "na 24",
        "op 24-11 na 5 uur",
        "2026-11-24",
        "24-11 om 10 uur",
        "tot 24",
        "24/7",
    ],
)
def test_other_spellings_of_a_date_are_left_to_a_human(text: str) -> None:
    assert parse(text).kind == Kind.UNCLEAR


@given(
    st.integers(0, 23),
    st.integers(0, 59),
    st.sampled_from(("om {} uur", "om {}", "na {} uur", "voor {} uur")),
)
def test_what_says_that_it_is_a_time_is_one(hour: int, minute: int, around: str) -> None:
    for sign in ".:":
        wish = parse(around.format(f"{hour}{sign}{minute:02}"))
        assert wish.kind == Kind.RING
        assert wish.names_a_time


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("9-17", 9, 17),
        ("10-12 uur", 10, 12),
        ("14-16", 14, 16),
        ("13.30-15.00", 13, 15),
        ("9:00-12:00", 9, 12),
    ],
)
def test_ranges_of_hours_are_still_ranges(text: str, start: int, end: int) -> None:
    wish = parse(text)
    assert wish.start is not None
    assert wish.end is not None
    assert (wish.start.hour, wish.end.hour) == (start, end)
