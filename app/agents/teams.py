"""Which team has nobody in it? A line, a case or a promise of such a team finds nobody free, ever.

Most often it is spelled otherwise than at the agents: “balie” and “Balie” are two teams.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.records.agents import Agent
from app.records.callers import IS_OPEN, Case
from app.records.lines import Line
from app.records.promises import IS_OWED, Promise

# So many are named; who mends these finds the rest.
MOST_NAMED = 20


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
