"""Can a stranger keep us busy with what they write? 64 KiB of the worst, for all that reads such text."""

import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from app.api.fields import Defaults
from app.api.records import IN_FILES
from app.callers import named_numbers
from app.callers.numbers import to_e164
from app.carrier import twiml
from app.desk import masking
from app.errors import ApplicationError
from app.lines.week import Hours
from app.messages import stop_words, wish_grammar, wishes, written_dates
from app.speech import spoken

SIZE = 64 * 1024
NL = Defaults("NL", "nl")
# What takes the square of this length takes minutes; what takes its length, milliseconds. Of this thread
# alone, so that a busy machine changes little.
USUAL_SECONDS = 1.0
# On a slow machine an eighth is slow, too: an eighth of it, and a sixty-fourth of what takes the square.
PART, MOST_OF_A_PART = 8, 24


def _all(piece: str) -> str:
    return (piece * (SIZE // len(piece) + 1))[:SIZE]


PIECES = [
    " ", "\n", ".", ",", "!", ":", "a", "a ", "A", "Jan ", "0", "06", "06 ", "+", "-", "1-", "1.",
    "1 - ", "(", "[", ";", "x", "#", "ext", "@", "a@", "a.", "<", "tel:", "|", "/", "9:", "half ",
    "groet ", "met ", "van ", "den ", "of ", "tot ", "ﷺ", "é", "e\u0301", "\x00", "Mo,",
    "Mo-Fr 09:00-17:00;", "drieëntwintig", "nul ", "24-", "1/1",
    "om 1.1 ", "06 12345678", "(0", "een ", "eh ",
]  # fmt: skip


def _record(name: str) -> Callable[[str], object]:
    kind = IN_FILES[name]
    return lambda text: kind.from_cells([text] * len(kind.columns), NL)


READERS: dict[str, Callable[[str], object]] = {
    "a wish in a message": wish_grammar.parse,
    "a wish for somebody else": wishes.asks_for_another,
    "numbers that were said": lambda text: spoken.numbers(text, "NL"),
    "a spoken number": lambda text: spoken.phone(text, "NL"),
    "a number in a message": lambda text: named_numbers.named(text, "NL"),
    "a date in a message": written_dates.may_be_named,
    "a wish for no messages": stop_words.asks_to_stop,
    "a wish for messages again": stop_words.asks_to_resume,
    "a number": lambda text: to_e164(text, "NL"),
    "a yes": lambda text: twiml.is_yes("", text),
    "opening hours": Hours.parse,
    "a number to be masked": lambda text: masking.written(text, masked=True),
    **{f"a row of {name}": _record(name) for name in IN_FILES},
}


def _seconds(read: Callable[[str], object], text: str) -> float:
    begun = time.thread_time()
    with suppress(ApplicationError, ValueError):
        read(text)
    return time.thread_time() - begun


@pytest.mark.parametrize("reader", READERS)
def test_nothing_that_a_stranger_writes_takes_long_to_read(reader: str) -> None:
    slow = {}
    for piece in PIECES:
        for text in (_all(piece), "a" + _all(piece) + "a", "06" + _all(piece)):
            took = _seconds(READERS[reader], text)
            if took > USUAL_SECONDS and took > MOST_OF_A_PART * _seconds(
                READERS[reader], text[: SIZE // PART]
            ):
                slow[piece] = took
    assert slow == {}
