"""Which account is it of whom the provider speaks, and what may it do? Decided anew at each sign-in."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.audit.log import Actor
from app.door import access_log, accounts, sessions
from app.door.access_log import Place
from app.door.accounts import Hand
from app.door.oidc import Said
from app.errors import InvalidField
from app.records.access import AccessKind
from app.records.agents import Agent, Role, User
from app.records.audit import Via
from app.records.directory import Identity, Person
from config import Settings
from config.directory import role_of


@dataclass(frozen=True)
class Outcome:
    """Who may come in; else why not, a code of the catalogue (`oidc_…`). `email` is of an account we have."""

    user: User | None
    why: str = ""
    email: str | None = None


def settle(session: Session, said: Said, settings: Settings, place: Place, now: datetime) -> Outcome:
    """Return whose account it is, with the role that their groups give now, made where there was none.

    An account belongs to one identity for good. One that had none gets that of the first who comes with its
    e-mail address, which said.email only holds when it can be believed.
    """
    identity = session.get(Identity, (said.issuer, said.subject))
    email = identity.email if identity is not None else _told_of(session, said.email) or said.email
    if not _can_be_an_address(email):
        return Outcome(None, "no_email")
    user = session.get(User, email, with_for_update=True)
    known = user.email if user is not None else None
    if identity is None and user is not None and _belongs_to_another(session, user):
        # Addresses are given out anew: whoever has it now isn't who had it then.
        return Outcome(None, "taken", known)
    if user is not None and not user.is_active:
        return Outcome(None, "left", known)
    role = role_of(said.groups, settings.group_roles) or _role_told(session, known)
    if role is None:
        if said.has_more_groups:
            return Outcome(None, "too_many_groups", known)
        if user is not None:
            sessions.end_all(session, user.email, now)
        return Outcome(None, "no_role", known)
    agent = user.agent if user is not None and user.agent else _desk_of(session, said)
    if agent is None and role == Role.AGENT:
        return Outcome(None, "no_desk", known)
    if agent is not None and not session.get_one(Agent, agent).enabled:
        return Outcome(None, "left", known)
    try:
        user = _with(session, user, email, Role(role), agent, said, settings, place, now)
    except InvalidField as error:
        # What is open here ends all the same: the directory no longer gives them that role.
        sessions.end_all(session, email, now)
        return Outcome(None, error.message, known)
    if identity is None:
        session.add(Identity(issuer=said.issuer, subject=said.subject, email=user.email, linked_at=now))
        access_log.note(session, AccessKind.IDENTITY_LINKED, user.email, now, place)
    session.flush()
    return Outcome(user, email=user.email)


def _with(
    session: Session,
    user: User | None,
    email: str,
    role: Role,
    agent: str | None,
    said: Said,
    settings: Settings,
    place: Place,
    now: datetime,
) -> User:
    """Return the account with what the directory gives it; whatever was open with other rights ends.

    Raises InvalidField when nobody would be left who gives roles.
    """
    hand = Hand(Actor(email, Via.PAGE), place, now, through="oidc")
    rights = accounts.of_role(role, agent, user)
    if user is None:
        language = said.language if said.language in ("nl", "en") else settings.default_language
        return accounts.give(session, email, rights, language, hand)
    accounts.change(session, email, rights, hand)
    return user


def _told_of(session: Session, name: str) -> str | None:
    """Return the account of whom the directory calls so: their address may have been another before."""
    return session.scalar(select(Person.email).where(Person.name_key == name)) if name else None


def _role_told(session: Session, email: str | None) -> str | None:
    """Return the role that the directory told of by itself, where it says nothing of groups at the door."""
    told = select(Person.role).where(Person.email == email, Person.is_active)
    return session.scalar(told) if email is not None else None


def _can_be_an_address(email: str) -> bool:
    return 3 <= len(email) <= 254 and email.isprintable() and "@" in email[1:-1] and " " not in email


def _belongs_to_another(session: Session, user: User) -> bool:
    return session.scalar(select(Identity.subject).where(Identity.email == user.email).limit(1)) is not None


def _desk_of(session: Session, said: Said) -> str | None:
    """Return the agent whose address this is, if there is one and nobody else sits at their desk."""
    if not said.email:
        return None
    taken = select(User.email).where(User.agent == Agent.key).exists()
    found = session.scalars(
        select(Agent.key).where(func.lower(Agent.email) == said.email, ~taken).order_by(Agent.key).limit(2)
    ).all()
    return found[0] if len(found) == 1 else None
