"""Who rings back, and by when? In words that are harmless if a stranger reads them."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.records.agents import Agent
from app.records.promises import Promise
from app.routing import sentences
from app.routing.sentences import Sentence


def confirmation(session: Session, promise: Promise, zone: ZoneInfo, now: datetime) -> str:
    """Return who rings back and by when, in words that are harmless if a stranger reads them."""
    agent = session.get(Agent, promise.agent) if promise.agent else None
    values = {"time": ("before", promise.due_at)} | ({"agent": agent.spoken_name} if agent else {})
    sentence = Sentence("promise_message_by_agent" if agent else "promise_message", values)
    return sentences.words(sentence, promise.language, zone, now)
