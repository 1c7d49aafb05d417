"""Who may sign in, and as what? Accounts are given and changed here; how their owners get in is elsewhere."""

import secrets
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.audit.log import Actor
from app.door import access_log, passwords, sessions
from app.door.access_log import Place
from app.errors import InvalidField
from app.records.access import AccessKind
from app.records.agents import Role, User


def give(
    session: Session,
    email: str,
    role: Role,
    agent: str | None,
    language: str,
    now: datetime,
    place: Place,
    by: Actor,
) -> User:
    """Give somebody an account whose password nobody knows: an invitation lets them choose one.

    Raises InvalidField for an address that has an account, and for a role that needs a desk.
    """
    if session.get(User, email) is not None:
        raise InvalidField("account", "account_exists")
    _check(role, agent)
    unknown = passwords.rehash(secrets.token_urlsafe(32))
    user = User(email=email, password_hash=unknown, role=role, agent=agent, language=language)
    session.add(user)
    session.flush()
    access_log.note(
        session, AccessKind.ACCESS_CHANGED, email, now, place, about=f"{role} {agent or ''}".strip(), by=by
    )
    return user


def change(session: Session, user: User, role: Role, now: datetime, place: Place, by: Actor) -> bool:
    """Give another role; whoever has a page open with the old rights is signed out. False: it was theirs.

    Raises InvalidField for a role that needs a desk, and when nobody would be left who gives roles.
    """
    if user.role == role:
        return False
    _check(role, user.agent)
    admins = session.scalar(select(func.count()).select_from(User).where(User.role == Role.ADMIN))
    if user.role == Role.ADMIN and admins == 1:
        raise InvalidField("role", "last_admin")
    user.role = role
    session.flush()
    sessions.end_all(session, user.email, now)
    about = f"{role} {user.agent or ''}".strip()
    access_log.note(session, AccessKind.ACCESS_CHANGED, user.email, now, place, about=about, by=by)
    return True


def _check(role: Role, agent: str | None) -> None:
    if role == Role.AGENT and not agent:
        raise InvalidField("role", "agent_needed_by_role")
