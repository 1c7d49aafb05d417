"""What becomes of a conversation that is handed over? Told by the carrier's requests, and its silences."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import select, update

from app import db
from app.admin.call_story import story_of
from app.carrier.rest import Carrier
from app.deployment import Deployment
from app.desk.card import HeardBy, card_of
from app.errors import NotNow
from app.jobs import rooms as rooms_job
from app.records.agents import Activity, DeskEvent, Presence
from app.records.callers import Case, Contact, Direction
from app.records.calls import Call, CallState, CallStep, Outcome
from app.records.legs import CallRoom, HandOver, HandOverKind, HandOverOutcome, HandOverPhase
from app.records.promises import AttemptOutcome, Promise, PromiseAttempt, PromiseState
from app.routing import rules
from app.voice import handing_over, holding
from app.voice.hand_over import Event
from app.voice.handing_over import Wish
from app.voice.held import held
from config import Settings
from tests import factories
from tests.exchange import ANNAS, Exchange, rung_back
from tests.factories import ADA
from tests.rest_carrier import FakeCarrier
from tests.telephone import Line


@pytest.fixture(autouse=True)
def town(flask_app: Flask) -> None:
    with db.transaction() as session:
        factories.line(session, hours="24/7")
        for key in ("anna", "bram", "carla"):
            factories.agent(session, key, phone="+31201111111" if key == "carla" else None)
        factories.customer(session, "ada", ADA)
        factories.case(session, "Z1", "ada", handled_by=("anna",))


@pytest.fixture(params=["came in", "placed"])
def talk(
    request: pytest.FixtureRequest, call: Line, fake: FakeCarrier, carrier: Carrier, settings: Settings
) -> Exchange:
    """Ada and Anna talk, for a minute now: Ada rang us, or Anna keeps her promise to ring Ada."""
    if request.param == "placed":
        return Exchange(call, fake, carrier, settings, placed=rung_back(call, Deployment.of(settings)))
    call.comes_in()
    exchange = Exchange(call, fake, carrier, settings)
    for status in ("ringing", "in-progress"):
        call.post(call.attribute("Client", "statusCallback"), CallSid=ANNAS, CallStatus=status)
    return exchange


def only(how: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("talk", [how], indirect=True)


def begins(talk: Exchange, to: str = "bram", kind: HandOverKind = HandOverKind.WARM, **wish: Any) -> None:
    with db.transaction() as session:
        call = held(session, talk.sid)
        wanted = Wish(to, kind, "Zij belt over haar paspoort.", **wish)
        handing_over.begin(session, call, "anna", wanted, datetime.now(UTC), Deployment.of(talk.settings))
    talk.settle()


def presses(talk: Exchange, event: Event, agent: str = "anna") -> None:
    with db.transaction() as session:
        call = held(session, talk.sid)
        handing_over.press(session, call, agent, event, datetime.now(UTC), Deployment.of(talk.settings))
    talk.settle()


def row(talk: Exchange) -> HandOver:
    with db.reading() as session:
        return session.scalars(select(HandOver).where(HandOver.call_sid == talk.sid)).one()


def stored(talk: Exchange) -> Call:
    with db.reading() as session:
        return session.get_one(Call, talk.sid)


def heard_by(talk: Exchange, agent: str) -> HeardBy:
    """Return who hears an agent, as their desk tells them."""
    with db.reading() as session:
        card = card_of(session, talk.sid, agent, datetime.now(UTC), checked=False)
    assert card is not None
    return card.heard_by


def activity(agent: str) -> str:
    with db.reading() as session:
        return session.get_one(Presence, agent).activity


def told(agent: str, kind: str) -> list[dict[str, Any]]:
    with db.reading() as session:
        wanted = select(DeskEvent).where(DeskEvent.agent == agent, DeskEvent.kind == kind)
        return [event.data for event in session.scalars(wanted.order_by(DeskEvent.number))]


def a_minute_passes() -> None:
    """Whoever hangs up now has had their conversation."""
    with db.transaction() as session:
        ended_at = datetime.now(UTC) - timedelta(minutes=1)
        session.execute(update(HandOver).values(ended_at=ended_at))


CUSTOMER_AND_BRAM = {"leg0": False, "leg2": False}


def test_a_colleague_hears_the_story_while_the_customer_hears_why_they_wait(talk: Exchange) -> None:
    begins(talk)

    assert talk.who_rings() == ["client:bram"]
    assert talk.labels() == {"leg1": False, "leg0": True}
    # Asked for isn't done: the carrier may let the customer hear the agent yet.
    assert heard_by(talk, "anna") == HeardBy.CUSTOMER
    assert "Anna belt er een collega bij" in talk.listens(talk.customers)
    assert heard_by(talk, "anna") == HeardBy.NOBODY
    pop = told("bram", "screen_pop")[0]
    assert pop["hand_over"] == {"from": "anna", "kind": "warm", "why": "Zij belt over haar paspoort."}
    assert activity("bram") == Activity.RINGING

    talk.picks_up()
    talk.settle()

    assert talk.labels() == {"leg1": False, "leg0": True, "leg2": False}
    assert "overlegt met een collega" in talk.listens(talk.customers)
    assert {heard_by(talk, agent) for agent in ("anna", "bram")} == {HeardBy.COLLEAGUE}
    assert row(talk).phase == HandOverPhase.CONSULTING
    assert (activity("anna"), activity("bram")) == (Activity.TALKING, Activity.TALKING)

    presses(talk, Event.JOIN)

    assert talk.labels() == {"leg1": False, "leg0": False, "leg2": False}
    assert {heard_by(talk, agent) for agent in ("anna", "bram")} == {HeardBy.CUSTOMER}

    presses(talk, Event.COMPLETE)

    assert talk.labels() == CUSTOMER_AND_BRAM
    assert ANNAS not in talk.lives
    assert (activity("anna"), activity("bram")) == (Activity.WRAPPING_UP, Activity.TALKING)
    assert (row(talk).outcome, stored(talk).bridged_to) == (HandOverOutcome.HANDED_OVER, "bram")
    with db.reading() as session:
        assert session.get_one(Case, "Z1").owner == "bram"
    assert talk.room is not None
    assert talk.room.people["leg2"]["end_conference_on_exit"] is True
    assert [leg["role"] for leg in told("bram", "legs")[-1]["legs"]] == ["customer", "agent"]

    a_minute_passes()
    talk.hangs_up(talk.second())
    talk.settle()

    assert talk.lives == set()
    assert (stored(talk).state, stored(talk).outcome) == (CallState.ENDED, Outcome.TALKED)
    assert activity("bram") == Activity.WRAPPING_UP


@only("placed")
def test_what_we_rang_for_is_kept_by_whoever_the_customer_was_handed_to(talk: Exchange) -> None:
    begins(talk)
    talk.picks_up()
    talk.settle()
    presses(talk, Event.COMPLETE)

    with db.reading() as session:
        promise = session.scalars(select(Promise)).one()
        assert (promise.state, promise.agent) == (PromiseState.CALLING, "bram")
    assert ANNAS not in talk.lives

    talk.hangs_up(talk.customers)
    talk.settle()

    with db.reading() as session:
        promise = session.scalars(select(Promise)).one()
        assert (promise.state, promise.agent) == (PromiseState.KEPT, "bram")
        handled = session.execute(select(Contact.agent, Contact.direction).order_by(Contact.started_at)).all()
        assert [(one.agent, one.direction) for one in handled][-2:] == [
            ("anna", Direction.OUTBOUND),
            ("bram", Direction.OUTBOUND),
        ]
    assert (stored(talk).state, stored(talk).outcome) == (CallState.ENDED, Outcome.TALKED)
    assert activity("bram") == Activity.WRAPPING_UP
    assert talk.lives == set()


@only("placed")
def test_whom_nobody_speaks_with_any_more_keeps_what_was_promised_only_if_they_were_spoken_with(
    talk: Exchange,
) -> None:
    with db.transaction() as session:
        for one in (session.get_one(Call, talk.sid), session.scalars(select(PromiseAttempt)).one()):
            one.bridged_at = datetime.now(UTC) - timedelta(seconds=3)
        holding.hold(session, held(session, talk.sid), "anna", datetime.now(UTC), on=True)
    talk.settle()
    talk.hangs_up(ANNAS)
    talk.settle()

    with db.reading() as session:
        attempt = session.scalars(select(PromiseAttempt)).one()
        promise = session.get_one(Promise, attempt.promise)
        assert (attempt.outcome, promise.state) == (AttemptOutcome.CUSTOMER_RANG, PromiseState.DUE)
        caller = session.get_one(Call, talk.customers)
        assert (caller.remote_e164, caller.customer, caller.state) == (ADA, "ada", CallState.RINGING)


def test_how_it_went_is_told_afterwards(talk: Exchange) -> None:
    begins(talk)
    talk.picks_up()
    talk.settle()
    presses(talk, Event.COMPLETE)

    with db.reading() as session:
        zone = ZoneInfo("Europe/Amsterdam")
        story = story_of(session, session.get_one(Call, talk.sid), "nl", zone, datetime.now(UTC))
    told = [one.words for one in story.happenings]
    asked = told.index("Anna Jansen vraagt Bram Jansen erbij, om het gesprek over te dragen")
    assert story.happenings[asked].more == "Zij belt over haar paspoort."
    assert asked < told.index("Bram Jansen heeft het gesprek van Anna Jansen overgenomen")


def test_the_case_stays_with_who_wants_to_keep_it(talk: Exchange) -> None:
    begins(talk, keeps_owner=True)
    talk.picks_up()
    talk.settle()
    presses(talk, Event.COMPLETE)

    with db.reading() as session:
        assert session.get_one(Case, "Z1").owner == "anna"
    assert stored(talk).bridged_to == "bram"


@pytest.mark.parametrize("status", ["busy", "no-answer", "failed", "canceled"])
@pytest.mark.parametrize("kind", HandOverKind)
def test_a_colleague_who_does_not_come_changes_nothing(
    talk: Exchange, status: str, kind: HandOverKind
) -> None:
    begins(talk, kind=kind)
    talk.does_not_pick_up(status)
    talk.settle()

    assert talk.labels() == {"leg1": False, "leg0": False}
    assert row(talk).outcome == HandOverOutcome.RETURNED
    assert (stored(talk).bridged_to, activity("anna")) == ("anna", Activity.TALKING)
    assert activity("bram") == Activity.IDLE

    a_minute_passes()
    talk.hangs_up(ANNAS)
    talk.settle()

    assert (stored(talk).outcome, talk.lives) == (Outcome.TALKED, set())


@only("came in")
def test_a_colleague_is_rung_for_as_long_as_the_rule_of_the_call_says(talk: Exchange) -> None:
    with db.transaction() as session:
        call = session.get_one(Call, talk.sid)
        step = session.get_one(CallStep, (call.sid, call.step))
        ladder = rules.of_step(session, step, call.rule_version).ladder
        step.parameters = replace(ladder, colleague_ring_seconds=90).as_json()
    begins(talk)
    assert talk.fake.placed[-1]["Timeout"] == "90"

    talk.settle(later=100)
    assert row(talk).phase == HandOverPhase.RINGING, "it may be picked up yet"
    talk.settle(later=10)

    # No news ever came of it.
    assert row(talk).outcome == HandOverOutcome.RETURNED


def test_a_voicemail_is_asked_for_a_yes_and_hears_nobody(talk: Exchange) -> None:
    with db.transaction() as session:
        session.execute(update(Presence).where(Presence.agent == "carla").values(reach="phone"))
    begins(talk, to="carla")

    assert talk.who_rings() == ["+31201111111"]
    talk.picks_up(answer="")
    talk.settle()

    assert talk.labels() == {"leg1": False, "leg0": False}
    assert row(talk).outcome == HandOverOutcome.RETURNED

    with db.transaction() as session:
        session.execute(update(Presence).where(Presence.agent == "carla").values(intent="available"))
    with db.transaction() as session:
        session.execute(update(HandOver).values(call_sid=talk.sid))
    begins(talk, to="carla")
    talk.picks_up(answer="1")
    talk.settle()

    assert set(talk.labels()) == {"leg1", "leg0", "leg3"}


def test_a_cold_hand_over_leaves_when_somebody_is_there(talk: Exchange) -> None:
    begins(talk, kind=HandOverKind.COLD)

    assert ANNAS in talk.lives
    talk.picks_up()
    talk.settle()

    assert talk.labels() == CUSTOMER_AND_BRAM
    assert ANNAS not in talk.lives


def test_the_customer_comes_back_from_every_phase(talk: Exchange) -> None:
    begins(talk)
    presses(talk, Event.CANCEL)
    presses(talk, Event.CANCEL)
    assert talk.labels() == {"leg1": False, "leg0": False}
    assert talk.who_rings() == []
    assert activity("bram") == Activity.IDLE


@pytest.mark.parametrize("joined", [False, True])
def test_who_was_asked_goes_again(talk: Exchange, joined: bool) -> None:
    begins(talk)
    talk.picks_up()
    talk.settle()
    if joined:
        presses(talk, Event.JOIN)
    presses(talk, Event.CANCEL)

    assert talk.labels() == {"leg1": False, "leg0": False}
    assert (stored(talk).bridged_to, activity("bram")) == ("anna", Activity.WRAPPING_UP)


def test_a_customer_who_hangs_up_meanwhile_is_owed_a_call_and_both_screens_say_so(talk: Exchange) -> None:
    begins(talk)
    talk.picks_up()
    talk.settle()

    talk.hangs_up(talk.customers)
    talk.settle()

    last = told("bram", "transfer")[-1]
    assert (last["outcome"], last == told("anna", "transfer")[-1]) == ("customer_left", True)
    with db.reading() as session:
        promise = session.get_one(Promise, last["promise"])
        assert (promise.agent, promise.number) == ("anna", ADA)
    # The two may end their sentence.
    assert set(talk.labels()) == {"leg1", "leg2"}

    talk.hangs_up(ANNAS)
    talk.settle()

    assert talk.lives == set()


def test_while_the_first_agents_line_is_dead_the_second_has_the_customer(talk: Exchange) -> None:
    begins(talk)
    talk.picks_up()
    talk.settle()
    talk.hangs_up(ANNAS, "failed")
    talk.settle()

    assert talk.labels() == CUSTOMER_AND_BRAM
    assert (row(talk).outcome, stored(talk).bridged_to) == (HandOverOutcome.HANDED_OVER, "bram")


def test_when_nobody_of_ours_is_left_the_customer_goes_on_to_somebody_else(talk: Exchange) -> None:
    begins(talk)
    talk.hangs_up(ANNAS)
    talk.settle()
    assert "Er wordt een collega voor u gebeld" in talk.listens(talk.customers)
    talk.does_not_pick_up("no-answer")
    talk.settle()

    assert row(talk).outcome == HandOverOutcome.WENT_ON
    goes_on_to_carla(talk)


def goes_on_to_carla(talk: Exchange) -> None:
    """The customer's call is a caller's who is put through to the next, whoever of us rang first."""
    with db.reading() as session:
        call = session.get_one(Call, talk.customers)
    assert (call.state, call.bridged_to) == (CallState.RINGING, None)
    assert talk.customers in talk.lives
    assert "client:carla" in [f"client:{one.text}" for one in talk.hears[talk.customers].iter("Identity")]
    assert activity("carla") == Activity.RESERVED


def test_a_silent_desk_gets_nobody_back(talk: Exchange) -> None:
    begins(talk)
    talk.silent.add("anna")
    with db.transaction() as session:
        silent = datetime.now(UTC) - timedelta(seconds=9)
        session.execute(update(Presence).where(Presence.agent == "anna").values(heartbeat_at=silent))
    talk.does_not_pick_up("busy")
    talk.settle()

    assert row(talk).outcome == HandOverOutcome.WENT_ON
    goes_on_to_carla(talk)


def test_what_can_not_be_says_why(talk: Exchange) -> None:
    with db.transaction() as session:
        session.execute(update(Presence).where(Presence.agent == "bram").values(intent="break"))
    for wish, code in (
        (Wish("bram", HandOverKind.COLD), "colleague_break"),
        (Wish("anna", HandOverKind.WARM), "hand_over_to_yourself"),
    ):
        deployment = Deployment.of(talk.settings)
        with db.transaction() as session:
            call = held(session, talk.sid)
            with pytest.raises(NotNow) as refused:
                handing_over.begin(session, call, "anna", wish, datetime.now(UTC), deployment)
        assert refused.value.code == code
    assert talk.bridged


def test_a_flag_that_the_carrier_ignores_is_asked_for_until_it_is_so(talk: Exchange) -> None:
    begins(talk)
    talk.picks_up()
    talk.settle()
    assert talk.room is not None
    talk.room.deaf.add(("leg0", "hold"))

    presses(talk, Event.CANCEL)
    assert talk.labels()["leg0"] is True

    talk.room.deaf.clear()
    talk.settle(later=3)
    assert talk.labels() == {"leg1": False, "leg0": False}


def test_a_request_that_was_lost_is_made_up_for(talk: Exchange) -> None:
    """Who dialled is fetched into the room when its carrier doesn't ask by itself."""
    talk.loses_actions = True
    begins(talk)

    talk.settle(later=3)

    assert talk.labels() == {"leg1": False, "leg0": True}


LEAVERS = ("customer", "first", "second", "first and second", "nobody")
MOMENTS = ("ringing", "consulting", "joined", "completed", "cancelled")


@pytest.mark.parametrize("seed", range(8))
def test_with_news_that_is_lost_doubled_and_out_of_order_nobody_is_left_alone(
    talk: Exchange, seed: int
) -> None:
    luck = random.Random(seed)
    moment, leaver = luck.choice(MOMENTS), luck.choice(LEAVERS)
    talk.luck = luck
    begins(talk, kind=luck.choice(list(HandOverKind)) if moment == "ringing" else HandOverKind.WARM)
    if moment != "ringing":
        talk.picks_up()
        talk.settle(later=3)
        for event in {"joined": [Event.JOIN], "completed": [Event.COMPLETE], "cancelled": [Event.CANCEL]}.get(
            moment, []
        ):
            presses(talk, event)
    for who, sid in (("customer", talk.customers), ("first", ANNAS), ("second", talk.second())):
        if who in leaver:
            talk.hangs_up(sid)
    for _ in range(4):
        talk.settle(later=20)

    is_settled(talk, moment, leaver)


def is_settled(talk: Exchange, moment: str, leaver: str) -> None:
    call = stored(talk)
    people = {one["call_sid"] for one in talk.room.people.values()} if talk.room else set()
    if talk.customers not in talk.lives:
        assert call.state == CallState.ENDED, (moment, leaver)
        assert call.outcome is not None
    elif talk.customers in people:
        others = people - {talk.customers}
        assert others, f"alone in the room: {moment} {leaver}"
        assert talk.labels()["leg0"] is False or row(talk).ended_at is None
    else:
        # On with the ladder: somebody rings for them, or they hear what is promised.
        with db.reading() as session:
            call = session.get_one(Call, talk.customers)
        assert call.state in (CallState.RINGING, CallState.WAITING, CallState.PROMISING), (moment, leaver)
    for agent in ("anna", "bram"):
        if call.state == CallState.ENDED and not people:
            assert activity(agent) in (Activity.IDLE, Activity.WRAPPING_UP), (moment, leaver, agent)


def test_a_line_that_drops_within_a_hand_over_is_rung_back_by_the_same_agent(talk: Exchange) -> None:
    begins(talk)
    talk.picks_up()
    talk.settle()

    talk.hangs_up(talk.customers, "failed")
    talk.settle()

    with db.reading() as session:
        promise = session.scalars(select(Promise)).one()
        assert promise.agent == "anna"
        if talk.placed:
            # What she rang for isn't kept yet.
            assert promise.state == PromiseState.DUE
            assert promise.next_at is not None
            assert promise.next_at - datetime.now(UTC) < timedelta(minutes=1)
        else:
            assert promise.origin == f"dropped:{talk.sid}"
            assert promise.due_at - datetime.now(UTC) < timedelta(minutes=2)
    # Her telephone is free to be rung; the colleague has nobody to wait for.
    assert talk.lives == set()
    last = told("bram", "transfer")[-1]
    assert (last["outcome"], last["promise"]) == ("customer_left", promise.id)


def test_a_hold_that_is_over_leaves_a_conversation_like_any(talk: Exchange) -> None:
    def holds(*, on: bool) -> None:
        with db.transaction() as session:
            call = held(session, talk.sid)
            holding.hold(session, call, "anna", datetime.now(UTC), on=on)
        talk.settle()

    holds(on=True)
    assert talk.labels() == {"leg1": False, "leg0": True}
    assert "Anna is zo weer bij u" in talk.listens(talk.customers)
    assert talk.room is not None
    assert talk.room.people["leg1"]["end_conference_on_exit"] is False
    holds(on=False)
    assert talk.labels() == {"leg1": False, "leg0": False}
    assert talk.room.people["leg1"]["end_conference_on_exit"] is True

    talk.hangs_up(ANNAS)
    talk.settle()

    assert (stored(talk).outcome, talk.lives) == (Outcome.TALKED, set())


def test_nobody_hangs_up_on_who_is_on_hold(talk: Exchange) -> None:
    with db.transaction() as session:
        holding.hold(session, held(session, talk.sid), "anna", datetime.now(UTC), on=True)
    talk.settle()
    talk.hangs_up(ANNAS)
    talk.settle()

    with db.reading() as session:
        call = session.get_one(Call, talk.customers)
    assert (call.state, call.bridged_to) == (CallState.RINGING, None)
    assert talk.customers in talk.lives


@only("came in")
def test_a_keeper_that_could_not_do_its_work_comes_back_in_a_moment(talk: Exchange) -> None:
    begins(talk)
    now = datetime.now(UTC)
    with db.transaction() as session:
        session.execute(update(CallRoom).values(look_at=now))
    a_fault_of_ours = cast(Carrier, object())

    rooms_job.keep_due(a_fault_of_ours, Deployment.of(talk.settings), now)

    with db.reading() as session:
        look_at = session.scalars(select(CallRoom.look_at)).one()
    assert look_at is not None
    assert look_at - now < timedelta(seconds=3)


def test_who_hangs_up_on_the_way_into_the_room_is_not_waited_for(talk: Exchange, fake: FakeCarrier) -> None:
    talk.never_arrive.add(ANNAS)
    begins(talk)
    fake.knows(ANNAS, "completed")
    talk.settle(later=3)

    assert "Er wordt een collega voor u gebeld" in talk.listens(talk.customers)
    talk.picks_up()
    talk.settle()
    assert talk.labels() == CUSTOMER_AND_BRAM
