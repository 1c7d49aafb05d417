"""Does a queue hold and hand over its callers as with Twilio?"""

from twilio.rest import Client

from phonebox.client import Phonebox
from tests.phonebox.scripted import App

LINE = "+31880001111"
ADA = "+31612345678"
BEA = "+31687654321"
ANNA = "client:anna"
WAIT = '<Enqueue waitUrl="/wait" action="/after">anna</Enqueue><Say>never</Say>'


def test_who_waits_hears_the_waiting_document_again_and_again(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", WAIT)
    app.on("/wait", "<Say>Anna is nog in gesprek.</Say>")

    first = phone.call_in(ADA, LINE)
    app.wait_for("/wait", 2)
    second = phone.call_in(BEA, LINE)
    second.wait("queued:anna")
    app.wait_for("/wait", 4)

    waiting = app.at("/wait")[0].form
    assert waiting["QueuePosition"] == "1"
    assert waiting["CurrentQueueSize"] == "1"
    assert waiting["MaxQueueSize"] == "1000"
    assert {"QueueSid", "QueueTime", "AvgQueueTime"} <= set(waiting)
    of_second = [each.form for each in app.at("/wait") if each.form["CallSid"] == second.sid]
    assert of_second[0]["QueuePosition"] == "2"
    assert len(first.said) >= 2


def test_leaving_asks_the_action(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", WAIT)
    app.on("/wait", "<Say>Wij bellen u terug.</Say><Leave/>")
    app.on("/after", "<Say>Tot straks.</Say>")

    call = phone.call_in(ADA, LINE)
    call.wait("ended")

    after = app.at("/after")[0].form
    assert after["QueueResult"] == "leave"
    assert int(after["QueueTime"]) >= 1
    assert call.said == ["Wij bellen u terug.", "Tot straks."]


def test_hanging_up_asks_the_action_in_vain(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", WAIT)
    app.on("/wait", "<Pause length='60'/>")
    app.on("/after", "<Say>never</Say>")

    call = phone.call_in(ADA, LINE)
    call.wait("queued")
    call.hang_up()
    call.wait("settled")

    after = app.wait_for("/after")[0].form
    assert (after["QueueResult"], after["CallStatus"]) == ("hangup", "completed")
    assert call.said == []


def test_a_queue_that_is_full_takes_nobody(app: App, phone: Phonebox, twilio: Client) -> None:
    twilio.queues.create(friendly_name="anna", max_size=1)
    app.on("/voice/incoming", WAIT)
    app.on("/wait", "<Pause length='60'/>")
    app.on("/after", "<Hangup/>")
    phone.call_in(ADA, LINE).wait("queued")

    phone.call_in(BEA, LINE).wait("ended")

    assert app.at("/after")[0].form["QueueResult"] == "queue-full"


def test_an_agent_takes_the_first_who_waits(app: App, phone: Phonebox, twilio: Client) -> None:
    app.on("/voice/incoming", WAIT)
    app.on("/wait", "<Pause length='60'/>")
    app.on("/whisper", "<Say>U spreekt met Anna.</Say>")
    app.on("/take", '<Dial action="/taken"><Queue url="/whisper">anna</Queue></Dial>')
    app.on("/taken", "<Hangup/>")
    app.on("/after", "<Hangup/>")
    anna = phone.endpoint(ANNA).register(behaviour="answer")
    ada = phone.call_in(ADA, LINE)
    ada.wait("queued")
    bea = phone.call_in(BEA, LINE)
    bea.wait("queued")

    to_anna = twilio.calls.create(to=ANNA, from_=LINE, url=f"{app.url}/take")
    ada.wait(f"bridged:{ANNA}")
    assert bea.state()["queue"] == "anna"
    ada.say("Hallo Anna?")
    assert "Hallo Anna?" in str(anna.state()["talking"])
    anna.hang_up()
    ada.wait("settled")

    whisper = app.at("/whisper")[0].form
    assert whisper["DequeingCallSid"] == to_anna.sid
    assert whisper["CallSid"] == ada.sid
    assert ada.said == ["U spreekt met Anna."]
    assert app.at("/after")[0].form["QueueResult"] == "bridged"


def test_an_agent_who_takes_from_an_empty_queue_waits_for_a_caller(
    app: App, phone: Phonebox, twilio: Client
) -> None:
    app.on("/voice/incoming", WAIT)
    app.on("/wait", "<Pause length='60'/>")
    app.on("/take", '<Dial action="/taken" timeout="60"><Queue>anna</Queue></Dial>')
    phone.endpoint(ANNA).register(behaviour="answer")
    to_anna = phone.call(str(twilio.calls.create(to=ANNA, from_=LINE, url=f"{app.url}/take").sid))
    to_anna.wait("kind:ringing")

    ada = phone.call_in(ADA, LINE)
    ada.wait(f"bridged:{ANNA}")
    ada.hang_up()
    app.wait_for("/taken")

    assert app.at("/taken")[0].form["DialCallStatus"] == "completed"
    assert app.at("/taken")[0].form["DialCallSid"] == ada.sid


def test_nobody_in_the_queue_is_no_answer_after_the_time_out(
    app: App, phone: Phonebox, twilio: Client
) -> None:
    app.on("/take", '<Dial action="/taken" timeout="5"><Queue>anna</Queue></Dial>')
    app.on("/taken", "<Hangup/>")
    phone.endpoint(ANNA).register(behaviour="answer")

    twilio.calls.create(to=ANNA, from_=LINE, url=f"{app.url}/take")

    assert app.wait_for("/taken")[0].form["DialCallStatus"] == "no-answer"


def test_the_rest_api_takes_somebody_out_at_once(app: App, phone: Phonebox, twilio: Client) -> None:
    app.on("/voice/incoming", WAIT)
    app.on("/wait", "<Pause length='600'/>")
    app.on("/free", "<Say>Anna is er.</Say>")
    call = phone.call_in(ADA, LINE)
    call.wait("queued")
    (queue,) = twilio.queues.list()
    assert (queue.friendly_name, queue.current_size) == ("anna", 1)
    (member,) = twilio.queues(queue.sid).members.list()
    assert (member.call_sid, member.position) == (call.sid, 1)

    twilio.queues(queue.sid).members("Front").update(url=f"{app.url}/free")
    call.wait("ended")

    assert call.said == ["Anna is er."]
    assert app.at("/after")[0].form["QueueResult"] == "redirected"
    assert twilio.queues(queue.sid).fetch().current_size == 0


def test_redirecting_the_call_takes_it_out_of_the_queue_too(
    app: App, phone: Phonebox, twilio: Client
) -> None:
    app.on("/voice/incoming", WAIT)
    app.on("/wait", '<Gather input="speech" timeout="600"/>')
    app.on("/free", '<Dial answerOnBridge="true"><Client>anna</Client></Dial>')
    phone.endpoint(ANNA).register(behaviour="answer")
    call = phone.call_in(ADA, LINE)
    call.wait("queued")

    twilio.calls(call.sid).update(url=f"{app.url}/free")

    assert call.wait(f"bridged:{ANNA}")["queue"] is None
