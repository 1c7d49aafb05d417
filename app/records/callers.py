"""Who calls us, and about what? Customers, their numbers, their cases, and the contacts on them."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, Index, Integer, String, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base, Json, UtcDateTime, Word, partial_index

# Keys are the organisation's own: those of its CRM, or of its spreadsheet.
Key = String(121)


class CaseStatus(StrEnum):
    OPEN = "open"
    WAITING = "waiting"  # for somebody or something; still open to the caller
    SOLVED = "solved"


class Channel(StrEnum):
    CALL = "call"
    MESSAGE = "message"
    EMAIL = "email"
    VISIT = "visit"


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"


def digits_of(key: str) -> str:
    """Return the digits of a case's key: what people say of it, whatever stands between them."""
    return "".join(one for one in key if one.isdecimal() and one.isascii())[:40]


def _digits_of_new(context: Any) -> str:
    return digits_of(context.get_current_parameters()["key"])


class Customer(Base):
    __tablename__ = "customers"
    # Who lives in an area, for whoever says a name and a postcode.
    __table_args__ = (Index("ix_customers_area", text("substr(postcode, 1, 4)")),)

    key: Mapped[str] = mapped_column(Key, primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    language: Mapped[str] = mapped_column(String(2))
    postcode: Mapped[str] = mapped_column(String(16), default="")
    tags: Mapped[list[str]] = mapped_column(Json, default=list)

    numbers: Mapped[list["CustomerNumber"]] = relationship(
        cascade="all, delete-orphan", order_by="CustomerNumber.position", passive_deletes=True
    )


class CustomerNumber(Base):
    """One number may belong to several customers, and one customer may have several."""

    __tablename__ = "customer_numbers"
    __table_args__ = (Index("ix_customer_numbers_customer", "customer"),)

    e164: Mapped[str] = mapped_column(String(32), primary_key=True)
    customer: Mapped[str] = mapped_column(ForeignKey("customers.key", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, default=0)


class NobodysNumber(Base):
    """A number that is nobody's own: a switchboard, or a system that forwards calls with its own number."""

    __tablename__ = "nobodys_numbers"

    e164: Mapped[str] = mapped_column(String(32), primary_key=True)
    note: Mapped[str] = mapped_column(String(200), default="")  # whose switchboard it is, say
    marked_at: Mapped[datetime] = mapped_column(UtcDateTime)


# See owner_of.
_OWNER = "coalesce(nullif(named_owner, avoided_agent), nullif(last_contact_agent, avoided_agent))"


class Case(Base):
    """An open or closed matter of one customer, in one team."""

    __tablename__ = "cases"
    __table_args__ = (
        Index("ix_cases_customer", "customer"),
        Index("ix_cases_digits", "digits"),
        # The only question on a call's path; an index that holds nothing but what it needs stays small.
        partial_index("ix_cases_customer_open", "customer", where="status <> 'solved'"),
        Index("ix_cases_team_key", "team", "key"),
        Index("ix_cases_status_key", "status", "key"),
        partial_index("ix_cases_open_owner", text(_OWNER), where="status <> 'solved'"),
        # Whose matter was spoken of last is remembered for an outage, of however many.
        partial_index("ix_cases_open_last_contact_at", "last_contact_at", where="status <> 'solved'"),
    )

    key: Mapped[str] = mapped_column(Key, primary_key=True)
    # None: written by an older version of the program.
    digits: Mapped[str | None] = mapped_column(String(40), default=_digits_of_new)
    customer: Mapped[str] = mapped_column(ForeignKey("customers.key", ondelete="CASCADE"))
    subject: Mapped[str] = mapped_column(String(300))
    team: Mapped[str] = mapped_column(String(120))
    status: Mapped[CaseStatus] = mapped_column(Word(10), default=CaseStatus.OPEN)
    priority: Mapped[str] = mapped_column(String(20), default="normal")
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    url: Mapped[str] = mapped_column(Text, default="")
    named_owner: Mapped[str | None] = mapped_column(String(121))  # an admin, a CRM or a hand-over named them
    # Kept by history.record() in the transaction that writes the contact, so that a call needn't look.
    last_contact_agent: Mapped[str | None] = mapped_column(String(121))
    last_contact_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # The caller asked for somebody else than this agent; that holds until an admin or a CRM names them anew.
    avoided_agent: Mapped[str | None] = mapped_column(String(121))

    @property
    def owner(self) -> str | None:
        """The agent who owns the matter now; None when nobody has handled it yet."""
        owners = (self.named_owner, self.last_contact_agent)
        return next((agent for agent in owners if agent and agent != self.avoided_agent), None)

    @property
    def is_open(self) -> bool:
        return self.status != CaseStatus.SOLVED


# As the indexes have it.
IS_OPEN: ColumnElement[bool] = Case.status != CaseStatus.SOLVED


def owner_of(cases: Any) -> ColumnElement[str | None]:
    """Return what `Case.owner` is, for a statement over `cases`: the model, or its table's columns."""
    return func.coalesce(
        func.nullif(cases.named_owner, cases.avoided_agent),
        func.nullif(cases.last_contact_agent, cases.avoided_agent),
    )


class Contact(Base):
    """One handled conversation on a case by an agent: the handling history."""

    __tablename__ = "contacts"
    __table_args__ = (
        Index("ix_contacts_case_started_at", "case", "started_at"),
        Index("ix_contacts_agent_started_at", "agent", "started_at"),
        Index("ix_contacts_agent_key", "agent", "key"),
    )

    key: Mapped[str] = mapped_column(Key, primary_key=True)
    case: Mapped[str] = mapped_column(ForeignKey("cases.key", ondelete="CASCADE"))
    agent: Mapped[str] = mapped_column(String(121))
    channel: Mapped[Channel] = mapped_column(Word(10))
    direction: Mapped[Direction] = mapped_column(Word(10))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seconds: Mapped[int] = mapped_column(Integer, default=0)
    outcome: Mapped[str] = mapped_column(String(120), default="")
    summary: Mapped[str] = mapped_column(Text, default="")
