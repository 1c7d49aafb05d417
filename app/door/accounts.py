"""Who may sign in, and as what? Every account is made, changed and closed here, whoever says so.

An admin on the page, an operator at the machine, the directory at the door or by itself: the same checks hold
and the same is written down. How their owners get in is elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session

from app.agents import teams
from app.audit.log import Actor
from app.door import access_log, sessions
from app.door.access_log import Place
from app.errors import InvalidField
from app.records.access import AccessKind
from app.records.agents import Agent, Role, User


@dataclass(frozen=True)
class Hand:
    """Who says so, where and when; `through` names what they said it by, such as `scim:entra`."""

    by: Actor
    place: Place
    now: datetime
    through: str = ""


@dataclass(frozen=True)
class Rights:
    """What an account may do: its role, at whose desk, and which teams a supervisor sees (`users.teams`)."""

    role: Role
    agent: str | None = None
    teams: Sequence[str] | None = None

    def __str__(self) -> str:
        seen = ", ".join(self.teams).replace(teams.ALL, "all") if self.teams else ""
        return " ".join(part for part in (self.role, self.agent or "", seen) if part)


def rights_of(user: User) -> Rights:
    return Rights(user.role, user.agent, user.teams)


def of_role(role: Role, agent: str | None, before: User | None = None, *, by_hand: bool = False) -> Rights:
    """Return what comes with a role where nobody names teams: a supervisor keeps those they had.

    A new one without a desk has no team of their own. Whoever gives them the role by hand means all teams; a
    directory, whose people may get their desk later, gives none.
    """
    if before is not None and before.role == role == Role.SUPERVISOR:
        return Rights(role, agent, before.teams)
    sees_all = by_hand and role == Role.SUPERVISOR and agent is None
    return Rights(role, agent, [teams.ALL] if sees_all else None)


def give(
    session: Session, email: str, rights: Rights, language: str, hand: Hand, *, password_hash: str = ""
) -> User:
    """Give somebody an account. Without a password they choose one by an invitation, or sign in elsewhere.

    Raises InvalidField for an address that has an account, and for a role that needs a desk.
    """
    if session.get(User, email) is not None:
        raise InvalidField("account", "account_exists")
    _check(rights)
    user = User(
        email=email,
        password_hash=password_hash,
        role=rights.role,
        agent=rights.agent,
        language=language,
        teams=_kept(rights),
    )
    session.add(user)
    session.flush()
    _note(session, email, str(rights), hand)
    return user


def change(session: Session, email: str, rights: Rights, hand: Hand) -> bool:
    """Give an account other rights, and sign out who has a page open with the old ones. False: it had them.

    Raises InvalidField for a role that needs a desk, and when nobody would be left who gives roles.
    """
    user = _held(session, email)
    if rights_of(user) == Rights(rights.role, rights.agent, _kept(rights)):
        return False
    _check(rights)
    if rights.role != Role.ADMIN:
        _check_others(session, User.email == email)
    session.flush()
    # Before it has another desk: the one that it had is rung no more.
    sessions.end_all(session, email, hand.now)
    user.role, user.agent, user.teams = rights.role, rights.agent, _kept(rights)
    session.flush()
    session.refresh(user)
    _note(session, email, str(rights), hand)
    return True


def close(session: Session, email: str, why: str, hand: Hand) -> None:
    """Let somebody in no more who works here still. Raises InvalidField when nobody else would give roles."""
    user = _held(session, email)
    _check_others(session, User.email == email)
    sessions.end_all(session, email, hand.now)
    user.is_active = False
    session.flush()
    _note(session, email, why, hand)


def check_leaving(session: Session, agent: str) -> None:
    """Raise InvalidField when nobody would be left who gives roles, once nobody sits at this agent's desk."""
    _check_others(session, User.agent == agent)


def has_admin(session: Session) -> bool:
    """Tell whether there is anybody who gives roles, and can come in."""
    return session.scalar(_admins().limit(1)) is not None


def _held(session: Session, email: str) -> User:
    """Return an account, held together with those of all admins, in one order for everybody.

    Else two admins who take each other's role away at the same moment would both succeed.
    """
    wanted = select(User).where(or_(User.role == Role.ADMIN, User.email == email)).order_by(User.email)
    held = session.scalars(wanted.with_for_update().execution_options(populate_existing=True)).all()
    return next(one for one in held if one.email == email)


def _check(rights: Rights) -> None:
    if rights.role == Role.AGENT and not rights.agent:
        raise InvalidField("role", "agent_needed_by_role")


def _check_others(session: Session, loses_it: ColumnElement[bool]) -> None:
    admins = set(session.scalars(_admins()))
    if admins and admins == set(session.scalars(_admins().where(loses_it))):
        raise InvalidField("role", "last_admin")


def _admins() -> Select[str]:
    can_come_in = or_(User.agent.is_(None), Agent.enabled)
    joined = select(User.email).outerjoin(Agent, Agent.key == User.agent)
    return joined.where(User.role == Role.ADMIN, User.is_active, can_come_in)


def _kept(rights: Rights) -> list[str] | None:
    return list(rights.teams) if rights.teams is not None and rights.role == Role.SUPERVISOR else None


def _note(session: Session, email: str, about: str, hand: Hand) -> None:
    access_log.note(
        session,
        AccessKind.ACCESS_CHANGED,
        email,
        hand.now,
        hand.place,
        about=f"{about} {hand.through}".strip(),
        by=hand.by,
    )
