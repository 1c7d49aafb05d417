"""Who can answer? Agents, what each is doing this moment, what their desk was told, who may sign in."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Date, ForeignKey, Index, Integer, String, Text, case, null, select, true
from sqlalchemy.orm import Mapped, column_property, mapped_column, relationship

from app.db import Base, Json, UtcDateTime, Word, table_of
from app.records.lines import Line


class Intent(StrEnum):
    """What the agent said of themselves."""

    AVAILABLE = "available"
    BREAK = "break"
    AWAY = "away"
    OFF = "off"


class Activity(StrEnum):
    """What the telephone says of them."""

    IDLE = "idle"
    RESERVED = "reserved"
    RINGING = "ringing"
    TALKING = "talking"
    WRAPPING_UP = "wrapping_up"


class Reach(StrEnum):
    """Where the agent wants to be rung."""

    DESK = "desk"
    PHONE = "phone"
    BOTH = "both"  # at the same time; whoever picks up first has the call


class Softphone(StrEnum):
    READY = "ready"
    BUSY = "busy"
    NONE = "none"


class Role(StrEnum):
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"
    AUDITOR = "auditor"


def phone_to_ring(phone: Any) -> ColumnElement[str | None]:
    """Return an agent's phone as it may be dialled: none where it has become a line of ours.

    A call to that line would ring itself. Whoever fills it in is refused; this is for what stood there.
    """
    lines = table_of(Line).alias("ours")  # beside the called line, which a statement may read
    is_ours = select(lines.c.number).where(lines.c.number == phone).exists()
    return case((is_ours, null()), else_=phone)


class Agent(Base):
    __tablename__ = "agents"
    __table_args__ = (Index("ix_agents_team", "team"),)

    key: Mapped[str] = mapped_column(String(121), primary_key=True)  # A–Z a–z 0–9 _: also the client identity
    name: Mapped[str] = mapped_column(String(200))
    spoken_name: Mapped[str] = mapped_column(String(100))  # may be an alias
    email: Mapped[str] = mapped_column(String(254), default="")
    team: Mapped[str] = mapped_column(String(120))
    phone: Mapped[str | None] = mapped_column(String(32))  # E.164, as it was filled in
    rings_on: Mapped[str | None] = column_property(phone_to_ring(phone))
    language: Mapped[str] = mapped_column(String(2))
    enabled: Mapped[bool] = mapped_column(default=True)  # False: left the organisation
    absent_from: Mapped[date | None] = mapped_column(Date)  # None also once it has begun: agents/absences.py
    absent_until: Mapped[date | None] = mapped_column(Date)  # its last day

    presence: Mapped["Presence"] = relationship(
        back_populates="of", cascade="all, delete-orphan", lazy="joined"
    )


class Presence(Base):
    """What one agent is doing: the row that a reservation takes, so one row for each agent, always there."""

    __tablename__ = "agent_slots"

    agent: Mapped[str] = mapped_column(ForeignKey("agents.key", ondelete="CASCADE"), primary_key=True)
    intent: Mapped[Intent] = mapped_column(Word(10), default=Intent.OFF)
    intent_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    intent_why: Mapped[str] = mapped_column(
        String(120), default=""
    )  # a code: agent, unanswered_ring, leaver …
    back_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when they said they would be back
    reach: Mapped[Reach] = mapped_column(Word(10), default=Reach.DESK)

    activity: Mapped[Activity] = mapped_column(Word(12), default=Activity.IDLE)
    activity_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    call_sid: Mapped[str | None] = mapped_column(String(64))  # for which call, unless idle
    fence: Mapped[int] = mapped_column(Integer, default=0)  # by which of that call's steps it is rung
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the reservation ends by itself
    wrap_up_until: Mapped[datetime | None] = mapped_column(UtcDateTime)

    heartbeat_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    softphone: Mapped[Softphone] = mapped_column(Word(10), default=Softphone.NONE)
    desk_visible: Mapped[bool] = mapped_column(default=False)
    # What each desk said last; the three above are what they come to: see app/agents/desks.py.
    desks: Mapped[dict[str, Any]] = mapped_column(Json, default=dict, server_default="{}")
    suspect_until: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the desk's telephone failed at once
    proven_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # last time it was seen to ring

    event_number: Mapped[int] = mapped_column(Integer, default=0)  # of the newest event in the desk's log

    of: Mapped[Agent] = relationship(back_populates="presence")


class DeskEvent(Base):
    """What a desk was told, in order, so that a cut stream resumes without loss."""

    __tablename__ = "desk_events"
    __table_args__ = (Index("ix_desk_events_created_at", "created_at"),)

    agent: Mapped[str] = mapped_column(ForeignKey("agents.key", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(20))
    data: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class User(Base):
    """Somebody who may sign in."""

    __tablename__ = "users"

    email: Mapped[str] = mapped_column(String(254), primary_key=True)  # lower case
    password_hash: Mapped[str] = mapped_column(Text)  # argon2id; empty: has no password, signs in elsewhere
    role: Mapped[Role] = mapped_column(Word(12))
    agent: Mapped[str | None] = mapped_column(ForeignKey("agents.key", ondelete="SET NULL"))
    language: Mapped[str] = mapped_column(String(2), default="nl")
    # Of which teams a supervisor sees what others do: ["*"] of all, None of their agent's own.
    teams: Mapped[list[str] | None] = mapped_column(Json)
    # Signing out everywhere is a step of this number; it stands in the session.
    session_number: Mapped[int] = mapped_column(Integer, default=0)
    # False: the organisation's directory says that they have left.
    is_active: Mapped[bool] = mapped_column(default=True, server_default=true())


class SignInAttempt(Base):
    """A refused sign-in, kept for an hour to slow down guessing."""

    __tablename__ = "sign_in_attempts"
    __table_args__ = (Index("ix_sign_in_attempts_subject_at", "subject", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(String(64))  # a keyed hash of the address or of the account
    at: Mapped[datetime] = mapped_column(UtcDateTime)
