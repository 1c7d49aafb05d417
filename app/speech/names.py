"""Whose name was said? Names as they sound in Dutch, compared with what was heard; in doubt nobody's.

A file that is somebody else's is worse than none: a surname must sound the same, with what stands before
it (“van den”), and a first name that was said must be the customer's own. Pure: the candidates are the
caller's of these functions.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from rapidfuzz import fuzz

from app.speech import vocabulary

# What stands before a surname, and belongs to it.
PREFIXES = frozenset(
    "van de der den het t ten ter te in op aan bij von zu zur la le du des di da dos el al ben of the".split()
)
TITLES = frozenset("mevrouw meneer mijnheer heer mr mrs ms mw dhr familie fam dr ir drs".split())
# From here on a name is so near to what was heard that nobody else may be meant by a surname alone.
NEAR = 75.0
LONGEST = 500
_SHORTEST_SURNAME = 3
# “van den Berg” may be heard as one word, or a surname as two.
_MOST_WORDS_OF_A_SURNAME = 4

_VOWELS = "aeiouIUAEOYW"
# Capitals are vowels of two letters: I as in “ie”, U as in “oe”, A as in “ou”, E as in “ij”, W as in “ai”,
# O as in “eu”, Y as in “ui”. An apostrophe makes a vowel long.
_SPELLINGS = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        ("^vanden(?=[^aeiou])", "vande"),
        ("sch(?=$|[^aeiouy])", "s"),
        ("sz$", "s"),
        ("ph", "f"),
        ("th|dt", "t"),
        ("gh|ch", "g"),
        ("x", "ks"),
        ("tz", "ts"),
        ("c(?=[eiy])", "s"),
        ("ck|cq|c|q", "k"),
        ("uij|uy|ui", "Y"),
        ("aij|ay|ai", "W"),
        ("eij|ey|ei|ij", "E"),
        ("ieuw|ieu", "Iw"),
        ("eeuw|eeu", "e'w"),
        ("ouw|auw|ou|au", "A"),
        ("oe", "U"),
        ("eu", "O"),
        ("ie", "I"),
        ("y(?=[aeou])", "j"),
        ("(?<=.)y$", "I"),
        ("y", "E"),
        ("ae|aa|ah", "a'"),
        ("ee|eh", "e'"),
        ("oo|oh", "o'"),
        ("uu|uh", "u'"),
        # Before one consonant and another vowel a vowel is long: “Baker”, but “Bakker”.
        (f"([aeou])(?=[^{_VOWELS}'j][{_VOWELS}])", r"\1'"),
        (f"([^{_VOWELS}'])\\1+", r"\1"),
        # What ends a word isn't voiced, and nobody says its n.
        ("d(?=s?$)", "t"),
        ("b(?=s?$)", "p"),
        ("v(?=s?$)", "f"),
        ("z$", "s"),
        ("(?<=.)en$", "e"),
        ("(?<=[AE])w$|'$", ""),
    )
)
# What many people don't tell apart: “Veenstra” and “Feenstra”. These are two families.
_MUCH_ALIKE = str.maketrans("vzdb", "fstp")
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Named:
    """One of the candidates, and how well what was heard fits, of 0 to 100."""

    key: str
    score: float


class _Fit(IntEnum):
    """How well a candidate's name fits what was heard."""

    NOT = 0
    NEAR = 1  # somebody else's, but so near that it could be meant
    SURNAME = 2  # the surname sounds so, and no first name was said
    NEAR_BESIDE_A_FIRST_NAME = 3
    WHOLE = 4  # first name and surname


_SCORES = {_Fit.SURNAME: 90.0, _Fit.WHOLE: 100.0}


@lru_cache(maxsize=20_000)
def sound(word: str) -> str:
    """Return a name as it sounds, the same however it is spelt: Dijk, Dyck; Jansen, Janssen, Janse."""
    for pattern, heard in _SPELLINGS:
        word = pattern.sub(heard, word)
    return word


def _roughly(heard: str) -> str:
    """Return a sound as it is where a first name says the same."""
    return heard.translate(_MUCH_ALIKE)


def words_of(text: str) -> list[str]:
    """Return the words and numbers of a text or a name, without capitals and accents."""
    plain = unicodedata.normalize("NFKD", text[:LONGEST].lower())
    plain = (
        "".join(one for one in plain if not unicodedata.combining(one)).replace("'", " ").replace("’", " ")
    )
    return _WORD.findall(plain)


@dataclass(frozen=True)
class _Name:
    """A customer's first names, and each surname with what stands before it."""

    firsts: tuple[str, ...]
    surnames: tuple[str, ...]


@lru_cache(maxsize=20_000)
def _name(written: str) -> _Name:
    """Read a name as it is written: “Anna van Dijk-de Boer”, “Berg, P. van den”."""
    last, comma, rest = written.partition(",")
    whole, hyphen, other = (f"{rest} {last}" if comma else written).rpartition("-")
    second = words_of(other)
    # “Jan-Willem Jansen” has one surname.
    if not hyphen or not second or not set(second[:-1]) <= PREFIXES:
        whole, second = f"{whole} {other}", []
    words = [one for one in words_of(whole) if one not in TITLES]
    begins = len(words) - 1
    while begins > 0 and words[begins - 1] in PREFIXES:
        begins -= 1
    surnames = (_joined(words[begins:]), _joined(second))
    return _Name(tuple(words[: max(begins, 0)]), tuple(filter(None, surnames)))


def _joined(words: Sequence[str]) -> str:
    """Return a surname as one word. Nobody hears the n of “van den”."""
    return "".join("de" if one == "den" else one for one in words)


def who_was_named(text: str, candidates: Mapping[str, str]) -> Named | None:
    """Return whom of the candidates (names by their keys) a text names; None: nobody, or two alike."""
    heard = _without_numbers(words_of(text))
    fits = {key: _fit(heard, _name(name)) for key, name in candidates.items()}
    best = max(fits.values(), default=_Fit.NOT)
    # Beside a whole name others of the family may be as near as they like, beside a surname nobody.
    too_near = best - 1 if best == _Fit.WHOLE else _Fit.NEAR
    alike = [key for key, fit in fits.items() if fit >= too_near]
    if best not in _SCORES or len(alike) != 1:
        return None
    return Named(alike[0], _SCORES[best])


_NUMBER = "#"
_DIGITS_OF_A_POSTCODE = 4


def _without_numbers(words: Sequence[str]) -> list[str]:
    """Return the words with one mark for each row of numbers, and the letters of a postcode after it."""
    found: list[str] = []
    digits = letters = 0  # of the row
    for word in words:
        among_numbers = found[-1:] == [_NUMBER]
        value = vocabulary.DUTCH.get(word, vocabulary.ENGLISH.get(word))
        if any(sign.isdigit() for sign in word):
            number = word
        elif value is not None and (among_numbers or word not in vocabulary.SMALL):
            number = str(value)
        elif among_numbers and digits == _DIGITS_OF_A_POSTCODE and letters + len(word) <= 2:
            letters += len(word)
            continue
        else:
            found.append(word)
            continue
        digits, letters = (digits if among_numbers else 0) + len(number), 0
        found += [] if among_numbers else [_NUMBER]
    return found


def _fit(heard: Sequence[str], name: _Name) -> _Fit:
    if any(len(one) < _SHORTEST_SURNAME for one in name.surnames) or not name.surnames:
        return _Fit.NOT
    best = _Fit.NOT
    for start, end, said in _stretches(heard):
        for surname in name.surnames:
            best = max(best, _fit_at(heard, start, end, sound(said), surname, name))
    return best


def _stretches(heard: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Yield each row of words that could be a surname with what stands before it, as one word."""
    for start, first in enumerate(heard):
        if first in _NO_NAMES or first == _NUMBER:
            continue
        for end in range(start + 1, min(start + _MOST_WORDS_OF_A_SURNAME, len(heard)) + 1):
            if heard[end - 1] == _NUMBER or heard[end - 1] in _NO_NAMES:
                break
            if heard[end - 1] in PREFIXES:
                continue
            yield start, end, _joined(heard[start:end])


def _fit_at(heard: Sequence[str], start: int, end: int, said: str, surname: str, name: _Name) -> _Fit:
    wanted = sound(surname)
    is_same, is_alike = said == wanted, _roughly(said) == _roughly(wanted)
    if not is_alike and fuzz.ratio(_roughly(said), _roughly(wanted)) < NEAR:
        return _Fit.NOT
    is_their_first = _is_first_name(heard, start, name.firsts)
    if not is_alike or (start and heard[start - 1] in PREFIXES) or not _may_end_a_name(heard, end):
        return _Fit.NEAR_BESIDE_A_FIRST_NAME if is_their_first else _Fit.NEAR
    if is_their_first:
        return _Fit.WHOLE
    # Of two surnames one alone is another family's as well.
    is_whole = is_same and len(name.surnames) == 1
    return _Fit.SURNAME if is_whole and _is_introduced(heard, start) else _Fit.NEAR


def _is_first_name(heard: Sequence[str], before: int, firsts: Sequence[str]) -> bool:
    """Tell whether the customer's first name, or several of them, stand before a surname."""
    if not firsts or len(firsts[0]) < 2:
        return False
    wanted = {_roughly(sound("".join(firsts[:number]))) for number in range(1, len(firsts) + 1)}
    said = ("".join(heard[max(0, before - number) : before]) for number in range(1, len(firsts) + 1))
    return any(_roughly(sound(one)) in wanted for one in said if one)


# What stands before a surname and is no first name.
_NO_NAMES = frozenset(
    "ben is naam achternaam heet met spreekt u mijn ik hallo goedemiddag goedemorgen goedenavond"
    " dag hoi am name my hello hi this from speaking dit hier ja eh ehm uh uhm en and voor over"
    " namens als postcode straat woon postcodes surname last its s een it".split()
)
# After these a surname follows, and no other word.
_INTRODUCES = TITLES | frozenset(
    "ben heet met spreekt u achternaam surname am ja eh ehm uh uhm hallo goedemiddag goedemorgen"
    " goedenavond dag hoi hello hi speaking namens s".split()
)
# “mijn naam is Brand”, but not: “er is brand”.
_INTRODUCES_WITH_IS = frozenset("naam achternaam dit hier name surname this it".split())


def _is_introduced(heard: Sequence[str], start: int) -> bool:
    """Tell whether a surname that stands alone is said as one: “met Boom”, but not “bij de boom”."""
    if start == 0 or heard[start - 1] == _NUMBER:
        return True
    before = heard[start - 1]
    if before == "is":
        return start > 1 and heard[start - 2] in _INTRODUCES_WITH_IS
    return before in _INTRODUCES


# What may follow a surname, beside numbers.
_AFTER_A_NAME = _NO_NAMES | frozenset(
    "wonende adres huisnummer nummer nr bel belt graag alstublieft aub geboren zaaknummer zaak"
    " dossier uit live lives living number house born calling wil heb had om wat dank bedankt te"
    " in op of on at to".split()
)


def _may_end_a_name(heard: Sequence[str], after: int) -> bool:
    """Tell whether a surname is over where one was heard: of “Hendrik de Groot” Hendrik isn't."""
    if after >= len(heard):
        return True
    following = heard[after]
    return following == _NUMBER or following in _AFTER_A_NAME or following in vocabulary.PAUSES
