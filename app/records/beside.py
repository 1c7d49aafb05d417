"""What stands beside a call? How it was wrapped up, the team's lists, what colleagues asked, and thanks."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String, Text, true
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, UtcDateTime, partial_index
from app.records.calls import Call


class Cause(Base):
    """Why people call, and which process of ours it comes from: calls are defects of something."""

    __tablename__ = "causes"

    key: Mapped[str] = mapped_column(String(60), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    owner: Mapped[str] = mapped_column(String(120))  # the internal process that can mend it
    position: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    # One that isn't chosen any more stays, for what was wrapped up with it.
    enabled: Mapped[bool] = mapped_column(default=True, server_default=true())


class WrapUp(Base):
    """How an agent said that a conversation ended, beside the outcome that its contact has."""

    __tablename__ = "wrap_ups"
    __table_args__ = (
        Index("ix_wrap_ups_team_at", "team", "at"),
        Index("ix_wrap_ups_at", "at"),
        partial_index("ix_wrap_ups_case", "case", where='"case" IS NOT NULL'),
    )

    call_sid: Mapped[str] = mapped_column(ForeignKey(Call.sid, ondelete="CASCADE"), primary_key=True)
    agent: Mapped[str] = mapped_column(String(121), primary_key=True)
    case: Mapped[str | None] = mapped_column(String(121))
    team: Mapped[str] = mapped_column(String(120))  # the agent's, as it was then
    outcome: Mapped[str] = mapped_column(String(20), default="", server_default="")
    cause: Mapped[str] = mapped_column(String(60), default="", server_default="")  # empty: none was chosen
    next_step: Mapped[str] = mapped_column(String(120), default="", server_default="")
    topic: Mapped[str] = mapped_column(String(121), default="", server_default="")  # what it was about
    at: Mapped[datetime] = mapped_column(UtcDateTime)  # when the conversation began


class TeamAnswer(Base):
    """A short text that a team keeps, for what is asked often. Found by its words: see migration 0032."""

    __tablename__ = "team_answers"
    __table_args__ = (Index("uq_team_answers_key", "key", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(60))
    team: Mapped[str] = mapped_column(String(120), default="", server_default="")  # empty: everybody's
    title: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Ask(Base):
    """A line in which one agent asks another about a call, before anything rings; and what they answered."""

    __tablename__ = "asks"
    __table_args__ = (
        Index("ix_asks_call_sid", "call_sid"),
        Index("ix_asks_to_agent_asked_at", "to_agent", "asked_at"),
        Index("ix_asks_by_agent_asked_at", "by_agent", "asked_at"),
        Index("ix_asks_asked_at", "asked_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    call_sid: Mapped[str] = mapped_column(ForeignKey(Call.sid, ondelete="CASCADE"))
    by_agent: Mapped[str] = mapped_column(String(121))
    to_agent: Mapped[str] = mapped_column(String(121))
    text: Mapped[str] = mapped_column(String(300))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    answer: Mapped[str] = mapped_column(String(10), default="", server_default="")  # yes, no, later
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Thanks(Base):
    """The page that goes out after a conversation, and what the customer said there: no score, no rank."""

    __tablename__ = "thanks"
    __table_args__ = (
        Index("ix_thanks_agent_thanked_at", "agent", "thanked_at"),
        Index("ix_thanks_at", "at"),
    )

    call_sid: Mapped[str] = mapped_column(ForeignKey(Call.sid, ondelete="CASCADE"), primary_key=True)
    agent: Mapped[str] = mapped_column(String(121))
    at: Mapped[datetime] = mapped_column(UtcDateTime)  # when it was decided whether the page goes out
    why_not: Mapped[str] = mapped_column(String(40), default="", server_default="")  # empty: it went out
    thanked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    words: Mapped[str] = mapped_column(Text, default="", server_default="")  # of thanks
    wrong_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when they said what is still wrong
    promise: Mapped[int | None] = mapped_column(Integer)  # which that became
    seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # by the agent
