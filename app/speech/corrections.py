"""What is said twice over, and what is taken back? “dubbel zeven”, “drie keer nul”, “zeven, nee, acht”."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from app.speech import vocabulary as words
from app.speech.items import Is, Item

# Between what was wrong and what is right people say so many words of no meaning at the most.
_MOST_BETWEEN = 7
_MOST_TAKEN_BACK = 12
_MOST_OF_A_ROW = 24
_MOST_COUNTED = 12  # “tien nullen”
_FILLERS = frozenset({"de", "het", "the", "cijfer"})


@dataclass(frozen=True, slots=True)
class Way:
    """One way to understand what can be understood in several."""

    # The last group and perhaps others that are said once more; the last alone; as many digits as follow; or
    # back to where what follows was said before, be it a single digit.
    takes_back: str = "group"
    article_after_times: bool = False  # “twee keer een zeven” is two sevens
    counts_ones: bool = False  # “drie zessen een zeven”: of sevens there is one, there is no one before it

    def __post_init__(self) -> None:
        assert self.takes_back in ("group", "last", "digits", "again")


USUAL = Way()
WAYS = (USUAL, Way("last"), Way("again"), Way("digits"), Way(article_after_times=True), Way(counts_ones=True))


def settled(found: Sequence[Item], way: Way = USUAL) -> list[Item]:
    """Return what is left when what is said several times stands so, articles are words, and what was taken
    back is gone."""
    return _corrected(_repeated(_without_articles(found, way), way), way)


# --- the article -------------------------------------------------------------------------------------------


def _without_articles(found: Sequence[Item], way: Way) -> list[Item]:
    return [_weighed(found, at, way) for at in range(len(found))]


def _weighed(found: Sequence[Item], at: int, way: Way) -> Item:
    one = found[at]
    if one.small or one.text == "a":
        match _counts_one(found, at):
            case Counts.ONE:
                return Item(Is.AND)
            case Counts.PERHAPS:
                return Item(Is.AND) if way.counts_ones else replace(one, doubtful=True)
    return _as_word(found, at) if one.small and not _is_digit(found, at, way) else one


class Counts(Enum):
    """What may a small word before one digit be?"""

    ONE = auto()  # “drie zessen en een zeven”: there is one seven
    PERHAPS = auto()
    NOTHING = auto()


def _counts_one(found: Sequence[Item], at: int) -> Counts:
    """Tell whether “een” says how often the digit after it stands.

    Sure only where digits are counted (“drie zessen”, “drie keer zes”) and “en” joins what is counted.
    """
    one, digit = found[at], found[at + 1] if at + 1 < len(found) else None
    if one.text not in (*words.SMALL, "a") or digit is None or not digit.is_number or len(digit.digits) != 1:
        return Counts.NOTHING
    before = _row(found, at, -1)
    after = _row(found, at + 1, 1)
    is_joined = at > 0 and found[at - 1].kind == Is.AND and any(each.is_number for each in before)
    ends = _ends_what_is_counted(found, at + 2)
    of_several = any(each.kind == Is.SEVERAL for each in (*before, *after))
    of_times = any(each.kind == Is.TIMES or each.text in words.TIMES for each in before)
    is_counted = of_several or of_times
    if one.text == "a":
        return Counts.ONE if is_joined and is_counted and ends else Counts.NOTHING
    if is_joined:
        return Counts.ONE if is_counted and ends else Counts.PERHAPS
    if _is_how_often(found, at):
        # “drie keer een nul en een zeven”: three noughts, or three ones and a nought.
        following = [each.kind for each in found[at + 2 : at + 4]]
        return Counts.PERHAPS if following == [Is.AND, Is.NUMBER] else Counts.NOTHING
    if not of_several or not ends:
        return Counts.NOTHING
    is_first = not any(each.is_number or each.kind == Is.SEVERAL for each in before)
    is_joined_after = at + 2 < len(found) and found[at + 2].kind == Is.AND
    return Counts.ONE if is_first and is_joined_after else Counts.PERHAPS


def _is_how_often(found: Sequence[Item], at: int) -> bool:
    """Tell whether what stands before says how often something stands: “drie keer”."""
    return at > 0 and (found[at - 1].kind == Is.TIMES or found[at - 1].text in words.TIMES)


def _row(found: Sequence[Item], at: int, step: int) -> list[Item]:
    """Return what stands in a row of numbers beside one place, nearest first, of the nearest few."""
    row: list[Item] = []
    place = at + step
    while 0 <= place < len(found) and len(row) < _MOST_OF_A_ROW:
        one = found[place]
        kinds = (Is.NUMBER, Is.SEVERAL, Is.TIMES)
        if not (one.kind in kinds or one.is_pause or one.text in words.TIMES or one.text in _FILLERS):
            break
        row.append(one)
        place += step
    return row


def _ends_what_is_counted(found: Sequence[Item], at: int) -> bool:
    """Tell whether no digit of its own follows: the end, a pause, or what is counted next."""
    if at >= len(found) or not found[at].is_number:
        return True
    following = found[at + 1] if at + 1 < len(found) else None
    if following is None:
        return False
    is_one_more = found[at].text in words.SMALL and following.is_number
    return is_one_more or following.kind in (Is.SEVERAL, Is.TIMES) or following.text in words.TIMES


def _as_word(found: Sequence[Item], at: int) -> Item:
    one = found[at]
    within = at + 1 < len(found) and found[at + 1].text in words.AN_ARTICLE_BEFORE
    return Item(Is.AND) if within else Item(Is.WORD, one.text, letter=one.letter, glued=one.glued)


def _is_digit(found: Sequence[Item], at: int, way: Way) -> bool:
    """Tell whether “een”, “one”, “oh” or “ten” is a number where it stands."""
    one = found[at]
    before, after = _neighbour(found, at, -1), _neighbour(found, at, 1)
    before_number = after is not None and after.kind in (Is.NUMBER, Is.HUNDRED, Is.THOUSAND, Is.TIMES)
    after_number = before is not None and before.kind in (Is.NUMBER, Is.PLUS, Is.TIMES)
    if one.text in words.ONLY_AMONG_OTHERS:
        near = [each for each in (before, after) if each is not None and each.is_number]
        ends = at + 1 >= len(found) or found[at + 1].kind in (Is.COMMA, Is.STOP)
        return len(near) == 2 or any(each.english or ends for each in near)
    if one.text in words.ZERO_OR_SIGH:
        return after_number or before_number
    previous = found[at - 1] if at else None
    if previous is not None and (previous.kind == Is.TIMES or previous.text in words.TIMES):
        return not (way.article_after_times and before_number)
    if before_number:
        if after is not None and after.text in words.AN_ARTICLE_BEFORE:
            return False
        return previous is None or previous.text not in words.BEFORE_AN_ARTICLE
    following = found[at + 1] if at + 1 < len(found) else None
    if following is not None and following.kind == Is.MONTH:
        return True
    ends = following is None or following.kind in (Is.COMMA, Is.STOP, Is.DASH, Is.SEVERAL) or after is None
    if previous is not None and previous.announces is not None:
        return ends
    goes_on = ends or (following is not None and _follows_a_digit(following))
    if any(near.text in words.FIXES for near in found[max(0, at - 3) : at]):
        return goes_on and any(near.is_number for near in found[max(0, at - _MOST_BETWEEN) : at])
    return after_number and goes_on and (ends or (previous is not None and previous.kind != Is.AND))


def _follows_a_digit(one: Item) -> bool:
    """Tell whether a word can't follow an article."""
    return (
        one.text in words.AFTER_A_DIGIT
        or one.text in words.FIXES
        or one.text in words.BESIDE_A_FIX
        or one.text in words.TIMES
        or one.is_pause
        or one.announces is not None
        or bool(one.letter)
    )


def _neighbour(found: Sequence[Item], at: int, step: int) -> Item | None:
    """Return the nearest that is no pause, in one direction; None when there is none near."""
    for distance in range(1, 6):
        place = at + step * distance
        if not 0 <= place < len(found):
            return None
        if not found[place].is_pause or found[place].text in words.FIXES:
            return found[place]
    return None


# --- several times -----------------------------------------------------------------------------------------


def _repeated(found: Sequence[Item], way: Way) -> list[Item]:
    repeated: list[Item] = []
    at = 0
    while at < len(found):
        one = found[at]
        times, after = _how_often(found, at)
        if times and way.article_after_times and after + 1 < len(found) and found[after].text in words.SMALL:
            after += 1
        if times and after < len(found) and _can_be_repeated(found[after]):
            said = found[after]
            repeated.append(
                replace(said, digits=said.digits * times, value=-1, figures=False, small=False)
                if said.is_number
                else replace(said, text=said.letter * times)
            )
            at = after + 1
        elif _is_how_many(found, at):
            several = found[at + 1]
            repeated.append(Item(Is.NUMBER, several.text, several.digits * one.value, -1))
            at += 2
        elif one.kind == Is.SEVERAL:
            # “vieren twintig”
            if _is(found, at + 1, Is.NUMBER) and found[at + 1].value in range(20, 100, 10):
                total = one.value + found[at + 1].value
                repeated.append(Item(Is.NUMBER, one.text, str(total), total))
                at += 2
            else:
                repeated.append(Item(Is.WORD, one.text))
                at += 1
        else:
            repeated.append(one)
            at += 1
    return repeated


def _is_how_many(found: Sequence[Item], at: int) -> bool:
    """Tell whether a number says how many of what follows there are: “drie zessen”, “tien nullen”."""
    one = found[at]
    if not one.is_number or not 2 <= one.value <= _MOST_COUNTED or not _is(found, at + 1, Is.SEVERAL):
        return False
    # “zes twaalf vieren twintig”
    is_tens = _is(found, at + 2, Is.NUMBER) and found[at + 2].value in range(20, 100, 10)
    return one.value <= 9 or not is_tens


def _is(found: Sequence[Item], at: int, kind: Is) -> bool:
    return at < len(found) and found[at].kind == kind


def _how_often(found: Sequence[Item], at: int) -> tuple[int, int]:
    """Return how many times what follows stands, and where it is; nought: once, as usual."""
    one = found[at]
    if one.kind == Is.TIMES:
        return one.value, _past_fillers(found, at + 1)
    if one.is_number and 2 <= one.value <= 9 and at + 1 < len(found) and found[at + 1].text in words.TIMES:
        return one.value, _past_fillers(found, at + 2)
    return 0, at


def _past_fillers(found: Sequence[Item], at: int) -> int:
    while at < len(found) and found[at].kind == Is.WORD and found[at].text in _FILLERS:
        at += 1
    return at


def _can_be_repeated(one: Item) -> bool:
    if one.is_number:
        return len(one.digits) <= 2
    return one.kind == Is.WORD and len(one.text) == 1 and bool(one.letter)


# --- taken back --------------------------------------------------------------------------------------------


def _corrected(found: Sequence[Item], way: Way) -> list[Item]:
    kept: list[Item] = []
    at = 0
    while at < len(found):
        after = _past_fix(found, at)
        if after and any(one.is_number for one in kept[-3:]):
            _take_back(kept, found, after, way)
            at = after
        else:
            kept.append(found[at])
            at += 1
    return kept


def _past_fix(found: Sequence[Item], at: int) -> int:
    """Return where what is right begins, when a correction begins here; nought when none does."""
    place, is_fix = at, False
    while place < len(found) and place - at <= _MOST_BETWEEN:
        one = found[place]
        if one.kind == Is.WORD and one.text in words.FIXES:
            is_fix = True
        elif one.is_number:
            return place if is_fix else 0
        elif one.text == "niet" and is_fix and _is_not_but(found, place):
            return place + 3
        elif not (one.is_pause or one.kind == Is.STOP or one.text in words.BESIDE_A_FIX):
            return 0
        place += 1
    return 0


def _is_not_but(found: Sequence[Item], at: int) -> bool:
    """Tell whether it goes on as in “nee, niet zeven maar acht”."""
    if at + 3 >= len(found) or not found[at + 1].is_number or not found[at + 3].is_number:
        return False
    return found[at + 2].text in ("maar", "but")


def _take_back(kept: list[Item], found: Sequence[Item], after: int, way: Way) -> None:
    """Leave out what is said anew: from where the same is said once more, else the last group."""
    numbers = [at for at in range(max(0, len(kept) - 3 * _MOST_TAKEN_BACK), len(kept)) if kept[at].is_number]
    # Of the same number only: a word between them begins another.
    for place in range(len(numbers) - 1, 0, -1):
        if any(not one.is_pause for one in kept[numbers[place - 1] + 1 : numbers[place]]):
            numbers = numbers[place:]
            break
    while kept and not kept[-1].is_number:
        kept.pop()
    new = _groups_from(found, after)
    if (again := _said_again(kept, numbers, new, way)) is not None:
        del kept[again:]
        return
    last, first = kept[-1], new[0]
    if len(last.digits) > len(first) and (last.figures or len(last.digits) > 3):
        left = last.digits[: len(last.digits) - len(first)]
        kept[-1] = replace(last, digits=left, value=-1)
        return
    kept.pop()
    if way.takes_back == "digits":
        rest = len(first) - len(last.digits)
        while rest > 0 and kept and kept[-1].is_number and len(kept[-1].digits) <= rest:
            rest -= len(kept.pop().digits)


def _groups_from(found: Sequence[Item], at: int) -> list[str]:
    groups: list[str] = []
    while at < len(found) and len(groups) < _MOST_TAKEN_BACK and (found[at].is_number or found[at].is_pause):
        if found[at].is_number:
            groups.append(found[at].digits)
        at += 1
    return groups


def _said_again(kept: Sequence[Item], numbers: Sequence[int], new: Sequence[str], way: Way) -> int | None:
    """Return from where on what was said is said once more: two groups alike, or one of several digits."""
    if way.takes_back in ("last", "digits"):
        return None
    best: tuple[int, int] | None = None
    for place, at in enumerate(numbers):
        said = [kept[one].digits for one in numbers[place:]]
        alike = 0
        while alike < min(len(said), len(new)) and said[alike] == new[alike]:
            alike += 1
        digits = sum(len(one) for one in new[:alike])
        is_enough = digits >= 3 or (digits >= 2 and alike == 1) or (alike > 0 and way.takes_back == "again")
        # All but the last group is said once more, or all from the beginning.
        is_anew = place == 0 and alike < len(numbers) <= len(new) and digits >= 2
        repeats = is_anew or (is_enough and place + alike == len(numbers) - 1)
        if repeats and (best is None or alike >= best[0]):
            best = (alike, at)
    return best[1] if best is not None else None
