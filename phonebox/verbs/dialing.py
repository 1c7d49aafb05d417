"""Whom does a `<Dial>` ring, who gets the caller, and what is the application told of it?"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any
from xml.etree.ElementTree import Element

from phonebox import debugger, twiml
from phonebox.addresses import AddressKind, is_phone_number, kind_of
from phonebox.network.calls import (
    Bridge,
    CallStatus,
    Direction,
    Fetch,
    HungUpBy,
    Leg,
    LegEnded,
    LegRedirected,
    Source,
    StatusCallback,
)
from phonebox.twiml import TwimlError
from phonebox.verbs import conferences, queues
from phonebox.verbs.interpreter import DocumentFailed, HungUp, Interpreter, Left, Purpose
from phonebox.webhooks import WebhookFailed

MAX_NOUNS = 10
# https://www.twilio.com/docs/voice/twiml/dial#timeout: "a 5-second buffer" is always added.
RING_BUFFER_SECONDS = 5
DEFAULT_TIME_LIMIT = 14400
SECONDS_OF_A_KEY = 0.5
# What the caller of several parties is told when none was reached: the most hopeful word first.
WORST_LAST = (CallStatus.NO_ANSWER, CallStatus.BUSY, CallStatus.CANCELED, CallStatus.FAILED)


@dataclass(frozen=True)
class Noun:
    """One party to ring, with what is wanted of its leg."""

    address: str
    whisper: Fetch | None
    callback: StatusCallback | None
    parameters: dict[str, str]
    send_digits: str
    machine_detection: bool


class Verdict(Enum):
    """How an attempt ended: its party talks to the caller, it did not, or its leg was taken elsewhere."""

    ACCEPTED = auto()
    REFUSED = auto()
    TAKEN = auto()


@dataclass(frozen=True)
class Attempt:
    """The leg to one party, and whether the party takes the call."""

    leg: Leg
    verdict: Verdict


@dataclass(frozen=True)
class DialResult:
    """What the action is told; `seconds` is None when the child was sent elsewhere."""

    status: CallStatus
    child: Leg | None = None
    bridged: bool = False
    seconds: int | None = None

    def params(self) -> dict[str, str]:
        """Return it as the action receives it."""
        params = {"DialCallStatus": self.status.value, "DialBridged": str(self.bridged).lower()}
        if self.child is not None:
            params["DialCallSid"] = self.child.sid
        if self.seconds is not None:
            params["DialCallDuration"] = str(self.seconds)
        return params


async def dial(on: Interpreter, verb: Element) -> Source | None:
    """Connect the caller: to parties that ring, to who waits in a queue, or to a conference."""
    room, queue = verb.find("Conference"), verb.find("Queue")
    if room is not None:
        return await _into_room(on, verb, room)
    if queue is not None:
        on.leg.answer()
        params = await queues.dial_queue(on, queue, _ring_seconds(verb))
        return _action(on, verb, params)
    dialling = _Dialling(on, verb)
    try:
        result = await dialling.run()
    except LegEnded:
        dialling.give_up(CallStatus.NO_ANSWER, HungUpBy.CALLER)
        _ask_in_vain(on, verb, dialling.last_result())
        raise
    except LegRedirected:
        dialling.give_up(CallStatus.CANCELED, HungUpBy.APP)
        await _ask_and_ignore(on, verb, dialling.last_result())
        raise
    return _action(on, verb, result.params())


async def _into_room(on: Interpreter, verb: Element, room: Element) -> Source | None:
    """Be in a conference. After it neither a child's SID nor a duration is told."""
    on.leg.answer()
    answered = {"DialCallStatus": "answered"}
    try:
        await conferences.join(on, room, seconds=_time_limit(verb), star=_hangs_up_on_star(verb))
    except LegEnded:
        _ask_in_vain(on, verb, answered)
        raise
    except LegRedirected:
        await _ask_and_ignore(on, verb, answered)
        raise
    return _action(on, verb, answered)


def _ask_in_vain(on: Interpreter, verb: Element, params: dict[str, str]) -> None:
    """Request the action although the caller is gone, where that is switched on."""
    fetch = _last_action(on, verb, params) if on.world.settings.action_after_hangup else None
    if fetch is not None:
        on.world.application.tell(on.leg, fetch, "action")


async def _ask_and_ignore(on: Interpreter, verb: Element, params: dict[str, str]) -> None:
    """Request the action although the caller is sent elsewhere, and wait for the answer.

    Seen at Twilio: the action of the Dial that was broken off is requested before the new document, and its
    answer is thrown away. https://github.com/qisoft/i-hate-making-calls/issues/31
    """
    fetch = _last_action(on, verb, params)
    if fetch is None:
        return
    try:
        await on.world.application.ask(on.leg, fetch, {}, kind="action")
    except WebhookFailed as failure:
        on.world.debugger.warning(failure.code, failure.message, call_sid=on.leg.sid, url=failure.url)


def _last_action(on: Interpreter, verb: Element, params: dict[str, str]) -> Fetch | None:
    """Return the request with which a Dial ends that was broken off, if it has an action."""
    if "action" not in verb.attrib:
        return None
    try:
        return on.action(verb, params)
    except TwimlError as error:
        on.world.debugger.error(error.code, error.message, call_sid=on.leg.sid)
        return None


def _time_limit(verb: Element) -> int:
    return twiml.number(verb, "timeLimit", DEFAULT_TIME_LIMIT, 1, DEFAULT_TIME_LIMIT)


def _hangs_up_on_star(verb: Element) -> bool:
    return twiml.is_true(verb, "hangupOnStar")


def _action(on: Interpreter, verb: Element, params: dict[str, str]) -> Source | None:
    """With an action the verbs after `<Dial>` are never reached; without one they go on."""
    return on.action(verb, params) if "action" in verb.attrib else None


def _ring_seconds(verb: Element) -> int:
    """Return how long is waited for somebody who takes the call."""
    return twiml.number(verb, "timeout", 30, 5, 600) + RING_BUFFER_SECONDS


def nouns_in(on: Interpreter, verb: Element) -> list[Noun]:
    """Return the parties to ring. Raises TwimlError when there are none, or more than ten."""
    nouns = [_noun(on, child) for child in verb if child.tag in ("Number", "Client", "Sip")]
    text = (verb.text or "").strip()
    if text and not nouns:
        nouns = [Noun(text, None, None, {}, "", False)]
    if not nouns or len(nouns) > MAX_NOUNS:
        raise TwimlError(
            debugger.SCHEMA_VALIDATION_WARNING, f"<Dial> rings one to ten parties; here are {len(nouns)}"
        )
    return nouns


def _noun(on: Interpreter, element: Element) -> Noun:
    identity = element.find("Identity")
    name = twiml.text_of(identity) if identity is not None else (element.text or "").strip()
    address = f"client:{name}" if element.tag == "Client" else name
    url, callback = element.get("url"), element.get("statusCallback")
    parameters = {each.get("name", ""): each.get("value", "") for each in element.findall("Parameter")}
    return Noun(
        address,
        Fetch(on.resolve(url), element.get("method", "POST").upper()) if url else None,
        _callback(on, element, callback) if callback else None,
        parameters,
        element.get("sendDigits", ""),
        element.get("machineDetection", "") in ("Enable", "DetectMessageEnd"),
    )


def _callback(on: Interpreter, element: Element, url: str) -> StatusCallback:
    events = element.get("statusCallbackEvent", "completed").replace(",", " ").split()
    return StatusCallback(
        on.resolve(url), element.get("statusCallbackMethod", "POST").upper(), frozenset(events)
    )


class _StarWatch:
    """Hears only the star of a caller whose call is ringing still."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop

    def hearers(self, speaker: Leg) -> list[Leg]:
        """Nobody is there yet."""
        return []

    def delay_seconds(self, speaker: Leg) -> float:
        """Nobody hears it."""
        return 0.0

    def pressed(self, leg: Leg, digits: str) -> None:
        """The star ends the attempt."""
        if "*" in digits:
            self._stop()

    def leave(self, leg: Leg) -> None:
        """The caller has gone."""
        leg.connection = None


class _Dialling:
    """One `<Dial>` to ringing parties, while it lasts."""

    def __init__(self, on: Interpreter, verb: Element) -> None:
        self._on = on
        self._verb = verb
        self._leg = on.leg
        self._legs: list[Leg] = []
        self._bridge: Bridge | None = None
        self._stopped = asyncio.Event()
        self._ring_seconds = _ring_seconds(verb)

    async def run(self) -> DialResult:
        """Ring the parties and stay until the talk is over."""
        nouns = nouns_in(self._on, self._verb)
        caller_id = self._caller_id(nouns)
        if caller_id is None:
            return DialResult(CallStatus.FAILED)
        # Only a call that nobody picked up yet can keep ringing: after any other verb it is too late.
        if not (twiml.is_true(self._verb, "answerOnBridge") and not self._leg.answered):
            self._leg.answer()
        self._leg.hears("ringing", ", ".join(noun.address for noun in nouns))
        if self._hangs_up_on_star:
            self._leg.connection = _StarWatch(self._stop)
        attempts = await self._ring(nouns, caller_id)
        accepted = next((each.leg for each in attempts if each.verdict is Verdict.ACCEPTED), None)
        if accepted is None:
            return self._nobody(attempts)
        return await self._talk(accepted)

    @property
    def _hangs_up_on_star(self) -> bool:
        return _hangs_up_on_star(self._verb)

    def _stop(self) -> None:
        self._stopped.set()

    def _caller_id(self, nouns: list[Noun]) -> str | None:
        """Return what the called parties see, or None when Twilio would not dial with it (13214)."""
        given = self._verb.get("callerId")
        shown = given or (self._leg.from_ if self._leg.direction is Direction.INBOUND else self._leg.to)
        if all(kind_of(noun.address) is not AddressKind.PHONE for noun in nouns):
            return shown
        own = given in self._on.world.numbers if given else False
        if is_phone_number(shown) and (not given or own or given in (self._leg.from_, self._leg.to)):
            return shown
        self._on.world.debugger.error(
            debugger.INVALID_CALLER_ID,
            "callerId must be a number of the account, or the From or To of the call",
            call_sid=self._leg.sid,
            url=self._on.base_url,
        )
        return None

    # -- ringing

    async def _ring(self, nouns: list[Noun], caller_id: str) -> list[Attempt]:
        """Ring one after another or all at once; the last attempt is the accepted one, if any is."""
        if not twiml.is_true(self._verb, "sequential"):
            return await self._leg.attend(self._ring_together(nouns, caller_id))
        attempts: list[Attempt] = []
        for noun in nouns:
            attempts += await self._leg.attend(self._ring_together([noun], caller_id))
            if attempts[-1].verdict is not Verdict.REFUSED or self._stopped.is_set():
                break
        return attempts

    async def _ring_together(self, nouns: list[Noun], caller_id: str) -> list[Attempt]:
        legs = [self._new_leg(noun, caller_id) for noun in nouns]
        trying: dict[asyncio.Task[Verdict], Leg] = {
            self._on.world.tasks.spawn(self._attempt(noun, leg)): leg
            for noun, leg in zip(nouns, legs, strict=True)
        }
        star = asyncio.ensure_future(self._stopped.wait())
        done: list[Attempt] = []
        try:
            while trying and not any(each.verdict is Verdict.ACCEPTED for each in done):
                await asyncio.wait({*trying, star}, return_when=asyncio.FIRST_COMPLETED)
                if star.done():
                    break
                for task in [task for task in trying if task.done()]:
                    done.append(Attempt(trying.pop(task), task.result()))
        finally:
            star.cancel()
        return self._settle(done, list(trying.values()))

    def _settle(self, done: list[Attempt], still_trying: list[Leg]) -> list[Attempt]:
        """The first who accepted has the call; everybody else's telephone stops ringing."""
        for leg in still_trying:
            leg.end(CallStatus.CANCELED, HungUpBy.CARRIER)
        accepted = [each for each in done if each.verdict is Verdict.ACCEPTED]
        for late in accepted[1:]:
            late.leg.end(CallStatus.CANCELED, HungUpBy.CARRIER)
        others = [each for each in done if each.verdict is not Verdict.ACCEPTED]
        others += [Attempt(leg, Verdict.REFUSED) for leg in still_trying]
        return others + accepted[:1]

    def _new_leg(self, noun: Noun, caller_id: str) -> Leg:
        details = {"MachineDetection": "Enable"} if noun.machine_detection else {}
        leg = self._on.world.new_leg(
            caller_id, noun.address, Direction.OUTBOUND_DIAL, parent=self._leg, details=details
        )
        leg.callback = noun.callback
        leg.custom_parameters = noun.parameters
        self._legs.append(leg)
        return leg

    async def _attempt(self, noun: Noun, leg: Leg) -> Verdict:
        """Ring one party and let it hear the whisper; the leg is over when it does not take the call."""
        world = self._on.world
        try:
            if kind_of(noun.address) is None:
                world.debugger.error(
                    debugger.INVALID_PHONE_NUMBER, "<Dial> names no number, client or SIP address",
                    call_sid=self._leg.sid, url=self._on.base_url,
                )  # fmt: skip
                leg.end(CallStatus.FAILED, HungUpBy.CARRIER)
                return Verdict.REFUSED
            leg.progress(CallStatus.INITIATED)
            status = await world.endpoints.ring(leg, self._ring_seconds)
            if status is not CallStatus.IN_PROGRESS:
                declined = status is CallStatus.BUSY
                leg.end(status, HungUpBy.CALLEE if declined else HungUpBy.CARRIER)
                return Verdict.REFUSED
            leg.answer()
            if noun.send_digits:
                leg.hears("tone", noun.send_digits)
                await leg.pause(len(noun.send_digits) * SECONDS_OF_A_KEY)
            if noun.whisper is not None:
                await self._whisper(noun.whisper, leg)
        except LegEnded:
            return Verdict.REFUSED
        except LegRedirected as redirected:
            self._legs.remove(leg)
            world.run(leg, redirected.source)
            return Verdict.TAKEN
        return Verdict.REFUSED if leg.ended else Verdict.ACCEPTED

    async def _whisper(self, fetch: Fetch, leg: Leg) -> None:
        """Run TwiML on the called side: a `<Hangup>` there declines, and so does a document that fails."""
        leg.interpreted = True
        try:
            await self._on.on(leg, Purpose.WHISPER).run(fetch)
        except (HungUp, Left):
            leg.end(CallStatus.COMPLETED, HungUpBy.APP)
        except DocumentFailed:
            leg.end(CallStatus.COMPLETED, HungUpBy.CARRIER)
        finally:
            leg.interpreted = False

    def _nobody(self, attempts: list[Attempt]) -> DialResult:
        if self._stopped.is_set():
            return DialResult(CallStatus.CANCELED, attempts[-1].leg)
        if taken := next((each for each in attempts if each.verdict is Verdict.TAKEN), None):
            return DialResult(CallStatus.COMPLETED, taken.leg)
        # Somebody who picked up and then declined: the leg was completed, and never bridged.
        if answered := next((each.leg for each in attempts if each.leg.answered), None):
            return DialResult(CallStatus.COMPLETED, answered, False, answered.talk_seconds())
        worst = min(attempts, key=lambda each: WORST_LAST.index(each.leg.status))
        return DialResult(worst.leg.status, worst.leg)

    # -- talking

    async def _talk(self, child: Leg) -> DialResult:
        self._leg.answer()
        bridge = self._bridge = Bridge(self._leg, child, self._on_key)
        await self._leg.attend(self._until_over(bridge, _time_limit(self._verb)))
        if bridge.gone is child and not child.ended:
            return DialResult(CallStatus.COMPLETED, child, True)
        bridge.leave(child)
        child.end(CallStatus.COMPLETED, HungUpBy.CARRIER)
        return DialResult(CallStatus.COMPLETED, child, True, bridge.seconds())

    async def _until_over(self, bridge: Bridge, limit: int) -> None:
        """Stay until one of the two goes, presses the star, or the time is up."""
        waits: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(bridge.broken.wait()),
            asyncio.ensure_future(self._stopped.wait()),
            asyncio.ensure_future(self._on.world.clock.sleep(limit)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _on_key(self, leg: Leg, digits: str) -> None:
        if leg is self._leg and self._hangs_up_on_star and "*" in digits:
            self._stop()

    # -- the caller is gone

    def give_up(self, unanswered: CallStatus, by: HungUpBy) -> None:
        """End the legs that were dialled: `unanswered` is the status of those that ring still."""
        for leg in list(self._still_here()):
            leg.end(unanswered, by)

    def _still_here(self) -> Iterator[Leg]:
        """The legs that are still this Dial's: one that was sent elsewhere lives on."""
        sent_away = self._bridge.gone if self._bridge else None
        return (leg for leg in self._legs if not leg.ended and leg is not sent_away)

    def last_result(self) -> dict[str, str]:
        """Return what the action is told of a Dial that was broken off."""
        child = self._bridge.legs[1] if self._bridge else (self._legs[-1] if self._legs else None)
        if self._bridge is not None:
            return DialResult(CallStatus.COMPLETED, child, True, self._bridge.seconds()).params()
        return DialResult(CallStatus.NO_ANSWER if child is None else child.status, child).params()
