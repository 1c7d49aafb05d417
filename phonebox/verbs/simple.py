"""What do the verbs do that need nobody else: speak, play, pause, go elsewhere, hang up?"""

import io
import wave
from xml.etree.ElementTree import Element

from phonebox import twiml
from phonebox.network.calls import CallStatus, Fetch, Source
from phonebox.verbs.interpreter import HungUp, Interpreter, Left
from phonebox.webhooks import WebhookFailed

# About how fast a telephone voice speaks.
CHARACTERS_PER_SECOND = 15
SECONDS_OF_UNKNOWN_SOUND = 3.0
MAX_LOOPS = 1000


async def say(on: Interpreter, verb: Element) -> None:
    """Speak: as long as the text takes to say."""
    text = twiml.text_of(verb)
    language, voice = verb.get("language", "en-US"), verb.get("voice", "")
    on.leg.answer()
    for _ in range(_loops(verb)):
        on.leg.hears("say", text, language=language, voice=voice)
        await on.leg.pause(len(text) / CHARACTERS_PER_SECOND)


async def play(on: Interpreter, verb: Element) -> None:
    """Play a sound or keys: a WAV file for as long as it lasts, other sounds for three seconds."""
    on.leg.answer()
    keys = verb.get("digits")
    if keys:
        on.leg.hears("tone", keys)
        await on.leg.pause(len(keys) * 0.5)
        return
    url = on.resolve(twiml.text_of(verb))
    try:
        reply = await on.leg.attend(on.world.application.ask(on.leg, Fetch(url, "GET"), {}, kind="media"))
    except WebhookFailed as failure:
        on.world.debugger.error(failure.code, failure.message, call_sid=on.leg.sid, url=url)
        return
    seconds = _length_of(reply.raw) if reply.content_type.endswith("wav") else SECONDS_OF_UNKNOWN_SOUND
    for _ in range(_loops(verb)):
        on.leg.hears("play", url)
        await on.leg.pause(seconds)


def _loops(verb: Element) -> int:
    """Return how often a verb repeats; `loop="0"` means until the caller has gone."""
    return twiml.number(verb, "loop", 1, 0, MAX_LOOPS) or MAX_LOOPS


def _length_of(sound: bytes) -> float:
    try:
        with wave.open(io.BytesIO(sound)) as file:
            return float(file.getnframes() / file.getframerate())
    except (wave.Error, EOFError):
        return SECONDS_OF_UNKNOWN_SOUND


async def pause(on: Interpreter, verb: Element) -> None:
    """Be silent; as a first verb it waits before the call is picked up."""
    seconds = twiml.number(verb, "length", 1, 0, 24 * 3600)
    on.leg.hears("silence" if on.leg.answered else "ringing", f"{seconds} s")
    await on.leg.pause(seconds)
    on.leg.answer()


async def redirect(on: Interpreter, verb: Element) -> Source:
    """Go on with another document."""
    return Fetch(on.resolve(twiml.text_of(verb)), verb.get("method", "POST").upper())


async def hang_up(on: Interpreter, verb: Element) -> None:
    """Hang up; a call that was not picked up yet is picked up first."""
    on.leg.answer()
    raise HungUp


async def reject(on: Interpreter, verb: Element) -> None:
    """Refuse a call that nobody picked up; later it only hangs up."""
    reason = verb.get("reason", "rejected")
    if not on.leg.answered:
        on.leg.hears("busy" if reason == "busy" else "rejected")
    raise HungUp(CallStatus.BUSY if reason == "busy" else CallStatus.NO_ANSWER)


async def leave(on: Interpreter, verb: Element) -> None:
    """Leave the queue."""
    raise Left
