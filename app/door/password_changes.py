"""What happens when somebody gets another password? Whatever the old one opened is over."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.door import access_log, one_time_links, passwords, sessions
from app.door.access_log import Place
from app.records.access import AccessKind
from app.records.agents import User
from config import Settings


def words_of(email: str, settings: Settings) -> Sequence[str]:
    """Return what anybody knows who would guess somebody's password."""
    return (email, settings.organisation, "rechtdoor")


def change(
    session: Session, email: str, password_hash: str, now: datetime, place: Place, *, keep: str = ""
) -> None:
    """Give somebody another password, made by passwords.hash_password.

    All their sessions end but `keep`, the hash of one; so do all links to choose a password.
    """
    session.execute(update(User).where(User.email == email).values(password_hash=password_hash))
    one_time_links.forget(session, email)
    if keep:
        sessions.end_others_for_good(session, email, keep)
    else:
        sessions.end_all(session, email, now)
    access_log.note(session, AccessKind.PASSWORD_CHANGED, email, now, place)


def hashed(password: str, email: str, settings: Settings) -> str:
    """Return the hash of a new password of theirs. Raises InvalidField when it isn't good enough."""
    return passwords.hash_password(password, words_of(email, settings))
