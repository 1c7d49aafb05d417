"""Does the official client find at phonebox what it finds at Twilio?"""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from phonebox.client import PATIENCE_SECONDS, Phonebox
from phonebox.settings import (
    DEVELOPMENT_ACCOUNT_SID,
    DEVELOPMENT_API_KEY,
    DEVELOPMENT_API_SECRET,
    DEVELOPMENT_AUTH_TOKEN,
)
from tests.phonebox.scripted import App, OtherHost

LINE = "+31880001111"
ADA = "+31612345678"
ANNA = "client:anna"
ACCOUNT = f"/2010-04-01/Accounts/{DEVELOPMENT_ACCOUNT_SID}"
SIGN_IN = (DEVELOPMENT_ACCOUNT_SID, DEVELOPMENT_AUTH_TOKEN)


def test_wrong_credentials_are_refused_in_twilios_words(phone: Phonebox) -> None:
    stranger = Client(DEVELOPMENT_ACCOUNT_SID, "wrong", http_client=OtherHost(phone.base_url))

    with pytest.raises(TwilioRestException) as refused:
        stranger.calls("CA" + "0" * 32).fetch()

    assert (refused.value.status, refused.value.code) == (401, 20003)


def test_an_api_key_signs_in_as_well(phone: Phonebox) -> None:
    with_key = Client(
        DEVELOPMENT_API_KEY,
        DEVELOPMENT_API_SECRET,
        DEVELOPMENT_ACCOUNT_SID,
        http_client=OtherHost(phone.base_url),
    )

    assert with_key.api.accounts(DEVELOPMENT_ACCOUNT_SID).fetch().status == "active"
    assert with_key.calls.list() == []


def test_what_is_not_there_is_not_found(twilio: Client) -> None:
    for ask in (
        twilio.calls("CA" + "0" * 32).fetch,
        twilio.queues("QU" + "0" * 32).fetch,
        twilio.conferences("CF" + "0" * 32).fetch,
        twilio.messages("SM" + "0" * 32).fetch,
        twilio.incoming_phone_numbers("PN" + "0" * 32).fetch,
        twilio.recordings("RE" + "0" * 32).fetch,
    ):
        with pytest.raises(TwilioRestException) as refused:
            ask()
        assert (refused.value.status, refused.value.code) == (404, 20404)


def test_a_call_that_we_place_rings_and_runs_our_twiml(app: App, phone: Phonebox, twilio: Client) -> None:
    app.on("/talk", "<Say>Anna, u hebt een terugbelverzoek.</Say>")
    anna = phone.endpoint(ANNA).register()

    created = twilio.calls.create(
        to=ANNA,
        from_=LINE,
        url=f"{app.url}/talk",
        status_callback=f"{app.url}/progress",
        status_callback_event=["initiated", "ringing", "answered", "completed"],
    )
    assert created.status == "queued"
    anna.answer()
    call = phone.call(str(created.sid))
    call.wait("settled")

    assert call.said == ["Anna, u hebt een terugbelverzoek."]
    told = [each.form for each in app.at("/progress")]
    assert [each["CallStatus"] for each in told] == ["initiated", "ringing", "in-progress", "completed"]
    assert [each["SequenceNumber"] for each in told] == ["0", "1", "2", "3"]
    assert all(each["Direction"] == "outbound-api" for each in told)
    fetched = twilio.calls(created.sid).fetch()
    assert (fetched.status, fetched.direction, fetched.to) == ("completed", "outbound-api", ANNA)
    assert fetched.end_time is not None


def test_a_machine_that_answers_is_told_apart_where_that_was_asked(
    app: App, phone: Phonebox, twilio: Client
) -> None:
    app.on("/talk", "<Hangup/>")
    phone.endpoint(ADA).register(behaviour="voicemail", answer_after=1)

    twilio.calls.create(to=ADA, from_=LINE, url=f"{app.url}/talk", machine_detection="Enable")

    assert app.wait_for("/talk")[0].form["AnsweredBy"] == "machine_start"


def test_a_call_to_a_client_may_bring_parameters(app: App, phone: Phonebox, twilio: Client) -> None:
    app.on("/talk", "<Pause/>")
    anna = phone.endpoint(ANNA).register()

    created = twilio.calls.create(to=f"{ANNA}?call_sid=CB1&case=Z%201%262", from_=LINE, url=f"{app.url}/talk")

    assert anna.wait("ringing")["ringing"][0]["parameters"] == {"call_sid": "CB1", "case": "Z 1&2"}
    assert [call.sid for call in twilio.calls.list(to=ANNA)] == [created.sid]


@pytest.mark.parametrize(
    ("behaviour", "status"), [("busy", "busy"), ("decline", "busy"), ("no_answer", "no-answer")]
)
def test_a_call_that_nobody_takes_tells_so(
    app: App, phone: Phonebox, twilio: Client, behaviour: str, status: str
) -> None:
    phone.endpoint(ADA).register(behaviour=behaviour)

    created = twilio.calls.create(
        to=ADA, from_=LINE, twiml="<Response/>", timeout=5, status_callback=f"{app.url}/progress"
    )

    assert app.wait_for("/progress")[0].form["CallStatus"] == status
    assert twilio.calls(created.sid).fetch().status == status


def test_a_call_is_redirected_or_ended_while_it_lasts_and_not_after(
    app: App, phone: Phonebox, twilio: Client
) -> None:
    app.on("/voice/incoming", "<Say>Hallo.</Say><Pause length='600'/>")
    app.on("/other", "<Pause length='600'/>")
    call = phone.call_in(ADA, LINE)
    call.wait("answered")

    twilio.calls(call.sid).update(url=f"{app.url}/other", method="GET")
    assert app.wait_for("/other")[0].method == "GET"
    twilio.calls(call.sid).update(twiml="<Response><Say>Tot zo.</Say><Pause length='600'/></Response>")
    call.wait("caption:Tot zo.")
    assert twilio.calls(call.sid).update(status="completed").status == "completed"

    assert call.state()["hangup_by"] == "app"
    with pytest.raises(TwilioRestException) as refused:
        twilio.calls(call.sid).update(url=f"{app.url}/other")
    assert (refused.value.status, refused.value.code) == (400, 21220)


def test_a_call_that_rings_can_be_canceled(app: App, phone: Phonebox, twilio: Client) -> None:
    anna = phone.endpoint(ANNA).register()
    created = twilio.calls.create(to=ANNA, from_=LINE, url=f"{app.url}/talk")
    anna.wait("ringing")
    with pytest.raises(TwilioRestException) as refused:
        twilio.calls(created.sid).update(url=f"{app.url}/other")
    assert refused.value.code == 21220

    assert twilio.calls(created.sid).update(status="canceled").status == "canceled"

    assert anna.wait("idle")["state"] == "idle"


def test_redirecting_the_called_party_frees_both(app: App, phone: Phonebox, twilio: Client) -> None:
    app.on("/voice/incoming", '<Dial action="/done"><Client>anna</Client></Dial>')
    app.on("/done", "<Say>Een ogenblik.</Say><Pause length='600'/>")
    app.on("/aside", "<Say>Even apart.</Say><Pause length='600'/>")
    phone.endpoint(ANNA).register(behaviour="answer")
    call = phone.call_in(ADA, LINE)
    child = call.wait("bridged")["legs"][1]["sid"]

    twilio.calls(child).update(url=f"{app.url}/aside")
    phone.call(child).wait("caption:Even apart.")
    call.wait("caption:Een ogenblik.")

    done = app.at("/done")[0].form
    assert done["DialCallSid"] == child
    assert "DialCallDuration" not in done


def test_redirecting_the_caller_lets_the_called_party_go(app: App, phone: Phonebox, twilio: Client) -> None:
    app.on("/voice/incoming", '<Dial action="/done"><Client>anna</Client></Dial>')
    app.on("/other", "<Say>Iemand anders.</Say>")
    app.on("/done", "<Say>never</Say>")
    anna = phone.endpoint(ANNA).register(behaviour="answer")
    call = phone.call_in(ADA, LINE)
    call.wait("bridged")

    twilio.calls(call.sid).update(url=f"{app.url}/other")
    call.wait("ended")

    assert anna.wait("idle")["state"] == "idle"
    paths = [each.path for each in app.received if each.path in ("/done", "/other")]
    assert paths == ["/done", "/other"]
    assert app.at("/done")[0].form["DialCallStatus"] == "completed"
    assert call.said == ["Iemand anders."]


def test_a_caller_whom_nobody_has_answered_cannot_be_sent_elsewhere_but_the_ring_can_be_ended(
    app: App, phone: Phonebox, twilio: Client
) -> None:
    app.on("/voice/incoming", '<Dial answerOnBridge="true" action="/done"><Client>anna</Client></Dial>')
    app.on("/done", "<Say>Anna kan nu niet.</Say>")
    phone.endpoint(ANNA).register()
    call = phone.call_in(ADA, LINE)
    ringing = call.wait(f"ringing:{ANNA}")["legs"][1]["sid"]

    with pytest.raises(TwilioRestException) as refused:
        twilio.calls(call.sid).update(url=f"{app.url}/other")
    assert refused.value.code == 21220
    twilio.calls(ringing).update(status="completed")
    call.wait("ended")

    assert call.said == ["Anna kan nu niet."]
    assert app.at("/done")[0].form["DialCallStatus"] == "canceled"


def test_redirecting_a_ringing_caller_can_be_allowed(app: App, phone: Phonebox, twilio: Client) -> None:
    app.on("/voice/incoming", '<Dial answerOnBridge="true"><Client>anna</Client></Dial>')
    app.on("/other", "<Say>Iemand anders.</Say>")
    anna = phone.endpoint(ANNA).register()
    phone.change(redirect_while_ringing=True)
    call = phone.call_in(ADA, LINE)
    call.wait(f"ringing:{ANNA}")

    twilio.calls(call.sid).update(url=f"{app.url}/other")
    call.wait("ended")

    assert call.said == ["Iemand anders."]
    assert anna.state()["state"] == "idle"


def test_calls_are_found_by_number_status_parent_and_time(app: App, phone: Phonebox, twilio: Client) -> None:
    app.on("/voice/incoming", '<Dial timeout="5"><Client>anna</Client></Dial>')
    phone.endpoint(ANNA).register(behaviour="decline")
    calls = [phone.call_in(ADA, LINE) for _ in range(3)]
    for call in calls:
        call.wait("ended")
    other = phone.call_in("+31687654321", LINE)
    other.wait("ended")
    now = datetime.now(UTC)

    assert len(twilio.calls.list(from_=ADA, to=LINE)) == 3
    assert len(twilio.calls.list(page_size=2)) == 8
    assert [each.sid for each in twilio.calls.list(from_="+31687654321", to=LINE)] == [other.sid]
    assert len(twilio.calls.list(status="busy")) == 4
    assert len(twilio.calls.list(parent_call_sid=calls[0].sid)) == 1
    assert len(twilio.calls.list(start_time_after=now - timedelta(hours=1))) == 8
    assert twilio.calls.list(start_time_after=now + timedelta(hours=1)) == []
    assert twilio.calls.list(limit=1)[0].parent_call_sid == other.sid


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"To": ADA, "From": LINE, "Url": "http://x.nl/", "Colour": "red"}, 20001),
        ({"To": ADA, "From": LINE, "Url": "http://x.nl/", "Timeout": "soon"}, 20001),
        ({"From": LINE, "Url": "http://x.nl/"}, 21201),
        ({"To": ADA, "Url": "http://x.nl/"}, 21213),
        ({"To": "0612345678", "From": LINE, "Url": "http://x.nl/"}, 21211),
        ({"To": ADA, "From": "iemand", "Url": "http://x.nl/"}, 21212),
        ({"To": ADA, "From": LINE}, 20001),
        ({"To": ADA, "From": LINE, "Url": "/talk"}, 21205),
    ],
)
def test_what_twilio_would_refuse_is_refused(phone: Phonebox, fields: dict[str, str], code: int) -> None:
    answer = httpx.post(
        f"{phone.base_url}{ACCOUNT}/Calls.json", data=fields, auth=SIGN_IN, timeout=PATIENCE_SECONDS
    )

    assert answer.status_code == 400
    assert answer.json()["code"] == code
    assert set(answer.json()) == {"code", "message", "more_info", "status"}


def test_an_unknown_field_is_named(phone: Phonebox) -> None:
    fields = {"To": ADA, "From": LINE, "Url": "http://x.nl/", "Colour": "red"}

    answer = httpx.post(
        f"{phone.base_url}{ACCOUNT}/Calls.json", data=fields, auth=SIGN_IN, timeout=PATIENCE_SECONDS
    )

    assert "Colour" in answer.json()["message"]


def test_numbers_are_owned_when_dialled_and_can_be_pointed_elsewhere(
    app: App, phone: Phonebox, twilio: Client
) -> None:
    app.on("/voice/incoming", "<Hangup/>")
    app.on("/elsewhere", "<Hangup/>")
    phone.call_in(ADA, LINE).wait("settled")

    (number,) = twilio.incoming_phone_numbers.list(phone_number=LINE)
    assert number.voice_url == f"{app.url}/voice/incoming"
    assert number.voice_fallback_url == f"{app.url}/voice/fallback"
    assert number.status_callback == f"{app.url}/voice/status"
    assert number.sms_url == f"{app.url}/messages/incoming"
    number.update(voice_url=f"{app.url}/elsewhere", status_callback=f"{app.url}/over", friendly_name="Balie")
    phone.call_in(ADA, LINE).wait("settled")

    assert len(app.at("/elsewhere")) == 1
    assert len(app.at("/over")) == 1
    assert twilio.incoming_phone_numbers(number.sid).fetch().friendly_name == "Balie"
    bought = twilio.incoming_phone_numbers.create(phone_number="+31880002222")
    assert bought.voice_url == f"{app.url}/voice/incoming"


def test_recordings_are_listed_and_deleted(app: App, phone: Phonebox, twilio: Client) -> None:
    app.on("/voice/incoming", "<Record action='/after'/>")
    app.on("/after", "<Hangup/>")
    call = phone.call_in(ADA, LINE)
    call.say("Hallo daar.")
    call.press("#")
    call.wait("settled")

    (recording,) = twilio.recordings.list(call_sid=call.sid)
    assert twilio.calls(call.sid).recordings.list()[0].sid == recording.sid
    assert twilio.recordings(recording.sid).fetch().source == "RecordVerb"
    assert twilio.recordings(recording.sid).delete()

    assert twilio.recordings.list() == []


def test_messages_and_calls_are_deleted_once_they_are_over(app: App, phone: Phonebox, twilio: Client) -> None:
    app.on("/voice/incoming", "<Pause length='600'/>")
    call = phone.call_in(ADA, LINE)
    with pytest.raises(TwilioRestException) as refused:
        twilio.calls(call.sid).delete()
    assert refused.value.status == 409
    call.hang_up()
    call.wait("settled")
    assert twilio.calls(call.sid).delete()
    assert [one.sid for one in twilio.calls.list()] == []

    phone.write(ADA, LINE, "Hallo daar.")
    [message] = twilio.messages.list()
    assert message.delete()
    assert twilio.messages.list() == []


def test_inline_twiml_needs_whole_addresses(app: App, phone: Phonebox, twilio: Client) -> None:
    app.on("/voice/incoming", "<Pause length='600'/>")
    call = phone.call_in(ADA, LINE)
    app.wait_for("/voice/incoming")

    with pytest.raises(TwilioRestException) as refused:
        twilio.calls(call.sid).update(twiml='<Response><Gather action="/heard"/></Response>')

    assert refused.value.code == 15004
    assert not call.state()["ended"]


def test_a_call_that_we_place_has_its_limits(app: App, phone: Phonebox, twilio: Client) -> None:
    phone.endpoint(ADA).register(behaviour="answer")

    created = twilio.calls.create(
        to=ADA, from_=LINE, twiml="<Response><Pause length='600'/></Response>", time_limit=4, send_digits="12"
    )
    call = phone.call(str(created.sid))

    assert call.wait("ended")["hangup_by"] == "carrier"
    assert ("tone", "12") in call.captions


@pytest.mark.parametrize(("fault", "code"), [("5xx", 20503), ("429", 20429)])
def test_the_carrier_can_refuse_for_a_while(phone: Phonebox, twilio: Client, fault: str, code: int) -> None:
    phone.fault("/Messages.json", fault, times=1)

    with pytest.raises(TwilioRestException) as refused:
        twilio.messages.create(to=ADA, from_=LINE, body="Hallo")

    assert refused.value.code == code
    assert twilio.messages.create(to=ADA, from_=LINE, body="Hallo").status == "queued"
    assert len(phone.inbox(ADA)) == 1


@pytest.mark.parametrize(("fault", "sent"), [("drop", 0), ("lost_reply", 1)])
def test_the_carrier_can_leave_one_without_an_answer(
    phone: Phonebox, twilio: Client, fault: str, sent: int
) -> None:
    phone.fault("/Messages.json", fault, times=1)

    with pytest.raises(requests.ConnectionError):
        twilio.messages.create(to=ADA, from_=LINE, body="Hallo")

    assert len(phone.inbox(ADA)) == sent
