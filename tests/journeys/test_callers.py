"""Does the caller get a human who knows, or a promise? Whole calls through the carrier's own eyes."""

import time
from datetime import UTC, datetime

import pytest

import config
from app.carrier.rest import Carrier
from app.carrier.twiml import Addresses
from app.promises import recordings
from app.records.agents import Activity, Intent
from app.records.calls import CallState, Outcome, StepOutcome
from app.records.lines import Line
from app.records.promises import PromiseState, RecordingState
from phonebox.client import PhoneCall
from tests.factories import ADA, BEN, LINE
from tests.journeys.conftest import Town


def test_a_returning_caller_reaches_the_agent_who_knows_the_case(town: Town) -> None:
    call = town.phonebox.call_in(ADA, LINE)
    call.wait("ringing:client:anna")
    assert [pop["call_sid"] for pop in town.pops("anna")] == [call.sid]

    town.phonebox.endpoint("client:anna").answer()
    call.wait("bridged:client:anna")
    assert call.said == []
    town.until(lambda: town.presence("anna").activity == Activity.TALKING, "Anna is seen to talk")
    call.hang_up()

    town.until(lambda: town.call(call.sid).state == CallState.ENDED, "the call is closed")
    assert town.call(call.sid).outcome == Outcome.TALKED
    assert call.rang == ["client:anna"]
    assert town.presence("anna").activity == Activity.WRAPPING_UP


def test_an_owner_who_does_not_pick_up_leaves_the_caller_to_the_colleague(town: Town) -> None:
    town.phonebox.endpoint("client:anna").register("no_answer")
    town.phonebox.endpoint("client:bram").register("answer")

    call = town.phonebox.call_in(ADA, LINE)
    call.wait("bridged:client:bram")

    assert call.rang == ["client:anna", "client:bram"]
    assert call.said == ["Anna neemt nu niet op. Ik verbind u door met Bram."]
    assert town.presence("anna").intent == Intent.AWAY


def keep_anna_talking(town: Town) -> PhoneCall:
    """Another caller, whom nobody knows, talks to Anna."""
    other = town.phonebox.call_in(BEN, LINE)
    other.wait("ringing:client:anna")
    town.phonebox.endpoint("client:anna").answer()
    other.wait("bridged:client:anna")
    town.until(lambda: town.presence("anna").activity == Activity.TALKING, "Anna is seen to talk")
    return other


def test_a_caller_who_stays_is_the_first_whom_the_owner_speaks(town: Town) -> None:
    other = keep_anna_talking(town)
    waiting = town.phonebox.call_in(ADA, LINE)
    waiting.wait("queued")
    assert "Anna is nog in gesprek" in " ".join(waiting.said)
    assert [promise.agent for promise in town.promises()] == ["anna"]

    other.hang_up()
    town.until(lambda: town.presence("anna").activity == Activity.WRAPPING_UP, "Anna wraps up")
    town.end_wrap_up("anna")
    waiting.wait("ringing:client:anna")
    town.phonebox.endpoint("client:anna").answer()
    waiting.wait("bridged:client:anna")

    assert waiting.rang == ["client:anna"]
    town.until(lambda: town.promises()[0].state == PromiseState.MERGED, "the promise is merged")


def test_a_ring_that_is_cut_off_by_our_own_redirect_is_rung_again_and_is_nobodys_fault(town: Town) -> None:
    """As when the carrier's own question was quicker, or takes what it was told twice."""
    other = keep_anna_talking(town)
    waiting = town.phonebox.call_in(ADA, LINE)
    waiting.wait("queued")
    other.hang_up()
    town.until(lambda: town.presence("anna").activity == Activity.WRAPPING_UP, "Anna wraps up")
    town.end_wrap_up("anna")
    town.until(lambda: town.presence("anna").activity == Activity.RINGING, "Anna's telephone is seen to ring")
    step = town.call(waiting.sid).step
    settings = config.load(town.product.settings)

    Carrier(settings).redirect_call(waiting.sid, Addresses(settings.public_url, waiting.sid, step).of())

    town.until(lambda: len(waiting.rang) == 2, "Anna's telephone rings again")
    town.phonebox.endpoint("client:anna").answer()
    waiting.wait("bridged:client:anna")
    assert waiting.rang == ["client:anna", "client:anna"]
    assert " ".join(waiting.said).count("Anna") == 3
    town.until(lambda: town.call(waiting.sid).state == CallState.TALKING, "they are seen to talk")
    assert [one.outcome for one in town.steps(waiting.sid)][-1] == StepOutcome.ANSWERED
    assert town.presence("anna").intent == Intent.AVAILABLE


def test_a_caller_who_hangs_up_while_waiting_is_told_by_message_when_the_owner_rings(town: Town) -> None:
    keep_anna_talking(town)
    call = town.phonebox.call_in(ADA, LINE)
    call.wait("queued")

    call.hang_up()

    message = town.phonebox.wait_for_message(ADA, "Anna belt u")
    assert "U kunt terugschrijven." in message["body"]
    town.until(lambda: town.call(call.sid).outcome == Outcome.PROMISED, "the call is closed")

    # The message says that one can write back, so an answer arrives: at the promise and at the owner's desk.
    town.phonebox.write(ADA, LINE, "Mijn paspoort is ook kwijt")
    town.until(lambda: "paspoort" in town.promises()[0].about, "the answer lies at the promise")
    assert [event["promise"] for event in town.told("anna", "message")] == [town.promises()[0].id]


def test_an_owner_who_declines_at_the_desk_stops_ringing_and_the_colleague_rings(town: Town) -> None:
    town.phonebox.endpoint("client:bram").register("answer")
    call = town.phonebox.call_in(ADA, LINE)
    call.wait("ringing:client:anna")
    town.until(lambda: town.presence("anna").activity == Activity.RINGING, "Anna's telephone is seen to ring")

    town.decline("anna", call.sid, "meeting")

    call.wait("bridged:client:bram")
    assert call.said == ["Anna zit in een gesprek of overleg. Ik verbind u door met Bram."]
    assert town.presence("anna").intent == Intent.AVAILABLE


def test_an_ordinary_phone_is_answered_by_pressing_one(town: Town) -> None:
    town.rings_at("anna", "+31201112233")
    phone = town.phonebox.endpoint("+31201112233").register()

    call = town.phonebox.call_in(ADA, LINE)
    phone.answer()
    phone.wait("prompt")
    phone.press("1")

    call.wait("bridged:+31201112233")
    town.until(lambda: town.call(call.sid).bridged_to == "anna", "the conversation is written down")


def test_a_voicemail_never_counts_as_an_answer(town: Town) -> None:
    town.rings_at("anna", "+31201112233")
    town.phonebox.endpoint("+31201112233").register("voicemail")
    town.phonebox.endpoint("client:bram").register("answer")

    call = town.phonebox.call_in(ADA, LINE)

    call.wait("bridged:client:bram")
    assert town.steps(call.sid)[0].outcome == "no_answer"


def test_nobody_there_becomes_a_promise_and_words_about_it_are_kept(town: Town) -> None:
    for agent in ("anna", "bram", "carla"):
        town.change(agent, intent=Intent.OFF)

    call = town.phonebox.call_in(ADA, LINE)
    call.wait("prompt")
    call.say("Het gaat over mijn paspoort")
    call.wait("ended")

    [promise] = town.promises()
    assert promise.about == "Het gaat over mijn paspoort"
    assert call.said[-1].startswith("Dank u wel.")


def test_a_caller_with_a_hidden_number_can_name_one(town: Town) -> None:
    for agent in ("anna", "bram", "carla"):
        town.change(agent, intent=Intent.OFF)

    call = town.phonebox.call_in("anonymous", LINE)
    call.wait("prompt")
    call.say("06 87 65 43 21")
    call.wait("ended")

    assert [promise.number for promise in town.promises()] == [BEN]


def test_a_hidden_caller_leaves_a_message_that_is_kept_here_and_nowhere_else(town: Town) -> None:
    with town.written() as session:
        session.get_one(Line, LINE).records_messages = True
    for agent in ("anna", "bram", "carla"):
        town.change(agent, intent=Intent.OFF)

    call = town.phonebox.call_in("anonymous", LINE)
    call.wait("prompt")
    call.say("Over mijn paspoort")
    call.wait("caption:cijfer voor cijfer")
    call.wait("prompt")
    call.say("Dat weet ik niet")
    call.wait("prompt:record")
    call.say("Met Mieke van hiernaast")
    call.wait("ended")

    assert call.said[-1] == "Dank u wel. Dat geef ik door."
    [promise] = town.promises()
    assert (promise.number, promise.about) == (None, "Over mijn paspoort\nDat weet ik niet")
    town.until(lambda: [one.state for one in town.recordings()] == [RecordingState.KEPT], "it is here")
    with town.written() as session:
        sound = recordings.sound_of(session, promise.id, town.recordings()[0].sid)
    assert sound is not None
    assert (sound.content_type, len(sound.data) > 100) == ("audio/mpeg", True)
    assert Carrier(config.load(town.product.settings)).recordings_of(call.sid) == []
    assert town.phonebox.debugger() == []


@pytest.mark.parametrize("fault", ["drop", "twice", "5xx"])
def test_news_that_the_carrier_loses_or_repeats_changes_nothing(town: Town, fault: str) -> None:
    town.phonebox.fault("/leg", fault)
    town.phonebox.endpoint("client:anna").register("answer")

    call = town.phonebox.call_in(ADA, LINE)
    call.wait("bridged:client:anna")
    time.sleep(0.3)  # half a dozen of the carrier's seconds of conversation
    call.hang_up()

    town.until(lambda: town.call(call.sid).state == CallState.ENDED, "the call is closed")
    town.until(
        lambda: town.presence("anna").activity in (Activity.IDLE, Activity.WRAPPING_UP), "Anna is free"
    )
    assert town.call(call.sid).outcome == Outcome.TALKED


def test_the_carrier_finds_nothing_to_complain_about(town: Town) -> None:
    town.change("anna", intent=Intent.BREAK)
    town.phonebox.endpoint("client:bram").register("no_answer")
    town.phonebox.endpoint("client:carla").register("decline")

    call = town.phonebox.call_in(ADA, LINE, silent=True)
    call.wait("ended")

    assert town.phonebox.debugger() == []
    town.until(lambda: town.call(call.sid).state == CallState.ENDED, "the call is closed")
    assert town.call(call.sid).outcome == Outcome.PROMISED
    assert datetime.now(UTC) < town.promises()[0].due_at
