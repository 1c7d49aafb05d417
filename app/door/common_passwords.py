"""Would somebody guess this password first? Common ones, those made of one, and those that name them."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import cache
from pathlib import Path

# Less is no word that makes a password weak by being in it.
LEAST_OF_A_WORD = 4
# What is left beside words that anybody knows: as many signs as this are not worth a password.
LEAST_OF_OTHERS = 4
_ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiopasdfghjklzxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "1q2w3e4r5t6y7u8i9o0p",
)
# The figures and signs that people put in the place of letters.
_LEET = (str.maketrans("013457@$!", "oleastasi"), str.maketrans("013457@$!", "oieastasi"))


class Weakness(StrEnum):
    """Why a password is refused, as a code of the catalogue."""

    COMMON = "password_common"
    REPEATED = "password_repeated"
    OWN = "password_own"


def weakness_of(password: str, own: Iterable[str] = (), *, least_length: int) -> Weakness | None:
    """Return why this password is among the first that somebody would try; None when it isn't.

    `own` are words that anybody knows who knows its owner: of their e-mail address and organisation.
    Capitals, accents, spaces, and signs and figures before, after or in the place of letters change nothing.
    Several different words, as in a sentence, are fine.
    """
    text = _plain(password)
    if any(one in _common() for one in (text, _squeezed(text), re.sub(r"^[\W_]+|[\W_]+$", "", text))):
        return Weakness.COMMON
    block = _block(text)
    if len(block) < min(least_length, len(text)):
        return Weakness.REPEATED
    if any(_squeezed(block) in row + row for row in (*_ROWS, *(row[::-1] for row in _ROWS))):
        return Weakness.REPEATED
    words = {word for one in own for word in _words_in(_plain(one))}
    for letters in _readings(block):
        if _is_one_word(letters, _common()):
            return Weakness.COMMON
        left = letters
        for word in sorted(words, key=len, reverse=True):
            left = left.replace(word, "")
        if left != letters and (len(left) < LEAST_OF_OTHERS or _is_one_word(left, _common())):
            return Weakness.OWN
    return None


def _plain(text: str) -> str:
    """Return it without capitals and accents."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in apart if not unicodedata.combining(sign))


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _block(text: str) -> str:
    """Return the shortest piece of which the text is so many repetitions, the last perhaps cut off."""
    for length in range(1, len(text) // 2 + 1):
        if all(text[place] == text[place % length] for place in range(length, len(text))):
            return text[:length]
    return text


def _readings(text: str) -> Iterator[str]:
    """Yield the letters of the text, and those that its figures and signs may stand for."""
    core = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", text)
    for reading in (core, *(core.translate(table) for table in _LEET)):
        yield "".join(sign for sign in reading if sign.isalpha())


def _is_one_word(letters: str, words: frozenset[str]) -> bool:
    """Say whether it is one of the words, once or again and again, and nothing else."""
    return _block(letters) in words or letters in words


def _words_in(text: str) -> Iterator[str]:
    """Yield the words of an address or a name, and the whole as one."""
    words = [word for word in re.split(r"[\W\d_]+", text) if len(word) >= LEAST_OF_A_WORD]
    yield from words
    whole = "".join(sign for sign in text if sign.isalpha())
    if len(whole) >= LEAST_OF_A_WORD:
        yield whole


@cache
def _common() -> frozenset[str]:
    lines = (Path(__file__).parent / "common_passwords.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))
