"""How often did what ever happen? Counted as it is written, so that no deletion takes it back.

Triggers at `calls` and `promises` add a line in the transaction that ends or corrects something, whoever
writes it: nobody waits for a row that another changes, and what is rolled back was never counted. A worker
makes a few lines of many (app/jobs/tallying.py); how often it was is the sum of all that stand there.
"""

from enum import StrEnum

from sqlalchemy import Float, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Word


class Figure(StrEnum):
    """What is counted; none of them ever falls. The label says of which."""

    CALL_ENDED = "call_ended"  # an Outcome
    CALL_CORRECTED = "call_corrected"  # the outcome that it had until it got another
    PROMISE_FINISHED = "promise_finished"  # a PromiseState
    PROMISE_TAKEN_BACK = "promise_taken_back"  # the state that it had until it was owed again
    PROMISE_BROKEN = "promise_broken"  # the first time that its time passed; no label
    PROMISE_KEPT = "promise_kept"  # so many seconds late at most, one of LATENESS, or LATER


# Up to so many seconds late; on time is 0. Triggers sort by these: others are a migration.
LATENESS = (0, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)
LATER = "later"


class Tally(Base):
    __tablename__ = "tallies"

    id: Mapped[int] = mapped_column(primary_key=True)
    figure: Mapped[Figure] = mapped_column(Word(20))
    label: Mapped[str] = mapped_column(String(20))
    times: Mapped[int] = mapped_column(Integer)
    # Of PROMISE_KEPT: by how much all of them together were late.
    seconds: Mapped[float] = mapped_column(Float, default=0.0, server_default="0")
