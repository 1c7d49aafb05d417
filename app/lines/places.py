"""Where is a line? The country in which a number is meant, the zone in which its hours count."""

from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.callers.numbers import can_receive_texts, may_be_called, may_be_texted
from app.db import Reader
from app.deployment import Defaults
from app.records.callers import NobodysNumber
from app.records.lines import Line


def country_of(session: Reader, number: str) -> str | None:
    """Return the country of a line, None when nobody described it."""
    return session.scalar(select(Line.country).where(Line.number == number))


def zone_of(session: Reader, number: str | None) -> ZoneInfo:
    """Return the time zone in which a line's hours count."""
    zone = session.scalar(select(Line.timezone).where(Line.number == number)) if number else None
    return ZoneInfo(zone or Defaults.timezone)


def is_ours(session: Session, number: str | None) -> bool:
    """Tell whether this is a line of ours: ringing or writing to it would be ringing or writing to us."""
    return number is not None and session.get(Line, number) is not None


def is_nobodys(session: Session, number: str | None) -> bool:
    """Tell whether this number was marked as nobody's own: who would be rung there isn't who called."""
    return number is not None and session.get(NobodysNumber, number) is not None


def may_ring(session: Session, number: str | None) -> bool:
    """Tell whether we ring this number of our own accord: of a kind that may be called, and somebody's."""
    return may_be_called(number) and not is_ours(session, number) and not is_nobodys(session, number)


def may_text(session: Session, number: str, *, answers: bool) -> bool:
    """Tell whether we write to this number of our own accord: one that we ring, and that receives texts.

    `answers` says that they have just written to us: then it may be one of any country.
    """
    worth_trying = can_receive_texts(number) if answers else may_be_texted(number)
    return worth_trying and not is_ours(session, number) and not is_nobodys(session, number)
