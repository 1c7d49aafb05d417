"""Does a room connect, hold, coach and end as with Twilio?"""

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client
from twilio.rest.api.v2010.account.conference import ConferenceContext

from phonebox.client import Phonebox, PhoneCall
from tests.phonebox.scripted import Answer, App

LINE = "+31880001111"
ADA = "+31612345678"
ANNA, BEN = "client:anna", "client:ben"
EVENTS = 'statusCallback="/room" statusCallbackEvent="start end join leave mute hold modify"'


@pytest.fixture
def warm(app: App, phone: Phonebox, twilio: Client) -> PhoneCall:
    """Ada and Anna talk in a room; Ben's softphone is there."""
    app.on(
        "/voice/incoming",
        f'<Dial action="/after"><Conference {EVENTS} waitUrl="/music" participantLabel="customer">'
        "kamer-1</Conference></Dial>",
    )
    app.on("/music", "<Say>Een ogenblik.</Say>")
    app.on("/after", "<Say>Einde.</Say>")
    phone.endpoint(ANNA).register(behaviour="answer")
    phone.endpoint(BEN).register(behaviour="answer")
    call = phone.call_in(ADA, LINE)
    call.wait("caption:Een ogenblik")
    twilio.conferences("kamer-1").participants.create(
        from_=LINE, to=ANNA, label="anna", end_conference_on_exit=True
    )
    call.wait(f"bridged:{ANNA}")
    return call


def events(app: App) -> list[str]:
    """Return the room's events as they were told."""
    return [each.form["StatusCallbackEvent"] for each in app.at("/room")]


def test_a_room_starts_with_the_second_and_ends_with_the_one_who_closes_it(
    app: App, phone: Phonebox, warm: PhoneCall
) -> None:
    assert warm.said == ["Een ogenblik."]

    phone.endpoint(ANNA).hang_up()
    warm.wait("settled")
    # The room's end is told beside the calls'.
    app.wait_for("/room", 6)

    assert events(app) == [
        "participant-join",
        "participant-join",
        "conference-start",
        "participant-leave",
        "participant-leave",
        "conference-end",
    ]
    first, end = app.at("/room")[0].form, app.at("/room")[-1].form
    assert (first["ParticipantLabel"], first["Muted"], first["Hold"]) == ("customer", "false", "false")
    assert end["ReasonConferenceEnded"] == "participant-with-end-conference-on-exit-left"
    after = app.at("/after")[0].form
    assert after["DialCallStatus"] == "answered"
    assert "DialCallSid" not in after
    assert "DialCallDuration" not in after
    assert warm.said == ["Een ogenblik.", "Einde."]


def test_a_warm_hand_over_keeps_the_customer_in_good_hands(
    app: App, phone: Phonebox, twilio: Client, warm: PhoneCall
) -> None:
    app.on("/hold", "<Say>Ben komt er zo bij.</Say>")
    (conference,) = twilio.conferences.list(status="in-progress")
    room = twilio.conferences(conference.sid)
    anna, ben = phone.endpoint(ANNA), phone.endpoint(BEN)

    room.participants("customer").update(hold=True, hold_url=f"{app.url}/hold")
    warm.wait("caption:Ben komt er zo bij.")
    created = room.participants.create(from_=LINE, to=BEN, label="ben", end_conference_on_exit=True)
    ben.wait("bridged")
    anna.say("Het gaat over haar vergunning.")
    assert "vergunning" in str(ben.state()["talking"])
    assert "vergunning" not in str(warm.captions)

    room.participants("customer").update(hold=False)
    warm.wait(f"bridged:{BEN}")
    room.participants("anna").update(end_conference_on_exit=False)
    anna.hang_up()
    ben.say("Goedemiddag, met Ben.")
    warm.wait("caption:met Ben")

    assert not warm.state()["ended"]
    assert created.label == "ben"
    people = {each.label: each.hold for each in room.participants.list()}
    assert people == {"customer": False, "ben": False}
    ben.hang_up()
    warm.wait("settled")
    assert "participant-hold" in events(app)
    assert "participant-modify" in events(app)


def test_a_coach_is_heard_by_the_coached_alone(
    app: App, phone: Phonebox, twilio: Client, warm: PhoneCall
) -> None:
    (conference,) = twilio.conferences.list(friendly_name="kamer-1")
    room = twilio.conferences(conference.sid)
    anna_sid = room.participants("anna").fetch().call_sid
    room.participants.create(from_=LINE, to=BEN, label="chef", coaching=True, call_sid_to_coach=anna_sid)
    ben = phone.endpoint(BEN)
    ben.wait("talking")
    app.wait_for("/room", 4)

    ben.say("Bied een terugbelafspraak aan.")

    assert "terugbelafspraak" in str(phone.endpoint(ANNA).state()["talking"])
    assert "terugbelafspraak" not in str(warm.captions)
    assert BEN not in warm.bridged_to


def test_a_muted_participant_is_not_heard(app: App, phone: Phonebox, twilio: Client, warm: PhoneCall) -> None:
    (conference,) = twilio.conferences.list()
    twilio.conferences(conference.sid).participants("anna").update(muted=True)

    phone.endpoint(ANNA).say("Hoort u mij?")

    assert "Hoort u mij?" not in str(warm.captions)
    app.wait_for("/room", 4)
    assert events(app)[-1] == "participant-mute"


def test_a_participant_can_be_put_out_and_a_room_closed(
    app: App, phone: Phonebox, twilio: Client, warm: PhoneCall
) -> None:
    (conference,) = twilio.conferences.list()
    room = twilio.conferences(conference.sid)
    room.participants("anna").update(end_conference_on_exit=False)

    assert room.participants("anna").delete()
    phone.endpoint(ANNA).wait("idle")
    assert room.fetch().status == "in-progress"
    assert room.update(status="completed").status == "completed"
    warm.wait("ended")

    assert warm.said[-1] == "Einde."


def test_labels_are_unique_in_a_room(twilio: Client, warm: PhoneCall) -> None:
    (conference,) = twilio.conferences.list()

    with pytest.raises(TwilioRestException) as refused:
        twilio.conferences(conference.sid).participants.create(from_=LINE, to=BEN, label="anna")

    assert refused.value.code == 16025


def test_somebody_who_does_not_pick_up_never_was_in_the_room(
    app: App, phone: Phonebox, twilio: Client, warm: PhoneCall
) -> None:
    phone.endpoint(BEN).register(behaviour="decline")
    (conference,) = twilio.conferences.list()
    room = twilio.conferences(conference.sid)

    created = room.participants.create(
        from_=LINE, to=BEN, label="ben", status_callback=f"{app.url}/leg", status_callback_event=["completed"]
    )
    assert created.status in ("queued", "connecting", "ringing")
    assert app.wait_for("/leg")[0].form["CallStatus"] == "busy"

    assert [each.label for each in room.participants.list()] == ["customer", "anna"]


def test_an_announcement_is_heard_by_one_alone(
    app: App, phone: Phonebox, twilio: Client, warm: PhoneCall
) -> None:
    app.on("/announce", "<Say>Dit gesprek wordt beluisterd.</Say>")
    (conference,) = twilio.conferences.list()

    twilio.conferences(conference.sid).participants("customer").update(announce_url=f"{app.url}/announce")
    warm.wait("caption:beluisterd")

    assert "beluisterd" not in str(phone.endpoint(ANNA).state()["talking"])


@pytest.fixture
def room(twilio: Client, warm: PhoneCall) -> ConferenceContext:
    """The room in which Ada and Anna talk."""
    return twilio.conferences(twilio.conferences.list(friendly_name="kamer-1")[0].sid)


def test_who_is_on_hold_keeps_their_flag_without_a_word_of_refusal(
    app: App, room: ConferenceContext, warm: PhoneCall
) -> None:
    app.on("/hold", "<Say>Een ogenblik.</Say>")
    anna = room.participants("anna")

    anna.update(hold=True, hold_url=f"{app.url}/hold")
    assert anna.update(end_conference_on_exit=False).end_conference_on_exit
    assert anna.fetch().end_conference_on_exit
    anna.update(hold=False)
    assert not anna.update(end_conference_on_exit=False).end_conference_on_exit
    app.wait_for("/room", 6)

    assert events(app).count("participant-modify") == 1


def test_whatever_is_neither_true_nor_false_is_false(room: ConferenceContext, phone: Phonebox) -> None:
    room.participants("anna").update(muted=True)

    changed = room.participants("anna").update(muted="ja", end_conference_on_exit="1")

    assert not changed.muted
    assert not changed.end_conference_on_exit
    assert "read as false" in str(phone.debugger())


def test_a_room_is_found_by_its_sid_and_by_its_name_only_to_ring_somebody_into_it(
    twilio: Client, room: ConferenceContext
) -> None:
    with pytest.raises(TwilioRestException) as refused:
        twilio.conferences("kamer-1").participants("anna").fetch()

    assert refused.value.status in (400, 404)


def test_who_rings_is_a_participant_that_can_be_called_off(
    phone: Phonebox, room: ConferenceContext, warm: PhoneCall
) -> None:
    ben = phone.endpoint(BEN).register(behaviour="manual")

    created = room.participants.create(from_=LINE, to=f"{BEN}?case=7", label="ben")
    ringing = ben.wait("ringing")["ringing"][0]

    assert ringing["parameters"] == {"case": "7"}
    assert [each.label for each in room.participants.list()] == ["customer", "anna", "ben"]
    assert room.participants("ben").delete()
    ben.wait("idle")
    assert phone.call(created.call_sid).status == "canceled"
    assert warm.company == [ANNA]


def test_who_is_on_hold_hears_a_document_once_and_then_nothing_and_nothing_in_it_ends_the_call(
    app: App, room: ConferenceContext, warm: PhoneCall
) -> None:
    app.on("/hold", "<Say>Ik ben zo terug.</Say><Hangup/>")

    room.participants("customer").update(hold=True, hold_url=f"{app.url}/hold")
    warm.wait("kind:silence")
    room.participants("customer").update(hold=False)
    warm.wait(f"company:{ANNA}")

    kinds = [each["kind"] for each in warm.heard]
    assert kinds[-3:] == ["sentence", "nothing", "people"]
    assert len(app.at("/hold")) == 1
    assert app.at("/hold")[0].method == "GET"
    assert warm.state()["music"] == 0


def test_hold_without_an_address_is_music(room: ConferenceContext, warm: PhoneCall) -> None:
    room.participants("customer").update(hold=True)
    warm.wait("kind:music")

    assert warm.heard[-1]["kind"] == "music"


def test_an_empty_wait_address_is_silence_and_one_that_fails_opens_no_room(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", '<Dial><Conference waitUrl="">stil</Conference></Dial>')
    ada = phone.call_in(ADA, LINE)
    ada.wait("kind:silence")

    app.on("/voice/incoming", '<Dial><Conference waitUrl="/gone">weg</Conference></Dial>', "<Say>Toch.</Say>")
    app.on("/gone", answer=Answer("weg", status=500))
    bob = phone.call_in("+31687654321", LINE)
    bob.wait("caption:Toch.")

    assert [each["name"] for each in phone.conferences() if each["participants"]] == ["stil"]


def test_a_leg_of_a_bridge_goes_into_a_room_and_the_other_follows_through_the_action(
    app: App, phone: Phonebox, twilio: Client
) -> None:
    """Nobody hangs up: the called leg is redirected, and the caller's action comes, without a duration."""
    into = '<Dial action="/done"><Conference waitUrl="" beep="false">{}</Conference></Dial>'
    app.on("/voice/incoming", '<Dial action="/after" answerOnBridge="true"><Client>anna</Client></Dial>')
    app.on("/after", into.format("kamer-2"))
    app.on("/into", into.format("kamer-2"))
    phone.endpoint(ANNA).register(behaviour="answer")
    call = phone.call_in(ADA, LINE)
    call.wait(f"bridged:{ANNA}")
    anna = phone.endpoint(ANNA).state()["talking"][0]["sid"]

    twilio.calls(anna).update(url=f"{app.url}/into", method="POST")
    app.wait_for("/after")
    call.wait(f"company:{ANNA}")

    told = app.at("/after")[0].form
    assert (told["DialCallStatus"], told["DialBridged"]) == ("completed", "true")
    assert "DialCallDuration" not in told
    assert [len(each["participants"]) for each in phone.conferences()] == [2]
    assert "music" not in [each["kind"] for each in call.heard]


def test_a_call_taken_out_of_a_room_is_first_asked_for_its_action(
    app: App, twilio: Client, warm: PhoneCall
) -> None:
    app.on("/elsewhere", "<Say>Elders.</Say><Pause length='600'/>")

    twilio.calls(warm.sid).update(url=f"{app.url}/elsewhere", method="POST")
    warm.wait("caption:Elders.")

    assert app.at("/after")[0].form["DialCallStatus"] == "answered"
    assert warm.said == ["Een ogenblik.", "Elders."]
    app.wait_for("/room", 4)
    assert events(app)[-1] == "participant-leave"


def test_the_star_leaves_a_room_where_the_dial_says_so(app: App, phone: Phonebox) -> None:
    app.on(
        "/voice/incoming", '<Dial hangupOnStar="true"><Conference>ster</Conference></Dial>', "<Say>Weg.</Say>"
    )
    call = phone.call_in(ADA, LINE)
    call.wait("kind:conference")

    call.press("*")

    call.wait("caption:Weg.")


def test_events_of_a_room_overtake_each_other_when_a_fault_says_so(
    app: App, phone: Phonebox, room: ConferenceContext
) -> None:
    app.wait_for("/room", 3)
    phone.fault("/room", "out_of_order", seconds=3, times=2)

    room.participants("anna").update(muted=True)
    room.participants("anna").update(muted=False)
    app.wait_for("/room", 5)

    assert events(app)[-2:] == ["participant-unmute", "participant-mute"]
    numbers = [int(each.form["SequenceNumber"]) for each in app.at("/room")]
    assert numbers == [1, 2, 3, 5, 4]


def test_coaching_needs_somebody_to_coach(room: ConferenceContext) -> None:
    with pytest.raises(TwilioRestException, match="CallSidToCoach"):
        room.participants("anna").update(coaching=True)

    anna = room.participants("anna").fetch().call_sid
    assert room.participants("customer").update(call_sid_to_coach=anna).coaching
