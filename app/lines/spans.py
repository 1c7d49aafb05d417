"""From when to when on one day? The times that weekly hours and dates of their own are made of."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

_TIME = r"([01]\d|2[0-3]):([0-5]\d)"
_TIME_RANGE = re.compile(rf"{_TIME}-(?:{_TIME}|24:00)")
_ONE_TIME = re.compile(_TIME)
MIDNIGHT = 1440


class NotHours(ValueError):
    """These are no opening hours; `part` is the piece of them that can't be used."""

    def __init__(self, part: str, why: str) -> None:
        super().__init__(f"“{part}” {why}")
        self.part = part


@dataclass(frozen=True)
class Span:
    """From `start` to `end` on one day, in minutes after midnight; `end` is not included."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"{clock(self.start)}-{clock(self.end)}"


WHOLE_DAY = (Span(0, MIDNIGHT),)


def clock(minute: int) -> str:
    """Return a minute of the day as hours are written, `09:30`; the last one is 24:00."""
    return f"{minute // 60:02}:{minute % 60:02}"


def minute_of(text: str) -> int | None:
    """Return the minute of the day, None for what is no time such as 09:30."""
    match = _ONE_TIME.fullmatch(text)
    return int(match[1]) * 60 + int(match[2]) if match else None


def span(item: str, part: str) -> Span:
    """Read `09:00-17:30`, which stands in `part`. Raises NotHours."""
    if not (match := _TIME_RANGE.fullmatch(item)):
        raise NotHours(item, f"in “{part.strip()}” is no time such as 09:00-17:30")
    start = int(match[1]) * 60 + int(match[2])
    end = int(match[3]) * 60 + int(match[4]) if match[3] else MIDNIGHT
    if end <= start:
        raise NotHours(item, f"in “{part.strip()}” ends before it begins")
    return Span(start, end)


def spans(items: str, part: str) -> tuple[Span, ...]:
    """Read `09:00-12:00,13:00-17:00`, in any order. Raises NotHours, also for times that overlap."""
    found = tuple(sorted((span(item, part) for item in items.split(",")), key=lambda s: s.start))
    if overlap(found):
        raise NotHours(part.strip(), "has times that overlap")
    return found


def overlap(ordered: Iterable[Span]) -> bool:
    return any(one.end > other.start for one, other in pairwise(ordered))


def without(usual: Iterable[Span], gaps: Iterable[Span]) -> tuple[Span, ...]:
    """Return times with gaps cut out of them."""
    left = list(usual)
    for gap in gaps:
        left = [
            piece
            for one in left
            for piece in (Span(one.start, min(one.end, gap.start)), Span(max(one.start, gap.end), one.end))
            if piece.start < piece.end
        ]
    return tuple(left)
