"""What does TwiML do to a call, verb by verb?"""

import io
import logging
import wave
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urljoin
from xml.etree.ElementTree import Element

from phonebox import debugger, twiml
from phonebox.network import queues
from phonebox.network.calls import CallStatus, Fetch, HungUpBy, Inline, Leg, LegEnded, LegRedirected, Source
from phonebox.twilio_spec.twiml import Context, problems_in_twiml
from phonebox.twiml import Document, TwimlError
from phonebox.verbs import dialing, prompts
from phonebox.verbs.outcomes import DocumentFailed, HungUp, Left, Purpose
from phonebox.webhooks import WebhookFailed

if TYPE_CHECKING:
    from phonebox.network.world import World

log = logging.getLogger("phonebox")

# About how fast a telephone voice speaks.
CHARACTERS_PER_SECOND = 15
SECONDS_OF_UNKNOWN_SOUND = 3.0
# A document that takes no time and leads to itself would never end.
MAX_STEPS_WITHOUT_TIME = 200
MAX_LOOPS = 1000
APPLICATION_ERROR = "We are sorry, an application error has occurred. Goodbye."


CONTEXTS: Mapping[Purpose, Context] = {
    Purpose.CALL: "voice",
    Purpose.WHISPER: "whisper",
    Purpose.WAITING: "wait",
}


async def run_call(world: "World", leg: Leg, source: Source) -> None:
    """Execute TwiML on a leg until it is over, whatever the REST API has it do instead."""
    try:
        while True:
            try:
                await Interpreter(world, leg).run(source)
                leg.end(CallStatus.NO_ANSWER, HungUpBy.APP)
                return
            except LegRedirected as redirected:
                source = redirected.source
    except LegEnded:
        return
    except HungUp as hung_up:
        leg.end(hung_up.unanswered, HungUpBy.APP)
    except Left:
        leg.end(CallStatus.NO_ANSWER, HungUpBy.APP)
    except DocumentFailed:
        leg.answer()
        leg.hears("error", APPLICATION_ERROR, language="en-US")
        leg.end(CallStatus.FAILED, HungUpBy.CARRIER)
    except Exception:
        log.exception("a call could not be simulated", extra={"call_sid": leg.sid})
        leg.end(CallStatus.FAILED, HungUpBy.CARRIER)
    finally:
        leg.interpreted = False
        world.changes.notify()


class Interpreter:
    """Executes documents on one leg."""

    def __init__(
        self,
        world: "World",
        leg: Leg,
        purpose: Purpose = Purpose.CALL,
        fixed_params: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self.world = world
        self.leg = leg
        self.purpose = purpose
        self.base_url: str | None = None
        self._fixed_params = fixed_params
        self._in_fallback = False
        self._steps = 0
        self._time = world.clock.now()

    def on(
        self, leg: Leg, purpose: Purpose, fixed_params: Callable[[], Mapping[str, str]] = dict
    ) -> "Interpreter":
        """Return an interpreter for another leg or another purpose."""
        return Interpreter(self.world, leg, purpose, fixed_params)

    async def run(self, source: Source) -> None:
        """Execute a document and where it leads, until no verb is left.

        Raises HungUp, Left, LegEnded, LegRedirected, or DocumentFailed when it can't be had or executed.
        """
        following: Source | None = source
        while following is not None:
            await self._slow_down()
            current = following
            try:
                following = await self._run_document(current)
                self._in_fallback = False
            except (WebhookFailed, TwimlError) as error:
                following = self._fallback(error, current)

    async def _slow_down(self) -> None:
        """Keep documents that only redirect to each other from spinning."""
        now = self.world.clock.now()
        self._steps = self._steps + 1 if now - self._time < 1 else 0
        self._time = now
        if self._steps > MAX_STEPS_WITHOUT_TIME:
            raise DocumentFailed("documents redirect to each other without end")

    def _fallback(self, error: WebhookFailed | TwimlError, source: Source) -> Source:
        """Write the failure down, and say which document runs instead."""
        url = error.url if isinstance(error, WebhookFailed) else self._address_of(source)
        self.world.debugger.error(error.code, error.message, call_sid=self.leg.sid, url=url)
        fallback = self.leg.fallback
        if self.purpose is not Purpose.CALL or fallback is None or self._in_fallback:
            raise DocumentFailed(error.message) from error
        self._in_fallback = True
        return Fetch(fallback.url, fallback.method, {"ErrorCode": str(error.code), "ErrorUrl": url or ""})

    def _address_of(self, source: Source) -> str | None:
        return source.url if isinstance(source, Fetch) else self.base_url

    async def _run_document(self, source: Source) -> Source | None:
        document = await self._load(source)
        self.base_url = document.url
        for verb in document.verbs:
            following = await self.perform(verb)
            if following is not None:
                return following
        return None

    async def _load(self, source: Source) -> Document:
        if isinstance(source, Inline):
            document = twiml.parse(source.xml, None)
        else:
            reply = await self.leg.attend(self.world.ask(self.leg, source, self._fixed_params()))
            document = twiml.read(reply)
        problems = problems_in_twiml(document.xml, CONTEXTS[self.purpose]) if document.verbs else []
        for problem in problems:
            self.world.debugger.warning(
                debugger.SCHEMA_VALIDATION_WARNING, problem, call_sid=self.leg.sid, url=document.url
            )
        return document

    def resolve(self, url: str) -> str:
        """Make an address in the document absolute; an empty one is the document's own.

        Raises TwimlError 15004 when the document has no address of its own.
        """
        url = url.strip()
        if self.base_url is None:
            if url.startswith(("http://", "https://")):
                return url
            raise TwimlError(
                debugger.RELATIVE_ACTION_IN_INLINE_TWIML,
                f"{url or 'an empty address'} is relative, and TwiML given inline has no address",
            )
        return urljoin(self.base_url.partition("#")[0], url) if url else self.base_url

    def action(self, verb: Element, params: Mapping[str, str]) -> Fetch:
        """Return the request to a verb's `action`, by default the document's own address."""
        method = verb.get("method", "POST").upper()
        return Fetch(self.resolve(verb.get("action", "")), method, params)

    async def perform(self, verb: Element) -> Source | None:
        """Execute one verb; the source to go on with when it leads elsewhere, None for the next verb."""
        allowed = VERBS[self.purpose]
        handler = allowed.get(verb.tag)
        if handler is None:
            if self.purpose is Purpose.WHISPER and verb.tag == "Dial":
                raise TwimlError(
                    debugger.CANNOT_DIAL_OUT_OF_A_DIALLED_LEG, "<Dial> is not allowed on the called side"
                )
            self.world.debugger.warning(
                debugger.SCHEMA_VALIDATION_WARNING,
                f"<{verb.tag}> does nothing here",
                call_sid=self.leg.sid,
                url=self.base_url,
            )
            return None
        return await handler(self, verb)


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
        reply = await on.leg.attend(on.world.ask(on.leg, Fetch(url, "GET"), {}, kind="media"))
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


Verb = Callable[[Interpreter, Element], Awaitable[Source | None]]

_EVERYWHERE: dict[str, Verb] = {
    "Say": say,
    "Play": play,
    "Pause": pause,
    "Redirect": redirect,
    "Hangup": hang_up,
    "Gather": prompts.gather,
}
VERBS: Mapping[Purpose, Mapping[str, Verb]] = {
    Purpose.WHISPER: _EVERYWHERE | {"Record": prompts.record},
    Purpose.WAITING: _EVERYWHERE | {"Leave": leave},
    Purpose.CALL: _EVERYWHERE
    | {
        "Record": prompts.record,
        "Reject": reject,
        "Leave": leave,
        "Dial": dialing.dial,
        "Enqueue": queues.enqueue,
    },
}
