"""With what does somebody prove who they are, besides a password? Apps, passkeys, recovery codes."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, exists, or_
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json, UtcDateTime
from app.records.agents import User


class Authenticator(Base):
    """Somebody's authenticator app; there is a row once a code of it was right."""

    __tablename__ = "authenticators"
    __table_args__ = (Index("ix_authenticators_seal", "seal"),)

    email: Mapped[str] = mapped_column(ForeignKey(User.email, ondelete="CASCADE"), primary_key=True)
    sealed: Mapped[str] = mapped_column(Text)  # the secret, see app/door/sealing.py
    seal: Mapped[str] = mapped_column(String(16))  # which key it is sealed with
    last_step: Mapped[int] = mapped_column(BigInteger)  # no code of this half minute, or before, counts again
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Passkey(Base):
    """A key pair of which somebody's device or key ring keeps the private half."""

    __tablename__ = "passkeys"
    __table_args__ = (
        Index("ix_passkeys_email", "email"),
        Index("ix_passkeys_credential", "credential", unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(ForeignKey(User.email, ondelete="CASCADE"))
    handle: Mapped[str] = mapped_column(
        String(88)
    )  # by which the device knows them; the same for all of theirs
    # What the device calls it, in base64url: up to 1023 bytes.
    credential: Mapped[str] = mapped_column(String(1364))
    public_key: Mapped[str] = mapped_column(Text)  # COSE, in base64url
    uses: Mapped[int] = mapped_column(BigInteger)  # as the device counts them; many count none
    transports: Mapped[list[Any]] = mapped_column(Json)
    name: Mapped[str] = mapped_column(String(80))
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class RecoveryCode(Base):
    """A code for when all else is lost; its row goes when it is used."""

    __tablename__ = "recovery_codes"
    __table_args__ = (Index("ix_recovery_codes_email", "email"),)

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256: the code holds 120 random bits
    email: Mapped[str] = mapped_column(ForeignKey(User.email, ondelete="CASCADE"))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SpentChallenge(Base):
    """A challenge that a passkey has answered, kept until it would have run out: no answer counts twice."""

    __tablename__ = "spent_challenges"
    __table_args__ = (Index("ix_spent_challenges_at", "at"),)

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


def has_factor(email: Any) -> Any:
    """Return whether this person has a second factor, for a statement to ask."""
    return or_(exists().where(Authenticator.email == email), exists().where(Passkey.email == email))
