"""Which days have hours of their own, and why? Closed on 5 May, open until noon on 24 December.

Written and kept as text, a line for each day or row of days:

    2026-12-24 until 12:00
    2026-12-25/2026-12-31 closed | de verhuizing
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Self

from app.lines.spans import MIDNIGHT, NotHours, Span, minute_of, spans, without

MOST_DATES = 200
LONGEST_ROW_DAYS = 366
LONGEST_WHY = 100

# What people write for it in Dutch is understood as well; it is kept in one way.
_WORDS = {"dicht": "closed", "gesloten": "closed", "tot": "until", "vanaf": "from"}
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class SaidTwice(ValueError):
    """A day stands in two of the dates, and nobody can tell which of them is meant."""

    def __init__(self, day: date, one: "OwnDate", other: "OwnDate") -> None:
        super().__init__(f"{day} stands in “{one}” and in “{other}”")
        self.day, self.one, self.other = day, one, other


@dataclass(frozen=True)
class OwnDate:
    """A day, or a row of days, with hours of its own.

    `hours` is `closed`, `until 12:00`, `from 10:00`, `closed 13:00-15:00` (all three: else as usual), or the
    times that it is open then, `13:00-15:00,19:00-21:00`.
    """

    first: date
    last: date
    hours: str
    why: str = ""  # “de kerstborrel”: said to callers behind “vanwege”

    @classmethod
    def of(cls, first: date, last: date | None, hours: str, why: str = "") -> Self:
        """Make one of what people wrote. Raises NotHours for times and days that make no sense."""
        last = last or first
        if last < first:
            raise NotHours(f"{first}/{last}", "ends before it begins")
        if (last - first).days >= LONGEST_ROW_DAYS:
            raise NotHours(f"{first}/{last}", "is longer than a year")
        found = cls(first, last, _as_kept(hours), " ".join(why.replace("|", "/").split())[:LONGEST_WHY])
        found.on_top_of(())
        return found

    def __str__(self) -> str:
        days = str(self.first) if self.first == self.last else f"{self.first}/{self.last}"
        return f"{days} {self.hours}" + (f" | {self.why}" if self.why else "")

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def goes_on_with(self, other: "OwnDate") -> bool:
        """Whether the other says the same of the days that follow."""
        follows = other.first - self.last == timedelta(days=1)
        return follows and (self.hours, self.why) == (other.hours, other.why)

    def on_top_of(self, usual: Sequence[Span]) -> tuple[Span, ...]:
        """Return when it is open on such a day that would usually be open then."""
        word, _, rest = self.hours.partition(" ")
        match word:
            case "closed" if not rest:
                return ()
            case "closed":
                return without(usual, spans(rest, self.hours))
            case "until":
                return without(usual, (Span(_minute(rest, self.hours), MIDNIGHT),))
            case "from":
                return without(usual, (Span(0, _minute(rest, self.hours)),))
            case _:
                return spans(self.hours, self.hours)


def _as_kept(hours: str) -> str:
    words = hours.lower().replace("–", "-").split()
    if not words:
        raise NotHours("", "is empty; write closed, until 12:00, from 10:00 or 13:00-15:00")
    first = _WORDS.get(words[0], words[0])
    # A space after a comma, or around the dash between two times, says nothing.
    return f"{first} {''.join(words[1:])}".strip() if first in {*_WORDS.values()} else "".join(words)


def _minute(text: str, whole: str) -> int:
    minute = minute_of(text)
    if minute is None:
        raise NotHours(whole, "is no time such as until 12:00")
    return minute


@dataclass(frozen=True)
class Dates:
    """All dates of a line, in order; no day stands in two of them."""

    each: tuple[OwnDate, ...] = ()

    @classmethod
    def of(cls, each: Iterable[OwnDate]) -> Self:
        """Put dates in their order. Raises SaidTwice for a day that stands in two of them."""
        ordered = sorted(each, key=lambda one: one.first)
        for one, other in pairwise(ordered):
            if other.first <= one.last:
                raise SaidTwice(other.first, one, other)
        return cls(tuple(ordered))

    @classmethod
    @lru_cache(maxsize=1000)
    def parse(cls, text: str) -> "Dates":
        """Read what is kept. Raises NotHours or SaidTwice for what is none."""
        return cls.of(_read(line) for line in text.splitlines() if line.strip())

    def __str__(self) -> str:
        return "\n".join(map(str, self.each))

    def on(self, day: date) -> OwnDate | None:
        """Return what stands for a day, None when it is a day like others."""
        return next((one for one in self.each if day in one), None)

    def since(self, day: date) -> Iterator[OwnDate]:
        """Yield those that aren't over on that day, the nearest first."""
        return (one for one in self.each if one.last >= day)


NONE = Dates()


def day_of(text: str) -> date | None:
    """Return the day that is written `2026-12-24`, None for what is none."""
    try:
        found = date.fromisoformat(text.strip()) if _DAY.fullmatch(text.strip()) else None
    except ValueError:
        return None
    # Only within years of which the days beside it can be counted.
    return found if found and 1900 <= found.year <= 2200 else None


def _read(line: str) -> OwnDate:
    said, _, why = line.partition("|")
    days, _, hours = said.strip().partition(" ")
    first, _, last = days.partition("/")
    begin, end = day_of(first), day_of(last or first)
    if begin is None or end is None:
        raise NotHours(days, "is no day such as 2026-12-24")
    return OwnDate.of(begin, end, hours, why)
