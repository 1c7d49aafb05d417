"""Does a call go as it goes with Twilio?"""

import pytest
from twilio.rest import Client

from phonebox.client import Phonebox
from tests.phonebox.scripted import Answer, App, Received

LINE = "+31880001111"
ADA = "+31612345678"
ANNA = "client:anna"
BEN = "+31687654321"
RING_ANNA = '<Dial answerOnBridge="true" action="/done"><Client>anna</Client></Dial>'


def statuses(app: App, path: str) -> list[tuple[str, str, str]]:
    """Return SequenceNumber, CallStatus and To of the callbacks to a path, in order."""
    return [(each.form["SequenceNumber"], each.form["CallStatus"], each.form["To"]) for each in app.at(path)]


# -- coming in


def test_the_first_webhook_says_that_the_call_is_ringing(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", "<Hangup/>")

    more = {"stir_verstat": "TN-Validation-Passed-A", "forwarded_from": "+31201234567"}
    phone.call_in(ADA, LINE, **more).wait("ended")

    first = app.at("/voice/incoming")[0]
    assert first.signed
    assert first.form["CallStatus"] == "ringing"
    assert first.form["Direction"] == "inbound"
    assert first.form["From"] == first.form["Caller"] == ADA
    assert first.form["To"] == first.form["Called"] == LINE
    assert first.form["CallerCountry"] == first.form["FromCountry"] == "NL"
    assert first.form["StirVerstat"] == "TN-Validation-Passed-A"
    assert first.form["ForwardedFrom"] == "+31201234567"
    assert first.form["ApiVersion"] == "2010-04-01"
    assert "ParentCallSid" not in first.form


def test_a_dutch_call_carries_no_attestation_and_the_spelling_of_a_withheld_number_is_the_tests(
    app: App, phone: Phonebox
) -> None:
    app.on("/voice/incoming", "<Hangup/>")

    for spelling in ("anonymous", "+266696687", ""):
        phone.call_in(spelling, LINE).wait("ended")

    assert [each.form["From"] for each in app.at("/voice/incoming")] == ["anonymous", "+266696687", ""]
    assert all("StirVerstat" not in each.form for each in app.at("/voice/incoming"))


def test_the_numbers_own_callback_comes_once_at_the_end(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", "<Say>Goedemorgen allemaal.</Say><Hangup/>")

    phone.call_in(ADA, LINE).wait("settled")

    (callback,) = app.at("/voice/status")
    assert callback.form["CallStatus"] == "completed"
    assert callback.form["SequenceNumber"] == "0"
    assert callback.form["CallbackSource"] == "call-progress-events"
    assert {"CallDuration", "Duration", "Timestamp"} <= set(callback.form)


def test_a_number_without_an_address_fails_the_call_without_a_word(
    app: App, phone: Phonebox, twilio: Client
) -> None:
    phone.call_in(ADA, LINE).wait("ended")
    (number,) = twilio.incoming_phone_numbers.list()
    number.update(voice_url="")

    call = phone.call_in(ADA, LINE)

    assert call.wait("ended")["status"] == "failed"
    assert call.requests[0]["kind"] == "status"


def test_a_rejected_call_is_never_answered(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", '<Reject reason="busy"/>')

    call = phone.call_in(ADA, LINE)

    assert call.wait("settled")["status"] == "busy"
    assert app.at("/voice/status")[0].form["CallDuration"] == "0"


def test_saying_takes_as_long_as_speaking_and_documents_follow_each_other(app: App, phone: Phonebox) -> None:
    app.on(
        "/voice/incoming",
        f'<Say language="nl-NL">{"Een lange zin. " * 6}</Say>',
        "<Redirect>/next?step=2</Redirect><Say>never</Say>",
    )
    app.on("/next", "<Pause length='2'/><Say language='nl-NL'>Tot ziens.</Say>")

    ended = phone.call_in(ADA, LINE).wait("ended")

    second = next(each for each in ended["captions"] if each["text"] == "Tot ziens.")
    assert second["at"] >= 8
    assert second["language"] == "nl-NL"
    assert app.at("/next")[0].query == "step=2"
    assert app.at("/next")[0].form["CallStatus"] == "in-progress"
    assert "never" not in str(ended["captions"])


def test_plain_text_is_read_aloud_to_the_caller(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", answer=Answer("Internal error in line 7", content_type="text/plain"))

    call = phone.call_in(ADA, LINE)
    call.wait("ended")

    assert call.said == ["Internal error in line 7"]


# -- dialling


def test_a_caller_reaches_the_client_and_hears_nothing_but_ringing_before(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", RING_ANNA)
    app.on("/done", "<Hangup/>")
    anna = phone.endpoint(ANNA).register()

    call = phone.call_in(ADA, LINE)
    call.wait(f"ringing:{ANNA}")
    assert call.status == "ringing"
    anna.answer()
    call.wait(f"bridged:{ANNA}")
    assert call.status == "in-progress"
    anna.hang_up()
    ended = call.wait("settled")

    assert [kind for kind, _ in call.captions] == ["ringing", "bridged", "ended"]
    done = app.at("/done")[0].form
    assert done["DialCallStatus"] == "completed"
    assert done["DialBridged"] == "true"
    assert done["DialCallSid"] == ended["legs"][1]["sid"]
    assert done["CallStatus"] == "in-progress"
    assert ended["legs"][1]["hangup_by"] == "callee"


def test_answer_on_bridge_is_too_late_after_another_verb(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", "<Say>Een ogenblik.</Say>" + RING_ANNA)
    phone.endpoint(ANNA).register()

    call = phone.call_in(ADA, LINE)
    call.wait(f"ringing:{ANNA}")

    assert call.status == "in-progress"
    assert any("answerOnBridge" in each["message"] for each in phone.debugger())


def test_two_dials_in_a_row_keep_the_caller_ringing(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", RING_ANNA)
    app.on("/done", f'<Dial answerOnBridge="true"><Number>{BEN}</Number></Dial>')

    call = phone.call_in(ADA, LINE)
    call.wait(f"ringing:{BEN}")

    assert call.status == "ringing"
    assert app.at("/done")[0].form["CallStatus"] == "ringing"


def test_people_who_are_connected_hear_each_other(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", RING_ANNA)
    anna = phone.endpoint(ANNA).register(behaviour="answer")

    call = phone.call_in(ADA, LINE)
    call.wait("bridged")
    call.say("Goedemiddag, met Ada.")
    anna.say("Dag mevrouw.")

    assert ("voice", "Dag mevrouw.") in call.captions
    assert "Goedemiddag, met Ada." in str(anna.state()["talking"][0]["captions"])


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [("decline", "busy"), ("busy", "busy"), ("no_answer", "no-answer"), ("fail", "failed")],
)
def test_the_action_is_told_why_nobody_talked(app: App, phone: Phonebox, behaviour: str, status: str) -> None:
    app.on(
        "/voice/incoming", f'<Dial timeout="5" action="/done"><Number>{BEN}</Number></Dial><Say>never</Say>'
    )
    app.on("/done", "<Say>Helaas.</Say>")
    phone.endpoint(BEN).register(behaviour=behaviour)

    call = phone.call_in(ADA, LINE)
    call.wait("ended")

    done = app.at("/done")[0].form
    assert (done["DialCallStatus"], done["DialBridged"]) == (status, "false")
    assert "DialCallDuration" not in done
    assert call.said == ["Helaas."]


def test_ringing_lasts_five_seconds_longer_than_the_time_out(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", f'<Dial timeout="5"><Number>{BEN}</Number></Dial><Say>Niemand.</Say>')
    phone.endpoint(BEN).register("no_answer")

    ended = phone.call_in(ADA, LINE).wait("ended")

    ringing, said = (
        next(each["at"] for each in ended["captions"] if each["kind"] == kind) for kind in ("ringing", "say")
    )
    assert said - ringing >= 10


def test_a_client_that_is_not_registered_ends_the_leg_at_once(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", '<Dial action="/done" timeout="600"><Client>anna</Client></Dial>')
    app.on("/done", "<Hangup/>")

    call = phone.call_in(ADA, LINE)
    ended = call.wait("ended")

    assert app.at("/done")[0].form["DialCallStatus"] == "no-answer"
    assert call.rang == []
    assert ended["seconds"] < 600


def test_a_client_in_a_talk_lets_the_second_ring_go_unheard_and_a_phone_is_busy(
    app: App, phone: Phonebox
) -> None:
    app.on("/voice/incoming", f"<Dial><Client>anna</Client><Number>{BEN}</Number></Dial>")
    app.on("/second", '<Dial timeout="5" action="/done"><Client>anna</Client></Dial>')
    app.on("/third", f'<Dial timeout="5" action="/done"><Number>{BEN}</Number></Dial>')
    app.on("/done", "<Hangup/>")
    anna, ben = phone.endpoint(ANNA).register(behaviour="answer"), phone.endpoint(BEN)
    phone.call_in(ADA, LINE).wait(f"bridged:{ANNA}")

    app.on("/voice/incoming", "<Redirect>/second</Redirect>")
    phone.call_in("+31611111111", LINE).wait("ended")
    anna.hang_up()
    app.on("/voice/incoming", f"<Dial><Number>{BEN}</Number></Dial>")
    ben.register(behaviour="answer")
    phone.call_in(ADA, LINE).wait(f"bridged:{BEN}")
    app.on("/voice/incoming", "<Redirect>/third</Redirect>")
    phone.call_in("+31622222222", LINE).wait("ended")

    assert [each.form["DialCallStatus"] for each in app.at("/done")] == ["no-answer", "busy"]


def test_of_many_who_ring_the_first_to_accept_has_the_caller(app: App, phone: Phonebox) -> None:
    callback = 'statusCallback="/leg" statusCallbackEvent="initiated ringing answered completed"'
    app.on(
        "/voice/incoming",
        f"<Dial><Client {callback}>anna</Client><Number {callback}>{BEN}</Number></Dial><Say>Klaar.</Say>",
    )
    anna, ben = phone.endpoint(ANNA).register(), phone.endpoint(BEN).register()

    call = phone.call_in(ADA, LINE)
    call.wait(f"ringing:{ANNA}")
    call.wait(f"ringing:{BEN}")
    ben.answer()
    call.wait(f"bridged:{BEN}")
    assert anna.wait("idle")["state"] == "idle"
    ben.hang_up()
    call.wait("settled")

    of_anna = [each for each in statuses(app, "/leg") if each[2] == ANNA]
    of_ben = [each for each in statuses(app, "/leg") if each[2] == BEN]
    assert of_anna == [("0", "initiated", ANNA), ("1", "ringing", ANNA), ("2", "canceled", ANNA)]
    assert [each[1] for each in of_ben] == ["initiated", "ringing", "in-progress", "completed"]
    assert call.said == ["Klaar."]
    assert all(each.form["ParentCallSid"] == call.sid for each in app.at("/leg"))


def test_sequential_parties_ring_one_after_the_other(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", f'<Dial sequential="true"><Client>anna</Client><Number>{BEN}</Number></Dial>')
    phone.endpoint(ANNA).register(behaviour="decline")
    phone.endpoint(BEN).register(behaviour="answer")

    call = phone.call_in(ADA, LINE)
    call.wait("bridged")

    assert call.rang == [ANNA, BEN]
    assert call.bridged_to == [BEN]


def test_more_than_ten_parties_lead_to_the_fallback(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", f"<Dial>{'<Client>anna</Client>' * 11}</Dial>")
    app.on("/voice/fallback", "<Say>Terugval.</Say>")

    call = phone.call_in(ADA, LINE)
    call.wait("ended")

    assert call.said == ["Terugval."]


def test_a_voicemail_presses_nothing_and_so_does_not_get_the_caller(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", f'<Dial action="/done"><Number url="/whisper">{BEN}</Number></Dial>')
    app.on("/whisper", '<Gather numDigits="1" action="/accept"><Say>Toets 1.</Say></Gather><Hangup/>')
    app.on("/done", "<Say>Niet bereikt.</Say>")
    phone.endpoint(BEN).register(behaviour="voicemail", answer_after=3)

    call = phone.call_in(ADA, LINE)
    call.wait("ended")

    done = app.at("/done")[0].form
    assert (done["DialCallStatus"], done["DialBridged"]) == ("completed", "false")
    assert call.bridged_to == []
    assert app.at("/accept") == []


def test_a_whisper_is_heard_on_the_called_side_only_and_accepting_bridges(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", f'<Dial answerOnBridge="true"><Number url="/whisper">{BEN}</Number></Dial>')
    app.on("/whisper", '<Gather numDigits="1" action="/accept"><Say>Toets 1.</Say></Gather><Hangup/>')
    app.on("/accept", "<Say>Verbonden.</Say>")
    ben = phone.endpoint(BEN)

    call = phone.call_in(ADA, LINE)
    ben.answer()
    ben.wait("caption:Toets 1.")
    assert call.status == "ringing"
    ben.press("1")
    call.wait(f"bridged:{BEN}")

    assert call.said == []
    whisper = app.at("/whisper")[0].form
    assert whisper["ParentCallSid"] == call.sid
    assert (whisper["Direction"], whisper["CallStatus"], whisper["To"]) == (
        "outbound-dial",
        "in-progress",
        BEN,
    )
    assert app.at("/accept")[0].form["Digits"] == "1"


def test_while_one_listens_to_a_whisper_another_may_take_the_call(app: App, phone: Phonebox) -> None:
    app.on(
        "/voice/incoming",
        f'<Dial><Number url="/whisper">{BEN}</Number><Client>anna</Client></Dial>',
    )
    app.on("/whisper", '<Gather numDigits="1" timeout="60"/><Hangup/>')
    ben, anna = phone.endpoint(BEN), phone.endpoint(ANNA).register()

    call = phone.call_in(ADA, LINE)
    ben.answer()
    ben.wait("prompt")
    anna.answer()
    call.wait(f"bridged:{ANNA}")

    assert ben.wait("idle")["state"] == "idle"
    assert call.bridged_to == [ANNA]


def test_dialling_out_of_a_whisper_is_refused(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", f'<Dial action="/done"><Number url="/whisper">{BEN}</Number></Dial>')
    app.on("/whisper", "<Dial><Client>anna</Client></Dial>")
    app.on("/done", "<Hangup/>")
    phone.endpoint(BEN).register(behaviour="answer")

    phone.call_in(ADA, LINE).wait("ended")

    assert app.at("/done")[0].form["DialBridged"] == "false"
    assert 13201 in [each["code"] for each in phone.debugger()]


def test_custom_parameters_reach_the_client(app: App, phone: Phonebox) -> None:
    app.on(
        "/voice/incoming",
        '<Dial><Client><Identity>anna</Identity><Parameter name="case" value="Z-1"/></Client></Dial>',
    )
    anna = phone.endpoint(ANNA).register()

    phone.call_in(ADA, LINE)

    assert anna.wait("ringing")["ringing"][0]["parameters"] == {"case": "Z-1"}


def test_a_caller_id_that_is_not_ours_is_refused(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", f'<Dial callerId="+31201112222" action="/done"><Number>{BEN}</Number></Dial>')
    app.on("/done", "<Hangup/>")

    phone.call_in(ADA, LINE).wait("ended")

    assert app.at("/done")[0].form["DialCallStatus"] == "failed"
    assert [each["code"] for each in phone.debugger()] == [13214]


def test_the_number_of_a_withheld_caller_cannot_be_shown_to_an_ordinary_phone(
    app: App, phone: Phonebox
) -> None:
    app.on("/voice/incoming", f'<Dial action="/done"><Number>{BEN}</Number></Dial>')
    app.on("/done", f'<Dial callerId="{LINE}"><Number>{BEN}</Number></Dial>')

    call = phone.call_in("anonymous", LINE)
    call.wait(f"ringing:{BEN}")

    assert app.at("/done")[0].form["DialCallStatus"] == "failed"
    assert call.state()["legs"][1]["from"] == LINE


def test_the_time_limit_ends_the_talk(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", '<Dial timeLimit="12" action="/done"><Client>anna</Client></Dial>')
    app.on("/done", "<Hangup/>")
    phone.endpoint(ANNA).register(behaviour="answer")

    phone.call_in(ADA, LINE).wait("ended")

    assert int(app.at("/done")[0].form["DialCallDuration"]) >= 11


def test_the_star_ends_a_talk_but_not_the_call(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", '<Dial hangupOnStar="true"><Client>anna</Client></Dial><Say>Verder.</Say>')
    phone.endpoint(ANNA).register(behaviour="answer")

    call = phone.call_in(ADA, LINE)
    call.wait("bridged")
    call.press("*")
    call.wait("ended")

    assert call.said == ["Verder."]


# -- the caller hangs up


def test_a_caller_who_hangs_up_while_it_rings_leaves_nobody_ringing(app: App, phone: Phonebox) -> None:
    app.on(
        "/voice/incoming",
        '<Dial answerOnBridge="true" action="/done">'
        '<Client statusCallback="/leg" statusCallbackEvent="completed">anna</Client></Dial>',
    )
    anna = phone.endpoint(ANNA).register()

    call = phone.call_in(ADA, LINE)
    anna.wait("ringing")
    call.hang_up()
    settled = call.wait("settled")

    assert (settled["status"], settled["hangup_by"]) == ("no-answer", "caller")
    assert anna.state()["state"] == "idle"
    assert app.wait_for("/done")[0].form["DialCallStatus"] == "no-answer"
    assert app.at("/leg")[0].form["CallStatus"] == "no-answer"
    assert app.at("/voice/status")[0].form["CallStatus"] == "no-answer"


def test_a_caller_who_hangs_up_in_a_talk_has_the_action_asked_in_vain(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", RING_ANNA)
    app.on("/done", "<Dial><Client>anna</Client></Dial>")
    anna = phone.endpoint(ANNA).register(behaviour="answer")

    call = phone.call_in(ADA, LINE)
    call.wait("bridged")
    call.hang_up()
    call.wait("settled")

    done = app.wait_for("/done")[0].form
    assert (done["CallStatus"], done["DialCallStatus"]) == ("completed", "completed")
    assert call.rang == [ANNA]
    assert anna.state()["state"] == "idle"


def test_the_action_after_a_hang_up_can_be_switched_off(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", RING_ANNA)
    phone.endpoint(ANNA).register(behaviour="answer")
    phone.change(action_after_hangup=False)

    call = phone.call_in(ADA, LINE)
    call.wait("bridged")
    call.hang_up()
    call.wait("settled")

    assert app.at("/done") == []
    assert len(app.at("/voice/status")) == 1


def test_a_caller_may_hang_up_before_the_application_has_answered(app: App, phone: Phonebox) -> None:
    started: list[str] = []

    def slow(received: Received) -> str:
        started.append(received.form["CallSid"])
        assert phone.call(started[0]).hang_up()["ended"]
        return f"<Response>{RING_ANNA}</Response>"

    app.on("/voice/incoming", answer=slow)
    phone.endpoint(ANNA).register()

    call = phone.call_in(ADA, LINE)
    settled = call.wait("settled")

    assert settled["status"] == "no-answer"
    assert call.rang == []
    assert call.requests[0]["status"] == 200


def test_verbs_and_parties_that_do_not_exist_are_noted_and_passed_over(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", "<Zeg>Hallo</Zeg><Dial><Number>niemand</Number></Dial><Say>Verder.</Say>")

    call = phone.call_in(ADA, LINE)
    call.wait("ended")

    codes = [each["code"] for each in phone.debugger()]
    assert 12200 in codes
    assert 13223 in codes
    assert call.said == ["Verder."]
