"""Who is signed in, and who came in or tried to? Sessions live here; what happened at the door is kept."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, UtcDateTime, Word, partial_index
from app.records.agents import User


class UserSession(Base):
    """One browser in which somebody is signed in; without its row the cookie is worth nothing."""

    __tablename__ = "user_sessions"
    __table_args__ = (
        Index("ix_user_sessions_email", "email"),
        Index("ix_user_sessions_seen_at", "seen_at"),
        partial_index("ix_user_sessions_provider_sid", "provider_sid", where="provider_sid IS NOT NULL"),
    )

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256 of what the cookie holds
    email: Mapped[str] = mapped_column(ForeignKey(User.email, ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)  # of users.session_number as it began: another ends it
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)  # a minute old at most while it is used
    browser: Mapped[str] = mapped_column(String(80))  # “Firefox, Windows”: to tell one's own apart
    # With what, see Proven; empty: by a process of the release before, which asked for a password.
    proven_by: Mapped[str] = mapped_column(String(12), default="", server_default="")
    proven_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # last; None: as it was started
    # By what it was opened: `password`, or `oidc`, at the organisation's own provider.
    how: Mapped[str] = mapped_column(String(10), default="password", server_default="password")
    # How the provider names this session and whose it is: it may end it.
    provider_sid: Mapped[str | None] = mapped_column(String(255))
    provider_sub: Mapped[str | None] = mapped_column(String(255))
    # What it gave: shown to it again at signing out. Opens nothing.
    id_token: Mapped[str | None] = mapped_column(Text, deferred=True)


class Proven(StrEnum):
    """With what somebody showed who they are."""

    PASSWORD = "password"
    FACTOR = "factor"  # a password and a second factor, or a passkey, which is two


class AccessKind(StrEnum):
    """What happened at the door."""

    SIGNED_IN = "signed_in"
    REFUSED = "refused"
    SLOWED_DOWN = "slowed_down"
    SIGNED_OUT = "signed_out"
    SESSION_ENDED = "session_ended"
    SIGNED_OUT_EVERYWHERE = "signed_out_everywhere"
    ACCESS_CHANGED = "access_changed"
    PASSWORD_CHANGED = "password_changed"
    FACTOR_REFUSED = "factor_refused"
    AUTHENTICATOR_ADDED = "authenticator_added"
    AUTHENTICATOR_REMOVED = "authenticator_removed"
    PASSKEY_ADDED = "passkey_added"
    PASSKEY_RENAMED = "passkey_renamed"
    PASSKEY_REMOVED = "passkey_removed"
    RECOVERY_CODES_MADE = "recovery_codes_made"
    RECOVERY_CODE_USED = "recovery_code_used"
    FACTORS_RESET = "factors_reset"
    LINK_ASKED = "link_asked"
    LINK_MADE = "link_made"
    LEFT = "left"
    IDENTITY_LINKED = "identity_linked"
    TOKEN_CREATED = "token_created"
    TOKEN_REVOKED = "token_revoked"


class AccessEvent(Base):
    """What happened at the door, for whom it concerns and for who looks into it later."""

    __tablename__ = "access_events"
    __table_args__ = (
        Index("ix_access_events_email_at", "email", "at"),
        Index("ix_access_events_at", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[AccessKind] = mapped_column(Word(24))
    email: Mapped[str | None] = mapped_column(String(254))  # of an account that there is; None: of none
    about: Mapped[str] = mapped_column(String(120), default="")  # a role, the name of a token
    browser: Mapped[str] = mapped_column(String(80), default="")
    network: Mapped[str] = mapped_column(String(45), default="")  # coarse: 203.0.113.0, 2001:db8::
