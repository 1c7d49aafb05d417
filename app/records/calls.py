"""What happened on the telephone? Calls, the steps of their way, promises, what was asked and answered."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    func,
    select,
    text,
)
from sqlalchemy.orm import Mapped, column_property, mapped_column

from app.db import Base, Json, UtcDateTime
from app.records.callers import Direction


class CallState(StrEnum):
    RINGING = "ringing"  # somebody's telephone rings, or is about to
    WAITING = "waiting"  # for an agent who is in a conversation
    TALKING = "talking"
    PROMISING = "promising"  # hears when they will be rung back, says what it is about
    ENDED = "ended"


class Outcome(StrEnum):
    """How it ended; every ended call has exactly one."""

    TALKED = "talked"
    PROMISED = "promised"
    MISSED_PROMISED = "missed_promised"  # hung up before anybody answered; will be rung back
    REFUSED = "refused"
    # There is no number to ring back. Who spoke after everybody was tried has a promise without a number.
    NOT_CALLABLE = "not_callable"
    NOT_REACHED = "not_reached"  # a callback of ours that came to no conversation


class StepKind(StrEnum):
    """What a step of the ladder does; see decide()."""

    OWNER = "owner"
    WAIT = "wait"
    COLLEAGUE = "colleague"
    TEAM = "team"
    PROMISE = "promise"
    MESSAGE = "message"
    FALLBACK = "fallback"
    CALLBACK = "callback"  # the agent is rung first, then the customer


class StepOutcome(StrEnum):
    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    DECLINED = "declined"
    BUSY = "busy"
    FAILED = "failed"
    CALLER_HUNG_UP = "caller_hung_up"
    FREED = "freed"  # the agent who was waited for is free
    WAITED_TOO_LONG = "waited_too_long"
    ANOTHER_WANTED = "another_wanted"  # the caller asked for somebody else
    PROMISED = "promised"
    ABANDONED = "abandoned"  # the carrier never said how it ended


class PromiseState(StrEnum):
    OPEN = "open"
    DUE = "due"
    CALLING = "calling"
    KEPT = "kept"
    REASSIGNED = "reassigned"
    MERGED = "merged"
    WITHDRAWN = "withdrawn"
    BROKEN = "broken"


class AttemptOutcome(StrEnum):
    """How one try to keep a promise ended; see app/voice/callbacks.py."""

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


class MessageChannel(StrEnum):
    SMS = "sms"
    WHATSAPP = "whatsapp"


class Call(Base):
    __tablename__ = "calls"
    __table_args__ = (
        Index("ix_calls_from_e164_created_at", "from_e164", "created_at"),
        Index("ix_calls_case_created_at", "case", "created_at"),
        Index(
            "ix_calls_waiting",
            "waiting_since",
            postgresql_where=text("waiting_since IS NOT NULL"),
            sqlite_where=text("waiting_since IS NOT NULL"),
        ),
        Index(
            "ix_calls_unfinished",
            "created_at",
            postgresql_where=text("state <> 'ended'"),
            sqlite_where=text("state <> 'ended'"),
        ),
        Index(
            "ix_calls_recording_asked_at",
            "recording_asked_at",
            postgresql_where=text("recording_asked_at IS NOT NULL"),
            sqlite_where=text("recording_asked_at IS NOT NULL"),
        ),
    )

    sid: Mapped[str] = mapped_column(String(64), primary_key=True)  # the carrier's; a callback has our own
    direction: Mapped[Direction] = mapped_column(
        String(10), default=Direction.INBOUND, server_default=Direction.INBOUND
    )
    # The other side's number, also in a callback; None: nobody that a number identifies.
    from_e164: Mapped[str | None] = mapped_column(String(32))
    line: Mapped[str] = mapped_column(String(32))
    attestation: Mapped[str] = mapped_column(String(60), default="")
    customer: Mapped[str | None] = mapped_column(String(121))  # the likeliest, or the agent's pick
    case: Mapped[str | None] = mapped_column(String(121))
    owner: Mapped[str | None] = mapped_column(String(121))
    language: Mapped[str] = mapped_column(String(2))
    state: Mapped[CallState] = mapped_column(String(12), default=CallState.RINGING)
    outcome: Mapped[Outcome | None] = mapped_column(String(20))
    bridged_to: Mapped[str | None] = mapped_column(String(121))
    bridged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    promise: Mapped[int | None] = mapped_column(Integer)
    rule_version: Mapped[int] = mapped_column(Integer)
    situation: Mapped[dict[str, Any]] = mapped_column(Json)  # the inputs of the first decision
    said: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)  # [{at, text}]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    step: Mapped[int] = mapped_column(Integer, default=0)  # the number of the step that is going on
    waiting_for_agent: Mapped[str | None] = mapped_column(String(121))
    waiting_for_team: Mapped[str | None] = mapped_column(String(120))
    waiting_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    checked_at: Mapped[datetime | None] = mapped_column(
        UtcDateTime
    )  # last time the carrier was asked about it
    # A message was asked for of which nothing has been heard since.
    recording_asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class CallStep(Base):
    """One step that was taken: whom it rang, why, and what came of it."""

    __tablename__ = "call_steps"
    __table_args__ = (Index("ix_call_steps_agent_started_at", "agent", "started_at"),)

    call_sid: Mapped[str] = mapped_column(ForeignKey("calls.sid", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    kind: Mapped[StepKind] = mapped_column(String(12))
    agent: Mapped[str | None] = mapped_column(String(121))
    team: Mapped[str | None] = mapped_column(String(120))
    reason: Mapped[str] = mapped_column(String(60))  # a code of the catalogue
    reason_values: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    endpoint: Mapped[str] = mapped_column(String(8), default="")  # client | phone
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    rang_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[StepOutcome | None] = mapped_column(String(20))
    declined_why: Mapped[str] = mapped_column(String(40), default="")
    leg_sid: Mapped[str | None] = mapped_column(String(64))
    # When the agent said that they had made sure who it was, and saw what had been masked.
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


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
        Index(
            "ix_recordings_next_at",
            "next_at",
            postgresql_where=text("next_at IS NOT NULL"),
            sqlite_where=text("next_at IS NOT NULL"),
        ),
    )

    sid: Mapped[str] = mapped_column(String(64), primary_key=True)  # the carrier's
    call_sid: Mapped[str] = mapped_column(String(64))
    promise: Mapped[int | None] = mapped_column(Integer)  # on which it is heard
    state: Mapped[RecordingState] = mapped_column(String(12), default=RecordingState.AT_CARRIER)
    seconds: Mapped[int | None] = mapped_column(Integer)  # None: the carrier hasn't said
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when the carrier is asked; None: no more
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    content_type: Mapped[str] = mapped_column(String(40), default="")
    sound: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)


_OWED = "state IN ('open', 'due', 'calling', 'reassigned', 'broken')"


class Promise(Base):
    """A callback owed to a caller: who owes it, to which number, about which case, by when."""

    __tablename__ = "promises"
    __table_args__ = (
        UniqueConstraint("origin", name="uq_promises_origin"),
        # One callback is owed to a number at a time, however often it asks, also when it is late.
        Index(
            "uq_promises_owed_number",
            "number",
            unique=True,
            postgresql_where=text(_OWED),
            sqlite_where=text(_OWED),
        ),
        Index(
            "ix_promises_owed_next_at",
            "next_at",
            postgresql_where=text(_OWED),
            sqlite_where=text(_OWED),
        ),
        Index("ix_promises_agent_state", "agent", "state"),
        Index("ix_promises_customer", "customer"),
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
    state: Mapped[PromiseState] = mapped_column(String(12), default=PromiseState.OPEN)
    about: Mapped[str] = mapped_column(Text, default="")  # in the caller's own words
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # When it is looked at next; None: it waits for a human.
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tries: Mapped[int] = mapped_column(Integer, default=0, server_default="0")  # at the customer
    broken_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # stays, whatever becomes of it
    # How many messages there are to listen to; counted only where somebody asks.
    recordings: Mapped[int] = column_property(
        select(func.count())
        .where(Recording.promise == id, Recording.state.in_(TO_BE_HEARD))
        .correlate_except(Recording)
        .scalar_subquery(),
        deferred=True,
    )


class PromiseAttempt(Base):
    """One try to keep a promise, written before the carrier is asked for anything."""

    __tablename__ = "promise_attempts"
    __table_args__ = (
        UniqueConstraint("call_sid", name="uq_promise_attempts_call_sid"),
        # Nobody is rung twice at the same time for one promise.
        Index(
            "uq_promise_attempts_in_the_air",
            "promise",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
            sqlite_where=text("ended_at IS NULL"),
        ),
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
    outcome: Mapped[AttemptOutcome | None] = mapped_column(String(20))


class PromiseEvent(Base):
    """What a promise went through, so that it can be read on one page."""

    __tablename__ = "promise_events"
    __table_args__ = (Index("ix_promise_events_promise_at", "promise", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    promise: Mapped[int] = mapped_column(ForeignKey("promises.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[PromiseState] = mapped_column(String(12))
    why: Mapped[str] = mapped_column(String(60))  # a code of the catalogue
    who: Mapped[str] = mapped_column(String(254), default="")  # an agent, a user, or empty for the system
    # What goes into the words: {"agent": a key, "time": a moment as ISO 8601}.
    details: Mapped[dict[str, Any]] = mapped_column(Json, default=dict, server_default="{}")


class Message(Base):
    """A text message, ours or the customer's: nobody gets one from us that can't be answered."""

    __tablename__ = "messages"
    __table_args__ = (
        Index("uq_messages_carrier_sid", "carrier_sid", unique=True),
        Index("ix_messages_number_at", "number", "at"),
        Index("ix_messages_agent_at", "agent", "at"),
        Index("ix_messages_promise", "promise"),
        Index(
            "ix_messages_unhandled",
            "at",
            postgresql_where=text("handled_at IS NULL"),
            sqlite_where=text("handled_at IS NULL"),
        ),
    )

    sid: Mapped[str] = mapped_column(String(64), primary_key=True)  # the carrier's; ours has our own name
    carrier_sid: Mapped[str | None] = mapped_column(String(64))  # of ours, once the carrier has taken it
    direction: Mapped[Direction] = mapped_column(String(10))
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


class MessageStop(Base):
    """A number whose owner wants no messages from us."""

    __tablename__ = "message_stops"

    number: Mapped[str] = mapped_column(String(32), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    how: Mapped[str] = mapped_column(String(10))  # asked: they wrote so to us; carrier: it refused (21610)


class Inbox(Base):
    """What the carrier asked and what we answered: the same question gets the same bytes."""

    __tablename__ = "inbox"
    __table_args__ = (Index("ix_inbox_created_at", "created_at"),)

    call_sid: Mapped[str] = mapped_column(String(64), primary_key=True)
    request: Mapped[str] = mapped_column(String(80), primary_key=True)  # incoming, ended/2, leg/2/1 …
    reply: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Outbox(Base):
    """What must still leave for the carrier or for other systems; delivered at least once."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index(
            "ix_outbox_waiting",
            "kind",
            "next_at",
            postgresql_where=text("done_at IS NULL"),
            sqlite_where=text("done_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))  # see app/voice/outbox.py
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


class RuleVersion(Base):
    """A published set of rules: who, when, why."""

    __tablename__ = "rule_versions"

    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    rules: Mapped[dict[str, Any]] = mapped_column(Json)
    published_at: Mapped[datetime] = mapped_column(UtcDateTime)
    published_by: Mapped[str] = mapped_column(String(254))
    why: Mapped[str] = mapped_column(Text, default="")
