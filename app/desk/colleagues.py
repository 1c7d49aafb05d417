"""To whom can a conversation be handed over? By name, team, or who knows this file; presence as it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.agents import presence
from app.agents.presence import Reachability
from app.callers import history
from app.records.agents import Agent
from app.records.calls import Call

MOST_SHOWN = 12
LONGEST_ASKED = 80


@dataclass(frozen=True)
class Colleague:
    key: str
    name: str
    team: str
    standing: Reachability
    since: datetime | None
    knows_file: bool  # handled this case before

    @property
    def is_free(self) -> bool:
        return self.standing == Reachability.FREE


@dataclass(frozen=True)
class Team:
    name: str
    free: int  # of its people, who can answer now


@dataclass(frozen=True)
class Choices:
    asked: str
    colleagues: tuple[Colleague, ...]
    more: bool
    teams: tuple[Team, ...]  # those that somebody is free in first


def choices(session: Session, call: Call, agent: str, asked: str, now: datetime) -> Choices:
    """Return who can be asked along: who knows the file first, then who is free, then by name.

    `asked` are words of a name or a team, in any order; without any, all are meant.
    """
    words = asked[:LONGEST_ASKED].casefold().split()
    knows = history.agents_of(session, call.case) if call.case is not None else []
    people = session.scalars(select(Agent).where(Agent.enabled, Agent.key != agent)).unique().all()
    found = [_colleague(one, one.key in knows, now) for one in people]
    meant = [one for one in found if all(word in f"{one.name} {one.team}".casefold() for word in words)]
    meant.sort(key=lambda one: (not one.is_free, not one.knows_file, one.name.casefold()))
    # Who knows the file stands first, also while they can't be rung: then one knows why it isn't them.
    meant.sort(key=lambda one: not one.knows_file)
    return Choices(asked, tuple(meant[:MOST_SHOWN]), len(meant) > MOST_SHOWN, _teams(meant))


def _colleague(agent: Agent, knows_file: bool, now: datetime) -> Colleague:
    row = agent.presence
    standing = presence.reachability(row, enabled=agent.enabled, phone=agent.rings_on, now=now)
    since = row.activity_since if row.activity != "idle" else row.intent_since
    return Colleague(agent.key, agent.name, agent.team, standing, since, knows_file)


def _teams(people: Sequence[Colleague]) -> tuple[Team, ...]:
    free = {one.team: 0 for one in people}
    for one in people:
        free[one.team] += one.is_free
    return tuple(Team(name, count) for name, count in sorted(free.items(), key=lambda one: (-one[1], one[0])))
