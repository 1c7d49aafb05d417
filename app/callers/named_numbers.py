"""Which telephone numbers stand in what somebody wrote?"""

import re

from app.callers.numbers import to_e164

LONGEST = 2000  # who names a number names it here
# As many signs as a number can have, with what people write between them; a day may stand before it.
_FIGURES = re.compile(r"\+?\(?\d[\d ().\-/\u00a0]{7,30}\d")
_GROUP = re.compile(r"(?<!\d)\+?\(?\d")


def named(text: str, country: str) -> set[str]:
    """Return the numbers that are written in a text, in E.164; national forms are `country`'s."""
    found = set()
    for figures in _FIGURES.finditer(text[:LONGEST]):
        written = figures[0]
        # “24-11 06 12345678”: the first group from which on it is a number.
        for group in _GROUP.finditer(written):
            if (e164 := to_e164(written[group.start() :], country)) is not None:
                found.add(e164)
                break
    return found
