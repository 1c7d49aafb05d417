"""Who gave a password, or came from elsewhere, and owes a second factor? This browser knows, for ten minutes.

It is no session: nothing but the pages of the second factor asks for it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import g, session
from sqlalchemy.orm import Session

from app import web
from app.agents.sessions import Opened
from app.clock import utcnow
from app.records.agents import User

HALF = "half_in"
FOR_SO_LONG = timedelta(minutes=10)


@dataclass(frozen=True)
class HalfIn:
    email: str
    number: int  # of users.session_number: what ends all sessions ends this too
    goes_to: str
    at: int
    opened: Opened  # by what they came so far


def begin(user: User, goes_to: str, now: datetime, opened: Opened) -> None:
    """Remember in this browser what they showed so far. Whatever it held before must be gone."""
    session[HALF] = [
        user.email,
        user.session_number,
        goes_to[:1000],
        int(now.timestamp()),
        [opened.how, opened.provider_sid, opened.provider_sub],
    ]
    session["language"] = user.language
    g.pop("signed_in", None)


def current() -> HalfIn | None:
    """Return who is half-way in; None when nobody is, or took too long."""
    kept = session.get(HALF)
    if not isinstance(kept, list) or len(kept) != 5:
        return None
    email, number, goes_to, at, (how, provider_sid, provider_sub) = kept
    opened = Opened(str(how), provider_sid=provider_sid, provider_sub=provider_sub)
    half = HalfIn(str(email), int(number), web.safe_next(str(goes_to)), int(at), opened)
    age = utcnow() - datetime.fromtimestamp(half.at, tz=utcnow().tzinfo)
    return half if timedelta(minutes=-1) < age < FOR_SO_LONG else None


def user_of(db: Session, half: HalfIn) -> User | None:
    """Return who they are, if they may still come in."""
    user = db.get(User, half.email)
    return user if user is not None and user.session_number == half.number else None


def end() -> None:
    session.pop(HALF, None)
