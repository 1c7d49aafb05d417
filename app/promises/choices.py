"""Which times can be chosen for a callback? Open ones, by day, that customer and agent are likely to want."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from app.lines.hours import Calendar, due_at
from app.promises.times import by_day, is_day

# How much open time later each choice is.
CHOICES_MINUTES = (60, 180, 480, 960)
FARTHEST = timedelta(days=21)
# How long after callbacks may ring again the earliest choice of a morning is.
MORNING_LEAVES = timedelta(hours=1)


def likely(calendar: Calendar, now: datetime) -> list[datetime]:
    """Return deadlines to choose from: within open hours, and people are rung by day before them."""
    return sorted(set(_open(calendar, now)))


def _open(calendar: Calendar, now: datetime) -> Iterator[datetime]:
    for minutes in CHOICES_MINUTES:
        moment = _by_day(due_at(calendar, now, minutes), calendar.timezone)
        # A deadline: the minute before it must be one in which somebody is there.
        if calendar.is_open(moment - timedelta(minutes=1)):
            yield moment


def _by_day(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return a deadline before which people are rung by day: one in the night becomes the next morning's."""
    if is_day(moment - timedelta(minutes=1), zone):
        return moment
    return by_day(moment - timedelta(minutes=1), zone) + MORNING_LEAVES
