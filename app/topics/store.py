"""Which topics are there now, and has anything changed since? What matching and learning read and write."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, exists, insert, literal, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.db import Reader
from app.records.topics import (
    Source,
    SynonymState,
    Topic,
    TopicExample,
    TopicFit,
    TopicRevision,
    TopicSynonym,
)
from app.topics import packs

TOPICS = "topics"
# The shape of what was learnt (fitted.py): a process that knows another one leaves it alone.
FORM = 3


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


def revision(reader: Reader) -> tuple[int, int | None] | None:
    """Return the number of what there is now, and of what was learnt last; None: no topics ever were."""
    newest = select(TopicFit.revision).where(TopicFit.form == FORM).order_by(TopicFit.fitted_at.desc())
    wanted = select(TopicRevision.revision, newest.limit(1).scalar_subquery())
    row = reader.execute(wanted.where(TopicRevision.name == TOPICS)).first()
    return (row[0], row[1]) if row else None


def changed(session: Session) -> None:
    """Tell all processes, with the transaction, that topics, examples or synonyms are others now."""
    number = secrets.randbits(62)
    anew = update(TopicRevision).where(TopicRevision.name == TOPICS).values(revision=number)
    # An UPDATE's result counts its rows; SQLAlchemy's types promise that of no statement.
    if session.execute(anew).rowcount:  # type: ignore[attr-defined]
        return
    try:
        with session.begin_nested():
            session.execute(insert(TopicRevision).values(name=TOPICS, revision=number))
    except IntegrityError:
        session.execute(anew)  # somebody else's first change came first


def learning_due() -> Select[int]:
    """Return a row when there is something to learn from, and nobody has."""
    learnt = exists().where(TopicFit.revision == TopicRevision.revision, TopicFit.form == FORM)
    return select(literal(1)).where(TopicRevision.name == TOPICS, exists().where(Topic.key != ""), ~learnt)


def learnt(reader: Reader) -> bytes | None:
    """Return what was learnt last; None: nothing was."""
    newest = select(TopicFit.learnt).where(TopicFit.form == FORM).order_by(TopicFit.fitted_at.desc())
    return reader.scalar(newest.limit(1))


def report(reader: Reader) -> TopicFit | None:
    """Return what was learnt last without what was learnt: when, and how right it was."""
    wanted = select(TopicFit.revision, TopicFit.fitted_at, TopicFit.report).where(TopicFit.form == FORM)
    row = reader.execute(wanted.order_by(TopicFit.fitted_at.desc()).limit(1)).first()
    return TopicFit(revision=row.revision, fitted_at=row.fitted_at, report=row.report) if row else None


def keep_learnt(session: Session, number: int, form: bytes, told: dict[str, Any], now: datetime) -> None:
    """Keep what was learnt from a revision, and the one before it no more."""
    session.execute(delete(TopicFit).where(TopicFit.form == FORM))
    session.add(TopicFit(revision=number, fitted_at=now, form=FORM, learnt=form, report=told))


def add_pack(session: Session, name: str, team: str, now: datetime) -> tuple[int, int]:
    """Add what a pack has and is not there yet; return how many topics and how many sentences that were.

    A topic that is there keeps its name, team and words. `team`: answers for all that is new; empty: as the
    pack says. Raises KeyError for a pack that isn't there.
    """
    there = set(session.scalars(select(Topic.key)))
    said = set(session.scalars(select(TopicExample.text)))
    added = taught = 0
    for one in packs.pack(name):
        if one.key not in there:
            row = Topic(key=one.key, name=one.name, team=team or one.team, words=list(one.words))
            row.language, row.changed_at = "nl", now
            session.add(row)
            added += 1
    session.flush()
    for one in packs.pack(name):
        new = [text for text in dict.fromkeys(one.sentences()) if text not in said]
        said.update(new)
        taught += len(new)
        session.add_all(TopicExample(text=text, topic=one.key, source=Source.PACK) for text in new)
    if added or taught:
        changed(session)
    return added, taught
