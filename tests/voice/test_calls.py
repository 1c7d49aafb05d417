"""What happens to each kind of caller? One call each, told by the webhooks that the carrier sends."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import delete, select

from app import db
from app.agents import presence
from app.callers import history
from app.deployment import Deployment
from app.records.agents import Activity, DeskEvent, Intent, Presence, Reach
from app.records.callers import Channel, Contact, Direction
from app.records.calls import Call, CallState, Inbox, Outcome
from app.records.promises import Promise, PromiseState
from app.voice import call_control
from config import Settings
from tests import factories
from tests.factories import ADA, BEN
from tests.telephone import Another, Line


@pytest.fixture(autouse=True)
def town(flask_app: Flask) -> None:
    """A line, Anna who handled Ada's case last, Bram who did before her, and Carla of the team."""
    with db.transaction() as session:
        factories.line(session)
        factories.agent(session, "anna")
        factories.agent(session, "bram")
        factories.agent(session, "carla")
        factories.customer(session, "ada", ADA)
        factories.case(session, "Z1", "ada", handled_by=("bram", "anna"))


def status(agent: str) -> Presence:
    with db.transaction() as session:
        found = session.get_one(Presence, agent)
        session.expunge_all()
        return found


def stored(call: Line) -> Call:
    with db.transaction() as session:
        found = session.get_one(Call, call.sid)
        session.expunge_all()
        return found


def events(agent: str) -> list[tuple[str, dict]]:
    with db.transaction() as session:
        rows = session.scalars(
            select(DeskEvent).where(DeskEvent.agent == agent).order_by(DeskEvent.number)
        ).all()
        return [(row.kind, row.data) for row in rows]


def promises() -> list[Promise]:
    with db.transaction() as session:
        found = list(session.scalars(select(Promise)))
        session.expunge_all()
        return found


def change(agent: str, **values: object) -> None:
    with db.transaction() as session:
        found = session.get_one(Presence, agent)
        for name, value in values.items():
            setattr(found, name, value)


def test_a_known_caller_rings_the_owner_at_once_without_a_machine_voice(call: Line) -> None:
    call.comes_in()

    assert call.verbs == ["Dial"]
    assert call.rings == "client:anna"
    assert call.attribute("Dial", "answerOnBridge") == "true"
    parameters = {one.attrib["name"]: one.attrib["value"] for one in call.reply.iter("Parameter")}
    assert parameters == {"call_sid": call.sid, "case": "Z1", "customer": "ada"}


def forget_answer(call: Line, request: str) -> None:
    with db.transaction() as session:
        session.execute(delete(Inbox).where(Inbox.call_sid == call.sid, Inbox.request == request))


def test_the_first_step_is_found_as_what_was_answered_when_the_call_came_in(call: Line) -> None:
    first = call.comes_in().raw

    call.post(f"/voice/calls/{call.sid}/1")
    assert call.raw == first

    call.hangs_up()
    call.post(f"/voice/calls/{call.sid}/1")
    assert call.verbs == ["Hangup"]


def test_what_is_answered_is_written_down_once(call: Line, another: Another) -> None:
    for one in (call.comes_in(), another(from_="anonymous").comes_in()):
        with db.transaction() as session:
            requests = list(session.scalars(select(Inbox.request).where(Inbox.call_sid == one.sid)))
        assert requests == ["incoming"]


def test_no_later_step_is_answered_as_the_call_was_when_it_came_in(call: Line) -> None:
    call.comes_in().dial_ends("no-answer", DialBridged="false")
    assert call.rings == "client:bram"
    forget_answer(call, "step/2")

    call.post(f"/voice/calls/{call.sid}/2")
    assert call.rings is None


def test_the_pop_is_in_the_owners_log_before_the_webhook_is_answered(call: Line) -> None:
    call.comes_in()

    kind, pop = events("anna")[-1]
    assert kind == "screen_pop"
    assert pop["call_sid"] == call.sid
    assert pop["case"]["case"] == "Z1"
    assert pop["last_contact"]["summary"] == "Laatste woorden van anna."
    assert pop["verified"] is False
    assert status("anna").activity == Activity.RESERVED


@pytest.mark.parametrize(
    "spelling",
    [
        *(
            "0612345678",
            "0031612345678",
            "+31612345678",
            "31 6 1234 5678",
            "+31 (0)6 12345678",
            "06-12345678",
        ),
        *(" 31612345678", "\u202a+31 6 12345678\u202c"),
        *("tel:+31612345678", "sip:+31612345678@carrier.nl", "sip:0612345678@carrier.nl:5060;user=phone"),
    ],
)
def test_every_spelling_of_a_number_is_the_same_caller(another: Another, spelling: str) -> None:
    call = another(from_=spelling).comes_in()
    assert (stored(call).customer, call.rings) == ("ada", "client:anna")


def test_a_conversation_leaves_a_contact_and_the_agent_wraps_up(call: Line) -> None:
    call.comes_in().talks()
    assert status("anna").activity == Activity.TALKING
    assert stored(call).state == CallState.TALKING

    call.dial_ends("completed", DialBridged="true", DialCallDuration="64")

    assert call.verbs == ["Hangup"]
    assert status("anna").activity == Activity.WRAPPING_UP
    call.hangs_up()
    ended = stored(call)
    assert (ended.state, ended.outcome, ended.bridged_to) == (CallState.ENDED, Outcome.TALKED, "anna")
    assert promises() == []


def test_the_owner_in_a_call_is_told_of_truthfully_and_the_caller_may_wait_or_hang_up(
    call: Line, another: Another
) -> None:
    another(from_=BEN).comes_in()  # takes Carla or Bram, not Anna
    change("anna", activity=Activity.TALKING, call_sid="CA0", fence=1)

    call.comes_in()

    assert call.verbs == ["Say", "Enqueue"]
    assert "Anna is nog in gesprek" in call.said
    assert re.search(r"Of u hangt gewoon op: dan belt Anna u \w+ vóór [\w ]+ terug", call.said)
    [promise] = promises()
    assert (promise.number, promise.agent, promise.state) == (ADA, "anna", PromiseState.OPEN)


def test_whoever_waits_is_connected_when_the_owner_is_free(call: Line) -> None:
    change("anna", activity=Activity.TALKING, call_sid="CA0", fence=1)
    call.comes_in()
    call.post(call.attribute("Enqueue", "waitUrl"), context="wait")
    assert call.verbs == ["Play", "Pause"]
    wait_url = f"/voice/calls/{call.sid}/1/wait"

    change("anna", activity=Activity.IDLE, call_sid=None)
    call.post(wait_url, context="wait")

    assert call.verbs == ["Leave"]
    call.post(f"/voice/calls/{call.sid}/1/left", QueueResult="leave")
    assert call.rings == "client:anna"
    call.talks()
    assert promises()[0].state == PromiseState.MERGED


def test_hanging_up_while_waiting_leaves_the_promise_that_was_spoken(call: Line) -> None:
    change("anna", activity=Activity.TALKING, call_sid="CA0", fence=1)
    call.comes_in()

    call.post(call.attribute("Enqueue", "action"), QueueResult="hangup", CallStatus="completed")
    call.hangs_up()

    [promise] = promises()
    assert (promise.state, promise.agent) == (PromiseState.OPEN, "anna")
    assert stored(call).outcome == Outcome.PROMISED


@pytest.mark.parametrize(
    ("change_to", "sentence"),
    [
        ({"intent": Intent.BREAK}, "Anna heeft even pauze."),
        ({"intent": Intent.OFF}, "Anna is er op dit moment niet."),
        ({"intent": Intent.AWAY}, "Anna is er op dit moment niet."),
        ({"heartbeat_at": None}, "Anna is op dit moment niet te bereiken."),
    ],
)
def test_an_owner_who_is_not_there_is_said_so_and_who_knows_the_case_is_rung(
    call: Line, change_to: dict, sentence: str
) -> None:
    change("anna", **change_to)

    call.comes_in()

    assert call.said == f"{sentence} Ik verbind u door met Bram."
    assert call.rings == "client:bram"
    pop = events("bram")[-1][1]
    assert pop["last_contact"] == pop["last_contact"] | {
        "agent": "anna",
        "summary": "Laatste woorden van anna.",
    }


def test_an_owner_who_does_not_pick_up_is_away_and_not_rung_again_for_this_call(call: Line) -> None:
    call.comes_in().leg("ringing")

    call.dial_ends("no-answer")

    assert (status("anna").intent, status("anna").intent_why) == (Intent.AWAY, "unanswered_ring")
    assert call.said == "Anna neemt nu niet op. Ik verbind u door met Bram."
    assert call.rings == "client:bram"
    change("anna", intent=Intent.AVAILABLE, heartbeat_at=datetime.now(UTC))
    call.leg("ringing")
    call.dial_ends("no-answer")
    assert call.rings == "client:carla"
    call.leg("ringing")
    call.dial_ends("no-answer")
    assert call.rings is None
    assert re.search(r"Anna belt u \w+ vóór [\w ]+ terug", call.said)


def test_an_owner_who_declines_with_a_reason_is_excused_and_the_colleague_rings(
    call: Line, settings: Settings
) -> None:
    call.comes_in().leg("ringing")

    with db.transaction() as session:
        now = datetime.now(UTC)
        assert call_control.decline(session, call.sid, "anna", "meeting", now, Deployment.of(settings))
    call.post(f"/voice/calls/{call.sid}/2")

    assert call.said == "Anna zit in een gesprek of overleg. Ik verbind u door met Bram."
    assert call.rings == "client:bram"
    assert status("anna").intent == Intent.AVAILABLE


def test_a_withheld_number_reaches_the_team_and_shows_nobody(another: Another) -> None:
    call = another(from_="anonymous").comes_in()

    assert call.verbs == ["Dial"]
    rung = str(call.rings).removeprefix("client:")
    assert events(rung)[-1][1]["customers"] == []
    assert call.attribute("Dial", "callerId") == factories.LINE


def test_a_shared_number_rings_the_likelier_owner_and_shows_both_customers(call: Line) -> None:
    with db.transaction() as session:
        factories.customer(session, "bob", ADA)
        factories.case(
            session, "Z2", "bob", handled_by=("carla",), handled_at=datetime.now(UTC) - timedelta(hours=1)
        )

    call.comes_in()

    assert call.rings == "client:carla"
    assert [one["customer"] for one in events("carla")[-1][1]["customers"]] == ["bob", "ada"]


def test_of_two_open_cases_the_last_handled_one_counts_and_the_other_is_on_the_card(call: Line) -> None:
    with db.transaction() as session:
        factories.case(
            session, "Z2", "ada", handled_by=("carla",), handled_at=datetime.now(UTC) - timedelta(hours=1)
        )

    call.comes_in()

    assert call.rings == "client:carla"
    pop = events("carla")[-1][1]
    assert pop["case"]["case"] == "Z2"
    assert [one["case"] for one in pop["customers"][0]["cases"]] == ["Z2", "Z1"]


def test_an_owner_who_left_is_never_rung_and_not_spoken_of(call: Line) -> None:
    with db.transaction() as session:
        session.get_one(factories.Agent, "anna").enabled = False

    call.comes_in()

    assert call.verbs == ["Dial"]
    assert call.rings == "client:bram"


def test_an_ordinary_phone_counts_only_when_its_human_accepts(call: Line) -> None:
    with db.transaction() as session:
        session.get_one(factories.Agent, "anna").phone = "+31201112233"
    change("anna", reach=Reach.PHONE)
    call.comes_in()
    assert call.rings == "+31201112233"
    whisper, action = call.attribute("Number", "url"), call.attribute("Dial", "action")
    call.leg("ringing")
    call.leg("in-progress")
    assert stored(call).state == CallState.RINGING

    call.post(whisper, context="whisper", CallSid="CA" + "e" * 32)
    assert "Gesprek voor Anna" in call.said
    call.post(call.attribute("Gather", "action"), context="whisper", Digits="1")
    assert call.verbs == []
    assert stored(call).state == CallState.TALKING

    call.post(action, DialCallStatus="completed", DialBridged="true")
    assert stored(call).outcome == Outcome.TALKED


def accepts_on_a_phone(call: Line) -> None:
    """Anna, who is rung on her ordinary phone, says yes."""
    with db.transaction() as session:
        session.get_one(factories.Agent, "anna").phone = "+31201112233"
    change("anna", reach=Reach.PHONE)
    call.comes_in()
    action, document = call.attribute("Dial", "action"), call.reply
    call.leg("ringing")
    call.post(call.attribute("Number", "url"), context="whisper", CallSid="CA" + "e" * 32)
    call.post(call.attribute("Gather", "action"), context="whisper", Digits="1")
    assert stored(call).state == CallState.TALKING
    call.reply = document
    assert call.attribute("Dial", "action") == action


NEVER_PUT_THROUGH = [
    {"DialCallStatus": "completed", "DialBridged": "false", "DialCallDuration": "12"},
    {"DialCallStatus": "failed", "DialBridged": "false"},
    {"DialCallStatus": "no-answer", "DialCallDuration": "0"},
    {"DialCallStatus": "no-answer"},
]


@pytest.mark.parametrize("said", NEVER_PUT_THROUGH)
def test_a_caller_who_was_never_put_through_to_who_said_yes_goes_on_and_is_still_owed(
    call: Line, said: dict[str, str]
) -> None:
    with db.transaction() as session:
        now = datetime.now(UTC)
        owed = factories.promise(
            session, number=ADA, agent="anna", due_at=now + timedelta(hours=2), now=now - timedelta(hours=1)
        ).id
    accepts_on_a_phone(call)
    assert promises()[0].state == PromiseState.MERGED

    call.post(call.attribute("Dial", "action"), **said)

    assert call.rings == "client:bram"
    assert [(one.id, one.state) for one in promises()] == [(owed, PromiseState.OPEN)]
    assert status("anna").activity == Activity.IDLE
    kept = stored(call)
    assert (kept.state, kept.bridged_to, kept.bridged_at) == (CallState.RINGING, None, None)
    call.talks().hangs_up()
    ended = stored(call)
    assert (ended.outcome, ended.bridged_to) == (Outcome.TALKED, "bram")
    assert promises()[0].state == PromiseState.MERGED


@pytest.mark.parametrize(
    ("seconds", "noted", "state"),
    [
        ("1", "", PromiseState.OPEN),
        ("1", "Ze hing op, is geregeld", PromiseState.MERGED),
        ("64", "", PromiseState.MERGED),
    ],
)
@pytest.mark.parametrize("end_is_told_first", [False, True])
def test_a_second_of_picking_up_settles_nothing(
    call: Line, seconds: str, noted: str, state: PromiseState, end_is_told_first: bool
) -> None:
    now = datetime.now(UTC)
    with db.transaction() as session:
        factories.promise(
            session, number=ADA, agent="anna", due_at=now + timedelta(hours=2), now=now - timedelta(hours=1)
        )
    call.comes_in().talks()
    if noted:
        with db.transaction() as session:
            call_control.save_notes(session, call.sid, "anna", outcome="", summary=noted, now=now)

    if end_is_told_first:
        call.hangs_up()
    call.dial_ends("completed", CallStatus="completed", DialBridged="true", DialCallDuration=seconds)

    assert [promise.state for promise in promises()] == [state]
    assert stored(call).outcome == Outcome.TALKED


def test_what_the_agent_notes_of_a_short_conversation_settles_what_was_owed(call: Line) -> None:
    now = datetime.now(UTC)
    with db.transaction() as session:
        factories.promise(
            session, number=ADA, agent="anna", due_at=now + timedelta(hours=2), now=now - timedelta(hours=1)
        )
    call.comes_in().talks()
    call.dial_ends("completed", DialBridged="true", DialCallDuration="3")
    assert [promise.state for promise in promises()] == [PromiseState.OPEN]

    with db.transaction() as session:
        call_control.save_notes(session, call.sid, "anna", outcome="waiting", summary="", now=now)

    assert [promise.state for promise in promises()] == [PromiseState.MERGED]


def test_a_conversation_with_another_customer_of_the_number_leaves_what_is_owed(call: Line) -> None:
    now = datetime.now(UTC)
    with db.transaction() as session:
        factories.customer(session, "eva", ADA)
        factories.promise(
            session,
            number=ADA,
            customer="ada",
            agent="anna",
            due_at=now + timedelta(hours=2),
            now=now - timedelta(hours=1),
        )
    call.comes_in().talks()
    assert promises()[0].state == PromiseState.MERGED

    with db.transaction() as session:
        call_control.pick(session, call.sid, "anna", "eva", None, now)
    call.dial_ends("completed", DialBridged="true", DialCallDuration="60")
    call.hangs_up()

    assert [(promise.customer, promise.state) for promise in promises()] == [("ada", PromiseState.OPEN)]


@pytest.mark.parametrize("said", NEVER_PUT_THROUGH)
@pytest.mark.parametrize("end_is_told_first", [False, True])
def test_a_caller_who_left_before_they_were_put_through_is_promised_a_callback(
    call: Line, said: dict[str, str], end_is_told_first: bool
) -> None:
    accepts_on_a_phone(call)
    action = call.attribute("Dial", "action")

    if end_is_told_first:
        call.hangs_up()
    call.post(action, CallStatus="completed", **said)
    if not end_is_told_first:
        call.hangs_up()

    [promise] = promises()
    assert promise.state == PromiseState.OPEN
    assert (stored(call).outcome, stored(call).bridged_at) == (Outcome.MISSED_PROMISED, None)
    with db.transaction() as session:
        assert session.get(Contact, f"call:{call.sid}") is None


def test_a_voicemail_is_no_answer(call: Line) -> None:
    with db.transaction() as session:
        session.get_one(factories.Agent, "anna").phone = "+31201112233"
    change("anna", reach=Reach.PHONE)
    call.comes_in().leg("ringing")

    call.dial_ends("completed", DialBridged="false")

    assert status("anna").intent == Intent.AWAY
    assert call.rings == "client:bram"


def test_outside_hours_the_caller_hears_when_we_open_and_a_promise(call: Line) -> None:
    with db.transaction() as session:
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%a")[:2]
        line = session.get_one(factories.Line, factories.LINE)
        # A country without known holidays, or this test would fail before one.
        line.hours, line.country = f"{tomorrow} 09:00-17:00", "XX"

    call.comes_in()

    assert call.verbs == ["Say", "Gather"]
    assert "We zijn nu gesloten." in call.said
    assert "om negen uur weer open" in call.said
    assert "vóór tien uur" in call.said
    assert promises()[0].state == PromiseState.OPEN


def test_a_caller_who_hangs_up_while_it_rings_is_owed_a_call_by_the_owner(call: Line) -> None:
    call.comes_in().leg("ringing")

    call.post("/voice/status", CallStatus="no-answer")

    assert status("anna").activity == Activity.IDLE
    assert status("anna").intent == Intent.AVAILABLE
    assert stored(call).outcome == Outcome.MISSED_PROMISED
    assert [(one.agent, one.number) for one in promises()] == [("anna", ADA)]
    assert events("anna")[-1] == ("call", {"call_sid": call.sid, "state": "ended"})


def test_the_same_webhook_gets_the_same_bytes_and_reserves_once(call: Line) -> None:
    first = call.post("/voice/incoming", CallStatus="ringing").data

    assert call.post("/voice/incoming", CallStatus="ringing").data == first
    assert [kind for kind, _ in events("anna")].count("screen_pop") == 1


def test_a_call_during_another_for_the_same_owner_waits_its_turn(another: Another) -> None:
    first, second = another().comes_in(), another().comes_in()

    assert first.rings == "client:anna"
    assert second.verbs == ["Say", "Enqueue"]


def test_presence_returns_when_the_wrap_up_is_over(call: Line) -> None:
    call.comes_in().talks()
    call.dial_ends("completed", DialBridged="true")

    with db.transaction() as session:
        assert presence.end_overdue_wrap_ups(session, datetime.now(UTC) + timedelta(minutes=1)) == ["anna"]

    assert status("anna").activity == Activity.IDLE


@pytest.mark.parametrize("owner_is_free", [True, False])
def test_a_contact_without_notes_does_not_hide_what_was_said_before_it(
    call: Line, owner_is_free: bool
) -> None:
    now = datetime.now(UTC)
    with db.transaction() as session:
        history.record(
            session,
            contact="silent",
            case="Z1",
            agent="carla",
            channel=Channel.CALL,
            direction=Direction.INBOUND,
            started_at=now - timedelta(hours=1),
        )
    if not owner_is_free:
        change("carla", intent=Intent.BREAK)

    call.comes_in()

    pop = events("carla" if owner_is_free else "anna")[-1][1]
    assert (pop["last_contact"]["agent"], pop["last_contact"]["summary"]) == (
        "carla",
        "Laatste woorden van anna.",
    )


@pytest.mark.parametrize("word", ["", "no-such-word"])
def test_a_ring_that_was_heard_and_ends_with_an_unreadable_word_is_nobodys_fault(
    call: Line, word: str
) -> None:
    call.comes_in()
    call.leg("ringing")

    call.dial_ends(word)

    assert call.rings == "client:bram"
    anna = status("anna")
    assert (anna.activity, anna.suspect_until, anna.intent) == (Activity.IDLE, None, Intent.AVAILABLE)


def test_a_ring_over_at_once_that_nobody_heard_is_a_broken_telephone_whatever_the_word(call: Line) -> None:
    call.comes_in()

    call.dial_ends("no-such-word")

    assert status("anna").suspect_until is not None
