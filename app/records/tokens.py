"""Which other systems may ask us? Bearer tokens, kept as hashes."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, UtcDateTime
from app.records.agents import Agent


class Scope(StrEnum):
    READ = "read"
    WRITE = "write"  # includes reading
    DESK = "desk"  # one agent's own desk: presence, heartbeat, events
    DIRECTORY = "directory"  # people and groups, by the organisation's own directory: app/scim


class Noun(StrEnum):
    """What an address of the API is about: a token may be for some of these alone."""

    AGENTS = "agents"
    ANSWERS = "answers"  # of the teams, for their desks
    AUDIT = "audit"  # who looked at whom
    CALLS = "calls"
    CASES = "cases"
    CAUSES = "causes"
    CHOICES = "choices"  # what can be put on the screen beside a call
    CONTACTS = "contacts"
    CUSTOMERS = "customers"
    ERASURE = "erasure"  # all of somebody: handed out, or forgotten, which nothing brings back
    EVENTS = "events"  # what a desk is told
    HOOKS = "hooks"
    LINES = "lines"
    NUMBERS = "numbers"  # that are nobody's own
    PRESENCE = "presence"
    PROMISES = "promises"
    RULES = "rules"
    TOPICS = "topics"


class ApiToken(Base):
    __tablename__ = "api_tokens"

    hash: Mapped[str] = mapped_column(
        String(64), primary_key=True
    )  # SHA-256; the token itself is random enough
    name: Mapped[str] = mapped_column(String(120), unique=True)
    scope: Mapped[str] = mapped_column(Text)  # as app/api/scopes.py writes it: write, read:calls,cases
    agent: Mapped[str | None] = mapped_column(ForeignKey(Agent.key, ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # None: works until it is revoked
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # last, to the hour
