"""What does a caller hear of a line that is closed? Why, for a reason, and when somebody is there again."""

from datetime import datetime

from app.lines.hours import Calendar
from app.routing.sentences import Sentence


def sentence(calendar: Calendar, now: datetime) -> Sentence:
    """Return what is true of a line that is closed now."""
    opening = calendar.next_opening(now)
    if opening is None:
        return Sentence("closed")
    if why := calendar.closed_because(now):
        return Sentence("closed_because", {"time": ("at", opening), "why": why})
    code = "closed_holiday" if calendar.holiday(now) else "closed_until"
    return Sentence(code, {"time": ("at", opening)})
