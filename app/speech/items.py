"""What stands in a text that speech recognition wrote: groups of digits, letters, pauses, and other words.

Each text is read once, from left to right: what it takes grows as its length does.
"""

import re
import unicodedata
from dataclasses import dataclass, replace
from enum import StrEnum

from app.speech import vocabulary as words
from app.speech.kinds import Kind


class Is(StrEnum):
    NUMBER = "number"
    HUNDRED = "hundred"
    THOUSAND = "thousand"
    MILLION = "million"  # or a milliard: `value`
    AND = "and"
    PLUS = "plus"
    TIMES = "times"  # what follows stands so many times
    SEVERAL = "several"  # “nullen”
    ORDINAL = "ordinal"
    MONTH = "month"
    COMMA = "comma"
    STOP = "stop"  # the end of a sentence
    DASH = "dash"
    WORD = "word"


@dataclass(frozen=True, slots=True)
class Item:
    """One group of digits, or one other thing that was said."""

    kind: Is
    text: str = ""  # without capitals and accents
    digits: str = ""
    value: int = 0
    letter: str = ""  # which it may spell
    certain: bool = False  # a letter that can be nothing else
    figures: bool = False  # the recogniser wrote digits
    glued: bool = False  # to what stands before it
    small: bool = False  # perhaps an article, or a sigh
    english: bool = False
    doubtful: bool = False  # a one that may as well be an article, or of a number that isn't whole

    @property
    def is_number(self) -> bool:
        return self.kind == Is.NUMBER

    @property
    def announces(self) -> Kind | None:
        return words.ANNOUNCES.get(self.text) if self.kind == Is.WORD else None

    @property
    def is_pause(self) -> bool:
        return self.kind in (Is.AND, Is.COMMA, Is.DASH) or (
            self.kind == Is.WORD and self.text in words.PAUSES
        )


_TOKEN = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")
_STRESSED_ONE = re.compile(r"(?<!\w)[eé]?é?[eé]n(?!\w)")
_EMAIL = re.compile(r"(?<!\w)e-(?=mail)")
_XRAY = re.compile(r"(?<!\w)x[- ]ray(?!\w)")
_MARKS = {"+": Is.PLUS, ",": Is.COMMA, ".": Is.STOP, "?": Is.STOP, "!": Is.STOP, ";": Is.STOP, ":": Is.COMMA}
_DASHES = frozenset("-–—/_\\·")
# Longer words than these are no numbers: “negenhonderdnegenennegentigduizendnegenhonderdnegenennegentig”.
_LONGEST_WORD = 75
_PARTS = re.compile(
    "miljoen|miljard|duizend|honderd|thousand|hundred|"
    + "|".join(sorted((*words.DUTCH, *words.AND_TENS), key=len, reverse=True))
    + "|en"
)


def items_of(text: str) -> list[Item]:
    """Return what stands in a text, word by word; letters.py and numerals.py tell what makes one."""
    plain = unicodedata.normalize("NFC", text).lower()
    # “één” is no article.
    plain = _STRESSED_ONE.sub(lambda found: " 1 " if "é" in found[0] else found[0], plain)
    plain = "".join(
        one for one in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(one)
    ).replace("ĳ", "ij")
    plain = _EMAIL.sub("e", _XRAY.sub("xray", plain))
    capitals = _single_capitals(text)
    found: list[Item] = []
    end = 0
    for match in _TOKEN.finditer(plain):
        glued = match.start() == end and end > 0
        end = match.end()
        found += _items_of_token(match[0], glued, capitals)
    return found


def _single_capitals(text: str) -> frozenset[str]:
    """Return the letters that stand alone or in twos as capitals somewhere: those are spelt."""
    return frozenset(one.lower() for one in re.findall(r"(?<![^\W\d_])[A-Z]{1,2}(?![^\W\d_])", text))


def _items_of_token(token: str, glued: bool, capitals: frozenset[str]) -> list[Item]:
    if token.isdecimal():
        digits = "".join(str(unicodedata.decimal(one)) for one in token)
        value = int(digits) if len(digits) <= 3 else -1
        return [Item(Is.NUMBER, token, digits, value, figures=True, glued=glued)]
    if token in _MARKS:
        return [Item(_MARKS[token], token, glued=glued)]
    if token in _DASHES:
        return [Item(Is.DASH, token, glued=glued)]
    if not token[0].isalpha():
        return []
    first, *others = _items_of_word(token, capitals)
    return [replace(first, glued=glued), *others]


def _items_of_word(word: str, capitals: frozenset[str]) -> list[Item]:
    if word in words.ZERO_OR_SIGH:
        return [Item(Is.NUMBER, word, "0", 0, small=True, english=True, letter="o")]
    if (value := words.DUTCH.get(word)) is not None:
        return [Item(Is.NUMBER, word, str(value), value, small=word in words.SMALL)]
    if (value := words.ENGLISH.get(word)) is not None:
        small = word in words.SMALL or word in words.ONLY_AMONG_OTHERS
        return [Item(Is.NUMBER, word, str(value), value, small=small, english=True)]
    match word:
        case "honderd" | "hundred":
            return [Item(Is.HUNDRED, word)]
        case "duizend" | "thousand":
            return [Item(Is.THOUSAND, word)]
        case "en" | "and":
            return [Item(Is.AND, word, letter="n" if word == "en" else "", certain=word in capitals)]
        case "plus":
            return [Item(Is.PLUS, word)]
    if (value := words.MILLIONS.get(word)) is not None:
        return [Item(Is.MILLION, word, value=value)]
    if word in words.UNIT_AND and word not in words.SEVERAL:
        value = words.UNIT_AND[word]
        return [Item(Is.NUMBER, word, str(value), value), Item(Is.AND)]
    if (value := words.AND_TENS.get(word)) is not None:
        return [Item(Is.AND), Item(Is.NUMBER, word, str(value), value)]
    if (value := words.SEVERAL.get(word)) is not None:
        return [Item(Is.SEVERAL, word, str(value), value)]
    if word in words.TWICE or word in words.THRICE:
        return [Item(Is.TIMES, word, value=2 if word in words.TWICE else 3)]
    if (value := words.TIMES_AS_ONE.get(word)) is not None:
        return [Item(Is.TIMES, word, value=value)]
    if (value := words.ORDINALS.get(word)) is not None:
        return [Item(Is.ORDINAL, word, str(value), value)]
    if (value := words.MONTHS.get(word)) is not None:
        letter = words.ALPHABET.get(word, "")
        return [Item(Is.MONTH, word, value=value, letter=letter)]
    if word in words.SEPARATORS:
        return [Item(Is.DASH, word)]
    if parts := _parts(word):
        return parts
    return [_plain_word(word, capitals)]


def _plain_word(word: str, capitals: frozenset[str]) -> Item:
    letter = words.ALPHABET.get(word, "")
    if len(word) == 1 and word.isascii():
        letter = word
    certain = len(word) <= 2 and word in capitals
    return Item(Is.WORD, word, letter=letter or words.LETTER_NAMES.get(word, ""), certain=certain)


def _parts(word: str) -> list[Item]:
    """Return the numbers that one word is made of: “drieduizendvijfhonderdelf”, “nulzes”; nothing: none."""
    if len(word) > _LONGEST_WORD:
        return []
    found, end = [], 0
    for match in _PARTS.finditer(word):
        if match.start() != end:
            return []
        found.append(match[0])
        end = match.end()
    if end != len(word) or found[0] == "en" or found[-1] == "en":
        return []
    none: frozenset[str] = frozenset()
    each = [one for part in found for one in _items_of_word(part, none)]
    return [replace(one, small=False, glued=at > 0) for at, one in enumerate(each)]
