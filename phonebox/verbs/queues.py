"""What does one hear who waits in a queue, and how does a `<Dial>` take them out?"""

import asyncio
from collections.abc import Mapping
from xml.etree.ElementTree import Element

from phonebox import twiml
from phonebox.network.calls import Bridge, CallStatus, Fetch, LegEnded, LegRedirected, Source
from phonebox.network.queues import Member, Queue
from phonebox.verbs.interpreter import DocumentFailed, HungUp, Interpreter, Left, Purpose

MAX_NAME = 64
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


# -- <Enqueue>


async def enqueue(on: Interpreter, verb: Element) -> Source | None:
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


def _action(on: Interpreter, verb: Element, queue: Queue, result: str, seconds: int) -> Source | None:
    if "action" not in verb.attrib:
        return None
    params = {"QueueResult": result, "QueueSid": queue.sid, "QueueTime": str(seconds)}
    return on.action(verb, params)


def _tell(on: Interpreter, source: Source | None) -> None:
    """Request an action whose answer changes nothing any more."""
    if isinstance(source, Fetch):
        on.world.application.tell(on.leg, source, "action")


async def _wait(on: Interpreter, verb: Element, queue: Queue, member: Member) -> str:
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


async def _hear_waiting(on: Interpreter, verb: Element, queue: Queue, member: Member) -> None:
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


async def _talk(on: Interpreter, queue: Queue, member: Member) -> str:
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


async def dial_queue(on: Interpreter, noun: Element, seconds: int) -> dict[str, str]:
    """Take the first who waits, or wait so long for one; return what the action is told."""
    name = twiml.text_of(noun)
    queue = on.world.queues.named(name)
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


async def _first(on: Interpreter, queue: Queue, seconds: float) -> Member | None:
    """Claim the first who waits and is not claimed yet; None when nobody came in time."""

    def free() -> Member | None:
        return next(
            (each for each in queue.members if not each.taken.is_set() and each.dialler is None), None
        )

    if not await on.world.changes.until(lambda: free() is not None, seconds / on.world.clock.speed):
        return None
    member = free()
    if member is not None:
        member.dialler = on.leg
    return member
