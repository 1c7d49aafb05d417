"""Which dates were said? “twaalf maart vijfenzestig”, “de vijfde van de zesde 1965”, “12-03-1965”."""

from collections.abc import Sequence
from datetime import date

from app.speech.items import Is, Item

# Of the years of two digits these are of this century.
_THIS_CENTURY = 30
_BETWEEN = frozenset({"van", "of", "de", "the", "in", "het", "jaar"})


def dates_in(items: Sequence[Item]) -> tuple[list[str], list[Item]]:
    """Return the dates with a month's name or with ordinals, and everything else that was said."""
    found: list[str] = []
    left: list[Item] = []
    at = 0
    while at < len(items):
        day_at, month, after = _day_and_month(items, at)
        if day_at is None:
            left.append(items[at])
            at += 1
            continue
        year, after = _year(items, after)
        day = items[day_at].value
        if year:
            if (one := iso_date(str(day), str(month), year)) is not None:
                found.append(one)
        elif 1 <= day <= 31:
            found.append(f"--{month:02}-{day:02}")
        left.append(Item(Is.WORD, "?"))
        at = after
    return found, left


def _day_and_month(items: Sequence[Item], at: int) -> tuple[int | None, int, int]:
    """Return where the day stands, which month it is and what follows, when a date begins here."""
    one = items[at]
    next_at = _past(items, at + 1)
    following = items[next_at] if next_at < len(items) else None
    nothing = (None, 0, at)
    if following is None:
        return nothing
    if one.kind in (Is.NUMBER, Is.ORDINAL) and 1 <= one.value <= 31:
        # “acht vijf nul vijf november victor” is a postcode.
        goes_on = at > 0 and items[at - 1].is_number
        if following.kind == Is.MONTH and (one.kind == Is.ORDINAL or (next_at == at + 1 and not goes_on)):
            return at, following.value, next_at + 1
        if one.kind == Is.ORDINAL and following.kind == Is.ORDINAL and 1 <= following.value <= 12:
            return at, following.value, next_at + 1
    # “march the fifth”; a caller who is called May says no day after it.
    if one.kind == Is.MONTH and following.kind == Is.ORDINAL:
        return next_at, one.value, next_at + 1
    return nothing


def _past(items: Sequence[Item], at: int) -> int:
    most = at + 3
    while at < min(most, len(items)) and items[at].text in _BETWEEN:
        at += 1
    return at


def _year(items: Sequence[Item], at: int) -> tuple[str, int]:
    """Return the year that follows, of two digits or four, and where it is over; nothing: none does."""
    while at < len(items) and items[at].kind == Is.COMMA:
        at += 1
    year, end = "", at
    while end < len(items) and items[end].is_number and len(year + items[end].digits) <= 4:
        year += items[end].digits
        end += 1
    is_whole = end >= len(items) or not items[end].is_number
    return (year, end) if len(year) in (2, 4) and is_whole else ("", at)


def is_written_as_date(groups: Sequence[Item]) -> bool:
    """Tell whether a row is written as a date: 12-03-2024."""
    if len(groups) != 3 or not all(one.is_number and one.figures for one in groups):
        return False
    day, month, year = (one.digits for one in groups)
    return len(day) <= 2 and len(month) <= 2 and len(year) == 4 and year[:2] in ("19", "20")


def date_of(groups: Sequence[str]) -> str | None:
    """Return the date of a day, a month and a year, each said as a number; the year perhaps in two."""
    if not 3 <= len(groups) <= 4:
        return None
    return iso_date(groups[0], groups[1], "".join(groups[2:]))


def iso_date(day: str, month: str, year: str) -> str | None:
    """Return a date, if there is such a day; a year of two digits is one that people remember."""
    if len(year) == 2:
        year = ("20" if int(year) <= _THIS_CENTURY else "19") + year
    if len(year) != 4 or len(day) > 2 or len(month) > 2:
        return None
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return None
