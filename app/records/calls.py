"""What happened on the telephone? Calls, the steps of their way, promises, what was asked and answered."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, Index, Integer, LargeBinary, String, null
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json, UtcDateTime, Word, partial_index
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
    ASKED = "asked"  # the one open question to whom nobody knows
    COLLEAGUE = "colleague"
    TEAM = "team"
    PROMISE = "promise"
    MESSAGE = "message"
    FALLBACK = "fallback"
    CALLBACK = "callback"  # the agent is rung first, then the customer
    CONSULT = "consult"  # a colleague is asked into a conversation; see records/legs.py
    SUPERVISE = "supervise"  # a supervisor listens in, or helps


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
    HEARD = "heard"  # something was said to the open question
    SILENT = "silent"  # nothing was
    ABANDONED = "abandoned"  # the carrier never said how it ended


class Call(Base):
    __tablename__ = "calls"
    __table_args__ = (
        Index("ix_calls_from_e164_created_at", "remote_e164", "created_at"),
        Index("ix_calls_case_created_at", "case", "created_at"),
        Index("ix_calls_created_at_sid", "created_at", "sid"),
        partial_index("ix_calls_customer_created_at", "customer", "created_at", where="customer IS NOT NULL"),
        partial_index("ix_calls_claimed", "claimed", where="claimed IS NOT NULL"),
        partial_index("ix_calls_learn_at", "learn_at", where="learn_at IS NOT NULL"),
        partial_index("ix_calls_promise", "promise", where="promise IS NOT NULL"),
        partial_index(
            "ix_calls_outcome_created_at", "outcome", "created_at", "sid", where="outcome IS NOT NULL"
        ),
        Index("ix_calls_rule_version_created_at", "rule_version", "created_at"),
        # The agent first: of a moment that it doesn't know yet PostgreSQL expects a third of all calls.
        partial_index(
            "ix_calls_waiting_for", "waiting_for_agent", "waiting_since", where="waiting_since IS NOT NULL"
        ),
        partial_index("ix_calls_live", "created_at", "sid", where="state <> 'ended'"),
        partial_index("ix_calls_not_forgotten", "created_at", where="forgotten_at IS NULL"),
        partial_index(
            "ix_calls_recording_asked_at", "recording_asked_at", where="recording_asked_at IS NOT NULL"
        ),
    )

    sid: Mapped[str] = mapped_column(String(64), primary_key=True)  # the carrier's; a callback has our own
    direction: Mapped[Direction] = mapped_column(
        String(10), default=Direction.INBOUND, server_default=Direction.INBOUND
    )
    # The other side's number, also in a callback; None: nobody that a number identifies.
    # Theirs: whoever rings us, or whom we ring.
    remote_e164: Mapped[str | None] = mapped_column("from_e164", String(32), key="remote_e164")
    line: Mapped[str] = mapped_column(String(32))
    attestation: Mapped[str] = mapped_column(String(60), default="")
    customer: Mapped[str | None] = mapped_column(String(121))  # the likeliest, or the agent's pick
    case: Mapped[str | None] = mapped_column(String(121))
    owner: Mapped[str | None] = mapped_column(String(121))
    language: Mapped[str] = mapped_column(String(2))
    state: Mapped[CallState] = mapped_column(Word(12), default=CallState.RINGING)
    outcome: Mapped[Outcome | None] = mapped_column(Word(20))
    bridged_to: Mapped[str | None] = mapped_column(String(121))
    bridged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    promise: Mapped[int | None] = mapped_column(Integer)
    rule_version: Mapped[int] = mapped_column(Integer)  # in force when it came in; see its steps
    said: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)  # [{at, text}]
    # What they answered to the open question, and what it was taken for: routing/situation.py, Heard. None:
    # not asked, or not answered yet.
    heard: Mapped[dict[str, Any] | None] = mapped_column(Json)
    claimed: Mapped[str | None] = mapped_column(String(121))  # the customer whom they say to be, unchecked
    # When topics may learn from what was heard: see beside/about.py. None: there is nothing, or they have.
    learn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
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
    # From then on it names nobody; see app/forgetting.
    forgotten_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass
class NewCall:
    """A call that comes in, before it stands in the table: for what a row costs that is never added."""

    sid: str
    remote_e164: str | None
    line: str
    attestation: str
    customer: str | None
    case: str | None
    owner: str | None
    language: str
    rule_version: int
    created_at: datetime
    state: CallState = CallState.RINGING
    said: list[dict[str, Any]] = field(default_factory=list)
    step: int = 0
    heard: dict[str, Any] | None = None
    waiting_for_agent: str | None = None
    waiting_for_team: str | None = None
    waiting_since: datetime | None = None

    def row(self) -> Call:
        """Return it as a row of the table."""
        return Call(**vars(self))


AnyCall = Call | NewCall

# As the indexes have it.
IS_ENDED: ColumnElement[bool] = Call.state == CallState.ENDED
IS_LIVE: ColumnElement[bool] = Call.state != CallState.ENDED


class CallStep(Base):
    """One step that was taken: whom it rang, why, and what came of it."""

    __tablename__ = "call_steps"
    __table_args__ = (
        Index("ix_call_steps_agent_started_at", "agent", "started_at"),
        partial_index("ix_call_steps_rule_started_at", "rule", "started_at", where="rule <> ''"),
        partial_index("ix_call_steps_with_situation", "started_at", where="situation IS NOT NULL"),
    )

    call_sid: Mapped[str] = mapped_column(ForeignKey("calls.sid", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    kind: Mapped[StepKind] = mapped_column(Word(12))
    agent: Mapped[str | None] = mapped_column(String(121))
    team: Mapped[str | None] = mapped_column(String(120))
    reason: Mapped[str] = mapped_column(String(60))  # a code of the catalogue
    reason_values: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    endpoint: Mapped[str] = mapped_column(String(8), default="")  # client | phone
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    rang_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[StepOutcome | None] = mapped_column(Word(20))
    declined_why: Mapped[str] = mapped_column(String(40), default="")
    leg_sid: Mapped[str | None] = mapped_column(String(64))
    # When the agent said that they had made sure who it was, and saw what had been masked.
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # By what it was decided: None, and empty, for a step that nobody decided.
    rule_version: Mapped[int | None] = mapped_column(Integer)
    rule: Mapped[str] = mapped_column(
        String(60), default="", server_default=""
    )  # its id; empty: none matched
    parameters: Mapped[dict[str, Any] | None] = mapped_column(Json)  # see routing/rules.py, Ladder
    # See routing/kept.py; large, so it is read only by whoever asks for it.
    situation: Mapped[dict[str, Any] | None] = mapped_column(Json, deferred=True)


HAS_SITUATION: ColumnElement[bool] = CallStep.situation.is_not(null())


INCOMING = "incoming"  # what the carrier asks as a call comes in; answered with the call's first step


class Inbox(Base):
    """What the carrier asked and what we answered: the same question gets the same bytes."""

    __tablename__ = "inbox"
    __table_args__ = (Index("ix_inbox_created_at", "created_at"),)

    call_sid: Mapped[str] = mapped_column(String(64), primary_key=True)
    request: Mapped[str] = mapped_column(String(80), primary_key=True)  # incoming, step/2, ended/2 …
    reply: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
