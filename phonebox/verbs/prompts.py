"""What does the caller answer, by voice or keys, to a `<Gather>` or after the tone of a `<Record>`?"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any
from xml.etree.ElementTree import Element

from phonebox import twiml
from phonebox.network.calls import Fetch, Input, Leg, LegEnded, Pressed, Prompt, Source, Spoken
from phonebox.network.recordings import Recording
from phonebox.sids import new_sid
from phonebox.sound import Tape
from phonebox.timing import rfc2822, utcnow
from phonebox.verbs.interpreter import Interpreter

KEYS = "0123456789*#"
RECORD_SECONDS = 3600
# Somebody who speaks after the tone speaks about this fast.
CHARACTERS_PER_SECOND = 15
# What `speechTimeout="auto"` takes for the end of a sentence; Twilio gives no figure.
PAUSE_SECONDS = 1


@dataclass
class Gathered:
    """What came in: keys, or a sentence, or neither."""

    digits: str = ""
    speech: str = ""
    confidence: float = 0.0

    @property
    def empty(self) -> bool:
        return not self.digits and not self.speech

    def params(self, kinds: str) -> dict[str, str]:
        """Return it as the action receives it."""
        if self.speech:
            return {"SpeechResult": self.speech, "Confidence": f"{self.confidence:g}"}
        if self.digits or "dtmf" in kinds:
            return {"Digits": self.digits}
        return {"SpeechResult": ""}


async def gather(on: Interpreter, verb: Element) -> Source | None:
    """Listen, while the nested verbs speak and some time after; what comes in goes to `action`."""
    kinds = verb.get("input", "dtmf")
    on.leg.answer()
    prompt = Prompt("gather", speech="speech" in kinds, keys="dtmf" in kinds)
    on.leg.listen(prompt)
    try:
        gathered = await _listen(on, verb, prompt)
    finally:
        on.leg.stop_listening()
    if gathered.empty and not twiml.is_true(verb, "actionOnEmptyResult"):
        return None
    return on.action(verb, gathered.params(kinds))


async def _listen(on: Interpreter, verb: Element, prompt: Prompt) -> Gathered:
    speaking = asyncio.ensure_future(_speak(on, verb))
    first = asyncio.ensure_future(prompt.inputs.get())
    try:
        await asyncio.wait({speaking, first}, return_when=asyncio.FIRST_COMPLETED)
        if not first.done():
            speaking.result()
            timeout = twiml.number(verb, "timeout", 5, 0, 600)
            await on.leg.attend(_within(on.leg, first, timeout))
        elif speaking.done():
            speaking.result()
        if not first.done():
            return Gathered()
        heard = first.result()
        speaking.cancel()  # whoever speaks or presses isn't spoken to any more
        if isinstance(heard, Spoken):
            return await _more_words(on, verb, prompt, heard)
        return await _more_keys(on, verb, prompt, heard.digits)
    finally:
        for task in (speaking, first):
            if not task.done():
                task.cancel()
        await asyncio.gather(speaking, first, return_exceptions=True)


async def _speak(on: Interpreter, verb: Element) -> None:
    for nested in verb:
        await on.perform(nested)


async def _within(leg: Leg, first: "asyncio.Future[Input]", seconds: float, spoke: bool = False) -> None:
    """Wait for what comes in; who `spoke` needs no time to begin: their silence is as quick as all else."""
    pass_by = leg.exchange.clock.sleep if spoke else leg.sleep_for_a_hand
    waiting = asyncio.ensure_future(pass_by(seconds))
    either: set[asyncio.Future[Any]] = {first, waiting}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()


async def _more_words(on: Interpreter, verb: Element, prompt: Prompt, heard: Spoken) -> Gathered:
    """Listen on until the caller was silent for `speechTimeout`: what they say meanwhile belongs to it.

    https://www.twilio.com/docs/voice/twiml/gather#speechtimeout
    """
    silence = _silence(verb)
    gathered = Gathered(speech=heard.text, confidence=heard.confidence)
    for number in count():
        if partial := verb.get("partialResultCallback"):
            method = verb.get("partialResultCallbackMethod", "POST")
            _tell_partial(on, partial, method, gathered.speech, number)
        coming = asyncio.ensure_future(prompt.inputs.get())
        try:
            await on.leg.attend(_within(on.leg, coming, silence, spoke=True))
            more = coming.result() if coming.done() else None
        finally:
            coming.cancel()
        if not isinstance(more, Spoken):
            break
        gathered.speech = f"{gathered.speech} {more.text}"
        gathered.confidence = min(gathered.confidence, more.confidence)
    return gathered


def _silence(verb: Element) -> int:
    """Return after how many seconds without a word a sentence is over."""
    timeout = twiml.number(verb, "timeout", 5, 0, 600)
    is_auto = verb.get("speechTimeout") == "auto"
    return PAUSE_SECONDS if is_auto else twiml.number(verb, "speechTimeout", timeout, 0, 600)


async def _more_keys(on: Interpreter, verb: Element, prompt: Prompt, keys: str) -> Gathered:
    """Collect keys until there are enough, the finishing one comes, or nobody presses any for a while."""
    wanted = twiml.number(verb, "numDigits", 0, 0, 1000)
    finish = verb.get("finishOnKey", "#")
    timeout = twiml.number(verb, "timeout", 5, 0, 600)
    pressed = ""
    while True:
        for key in keys:
            if finish and key in finish:
                return Gathered(digits=pressed)
            pressed += key
            if wanted and len(pressed) == wanted:
                return Gathered(digits=pressed)
        coming = asyncio.ensure_future(prompt.inputs.get())
        try:
            await on.leg.attend(_within(on.leg, coming, timeout))
            if not coming.done():
                return Gathered(digits=pressed)
            heard = coming.result()
        finally:
            coming.cancel()
        if isinstance(heard, Spoken):
            return Gathered(digits=pressed) if pressed else await _more_words(on, verb, prompt, heard)
        keys = heard.digits


def _tell_partial(on: Interpreter, url: str, method: str, speech: str, number: int) -> None:
    params = {"StableSpeechResult": speech, "UnstableSpeechResult": "", "SequenceNumber": str(number)}
    on.world.application.tell(on.leg, Fetch(on.resolve(url), method, params), "status")


async def record(on: Interpreter, verb: Element) -> Source | None:
    """Record what the caller says until silence, a key, the limit, or the end of the call.

    An empty recording makes no request: the next verb goes on.
    https://www.twilio.com/docs/voice/twiml/record
    """
    on.leg.answer()
    if twiml.is_true(verb, "playBeep", True):
        on.leg.hears("beep")
    prompt = Prompt("record", speech=True, keys=True)
    on.leg.listen(prompt)
    sid, started_at = new_sid("RE"), utcnow()
    _tell_of_recording(
        on, verb, "in-progress", {"RecordingSid": sid, "RecordingStartTime": rfc2822(started_at) or ""}
    )
    taken = _Taken(on.world.mixer.record(on.leg))
    try:
        await _take_down(on, verb, prompt, taken)
    except LegEnded:
        taken.ended_by = "hangup"
        following = _finished(on, verb, taken, sid, started_at)
        if following is not None:
            on.world.application.tell(on.leg, following, "action")
        raise
    finally:
        on.leg.stop_listening()
        on.world.mixer.stop_recording(on.leg)
    return _finished(on, verb, taken, sid, started_at)


@dataclass
class _Taken:
    """A recording in the making: typed words, and on `tape` the voice of a leg that has sound."""

    tape: Tape | None
    said: str = ""
    ended_by: str = ""

    @property
    def anything(self) -> bool:
        """Whether there is something to keep."""
        return bool(self.said) or (self.tape is not None and self.tape.spoken)

    def patience(self, silence: float, speed: float) -> float:
        """Return for how many simulated seconds more silence is waited for; 0 when it lasted long enough."""
        if self.tape is None or not self.tape.spoken:
            return 0
        return max(silence - self.tape.quiet_seconds * speed, 0)

    def seconds(self, speed: float) -> int:
        """Return how long it is, in whole simulated seconds, and at least one."""
        voice = self.tape.seconds * speed if self.tape is not None and self.tape.spoken else 0
        return max(round(len(self.said) / CHARACTERS_PER_SECOND), round(voice), 1)


async def _take_down(on: Interpreter, verb: Element, prompt: Prompt, taken: _Taken) -> None:
    silence = twiml.number(verb, "timeout", 5, 0, 600)
    finish = verb.get("finishOnKey", KEYS)
    longest = twiml.number(verb, "maxLength", RECORD_SECONDS, 1, 14400)
    clock = on.world.clock
    until = clock.now() + longest
    patience = float(silence)
    while (left := until - clock.now()) > 0:
        coming = asyncio.ensure_future(prompt.inputs.get())
        try:
            await on.leg.attend(_within(on.leg, coming, min(patience, left), spoke=taken.anything))
            if not coming.done():
                patience = taken.patience(silence, clock.speed)
                if patience:
                    continue
                return
            heard = coming.result()
        finally:
            coming.cancel()
        patience = silence
        if isinstance(heard, Pressed):
            ending = next((key for key in heard.digits if key in finish), "")
            if ending:
                taken.ended_by = ending
                return
        else:
            taken.said = f"{taken.said} {heard.text}".strip()
            await on.leg.pause(len(heard.text) / CHARACTERS_PER_SECOND)


def _finished(on: Interpreter, verb: Element, taken: _Taken, sid: str, started_at: datetime) -> Fetch | None:
    """Keep the recording, tell those who asked to know, and return the request to the action.

    Of silence nothing is kept, and there is no request.
    """
    if not taken.anything:
        _tell_of_recording(on, verb, "absent", {"RecordingSid": sid, "RecordingDuration": "0"})
        return None
    seconds = taken.seconds(on.world.clock.speed)
    voice = taken.tape.frames if taken.tape is not None and taken.tape.spoken else ()
    recording = on.world.recordings.add(
        Recording(on.leg.sid, taken.said, seconds, sid=sid, started_at=started_at, voice=voice)
    )
    account = on.world.settings.account_sid
    address = f"{on.world.base_url}/2010-04-01/Accounts/{account}/Recordings/{recording.sid}"
    params = {
        "RecordingUrl": address,
        "RecordingSid": recording.sid,
        "RecordingDuration": str(seconds),
    }
    started = {"RecordingStartTime": rfc2822(recording.started_at) or ""}
    _tell_of_recording(on, verb, "completed", params | started)
    return on.action(verb, params | {"Digits": taken.ended_by})


def _tell_of_recording(on: Interpreter, verb: Element, status: str, params: Mapping[str, str]) -> None:
    """Report on a recording to `recordingStatusCallback`, if that was asked for.

    https://www.twilio.com/docs/voice/twiml/record#recordingstatuscallback
    """
    callback = verb.get("recordingStatusCallback")
    if not callback or status not in verb.get("recordingStatusCallbackEvent", "completed").split():
        return
    told = {"RecordingStatus": status, "RecordingChannels": "1", "RecordingSource": "RecordVerb", **params}
    method = verb.get("recordingStatusCallbackMethod", "POST")
    on.world.application.tell(on.leg, Fetch(on.resolve(callback), method, told), "status")
