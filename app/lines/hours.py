"""When is a line open? Weekly hours, public holidays, dates of their own, and how long open time takes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

from app.lines import dates as own_dates
from app.lines.dates import Dates
from app.lines.spans import Span
from app.lines.week import Hours

# Longer than any series of holidays and weekends; a line that doesn't open within it never does.
LOOK_AHEAD_DAYS = 60
# A spoken deadline is one that people can remember: whole quarters of an hour.
QUARTER = timedelta(minutes=15)


@dataclass(frozen=True)
class Calendar:
    """Hours in a place: the time zone says when, the country which days are public holidays.

    What was said of a day by itself counts before both.
    """

    hours: Hours
    timezone: ZoneInfo
    country: str
    dates: Dates = own_dates.NONE

    def is_open(self, at: datetime) -> bool:
        local = at.astimezone(self.timezone)
        return _holds(self.times_on(local.date()), local)

    def holiday(self, at: datetime) -> str | None:
        """Return the name of the public holiday that closes the line on that day, None when none does."""
        day = at.astimezone(self.timezone).date()
        return None if self.hours.holiday or self._opens_by_itself(day) else _holiday(self.country, day)

    def closed_because(self, at: datetime) -> str | None:
        """Return why the line is closed that would be open then on another such day, None for no reason."""
        local = at.astimezone(self.timezone)
        own = self.dates.on(local.date())
        is_because = own and own.why and self.would_be_open(at) and not self.is_open(at)
        return own.why if own and is_because else None

    def would_be_open(self, at: datetime) -> bool:
        """Tell whether the line would be open if nothing were said of that very day."""
        local = at.astimezone(self.timezone)
        return _holds(self.usual(local.date()), local)

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

    def usual(self, day: date) -> tuple[Span, ...]:
        """Return when it is open on such a day, by its weekday or as a public holiday."""
        if _holiday(self.country, day):
            return self.hours.holiday
        return self.hours.week[day.weekday()]

    def times_on(self, day: date) -> tuple[Span, ...]:
        """Return when it is open on that very day."""
        own = self.dates.on(day)
        return own.on_top_of(self.usual(day)) if own else self.usual(day)

    def holiday_on(self, day: date) -> str | None:
        """Return the name of the public holiday that a day is, whether or not the line is open then."""
        return _holiday(self.country, day)

    def _opens_by_itself(self, day: date) -> bool:
        return self.dates.on(day) is not None and bool(self.times_on(day))

    def _open_spans(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        first = at.astimezone(self.timezone).date()
        for offset in range(LOOK_AHEAD_DAYS):
            day = first + timedelta(days=offset)
            for span in self.times_on(day):
                start, end = self._moment(day, span.start), self._moment(day, span.end)
                if end > start:  # an hour that the clock leaves out in spring never comes
                    yield start, end

    def _moment(self, day: date, minute: int) -> datetime:
        # By the wall clock, so that a day on which the clock changes is open from nine to five as well.
        midnight = datetime.combine(day + timedelta(days=minute // 1440), time(), tzinfo=self.timezone)
        wall = midnight.replace(hour=minute % 1440 // 60, minute=minute % 60)
        return wall.astimezone(ZoneInfo("UTC"))


def _holds(times: tuple[Span, ...], local: datetime) -> bool:
    minute = local.hour * 60 + local.minute
    return any(span.start <= minute < span.end for span in times)


@lru_cache(maxsize=100)
def calendar(hours: str, timezone: str, country: str, dates: str = "") -> Calendar:
    """Return the calendar of a line's own texts. Raises ValueError when one of them makes no sense."""
    return Calendar(Hours.parse(hours), ZoneInfo(timezone), country, Dates.parse(dates))


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
