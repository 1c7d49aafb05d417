"""What does an agent on an ordinary phone hear once they have accepted a callback?"""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.callbacks import briefing

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=AMSTERDAM)
ADA: dict[str, Any] = {
    "name": "Ada de Vries",
    "number": "+31612345678",
    "about": "Paspoort verlengen",
    "due_at": NOON + timedelta(hours=3, minutes=15),
    "language": "nl",
    "zone": AMSTERDAM,
    "now": NOON,
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "Ik bel Ada de Vries, over Paspoort verlengen. Beloofd vanmiddag vóór kwart over drie."),
        (
            {"language": "en"},
            "I'm ringing Ada de Vries, about Paspoort verlengen."
            " Promised before a quarter past three this afternoon.",
        ),
        ({"about": ""}, "Ik bel Ada de Vries. Beloofd vanmiddag vóór kwart over drie."),
        (
            {"name": "", "about": "", "due_at": None},
            "Ik bel een nummer dat eindigt op 6 7 8. De verbinding viel weg.",
        ),
        (
            {"about": "Bezwaar tegen de aanslag\nonroerendezaakbelasting van vorig jaar."},
            "Ik bel Ada de Vries, over Bezwaar tegen de aanslag. Beloofd vanmiddag vóór kwart over drie.",
        ),
        (
            {"due_at": NOON - timedelta(days=1)},
            "Ik bel Ada de Vries, over Paspoort verlengen. Beloofd maandagmiddag vóór twaalf uur.",
        ),
    ],
)
def test_it_says_who_what_about_and_what_was_promised(change: dict[str, Any], said: str) -> None:
    assert " ".join(briefing.words(**ADA | change)) == said


@pytest.mark.parametrize("language", ["nl", "en"])
def test_however_long_the_names_it_is_said_in_some_eight_seconds(language: str) -> None:
    change = {"name": "Annemarie " * 30, "about": "Vergunningsaanvraag" * 15, "language": language}
    assert len(" ".join(briefing.words(**ADA | change))) < 8 * 17
