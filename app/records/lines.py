"""Which numbers of ours do people call, and when is somebody there?"""

from sqlalchemy import String, Text, false, true
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class Line(Base):
    """A number of ours that people dial."""

    __tablename__ = "lines"

    number: Mapped[str] = mapped_column(String(32), primary_key=True)  # E.164
    name: Mapped[str] = mapped_column(String(200))
    language: Mapped[str] = mapped_column(String(2))
    country: Mapped[str] = mapped_column(String(2))  # for national forms, and whose public holidays
    team: Mapped[str] = mapped_column(String(120))
    timezone: Mapped[str] = mapped_column(String(64))
    hours: Mapped[str] = mapped_column(Text, default="")  # as in the CSV; empty = always
    dates: Mapped[str] = mapped_column(Text, default="", server_default="")  # of their own: lines/dates.py
    greeting: Mapped[str] = mapped_column(Text, default="")  # spoken before the ring; the default is none
    records_messages: Mapped[bool] = mapped_column(default=False)
    # Whom nobody knows is asked once what it is about; else they ring through.
    asks: Mapped[bool] = mapped_column(default=True, server_default=true())
    question: Mapped[str] = mapped_column(Text, default="", server_default="")  # empty: the house's words
    # A link to the screen beside the call goes to known callers by itself, as soon as they talk.
    sends_screen: Mapped[bool] = mapped_column(default=False, server_default=false())
