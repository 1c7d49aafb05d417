"""Which telephone number did somebody say? Digits and number words, as speech recognition writes them."""

import re
from itertools import groupby, pairwise

from app.callers.numbers import to_e164

_DIGITS = {
    "nul": "0", "een": "1", "één": "1", "twee": "2", "drie": "3", "vier": "4",
    "vijf": "5", "zes": "6", "zeven": "7", "acht": "8", "negen": "9",
    "zero": "0", "oh": "0", "one": "1", "two": "2", "three": "3", "four": "4",
    "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "plus": "+",
}  # fmt: skip
_TEENS = {
    "tien": "10", "elf": "11", "twaalf": "12", "dertien": "13", "veertien": "14", "vijftien": "15",
    "zestien": "16", "zeventien": "17", "achttien": "18", "negentien": "19",
    "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15",
    "sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19",
}  # fmt: skip
_TENS = {
    "twintig": 20, "dertig": 30, "veertig": 40, "vijftig": 50, "zestig": 60, "zeventig": 70,
    "tachtig": 80, "negentig": 90, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60,
    "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
# vierendertig, tweeëntwintig
_DUTCH_COMPOUND = re.compile(rf"({'|'.join(_DIGITS)})(?:en|ën)({'|'.join(_TENS)})")


# Numbers by their looks, which are an article or a sigh where no number follows: “een Nederlands nummer”.
_SMALL_WORDS = frozenset({"een", "oh", "one"})
# What people say while they think of the next digit.
_PAUSES = frozenset({"eh", "ehm", "uh", "uhm", "euh", "en", "and", "dan", "dus"})
# A number said twice over is a number; two of them are a choice that isn't ours.
LONGEST = 2000


def digits(words: str) -> str:
    """Return the digits that were said, with a plus if one was; nothing for words that are no numbers."""
    return "".join(_runs(words))


def number(words: str, country: str) -> tuple[str, str] | None:
    """Return the telephone number that was said: its digits as they were said, and in E.164.

    What stands around it may hold figures too (“bel na 5 uur op nul zes 12 …”). None when no number was said,
    or more than one.
    """
    runs = _runs(words[:LONGEST])
    for candidates in (runs, ["".join(runs)]):
        said = {e164: run for run in candidates if (e164 := to_e164(run, country)) is not None}
        if said:
            return next((run, e164) for e164, run in said.items()) if len(said) == 1 else None
    return None


def _runs(words: str) -> list[str]:
    """Return the digits of each row of numbers that no other word interrupts."""
    found = re.findall(r"\+|\d+|[^\W\d]+", words.lower())
    spoken = [word for word in found if word not in _PAUSES]
    values = [
        "" if word in _SMALL_WORDS and following and not _of(following) else _of(word)
        for word, following in pairwise([*spoken, ""])
    ]
    return ["".join(row) for is_number, row in groupby(values, bool) if is_number]


def _of(word: str) -> str:
    if word.isdigit() or word == "+":
        return word
    if word in _DIGITS:
        return _DIGITS[word]
    if word in _TEENS:
        return _TEENS[word]
    if word in _TENS:
        return str(_TENS[word])
    if match := _DUTCH_COMPOUND.fullmatch(word):
        return str(_TENS[match[2]] + int(_DIGITS[match[1]]))
    return ""
