"""Which words may stand in the columns of the files?"""

from enum import StrEnum


class Team(StrEnum):
    """The three teams of the service desk."""

    BURGERZAKEN = "Burgerzaken"
    VERGUNNINGEN = "Vergunningen"
    WERK_EN_INKOMEN = "Werk en Inkomen"


class Channel(StrEnum):
    """How a contact came about; `call` and `visit` are the two that take an agent's full attention."""

    CALL = "call"
    MESSAGE = "message"
    EMAIL = "email"
    VISIT = "visit"


class Direction(StrEnum):
    """Who took the first step: the customer (`inbound`) or the municipality (`outbound`)."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class Outcome(StrEnum):
    """What the agent chose when the contact was wrapped up, by the codes of the desk."""

    SOLVED = "solved"
    PROMISE_MADE = "promise_made"
    HANDED_OVER = "handed_over"
    WAITING = "waiting"


class Status(StrEnum):
    """Where a case stands."""

    OPEN = "open"
    WAITING = "waiting"
    SOLVED = "solved"


class Priority(StrEnum):
    """How much hurry there is."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


STATUS_AFTER = {
    Outcome.SOLVED: Status.SOLVED,
    Outcome.PROMISE_MADE: Status.OPEN,
    Outcome.HANDED_OVER: Status.OPEN,
    Outcome.WAITING: Status.WAITING,
}
