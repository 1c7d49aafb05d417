"""Whom did we protect from whom? Each use of an agent's protection, and what a review made of it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, UtcDateTime, partial_index


class Review(StrEnum):
    """What a supervisor made of it; until then it holds."""

    OPEN = "open"
    UPHELD = "upheld"
    LIFTED = "lifted"  # the two may be connected again


class Protection(Base):
    """An agent was abused by a caller: what was done, and that the two aren't connected again."""

    __tablename__ = "protections"
    __table_args__ = (
        UniqueConstraint("call_sid", "agent"),
        # For each call that comes in it is asked who is kept apart from its caller.
        partial_index("ix_protections_number", "number", where="keeps_apart"),
        partial_index("ix_protections_customer", "customer", where="keeps_apart"),
        partial_index("ix_protections_open", "created_at", where="review = 'open'"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    call_sid: Mapped[str] = mapped_column(String(64))
    agent: Mapped[str] = mapped_column(String(121))
    team: Mapped[str] = mapped_column(String(120))  # the agent's, whose supervisors review it
    # The caller: a customer, their number, or both. A switchboard's number is nobody's, and isn't kept.
    customer: Mapped[str | None] = mapped_column(String(121))
    number: Mapped[str | None] = mapped_column(String(32))
    keeps_apart: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    warned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when the agent asked for the warning
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when the agent had the call ended
    taken_over_by: Mapped[str | None] = mapped_column(String(121))  # the supervisor who went on instead
    review: Mapped[Review] = mapped_column(String(8), default=Review.OPEN, server_default=Review.OPEN)
    reviewed_by: Mapped[str | None] = mapped_column(String(254))
    reviewed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    why: Mapped[str] = mapped_column(Text, default="", server_default="")  # the reviewer's reason
