"""Which calls are tried before rules are published?"""

from datetime import datetime
from typing import Any

from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json, UtcDateTime


class TestCall(Base):
    """A call that somebody saved, and what must come of it."""

    __test__ = False  # no test, however it is called
    __tablename__ = "rule_tests"

    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    position: Mapped[int] = mapped_column(Integer)
    call: Mapped[dict[str, Any]] = mapped_column(Json)  # see routing/asked_call.py
    expect: Mapped[dict[str, Any]] = mapped_column(Json)  # see routing/trials.py
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_by: Mapped[str] = mapped_column(String(254))
