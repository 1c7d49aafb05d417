"""Which letters were said, however: “p van Pieter”, “en dan de letters J en K”? Right beside their number."""

from app.speech import vocabulary as words
from app.speech.items import Is, Item

# Between a number and its letters so many words of no meaning stand at the most, and so many letters.
_MOST_LEADS = 6
_MOST_LETTERS = 4
_MULTIPLES = frozenset({Is.HUNDRED, Is.THOUSAND, Is.MILLION})
_ENDS_A_NUMBER = _MULTIPLES | {Is.NUMBER, Is.SEVERAL}


def with_letters(found: list[Item]) -> list[Item]:
    """Return one item for each letter that was spelt, and nothing between a number and its letters."""
    return _with_announced_letters(_with_spelt_letters(found))


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


def _with_announced_letters(found: list[Item]) -> list[Item]:
    """Put letters right beside the number that they are said with: “3512 en dan de letters J en K”.

    Only letters of which somebody said that they are letters, or that can be hardly anything else, and only
    beside digits: “met de letter van de wet” says none.
    """
    placed: list[Item] = []
    at = 0
    while at < len(found):
        begin, announced = _past_leads(found, at)
        letters, after = _letters_from(found, begin, announced=announced) if begin > at else ("", at)
        is_meant = bool(letters) and (announced or len(letters) == 2 or _is_alone(found, begin))
        if is_meant and _are_after_digits(placed):
            placed += [_spelt_letter(one) for one in letters]
            at = after
            continue
        if letters and announced and (number_at := _past_pauses(found, after)) is not None:
            placed.append(_spelt_letter(letters))
            at = number_at
            continue
        placed.append(found[at])
        at += 1
    return placed


def _is_alone(found: list[Item], at: int) -> bool:
    """Tell whether one letter is meant as such: “een J”, and not “een E-mail”."""
    following = found[at + 1] if at + 1 < len(found) else None
    goes_on = following is not None and (
        following.kind == Is.DASH or (following.glued and following.kind in (Is.WORD, Is.NUMBER))
    )
    return found[at - 1].text in ("een", "de", "the") and found[at].certain and not goes_on


def _are_after_digits(placed: list[Item]) -> bool:
    """Tell whether what was said last is a number, and neither an article nor a sigh."""
    at = len(placed) - 1
    while at > 0 and placed[at].is_pause:
        at -= 1
    if at < 0 or placed[at].kind not in _ENDS_A_NUMBER:
        return False
    before = placed[at - 1] if at else None
    is_among_others = before is not None and (
        before.kind in (*_ENDS_A_NUMBER, Is.TIMES) or before.text in words.TIMES or before.is_pause
    )
    return not placed[at].small or is_among_others


def _spelt_letter(letters: str) -> Item:
    return Item(Is.WORD, f"{letters} spelt", letter=letters, certain=True)


def _past_leads(found: list[Item], at: int) -> tuple[int, bool]:
    """Skip what leads to letters; also tell whether it says that letters come."""
    announced, place = False, at
    while place < min(at + _MOST_LEADS, len(found)):
        one = found[place]
        comes = one.text in words.LETTERS_COME
        if not comes and one.kind not in (Is.COMMA, Is.DASH) and one.text not in words.LEADS_TO_LETTERS:
            break
        if one.text in words.SMALL and _is_of_the_number(found, at, place):
            return at, False
        announced = announced or comes
        place += 1
    return place, announced


def _is_of_the_number(found: list[Item], at: int, place: int) -> bool:
    """Tell whether “een” is still a digit: “twee, een met de letter J”, “honderd en een J”."""
    before, following = found[place - 1] if place else None, found[place + 1 : place + 2]
    if place == at or before is None or before.kind in (Is.COMMA, Is.DASH):
        return True
    if before.kind == Is.AND and place == at + 1 and at and found[at - 1].kind in _MULTIPLES:
        return True
    return not (following and (following[0].letter or following[0].text in words.LETTERS_COME))


def _letters_from(found: list[Item], at: int, *, announced: bool) -> tuple[str, int]:
    """Return the letters that begin here with what joins them left out, and what follows the last of them."""
    letters, after, place = "", at, at
    while place < len(found) and len(letters) <= _MOST_LETTERS:
        one = found[place]
        is_joint = one.kind in (Is.COMMA, Is.DASH) or one.text in words.BETWEEN_LETTERS
        if (is_joint or one.text in words.LETTERS_COME) and letters and place - after < _MOST_LEADS:
            place += 1
            continue
        said = _as_letters(one, announced=announced)
        if is_joint or not said:
            break
        letters += said
        place = after = place + 1
    return (letters, after) if len(letters) <= _MOST_LETTERS else ("", at)


def _as_letters(one: Item, *, announced: bool) -> str:
    """Return the letter or two that an item is; nothing where it is probably a word."""
    if one.kind not in (Is.WORD, Is.MONTH) or one.announces is not None or one.text in words.PAUSES:
        return ""
    if len(one.text) == 2 and one.text.isascii() and one.text.isalpha():
        if one.certain:
            return one.text
        if announced:
            return one.letter or ("" if one.text in words.WORDS_OF_TWO else one.text)
        return ""
    if announced or one.certain or (len(one.text) == 1 and one.text not in "ou"):
        return one.letter
    return ""


def _past_pauses(found: list[Item], at: int) -> int | None:
    """Return where the number stands that follows after pauses at the most; None: none does."""
    place = at
    while place < min(at + _MOST_LEADS, len(found)) and found[place].is_pause:
        place += 1
    return place if place < len(found) and found[place].is_number and not found[place].small else None
