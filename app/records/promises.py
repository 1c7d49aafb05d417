"""Which callbacks do we owe, what was tried, and what was said after the tone?"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    false,
    func,
    select,
    text,
)
from sqlalchemy.orm import Mapped, column_property, mapped_column

from app.db import Base, Json, UtcDateTime, Word, partial_index


class PromiseState(StrEnum):
    OPEN = "open"
    DUE = "due"
    CALLING = "calling"
    KEPT = "kept"
    REASSIGNED = "reassigned"
    MERGED = "merged"
    WITHDRAWN = "withdrawn"
    BROKEN = "broken"


# What the caller was promised and has not got: a promise whose time has passed is owed all the same.
OWED = (
    PromiseState.OPEN,
    PromiseState.DUE,
    PromiseState.CALLING,
    PromiseState.REASSIGNED,
    PromiseState.BROKEN,
)
_OWED = "state IN ('open', 'due', 'calling', 'reassigned', 'broken')"
_SPOKEN_AT = "coalesce(broken_at, due_at)"
_KEPT_LATE = "state = 'kept' AND finished_at > due_at"
_IS_RUNG = "ended_at IS NULL AND number <> ''"
_TO_BE_HEARD = "state IN ('at_carrier', 'stored', 'kept')"


# How the origin of what an agent began begins: they ring somebody, to whom nothing was promised.
OUTBOUND = "outbound:"


class AttemptOutcome(StrEnum):
    """How one try to keep a promise ended; see app/callbacks/outcome.py."""

    KEPT = "kept"
    # at the customer's side
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    MACHINE = "machine"
    TOO_SHORT = "too_short"  # put through, and over before anything can have been said
    FAILED = "failed"
    DROPPED = "dropped"  # they talked, and the line failed
    UNCLEAR = "unclear"  # put through, and nobody could be asked to whom, or to what
    # at the agent's side: no try at the customer
    AGENT_DECLINED = "agent_declined"
    AGENT_NO_ANSWER = "agent_no_answer"
    AGENT_FAILED = "agent_failed"
    AGENT_LEFT = "agent_left"  # put the telephone down before the customer answered
    # by somebody else's doing
    CUSTOMER_RANG = "customer_rang"
    CALLED_OFF = "called_off"


class RecordingState(StrEnum):
    """Where the sound is: at the carrier at first, then here, and in the end nowhere."""

    AT_CARRIER = "at_carrier"  # to be fetched
    STORED = "stored"  # here; the carrier's is to be deleted
    KEPT = "kept"  # here alone
    UNWANTED = "unwanted"  # nowhere here; the carrier's is to be deleted
    GONE = "gone"


TO_BE_HEARD = (RecordingState.AT_CARRIER, RecordingState.STORED, RecordingState.KEPT)


class Recording(Base):
    """What a caller said after the tone; the row outlives the sound, for late news of it."""

    __tablename__ = "recordings"
    __table_args__ = (
        Index("ix_recordings_call_sid", "call_sid"),
        Index("ix_recordings_promise", "promise"),
        partial_index("ix_recordings_next_at", "next_at", where="next_at IS NOT NULL"),
        partial_index("ix_recordings_to_be_heard", "made_at", where=_TO_BE_HEARD),
    )

    sid: Mapped[str] = mapped_column(String(64), primary_key=True)  # the carrier's
    call_sid: Mapped[str] = mapped_column(String(64))
    promise: Mapped[int | None] = mapped_column(Integer)  # on which it is heard
    state: Mapped[RecordingState] = mapped_column(Word(12), default=RecordingState.AT_CARRIER)
    seconds: Mapped[int | None] = mapped_column(Integer)  # None: the carrier hasn't said
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when the carrier is asked; None: no more
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    content_type: Mapped[str] = mapped_column(String(40), default="")
    # How long it is kept once what it asked for is dealt with, by the rules that led its call.
    keep_days: Mapped[int | None] = mapped_column(Integer)
    sound: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)


class Promise(Base):
    """A callback owed to a caller: who owes it, to which number, about which case, by when."""

    __tablename__ = "promises"
    __table_args__ = (
        UniqueConstraint("origin", name="uq_promises_origin"),
        # One callback is owed to a person about a matter, however often they ask, also when it is late.
        partial_index(
            "uq_promises_owed_matter",
            "number",
            text("coalesce(customer, '')"),
            text("coalesce(\"case\", '')"),
            where=_OWED,
            unique=True,
        ),
        partial_index("ix_promises_owed_next_at", "next_at", where=_OWED),
        partial_index("ix_promises_owed_due_at", "due_at", "id", where=_OWED),
        Index("ix_promises_agent_state", "agent", "state"),
        Index("ix_promises_customer", "customer"),
        partial_index("ix_promises_case", "case", where='"case" IS NOT NULL'),
        partial_index("ix_promises_number", "number", where="number IS NOT NULL"),
        Index("ix_promises_finished_at", "finished_at"),
        Index("ix_promises_agent_finished_at", "agent", "finished_at"),
        Index("ix_promises_team_id", "team", "id"),
        Index("ix_promises_team_finished_at", "team", "finished_at"),
        Index("ix_promises_state_finished_at", "state", "finished_at"),
        partial_index("ix_promises_kept_late", "due_at", "finished_at", where=_KEPT_LATE),
        partial_index("ix_promises_broken", "finished_at", where="broken_at IS NOT NULL"),
        partial_index("ix_promises_not_forgotten", "finished_at", where="forgotten_at IS NULL"),
        Index("ix_promises_spoken_at", text(_SPOKEN_AT)),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    origin: Mapped[str] = mapped_column(String(100))  # call:CA…, api:…: made once, whoever asks twice
    # E.164. None: it is hidden, or was forgotten; nobody is dialled then, and next_at stays None.
    number: Mapped[str | None] = mapped_column(String(32))
    line: Mapped[str | None] = mapped_column(String(32))
    customer: Mapped[str | None] = mapped_column(String(121))
    case: Mapped[str | None] = mapped_column(String(121))
    agent: Mapped[str | None] = mapped_column(String(121))  # who owes it; None: the whole team
    team: Mapped[str] = mapped_column(String(120))
    language: Mapped[str] = mapped_column(String(2))
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)  # by when
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)  # as the customer wished
    state: Mapped[PromiseState] = mapped_column(Word(12), default=PromiseState.OPEN)
    about: Mapped[str] = mapped_column(Text, default="")  # in the caller's own words
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # A rule put nobody through: a supervisor looks at it before anybody is rung for it.
    to_review: Mapped[bool] = mapped_column(default=False, server_default=false())
    # When it is looked at next; None: it waits for a human.
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tries: Mapped[int] = mapped_column(Integer, default=0, server_default="0")  # at the customer
    broken_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # stays, whatever becomes of it
    # From then on it names nobody; see app/forgetting.
    forgotten_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # How many messages there are to listen to; counted only where somebody asks.
    recordings: Mapped[int] = column_property(
        select(func.count())
        .where(Recording.promise == id, Recording.state.in_(TO_BE_HEARD))
        .correlate_except(Recording)
        .scalar_subquery(),
        deferred=True,
    )

    @property
    def is_outbound(self) -> bool:
        """Tell whether an agent began it: then nobody was promised anything."""
        return self.origin.startswith(OUTBOUND)


# As the indexes have it.
IS_OWED: ColumnElement[bool] = Promise.state.in_(OWED)
IS_KEPT: ColumnElement[bool] = Promise.state == PromiseState.KEPT
IS_TO_BE_HEARD: ColumnElement[bool] = Recording.state.in_(TO_BE_HEARD)
# What somebody was promised; the rest an agent began.
IS_PROMISED: ColumnElement[bool] = Promise.origin.not_like(f"{OUTBOUND}%")
# When it was to be kept, as the caller heard it.
SPOKEN_AT: ColumnElement[datetime] = func.coalesce(Promise.broken_at, Promise.due_at)


class PromiseAttempt(Base):
    """One try to keep a promise, written before the carrier is asked for anything."""

    __tablename__ = "promise_attempts"
    __table_args__ = (
        UniqueConstraint("call_sid", name="uq_promise_attempts_call_sid"),
        # Nobody is rung twice at the same time for one promise.
        partial_index("uq_promise_attempts_in_the_air", "promise", where="ended_at IS NULL", unique=True),
        # Nor is a number, whoever at it is owed one.
        partial_index("uq_promise_attempts_number_in_the_air", "number", where=_IS_RUNG, unique=True),
        Index("ix_promise_attempts_number_dialled_at", "number", "dialled_at"),
        Index("ix_promise_attempts_promise", "promise"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    promise: Mapped[int] = mapped_column(ForeignKey("promises.id", ondelete="CASCADE"))
    call_sid: Mapped[str] = mapped_column(String(64))  # our own name of the callback, see Call
    number: Mapped[str] = mapped_column(String(32))
    agent: Mapped[str] = mapped_column(String(121))
    address: Mapped[str] = mapped_column(String(140))  # where the agent is rung, as the carrier is told
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the carrier, to ring the agent
    agent_leg: Mapped[str | None] = mapped_column(String(64))  # the carrier's sids
    customer_leg: Mapped[str | None] = mapped_column(String(64))
    accepted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    dialled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the customer
    bridged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    agent_left_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # put the telephone down
    machine: Mapped[bool] = mapped_column(default=False)  # a machine answered for the customer
    # The carrier's AnsweredBy, of a machine if it ever said so; empty: it hasn't said.
    answered_by: Mapped[str] = mapped_column(String(30), default="", server_default="")
    # When they were put down again, while who answered is all that is missing to say what it came to.
    talked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lease_until: Mapped[datetime] = mapped_column(UtcDateTime)  # later, the carrier is asked how it stands
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[AttemptOutcome | None] = mapped_column(Word(20))


class PromiseEvent(Base):
    """What a promise went through, so that it can be read on one page."""

    __tablename__ = "promise_events"
    __table_args__ = (Index("ix_promise_events_promise_at", "promise", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    promise: Mapped[int] = mapped_column(ForeignKey("promises.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[PromiseState] = mapped_column(Word(12))
    why: Mapped[str] = mapped_column(String(60))  # a code of the catalogue
    who: Mapped[str] = mapped_column(String(254), default="")  # an agent, a user, or empty for the system
    # What goes into the words: {"agent": a key, "time": a moment as ISO 8601}.
    details: Mapped[dict[str, Any]] = mapped_column(Json, default=dict, server_default="{}")
