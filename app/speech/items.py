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
_XRAY = re.compile(r"(?<!\w)x[- ]ray(?!\w)")
_MARKS = {"+": Is.PLUS, ",": Is.COMMA, ".": Is.STOP, "?": Is.STOP, "!": Is.STOP, ";": Is.STOP, ":": Is.COMMA}
_DASHES = frozenset("-–—/_\\·")
# Longer words than these are no numbers: “negenhonderdnegenennegentigduizendnegenhonderdnegenennegentig”.
_LONGEST_WORD = 75
_PARTS = re.compile(
    "duizend|honderd|thousand|hundred|"
    + "|".join(sorted((*words.DUTCH, *words.AND_TENS), key=len, reverse=True))
    + "|en"
)
_MOST_OF_A_MULTIPLE = 9


def items_of(text: str) -> list[Item]:
    """Return what stands in a text, numbers of several words already one group each."""
    plain = unicodedata.normalize("NFC", text).lower()
    # “één” is no article.
    plain = _STRESSED_ONE.sub(lambda found: " 1 " if "é" in found[0] else found[0], plain)
    plain = "".join(
        one for one in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(one)
    ).replace("ĳ", "ij")
    plain = _XRAY.sub("xray", plain)
    capitals = _single_capitals(text)
    found: list[Item] = []
    end = 0
    for match in _TOKEN.finditer(plain):
        glued = match.start() == end and end > 0
        end = match.end()
        found += _items_of_token(match[0], glued, capitals)
    return _composed(_with_spelt_letters(found))


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


# --- letters --------------------------------------------------------------------------------------------


def _with_spelt_letters(found: list[Item]) -> list[Item]:
    """Take “p van Pieter”, “a as in apple” for one letter, and “griekse ij” for a y."""
    spelt: list[Item] = []
    at = 0
    while at < len(found):
        one = found[at]
        length, letter = _spelt(found, at)
        if length:
            spelt.append(Item(Is.WORD, f"{letter} spelt", letter=letter, certain=True, glued=False))
            at += length
            continue
        spelt.append(one)
        at += 1
    return spelt


def _spelt(found: list[Item], at: int) -> tuple[int, str]:
    """Return how many items spell a letter from here on, and which; the word is believed, not the letter.

    Of a letter alone b, d, p and t sound alike; of a name they don't.
    """
    one = found[at]
    if one.text == "griekse" and at + 1 < len(found) and found[at + 1].letter in ("y", "i"):
        return 2, "y"
    if not one.letter or len(one.text) > 3:
        return 0, ""
    links = [found[at + 1].text] if at + 1 < len(found) else []
    if not links or links[0] not in words.SPELT_BY:
        return 0, ""
    named_at = at + 2
    if named_at < len(found) and found[named_at].text == "in" and links[0] in ("as", "als", "zoals", "like"):
        named_at += 1
    if named_at >= len(found) or found[named_at].kind not in (Is.WORD, Is.MONTH):
        return 0, ""
    named = found[named_at]
    letter = words.ALPHABET.get(named.text) or (named.text[0] if named.text[0] == one.letter else "")
    return (named_at - at + 1, letter) if letter and len(named.text) > 1 else (0, "")


# --- numbers of several words -----------------------------------------------------------------------------


def _composed(found: list[Item]) -> list[Item]:
    """Make one group of “twee en twintig”, “twenty two”, “zes honderd twaalf”, “tweeduizend een”."""
    composed: list[Item] = []
    at = 0
    while at < len(found):
        group, after = _number_from(found, at)
        if group is None:
            composed.append(found[at])
            at += 1
        else:
            composed.append(group)
            at = after
    return composed


def _number_from(found: list[Item], at: int) -> tuple[Item | None, int]:
    """Return the number that begins here, and where it is over; None: none does."""
    begun = found[at]
    if begun.kind not in (Is.NUMBER, Is.HUNDRED, Is.THOUSAND):
        return None, at
    value, english, after = _below_thousand(found, at)
    if after < len(found) and found[after].kind == Is.THOUSAND and (value is None or 1 <= value <= 999):
        thousands, after = value or 1, after + 1
        rest, _, beyond = _below_thousand(found, _past_and(found, after))
        value = thousands * 1000
        if rest and not _multiplies(found, beyond, Is.THOUSAND):
            value, after = value + rest, beyond
    if value is None:
        return None, at
    if after == at + 1 and begun.is_number:
        return begun, after
    return Item(Is.NUMBER, "", str(value), value, glued=begun.glued, english=english), after


def _below_thousand(found: list[Item], at: int) -> tuple[int | None, bool, int]:
    """Return a number below a thousand (or “twaalfhonderd …”) that begins here; None: none does."""
    value, english, after = _below_hundred(found, at)
    if not _multiplies(found, after, Is.HUNDRED) or _is_of_a_mobile(found, at, after):
        return value, english, after
    if value is None or _can_be_hundreds(value):
        hundreds, after = value or 1, after + 1
        rest, _, beyond = _below_hundred(found, _past_and(found, after))
        value = hundreds * 100
        if rest and not _multiplies(found, beyond, Is.HUNDRED) and not _repeats(found, beyond):
            value, after = value + rest, beyond
    return value, english, after


def _is_of_a_mobile(found: list[Item], at: int, after: int) -> bool:
    """Tell whether a six ends what mobile numbers begin with: “nul zes honderdtwaalf”."""
    before = found[at - 1] if at else None
    begun = before is not None and before.is_number and before.digits in ("0", "31")
    earlier = found[max(0, at - 4) : max(0, at - 1)]
    if any(one.announces == Kind.CASE for one in earlier) or (
        earlier and earlier[-1].kind in (Is.NUMBER, Is.TIMES, Is.DASH)
    ):
        return False
    return begun and after > at and found[at].digits == "6" and not found[after].glued


def _can_be_hundreds(value: int) -> bool:
    return 0 < value < 100 and (value < 10 or value % 10 != 0)


def _multiplies(found: list[Item], at: int, kind: Is) -> bool:
    return at < len(found) and found[at].kind == kind


def _repeats(found: list[Item], at: int) -> bool:
    """Tell whether what stands before is how often something stands: “honderd drie keer nul”."""
    return at < len(found) and (found[at].text in words.TIMES or found[at].kind == Is.SEVERAL)


def _past_and(found: list[Item], at: int) -> int:
    is_and = at + 1 < len(found) and found[at].kind == Is.AND and found[at + 1].is_number
    return at + 1 if is_and else at


def _below_hundred(found: list[Item], at: int) -> tuple[int | None, bool, int]:
    """Return a number below a hundred that begins here, in one word or in several; None: none does."""
    if at >= len(found) or not found[at].is_number or not 0 <= found[at].value < 100:
        return None, False, at
    first = found[at]
    if first.figures and first.digits != str(first.value):
        return None, False, at  # “06” is two digits
    value, english = first.value, first.english
    tens_at = _past_dashes(found, at + 1)
    if 1 <= value <= 9 and not english and tens_at < len(found) and found[tens_at].kind == Is.AND:
        tens_at = _past_dashes(found, tens_at + 1)
        if tens_at < len(found) and _is_tens(found[tens_at]) and not found[tens_at].english:
            return value + found[tens_at].value, english, tens_at + 1
    unit_at = _past_dashes(found, at + 1)
    if english and _is_tens(first) and unit_at < len(found):
        unit = found[unit_at]
        if unit.is_number and unit.english and 1 <= unit.value <= 9 and not unit.figures:
            return value + unit.value, english, unit_at + 1
    return value, english, at + 1


def _past_dashes(found: list[Item], at: int) -> int:
    """Skip a dash within a word: “vier-en-twintig”."""
    within = at + 1 < len(found) and found[at].text == "-" and found[at].glued and found[at + 1].glued
    return at + 1 if within else at


def _is_tens(one: Item) -> bool:
    return one.is_number and not one.figures and one.value in range(20, 100, 10)
