"""Which words make one number? “twee en twintig”, “twelve hundred”, “een miljoen tweehonderdduizend”."""

from app.speech import vocabulary as words
from app.speech.items import Is, Item
from app.speech.kinds import Kind


def composed(found: list[Item]) -> list[Item]:
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
    if begun.kind == Is.MILLION:
        # “anderhalf miljoen”, “een half miljoen tweehonderd”: no digits say it.
        return Item(Is.WORD, begun.text), _past_rest_of_million(found, at + 1)
    if begun.kind not in (Is.NUMBER, Is.HUNDRED, Is.THOUSAND):
        return None, at
    value, english, after = _below_million(found, at)
    if value and _multiplies(found, after, Is.MILLION):
        if _is_after_a_point(found, at):
            digits = str(value * found[after].value)
            return Item(Is.NUMBER, "", digits, -1, doubtful=True), _past_rest_of_million(found, after + 1)
        value, after = value * found[after].value, after + 1
        while True:
            rest, _, beyond = _below_million(found, _past_and(found, after))
            if not rest or _repeats(found, beyond):
                break
            if not _multiplies(found, beyond, Is.MILLION):
                value, after = value + rest, beyond
                break
            if value % (1000 * found[beyond].value):
                break
            value, after = value + rest * found[beyond].value, beyond + 1
    if value is None:
        return None, at
    if after == at + 1 and begun.is_number:
        return begun, after
    return Item(Is.NUMBER, "", str(value), value, glued=begun.glued, english=english), after


def _past_rest_of_million(found: list[Item], at: int) -> int:
    return max(at, _below_million(found, _past_and(found, at))[2])


def _is_after_a_point(found: list[Item], at: int) -> bool:
    """Tell whether a number is what stands behind the comma of another: “1,2 miljoen”, “twee en een half”."""
    return at > 1 and found[at - 1].kind in (Is.COMMA, Is.STOP, Is.DASH) and found[at - 2].is_number


def _below_million(found: list[Item], at: int) -> tuple[int | None, bool, int]:
    """Return a number below a million that begins here; None: none does."""
    value, english, after = _below_thousand(found, at)
    if value is None and _can_be_thousands(found, at):
        value, after = found[at].value, at + 1
    if _multiplies(found, after, Is.THOUSAND) and (value is None or 1 <= value <= 999):
        thousands, after = value or 1, after + 1
        rest, _, beyond = _below_thousand(found, _past_and(found, after))
        value = thousands * 1000
        if (
            rest
            and not _multiplies(found, beyond, Is.THOUSAND)
            and not _multiplies(found, beyond, Is.MILLION)
        ):
            value, after = value + rest, beyond
    return value, english, after


def _can_be_thousands(found: list[Item], at: int) -> bool:
    """Tell whether figures of three digits count what follows: “200 duizend”, “350 miljoen”."""
    if at >= len(found):
        return False
    one = found[at]
    multiplies = _multiplies(found, at + 1, Is.THOUSAND) or _multiplies(found, at + 1, Is.MILLION)
    return multiplies and one.figures and 100 <= one.value <= 999


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


# After these it is the rest of what was begun: “vijfhonderdeenendertig zeshonderdtwaalf”.
_GOES_ON = (Is.NUMBER, Is.TIMES, Is.DASH, Is.AND, Is.HUNDRED, Is.THOUSAND, Is.MILLION)


def _is_of_a_mobile(found: list[Item], at: int, after: int) -> bool:
    """Tell whether a six ends what mobile numbers begin with: “nul zes honderdtwaalf”.

    In English a hundred never goes without saying how many.
    """
    if found[after].text == "hundred":
        return False
    before = found[at - 1] if at else None
    begun = before is not None and before.is_number and before.digits in ("0", "31")
    earlier = found[max(0, at - 4) : max(0, at - 1)]
    if any(one.announces == Kind.CASE for one in earlier) or (earlier and earlier[-1].kind in _GOES_ON):
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
