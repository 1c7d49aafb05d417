"""Which teams does somebody see, and which team has nobody in it?

A supervisor sees their own team, or those that were given to them; admins and auditors see all. What no team
has, or none that somebody supervises, is every supervisor's to see to. A line, a case or a promise of a team
without an agent finds nobody free, ever: most often it is spelled otherwise than at the agents, “balie” and
“Balie” being two teams.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.db import table_of
from app.records.agents import Agent, Role, User
from app.records.callers import IS_OPEN, Case
from app.records.lines import Line
from app.records.promises import IS_OWED, Promise

# So many are named; who mends these finds the rest.
MOST_NAMED = 20


# In users.teams: every team, also those to come.
ALL = "*"


@dataclass(frozen=True)
class Reach:
    """Of which teams somebody sees what others do: of `teams` or, where that is None, of all but `hidden`."""

    teams: frozenset[str] | None
    hidden: frozenset[str] = frozenset()

    @property
    def is_all(self) -> bool:
        return self.teams is None and not self.hidden

    def covers(self, team: str) -> bool:
        return team == "" or (team not in self.hidden if self.teams is None else team in self.teams)

    def of(
        self,
        team: ColumnElement[str] | InstrumentedAttribute[str],
        agent: ColumnElement[Any] | InstrumentedAttribute[Any] | None = None,
    ) -> ColumnElement[bool]:
        """Return what is true of a row of these teams or, with its column, of one of their agents."""
        if self.is_all:
            return true()
        theirs = or_(team == "", self._is_of(team))
        return theirs if agent is None else or_(theirs, self.of_agent(agent))

    def of_agent(self, agent: ColumnElement[Any] | InstrumentedAttribute[Any]) -> ColumnElement[bool]:
        """Return what is true of a row of one of these teams' agents."""
        if self.is_all:
            return true()
        return agent.in_(select(_agents.c.key).where(self._is_of(_agents.c.team)))

    def _is_of(self, team: ColumnElement[str] | InstrumentedAttribute[str]) -> ColumnElement[bool]:
        return team.not_in(sorted(self.hidden)) if self.teams is None else team.in_(sorted(self.teams))


EVERYWHERE, NOWHERE = Reach(None), Reach(frozenset())
_agents = table_of(Agent).alias("of_their_teams")


def reach_of(session: Session, email: str) -> Reach:
    """Return what an account sees of others: as it is now, whatever it was when they signed in."""
    role = session.scalar(select(User.role).where(User.email == email))
    if role in (Role.ADMIN, Role.AUDITOR):
        return EVERYWHERE
    return _reach(_supervisors(session), lambda one: one.email == email)


def reach_at_desk(session: Session, agent: str) -> Reach:
    """Return what who sits at this desk supervises; nothing for whoever doesn't."""
    return _reach(_supervisors(session), lambda one: one.agent == agent)


def reach_of_agent(session: Session, agent: str) -> Reach:
    """Return what whoever sits at this desk may see, also as an admin, of whom no desk asks anything."""
    email = session.scalar(select(User.email).where(User.agent == agent).order_by(User.email).limit(1))
    return reach_of(session, email) if email is not None else NOWHERE


def supervising(session: Session, team: str) -> list[str]:
    """Return the supervisors with a desk who see a team."""
    found = _supervisors(session)
    return [one.agent for one in found if one.agent and _reach(found, one.__eq__).covers(team)]


@dataclass(frozen=True)
class _Supervisor:
    email: str
    agent: str | None
    teams: frozenset[str]  # what was given to them, else their own


def _supervisors(session: Session) -> list[_Supervisor]:
    rows = session.execute(
        select(User.email, User.agent, User.teams, Agent.team)
        .outerjoin(Agent, Agent.key == User.agent)
        .where(User.role == Role.SUPERVISOR, User.is_active, or_(User.agent.is_(None), Agent.enabled))
        .order_by(User.agent, User.email)
    )
    return [
        _Supervisor(row.email, row.agent, frozenset([row.team] if row.team else []))
        if row.teams is None
        else _Supervisor(row.email, row.agent, frozenset(row.teams))
        for row in rows
    ]


def _reach(supervisors: list[_Supervisor], is_meant: Callable[[_Supervisor], bool]) -> Reach:
    """Return what one of them sees: what nobody supervises is every supervisor's, lest it be nobody's."""
    mine = next((one.teams for one in supervisors if is_meant(one)), None)
    if mine is None:
        return NOWHERE
    if ALL in mine:
        return EVERYWHERE
    everybodys = frozenset[str]().union(*(one.teams for one in supervisors))
    return Reach(mine) if ALL in everybodys else Reach(None, everybodys - mine)


@dataclass(frozen=True)
class Deserted:
    """A team that nobody who can answer belongs to, and what is of it."""

    team: str
    kind: str  # line | case | promise
    which: tuple[str, ...]  # lines by name; of the others how many is enough
    alike: str | None  # how agents' team is spelled that was most likely meant


def deserted(session: Session, *, cases: bool) -> list[Deserted]:
    """Return the teams of lines and owed promises, and of open cases if asked for, that have no agent.

    Cases are for those who have the time: they are looked through team by team.
    """
    manned = set(session.scalars(select(Agent.team).where(Agent.enabled).distinct()))
    alike = {_plain(team): team for team in sorted(manned)}
    found: list[Deserted] = []
    for kind, teams in _named(session, cases=cases):
        for team, which in teams:
            if team and team not in manned:
                found.append(Deserted(team, kind, which, alike.get(_plain(team))))
    return sorted(found, key=lambda one: (one.kind != "line", one.kind, one.team))


def _named(session: Session, *, cases: bool) -> Iterator[tuple[str, Iterable[tuple[str, tuple[str, ...]]]]]:
    lines: dict[str, list[str]] = {}
    for team, name in session.execute(select(Line.team, Line.name).order_by(Line.name, Line.number)):
        lines.setdefault(team, []).append(name)
    yield "line", [(team, tuple(names)) for team, names in lines.items()]
    owed = select(Promise.team).where(IS_OWED).distinct()
    yield "promise", [(team, ()) for team in session.scalars(owed)]
    if cases:
        yield "case", [(team, ()) for team in _teams_of_cases(session) if _has_open(session, team)]


def _teams_of_cases(session: Session) -> Iterator[str]:
    """Yield the teams of cases, each from the index: as many steps as there are teams."""
    team = session.scalar(select(func.min(Case.team)))
    while team is not None:
        yield team
        team = session.scalar(select(func.min(Case.team)).where(Case.team > team))


def _has_open(session: Session, team: str) -> bool:
    return session.scalar(select(Case.key).where(Case.team == team, IS_OPEN).limit(1)) is not None


def _plain(team: str) -> str:
    """Return how a team reads when capitals, spaces, hyphens and accents are no difference."""
    letters = unicodedata.normalize("NFKD", team.casefold())
    return re.sub(r"[\W_]+", "", "".join(one for one in letters if not unicodedata.combining(one)))
