"""Which rules were published, and on which is somebody working?"""

from datetime import datetime
from typing import Any

from sqlalchemy import Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json, UtcDateTime


class RuleVersion(Base):
    """A published set of rules: who, when, why."""

    __tablename__ = "rule_versions"

    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    rules: Mapped[dict[str, Any]] = mapped_column(Json)  # {"ladder": {..}, "rules": [..]}
    published_at: Mapped[datetime] = mapped_column(UtcDateTime)
    published_by: Mapped[str] = mapped_column(String(254))
    why: Mapped[str] = mapped_column(Text, default="")
    restores: Mapped[int | None] = mapped_column(Integer)  # the version whose rules it has again


class RuleDraft(Base):
    """What somebody saved on the way to a new version. Each is a row of its own: none is written over."""

    __tablename__ = "rule_drafts"

    revision: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    rules: Mapped[dict[str, Any]] = mapped_column(Json)
    based_on: Mapped[int] = mapped_column(Integer)  # the version that was in force
    saved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    saved_by: Mapped[str] = mapped_column(String(254))
    published_as: Mapped[int | None] = mapped_column(Integer)  # nobody works on it any more
