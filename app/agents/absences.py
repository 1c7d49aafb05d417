"""Who isn't here from when to when? A day off is said beforehand; on its day nobody is rung in vain."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.agents import presence
from app.deployment import Defaults
from app.errors import InvalidField
from app.lines.hours import Calendar, calendar
from app.records.agents import Agent, Intent, Presence, Reach
from app.records.lines import Line

WHY = "absent"
LONGEST = timedelta(days=366)
_USUALLY_BACK = time(9)


def plan(session: Session, key: str, first: date | None, last: date | None, now: datetime) -> None:
    """Say from which day to which an agent isn't here; without days, that they are. Today begins at once.

    Raises InvalidField for days that make no sense.
    """
    agent = session.get_one(Agent, key)
    if first is None and last is not None:
        if not _is_absent(session, key):
            raise InvalidField("absent_from", "missing")
        first = _today(session, agent, now)  # it goes on until another day
    if first is None:
        agent.absent_from = agent.absent_until = None
        _end(session, key, now)
        return
    last = last or first
    if last < first or last - first > LONGEST:
        raise InvalidField("absent_until", "not_after_date")
    if last < _today(session, agent, now):
        raise InvalidField("absent_until", "in_the_past")
    agent.absent_from, agent.absent_until = first, last
    session.flush()
    if first <= _today(session, agent, now):
        _begin(session, agent, now)


def keep(session: Session, now: datetime) -> int:
    """Begin what begins today, and end what ended; return how many. Safe to repeat."""
    planned = select(Agent).where(Agent.enabled, Agent.absent_from.is_not(None)).order_by(Agent.key)
    begun = [
        one
        for one in session.scalars(planned)
        if one.absent_from and one.absent_from <= _today(session, one, now)
    ]
    for agent in begun:
        _begin(session, agent, now)
    absent = (
        select(Agent)
        .join(Presence, Presence.agent == Agent.key)
        .where(Presence.intent_why == WHY, Agent.absent_from.is_(None))
        .order_by(Agent.key)
    )
    over = [
        one
        for one in session.scalars(absent)
        if not one.absent_until or one.absent_until < _today(session, one, now)
    ]
    for agent in over:
        agent.absent_until = None
        _end(session, agent.key, now)
    return len(begun) + len(over)


def _begin(session: Session, agent: Agent, now: datetime) -> None:
    # From here on it is for them to say: who comes in all the same is there.
    agent.absent_from = None
    session.flush()
    back_at = back_on(session, agent)
    presence.set_intent(session, agent.key, Intent.OFF, now, why=WHY, back_at=back_at)


def _end(session: Session, key: str, now: datetime) -> None:
    """Who is only ever rung on a telephone has no desk to say that they are back."""
    status = session.get(Presence, key, populate_existing=True)
    if status is not None and status.intent_why == WHY:
        there = Intent.AVAILABLE if status.reach == Reach.PHONE else Intent.OFF
        presence.set_intent(session, key, there, now)


def _is_absent(session: Session, key: str) -> bool:
    status = session.get(Presence, key, populate_existing=True)
    return status is not None and status.intent_why == WHY


def back_on(session: Session, agent: Agent) -> datetime | None:
    """Return when callers are told that the agent is back: as their team's line opens after the last day."""
    if agent.absent_until is None:
        return None
    place = _place(session, agent)
    zone = place.timezone if place else ZoneInfo(Defaults.timezone)
    morning = datetime.combine(agent.absent_until + timedelta(days=1), time(), tzinfo=zone)
    opens = place.next_opening(morning) if place else None
    # A line that never closes opens at midnight; nobody comes back then.
    return opens if opens and opens.astimezone(zone).hour else morning.replace(hour=_USUALLY_BACK.hour)


def _today(session: Session, agent: Agent, now: datetime) -> date:
    place = _place(session, agent)
    return now.astimezone(place.timezone if place else ZoneInfo(Defaults.timezone)).date()


def _place(session: Session, agent: Agent) -> Calendar | None:
    """Return the calendar of the first line of the agent's team, None where it has none."""
    line = session.scalar(select(Line).where(Line.team == agent.team).order_by(Line.number).limit(1))
    return calendar(line.hours, line.timezone, line.country, line.dates) if line else None
