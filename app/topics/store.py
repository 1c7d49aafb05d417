"""Which topics are there now, and has anything changed since? What matching and learning read and write."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.db import Reader
from app.records.topics import SynonymState, Topic, TopicExample, TopicRevision, TopicSynonym

TOPICS = "topics"


@dataclass(frozen=True)
class Known:
    """A topic, with the words of the admin and those that were learnt and kept."""

    key: str
    name: str
    team: str
    words: tuple[str, ...]
    language: str
    learnt: tuple[str, ...] = ()


def topics(reader: Reader) -> list[Known]:
    """Return all topics by their keys."""
    learnt: dict[str, list[str]] = {}
    kept = select(TopicSynonym.topic, TopicSynonym.word).where(TopicSynonym.state == SynonymState.KEPT)
    for topic, word in reader.execute(kept.order_by(TopicSynonym.topic, TopicSynonym.word)):
        learnt.setdefault(topic, []).append(word)
    rows = reader.execute(
        select(Topic.key, Topic.name, Topic.team, Topic.words, Topic.language).order_by(Topic.key)
    )
    return [
        Known(one.key, one.name, one.team, tuple(one.words), one.language, tuple(learnt.get(one.key, ())))
        for one in rows
    ]


def examples(reader: Reader) -> list[tuple[str, str | None]]:
    """Return what people said, and the topic that it was about; None: about none."""
    rows = reader.execute(select(TopicExample.text, TopicExample.topic).order_by(TopicExample.text))
    return [(one.text, one.topic) for one in rows]


def revision(reader: Reader) -> int | None:
    """Return the number of what there is now; None when nothing was ever said of topics."""
    return reader.scalar(select(TopicRevision.revision).where(TopicRevision.name == TOPICS))


def changed(session: Session) -> None:
    """Tell all processes, with the transaction, that topics, examples or synonyms are others now."""
    number = secrets.randbits(62)
    anew = update(TopicRevision).where(TopicRevision.name == TOPICS).values(revision=number)
    if session.execute(anew).rowcount:  # type: ignore[attr-defined]
        return
    try:
        with session.begin_nested():
            session.execute(insert(TopicRevision).values(name=TOPICS, revision=number))
    except IntegrityError:
        session.execute(anew)  # somebody else's first change came first


def teams_of(known: Iterable[Known]) -> dict[str, list[str]]:
    """Return the topics of each team."""
    found: dict[str, list[str]] = {}
    for one in known:
        found.setdefault(one.team, []).append(one.key)
    return found
