"""What are the hours of a usual week? How they are written, and what is wrong with how they were.

Holidays are another matter, with a library of their own: see hours.py.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache

from app.lines.spans import WHOLE_DAY, NotHours, Span, overlap, spans

DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")

_DAY_RANGE = re.compile(r"(Mo|Tu|We|Th|Fr|Sa|Su)(?:-(Mo|Tu|We|Th|Fr|Sa|Su))?")
_HOLIDAY = 7  # stands behind the seven weekdays


@dataclass(frozen=True)
class Hours:
    """Weekly opening hours: for each weekday (Monday first) its spans, and those of a public holiday."""

    week: tuple[tuple[Span, ...], ...]
    holiday: tuple[Span, ...] = ()
    text: str = field(default="", compare=False)  # as they were written

    @classmethod
    @lru_cache(maxsize=1000)
    def parse(cls, text: str) -> "Hours":
        """Read `Mo-Fr 09:00-17:30; Sa 10:00-14:00`; a later part replaces an earlier one for its days.

        The notation is a part of OpenStreetMap's opening_hours. Several days or times are separated by
        commas. Empty means always. Public holidays are closed unless `PH 10:00-14:00` says otherwise;
        `24/7` is always, on holidays too. Raises NotHours, which names the piece that makes no sense.
        """
        if not text.strip():
            return cls(week=(WHOLE_DAY,) * 7, text=text)
        if text.strip() == "24/7":
            return cls(week=(WHOLE_DAY,) * 7, holiday=WHOLE_DAY, text=text)
        week: dict[int, tuple[Span, ...]] = {}
        for part in text.split(";"):
            if not part.strip():
                continue
            words = part.split()
            if len(words) != 2:
                raise NotHours(part.strip(), "is not days and times such as Mo-Fr 09:00-17:30")
            times = spans(words[1], part)
            for item in words[0].split(","):
                for day in _days(item, part):
                    week[day] = _with(week.get(day, ()), times)
        return cls(
            week=tuple(week.get(day, ()) for day in range(7)), holiday=week.get(_HOLIDAY, ()), text=text
        )


def said_twice(text: str) -> str | None:
    """Return a day of which one time would be lost because another overlaps it, None when there is none.

    Fewer days may have their own times: `Mo-Fr 09:00-17:00; Fr 09:00-12:00` loses nothing. Only for hours
    that can be parsed.
    """
    before: list[tuple[set[int], tuple[Span, ...]]] = []
    for part in filter(str.strip, text.split(";")):
        if len(words := part.split()) != 2:
            continue  # always
        days = {day for item in words[0].split(",") for day in _days(item, part)}
        times = spans(words[1], part)
        for others, theirs in before:
            both = sorted((*theirs, *times), key=lambda span: span.start)
            if (twice := days & others) and overlap(both) and len(days) >= len(others):
                return (*DAYS, "PH")[min(twice)]
        before.append((days, times))
    return None


def _with(before: tuple[Span, ...], times: tuple[Span, ...]) -> tuple[Span, ...]:
    """Return a day's times when it is named once more: beside the others, or instead when they overlap."""
    both = tuple(sorted((*before, *times), key=lambda span: span.start))
    return times if overlap(both) else both


def _days(item: str, part: str) -> list[int]:
    if item == "PH":
        return [_HOLIDAY]
    if not (match := _DAY_RANGE.fullmatch(item)):
        raise NotHours(item, f"in “{part.strip()}” is no day; write {', '.join(DAYS)} or Mo-Fr")
    first = DAYS.index(match[1])
    last = DAYS.index(match[2] or match[1])
    return [day % 7 for day in range(first, last + 1 if last >= first else last + 8)]
