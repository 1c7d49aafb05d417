"""Does the check pass what Twilio takes, and name what Twilio would refuse?"""

import re
from collections.abc import Callable
from typing import get_args

import pytest
from twilio.twiml.messaging_response import MessagingResponse
from twilio.twiml.voice_response import VoiceResponse

from phonebox.twilio_spec.twiml import Context, problems_in_twiml, structural_problems_in_twiml

GOOD: dict[str, Callable[[VoiceResponse], object]] = {
    "an empty document": lambda r: r,
    "a client rung at once": lambda r: r.dial(
        answer_on_bridge=True, timeout=20, action="/after", method="POST", caller_id="+31201234567"
    ).client(
        "anna_2",
        url="/whisper",
        status_callback="/legs",
        status_callback_event="initiated ringing answered completed",
    ),
    "a client with parameters": lambda r: _parameters(r.dial().client()),
    "a number": lambda r: r.dial(time_limit=3600, ring_tone="nl").number(
        "+31612345678", url="https://a.nl/w"
    ),
    "a number as text": lambda r: r.dial("+31612345678"),
    "an address": lambda r: r.dial().sip("sip:anna@example.com;transport=tls", username="a", password="b"),
    "an address with several hosts": lambda r: r.dial().sip().uri("sip:anna@example.com", priority="1"),
    "a caller taken from a queue": lambda r: r.dial(action="/after").queue("support", url="/about"),
    "a room": lambda r: r.dial().conference(
        "c-81",
        beep="onEnter",
        start_conference_on_enter=True,
        end_conference_on_exit=False,
        participant_label="agent",
        jitter_buffer_size="small",
        region="ie1",
        max_participants=250,
        wait_url="",
        status_callback_event="start end join leave mute hold",
        record="record-from-start",
    ),
    "ten at once": lambda r: _ring(r, 10),
    "another verb after a Dial without action": lambda r: (r.dial(timeout=5).client("a"), r.say("Helaas.")),
    "the longest ring": lambda r: r.dial(timeout=600).client("a" * 121),
    "a queue": lambda r: r.enqueue("q" * 64, wait_url="/wait", wait_url_method="POST", action="/left"),
    "a task instead of a queue's name": lambda r: r.enqueue(None, workflow_sid="WW1").task("{}", priority=5),
    "speech": lambda r: r.gather(
        input="speech",
        language="nl-NL",
        speech_model="experimental_conversations",
        speech_timeout=2,
        hints=",".join(["een medewerker graag"] * 500),
        action="/said",
        action_on_empty_result=True,
    ).say("Waar kan ik u mee helpen?", language="nl-NL", voice="Google.nl-NL-Wavenet-A"),
    "speech or keys": lambda r: (r.gather(input="dtmf speech", action="/said"), r.say("Ik verbind u door.")),
    "a recording and what follows silence": lambda r: (
        r.record(action="/recorded", max_length=120, play_beep=True, recording_status_callback="/kept"),
        r.say("Wij bellen u terug."),
    ),
    "Dutch by Amazon": lambda r: r.say("Goedemiddag", language="nl-NL", voice="Polly.Laura-Neural"),
    "Flemish by Amazon": lambda r: r.say("Goeiemiddag", language="nl-BE", voice="Polly.Lisa-Neural"),
    "Dutch by alice": lambda r: r.say("Goedemiddag", language="nl-NL", voice="alice"),
    "a language without a voice": lambda r: r.say("Goedemiddag", language="nl-NL"),
    "a voice without a language": lambda r: r.say("Goedemiddag", voice="Polly.Lotte"),
    "a voice of two languages": lambda r: r.say("नमस्ते", language="hi-IN", voice="Polly.Aditi"),
    "English": lambda r: r.say("Hello", language="en-GB", voice="Polly.Amy-Generative"),
    "Mandarin under its older code": lambda r: r.say("你好", language="zh-CN", voice="Polly.Zhiyu"),
    "speech marks": lambda r: _marked(r.say("", voice="Polly.Lotte")),
    "what must be escaped": lambda r: r.say("Jansen & Zn. <nieuw> \"Ω\" 'é' 👋"),
    "sound": lambda r: r.play("https://example.com/a.mp3", loop=0),
    "keys sent": lambda r: r.play(digits="ww12"),
    "silence": lambda r: r.pause(length=1),
    "another document": lambda r: r.redirect("/next", method="GET"),
    "a refusal": lambda r: r.reject(reason="busy"),
    "an end": lambda r: (r.say("Tot ziens"), r.hangup()),
    "leaving a queue": lambda r: r.leave(),
    "a copy of the sound": lambda r: r.start().stream(url="wss://example.com/s", track="both_tracks"),
    "the end of a copy": lambda r: r.stop().stream(name="s"),
    "a transfer by the far side": lambda r: r.refer(action="/r").sip("sip:b@example.com"),
    "a message sent": lambda r: r.sms("Dag", to="+31612345678", from_="+31201234567"),
    "connection to a stream": lambda r: r.connect(action="/c").stream(url="wss://example.com/s"),
    "echo": lambda r: r.echo(),
    "payment": lambda r: r.pay(input="dtmf", charge_amount="1.00", valid_card_types="visa maestro").prompt(
        for_="payment-card-number", attempt="1 2"
    ),
}


def _parameters(client: object) -> None:
    client.identity("anna")  # type: ignore[attr-defined]
    client.parameter(name="call_sid", value="CA1")  # type: ignore[attr-defined]


def _marked(say: object) -> None:
    say.s("Uw nummer is")  # type: ignore[attr-defined]
    say.break_(strength="medium", time="200ms")  # type: ignore[attr-defined]
    say.say_as("12345", interpret_as="digits")  # type: ignore[attr-defined]
    say.lang("good bye", xml_lang="en-GB")  # type: ignore[attr-defined]


def _ring(response: VoiceResponse, count: int) -> None:
    dial = response.dial()
    for number in range(count):
        dial.client(f"agent_{number}")


@pytest.mark.parametrize("what", GOOD)
def test_a_good_document_of_the_official_library_passes(what: str) -> None:
    response = VoiceResponse()
    GOOD[what](response)

    assert problems_in_twiml(str(response)) == []


BAD = [
    ("not XML", "Goedemiddag", "not well-formed XML"),
    ("nothing", "", "not well-formed XML"),
    ("an unclosed verb", "<Response><Say>a</Response>", "line 1"),
    ("a control character", "<Response><Say>a\x0bb</Say></Response>", "not well-formed XML"),
    ("a reference to NUL", "<Response><Say>&#0;</Say></Response>", "invalid character number"),
    ("half a character", "<Response><Say>\ud83d</Say></Response>", "surrogate"),
    ("a document type", "<!DOCTYPE Response><Response/>", "document type"),
    (
        "entities that grow",
        '<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Response><Say>&b;</Say></Response>',
        "document type",
    ),
    ("an unknown entity", "<Response><Say>&eacute;</Say></Response>", "undefined entity"),
    ("a page of HTML", "<html><body>502</body></html>", "root is <html>"),
    (
        "a root in a namespace",
        '<Response xmlns="https://example.com"/>',
        "root is <{https://example.com}Response>",
    ),
    ("more than 64 kB", f"<Response><!-- {'a' * 64_000} --></Response>", "64000"),
    ("64 kB of two-byte letters", f"<Response><Say>{'é' * 32_000}</Say></Response>", "error 11750"),
    ("a verb in small letters", "<Response><dial>+31</dial></Response>", "did you mean Dial?"),
    ("an unknown verb", "<Response><Menu/></Response>", "can't hold <Menu>"),
    ("a noun as verb", "<Response><Number>+31612345678</Number></Response>", "can't hold <Number>"),
    ("a verb in Dial", "<Response><Dial><Say>a</Say></Dial></Response>", "can't hold <Say>"),
    (
        "a Dial in Gather",
        '<Response><Gather action="/a"><Dial>1</Dial></Gather></Response>',
        "can't hold <Dial>",
    ),
    ("text beside verbs", "<Response>Hallo<Hangup/></Response>", "holds no text"),
    ("an empty sentence", "<Response><Say/></Response>", "needs a text"),
    ("a redirect to nowhere", "<Response><Redirect> </Redirect></Response>", "needs a text"),
    ("an unknown attribute", '<Response><Hangup reason="busy"/></Response>', "no attribute reason"),
    ("an attribute in capitals", '<Response><Dial Timeout="9">1</Dial></Response>', "did you mean timeout?"),
    ("a Python truth", '<Response><Dial answerOnBridge="True">1</Dial></Response>', "true or false"),
    ("a time with unit", '<Response><Dial timeout="20s">1</Dial></Response>', "whole number"),
    ("a negative time", '<Response><Pause length="-1"/></Response>', "whole number"),
    ("digits of another script", '<Response><Pause length="٣"/></Response>', "whole number"),
    ("an unknown reason", '<Response><Reject reason="tired"/></Response>', "not one of busy, rejected"),
    ("an unknown language", '<Response><Say language="nl">a</Say></Response>', "SayLanguage"),
    (
        "a voice that isn't there",
        '<Response><Say voice="Google.nl-NL-Neural2-A">a</Say></Response>',
        "SayVoice",
    ),
    (
        "an unknown event among known",
        '<Response><Dial><Client statusCallbackEvent="ringing gone">a</Client></Dial></Response>',
        "'gone'",
    ),
    (
        "no event",
        '<Response><Dial><Client statusCallbackEvent="">a</Client></Dial></Response>',
        "names nothing",
    ),
    ("another HTTP method", '<Response><Redirect method="PUT">/a</Redirect></Response>', "GET or POST"),
    ("a ring too short", '<Response><Dial timeout="4">1</Dial></Response>', "from 5 to 600"),
    ("a ring too long", '<Response><Dial timeout="601">1</Dial></Response>', "from 5 to 600"),
    ("nobody to ring", "<Response><Dial/></Response>", "nobody to ring"),
    ("a number beside nouns", "<Response><Dial>1<Client>a</Client></Dial></Response>", "beside its nouns"),
    (
        "a room among others",
        "<Response><Dial><Client>a</Client><Conference>c</Conference></Dial></Response>",
        "should be alone",
    ),
    (
        "an e-mail address as identity",
        "<Response><Dial><Client>a@b.nl</Client></Dial></Response>",
        "only A-Z",
    ),
    ("an accent in an identity", "<Response><Dial><Client>zoë</Client></Dial></Response>", "only A-Z"),
    (
        "a bad identity in its own element",
        "<Response><Dial><Client><Identity>a b</Identity></Client></Dial></Response>",
        "<Identity> (line 1) identity",
    ),
    (
        "our longest identity passed",
        f"<Response><Dial><Client>{'a' * 122}</Client></Dial></Response>",
        "most 121",
    ),
    (
        "Twilio's longest passed",
        f"<Response><Dial><Client>{'a' * 257}</Client></Dial></Response>",
        "takes 256",
    ),
    ("a client without identity", "<Response><Dial><Client/></Dial></Response>", "names no identity"),
    ("an address without host", "<Response><Dial><Sip/></Dial></Response>", "names no address"),
    (
        "ringing kept after a sentence",
        '<Response><Say>a</Say><Dial answerOnBridge="true">1</Dial></Response>',
        "only works when it is the first verb",
    ),
    ("a queue's name too long", f"<Response><Enqueue>{'q' * 65}</Enqueue></Response>", "at most 64"),
    (
        "a queue's name too long in Dial",
        f"<Response><Dial><Queue>{'q' * 65}</Queue></Dial></Response>",
        "at most 64",
    ),
    ("a queue without name", "<Response><Enqueue/></Response>", "names no queue"),
    (
        "a label too long",
        f'<Response><Dial><Conference participantLabel="{"l" * 129}">c</Conference></Dial></Response>',
        "at most 128",
    ),
    (
        "a room too large",
        '<Response><Dial><Conference maxParticipants="251">c</Conference></Dial></Response>',
        "from 1 to 250",
    ),
    (
        "a refusal after an answer",
        "<Response><Say>a</Say><Reject/></Response>",
        "only refuses a call as the first",
    ),
    ("a pause of nothing", '<Response><Pause length="0"/></Response>', "at least 1"),
    ("a Gather that loops", "<Response><Gather/></Response>", "a loop"),
    ("a Gather with an empty action", '<Response><Gather action=""/></Response>', "a loop"),
    ("a Record that loops", "<Response><Record/></Response>", "a loop"),
    ("a recording of a second", '<Response><Record action="/a" maxLength="1"/></Response>', "at least 2"),
    (
        "Dutch to a model that knows none",
        '<Response><Gather action="/a" language="nl-NL" speechModel="phone_call"/></Response>',
        "knows no Dutch",
    ),
    (
        "a fixed model that waits by itself",
        '<Response><Gather action="/a" speechModel="deepgram_nova-2" speechTimeout="auto"/></Response>',
        "speechTimeout should be a number",
    ),
    (
        "more hints than are taken",
        f'<Response><Gather action="/a" hints="{",".join("a" * 501)}"/></Response>',
        "has 501 hints",
    ),
    (
        "a hint that is a story",
        f'<Response><Gather action="/a" hints="b, {"a" * 101}"/></Response>',
        "hint has 101",
    ),
    (
        "Dutch by an English voice",
        '<Response><Say voice="Polly.Amy" language="nl-NL">a</Say></Response>',
        "doesn't",
    ),
    (
        "Dutch by a Flemish voice",
        '<Response><Say voice="Google.nl-BE-Wavenet-A" language="nl-NL">a</Say></Response>',
        "doesn't speak 'nl-NL'",
    ),
    ("Dutch by man", '<Response><Say voice="man" language="nl-NL">a</Say></Response>', "doesn't speak"),
    ("Flemish by alice", '<Response><Say voice="alice" language="nl-BE">a</Say></Response>', "doesn't speak"),
    (
        "too much for Amazon",
        f'<Response><Say voice="Polly.Lotte">{"a" * 3001}</Say></Response>',
        "at most 3000",
    ),
    ("too much for man", f'<Response><Say voice="man">{"a" * 4097}</Say></Response>', "at most 4096"),
    ("too much for anybody", f"<Response><Say>{'a' * 3001}</Say></Response>", "at most 3000"),
    (
        "too much in parts",
        f'<Response><Say voice="Polly.Lotte"><s>{"a" * 1600}</s><s>{"a" * 1600}</s></Say></Response>',
        "has 3200 characters",
    ),
    ("too much once encoded", f'<Response><Say voice="man">{"é" * 800}</Say></Response>', "URL-encoded"),
]
ENDINGS = [
    '<Dial action="/a">1</Dial>',
    '<Enqueue action="/a">q</Enqueue>',
    '<Gather action="/a" actionOnEmptyResult="true"/>',
    "<Redirect>/a</Redirect>",
    "<Hangup/>",
    "<Reject/>",
    "<Leave/>",
]


@pytest.mark.parametrize(("xml", "said"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_bad_document_gives_its_one_problem(xml: str, said: str) -> None:
    problems = problems_in_twiml(xml)

    assert len(problems) == 1
    assert said in problems[0]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_verb_that_is_never_reached_is_told(ending: str) -> None:
    alone = f"<Response>{ending}</Response>"
    followed = f"<Response>{ending}<Say>Tot ziens</Say><Pause/></Response>"

    assert problems_in_twiml(alone) == []
    assert [
        problem
        for problem in problems_in_twiml(followed)
        if "<Say>" in problem and "never reached" in problem
    ]
    assert len(problems_in_twiml(followed)) == 1


def test_eleven_at_once_are_one_too_many() -> None:
    response = VoiceResponse()
    _ring(response, 11)

    assert problems_in_twiml(str(response)) == ["<Dial> (line 1) rings 11 at once; Twilio rings at most 10"]


def test_each_problem_names_its_line() -> None:
    xml = '<Response>\n  <Pause length="0"/>\n  <Play loop="x">/a.wav</Play>\n</Response>'

    assert [re.findall(r"line (\d)", problem) for problem in problems_in_twiml(xml)] == [["3"], ["2"]]


@pytest.mark.parametrize(
    ("verb", "allowed_in"),
    [
        ("<Say>a</Say>", {"voice", "wait", "room", "whisper"}),
        ("<Play>/a.mp3</Play>", {"voice", "wait", "room", "whisper"}),
        ('<Pause length="2"/>', {"voice", "wait", "room", "whisper"}),
        ("<Redirect>/a</Redirect>", {"voice", "wait", "room", "whisper", "message"}),
        ("<Leave/>", {"voice", "wait", "whisper"}),
        ("<Hangup/>", {"voice", "wait", "whisper"}),
        ('<Gather input="dtmf" action="/a"/>', {"voice", "wait", "whisper"}),
        ("<Dial>+31612345678</Dial>", {"voice"}),
        ('<Record action="/a"/>', {"voice", "whisper"}),
        ("<Enqueue>q</Enqueue>", {"voice", "whisper"}),
        ("<Message>Dag</Message>", {"message"}),
        ("<Message><Body>Dag</Body><Media>https://example.com/a.png</Media></Message>", {"message"}),
    ],
)
def test_what_a_document_may_do_depends_on_who_asks(verb: str, allowed_in: set[str]) -> None:
    xml = f"<Response>{verb}</Response>"

    assert {context for context in get_args(Context) if not problems_in_twiml(xml, context)} == allowed_in


def test_a_reply_to_a_message_made_by_the_official_library_passes() -> None:
    response = MessagingResponse()
    response.message("Dank u, Anna leest mee.", action="/sent", method="POST")

    assert problems_in_twiml(str(response), "message") == []


def test_problems_never_quote_what_is_said_dialled_or_named() -> None:
    xml = (
        '<Response><Dial timeout="1">+31612345678<Client>Jansen de Vries</Client></Dial>'
        f"<Say>{'Mevrouw Jansen ' * 400}</Say>+31687654321</Response>"
    )
    told = " ".join(problems_in_twiml(xml))

    assert "<Client>" in told
    assert "<Say>" in told
    assert not re.search(r"Jansen|3161234|3168765", told)


def test_the_structural_check_leaves_the_rules_aside() -> None:
    xml = '<Response><Hangup/><Dial timeout="1">1</Dial></Response>'

    assert structural_problems_in_twiml(xml) == []
    assert len(problems_in_twiml(xml)) == 2
    assert structural_problems_in_twiml("<Response><Number>1</Number></Response>") != []
    assert structural_problems_in_twiml("<Response>") != []
