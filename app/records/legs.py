"""Who is in a conversation? The legs of a call, the room that they meet in, and who hands it over to whom."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, UtcDateTime, partial_index
from app.records.calls import Call


class LegRole(StrEnum):
    """As what somebody is in a call."""

    CUSTOMER = "customer"
    AGENT = "agent"  # whose conversation it is
    CONSULTED = "consulted"  # a colleague who was asked along
    SUPERVISOR = "supervisor"


class LegState(StrEnum):
    """How somebody's side of a call stands, as the desk and other systems are told."""

    RINGING = "ringing"
    JOINING = "joining"  # on the line, on the way into the room
    TALKING = "talking"
    HELD = "held"
    MUTED = "muted"
    LISTENING = "listening"  # a supervisor whom nobody hears
    WHISPERING = "whispering"  # whom the agent alone hears
    LEFT = "left"


class HandOverKind(StrEnum):
    WARM = "warm"  # the two colleagues speak first
    COLD = "cold"


class HandOverPhase(StrEnum):
    """How far a hand-over is; see app/voice/hand_over.py."""

    RINGING = "ringing"  # the colleague is rung, the customer hears why they wait
    CONSULTING = "consulting"  # the two colleagues speak, the customer waits
    JOINED = "joined"  # all three speak
    OVER = "over"


class HandOverOutcome(StrEnum):
    """How it ended; each hand-over has exactly one."""

    HANDED_OVER = "handed_over"  # the colleague has the customer
    RETURNED = "returned"  # the first agent has
    CUSTOMER_LEFT = "customer_left"  # who is owed a call
    WENT_ON = "went_on"  # both had gone: the customer went on to somebody else, or to a promise


class CallRoom(Base):
    """The conference in which a call goes on once two telephones that are put through don't suffice."""

    __tablename__ = "call_rooms"
    __table_args__ = (partial_index("ix_call_rooms_look_at", "look_at", where="look_at IS NOT NULL"),)

    call_sid: Mapped[str] = mapped_column(ForeignKey(Call.sid, ondelete="CASCADE"), primary_key=True)
    # As the carrier knows it: says nothing of anybody.
    name: Mapped[str] = mapped_column(String(40), unique=True)
    conference_sid: Mapped[str | None] = mapped_column(String(64))
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # The room's keeper looks then whether it is as it should be (app/jobs/rooms.py); None: it is closed.
    look_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Grows with each change of what is wanted, so that a keeper sees that it worked on something older.
    version: Mapped[int] = mapped_column(Integer, default=1, server_default="1")


class CallLeg(Base):
    """One side of a call in a room: who, and how it should be there. The room's keeper makes it so.

    The customer's number is 0. An agent's is that of the call's step that reserved them, so the call's sid
    and the leg's number fence their presence, as of any ring.
    """

    __tablename__ = "call_legs"
    __table_args__ = (Index("ix_call_legs_agent", "agent"),)

    call_sid: Mapped[str] = mapped_column(ForeignKey(Call.sid, ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    role: Mapped[LegRole] = mapped_column(String(12))
    agent: Mapped[str | None] = mapped_column(String(121))  # None: the customer
    sid: Mapped[str | None] = mapped_column(String(64))  # the carrier's, of this side's call
    # It dialled the others, or was dialled by them, before there was a room: see app/voice/rooms.py.
    is_parent: Mapped[bool] = mapped_column(default=False)
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
    asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the carrier, to bring it in
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    joined_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    left_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # As it should be; what the carrier says is compared with it.
    on_hold: Mapped[bool] = mapped_column(default=False)
    # On hold the carrier asked then what they hear: until that they may hear everybody yet.
    held_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    muted: Mapped[bool] = mapped_column(default=False)
    coaches: Mapped[int | None] = mapped_column(Integer)  # the number of the leg that alone hears this one
    closes_room: Mapped[bool] = mapped_column(default=False)  # the room ends when this one leaves
    goes: Mapped[bool] = mapped_column(default=False)  # is to be there no more
    # What was told of this leg last; news that is older changes nothing.
    sequence: Mapped[int] = mapped_column(Integer, default=-1, server_default="-1")

    @property
    def label(self) -> str:
        """Return its name in the room."""
        return f"leg{self.number}"

    @property
    def is_there(self) -> bool:
        """Tell whether somebody is in the room on this side."""
        return self.joined_at is not None and self.left_at is None

    @property
    def hears_nobody(self) -> bool:
        """Tell whether the carrier has put them on hold, as it should be; a wish for that isn't enough."""
        return self.on_hold and self.held_at is not None

    def hold(self, *, on: bool) -> None:
        """Let them wait from now on, or hear and be heard again."""
        self.on_hold, self.held_at = on, self.held_at if on and self.on_hold else None

    @property
    def state(self) -> LegState:
        if self.left_at is not None:
            return LegState.LEFT
        if self.joined_at is None:
            return LegState.RINGING if self.answered_at is None else LegState.JOINING
        if self.on_hold:
            return LegState.HELD
        if self.role == LegRole.SUPERVISOR and self.coaches is not None:
            return LegState.WHISPERING
        if self.muted:
            return LegState.LISTENING if self.role == LegRole.SUPERVISOR else LegState.MUTED
        return LegState.TALKING


class HandOver(Base):
    """One hand-over of a conversation, from its first press to its one outcome."""

    __tablename__ = "hand_overs"
    __table_args__ = (
        # A conversation is handed over to one colleague at a time.
        partial_index("uq_hand_overs_going_on", "call_sid", where="ended_at IS NULL", unique=True),
        Index("ix_hand_overs_call_sid", "call_sid"),
        Index("ix_hand_overs_to_agent_started_at", "to_agent", "started_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    call_sid: Mapped[str] = mapped_column(ForeignKey(Call.sid, ondelete="CASCADE"))
    kind: Mapped[HandOverKind] = mapped_column(String(8))
    why: Mapped[str] = mapped_column(Text, default="", server_default="")  # for the colleague's screen alone
    from_agent: Mapped[str] = mapped_column(String(121))
    to_agent: Mapped[str] = mapped_column(String(121))
    to_team: Mapped[str | None] = mapped_column(String(120))  # when a team was asked for
    from_leg: Mapped[int] = mapped_column(Integer)
    to_leg: Mapped[int] = mapped_column(Integer)
    phase: Mapped[HandOverPhase] = mapped_column(String(12))
    phase_since: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[HandOverOutcome | None] = mapped_column(String(20))
    keeps_owner: Mapped[bool] = mapped_column(default=False)  # the case stays the first agent's
    not_taken: Mapped[str] = mapped_column(String(20), default="", server_default="")  # see StepOutcome
    promise: Mapped[int | None] = mapped_column(Integer)
