"""Does the carrier ask as Twilio asks: signed, timed, retried, with a fallback?"""

import base64
import hashlib
import hmac
import time

import pytest
from twilio.request_validator import RequestValidator, get_signature_algorithm

from phonebox.client import Phonebox
from phonebox.webhooks import ConnectionOptions, options_in, sign
from tests.phonebox.scripted import Answer, App, Received

LINE = "+31880001111"
ADA = "+31612345678"


def test_signatures_agree_with_the_published_vector() -> None:
    params = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }

    assert sign("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", params) == (
        "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    )


def test_signatures_agree_with_the_official_validator_in_both_algorithms() -> None:
    url, params = "https://example.nl/voice?a=%2B31", {"Zulu": "1", "alpha": "", "É": "ë"}
    validator = RequestValidator("secret")

    for name, algorithm in (("sha1", "HMAC_SHA1"), ("sha256", "HMAC_SHA256")):
        signature = sign("secret", url, params, name)
        assert validator.validate(url, params, signature, algorithm)


def test_every_webhook_of_a_call_is_signed_over_its_exact_address(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", "<Redirect>/next?q=a%20b&amp;n=%2B31#rc=2</Redirect>")
    app.on("/next", '<Redirect method="GET">/last?x=1</Redirect>')
    app.on("/last", "<Hangup/>")

    phone.call_in(ADA, LINE).wait("settled")

    assert all(each.signed for each in app.received)
    assert app.at("/next")[0].query == "q=a%20b&n=%2B31"
    assert app.at("/last")[0].method == "GET"
    assert app.at("/last")[0].query.startswith("x=1&")
    assert app.at("/last")[0].form["CallSid"] == app.at("/next")[0].form["CallSid"]


def test_a_shared_key_signs_with_sha256_and_says_so(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", "<Hangup/>")
    phone.change(shared_key={"sid": "webhooks_sharedkey_1", "secret": "geheim"})

    phone.call_in(ADA, LINE).wait("settled")

    first = app.at("/voice/incoming")[0]
    algorithm = get_signature_algorithm(first.headers["X-Twilio-Webhooks-Signature-Settings"])
    assert algorithm == "HMAC_SHA256"
    signed = f"{app.url}/voice/incoming" + "".join(name + first.form[name] for name in sorted(first.form))
    expected = base64.b64encode(hmac.new(b"geheim", signed.encode(), hashlib.sha256).digest()).decode()
    assert first.headers["X-Twilio-Signature"] == expected


def test_cookies_live_as_long_as_the_call(app: App, phone: Phonebox) -> None:
    app.on(
        "/voice/incoming",
        answer=Answer(
            "<Response><Redirect>/next</Redirect></Response>", headers=(("Set-Cookie", "trace=7; Path=/"),)
        ),
    )
    app.on("/next", "<Hangup/>")

    phone.call_in(ADA, LINE).wait("ended")
    phone.call_in(ADA, LINE).wait("ended")

    assert [each.headers.get("Cookie") for each in app.at("/next")] == ["trace=7", "trace=7"]
    assert [each.headers.get("Cookie") for each in app.at("/voice/incoming")] == [None, None]


@pytest.mark.parametrize(
    ("fragment", "options"),
    [
        ("", ConnectionOptions()),
        (
            "rc=2&rp=ct,5xx,rt&rt=4000&tt=12000",
            ConnectionOptions(5, 4, 12, 2, frozenset({"ct", "5xx", "rt"})),
        ),
        ("rc=9&ct=1&rt=abc&tt=99999", ConnectionOptions()),
        ("rp=all&rc=0&ct=100", ConnectionOptions(0.1, 15, 15, 0, frozenset({"all"}))),
    ],
)
def test_connection_options_are_read_from_the_fragment(fragment: str, options: ConnectionOptions) -> None:
    assert options_in(fragment) == options


def test_by_default_an_answer_500_is_not_tried_again_but_leads_to_the_fallback(
    app: App, phone: Phonebox
) -> None:
    app.on("/voice/incoming", answer=Answer("oops", status=500))
    app.on("/voice/fallback", "<Say>Wij zijn er zo.</Say>")

    call = phone.call_in(ADA, LINE)
    call.wait("settled")

    assert len(app.at("/voice/incoming")) == 1
    fallback = app.at("/voice/fallback")[0].form
    assert fallback["ErrorCode"] == "11200"
    assert fallback["ErrorUrl"] == f"{app.url}/voice/incoming"
    assert call.said == ["Wij zijn er zo."]


def test_the_fragment_asks_for_retries_which_share_their_token(app: App, phone: Phonebox) -> None:
    def recovering(received: Received) -> Answer | str:
        if len(app.at("/flaky")) < 3:
            return Answer(status=503)
        return "<Response><Say>Gelukt.</Say></Response>"

    app.on("/voice/incoming", "<Redirect>/flaky#rc=2&amp;rp=5xx</Redirect>")
    app.on("/flaky", answer=recovering)

    call = phone.call_in(ADA, LINE)
    call.wait("settled")

    assert call.said == ["Gelukt."]
    attempts = [each for each in call.requests if each["url"].endswith("/flaky")]
    assert [(each["attempt"], each["status"]) for each in attempts] == [(1, 503), (2, 503), (3, 200)]
    assert len({each.headers["I-Twilio-Idempotency-Token"] for each in app.at("/flaky")}) == 1


def test_a_refused_connection_is_tried_once_more(app: App, phone: Phonebox, free_port: int) -> None:
    app.on("/voice/incoming", f"<Redirect>http://127.0.0.1:{free_port}/gone</Redirect>")
    app.on("/voice/fallback", "<Hangup/>")

    call = phone.call_in(ADA, LINE)
    call.wait("settled")

    assert [each["attempt"] for each in call.requests if each["url"].endswith("/gone")] == [1, 2]
    assert app.at("/voice/fallback")[0].form["ErrorCode"] == "11205"


def test_an_application_that_is_too_slow_is_given_up(app: App, phone: Phonebox) -> None:
    def slow(received: Received) -> str:
        time.sleep(0.4)
        return "<Response/>"

    app.on("/voice/incoming", "<Redirect>/slow#rt=100&amp;rc=0</Redirect>")
    app.on("/slow", answer=slow)
    app.on("/voice/fallback", "<Hangup/>")

    phone.call_in(ADA, LINE).wait("settled")

    assert app.at("/voice/fallback")[0].form["ErrorCode"] == "11200"


def test_redirects_are_followed_ten_times(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", answer=Answer(status=302, headers=(("Location", "/there"),)))
    app.on("/there", "<Redirect>/circle</Redirect>")
    app.on("/circle", answer=Answer(status=307, headers=(("Location", "/circle"),)))
    app.on("/voice/fallback", "<Hangup/>")

    phone.call_in(ADA, LINE).wait("settled")

    assert app.at("/there")[0].method == "GET"
    assert app.at("/there")[0].signed
    assert len(app.at("/circle")) == 11
    assert app.at("/voice/fallback")[0].form["ErrorCode"] == "11215"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer("<Response><Say>"), "12100"),
        (Answer("<Antwoord/>"), "12100"),
        (Answer(""), "12300"),
        (Answer('{"a": 1}', content_type="application/json"), "12300"),
        (Answer("<Response>" + "<Pause/>" * 9000 + "</Response>"), "11750"),
    ],
)
def test_what_is_no_twiml_leads_to_the_fallback(app: App, phone: Phonebox, answer: Answer, code: str) -> None:
    app.on("/voice/incoming", answer=answer)
    app.on("/voice/fallback", "<Say>Terugval.</Say>")

    call = phone.call_in(ADA, LINE)
    call.wait("settled")

    assert app.at("/voice/fallback")[0].form["ErrorCode"] == code
    assert call.said == ["Terugval."]


def test_when_the_fallback_fails_too_the_caller_hears_of_an_application_error(
    app: App, phone: Phonebox
) -> None:
    for path in ("/voice/incoming", "/voice/fallback"):
        app.on(path, answer=Answer(status=500))

    call = phone.call_in(ADA, LINE)
    ended = call.wait("settled")

    assert ended["hangup_by"] == "carrier"
    assert "application error" in str(call.captions)


def test_an_answer_to_a_callback_that_is_neither_empty_nor_twiml_is_warned_of(
    app: App, phone: Phonebox
) -> None:
    app.on("/voice/incoming", "<Hangup/>")
    app.on("/voice/status", answer=Answer("ok", content_type="text/plain"))

    phone.call_in(ADA, LINE).wait("settled")

    assert [(each["code"], each["level"]) for each in phone.debugger()] == [(15003, "warning")]


def test_twiml_that_departs_from_the_definitions_is_a_warning(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", '<Say langauge="nl-NL">Hallo.</Say>')

    call = phone.call_in(ADA, LINE)
    state = call.wait("settled")

    assert call.said == ["Hallo."]
    assert [each["code"] for each in state["debugger"]] == [12200]


# -- faults


def test_a_dropped_callback_never_arrives(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", "<Hangup/>")
    phone.fault("/voice/status", "drop")

    call = phone.call_in(ADA, LINE)
    call.wait("settled")

    assert app.at("/voice/status") == []
    assert {each["fault"] for each in call.requests if each["kind"] == "status"} == {"drop"}


def test_a_webhook_can_arrive_twice(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", "<Say>Hallo.</Say>")
    phone.fault("/voice/incoming", "twice", times=1)

    call = phone.call_in(ADA, LINE)
    call.wait("settled")

    assert len(app.at("/voice/incoming")) == 2
    assert call.said == ["Hallo."]


def test_a_forged_webhook_has_a_wrong_signature(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", "<Hangup/>")
    phone.fault("/voice/status", "forged")

    phone.call_in(ADA, LINE).wait("settled")

    assert [each.signed for each in app.received] == [True, False]


@pytest.mark.parametrize(("fault", "arrives"), [("5xx", 0), ("lost_reply", 1)])
def test_an_answer_can_fail_on_its_way(app: App, phone: Phonebox, fault: str, arrives: int) -> None:
    app.on("/voice/incoming", "<Say>Hallo.</Say>")
    app.on("/voice/fallback", "<Say>Terugval.</Say>")
    phone.fault("/voice/incoming", fault)

    call = phone.call_in(ADA, LINE)
    call.wait("settled")

    assert len(app.at("/voice/incoming")) == arrives
    assert call.said == ["Terugval."]


def test_callbacks_can_overtake_each_other(app: App, phone: Phonebox) -> None:
    app.on(
        "/voice/incoming",
        '<Dial><Client statusCallback="/leg" statusCallbackEvent="initiated ringing">anna</Client></Dial>',
    )
    phone.endpoint("client:anna").register(behaviour="decline")
    phone.fault("/leg", "out_of_order", seconds=5)

    phone.call_in(ADA, LINE).wait("settled")

    assert [each.form["SequenceNumber"] for each in app.at("/leg")] == ["1", "0"]


def test_a_late_callback_does_not_hold_up_the_call(app: App, phone: Phonebox) -> None:
    app.on(
        "/voice/incoming",
        '<Dial><Client statusCallback="/leg" statusCallbackEvent="initiated completed">anna</Client></Dial>'
        "<Say>Klaar.</Say>",
    )
    phone.endpoint("client:anna").register(behaviour="decline")
    phone.fault("/leg", "late", seconds=0.5, times=1)

    call = phone.call_in(ADA, LINE)
    call.wait("ended")
    assert app.at("/leg") == [] or app.at("/leg")[0].form["CallStatus"] != "initiated"
    call.wait("settled")

    assert [each.form["SequenceNumber"] for each in app.at("/leg")] == ["1", "0"]
