"""What may happen to a hand-over? Everything, in any order: nobody is left alone, and it has one outcome."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import catalogue
from app.records.legs import HandOverKind, HandOverOutcome, HandOverPhase
from app.voice.hand_over import PRESSES, Action, Event, State, happens

P, Out, A = HandOverPhase, HandOverOutcome, Action
WARM, COLD = HandOverKind.WARM, HandOverKind.COLD


@dataclass
class Room:
    """What the actions come to, for the people: who is in the conversation, and what the customer hears."""

    first: bool = True
    second: bool = False
    second_rings: bool = True
    customer: bool = True
    on_hold: bool = True  # where they hear sentences
    promised: bool = False
    went_on: bool = False

    def happens(self, event: Event) -> None:
        """Change what the event itself says of the world."""
        match event:
            case Event.FIRST_LEFT:
                self.first = False
            case Event.SECOND_IS_THERE if self.second_rings:
                self.second, self.second_rings = True, False
            case Event.SECOND_LEFT | Event.NOT_TAKEN:
                self.second = self.second_rings = False
            case Event.CUSTOMER_LEFT:
                self.customer = False

    def do(self, action: Action) -> None:
        match action:
            case A.PROMISE:
                self.promised = True
            case A.SECOND_GOES:
                self.second = self.second_rings = False
            case A.FIRST_GOES:
                self.first = False
            case A.HEAR_CUSTOMER:
                self.on_hold = False
            case A.GO_ON:
                self.went_on = True
            case A.TO_FIRST:
                assert self.first, "the customer is given to somebody who isn't there"
            case A.TO_SECOND:
                assert self.second, "the customer is given to somebody who isn't there"

    @property
    def somebody_speaks(self) -> bool:
        return self.first or self.second


def possible(room: Room, event: Event) -> bool:
    """Tell whether the world can bring this about: nobody leaves who isn't there."""
    match event:
        case Event.FIRST_LEFT:
            return room.first
        case Event.SECOND_IS_THERE | Event.NOT_TAKEN:
            return room.second_rings
        case Event.SECOND_LEFT:
            return room.second
        case Event.CUSTOMER_LEFT:
            return room.customer
        case Event.NO_ROOM:
            return room.first and room.second_rings
        case _:
            return room.first


def played(kind: HandOverKind, events: Sequence[Event]) -> tuple[State, Room]:
    """Let things happen one by one, as far as they can, each of them told twice."""
    state, room = State(kind), Room()
    for event in events:
        if not possible(room, event) or (state.outcome is not None):
            continue
        room.happens(event)
        if event == Event.FIRST_LEFT:
            state = State(state.kind, state.phase, True, state.outcome)
        follows = happens(state, event)
        for action in follows.actions:
            room.do(action)
        state = follows.state
        assert (state.outcome is not None) == (state.phase == P.OVER)
        nobody_alone(state, room)
        again = happens(state, event)
        if event not in PRESSES:
            assert again.state.outcome == state.outcome or state.outcome is None
    return state, room


def nobody_alone(state: State, room: Room) -> None:
    if not room.customer:
        return
    if not room.on_hold:
        assert room.somebody_speaks or room.went_on, f"the customer is alone: {state} {room}"
        return
    # On hold they hear why: then somebody of ours is there, or is being rung.
    assert room.went_on or room.first or room.second or room.second_rings, f"for nobody: {state} {room}"


@pytest.mark.parametrize("kind", HandOverKind)
def test_whatever_happens_nobody_is_alone(kind: HandOverKind) -> None:
    for events in itertools.product(Event, repeat=5):
        played(kind, events)


@given(st.sampled_from(HandOverKind), st.lists(st.sampled_from(Event), max_size=12))
def test_it_has_one_outcome_and_it_is_true(kind: HandOverKind, events: list[Event]) -> None:
    state, room = played(kind, events)

    match state.outcome:
        case Out.HANDED_OVER:
            assert (room.second, room.on_hold) == (True, False)
        case Out.RETURNED:
            assert (room.first, room.on_hold) == (True, False)
        case Out.CUSTOMER_LEFT:
            assert not room.customer
        case Out.WENT_ON:
            assert (room.somebody_speaks, room.went_on) == (False, True)
        case None:
            assert (room.customer, room.second or room.second_rings) == (True, True)


@pytest.mark.parametrize("kind", HandOverKind)
@pytest.mark.parametrize("phase", HandOverPhase)
@pytest.mark.parametrize("first_is_there", [True, False])
@pytest.mark.parametrize("event", Event)
def test_every_phase_has_an_entry_for_all_that_may_happen(
    kind: HandOverKind, phase: HandOverPhase, first_is_there: bool, event: Event
) -> None:
    follows = happens(State(kind, phase, first_is_there), event)

    assert follows.state.phase in HandOverPhase
    if follows.refused:
        assert (event in PRESSES, follows.actions) == (True, ())
        assert all(catalogue.text(f"hand_over.{follows.refused}", one) for one in catalogue.LANGUAGES)
    assert len(set(follows.actions)) == len(follows.actions)


RINGING, CONSULTING, JOINED = State(WARM), State(WARM, P.CONSULTING), State(WARM, P.JOINED)
FIRST_GONE = State(WARM, P.RINGING, first_is_there=False)


@pytest.mark.parametrize(
    ("state", "event", "phase", "outcome", "actions"),
    [
        (RINGING, Event.SECOND_IS_THERE, P.CONSULTING, None, ()),
        (RINGING, Event.NOT_TAKEN, P.OVER, Out.RETURNED, (A.TO_FIRST, A.HEAR_CUSTOMER)),
        (RINGING, Event.CANCEL, P.OVER, Out.RETURNED, (A.SECOND_GOES, A.TO_FIRST, A.HEAR_CUSTOMER)),
        (RINGING, Event.FIRST_LEFT, P.RINGING, None, ()),
        (RINGING, Event.CUSTOMER_LEFT, P.OVER, Out.CUSTOMER_LEFT, (A.PROMISE, A.SECOND_GOES)),
        (FIRST_GONE, Event.SECOND_IS_THERE, P.OVER, Out.HANDED_OVER, (A.TO_SECOND, A.HEAR_CUSTOMER)),
        (FIRST_GONE, Event.NOT_TAKEN, P.OVER, Out.WENT_ON, (A.GO_ON,)),
        (
            State(COLD),
            Event.SECOND_IS_THERE,
            P.OVER,
            Out.HANDED_OVER,
            (A.TO_SECOND, A.HEAR_CUSTOMER, A.FIRST_GOES),
        ),
        (State(COLD), Event.NOT_TAKEN, P.OVER, Out.RETURNED, (A.TO_FIRST, A.HEAR_CUSTOMER)),
        (CONSULTING, Event.JOIN, P.JOINED, None, (A.HEAR_CUSTOMER,)),
        (
            CONSULTING,
            Event.COMPLETE,
            P.OVER,
            Out.HANDED_OVER,
            (A.TO_SECOND, A.HEAR_CUSTOMER, A.FIRST_GOES),
        ),
        (CONSULTING, Event.CANCEL, P.OVER, Out.RETURNED, (A.SECOND_GOES, A.TO_FIRST, A.HEAR_CUSTOMER)),
        (CONSULTING, Event.FIRST_LEFT, P.OVER, Out.HANDED_OVER, (A.TO_SECOND, A.HEAR_CUSTOMER)),
        (CONSULTING, Event.SECOND_LEFT, P.OVER, Out.RETURNED, (A.TO_FIRST, A.HEAR_CUSTOMER)),
        (CONSULTING, Event.CUSTOMER_LEFT, P.OVER, Out.CUSTOMER_LEFT, (A.PROMISE,)),
        (JOINED, Event.FIRST_LEFT, P.OVER, Out.HANDED_OVER, (A.TO_SECOND, A.HEAR_CUSTOMER)),
        (JOINED, Event.SECOND_LEFT, P.OVER, Out.RETURNED, (A.TO_FIRST, A.HEAR_CUSTOMER)),
        (JOINED, Event.CUSTOMER_LEFT, P.OVER, Out.CUSTOMER_LEFT, ()),
    ],
)
def test_what_follows(
    state: State,
    event: Event,
    phase: HandOverPhase,
    outcome: HandOverOutcome | None,
    actions: tuple[Action, ...],
) -> None:
    follows = happens(state, event)

    assert (follows.state.phase, follows.state.outcome, follows.actions) == (phase, outcome, actions)


@pytest.mark.parametrize(
    ("state", "event", "refused"),
    [
        (RINGING, Event.JOIN, "hand_over_not_taken_yet"),
        (RINGING, Event.COMPLETE, "hand_over_not_taken_yet"),
        (FIRST_GONE, Event.CANCEL, "hand_over_you_left"),
        (State(WARM, P.OVER, outcome=Out.RETURNED), Event.JOIN, "hand_over_none"),
    ],
)
def test_what_can_not_be_now_says_why(state: State, event: Event, refused: str) -> None:
    follows = happens(state, event)

    assert (follows.state, follows.actions, follows.refused) == (state, (), refused)
