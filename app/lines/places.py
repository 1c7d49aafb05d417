"""Where is a line? The country in which a number is meant, the zone in which its hours count."""

from zoneinfo import ZoneInfo

from sqlalchemy import select

from app.deployment import Defaults
from app.records.lines import Line
from app.routing.facts import Reader


def country_of(session: Reader, number: str) -> str | None:
    """Return the country of a line, None when nobody described it."""
    return session.scalar(select(Line.country).where(Line.number == number))


def zone_of(session: Reader, number: str | None) -> ZoneInfo:
    """Return the time zone in which a line's hours count."""
    zone = session.scalar(select(Line.timezone).where(Line.number == number)) if number else None
    return ZoneInfo(zone or Defaults.timezone)
