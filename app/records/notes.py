"""What did an agent write down of a call that is no contact: no conversation, or about nobody knows whom?"""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, UtcDateTime
from app.records.callers import Customer
from app.records.calls import Call


class CallNote(Base):
    """One agent's words about one call, waiting under its number, or the call, until it is known whose."""

    __tablename__ = "call_notes"
    __table_args__ = (
        Index("ix_call_notes_number", "number"),
        Index("ix_call_notes_customer", "customer"),
        Index("ix_call_notes_case", "case"),
        Index("ix_call_notes_found_in", "found_in"),
    )

    call_sid: Mapped[str] = mapped_column(ForeignKey(Call.sid, ondelete="CASCADE"), primary_key=True)
    agent: Mapped[str] = mapped_column(String(121), primary_key=True)
    number: Mapped[str | None] = mapped_column(String(32))  # E.164; None: withheld, or forgotten
    customer: Mapped[str | None] = mapped_column(ForeignKey(Customer.key, ondelete="CASCADE"))
    case: Mapped[str | None] = mapped_column(String(121))
    outcome: Mapped[str] = mapped_column(String(20), default="", server_default="")
    summary: Mapped[str] = mapped_column(Text, default="", server_default="")
    written_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # In which later call somebody said whose it is: who thinks better of it there takes it along.
    found_in: Mapped[str | None] = mapped_column(String(64))
