"""Who waits in which queue, since when, and who takes them out?"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from phonebox import twiml
from phonebox.network.calls import Bridge, CallStatus, Fetch, Leg, LegEnded, LegRedirected, Source
from phonebox.sids import new_sid
from phonebox.timing import Changes, utcnow
from phonebox.verbs.outcomes import DocumentFailed, HungUp, Left, Purpose

if TYPE_CHECKING:
    from phonebox.verbs.interpreter import Interpreter
DEFAULT_MAX_SIZE = 1000
MAX_NAME = 64
RING_BUFFER_SECONDS = 5
# A waitUrl that says nothing is asked again after this long, not at once.
SILENT_WAIT_SECONDS = 1.0


class QueueResult:
    """https://www.twilio.com/docs/voice/twiml/enqueue#attributes-action-parameters"""

    BRIDGED = "bridged"
    ERROR = "error"
    HANGUP = "hangup"
    LEAVE = "leave"
    REDIRECTED = "redirected"
    REDIRECTED_FROM_BRIDGED = "redirected-from-bridged"
    QUEUE_FULL = "queue-full"


@dataclass
class Member:
    """Somebody who waits; `dialler` is set when a `<Dial><Queue>` takes them."""

    leg: Leg
    enqueued_at: datetime
    since: float
    taken: asyncio.Event = field(default_factory=asyncio.Event)
    dialler: Leg | None = None
    whisper: Fetch | None = None
    bridge: Bridge | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    def seconds(self) -> int:
        """Whole simulated seconds in the queue."""
        return round(self.leg.exchange.clock.now() - self.since)


@dataclass
class Queue:
    """A queue; it comes into being with the first who is sent to it."""

    friendly_name: str
    max_size: int = DEFAULT_MAX_SIZE
    sid: str = field(default_factory=lambda: new_sid("QU"))
    members: list[Member] = field(default_factory=list)
    waited: list[int] = field(default_factory=list)
    created_at: datetime = field(default_factory=utcnow)
    updated_at: datetime = field(default_factory=utcnow)

    @property
    def average_seconds(self) -> int:
        """How long those waited who have left."""
        return round(sum(self.waited) / len(self.waited)) if self.waited else 0


class Queues:
    """All queues, by name and by SID."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._queues: dict[str, Queue] = {}

    def __iter__(self) -> Iterator[Queue]:
        return iter(self._queues.values())

    def named(self, name: str, max_size: int = DEFAULT_MAX_SIZE) -> Queue:
        """Return the queue with this name, made on the spot if it is new."""
        if name not in self._queues:
            self._queues[name] = Queue(name, max_size)
        return self._queues[name]

    def has(self, name: str) -> bool:
        """Say whether there is a queue with this name."""
        return name in self._queues

    def by_sid(self, sid: str) -> Queue | None:
        """Return the queue with this SID, if there is one."""
        return next((queue for queue in self if queue.sid == sid), None)

    def rename(self, queue: Queue, name: str) -> None:
        """Give a queue another name."""
        self._queues.pop(queue.friendly_name, None)
        queue.friendly_name = name
        self._queues[name] = queue

    def delete(self, queue: Queue) -> None:
        """Take an empty queue away."""
        self._queues.pop(queue.friendly_name, None)

    def forget(self) -> None:
        """Begin anew."""
        self._queues.clear()

    def enter(self, queue: Queue, leg: Leg) -> Member:
        """Put somebody at the end."""
        member = Member(leg, utcnow(), leg.exchange.clock.now())
        queue.members.append(member)
        leg.queue_name = queue.friendly_name
        self._changed(queue)
        return member

    def leave(self, queue: Queue, member: Member) -> None:
        """Take somebody out; twice is once."""
        if member in queue.members:
            queue.members.remove(member)
            queue.waited.append(member.seconds())
            member.leg.queue_name = None
            member.leg.queue_seconds = member.seconds()
            self._changed(queue)

    def _changed(self, queue: Queue) -> None:
        queue.updated_at = utcnow()
        self._changes.notify()


# -- <Enqueue>


async def enqueue(on: "Interpreter", verb: Element) -> Source | None:
    """Let the caller wait until somebody takes them out, they leave, or they hang up."""
    name = twiml.text_of(verb)[:MAX_NAME]
    on.leg.answer()
    queue = on.world.queues.named(name)
    if len(queue.members) >= queue.max_size:
        return _action(on, verb, queue, QueueResult.QUEUE_FULL, 0)
    member = on.world.queues.enter(queue, on.leg)
    on.leg.hears("queued", name)
    try:
        result = await _wait(on, verb, queue, member)
    except (LegEnded, LegRedirected) as gone:
        on.world.queues.leave(queue, member)
        if isinstance(gone, LegEnded):
            result = QueueResult.BRIDGED if member.bridge else QueueResult.HANGUP
        else:
            result = QueueResult.REDIRECTED_FROM_BRIDGED if member.bridge else QueueResult.REDIRECTED
        _tell(on, _action(on, verb, queue, result, _waited(member)))
        raise
    finally:
        on.world.queues.leave(queue, member)
        member.ready.set()
    return _action(on, verb, queue, result, _waited(member))


def _waited(member: Member) -> int:
    return member.seconds() if member.leg.queue_seconds is None else member.leg.queue_seconds


def _action(on: "Interpreter", verb: Element, queue: Queue, result: str, seconds: int) -> Source | None:
    if "action" not in verb.attrib:
        return None
    params = {"QueueResult": result, "QueueSid": queue.sid, "QueueTime": str(seconds)}
    return on.action(verb, params)


def _tell(on: "Interpreter", source: Source | None) -> None:
    """Request an action whose answer changes nothing any more."""
    if isinstance(source, Fetch):
        on.world.tell(on.leg, source, "action")


async def _wait(on: "Interpreter", verb: Element, queue: Queue, member: Member) -> str:
    """Hear the waiting documents until taken; return the QueueResult."""
    music = asyncio.ensure_future(_hear_waiting(on, verb, queue, member))
    taken = asyncio.ensure_future(member.taken.wait())
    try:
        await asyncio.wait({music, taken}, return_when=asyncio.FIRST_COMPLETED)
        if not taken.done():
            music.result()
    except Left:
        return QueueResult.LEAVE
    except HungUp:
        on.world.queues.leave(queue, member)
        _tell(on, _action(on, verb, queue, QueueResult.HANGUP, _waited(member)))
        raise
    except DocumentFailed:
        return QueueResult.ERROR
    finally:
        for task in (music, taken):
            task.cancel()
        await asyncio.gather(music, taken, return_exceptions=True)
    return await _talk(on, queue, member)


async def _hear_waiting(on: "Interpreter", verb: Element, queue: Queue, member: Member) -> None:
    """Execute the waitUrl again and again; without one there is music."""
    wait_url = verb.get("waitUrl")
    if not wait_url:
        on.leg.hears("music")
        await on.leg.attend(member.taken.wait())
        return
    fetch = Fetch(on.resolve(wait_url), verb.get("waitUrlMethod", "POST").upper())
    waiting = on.on(on.leg, Purpose.WAITING, lambda: _waiting_params(queue, member))
    while True:
        before = on.world.clock.now()
        await waiting.run(fetch)
        if on.world.clock.now() - before < SILENT_WAIT_SECONDS:
            await on.leg.pause(SILENT_WAIT_SECONDS)


def _waiting_params(queue: Queue, member: Member) -> Mapping[str, str]:
    position = queue.members.index(member) + 1 if member in queue.members else 0
    return {
        "QueuePosition": str(position),
        "QueueSid": queue.sid,
        "QueueTime": str(member.seconds()),
        "AvgQueueTime": str(queue.average_seconds),
        "CurrentQueueSize": str(len(queue.members)),
        "MaxQueueSize": str(queue.max_size),
    }


async def _talk(on: "Interpreter", queue: Queue, member: Member) -> str:
    """Hear what the dialler's `url` says, then talk to them until one goes."""
    dialler = member.dialler
    on.world.queues.leave(queue, member)
    if member.whisper is not None and dialler is not None:
        params = {
            "QueueSid": queue.sid,
            "QueueTime": str(_waited(member)),
            "DequeingCallSid": dialler.sid,
        }
        try:
            await on.on(on.leg, Purpose.WHISPER, lambda: params).run(member.whisper)
        except (HungUp, Left, DocumentFailed):
            member.ready.set()
            raise HungUp from None
    if dialler is not None and not dialler.ended:
        member.bridge = Bridge(dialler, on.leg)
        member.ready.set()
        await on.leg.attend(member.bridge.broken.wait())
    return QueueResult.BRIDGED


# -- <Dial><Queue>


async def dial_queue(on: "Interpreter", verb: Element, noun: Element) -> dict[str, str]:
    """Take the first who waits, or wait for one until the time-out; return what the action is told."""
    name = twiml.text_of(noun)
    queue = on.world.queues.named(name)
    seconds = twiml.number(verb, "timeout", 30, 5, 600) + RING_BUFFER_SECONDS
    on.leg.hears("ringing", f"queue {name}")
    member = await on.leg.attend(_first(on, queue, seconds))
    if member is None:
        return {"DialCallStatus": CallStatus.NO_ANSWER.value, "DialBridged": "false"}
    on.leg.rings(member.leg.party)
    member.dialler = on.leg
    url = noun.get("url")
    member.whisper = Fetch(on.resolve(url), noun.get("method", "POST").upper()) if url else None
    member.taken.set()
    try:
        await on.leg.attend(member.ready.wait())
        bridge = member.bridge
        if bridge is None:
            return {"DialCallStatus": CallStatus.NO_ANSWER.value, "DialBridged": "false"}
        await on.leg.attend(bridge.broken.wait())
    finally:
        if member.bridge is not None:
            member.bridge.leave(on.leg)
    return {
        "DialCallStatus": CallStatus.COMPLETED.value,
        "DialBridged": "true",
        "DialCallSid": member.leg.sid,
        "DialCallDuration": str(bridge.seconds()),
    }


async def _first(on: "Interpreter", queue: Queue, seconds: float) -> Member | None:
    """Claim the first who waits and is not claimed yet; None when nobody came in time."""

    def free() -> Member | None:
        return next(
            (each for each in queue.members if not each.taken.is_set() and each.dialler is None), None
        )

    if not await on.world.until(lambda: free() is not None, seconds / on.world.clock.speed):
        return None
    member = free()
    if member is not None:
        member.dialler = on.leg
    return member


def member_of(queue: Queue, which: str) -> Member | None:
    """Return the member at the front (`Front`) or with this call SID."""
    if which == "Front":
        return queue.members[0] if queue.members else None
    return next((each for each in queue.members if each.leg.sid == which), None)
