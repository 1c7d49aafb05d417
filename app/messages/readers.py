"""Whose is a message? A team reads what was written to it, and learns of the rest that there is some.

A number may write to several lines, about matters of several teams: that they share the number makes none of
them a reader of the others' (docs/decisions/0022).
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, false, func, or_, select, true
from sqlalchemy.orm import Session

from app.agents import teams
from app.records.agents import Agent
from app.records.callers import IS_OPEN, Case
from app.records.lines import Line
from app.records.messages import Message
from app.records.promises import Promise


def read_by(session: Session, who: str) -> ColumnElement[bool]:
    """Return which messages an agent reads: theirs, their team's, on its lines, about its cases and promises.

    Supervisors read those of the teams that they see; whoever is no agent, for whom others answer, reads all.
    """
    agent = session.get(Agent, who)
    if agent is None:
        return true()
    reach = teams.reach_of_agent(session, who)
    lines = select(Line.number).where(Line.team == agent.team)
    cases = select(Case.key).where(Case.key == Message.case, Case.team == agent.team, IS_OPEN)
    promises = select(Promise.id).where(
        Promise.id == Message.promise, or_(Promise.agent == who, Promise.team == agent.team)
    )
    return or_(
        Message.agent == who,
        Message.author == who,
        Message.team == agent.team,
        Message.line.in_(lines),
        cases.exists(),
        promises.exists(),
        false() if reach == teams.NOWHERE else reach.of(Message.team, Message.agent),
    )


def elsewhere(session: Session, number: str, who: str) -> Sequence[tuple[str, datetime]]:
    """Return with which other teams there were messages, and when last: nobody else sees more."""
    hidden = (
        select(Message.team, func.max(Message.at))
        .where(Message.number == number, ~func.coalesce(read_by(session, who), false()))
        .group_by(Message.team)
        .order_by(Message.team)
    )
    return [(team, at) for team, at in session.execute(hidden)]
