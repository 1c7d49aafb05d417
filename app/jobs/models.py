"""Which workers are alive? Each writes down that it was seen, for whoever asks whether all is well."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, UtcDateTime


class WorkerSeen(Base):
    __tablename__ = "workers_seen"

    name: Mapped[str] = mapped_column(String(120), primary_key=True)  # host and process
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
