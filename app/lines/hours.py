"""When is a line open? Weekly hours, public holidays, and how long open time takes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import holidays

DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
# Longer than any series of holidays and weekends; a line that doesn't open within it never does.
LOOK_AHEAD_DAYS = 60
# A spoken deadline is one that people can remember: whole quarters of an hour.
QUARTER = timedelta(minutes=15)

_DAY_RANGE = re.compile(r"(Mo|Tu|We|Th|Fr|Sa|Su)(?:-(Mo|Tu|We|Th|Fr|Sa|Su))?")
_TIME_RANGE = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")


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


_WHOLE_DAY = (Span(0, 1440),)
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
            return cls(week=(_WHOLE_DAY,) * 7, text=text)
        if text.strip() == "24/7":
            return cls(week=(_WHOLE_DAY,) * 7, holiday=_WHOLE_DAY, text=text)
        week: dict[int, tuple[Span, ...]] = {}
        for part in text.split(";"):
            if not part.strip():
                continue
            words = part.split()
            if len(words) != 2:
                raise NotHours(part.strip(), "is not days and times such as Mo-Fr 09:00-17:30")
            spans = tuple(sorted((_span(item, part) for item in words[1].split(",")), key=lambda s: s.start))
            if any(one.end > other.start for one, other in pairwise(spans)):
                raise NotHours(part.strip(), "has times that overlap")
            for item in words[0].split(","):
                for day in _days(item, part):
                    week[day] = _with(week.get(day, ()), spans)
        return cls(
            week=tuple(week.get(day, ()) for day in range(7)), holiday=week.get(_HOLIDAY, ()), text=text
        )


def _with(before: tuple[Span, ...], spans: tuple[Span, ...]) -> tuple[Span, ...]:
    """Return a day's times when it is named once more: beside the others, or instead when they overlap."""
    both = sorted((*before, *spans), key=lambda span: span.start)
    overlap = any(one.end > other.start for one, other in pairwise(both))
    return spans if overlap else tuple(both)


def _days(item: str, part: str) -> list[int]:
    if item == "PH":
        return [_HOLIDAY]
    if not (match := _DAY_RANGE.fullmatch(item)):
        raise NotHours(item, f"in “{part.strip()}” is no day; write {', '.join(DAYS)} or Mo-Fr")
    first = DAYS.index(match[1])
    last = DAYS.index(match[2] or match[1])
    return [day % 7 for day in range(first, last + 1 if last >= first else last + 8)]


def _span(item: str, part: str) -> Span:
    if not (match := _TIME_RANGE.fullmatch(item)):
        raise NotHours(item, f"in “{part.strip()}” is no time such as 09:00-17:30")
    start = int(match[1]) * 60 + int(match[2])
    end = int(match[3]) * 60 + int(match[4]) if match[3] else 1440
    if end <= start:
        raise NotHours(item, f"in “{part.strip()}” ends before it begins")
    return Span(start, end)


@dataclass(frozen=True)
class Calendar:
    """Hours in a place: the time zone says when, the country which days are public holidays."""

    hours: Hours
    timezone: ZoneInfo
    country: str

    def is_open(self, at: datetime) -> bool:
        local = at.astimezone(self.timezone)
        minute = local.hour * 60 + local.minute
        return any(span.start <= minute < span.end for span in self._spans(local.date()))

    def holiday(self, at: datetime) -> str | None:
        """Return the name of the public holiday that closes the line on that day, None when none does."""
        return None if self.hours.holiday else _holiday(self.country, at.astimezone(self.timezone).date())

    def is_holiday(self, at: datetime) -> bool:
        """Tell whether that day is a public holiday there, whatever hours the line has on it."""
        return _holiday(self.country, at.astimezone(self.timezone).date()) is not None

    def next_opening(self, at: datetime) -> datetime | None:
        """Return when the line next opens: `at` itself when it is open then, None when it never opens."""
        for start, end in self._open_spans(at):
            if end > at:
                return max(start, at)
        return None

    def open_until(self, at: datetime) -> datetime | None:
        """Return when the line closes that is open at `at`, midnight at the latest; None when it isn't."""
        return next((end for start, end in self._open_spans(at) if start <= at < end), None)

    def after_open_time(self, at: datetime, minutes: int) -> datetime | None:
        """Return the moment at which `minutes` of open time will have passed since `at`; None when never."""
        left = timedelta(minutes=minutes)
        for start, end in self._open_spans(at):
            start = max(start, at)
            if end <= start:
                continue
            if end - start >= left:
                return start + left
            left -= end - start
        return None

    def _spans(self, day: date) -> tuple[Span, ...]:
        if _holiday(self.country, day):
            return self.hours.holiday
        return self.hours.week[day.weekday()]

    def _open_spans(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        first = at.astimezone(self.timezone).date()
        for offset in range(LOOK_AHEAD_DAYS):
            day = first + timedelta(days=offset)
            for span in self._spans(day):
                start, end = self._moment(day, span.start), self._moment(day, span.end)
                if end > start:  # an hour that the clock leaves out in spring never comes
                    yield start, end

    def _moment(self, day: date, minute: int) -> datetime:
        # By the wall clock, so that a day on which the clock changes is open from nine to five as well.
        midnight = datetime.combine(day + timedelta(days=minute // 1440), time(), tzinfo=self.timezone)
        wall = midnight.replace(hour=minute % 1440 // 60, minute=minute % 60)
        return wall.astimezone(ZoneInfo("UTC"))


@lru_cache(maxsize=100)
def calendar(hours: str, timezone: str, country: str) -> Calendar:
    """Return the calendar of a line's own texts. Raises ValueError when one of them makes no sense."""
    return Calendar(Hours.parse(hours), ZoneInfo(timezone), country)


@lru_cache(maxsize=100)
def _holidays_of(country: str, year: int) -> holidays.HolidayBase:
    try:
        return holidays.country_holidays(country, years=year)
    except NotImplementedError:
        return holidays.HolidayBase()  # a country of which nobody listed the holidays: none is known


def _holiday(country: str, day: date) -> str | None:
    return _holidays_of(country, day.year).get(day)


def due_at(calendar: Calendar, now: datetime, minutes: int) -> datetime:
    """Return the moment by which a promise made now is due: open time, at a whole quarter of an hour.

    A line that never opens owes its calls by the clock: late is better than never.
    """
    moment = calendar.after_open_time(now, minutes) or now + timedelta(days=1)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    quarters = -((midnight - moment) // QUARTER)
    return midnight + quarters * QUARTER
