"""Does a room connect, hold, coach and end as with Twilio?"""

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from phonebox.client import Phonebox, PhoneCall
from tests.phonebox.scripted import App

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
