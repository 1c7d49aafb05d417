"""Do text messages go to and fro as with Twilio?"""

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from phonebox.client import Phonebox
from phonebox.network.messages import Message, MessageStatus
from tests.phonebox.scripted import App

LINE = "+31880001111"
ADA = "+31612345678"


def test_a_message_of_ours_is_delivered_and_its_fate_told(app: App, phone: Phonebox, twilio: Client) -> None:
    sent = twilio.messages.create(
        to=ADA, from_=LINE, body="Anna belt u voor 15.00 uur.", status_callback=f"{app.url}/messages/status"
    )

    assert sent.status == "queued"
    assert phone.wait_for_message(ADA, containing="Anna")["body"] == "Anna belt u voor 15.00 uur."
    told = app.wait_for("/messages/status", 2)
    assert [each.form["MessageStatus"] for each in told] == ["sent", "delivered"]
    assert all(each.signed and each.form["MessageSid"] == sent.sid for each in told)
    assert twilio.messages(sent.sid).fetch().status == "delivered"
    assert [each.sid for each in twilio.messages.list(to=ADA)] == [sent.sid]


def test_a_message_that_cannot_be_delivered_says_so(app: App, phone: Phonebox, twilio: Client) -> None:
    phone.undeliverable(ADA, code=30003)

    sent = twilio.messages.create(to=ADA, from_=LINE, body="Hallo", status_callback=f"{app.url}/fate")

    fate = app.wait_for("/fate", 2)[-1].form
    assert (fate["MessageStatus"], fate["ErrorCode"]) == ("undelivered", "30003")
    assert twilio.messages(sent.sid).fetch().error_code == 30003


def test_a_message_to_a_fixed_line_does_not_arrive(app: App, twilio: Client) -> None:
    twilio.messages.create(to="+31201112233", from_=LINE, body="Hallo", status_callback=f"{app.url}/fate")

    assert app.wait_for("/fate", 2)[-1].form["ErrorCode"] == "30006"


def test_whatsapp_goes_the_same_way_and_takes_free_words_only_as_an_answer(
    app: App, phone: Phonebox, twilio: Client
) -> None:
    ada, line = f"whatsapp:{ADA}", f"whatsapp:{LINE}"
    twilio.messages.create(to=ada, from_=line, body="Zomaar iets", status_callback=f"{app.url}/fate")
    assert app.wait_for("/fate", 2)[-1].form["ErrorCode"] == "63016"

    phone.write(ada, line, "Bel mij maar na vijven")
    received = app.wait_for("/messages/incoming")[0]
    assert (received.form["From"], received.form["To"]) == (ada, line)
    twilio.messages.create(to=ada, from_=line, body="Goed", status_callback=f"{app.url}/answered")

    assert [each.form["MessageStatus"] for each in app.wait_for("/answered", 2)] == ["sent", "delivered"]
    with pytest.raises(TwilioRestException) as refused:
        twilio.messages.create(to=ada, from_=LINE, body="Door elkaar")
    assert refused.value.code == 21910


def test_what_somebody_writes_reaches_the_application_which_may_answer(app: App, phone: Phonebox) -> None:
    app.on("/messages/incoming", "<Message>Dank u, Anna leest het.</Message>")

    phone.write(ADA, LINE, "Bel mij maar na vijven")

    received = app.wait_for("/messages/incoming")[0]
    assert received.signed
    assert received.form["Body"] == "Bel mij maar na vijven"
    assert (received.form["From"], received.form["To"]) == (ADA, LINE)
    assert (received.form["NumMedia"], received.form["SmsStatus"]) == ("0", "received")
    answer = phone.wait_for_message(ADA)
    assert (answer["from"], answer["body"]) == (LINE, "Dank u, Anna leest het.")


def test_stop_is_respected_until_start(app: App, phone: Phonebox, twilio: Client) -> None:
    phone.write(ADA, LINE, "Stop")

    with pytest.raises(TwilioRestException) as refused:
        twilio.messages.create(to=ADA, from_=LINE, body="Toch nog iets")
    assert refused.value.code == 21610
    phone.write(ADA, LINE, "start")
    twilio.messages.create(to=ADA, from_=LINE, body="Welkom terug")

    assert phone.wait_for_message(ADA)["body"] == "Welkom terug"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"to": "0612345678", "from_": LINE, "body": "x"}, 21211),
        ({"to": ADA, "body": "x"}, 21603),
        ({"to": ADA, "from_": LINE}, 21602),
        ({"to": ADA, "from_": LINE, "body": "x" * 1601}, 21617),
    ],
)
def test_messages_that_twilio_would_refuse_are_refused(
    twilio: Client, fields: dict[str, str], code: int
) -> None:
    with pytest.raises(TwilioRestException) as refused:
        twilio.messages.create(**fields)

    assert refused.value.code == code


@pytest.mark.parametrize(
    ("body", "segments"),
    [("x" * 160, 1), ("x" * 161, 2), ("é" * 160, 1), ("ë" * 70, 1), ("ë" * 71, 2), ("ë" + "x" * 134, 3)],
)
def test_segments_are_counted_by_alphabet(body: str, segments: int) -> None:
    assert Message(LINE, ADA, body, "outbound-api", MessageStatus.QUEUED).segments == segments


def test_a_number_of_ours_that_cannot_send_is_refused_until_it_can(phone: Phonebox, twilio: Client) -> None:
    phone.silent(LINE)
    with pytest.raises(TwilioRestException) as refused:
        twilio.messages.create(to=ADA, from_=LINE, body="Hallo")
    assert (refused.value.status, refused.value.code) == (400, 21606)
    assert twilio.messages.create(to=ADA, from_="+31651234567", body="Hallo").status == "queued"

    phone.silent()
    assert twilio.messages.create(to=ADA, from_=LINE, body="Hallo").status == "queued"
