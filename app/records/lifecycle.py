"""Which state of a call may follow which? One table; late news is noted by whoever brings it, not applied."""

from dataclasses import dataclass

from app.errors import InvalidTransition
from app.records.calls import Call, CallState, Outcome, StepOutcome

_S = CallState
FOLLOWS: dict[CallState, frozenset[CallState]] = {
    _S.RINGING: frozenset({_S.RINGING, _S.WAITING, _S.TALKING, _S.PROMISING, _S.ENDED}),
    _S.WAITING: frozenset({_S.RINGING, _S.WAITING, _S.PROMISING, _S.ENDED}),
    _S.TALKING: frozenset({_S.ENDED}),
    # Back to the ring that was left: the carrier says that it had been answered.
    _S.PROMISING: frozenset({_S.RINGING, _S.PROMISING, _S.ENDED}),
    _S.ENDED: frozenset(),
}

# https://www.twilio.com/docs/voice/api/call-resource#call-status-values
CARRIER_SAYS_ENDED = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
CARRIER_SAYS_LIVE = frozenset({"queued", "initiated", "ringing", "in-progress"})


@dataclass(frozen=True)
class DialEnded:
    """What the carrier says when a ring, or the conversation that came of it, is over."""

    status: str  # DialCallStatus, the carrier's word
    call_status: str  # the caller's own leg
    bridged: bool | None  # DialBridged; None when the carrier didn't say
    seconds: int | None  # DialCallDuration


def move(call: Call, state: CallState) -> None:
    """Raises InvalidTransition when what is known of the call already rules it out."""
    if state not in FOLLOWS[CallState(call.state)]:
        raise InvalidTransition(f"a call that is {call.state} can't become {state}")
    call.state = state


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


def outcome(call: Call, *, promised: bool, waited_or_told: bool) -> Outcome:
    """Tell how an ended call ended; exactly one for each."""
    if call.bridged_at is not None:
        return Outcome.TALKED
    if promised:
        return Outcome.PROMISED if waited_or_told else Outcome.MISSED_PROMISED
    return Outcome.NOT_CALLABLE
