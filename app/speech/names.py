"""Whose name was said? Names as they sound in Dutch, compared with what was heard; two alike are nobody.

Pure: the candidates are the caller's of these functions.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import fuzz

from app.speech import vocabulary

# What stands before a surname, and is said or isn't.
PREFIXES = frozenset(
    "van de der den het t ten ter te in op aan bij von zu zur la le du des di da dos el al ben of the".split()
)
TITLES = frozenset("mevrouw meneer mijnheer heer mr mrs ms mw dhr familie fam dr ir drs".split())
# From here on a surname sounds like what was heard: “Janssen” and “Jansen” are one, “Hansen” is another.
ENOUGH = 90.0
# Beside the customer's own first name a surname may be heard worse.
ENOUGH_BESIDE_A_FIRST_NAME = 84.0
# A first name that was said must sound like the customer's own at least so much.
ENOUGH_OF_A_FIRST_NAME = 80.0
# As much better than the next the best must be.
AHEAD = 16.0
# From here on a surname is so near to what was heard that nobody else may be meant without a first name.
NEAR = 75.0
LONGEST = 500

_SOUNDS = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        ("sch(?=$|[^aeiou])", "s"),
        ("sch", "sg"),
        ("ij|ey|y|ei|ay|ai", "ei"),
        ("ouw|auw|ou|au", "au"),
        ("uw", "u"),
        ("ieuw|ieu", "iu"),
        ("eau|oo|oh", "o"),
        ("ae|aa|ah", "a"),
        ("ee|eh", "e"),
        ("uu|ue", "u"),
        ("oe", "oe"),
        ("ie|i", "i"),
        ("ph|v", "f"),
        ("th|dt|d", "t"),
        ("gh|ch|g", "g"),
        ("c(?=[eiy])", "s"),
        ("ck|cq|c|q", "k"),
        ("x", "ks"),
        ("z", "s"),
        ("tj", "t"),
        ("b$", "p"),
        (r"(.)\1+", r"\1"),
        ("(?<=.)en$", "e"),
    )
)
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Named:
    """One of the candidates, and how well what was heard fits, of 0 to 100."""

    key: str
    score: float


@lru_cache(maxsize=20_000)
def sound(word: str) -> str:
    """Return a name as it sounds, the same however it is spelt: Dijk, Dyck; Visser, Fisser."""
    for pattern, heard in _SOUNDS:
        word = pattern.sub(heard, word)
    return word


def words_of(text: str) -> list[str]:
    """Return the words of a text or a name, without capitals and accents."""
    plain = unicodedata.normalize("NFKD", text[:LONGEST].lower())
    plain = (
        "".join(one for one in plain if not unicodedata.combining(one)).replace("'", " ").replace("’", " ")
    )
    return _WORD.findall(plain)


def who_was_named(text: str, candidates: Mapping[str, str]) -> Named | None:
    """Return whom of the candidates (names by their keys) a text names; None: nobody, or two alike."""
    heard = [one for one in words_of(text) if one not in PREFIXES and one not in TITLES]
    scored = sorted(
        (Named(key, _score(heard, name)) for key, name in candidates.items()),
        key=lambda one: -one.score,
    )
    if not scored or scored[0].score < ENOUGH:
        return None
    if len(scored) > 1 and scored[0].score - scored[1].score < AHEAD:
        return None
    return scored[0]


def _score(heard: Sequence[str], name: str) -> float:
    """Return how well a name fits what was heard: its surname must, and its first name if one was said.

    Below ENOUGH it is nobody, but may still be too near to somebody else for them to be meant.
    """
    parts = [one for one in words_of(name) if one not in PREFIXES and one not in TITLES]
    if not parts or not heard:
        return 0.0
    *firsts, last = parts
    surname, place = _best(sound(last), heard, ends=True)
    if len(last) < 3 or surname < NEAR:
        return 0.0
    if not firsts:
        return surname
    first, first_at = _best(sound(firsts[0]), heard, ends=False)
    if len(firsts[0]) > 1 and first >= ENOUGH_OF_A_FIRST_NAME and first_at < place:
        return surname + 20 if surname >= ENOUGH_BESIDE_A_FIRST_NAME else surname
    before = heard[place - 1] if place else ""
    if len(before) > 1 and before not in _NO_NAMES and before not in vocabulary.PAUSES:
        # Another first name than the customer's: somebody of the same household, perhaps.
        return surname - 30
    return surname


# What stands before a surname and is no first name.
_NO_NAMES = frozenset(
    "ben is naam achternaam heet met spreekt u spreekt mijn ik hallo goedemiddag goedemorgen goedenavond dag"
    " hoi am name my hello hi this from speaking dit hier ja eh ehm uh uhm en and voor over namens als"
    " postcode straat woon postcodes surname last its s".split()
)


# What may follow a surname, beside numbers and letters.
_AFTER_A_NAME = _NO_NAMES | frozenset(
    "wonende adres huisnummer nummer nr bel belt graag alstublieft aub geboren zaaknummer zaak dossier uit"
    " live lives living number house born calling wil heb had om wat dank bedankt".split()
)


def _may_end_a_name(heard: Sequence[str], after: int) -> bool:
    """Tell whether a surname is over where one was heard: of “Hendrik de Groot” Hendrik isn't."""
    if after >= len(heard):
        return True
    following = heard[after]
    is_counted = following in vocabulary.DUTCH or following in vocabulary.ENGLISH or len(following) <= 2
    return is_counted or following in _AFTER_A_NAME or following in vocabulary.PAUSES


def _best(wanted: str, heard: Sequence[str], *, ends: bool) -> tuple[float, int]:
    """Return how well the best of the words, or two that were one, fits a name, and where it stands.

    `ends`: only where a name may be over.
    """
    best, place = 0.0, 0
    for at, word in enumerate(heard):
        for length, said in ((1, word), (2, word + heard[at + 1] if at + 1 < len(heard) else "")):
            if not said or word in _NO_NAMES or (ends and not _may_end_a_name(heard, at + length)):
                continue
            score = fuzz.ratio(wanted, sound(said))
            if score > best:
                best, place = score, at
    return best, place
