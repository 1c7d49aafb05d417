"""What of a sentence tells what it is about? Words as a recogniser writes them, and what they have in common.

Pure: a sentence in, features out. Training and matching read sentences with the same functions.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Set
from functools import cache, lru_cache
from itertools import pairwise

from app.topics.small_words import (
    DUTCH,
    ENGLISH,
    HESITATIONS,
    NUMBERS,
    OF_A_FAMILY,
    OF_EVERY_CALL,
)

NL, EN = "nl", "en"
# Shorter pieces of a compound say nothing: "de", "weg", "uit".
SHORTEST_PART = 4
SHORTEST_COMPOUND = 8
# Pieces of words that hold when a recogniser spells or hears them otherwise.
GRAMS = (3, 4, 5)
_LETTERS = re.compile(r"[a-z0-9]+")
_LINKS = ("", "s", "en", "n", "e", "er")
_ONLY_DUTCH, _ONLY_ENGLISH = DUTCH - ENGLISH, ENGLISH - DUTCH
SAYS_NOTHING = DUTCH | ENGLISH | HESITATIONS | NUMBERS | OF_EVERY_CALL | OF_A_FAMILY


def words(text: str) -> list[str]:
    """Return the words of a text: lower case, no accents, letters that were spelled put together: woz."""
    plain = unicodedata.normalize("NFKD", text.lower().replace("ß", "ss"))
    plain = "".join(one for one in plain if not unicodedata.combining(one)).replace("'", "").replace("’", "")
    return list(_spelled_together(_LETTERS.findall(plain)))


def _spelled_together(found: list[str]) -> Iterator[str]:
    letters = ""
    for one in [*found, ""]:
        if len(one) == 1 and one.isalpha():
            letters += one
            continue
        if letters:
            yield letters
            letters = ""
        if one and not any(sign.isdigit() for sign in one):
            yield one


def language_of(said: list[str], otherwise: str = NL) -> str:
    """Return the language that the small words are of."""
    dutch = sum(one in _ONLY_DUTCH for one in said)
    english = sum(one in _ONLY_ENGLISH for one in said)
    if dutch == english:
        return otherwise
    return NL if dutch > english else EN


@cache
def _stemmer(language: str) -> Callable[[str], str]:
    """Return the stemmer of a language. It comes with those of thirty others, so not before it is asked."""
    import snowballstemmer

    stem_word: Callable[[str], str] = snowballstemmer.stemmer(
        "english" if language == EN else "dutch"
    ).stemWord
    return stem_word


@lru_cache(maxsize=20_000)
def stem(word: str, language: str) -> str:
    return _stemmer(language)(word)


_SOUNDS = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        ("sch", "sg"),
        ("ch", "g"),
        ("ij|ey|y", "ei"),
        ("ou", "au"),
        ("ph", "f"),
        ("th|dt", "t"),
        ("c(?=[eiy])", "s"),
        ("[cq]k?", "k"),
        ("x", "ks"),
        ("v", "f"),
        ("z", "s"),
        (r"(.)\1+", r"\1"),
        ("d$", "t"),
        ("b$", "p"),
        ("en$", "e"),
    )
)


@lru_cache(maxsize=20_000)
def sound(word: str) -> str:
    """Return a word as it sounds, the same however it is spelled: verhuizing, verhuising."""
    for pattern, heard in _SOUNDS:
        word = pattern.sub(heard, word)
    return word


class Compounds:
    """Which known words stand in a long one? `bijstandsuitkering` holds `bijstand` and `uitkering`."""

    def __init__(self, known: Set[str]) -> None:
        """`known` are whole words, as words() gives them."""
        self._known = {one for one in known if len(one) >= SHORTEST_PART and one not in SAYS_NOTHING}
        self._split = lru_cache(maxsize=20_000)(self._parts)

    def parts(self, word: str) -> tuple[str, ...]:
        """Return the known words at the beginning and the end of a word, none when it is no compound."""
        return self._split(word) if len(word) >= SHORTEST_COMPOUND else ()

    def _parts(self, word: str) -> tuple[str, ...]:
        begins = max((n for n in range(SHORTEST_PART, len(word) - 2) if word[:n] in self._known), default=0)
        ends = min((n for n in range(3, len(word) - SHORTEST_PART + 1) if word[n:] in self._known), default=0)
        found = []
        if begins and self._may_follow(word[begins:]):
            found.append(word[:begins])
        if ends:
            found.append(word[ends:])
        return tuple(found)

    @staticmethod
    def _may_follow(rest: str) -> bool:
        """An ending of the same word is no second one: vergunning, vergunningen."""
        return len(rest) >= SHORTEST_PART and rest not in ("tje", "tjes", "ende", "enden")


def telling(said: list[str]) -> list[str]:
    """Return the words that may tell what it is about."""
    return [one for one in said if one not in SAYS_NOTHING and len(one) > 1]


def whole(said: list[str], language: str, compounds: Compounds) -> Iterator[str]:
    """Yield what words and pairs of words say: `w:` a stem, `c:` one within a compound, `b:` two together."""
    stems = [stem(one, language) for one in said if one not in HESITATIONS and one not in NUMBERS]
    for one in telling(said):
        yield "w:" + stem(one, language)
        for part in compounds.parts(one):
            yield "c:" + stem(part, language)
    for first, second in pairwise(stems):
        yield f"b:{first} {second}"


def pieces(said: list[str]) -> Iterator[str]:
    """Yield pieces of the words that tell, as they sound."""
    for one in telling(said):
        if len(one) < 3:
            yield f"<{one}>"
            continue
        heard = f"<{sound(one)}>"
        for size in GRAMS:
            for start in range(len(heard) - size + 1):
                yield heard[start : start + size]
