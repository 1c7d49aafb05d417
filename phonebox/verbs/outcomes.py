"""For whom does a document run, and how can it end?"""

from enum import StrEnum

from phonebox.network.calls import CallStatus


class Purpose(StrEnum):
    """For whom a document runs: a call, one called party before the bridge, or somebody who waits."""

    CALL = "call"
    WHISPER = "whisper"
    WAITING = "waiting"


class HungUp(Exception):
    """The document hung up; `unanswered` is the status of a call that nobody had picked up."""

    def __init__(self, unanswered: CallStatus = CallStatus.NO_ANSWER) -> None:
        super().__init__("hung up")
        self.unanswered = unanswered


class Left(Exception):
    """The document left the queue."""


class DocumentFailed(Exception):
    """TwiML could not be had or executed, and no fallback helped."""
