"""How does an agent get some minutes to themselves, and come back by themselves? Without anybody asked why.

For colleagues and callers it is a break like any other. Nothing rings in it, and whoever has had enough of it
says that they are available.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from app.agents import presence
from app.db import Moment
from app.records.agents import Intent, Presence

WHY = "protected"
LASTS = timedelta(minutes=10)


def begin(session: Session, agent: str, now: datetime) -> bool:
    """Give an agent who is available a pause; a call that is going on goes on. False for anybody else."""
    status = session.get(Presence, agent, populate_existing=True)
    if status is None or status.intent != Intent.AVAILABLE:
        return False
    presence.set_intent(session, agent, Intent.BREAK, now, why=WHY, back_at=now + LASTS)
    return True


def over(now: Moment) -> Select[str]:
    """Return everybody whose pause is over."""
    return select(Presence.agent).where(_is_over(now))


def _is_over(now: Moment) -> ColumnElement[bool]:
    return (Presence.intent == Intent.BREAK) & (Presence.intent_why == WHY) & (Presence.back_at <= now)


def end_over(session: Session, now: datetime) -> list[str]:
    """Make everybody available again whose pause is over; return who."""
    found = session.scalars(over(now).with_for_update(skip_locked=True)).all()
    for agent in found:
        presence.set_intent(session, agent, Intent.AVAILABLE, now)
    return list(found)
