"""What must still leave, and who wants to be told?"""

from datetime import datetime
from typing import Any

from sqlalchemy import Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json, UtcDateTime, partial_index


class Outbox(Base):
    """What must still leave for the carrier or for other systems; delivered at least once."""

    __tablename__ = "outbox"
    __table_args__ = (
        partial_index("ix_outbox_waiting", "kind", "next_at", where="done_at IS NULL"),
        partial_index("ix_outbox_done", "kind", "done_at", where="done_at IS NOT NULL"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))  # see app/outgoing/outbox.py
    key: Mapped[str] = mapped_column(String(140), unique=True)
    payload: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_at: Mapped[datetime] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    result: Mapped[str] = mapped_column(String(120), default="")


class Hook(Base):
    """Another system that wants to be told what happens: where, of what, and how reaching it goes."""

    __tablename__ = "hooks"

    id: Mapped[int] = mapped_column(primary_key=True)
    url: Mapped[str] = mapped_column(Text)
    secret: Mapped[str] = mapped_column(String(80))  # signs what is sent, so it can't be kept as a hash
    events: Mapped[list[str]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)  # nothing arrived since then
    failures: Mapped[int] = mapped_column(Integer, default=0)  # in a row
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # left alone until then
    last_result: Mapped[str] = mapped_column(String(120), default="")
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
