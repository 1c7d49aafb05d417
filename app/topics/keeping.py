"""What does an admin decide on topics? Which are there no more, and which of the callers' words count."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from app.audit import log as audit
from app.audit.log import Actor, Subject, What
from app.clock import utcnow
from app.records.topics import SynonymState, Topic, TopicExample, TopicSynonym
from app.topics import store


def remove(session: Session, key: str, who: Actor) -> bool:
    """Take a topic away with its examples and words; False when there is none."""
    session.execute(delete(TopicExample).where(TopicExample.topic == key))
    session.execute(delete(TopicSynonym).where(TopicSynonym.topic == key))
    if session.scalar(delete(Topic).where(Topic.key == key).returning(Topic.key)) is None:
        return False
    store.changed(session)
    audit.record(session, who, What.TOPIC_REMOVED, utcnow(), Subject("topic", key))
    return True


def decide(
    session: Session, topic: str, words: Collection[str], state: SynonymState, who: Actor, now: datetime
) -> int:
    """Keep, drop, or put back to undecided, words that callers used; return how many that were."""
    if not words:
        return 0
    decided = update(TopicSynonym).where(TopicSynonym.topic == topic, TopicSynonym.word.in_(list(words)))
    by = None if state == SynonymState.HEARD else who.name
    number = len(
        session.scalars(decided.values(state=state, decided_by=by).returning(TopicSynonym.word)).all()
    )
    if number:
        store.changed(session)
        # How many, not which: a word of a caller's may be a name.
        about = Subject("topic", topic)
        audit.record(session, who, What.TOPIC_WORDS_DECIDED, now, about, state=str(state), words=number)
    return number


def count_examples(session: Session) -> dict[tuple[str | None, str], int]:
    """Return how many sentences each topic has here, by where they came from; None: those about no topic."""
    counts = select(TopicExample.topic, TopicExample.source, func.count())
    rows = session.execute(counts.group_by(TopicExample.topic, TopicExample.source))
    return {(topic, source): number for topic, source, number in rows}


def count_kept(session: Session) -> dict[str, int]:
    """Return how many words of callers count for each topic."""
    kept = select(TopicSynonym.topic, func.count()).where(TopicSynonym.state == SynonymState.KEPT)
    return {row[0]: row[1] for row in session.execute(kept.group_by(TopicSynonym.topic))}
