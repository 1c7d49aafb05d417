"""What do the carrier's words for a call mean? One table in, nothing else of it beyond this room."""

from dataclasses import dataclass
from datetime import timedelta

from app.records.calls import StepOutcome

# https://www.twilio.com/docs/voice/api/call-resource#call-status-values
CARRIER_SAYS_ENDED = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
CARRIER_SAYS_LIVE = frozenset({"queued", "initiated", "ringing", "in-progress"})


# A telephone that was not heard to ring within this time can't have been missed by anybody.
AT_ONCE = timedelta(seconds=4)


@dataclass(frozen=True)
class DialEnded:
    """What the carrier says when a ring, or the conversation that came of it, is over."""

    status: str  # DialCallStatus, the carrier's word
    call_status: str  # the caller's own leg
    bridged: bool | None  # DialBridged; None when the carrier didn't say
    seconds: int | None  # DialCallDuration

    @property
    def is_moved(self) -> bool:
        """Tell whether who was dialled was sent elsewhere in the middle of a conversation: into a room.

        The carrier tells no duration then. https://www.twilio.com/docs/voice/twiml/dial#action
        """
        over = self.status in ("completed", "answered") and self.call_status not in CARRIER_SAYS_ENDED
        return over and self.bridged is True and self.seconds is None


# What is asked once more about a conversation that is on its way into a room.
MOVED = DialEnded("completed", "in-progress", bridged=True, seconds=None)


def dial_outcome(status: str, *, bridged: bool, at_once: bool) -> StepOutcome:
    """Read the carrier's DialCallStatus; an unknown word is never a conversation, and nobody's fault.

    `bridged`: two people were put through. `at_once`: it was over before a telephone can have rung; the
    carrier says `no-answer` also of a client that isn't there.
    https://www.twilio.com/docs/voice/twiml/dial#dialcallstatus-values
    """
    match status:
        case "completed" | "answered":
            # A voicemail that never accepted ends the same way for the carrier.
            return StepOutcome.ANSWERED if bridged else StepOutcome.NO_ANSWER
        case "busy":
            return StepOutcome.DECLINED
        case "no-answer":
            return StepOutcome.FAILED if at_once else StepOutcome.NO_ANSWER
        case "canceled":
            return StepOutcome.CALLER_HUNG_UP
        case "failed":
            return StepOutcome.FAILED
        case _:
            # A telephone that was heard, or had the time, to ring is neither broken nor was it ignored.
            return StepOutcome.FAILED if at_once else StepOutcome.ABANDONED
