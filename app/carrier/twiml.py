"""What does the carrier do next? Pure functions from what was decided to TwiML, by the library only."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote
from xml.sax.saxutils import escape

from twilio.twiml.voice_response import Dial, VoiceResponse

from app.agents.presence import Endpoint

# https://www.twilio.com/docs/voice/twiml/dial#timeout: the carrier adds 5 s of its own to every ring.
CARRIER_RING_BUFFER_SECONDS = 5
LEAST_DIAL_TIMEOUT_SECONDS = 5
LONGEST_CALL_SECONDS = 4 * 60 * 60

# https://www.twilio.com/docs/voice/twiml/say/text-speech: voice and language must belong together.
VOICES = {"nl": ("Polly.Laura-Neural", "nl-NL"), "en": ("Polly.Amy-Neural", "en-GB")}
# https://www.twilio.com/docs/voice/twiml/gather#speechmodel: phone_call does not know Dutch. With a fixed
# model the silence that ends a sentence must be given in seconds.
SPEECH_MODEL = "experimental_conversations"
SPEECH_ENDS_AFTER_SECONDS = 3
LEG_EVENTS = "initiated ringing answered completed"
LONGEST_MESSAGE_SECONDS = 120

_TO_ESCAPE = re.compile('[&<>"\r\n\t]')
# https://www.w3.org/TR/xml/#charsets
_ILLEGAL_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Addresses:
    """Where the carrier reports back on one step of one call."""

    public_url: str
    call_sid: str
    step: int

    def of(self, what: str = "") -> str:
        path = f"/voice/calls/{quote(self.call_sid, safe='')}/{self.step}"
        return f"{self.public_url}{path}{'/' + what if what else ''}"


def ring(
    *,
    said: Sequence[str],
    language: str,
    endpoint: Endpoint,
    seconds: int,
    caller_id: str | None,
    parameters: dict[str, str],
    addresses: Addresses,
) -> bytes:
    """Ring one agent. Without a sentence before it the caller hears nothing but a telephone that rings.

    `parameters` reach the desk's softphone with the call. An agent on an ordinary phone hears a whisper and
    accepts first, so that a voicemail never counts as an answer.
    """
    if said or endpoint.kind != "client":
        return ring_by_library(said, language, endpoint, seconds, caller_id, parameters, addresses)
    document = _prepared_ring(seconds, caller_id is not None, tuple(parameters))
    marks = {f"{_PARAMETER}{name}": value for name, value in parameters.items()}
    marks |= {"identity": endpoint.address, "caller_id": caller_id or ""}
    marks |= {"ended": addresses.of("ended"), "leg": addresses.of("leg")}
    return document.format_map({mark: _escaped(clean(value)) for mark, value in marks.items()}).encode()


# What most callers are answered: written by the library once, with marks where each call has its own.
# Building it anew took a seventh of the whole answer (docs/performance.md).
_PARAMETER = "parameter_"


class _Marks(Addresses):
    """Marks in the place of addresses."""

    def of(self, what: str = "") -> str:
        return f"{{{what}}}"


@lru_cache(maxsize=100)
def _prepared_ring(seconds: int, says_caller_id: bool, parameters: tuple[str, ...]) -> str:
    document = ring_by_library(
        said=(),
        language="",
        endpoint=Endpoint("client", "{identity}"),
        seconds=seconds,
        caller_id="{caller_id}" if says_caller_id else None,
        parameters={name: f"{{{_PARAMETER}{name}}}" for name in parameters},
        addresses=_Marks("", "", 0),
    )
    return document.decode()


def _escaped(value: str) -> str:
    """Escape for an attribute, which is more than text needs, as the library does."""
    if _TO_ESCAPE.search(value) is None:
        return value
    return escape(value, {'"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#09;"})


def ring_by_library(
    said: Sequence[str],
    language: str,
    endpoint: Endpoint,
    seconds: int,
    caller_id: str | None,
    parameters: dict[str, str],
    addresses: Addresses,
) -> bytes:
    """The same, whatever the ring; see `ring`."""
    response = VoiceResponse()
    _say(response, said, language)
    dial = Dial(
        action=addresses.of("ended"),
        method="POST",
        timeout=max(LEAST_DIAL_TIMEOUT_SECONDS, seconds - CARRIER_RING_BUFFER_SECONDS),
        time_limit=LONGEST_CALL_SECONDS,
        **({"caller_id": caller_id} if caller_id else {}),
        # https://www.twilio.com/docs/voice/twiml/dial#answeronbridge: works in a first verb only.
        **({} if said else {"answer_on_bridge": True}),
    )
    callbacks = {
        "status_callback": addresses.of("leg"),
        "status_callback_method": "POST",
        "status_callback_event": LEG_EVENTS,
    }
    if endpoint.identity is not None:
        client = dial.client(**callbacks)
        client.identity(endpoint.identity)
        for name, value in parameters.items():
            client.parameter(name=name, value=clean(value))
    if endpoint.number is not None:
        if endpoint.identity is not None:
            callbacks["status_callback"] = addresses.of("phone-leg")
        dial.number(endpoint.number, url=addresses.of("whisper"), method="POST", **callbacks)
    response.append(dial)
    return _bytes(response)


def wait(*, said: Sequence[str], language: str, waiting_for: str, addresses: Addresses) -> bytes:
    """Let the caller wait; `waiting_for` names the queue, unreadably, since the carrier keeps its name."""
    response = VoiceResponse()
    _say(response, said, language)
    response.enqueue(
        "wait-" + hashlib.sha256(waiting_for.encode()).hexdigest()[:24],
        action=addresses.of("left"),
        method="POST",
        wait_url=addresses.of("wait"),
        wait_url_method="POST",
    )
    return _bytes(response)


def keep_waiting(*, said: Sequence[str], language: str, sound: str, hears_at: str = "") -> bytes:
    """Answer the queue's waitUrl: a sentence when it is time for one, a sign of life, a second's silence.

    `sound` is the address of that sign, so short that the line never seems dead for longer than two seconds.

    With an address in `hears_at` the caller may say something, such as that they want somebody else.
    The carrier asks again as soon as this is over, so a second is how late the caller may learn that the
    agent is free when the carrier can't be told.
    """
    response = VoiceResponse()
    if hears_at:
        voice, locale = VOICES[language]
        gather = response.gather(
            input="speech",
            action=hears_at,
            method="POST",
            timeout=1,
            speech_timeout=1,
            language=locale,
            speech_model=SPEECH_MODEL,
            hints="iemand anders graag, someone else please",
        )
        if said:
            gather.say(clean(" ".join(said)), voice=voice, language=locale)
    else:
        _say(response, said, language)
    response.play(sound)
    response.pause(length=1)
    return _bytes(response)


@dataclass(frozen=True)
class Room:
    """A conference as one who enters it is told of it; its name says nothing of anybody."""

    name: str
    events_url: str  # only what the first who enters says of it counts with the carrier
    wait_url: str  # heard until a second is there: its own default is music


def enter_room(
    room: Room, *, label: str, ended: str, muted: bool = False, closes: bool = False, coaches: str = ""
) -> bytes:
    """Let a call go on in a conference. `ended` is asked what is next when the conference is over.

    `closes`: the conference ends when this one leaves; never said of a customer.
    https://www.twilio.com/docs/voice/twiml/conference
    """
    response = VoiceResponse()
    dial = Dial(action=ended, method="POST", time_limit=LONGEST_CALL_SECONDS)
    dial.conference(
        room.name,
        participant_label=label,
        beep="false",
        start_conference_on_enter=True,
        end_conference_on_exit=closes,
        # The carrier's own default keeps back up to a second of what is said.
        jitter_buffer_size="small",
        wait_url=room.wait_url,
        wait_method="POST",
        status_callback=room.events_url,
        status_callback_method="POST",
        status_callback_event="start end join leave mute hold modify",
        **({"muted": True} if muted else {}),
        **({"coach": coaches} if coaches else {}),
    )
    response.append(dial)
    return _bytes(response)


def hold(*, said: Sequence[str], language: str, sound: str, seconds: int, again: str) -> bytes:
    """Let somebody in a conference wait: a sentence, a sign of life every two seconds, then `again` is asked.

    What is played to who is on hold doesn't begin anew by itself, nor does a conference's own wait sound.
    """
    response = VoiceResponse()
    _say(response, said, language)
    for _ in range(max(1, seconds // 2)):
        response.play(sound)
        response.pause(length=1)
    response.redirect(again, method="POST")
    return _bytes(response)


def leave_queue() -> bytes:
    response = VoiceResponse()
    response.leave()
    return _bytes(response)


def ask_again(url: str) -> bytes:
    """Have the carrier ask, in a second, what it is to do."""
    response = VoiceResponse()
    response.pause(length=1)
    response.redirect(url, method="POST")
    return _bytes(response)


def promise(*, said: Sequence[str], language: str, addresses: Addresses) -> bytes:
    """Speak a promise that was already written down; then listen, once, to what it is about.

    The last sentence asks for it.
    """
    response = VoiceResponse()
    _say(response, said[:-1], language)
    _listen(response, said[-1], language, addresses.of("about"), "speech", seconds=6)
    return _bytes(response)


def ask_for_number(*, said: Sequence[str], language: str, action: str) -> bytes:
    """Ask, with the last sentence, for the number that is hidden; it may be said or keyed in."""
    response = VoiceResponse()
    _say(response, said[:-1], language)
    _listen(response, said[-1], language, action, "dtmf speech", seconds=8)
    return _bytes(response)


# The silence after which an answer to the open question is over: whoever pauses to think is not cut short,
# and whoever is done waits no longer than this.
ANSWER_ENDS_AFTER_SECONDS = 2


def ask_openly(*, said: Sequence[str], language: str, action: str, hints: Sequence[str]) -> bytes:
    """Ask what it is about, and listen from the first word on; silence is an answer, too.

    `hints` are words and phrases that the recogniser is to expect, without a comma.
    """
    response = VoiceResponse()
    voice, locale = VOICES[language]
    gather = response.gather(
        input="speech",
        action=action,
        method="POST",
        timeout=5,
        speech_timeout=ANSWER_ENDS_AFTER_SECONDS,
        language=locale,
        speech_model=SPEECH_MODEL,
        hints=",".join(map(clean, hints)),
        action_on_empty_result=True,
    )
    gather.say(clean(" ".join(said)), voice=voice, language=locale)
    return _bytes(response)


def whisper(*, said: str, language: str, addresses: Addresses) -> bytes:
    """Ask the agent, before the caller is put through, whether a human is listening; silence is a no."""
    return whisper_at(said=said, language=language, action=addresses.of("accept"))


def whisper_at(*, said: str, language: str, action: str) -> bytes:
    """The same, with the address that hears the answer."""
    response = VoiceResponse()
    voice, locale = VOICES[language]
    gather = response.gather(
        input="dtmf speech",
        action=action,
        method="POST",
        num_digits=1,
        timeout=8,
        speech_timeout=1,
        language=locale,
        speech_model=SPEECH_MODEL,
        hints="ja, yes",
    )
    gather.say(clean(said), voice=voice, language=locale)
    response.hangup()
    return _bytes(response)


_YES = frozenset({"ja", "jawel", "jazeker", "yes", "yep", "oké", "oke", "ok", "okay"})
# What people say along with it. A voicemail asks, at length, to leave “graag” a message.
_WITH_YES = _YES | {"graag", "hoor", "prima", "hallo", "hello", "please", "sure", "dank", "u", "je"}


def is_yes(digits: str, speech_result: str) -> bool:
    """Tell whether whoever heard the whisper takes the call: one was pressed, or yes said and no more."""
    words = re.findall(r"\w+", speech_result.lower())
    return digits.strip() == "1" or (bool(_YES & {*words[:2]}) and _WITH_YES.issuperset(words))


def connect_customer(
    *, said: Sequence[str], language: str, number: str, line: str, seconds: int, action: str, status_url: str
) -> bytes:
    """Ring the customer for an agent who took a callback; they see our line's number.

    A voicemail is recognised by the carrier while the two are already put through, so nobody who answers
    hears a silence first; the word comes with the news of the customer's leg.
    https://www.twilio.com/docs/voice/twiml/number#attributes-machine-detection
    """
    response = VoiceResponse()
    _say(response, said, language)
    dial = Dial(
        action=action,
        method="POST",
        timeout=max(LEAST_DIAL_TIMEOUT_SECONDS, seconds - CARRIER_RING_BUFFER_SECONDS),
        time_limit=LONGEST_CALL_SECONDS,
        caller_id=line,
    )
    dial.number(
        number,
        status_callback=status_url,
        status_callback_method="POST",
        status_callback_event=LEG_EVENTS,
        machine_detection="Enable",
        amd_status_callback=status_url,
        amd_status_callback_method="POST",
    )
    response.append(dial)
    return _bytes(response)


def farewell(*, said: Sequence[str], language: str) -> bytes:
    response = VoiceResponse()
    _say(response, said, language)
    response.hangup()
    return _bytes(response)


def announce(*, said: Sequence[str], language: str) -> bytes:
    """Let somebody in a conference hear a sentence that nobody else hears."""
    response = VoiceResponse()
    _say(response, said, language)
    return _bytes(response)


def nothing() -> bytes:
    """Go on as you were: on a whisper it puts the caller through, elsewhere it ends the document."""
    return _bytes(VoiceResponse())


def ring_numbers(
    *,
    said: Sequence[str],
    language: str,
    clients: Sequence[str],
    numbers: Sequence[str],
    action: str,
    whisper: str | None,
    seconds: int,
    caller_id: str | None = None,
) -> bytes:
    """Ring several at once, ten at most; the first who answers gets the caller. For when little is known."""
    response = VoiceResponse()
    _say(response, said, language)
    dial = Dial(
        action=action,
        method="POST",
        timeout=max(LEAST_DIAL_TIMEOUT_SECONDS, seconds - CARRIER_RING_BUFFER_SECONDS),
        time_limit=LONGEST_CALL_SECONDS,
        **({"caller_id": caller_id} if caller_id else {}),
        **({} if said else {"answer_on_bridge": True}),
    )
    for identity in clients[:10]:
        dial.client().identity(identity)
    for number in numbers[: 10 - len(clients[:10])]:
        dial.number(number, **({"url": whisper, "method": "POST"} if whisper else {}))
    response.append(dial)
    return _bytes(response)


def take_message(*, said: Sequence[str], language: str, action: str, status_url: str, goodbye: str) -> bytes:
    """Record what the caller says after a tone, which was announced in what is said before it.

    Of whoever says nothing the carrier keeps nothing and asks no `action`: they hear `goodbye` at once.
    https://www.twilio.com/docs/voice/twiml/record
    """
    response = VoiceResponse()
    _say(response, said, language)
    response.record(
        action=action,
        method="POST",
        max_length=LONGEST_MESSAGE_SECONDS,
        timeout=5,
        play_beep=True,
        trim="trim-silence",
        recording_status_callback=status_url,
        recording_status_callback_method="POST",
        recording_status_callback_event="completed absent",
    )
    _say(response, [goodbye], language)
    response.hangup()
    return _bytes(response)


def clean(value: str) -> str:
    """Leave out what XML can't hold."""
    return _ILLEGAL_IN_XML.sub("", value)


def _listen(
    response: VoiceResponse, question: str, language: str, action: str, input_kinds: str, *, seconds: int
) -> None:
    voice, locale = VOICES[language]
    gather = response.gather(
        input=input_kinds,
        action=action,
        method="POST",
        timeout=seconds,
        speech_timeout=SPEECH_ENDS_AFTER_SECONDS,
        language=locale,
        speech_model=SPEECH_MODEL,
        # Without it silence would fall through to whatever follows; our own next document says goodbye.
        action_on_empty_result=True,
    )
    gather.say(clean(question), voice=voice, language=locale)


def _say(response: VoiceResponse, sentences: Sequence[str], language: str) -> None:
    if not sentences:
        return
    voice, locale = VOICES[language]
    response.say(clean(" ".join(sentences)), voice=voice, language=locale)


def _bytes(response: VoiceResponse) -> bytes:
    return str(response).encode()
