"""What do people phone about, in whose words, and who answers for it?"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json, UtcDateTime

LONGEST_EXAMPLE = 500
LONGEST_WORD = 60


class Source(StrEnum):
    """Where a sentence that teaches comes from."""

    PACK = "pack"  # one of ours: app/topics/packs
    LOADED = "loaded"  # the organisation's own


class SynonymState(StrEnum):
    """What an admin made of a word that callers used."""

    HEARD = "heard"  # nobody looked at it yet: it counts for nothing
    KEPT = "kept"
    DROPPED = "dropped"  # and is not shown again


class Topic(Base):
    """What somebody may phone about, and the team that answers for it."""

    __tablename__ = "topics"

    key: Mapped[str] = mapped_column(String(121), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    team: Mapped[str] = mapped_column(String(120))
    words: Mapped[list[str]] = mapped_column(Json)
    language: Mapped[str] = mapped_column(String(2))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TopicExample(Base):
    """What somebody said, and where it belonged."""

    __tablename__ = "topic_examples"

    text: Mapped[str] = mapped_column(String(LONGEST_EXAMPLE), primary_key=True)
    topic: Mapped[str | None] = mapped_column(ForeignKey("topics.key", ondelete="CASCADE"))  # None: to none
    source: Mapped[str] = mapped_column(String(10))


class TopicSynonym(Base):
    """A word that callers used whose call ended at a topic, and that the topic didn't know.

    The word alone is kept: not what was said around it, nor by whom.
    """

    __tablename__ = "topic_synonyms"

    topic: Mapped[str] = mapped_column(ForeignKey("topics.key", ondelete="CASCADE"), primary_key=True)
    word: Mapped[str] = mapped_column(String(LONGEST_WORD), primary_key=True)
    calls: Mapped[int] = mapped_column(Integer, default=0)  # that ended there by themselves
    corrections: Mapped[int] = mapped_column(Integer, default=0)  # by agents: “this was about …”
    state: Mapped[str] = mapped_column(String(10), default=SynonymState.HEARD)
    first_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_by: Mapped[str | None] = mapped_column(String(254))


class TopicRevision(Base):
    """One row, with another number after each change of topics, examples or synonyms.

    Drawn, not counted: two databases, or one before and after it was put back, never have the same.
    """

    __tablename__ = "topic_revision"

    name: Mapped[str] = mapped_column(String(10), primary_key=True)  # always "topics"
    revision: Mapped[int] = mapped_column(BigInteger)


class TopicFit(Base):
    """What a worker learnt from one revision: arrays and names, no code. See app/topics/fitted.py."""

    __tablename__ = "topic_fits"

    revision: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    fitted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    form: Mapped[int] = mapped_column(Integer)  # which shape `learnt` has; another one is left alone
    learnt: Mapped[bytes] = mapped_column(LargeBinary)
    report: Mapped[dict[str, Any]] = mapped_column(Json)  # how right it was on what it had not seen
