"""Does a call go as it goes with Twilio?"""

from phonebox.client import Phonebox
from tests.phonebox.scripted import App

LINE = "+31880001111"
ADA = "+31612345678"
ANNA = "client:anna"


def test_the_first_webhook_is_signed_and_says_that_the_call_is_ringing(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", "<Hangup/>")

    phone.call_in(ADA, LINE, stir_verstat="TN-Validation-Passed-A", forwarded_from="+31201234567").wait(
        "ended"
    )

    first = app.at("/voice/incoming")[0]
    assert first.signed
    assert first.form["CallStatus"] == "ringing"
    assert first.form["Direction"] == "inbound"
    assert first.form["From"] == first.form["Caller"] == ADA
    assert first.form["To"] == first.form["Called"] == LINE
    assert first.form["CallerCountry"] == "NL"
    assert first.form["StirVerstat"] == "TN-Validation-Passed-A"
    assert first.form["ForwardedFrom"] == "+31201234567"
    assert first.form["ApiVersion"] == "2010-04-01"
    assert "I-Twilio-Idempotency-Token" in first.headers


def test_a_caller_reaches_the_client_and_hears_nothing_but_ringing_before(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", '<Dial answerOnBridge="true" action="/done"><Client>anna</Client></Dial>')
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
    assert app.at("/voice/status")[0].form["CallStatus"] == "completed"
