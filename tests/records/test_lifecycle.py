"""Which news may follow which? Each state has its entry, what is over is over, words have one meaning."""

from datetime import UTC, datetime

import pytest

from app.carrier import twiml
from app.carrier.words import CARRIER_SAYS_ENDED, CARRIER_SAYS_LIVE, dial_outcome
from app.errors import InvalidTransition
from app.promises import ledger
from app.records import lifecycle
from app.records.calls import Call, CallState, Outcome, StepOutcome
from app.records.promises import PromiseState

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
UNFINISHED = (PromiseState.OPEN, PromiseState.DUE, PromiseState.CALLING, PromiseState.REASSIGNED)
FINISHED = (PromiseState.KEPT, PromiseState.MERGED, PromiseState.WITHDRAWN)


def test_every_state_of_a_call_says_what_may_follow_it() -> None:
    assert lifecycle.FOLLOWS.keys() == set(CallState)
    assert all(CallState.ENDED in follows for state, follows in lifecycle.FOLLOWS.items() if state != "ended")


def test_every_state_of_a_promise_says_what_may_follow_it() -> None:
    assert ledger.FOLLOWS.keys() == set(PromiseState)
    assert all(PromiseState.BROKEN in ledger.FOLLOWS[state] for state in UNFINISHED)
    assert all(PromiseState.MERGED in ledger.FOLLOWS[state] for state in UNFINISHED)
    assert PromiseState.KEPT in ledger.FOLLOWS[PromiseState.BROKEN]


def test_what_is_over_is_over() -> None:
    assert lifecycle.FOLLOWS[CallState.ENDED] == frozenset()
    assert all(ledger.FOLLOWS[state] == frozenset() for state in FINISHED)


@pytest.mark.parametrize("before", CallState)
@pytest.mark.parametrize("after", CallState)
def test_a_call_moves_by_the_table_or_stays_as_it_was(before: CallState, after: CallState) -> None:
    call = Call(sid="CA0", state=before)
    if after in lifecycle.FOLLOWS[before]:
        lifecycle.move(call, after)
        assert call.state == after
        return
    with pytest.raises(InvalidTransition, match=f"{before} can't become {after}"):
        lifecycle.move(call, after)
    assert call.state == before


def test_whoever_was_left_alone_in_a_conversation_goes_on_to_somebody_or_to_a_promise() -> None:
    assert lifecycle.FOLLOWS[CallState.TALKING] == set(CallState) - {CallState.TALKING}


def test_the_carriers_words_are_either_of_a_call_that_lives_or_of_one_that_ended() -> None:
    words = "queued initiated ringing in-progress completed busy failed no-answer canceled".split()

    assert set(words) == CARRIER_SAYS_ENDED | CARRIER_SAYS_LIVE
    assert not CARRIER_SAYS_ENDED & CARRIER_SAYS_LIVE


@pytest.mark.parametrize(
    ("status", "bridged", "at_once", "outcome"),
    [
        ("completed", True, False, StepOutcome.ANSWERED),
        ("answered", True, False, StepOutcome.ANSWERED),
        ("completed", False, False, StepOutcome.NO_ANSWER),  # a voicemail that accepted nothing
        ("answered", False, True, StepOutcome.NO_ANSWER),
        ("busy", False, False, StepOutcome.DECLINED),
        ("no-answer", False, False, StepOutcome.NO_ANSWER),
        ("no-answer", False, True, StepOutcome.FAILED),
        ("failed", False, False, StepOutcome.FAILED),
        ("canceled", False, False, StepOutcome.CALLER_HUNG_UP),
        ("failed", False, True, StepOutcome.FAILED),
        ("", False, False, StepOutcome.ABANDONED),
        ("", False, True, StepOutcome.FAILED),
        ("a-new-word", True, False, StepOutcome.ABANDONED),
    ],
)
def test_the_carriers_word_for_a_ring_that_is_over_has_one_meaning(
    status: str, bridged: bool, at_once: bool, outcome: StepOutcome
) -> None:
    assert dial_outcome(status, bridged=bridged, at_once=at_once) == outcome


@pytest.mark.parametrize(
    ("bridged_at", "promised", "told", "outcome"),
    [
        (NOW, False, False, Outcome.TALKED),
        (NOW, True, True, Outcome.TALKED),
        (None, True, True, Outcome.PROMISED),
        (None, True, False, Outcome.MISSED_PROMISED),
        (None, False, True, Outcome.NOT_CALLABLE),
        (None, False, False, Outcome.NOT_CALLABLE),
    ],
)
def test_every_call_that_ended_has_one_outcome(
    bridged_at: datetime | None, promised: bool, told: bool, outcome: Outcome
) -> None:
    call = Call(sid="CA0", bridged_at=bridged_at)

    assert lifecycle.outcome(call, promised=promised, waited_or_told=told) == outcome


@pytest.mark.parametrize(
    ("digits", "speech"),
    [
        ("1", ""),
        (" 1 ", ""),
        ("", "ja"),
        ("", "Ja."),
        ("", "Ja, graag!"),
        ("", "ja hoor"),
        ("", "Yes, please"),
        ("", "hallo ja"),
        ("", "Oké."),
        ("", "ja ja"),
    ],
)
def test_an_agent_takes_a_call_with_one_or_with_yes(digits: str, speech: str) -> None:
    assert twiml.is_yes(digits, speech)


@pytest.mark.parametrize(
    "speech",
    [
        "",
        "nee",
        "nee dank u",
        "graag",
        "Spreek graag een bericht in na de pieptoon.",
        "Ja, u spreekt met de voicemail van Anna. Laat een bericht achter.",
        "Hallo, dit is Anna. Ik ben er nu niet, ja, spreek maar in.",
        "Please leave a message after the tone, okay?",
        "januari",
    ],
)
def test_a_voicemail_and_a_no_never_take_a_call(speech: str) -> None:
    assert not twiml.is_yes("", speech)
    assert not twiml.is_yes("2", speech)
