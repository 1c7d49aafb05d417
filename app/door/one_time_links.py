"""Which link lets somebody choose a password, forgotten or their first, or come in? Once, and for a while."""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from app.records.agents import User
from app.records.links import OneTimeLink, Purpose

# A mail is read at once by who asked for it; an invitation waits for somebody's first day.
WORKS_FOR = {
    Purpose.RESET: timedelta(minutes=30),
    Purpose.INVITATION: timedelta(days=7),
    Purpose.SIGN_IN: timedelta(minutes=15),
}
FOR_A_PASSWORD = (Purpose.RESET, Purpose.INVITATION)
TO_COME_IN = (Purpose.SIGN_IN,)
_PATHS = {Purpose.SIGN_IN: "/login/once"}


def make(session: Session, email: str, purpose: Purpose, now: datetime, since: datetime | None = None) -> str:
    """Return a new link, as a path of ours; PUBLIC_URL goes before it. Told once, to nobody but its owner.

    It runs out counted from `since`, when it was asked for.
    """
    secret = secrets.token_urlsafe(32)
    ends_at = (since or now) + WORKS_FOR[purpose]
    session.add(OneTimeLink(hash=_hash(secret), email=email, purpose=purpose, made_at=now, ends_at=ends_at))
    return f"{_PATHS.get(purpose, '/login/password')}/{secret}"


def invite(session: Session, user: User, now: datetime) -> str:
    """Return a link with which somebody new chooses their first password, as a path of ours."""
    return make(session, user.email, Purpose.INVITATION, now)


def find(
    session: Session, secret: str, now: datetime, purposes: tuple[Purpose, ...] = FOR_A_PASSWORD
) -> OneTimeLink | None:
    """Return what the link is for; None when it is none of these, used, or over."""
    return session.scalar(select(OneTimeLink).where(*_works(secret, now, purposes)))


def take(
    session: Session, secret: str, now: datetime, purposes: tuple[Purpose, ...] = FOR_A_PASSWORD
) -> str | None:
    """Use the link up; return for whom it was, None when somebody was quicker or it is over."""
    used = delete(OneTimeLink).where(*_works(secret, now, purposes)).returning(OneTimeLink.email)
    return session.scalars(used).one_or_none()


def _works(secret: str, now: datetime, purposes: tuple[Purpose, ...]) -> tuple[ColumnElement[bool], ...]:
    return (
        OneTimeLink.hash == _hash(secret),
        OneTimeLink.purpose.in_(purposes),
        OneTimeLink.ends_at > now,
    )


def forget(session: Session, email: str) -> None:
    """Let none of somebody's links work any more."""
    session.execute(delete(OneTimeLink).where(OneTimeLink.email == email))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
