"""Who changed what, and who looked at whom? A log that is only ever added to, and what it is sealed with."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json, UtcDateTime, Word
from app.records.callers import Case, Customer


class Via(StrEnum):
    """By which way somebody did it."""

    PAGE = "page"
    API = "api"
    COMMAND = "command"  # on the machine itself
    CALL = "call"  # a telephone rang at their desk


class AuditPending(Base):
    """What was written down with what it tells of, and has yet to be sealed: a matter of a second or two.

    The one place where a subject stands by its own key; see app/audit/sealing.py.
    """

    __tablename__ = "audit_pending"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    what: Mapped[str] = mapped_column(String(40))
    who: Mapped[str] = mapped_column(String(254))
    via: Mapped[Via] = mapped_column(Word(10))
    subjects: Mapped[list[list[str]]] = mapped_column(Json)  # [[kind, key]]
    details: Mapped[dict[str, Any]] = mapped_column(Json)


class AuditEntry(Base):
    """One line of the log. Nobody changes it: the tables' own triggers refuse, and so do the grants."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_at", "at"),
        Index("ix_audit_entries_who", "who", "number"),
        Index("ix_audit_entries_what", "what", "number"),
        Index("ix_audit_entries_subject", "subject", "number"),
        Index("ix_audit_entries_sort", "sort", "number"),
        Index("ix_audit_entries_forgets_until", "forgets_until"),
    )

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)  # without gaps
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    sort: Mapped[str] = mapped_column(String(8))  # change, look_up
    what: Mapped[str] = mapped_column(String(40))  # a code of the catalogue
    who: Mapped[str] = mapped_column(String(254))  # an account, api:a token's name, an agent's key
    via: Mapped[Via] = mapped_column(Word(10))
    why: Mapped[str] = mapped_column(String(30))  # which of our processing activities it belongs to
    subject_kind: Mapped[str] = mapped_column(String(12))
    # Of a customer, a case and a number a keyed hash; of what is no person, its key.
    subject: Mapped[str] = mapped_column(String(254))
    details: Mapped[str] = mapped_column(Text)  # JSON, as it was hashed; names nobody but ours
    # In a line that says that older ones were forgotten: the last of those.
    forgets_until: Mapped[int | None] = mapped_column(BigInteger)
    key_id: Mapped[int] = mapped_column(Integer)
    previous: Mapped[str] = mapped_column(String(64))  # the hash of the line before
    hash: Mapped[str] = mapped_column(String(64))  # HMAC-SHA256 over all of the above


class AuditSubject(Base):
    """Whose hash it is, for as long as they are a customer of ours: who is forgotten goes from here."""

    __tablename__ = "audit_subjects"
    __table_args__ = (
        Index("ix_audit_subjects_customer", "customer"),
        Index("ix_audit_subjects_case", "case"),
    )

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    customer: Mapped[str | None] = mapped_column(ForeignKey(Customer.key, ondelete="CASCADE"))
    case: Mapped[str | None] = mapped_column(ForeignKey(Case.key, ondelete="CASCADE"))


class AuditKey(Base):
    """What the log is hashed with, locked with SECRET_KEY; see app/audit/keys.py."""

    __tablename__ = "audit_keys"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    salt: Mapped[str] = mapped_column(String(64))
    locked: Mapped[str] = mapped_column(String(64))
    tag: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AuditHead(Base):
    """Where the log stands: one row, which whoever seals takes. By it the last lines would be missed."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)  # 1
    number: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(String(64))
    key_id: Mapped[int] = mapped_column(Integer)
    mac: Mapped[str] = mapped_column(String(64))
