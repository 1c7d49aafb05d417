"""What follows from what the directory tells? Accounts, roles, desks; and that somebody is gone at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from app.admin import leaving
from app.agents import presence
from app.api import auth, store
from app.api.fields import Defaults, Refused
from app.api.records import AGENTS
from app.audit.log import Actor
from app.catalogue.problems import Problem
from app.door import access_log, accounts, sessions
from app.door.access_log import COMMAND
from app.door.accounts import Hand
from app.errors import InvalidField
from app.records.access import AccessKind
from app.records.agents import Agent, Role, User
from app.records.audit import Via
from app.records.directory import Group, Member, Person
from app.records.lines import Line
from app.scim import telling
from app.scim.telling import Told
from config import Settings
from config.directory import ROLES, role_of

# Where nothing names a team: of an agent who is new, on an installation without a line.
NO_TEAM = "support"


@dataclass(frozen=True)
class Directory:
    """Who tells, when, and what this deployment makes of it."""

    settings: Settings
    who: str  # the name of the token
    now: datetime

    @property
    def hand(self) -> Hand:
        through = f"scim:{self.who}"
        return Hand(Actor(through, Via.API), COMMAND, self.now, through)


def follow(session: Session, person: Person, directory: Directory) -> None:
    """Bring account, role, desk and access in line with what was told of somebody.

    Raises InvalidField, by SCIM's names, for what can't be done.
    """
    told = telling.read(person.told)
    role = _role(session, person, told, directory)
    user = _account(session, person, told)
    was_off = not person.is_active or (user is not None and not user.is_active)
    person.is_active = told.is_active
    if not told.is_active:
        person.role = role
        _leave(session, person, user, directory)
        return
    if was_off:
        _come_back(session, person, user)
    given_before, person.role = person.role, role
    if role is None:
        # What it never gave, it doesn't take: an account that stood here keeps its role.
        if given_before is not None and user is not None:
            with _in_scims_words():
                accounts.close(session, user.email, "no role", directory.hand)
        return
    person.agent = _desk(session, person, user, told, Role(role), directory)
    with _in_scims_words():
        _open(session, person, user, told, Role(role), directory)


def forget(session: Session, person: Person, directory: Directory) -> None:
    """The directory knows them no more: they leave, and only the row that it named them by goes."""
    _leave(session, person, _account(session, person, telling.read(person.told)), directory)
    session.execute(delete(Member).where(Member.person == person.id))
    session.delete(person)
    session.flush()


# --- what they may do --------------------------------------------------------------------------------


def _role(session: Session, person: Person, told: Told, directory: Directory) -> str | None:
    """Return the role that may do most of those that their groups and their own roles give."""
    rows = session.execute(
        select(Group.id, Group.name, Group.external_id)
        .join(Member, Member.group == Group.id)
        .where(Member.person == person.id)
    )
    groups = frozenset(str(name) for row in rows for name in row if name)
    given = {role_of(groups, directory.settings.group_roles), *told.roles}
    if told.agent and given == {None}:
        return Role.AGENT
    return next((role for role in ROLES if role in given), None)


def _account(session: Session, person: Person, told: Told) -> User | None:
    """Return their account, of ours before the directory told of them where there was one."""
    if person.email is None:
        if not told.email:
            return None
        another = select(Person.id).where(Person.email == told.email, Person.id != person.id)
        if session.scalar(another.limit(1)) is not None:
            raise InvalidField("emails", "the account of this address is somebody else's in the directory")
        if session.get(User, told.email) is None:
            return None
        person.email = told.email
        session.flush()
    return session.get(User, person.email, with_for_update=True, populate_existing=True)


def _open(
    session: Session, person: Person, user: User | None, told: Told, role: Role, directory: Directory
) -> None:
    """Let them sign in with this role, at this desk; what was open with another ends."""
    rights = accounts.of_role(role, person.agent, user)
    if user is not None:
        accounts.change(session, user.email, rights, directory.hand)
    elif told.email:
        language = told.language or directory.settings.default_language
        accounts.give(session, told.email, rights, language, directory.hand)
        person.email = told.email
    session.flush()


@contextmanager
def _in_scims_words() -> Iterator[None]:
    """Say in words what can't be done with an account: the directory's admins know no codes of ours."""
    try:
        yield
    except InvalidField as error:
        raise InvalidField(error.field, Problem(error.field, error.message).say("en")) from error


# --- their desk --------------------------------------------------------------------------------------


def _desk(
    session: Session, person: Person, user: User | None, told: Told, role: Role, directory: Directory
) -> str | None:
    """Return the key of their agent, written as the API writes one; None for people without a desk."""
    known = _known_agent(session, person, user, told)
    if known is None and role != Role.AGENT and not told.agent:
        return None
    key = known.key if known is not None else told.agent or _free_key(session, person)
    body = {
        "name": told.name or (known.name if known else key),
        "spoken_name": told.spoken_name or (known.spoken_name if known else ""),
        "email": told.email or (known.email if known else ""),
        "team": told.team or (known.team if known else told.department or _first_team(session)),
        "phone": told.phone or (known.phone if known else None),
        "language": told.language or (known.language if known else directory.settings.default_language),
    }
    try:
        record = AGENTS.from_json(key, body, Defaults.of(directory.settings))
        problems = store.refused(session, AGENTS, [record])
        if problems:
            raise Refused([one for some in problems.values() for one in some])
    except Refused as error:
        first = error.problems[0]
        raise InvalidField(first.field, first.say("en")) from error
    store.write(session, AGENTS, [record])
    session.flush()
    presence.ensure_presence(session, key)
    return key


def _known_agent(session: Session, person: Person, user: User | None, told: Told) -> Agent | None:
    """Return the agent that they are: as the directory names it, as it was before, or of their address.

    Raises InvalidField when it is somebody else's.
    """
    if told.agent:
        taken = select(Person.id).where(Person.agent == told.agent, Person.id != person.id)
        if session.scalar(taken.limit(1)) is not None:
            raise InvalidField("agent", "this agent is somebody else in the directory")
        return session.get(Agent, told.agent)
    for key in (person.agent, user.agent if user else None):
        if key is not None:
            return session.get(Agent, key)
    if not told.email:
        return None
    others = select(User.email).where(User.agent == Agent.key, User.email != told.email).exists()
    people = select(Person.id).where(Person.agent == Agent.key).exists()
    found = session.scalars(
        select(Agent).where(func.lower(Agent.email) == told.email, ~others, ~people).limit(2)
    ).all()
    return found[0] if len(found) == 1 else None


def _free_key(session: Session, person: Person) -> str:
    """Return a key that no agent has, of the first part of their name in the directory."""
    wanted = person.name_key.partition("@")[0]
    first = "".join(sign if sign.isascii() and sign.isalnum() else "_" for sign in wanted).strip("_")
    first = first[:100] or "agent"
    taken = set(session.scalars(select(Agent.key).where(Agent.key.startswith(first, autoescape=True))))
    return next(key for key in (first, *(f"{first}_{n}" for n in range(2, 10_000))) if key not in taken)


def _first_team(session: Session) -> str:
    return session.scalar(select(Line.team).order_by(Line.number).limit(1)) or NO_TEAM


# --- going and coming back ---------------------------------------------------------------------------


def _leave(session: Session, person: Person, user: User | None, directory: Directory) -> None:
    """End all that is theirs, in this transaction: whoever has gone has nothing open a moment later."""
    about, now, by = directory.hand.through, directory.now, directory.hand.by
    agent = person.agent or (user.agent if user is not None else None)
    if user is not None and user.is_active:
        sessions.end_all(session, user.email, now)
        user.is_active = False
        if agent is None:
            access_log.note(session, AccessKind.LEFT, user.email, now, COMMAND, about=about, by=by)
        session.flush()
    if agent is None:
        return
    for name in auth.revoke_all_of(session, agent):
        access_log.note(session, AccessKind.TOKEN_REVOKED, None, now, COMMAND, about=f"{name} {about}", by=by)
    leaving.leave_to_team(session, agent, about, now)
    if session.get_one(Agent, agent).enabled:
        leaving.disable(session, agent, now, about=about)
    session.flush()


def _come_back(session: Session, person: Person, user: User | None) -> None:
    if user is not None:
        user.is_active = True
    agent = person.agent or (user.agent if user is not None else None)
    if agent is not None:
        session.execute(update(Agent).where(Agent.key == agent).values(enabled=True))
    session.flush()
