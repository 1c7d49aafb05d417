"""What is judged, counted and drafted beside a call, from values alone?"""

from datetime import timedelta

import pytest

from app.beside.draft import Pressed, sentences
from app.beside.first_contact import Verdict, verdict
from app.beside.wrapping import most_usual
from tests.factories import NOW

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("solved", "contacts_after", "days_ago", "expected"),
    [
        (True, (), 8, Verdict.FIXED),
        (True, (0 * DAY,), 8, Verdict.FIXED),  # itself
        (True, (8 * DAY,), 30, Verdict.FIXED),
        (True, (7 * DAY,), 30, Verdict.CAME_BACK),
        (True, (2 * DAY,), 3, Verdict.CAME_BACK),
        (True, (), 6, Verdict.TOO_EARLY),
        (False, (), 30, Verdict.NOT_SOLVED),
    ],
)
def test_solved_without_a_new_contact_in_seven_days_is_fixed_in_the_first(
    solved: bool, contacts_after: tuple[timedelta, ...], days_ago: int, expected: Verdict
) -> None:
    at = NOW - days_ago * DAY

    assert verdict(solved, at, [at + after for after in contacts_after], NOW) == expected


def test_a_next_step_is_told_as_a_count_of_what_the_team_did_before() -> None:
    steps = ["Terugbellen na taxatie", "terugbellen na taxatie."] * 3 + ["Brief sturen", "Monteur", "Niets"]

    usual = most_usual(steps)

    assert usual is not None
    assert (usual.step, usual.times, usual.of) == ("Terugbellen na taxatie", 6, 9)


@pytest.mark.parametrize("steps", [["Bellen"] * 4, ["een", "twee", "drie", "vier", "vijf"], []])
def test_of_too_few_or_all_different_ones_no_next_step_is_told(steps: list[str]) -> None:
    assert most_usual(steps) is None


def test_a_draft_says_what_was_pressed_and_nothing_else() -> None:
    assert sentences(Pressed(inbound=True), "nl") == []
    pressed = Pressed(
        inbound=True,
        subject="WOZ-bezwaar",
        cause="Brief onduidelijk",
        outcome="promise_made",
        agreed="dinsdag vóór 14:30",
        next_step="Terugbellen na taxatie.",
    )

    assert list(sentences(pressed, "nl")) == [
        "De klant belde over: WOZ-bezwaar.",
        "Oorzaak: Brief onduidelijk.",
        "Er is iets beloofd.",
        "Afgesproken: we bellen dinsdag vóór 14:30 terug.",
        "Volgende stap: Terugbellen na taxatie.",
    ]
