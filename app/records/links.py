"""Which links let somebody choose a password, or come in?"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, UtcDateTime, Word
from app.records.agents import User


class Purpose(StrEnum):
    RESET = "reset"  # they forgot theirs
    INVITATION = "invitation"  # they have none yet
    SIGN_IN = "sign_in"  # their usual way in is shut


class OneTimeLink(Base):
    """A link that does one thing for whoever has it, as one person; its row goes when it is used."""

    __tablename__ = "one_time_links"
    __table_args__ = (
        Index("ix_one_time_links_email", "email"),
        Index("ix_one_time_links_ends_at", "ends_at"),
    )

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256 of 256 random bits
    email: Mapped[str] = mapped_column(ForeignKey(User.email, ondelete="CASCADE"))
    purpose: Mapped[Purpose] = mapped_column(Word(12))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
