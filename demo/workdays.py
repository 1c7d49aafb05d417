"""Which days does the town hall work, and how are they spoken of?

Days are counted back from today, as agents do: 1 is the last working day before today, 2 the one before that;
0 is today, or the first working day after it, and -1 the next.
"""

from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays
from babel.dates import format_date

ZONE = ZoneInfo("Europe/Amsterdam")
DAYS_OF_HISTORY = 60


def is_working_day(day: date) -> bool:
    """Tell whether the town hall is open: Monday to Friday, and no public holiday in the Netherlands."""
    return day.weekday() < 5 and day not in _public_holidays(day.year)


def in_words(day: date) -> str:
    """Return the day as an agent writes it: `donderdag 20 november`."""
    return format_date(day, "EEEE d MMMM", locale="nl")


class WorkingDays:
    """The working days around a moment, counted back from it."""

    def __init__(self, now: datetime) -> None:
        self._today = now.astimezone(ZONE).date()
        earliest = (now - timedelta(days=DAYS_OF_HISTORY)).astimezone(ZONE).date() + timedelta(days=1)
        self._past = _collect(self._today - timedelta(days=1), earliest)
        self._coming = _collect(self._today, self._today + timedelta(days=90))

    @property
    def oldest(self) -> int:
        """How many working days back the history may go."""
        return len(self._past)

    def day(self, back: int) -> date:
        """Return the date of the working day so many back: at most `oldest`, or some two months ahead."""
        return self._past[back - 1] if back > 0 else self._coming[-back]


def _collect(first: date, last: date) -> list[date]:
    """Return the working days from the first to the last date, both included, in that direction."""
    step = 1 if last >= first else -1
    days = (first + timedelta(days=step * count) for count in range(abs((last - first).days) + 1))
    return [day for day in days if is_working_day(day)]


@cache
def _public_holidays(year: int) -> holidays.HolidayBase:
    return holidays.country_holidays("NL", years=year)
