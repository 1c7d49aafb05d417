"""How is a document executed: asked for, checked, taken verb by verb, and replaced when it fails?"""

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from urllib.parse import urljoin
from xml.etree.ElementTree import Element

from phonebox import debugger, twiml
from phonebox.network.calls import CallStatus, Fetch, Inline, Leg, Source
from phonebox.network.world import World
from phonebox.twilio_spec.twiml import Context, problems_in_twiml
from phonebox.twiml import Document, TwimlError
from phonebox.webhooks import WebhookFailed

# A document that takes no time and leads to itself would never end.
MAX_STEPS_WITHOUT_TIME = 200


class Purpose(StrEnum):
    """For whom a document runs: a call, a called party before the bridge, or who waits in queue or room."""

    CALL = "call"
    WHISPER = "whisper"
    WAITING = "waiting"
    ROOM = "room"


CONTEXTS: Mapping[Purpose, Context] = {
    Purpose.CALL: "voice",
    Purpose.WHISPER: "whisper",
    Purpose.WAITING: "wait",
    Purpose.ROOM: "room",
}


class HungUp(Exception):
    """The document hung up; `unanswered` is the status of a call that nobody had picked up."""

    def __init__(self, unanswered: CallStatus = CallStatus.NO_ANSWER) -> None:
        super().__init__("hung up")
        self.unanswered = unanswered


class Left(Exception):
    """The document left the queue."""


class DocumentFailed(Exception):
    """TwiML could not be had or executed, and no fallback helped."""


# What a verb does; the source to go on with when it leads elsewhere, None for the next verb.
Verb = Callable[["Interpreter", Element], Awaitable[Source | None]]
Verbs = Mapping[Purpose, Mapping[str, Verb]]


class Interpreter:
    """Executes documents on one leg: `verbs` says what each verb does, by whom the document is for."""

    def __init__(
        self,
        world: World,
        leg: Leg,
        verbs: Verbs,
        purpose: Purpose = Purpose.CALL,
        fixed_params: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self.world = world
        self.leg = leg
        self.purpose = purpose
        self._verbs = verbs
        self.base_url: str | None = None
        self._fixed_params = fixed_params
        self._in_fallback = False
        self._steps = 0
        self._time = world.clock.now()

    def on(
        self, leg: Leg, purpose: Purpose, fixed_params: Callable[[], Mapping[str, str]] = dict
    ) -> "Interpreter":
        """Return an interpreter for another leg or another purpose."""
        return Interpreter(self.world, leg, self._verbs, purpose, fixed_params)

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
            reply = await self.leg.attend(self.world.application.ask(self.leg, source, self._fixed_params()))
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
        handler = self._verbs[self.purpose].get(verb.tag)
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
