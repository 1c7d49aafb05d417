"""What do workers write down? That each was seen alive, and up to when all calls are accounted for."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, UtcDateTime


class WorkerSeen(Base):
    __tablename__ = "workers_seen"

    name: Mapped[str] = mapped_column(String(120), primary_key=True)  # host and process
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CarrierLook(Base):
    """Up to when our calls were compared with the carrier's list; one row, which whoever compares takes."""

    __tablename__ = "carrier_looks"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    # Every call that the carrier began before this moment is known here, with its outcome.
    complete_until: Mapped[datetime] = mapped_column(UtcDateTime)
    next_at: Mapped[datetime] = mapped_column(UtcDateTime)  # also how long whoever compares holds it
    added: Mapped[int] = mapped_column(default=0)  # calls that we knew nothing of, since ever
