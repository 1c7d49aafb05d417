"""Who is to be forgotten, and how much was forgotten by itself? Receipts, which name nobody in the end."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import Date, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, UtcDateTime, Word, partial_index


class Whom(StrEnum):
    NUMBER = "number"
    CUSTOMER = "customer"


class Erasure(Base):
    """Somebody asked that somebody be forgotten: the request while it waits, the receipt when it is done."""

    __tablename__ = "erasures"
    __table_args__ = (
        partial_index("ix_erasures_next_at", "next_at", where="next_at IS NOT NULL"),
        Index("ix_erasures_asked_at", "asked_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[Whom] = mapped_column(Word(10))
    # A number or a customer's key, until they are forgotten.
    whom: Mapped[str | None] = mapped_column(String(121))
    # By these what lies on a disk since before is known for theirs; see forgetting/afterwards.py.
    marks: Mapped[str] = mapped_column(String(2000), default="", server_default="")
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    asked_by: Mapped[str] = mapped_column(String(254))
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when a worker goes on; None: no more
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # nothing of them is here any more
    calls: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    promises: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    messages: Mapped[int] = mapped_column(Integer, default=0, server_default="0")


class ForgottenDay(Base):
    """How many rows of a kind grew old and went on one day, as the operator reads it."""

    __tablename__ = "forgotten_days"

    day: Mapped[date] = mapped_column(Date, primary_key=True)  # in UTC
    kind: Mapped[str] = mapped_column(String(40), primary_key=True)  # see forgetting/retention.py
    rows: Mapped[int] = mapped_column(Integer)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
