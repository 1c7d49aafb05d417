"""Which state of a call may follow which? One table; late news is noted by whoever brings it, not applied."""

from app.errors import InvalidTransition
from app.records.calls import AnyCall, Call, CallState, Outcome

_S = CallState

FOLLOWS: dict[CallState, frozenset[CallState]] = {
    _S.RINGING: frozenset({_S.RINGING, _S.WAITING, _S.TALKING, _S.PROMISING, _S.ENDED}),
    _S.WAITING: frozenset({_S.RINGING, _S.WAITING, _S.PROMISING, _S.ENDED}),
    # On to somebody else: the carrier says that the two who were to talk were never put together, or all of
    # ours have gone from a conversation that was being handed over. Those who are in it: records/legs.py.
    _S.TALKING: frozenset({_S.RINGING, _S.WAITING, _S.PROMISING, _S.ENDED}),
    # Back to the ring that was left: the carrier says that it had been answered.
    _S.PROMISING: frozenset({_S.RINGING, _S.PROMISING, _S.ENDED}),
    _S.ENDED: frozenset(),
}


def move(call: AnyCall, state: CallState) -> None:
    """Raises InvalidTransition when what is known of the call already rules it out."""
    if state not in FOLLOWS[CallState(call.state)]:
        raise InvalidTransition(f"a call that is {call.state} can't become {state}")
    call.state = state


def outcome(call: Call, *, promised: bool, waited_or_told: bool) -> Outcome:
    """Tell how an ended call ended; exactly one for each."""
    if call.bridged_at is not None:
        return Outcome.TALKED
    if promised:
        return Outcome.PROMISED if waited_or_told else Outcome.MISSED_PROMISED
    return Outcome.NOT_CALLABLE
