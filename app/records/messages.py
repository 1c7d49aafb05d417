"""What was written, by us and to us?"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, UtcDateTime, Word, partial_index
from app.records.callers import Direction


class MessageChannel(StrEnum):
    SMS = "sms"
    WHATSAPP = "whatsapp"


class Message(Base):
    """A text message, ours or the customer's: nobody gets one from us that can't be answered."""

    __tablename__ = "messages"
    __table_args__ = (
        Index("uq_messages_carrier_sid", "carrier_sid", unique=True),
        Index("ix_messages_number_at", "number", "at"),
        Index("ix_messages_agent_at", "agent", "at"),
        Index("ix_messages_promise", "promise"),
        Index("ix_messages_at", "at"),
        partial_index("ix_messages_customer", "customer", where="customer IS NOT NULL"),
        partial_index("ix_messages_case", "case", where='"case" IS NOT NULL'),
        partial_index("ix_messages_unhandled", "at", where="handled_at IS NULL"),
    )

    sid: Mapped[str] = mapped_column(String(64), primary_key=True)  # the carrier's; ours has our own name
    carrier_sid: Mapped[str | None] = mapped_column(String(64))  # of ours, once the carrier has taken it
    direction: Mapped[Direction] = mapped_column(Word(10))
    channel: Mapped[MessageChannel] = mapped_column(
        String(10), default=MessageChannel.SMS, server_default=MessageChannel.SMS
    )
    number: Mapped[str] = mapped_column(String(32))  # the customer's, E.164
    line: Mapped[str] = mapped_column(String(32))
    body: Mapped[str] = mapped_column(Text)
    customer: Mapped[str | None] = mapped_column(String(121))
    case: Mapped[str | None] = mapped_column(String(121))
    agent: Mapped[str | None] = mapped_column(String(121))  # at whose desk it stands; None: the team's
    team: Mapped[str] = mapped_column(String(120), default="", server_default="")
    promise: Mapped[int | None] = mapped_column(Integer)
    author: Mapped[str | None] = mapped_column(String(121))  # the agent who wrote ours; None: sent by itself
    status: Mapped[str] = mapped_column(String(20))  # the carrier's word; see messages.RANK
    error: Mapped[int | None] = mapped_column(Integer)  # the carrier's ErrorCode, when it did not arrive
    read_as: Mapped[str] = mapped_column(String(20), default="", server_default="")  # what it did by itself
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    # Of the customer's: when somebody, or what it asked for, was seen to. None: a human still has to.
    handled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    handled_by: Mapped[str] = mapped_column(String(254), default="", server_default="")  # empty: by itself


class MessageHeard(Base):
    """A message that came in once, for as long as anybody might tell of it again; it names nobody."""

    __tablename__ = "messages_heard"

    sid: Mapped[str] = mapped_column(String(64), primary_key=True)  # the carrier's
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class MessageStop(Base):
    """A number whose owner wants no messages from us."""

    __tablename__ = "message_stops"

    number: Mapped[str] = mapped_column(String(32), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    how: Mapped[str] = mapped_column(String(10))  # asked: they wrote so to us; carrier: it refused (21610)


class TextRefusal(Base):
    """What the carrier takes no texts from, or for: the operator mends it. See messages/senders.py."""

    __tablename__ = "text_refusals"

    what: Mapped[str] = mapped_column(String(40), primary_key=True)  # from:+31… a number of ours; to:+372
    error: Mapped[int] = mapped_column(Integer)  # the carrier's
    at: Mapped[datetime] = mapped_column(UtcDateTime)  # when it was refused last
