"""What stands on the screen beside a call? The page, what an agent put there, the answers, and files."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, UtcDateTime
from app.records.callers import Customer, Key
from app.records.calls import Call


class ItemKind(StrEnum):
    """What an agent can put there."""

    DOCUMENT = "document"  # to read, at an address of the organisation's own
    FORM = "form"  # to fill in there
    NUMBER = "number"  # a telephone number, or one to write down
    UPLOAD = "upload"  # a photo or a PDF is asked for
    QUESTION = "question"  # is this right? yes or no
    DATE = "date"  # one of the days on which the line is open


class Way(StrEnum):
    """How the page was offered."""

    SMS = "sms"
    WHATSAPP = "whatsapp"
    CODE = "code"  # six characters, read aloud


class ScreenPage(Base):
    """The page beside one call. Secrets stand here as hashes; who holds the page is one browser at a time."""

    __tablename__ = "screen_pages"
    __table_args__ = (
        Index("uq_screen_pages_call_sid", "call_sid", unique=True),
        Index("uq_screen_pages_link_hash", "link_hash", unique=True),
        Index("uq_screen_pages_code_hash", "code_hash", unique=True),
        Index("uq_screen_pages_holder_hash", "holder_hash", unique=True),
        Index("uq_screen_pages_waiting_hash", "waiting_hash", unique=True),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    call_sid: Mapped[str] = mapped_column(ForeignKey(Call.sid, ondelete="CASCADE"))
    # One more with everything that either side can see of it.
    version: Mapped[int] = mapped_column(Integer, default=0)
    agent: Mapped[str] = mapped_column(String(121))  # who offered it last
    language: Mapped[str] = mapped_column(String(2))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # How it was offered: the newest link, the newest code.
    way: Mapped[Way | None] = mapped_column(String(10))
    offered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    message: Mapped[str | None] = mapped_column(String(64))  # in which the link went
    link_hash: Mapped[str | None] = mapped_column(String(64))
    links_sent: Mapped[int] = mapped_column(Integer, default=0)
    code_hash: Mapped[str | None] = mapped_column(String(64))
    code_ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    codes_made: Mapped[int] = mapped_column(Integer, default=0)
    # Who has it: the browser that opened it, and another that would like to.
    holder_hash: Mapped[str | None] = mapped_column(String(64))
    opened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    waiting_hash: Mapped[str | None] = mapped_column(String(64))
    waiting_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # An agent made sure who it is; None: nothing but names of ours is shown.
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    checked_by: Mapped[str] = mapped_column(String(121), default="")
    stopped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    stopped_by: Mapped[str] = mapped_column(String(121), default="")  # an agent; empty: the customer


class ScreenItem(Base):
    """One thing that an agent put on the page, and what became of it."""

    __tablename__ = "screen_items"
    __table_args__ = (Index("ix_screen_items_page", "page"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    page: Mapped[int] = mapped_column(ForeignKey("screen_pages.id", ondelete="CASCADE"))
    kind: Mapped[ItemKind] = mapped_column(String(10))
    choice: Mapped[str] = mapped_column(String(121), default="")  # of the team's list; empty: own words
    words: Mapped[str] = mapped_column(Text)  # as the customer reads it
    value: Mapped[str] = mapped_column(Text, default="")  # an address, or a number
    put_by: Mapped[str] = mapped_column(String(121))
    put_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answer: Mapped[str] = mapped_column(Text, default="")  # yes, no, a day (ISO), opened
    taken_away_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ScreenChoice(Base):
    """What a team can put there with one press."""

    __tablename__ = "screen_choices"
    __table_args__ = (Index("ix_screen_choices_team", "team"),)

    key: Mapped[str] = mapped_column(Key, primary_key=True)
    team: Mapped[str] = mapped_column(String(120), default="")  # empty: every team's
    kind: Mapped[ItemKind] = mapped_column(String(10))
    name: Mapped[str] = mapped_column(String(80))  # on the agent's button
    words_nl: Mapped[str] = mapped_column(Text)
    words_en: Mapped[str] = mapped_column(Text, default="")
    value: Mapped[str] = mapped_column(Text, default="")
    place: Mapped[int] = mapped_column(Integer, default=0)


class Upload(Base):
    """A file that a customer sent during a call; it stays with the case, and goes with it."""

    __tablename__ = "uploads"
    __table_args__ = (
        Index("ix_uploads_call_sid", "call_sid"),
        Index("ix_uploads_customer", "customer"),
        Index("ix_uploads_case", "case"),
        Index("ix_uploads_at", "at"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)  # random
    call_sid: Mapped[str] = mapped_column(String(64))  # the call itself may be forgotten sooner
    item: Mapped[int | None] = mapped_column(ForeignKey("screen_items.id", ondelete="SET NULL"))
    customer: Mapped[str | None] = mapped_column(ForeignKey(Customer.key, ondelete="CASCADE"))
    case: Mapped[str | None] = mapped_column(String(121))
    name: Mapped[str] = mapped_column(String(120))  # what they call it; nothing is done by it
    content_type: Mapped[str] = mapped_column(String(40))  # as its content says
    size: Mapped[int] = mapped_column(Integer)  # bytes
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class UploadPiece(Base):
    """Some of a file's bytes: read one by one, so that no process holds all of it."""

    __tablename__ = "upload_pieces"

    upload: Mapped[str] = mapped_column(ForeignKey("uploads.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    bytes: Mapped[bytes] = mapped_column(LargeBinary)
