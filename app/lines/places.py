"""Where is a line? The country in which a number is meant, the zone in which its hours count."""

from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.callers.numbers import may_be_called
from app.db import Reader
from app.deployment import Defaults
from app.records.lines import Line


def country_of(session: Reader, number: str) -> str | None:
    """Return the country of a line, None when nobody described it."""
    return session.scalar(select(Line.country).where(Line.number == number))


def zone_of(session: Reader, number: str | None) -> ZoneInfo:
    """Return the time zone in which a line's hours count."""
    zone = session.scalar(select(Line.timezone).where(Line.number == number)) if number else None
    return ZoneInfo(zone or Defaults.timezone)


def may_ring(session: Session, number: str | None) -> bool:
    """Tell whether we ring this number back: one that may be called, and not our own, which would ring us."""
    return may_be_called(number) and session.get(Line, number) is None
