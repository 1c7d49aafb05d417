"""Who does the organisation's own directory say there is? Identities of people who sign in elsewhere, and
what is kept of the people and groups that it told us of."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json, UtcDateTime
from app.records.agents import Agent, User


class Identity(Base):
    """By which name of which provider an account is known: both never change, where an e-mail address may."""

    __tablename__ = "user_identities"
    __table_args__ = (Index("ix_user_identities_email", "email"),)

    issuer: Mapped[str] = mapped_column(String(500), primary_key=True)
    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    email: Mapped[str] = mapped_column(ForeignKey(User.email, ondelete="CASCADE"))
    linked_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Person(Base):
    """Somebody of whom the directory told us, also once they have left."""

    __tablename__ = "directory_people"
    __table_args__ = (
        Index("uq_directory_people_name_key", "name_key", unique=True),
        Index("ix_directory_people_external_id", "external_id"),
        Index("ix_directory_people_email", "email"),
        Index("ix_directory_people_agent", "agent"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)  # ours; the directory keeps it
    name_key: Mapped[str] = mapped_column(String(254))  # the userName, lower case
    external_id: Mapped[str | None] = mapped_column(String(255))  # the directory's own
    email: Mapped[str | None] = mapped_column(ForeignKey(User.email, ondelete="SET NULL"))
    agent: Mapped[str | None] = mapped_column(ForeignKey(Agent.key, ondelete="SET NULL"))
    is_active: Mapped[bool] = mapped_column(default=True)
    role: Mapped[str | None] = mapped_column(String(12))  # that the directory gave last; None: it gives none
    told: Mapped[dict[str, Any]] = mapped_column(Json)  # what the directory said of them, in SCIM's words
    version: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Group(Base):
    """A group of the directory; what it gives its members is OIDC_ROLES' to say."""

    __tablename__ = "directory_groups"
    __table_args__ = (Index("ix_directory_groups_name", "name"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(254))
    external_id: Mapped[str | None] = mapped_column(String(255))
    version: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Member(Base):
    """Who is in which group."""

    __tablename__ = "directory_members"
    __table_args__ = (Index("ix_directory_members_person", "person"),)

    group: Mapped[str] = mapped_column(
        ForeignKey("directory_groups.id", ondelete="CASCADE"), primary_key=True
    )
    person: Mapped[str] = mapped_column(
        ForeignKey("directory_people.id", ondelete="CASCADE"), primary_key=True
    )
