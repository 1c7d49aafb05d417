"""How is an agent spoken to?"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.records.agents import Agent


def language_of(session: Session, agent: str) -> str:
    return session.scalar(select(Agent.language).where(Agent.key == agent)) or "nl"
