"""When is somebody rung who wrote when they would like it? What they asked for, and our hours. Pure times."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from app.catalogue.times import MORNING
from app.lines.hours import Calendar, due_at
from app.promises.times import DAY_BEGINS, DAY_ENDS


class Kind(StrEnum):
    UNCLEAR = "unclear"  # left to a human
    RING = "ring"
    WITHDRAW = "withdraw"
    THANKS = "thanks"  # agrees, and asks for nothing


class Part(StrEnum):
    MORNING = "morning"
    AFTERNOON = "afternoon"
    EVENING = "evening"


@dataclass(frozen=True)
class Clock:
    """A time of day; not `sure` when it may be half a day later."""

    hour: int
    minute: int = 0
    sure: bool = False


@dataclass(frozen=True)
class Day:
    """Which day: so many from today, or the next of this weekday, in this week or the one after it."""

    ahead: int | None = None
    weekday: int | None = None
    next_week: bool = False


@dataclass(frozen=True)
class Wish:
    """What was asked for: to be rung `at` a time, or from `start` to `end`, either of which may be open."""

    kind: Kind = Kind.UNCLEAR
    day: Day | None = None
    part: Part | None = None
    at: Clock | None = None
    start: Clock | None = None
    end: Clock | None = None
    delay: timedelta | None = None

    @property
    def names_a_time(self) -> bool:
        return any((self.day, self.part, self.at, self.start, self.end, self.delay))


@dataclass(frozen=True)
class Agreed:
    """When somebody is rung, as they asked for: from when on, if they said so, and by when."""

    not_before: datetime | None
    due_at: datetime


UNCLEAR = Wish()


LEAST_ROOM = timedelta(minutes=15)  # less is no time in which somebody can be counted on to ring
AT_ABOUT = timedelta(minutes=30)  # who asks to be rung at three is rung before half past
DELAY_ABOUT = timedelta(hours=2)
_BOUNDS = {
    None: (0, 24),
    Part.MORNING: (0, 12),
    Part.AFTERNOON: (12, 18),
    Part.EVENING: (18, 24),
}


def agreed(wish: Wish, calendar: Calendar, now: datetime, minutes: int) -> Agreed | None:
    """Return when a line of these hours rings back somebody who asks for this, `minutes` of open time later.

    None when nobody is there at that time, when it is past, or when it may mean two times.
    """
    if wish.delay is not None:
        return _within(calendar, now + wish.delay, now + wish.delay + DELAY_ABOUT, minutes, bound=True)
    day = _date(wish, calendar, now)
    if day is None:
        return None
    begin, end = (_on(day, Clock(hour), calendar.timezone) for hour in _BOUNDS[wish.part])
    begin = max(begin, now)
    if wish.day is not None and wish.day.next_week and wish.day.weekday is None:
        end += timedelta(days=4)  # any day of that week
    if wish.at is not None:
        at = _moment(wish.at, wish.part, day, calendar)
        return None if at is None or at < begin else _within(calendar, at, at + AT_ABOUT, minutes, bound=True)
    if wish.end is not None:
        until = _moment(wish.end, wish.part, day, calendar, closing=True)
        if until is None:
            return None
        end = min(end, until)
    if wish.start is not None:
        start = _moment(wish.start, wish.part, day, calendar)
        if start is None:
            return None
        begin = max(begin, start)
    if wish.end is not None and wish.start is None:
        # Any time before it will do: the later, the surer that it is kept.
        return _until(calendar, begin, end)
    return _within(calendar, begin, end, minutes, bound=wish.names_a_time)


def _date(wish: Wish, calendar: Calendar, now: datetime) -> date | None:
    """Return the day that is meant; None when it may be two."""
    here = now.astimezone(calendar.timezone)
    today, day = here.date(), wish.day
    if day is None:
        # Who writes in the evening that ten o'clock is fine means the next day on which somebody is there.
        opening = calendar.next_opening(now)
        return opening.astimezone(calendar.timezone).date() if opening else None
    if day.next_week:
        return today + timedelta(days=7 - today.weekday() + (day.weekday or 0))
    if day.ahead is not None:
        # At night “tomorrow” may be the day that has begun.
        return None if day.ahead and here.hour < MORNING else today + timedelta(days=day.ahead)
    ahead = ((day.weekday or 0) - today.weekday()) % 7
    return today + timedelta(days=ahead) if ahead and here.hour >= MORNING else None


def _on(day: date, clock: Clock, zone: ZoneInfo) -> datetime:
    wall = datetime.combine(day + timedelta(days=clock.hour // 24), time(clock.hour % 24, clock.minute), zone)
    return wall.astimezone(UTC)


def _moment(
    clock: Clock, part: Part | None, day: date, calendar: Calendar, *, closing: bool = False
) -> datetime | None:
    """Return the moment that a time of day means; None when it may be by day or by night.

    A time that leaves it open is one at which somebody is there; `closing` ones may be the end of it.
    """
    if clock.sure:
        return _on(day, clock, calendar.timezone)
    both = [replace(clock, hour=clock.hour % 12 + later) for later in (0, 12)]
    first, last = _BOUNDS[part]
    slack = timedelta(minutes=1) if closing else timedelta()
    possible = [
        one
        for one in both
        if (part is None or first <= one.hour < last or (closing and (one.hour, one.minute) == (last, 0)))
        and (part is not None or calendar.is_open(_on(day, one, calendar.timezone) - slack))
    ]
    if len(possible) > 1:
        possible = [one for one in possible if DAY_BEGINS <= time(one.hour, one.minute) < DAY_ENDS]
    return _on(day, possible[0], calendar.timezone) if len(possible) == 1 else None


def _within(
    calendar: Calendar, begin: datetime, end: datetime, minutes: int, *, bound: bool
) -> Agreed | None:
    opening = calendar.next_opening(begin)
    if opening is None or opening >= end:
        return None
    due = min(due_at(calendar, opening, minutes), end, calendar.open_until(opening) or end)
    return Agreed(opening if bound else None, due) if due - opening >= LEAST_ROOM else None


def _until(calendar: Calendar, begin: datetime, end: datetime) -> Agreed | None:
    opening = calendar.next_opening(begin)
    if opening is None or opening >= end:
        return None
    due = min(end, calendar.open_until(opening) or end)
    return Agreed(None, due) if due - opening >= LEAST_ROOM else None
