"""What do the coming days look like? Each day of two weeks, and what makes it another than its weekday."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from app.lines.dates import OwnDate
from app.lines.hours import Calendar

DAYS_SHOWN = 14


@dataclass(frozen=True)
class Day:
    """One day: when it is open, and why it isn't like others."""

    date: date
    times: tuple[str, ...]  # 09:00-12:00; empty: closed
    own: OwnDate | None
    holiday: str | None


def two_weeks(calendar: Calendar, now: datetime) -> list[Day]:
    """Return today and the thirteen days after it, as the place of the line counts them."""
    today = now.astimezone(calendar.timezone).date()
    return [_day(calendar, today + timedelta(days=after)) for after in range(DAYS_SHOWN)]


def closed_on(calendar: Calendar, own: OwnDate, now: datetime) -> datetime | None:
    """Return a moment at which a day of its own closes the line that would usually be open; None for none."""
    today = now.astimezone(calendar.timezone).date()
    days = (own.first + timedelta(days=n) for n in range((own.last - own.first).days + 1))
    for day in (day for day in days if day >= today):
        midnight = datetime.combine(day, time(), tzinfo=calendar.timezone)
        for minute in range(0, 1440, 15):
            at = midnight + timedelta(minutes=minute)
            if calendar.would_be_open(at) and not calendar.is_open(at):
                return at
    return None


def _day(calendar: Calendar, day: date) -> Day:
    times = tuple(map(str, calendar.times_on(day)))
    return Day(day, times, calendar.dates.on(day), calendar.holiday_on(day))
