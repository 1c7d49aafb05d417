"""Which day is asked for in a search? From midnight to midnight, as on the clock of the house."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

# What is outside of these nobody means, and the arithmetic of dates ends somewhere.
YEARS = range(2000, 2200)


def asked(text: str, zone: ZoneInfo) -> tuple[datetime, datetime] | tuple[None, None]:
    """Return when the day begins and the next one does; nothing for what is no day."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None, None
    if day.year not in YEARS:
        return None, None
    return datetime.combine(day, time(), zone), datetime.combine(day + timedelta(days=1), time(), zone)
