"""Who gave a password, or came from elsewhere, and owes a second factor? This browser knows, for a while.

It is no session: nothing but the pages of the second factor asks for it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import g, session
from sqlalchemy.orm import Session

from app import web
from app.clock import utcnow
from app.door.sessions import Opened
from app.records.agents import User

HALF = "half_in"
FOR_SO_LONG = timedelta(minutes=10)
TO_SET_UP = timedelta(minutes=30)  # whoever has to find an app first


@dataclass(frozen=True)
class HalfIn:
    email: str
    number: int  # of users.session_number: what ends all sessions ends this too
    goes_to: str
    until: int
    opened: Opened  # by what they came so far


def begin(user: User, goes_to: str, until: datetime, opened: Opened) -> None:
    """Remember in this browser what they showed so far. Whatever it held before must be gone."""
    session[HALF] = [
        user.email,
        user.session_number,
        goes_to[:1000],
        int(until.timestamp()),
        [opened.how, opened.provider_sid, opened.provider_sub],
    ]
    session["language"] = user.language
    g.pop("signed_in", None)


def current() -> HalfIn | None:
    """Return who is half-way in; None when nobody is, or took too long."""
    kept = session.get(HALF)
    if not isinstance(kept, list) or len(kept) != 5:
        return None
    email, number, goes_to, until, (how, provider_sid, provider_sub) = kept
    opened = Opened(str(how), provider_sid=provider_sid, provider_sub=provider_sub)
    half = HalfIn(str(email), int(number), web.safe_next(str(goes_to)), int(until), opened)
    return half if utcnow().timestamp() < half.until else None


def user_of(db: Session, half: HalfIn) -> User | None:
    """Return who they are, if they may still come in."""
    user = db.get(User, half.email)
    return user if user is not None and user.session_number == half.number else None


def end() -> None:
    session.pop(HALF, None)
