"""Who rings back, and by when? Told in words that are harmless if a stranger reads them."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.lines import places
from app.messages import messages
from app.outgoing import outbox
from app.records.agents import Agent
from app.records.promises import OWED, Promise
from app.routing import naming, sentences
from app.routing.sentences import Sentence


def confirm(session: Session, promise: Promise, now: datetime) -> None:
    """Tell the customer of a promise that is owed, once for each time that it was promised for."""
    if promise.number is None or promise.state not in OWED:
        return
    body = confirmation(session, promise, places.zone_of(session, promise.line), now)
    messages.inform(session, promise, body, _key(promise), now)


def take_back(session: Session, promise: Promise, now: datetime) -> None:
    """Let what confirms a promise not be sent any more; nothing happens when it has left."""
    messages.withdraw(session, _key(promise), now)


def _key(promise: Promise) -> str:
    if promise.broken_at is None:
        return outbox.key_of_promise(promise.id)
    # Promised anew: what they were told before is true no longer.
    return f"promise/{promise.id}/anew/{promise.due_at.isoformat()}"


def confirmation(session: Session, promise: Promise, zone: ZoneInfo, now: datetime) -> str:
    """Return who rings back and by when, in words that are harmless if a stranger reads them."""
    may_be_named = promise.agent is not None and naming.of_promise(session, promise)
    agent = session.get(Agent, promise.agent) if may_be_named else None
    values = {"time": ("before", promise.due_at)} | ({"agent": agent.spoken_name} if agent else {})
    sentence = Sentence("promise_message_by_agent" if agent else "promise_message", values)
    return sentences.words(sentence, promise.language, zone, now)
