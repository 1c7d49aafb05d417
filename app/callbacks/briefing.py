"""What does an agent on an ordinary phone hear of a callback, who has no card before them? Who, why, by when.

It is spoken once they have accepted, so to a human, and before the customer is rung. A few seconds: whoever
needs more looks at their desk.
"""

import textwrap
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.catalogue import text, times
from app.promises import dropped
from app.records.callers import Case, Customer
from app.records.calls import Call
from app.records.promises import Promise

# People speak some fifteen characters a second; with the time this is at most eight seconds.
LONGEST_NAME = 28
LONGEST_ABOUT = 32
DIGITS_SPOKEN = 3


def of(
    session: Session, promise: Promise, call: Call, language: str, zone: ZoneInfo, now: datetime
) -> list[str]:
    """Return what to say of a callback in the agent's language."""
    customer = session.get(Customer, call.customer) if call.customer is not None else None
    case = session.get(Case, call.case) if call.case is not None else None
    return words(
        name=customer.name if customer else "",
        number=promise.number or "",
        about=case.subject if case else promise.about,
        due_at=None if dropped.is_one(promise) else promise.due_at,
        language=language,
        zone=zone,
        now=now,
    )


def words(
    *,
    name: str,
    number: str,
    about: str,
    due_at: datetime | None,
    language: str,
    zone: ZoneInfo,
    now: datetime,
) -> list[str]:
    """Say whom we ring, what about and what was promised; without a time it is a line that dropped."""
    digits = " ".join(number[-DIGITS_SPOKEN:])
    who = _short(name, LONGEST_NAME) or text("promise.briefing_number", language, digits=digits)
    what = _short(about, LONGEST_ABOUT)
    first = (
        text("promise.briefing_about", language, who=who, about=what)
        if what
        else text("promise.briefing", language, who=who)
    )
    if due_at is None:
        return [first, text("promise.briefing_dropped", language)]
    time = times.spoken(due_at, now, zone, language, "before")
    return [first, text("promise.briefing_time", language, time=time)]


def _short(spoken: str, longest: int) -> str:
    """Return as many whole words as can be said in the time, and no full stop in the middle of a sentence."""
    line = " ".join(spoken.split())
    return (textwrap.shorten(line, longest, placeholder="") or line[:longest]).rstrip(" .,;:!?-")
