"""What does a hand-over do next? Pure: its phase, who is there, and what happened, to what follows.

The first agent hands a conversation over to the second, their colleague. Whatever happens to either of them,
to the customer or at the carrier, comes here as an event; each pair of phase and event has its entry. While
no human speaks with the customer they are on hold, where they hear sentences; so nothing here may let them
off hold unless somebody is there who speaks with them.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from app.records.legs import HandOverKind, HandOverOutcome, HandOverPhase


class Event(StrEnum):
    """What may happen to a hand-over."""

    SECOND_IS_THERE = "second_is_there"  # the colleague took it, and is in the room
    NOT_TAKEN = "not_taken"  # declined, not answered, failed, a voicemail
    FIRST_LEFT = "first_left"
    SECOND_LEFT = "second_left"
    CUSTOMER_LEFT = "customer_left"
    NO_ROOM = "no_room"  # the carrier never brought the two into a room; they talk as before
    JOIN = "join"  # the first agent wants all three to speak
    COMPLETE = "complete"  # the first agent leaves
    CANCEL = "cancel"  # the first agent wants the customer back


PRESSES = frozenset({Event.JOIN, Event.COMPLETE, Event.CANCEL})


class Action(StrEnum):
    """What is done about it, in this order."""

    PROMISE = "promise"  # the customer was waiting: they are owed a call
    SECOND_GOES = "second_goes"
    TO_SECOND = "to_second"  # the conversation is the colleague's
    TO_FIRST = "to_first"  # it is the first agent's, as before
    HEAR_CUSTOMER = "hear_customer"  # off hold
    FIRST_GOES = "first_goes"
    GO_ON = "go_on"  # none of ours is left: to somebody else, or to a promise


@dataclass(frozen=True)
class State:
    """How a hand-over stands. That the second is there, its phase says."""

    kind: HandOverKind
    phase: HandOverPhase = HandOverPhase.RINGING
    first_is_there: bool = True
    outcome: HandOverOutcome | None = None


@dataclass(frozen=True)
class Next:
    """What follows; `refused`: a press that can't be now, as a code of the catalogue."""

    state: State
    actions: tuple[Action, ...] = ()
    refused: str = ""


def happens(state: State, event: Event) -> Next:
    """Return what follows from an event; what comes late or twice changes nothing."""
    match state.phase:
        case HandOverPhase.OVER:
            return Next(state, refused="hand_over_none" if event in PRESSES else "")
        case HandOverPhase.RINGING:
            return _while_ringing(state, event)
        case HandOverPhase.CONSULTING:
            return _while_consulting(state, event)
        case HandOverPhase.JOINED:
            return _while_joined(state, event)


def _over(state: State, outcome: HandOverOutcome, *actions: Action) -> Next:
    return Next(replace(state, phase=HandOverPhase.OVER, outcome=outcome), actions)


def _back(state: State, *before: Action) -> Next:
    """The first agent has the customer again."""
    return _over(state, HandOverOutcome.RETURNED, *before, Action.TO_FIRST, Action.HEAR_CUSTOMER)


def _handed_over(state: State, *after: Action) -> Next:
    """The colleague has the customer."""
    return _over(state, HandOverOutcome.HANDED_OVER, Action.TO_SECOND, Action.HEAR_CUSTOMER, *after)


def _while_ringing(state: State, event: Event) -> Next:
    match event:
        case Event.SECOND_IS_THERE if not state.first_is_there:
            return _handed_over(state)
        case Event.SECOND_IS_THERE if state.kind == HandOverKind.COLD:
            return _handed_over(state, Action.FIRST_GOES)
        case Event.SECOND_IS_THERE:
            return Next(replace(state, phase=HandOverPhase.CONSULTING))
        case Event.NOT_TAKEN | Event.SECOND_LEFT if not state.first_is_there:
            return _over(state, HandOverOutcome.WENT_ON, Action.GO_ON)
        case Event.NOT_TAKEN | Event.SECOND_LEFT:
            return _back(state)
        case Event.FIRST_LEFT:
            # The colleague's telephone rings on: whoever comes has the customer.
            return Next(replace(state, first_is_there=False))
        case Event.CUSTOMER_LEFT:
            return _over(state, HandOverOutcome.CUSTOMER_LEFT, Action.PROMISE, Action.SECOND_GOES)
        case Event.NO_ROOM:
            return _back(state, Action.SECOND_GOES)
        case Event.CANCEL if state.first_is_there:
            return _back(state, Action.SECOND_GOES)
        case Event.CANCEL:
            return Next(state, refused="hand_over_you_left")
        case Event.JOIN | Event.COMPLETE:
            return Next(state, refused="hand_over_not_taken_yet")


def _while_consulting(state: State, event: Event) -> Next:
    match event:
        case Event.JOIN:
            joined = replace(state, phase=HandOverPhase.JOINED)
            return Next(joined, (Action.HEAR_CUSTOMER,))
        case Event.COMPLETE:
            return _handed_over(state, Action.FIRST_GOES)
        case Event.CANCEL:
            return _back(state, Action.SECOND_GOES)
        case Event.FIRST_LEFT:
            return _handed_over(state)
        case Event.SECOND_LEFT:
            return _back(state)
        case Event.CUSTOMER_LEFT:
            return _over(state, HandOverOutcome.CUSTOMER_LEFT, Action.PROMISE)
        case Event.SECOND_IS_THERE | Event.NOT_TAKEN | Event.NO_ROOM:
            return Next(state)


def _while_joined(state: State, event: Event) -> Next:
    match event:
        case Event.COMPLETE:
            return _handed_over(state, Action.FIRST_GOES)
        case Event.CANCEL:
            return _back(state, Action.SECOND_GOES)
        case Event.FIRST_LEFT:
            return _handed_over(state)
        case Event.SECOND_LEFT:
            return _back(state)
        case Event.CUSTOMER_LEFT:
            # They spoke with both, and put their telephone down as after any conversation.
            return _over(state, HandOverOutcome.CUSTOMER_LEFT)
        case Event.JOIN | Event.SECOND_IS_THERE | Event.NOT_TAKEN | Event.NO_ROOM:
            return Next(state)
