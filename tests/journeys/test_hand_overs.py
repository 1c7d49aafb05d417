"""Is nobody stranded when a conversation is handed over? Whole calls, with a carrier's conferences."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from app.deployment import Defaults, Deployment
from app.records.agents import Activity
from app.records.calls import CallState, Outcome
from app.records.legs import HandOver, HandOverKind, HandOverOutcome, HandOverPhase
from app.records.lines import Line
from app.records.promises import PromiseState
from app.voice import handing_over, holding
from app.voice.hand_over import Event
from app.voice.handing_over import Wish
from app.voice.held import held
from phonebox.client import PhoneCall, Telephone
from tests import factories
from tests.factories import ADA, LINE, noon_zone
from tests.journeys.conftest import Town


def talking(town: Town) -> PhoneCall:
    """Ada and Anna talk."""
    call = town.phonebox.call_in(ADA, LINE)
    call.wait("ringing:client:anna")
    town.phonebox.endpoint("client:anna").answer()
    call.wait("bridged:client:anna")
    town.until(lambda: town.presence("anna").activity == Activity.TALKING, "Anna is seen to talk")
    return call


def begin(town: Town, call_sid: str, to: str = "bram") -> None:
    with town.written() as session:
        row = held(session, call_sid)
        wish = Wish(to, HandOverKind.WARM, "Zij belt over haar paspoort.")
        deployment = Deployment(town.product.url, Defaults("nl", "NL"))
        handing_over.begin(session, row, "anna", wish, datetime.now(UTC), deployment)


def press(town: Town, call_sid: str, event: Event) -> None:
    with town.written() as session:
        row = held(session, call_sid)
        deployment = Deployment(town.product.url, Defaults("nl", "NL"))
        handing_over.press(session, row, "anna", event, datetime.now(UTC), deployment)


def hand_over(town: Town) -> HandOver:
    with town.database.reading() as session:
        return session.scalars(select(HandOver).order_by(HandOver.id.desc()).limit(1)).one()


def test_a_conversation_is_handed_over_with_its_story(town: Town) -> None:
    call = talking(town)
    anna, bram = town.phonebox.endpoint("client:anna"), town.phonebox.endpoint("client:bram")

    begin(town, call.sid)
    bram.wait("ringing")
    assert town.pops("bram")[-1]["hand_over"]["why"] == "Zij belt over haar paspoort."
    call.wait("caption:Anna belt er een collega bij")
    bram.answer()
    town.until(lambda: hand_over(town).phase == HandOverPhase.CONSULTING, "the two are together")
    anna.say("Het gaat over haar paspoort.")
    assert "paspoort" in str(bram.state()["talking"])
    assert "paspoort" not in str(call.captions)

    press(town, call.sid, Event.JOIN)
    call.wait("bridged:client:bram")
    press(town, call.sid, Event.COMPLETE)
    anna.wait("idle")
    bram.say("Goedemiddag, met Bram.")
    call.wait("caption:met Bram")
    town.until(lambda: town.presence("anna").activity == Activity.WRAPPING_UP, "Anna writes it down")
    assert hand_over(town).outcome == HandOverOutcome.HANDED_OVER
    assert town.call(call.sid).bridged_to == "bram"

    call.hang_up()
    town.until(lambda: town.call(call.sid).state == CallState.ENDED, "the call is closed")
    assert town.call(call.sid).outcome == Outcome.TALKED
    bram.wait("idle")
    assert call.state()["music"] == 0


def test_who_does_not_come_leaves_the_customer_with_the_first(town: Town) -> None:
    call = talking(town)
    anna = town.phonebox.endpoint("client:anna")
    town.phonebox.endpoint("client:bram").register("decline")

    begin(town, call.sid)
    town.until(lambda: hand_over(town).outcome == HandOverOutcome.RETURNED, "Bram doesn't come")
    town.until(lambda: not on_hold(town, call), "the customer is heard again")
    town.until(lambda: hears(call, anna, "Daar ben ik weer."), "the customer hears Anna")
    # That she hangs up some time later ends the conversation, as any.
    with town.written() as session:
        session.get_one(HandOver, hand_over(town).id).ended_at = datetime(2026, 1, 1, tzinfo=UTC)
    anna.hang_up()
    town.until(lambda: town.call(call.sid).state == CallState.ENDED, "the call is closed")
    assert town.call(call.sid).outcome == Outcome.TALKED


def hears(call: PhoneCall, who: Telephone, words: str) -> bool:
    """Tell whether the caller hears what somebody says, as soon as the carrier lets them."""
    who.say(words)
    return words in str(call.captions)


def on_hold(town: Town, call: PhoneCall) -> bool:
    with town.database.reading() as session:
        return holding.on_hold(session, town.call(call.sid)) is not None


def test_a_customer_whose_first_agent_is_gone_is_left_to_the_colleague(town: Town) -> None:
    call = talking(town)
    begin(town, call.sid)
    town.phonebox.endpoint("client:bram").wait("ringing")
    town.phonebox.endpoint("client:anna").hang_up()
    town.phonebox.endpoint("client:bram").answer()
    call.wait("bridged:client:bram")
    town.until(lambda: hand_over(town).outcome == HandOverOutcome.HANDED_OVER, "Bram has them")


def test_whom_we_rang_is_handed_over_as_who_rang_us(town: Town) -> None:
    now = datetime.now(UTC)
    town.phonebox.endpoint(ADA).register("answer")
    with town.written() as session:
        session.get_one(Line, LINE).timezone = noon_zone(now)
        due_at, told_at = now + timedelta(minutes=20), now - timedelta(hours=1)
        factories.promise(session, customer="ada", case="Z1", due_at=due_at, now=told_at)
    anna, bram = town.phonebox.endpoint("client:anna"), town.phonebox.endpoint("client:bram")
    anna.wait("ringing")
    [pop] = town.pops("anna")
    anna.answer()
    town.until(lambda: town.call(pop["call_sid"]).state == CallState.TALKING, "Ada is put through")
    ada = town.phonebox.endpoint(ADA)

    begin(town, pop["call_sid"])
    bram.wait("ringing")
    town.until(lambda: "Anna belt er een collega bij" in str(ada.state()), "Ada hears why she waits")
    bram.answer()
    town.until(lambda: hand_over(town).phase == HandOverPhase.CONSULTING, "the two are together")
    press(town, pop["call_sid"], Event.COMPLETE)
    anna.wait("idle")
    bram.say("Goedemiddag, met Bram.")
    town.until(lambda: "met Bram" in str(ada.state()), "Ada hears Bram")
    assert (hand_over(town).outcome, town.call(pop["call_sid"]).bridged_to) == ("handed_over", "bram")

    ada.hang_up()
    town.until(lambda: town.promises()[0].state == PromiseState.KEPT, "the promise is kept")
    assert town.promises()[0].agent == "bram"
    bram.wait("idle")
