"""What does one hear in a conference: who waits for its start, who is on hold, and who talks?"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from phonebox import debugger, twiml
from phonebox.network.calls import Fetch, Inline, StatusCallback
from phonebox.network.conferences import Conference, ConferenceStatus, Participant
from phonebox.twiml import TwimlError
from phonebox.verbs.interpreter import DocumentFailed, Interpreter, Purpose


async def join(on: Interpreter, noun: Element, *, seconds: int, star: bool) -> None:
    """Be in the room until it ends, the leg leaves it or the time is up; with `star` that key leaves it."""
    name = twiml.text_of(noun)
    room = on.world.conferences.open(name)
    who = _participant(on, room, noun)
    who.hangs_up_on_star = star
    if room.callback is None and not room.participants and (url := noun.get("statusCallback")):
        room.callback = StatusCallback(
            on.resolve(url),
            noun.get("statusCallbackMethod", "POST").upper(),
            frozenset(noun.get("statusCallbackEvent", "start end").split()),
        )
    limit = twiml.number(noun, "maxParticipants", 250, 2, 250)
    if len(room.participants) >= limit:
        return
    on.leg.hears("conference", name)
    room.enter(who)
    time_up = on.world.tasks.spawn(_put_out_after(on, room, who, seconds))
    try:
        await _stay(on, room, who, noun)
    finally:
        time_up.cancel()
        room.leave(on.leg)


async def _put_out_after(on: Interpreter, room: Conference, who: Participant, seconds: int) -> None:
    await on.world.clock.sleep(seconds)
    room.put_out(who)


def _participant(on: Interpreter, room: Conference, noun: Element) -> Participant:
    label = noun.get("participantLabel", "")
    if label and any(each.label == label and each.leg is not on.leg for each in room.everybody()):
        raise TwimlError(
            debugger.PARTICIPANT_LABEL_IN_USE, "participantLabel is used in this conference already"
        )
    return Participant(
        on.leg,
        label=label,
        muted=twiml.is_true(noun, "muted"),
        coaching=noun.get("coach", ""),
        starts=twiml.is_true(noun, "startConferenceOnEnter", True),
        ends=twiml.is_true(noun, "endConferenceOnExit"),
        beep=noun.get("beep", "true"),
        jitter=noun.get("jitterBufferSize", "large"),
    )


async def _stay(on: Interpreter, room: Conference, who: Participant, noun: Element) -> None:
    """Hear what one hears who waits for the start, then who is on hold, then the others."""
    if room.status is ConferenceStatus.INIT:
        try:
            await _hear_until(on, _until_start(on, noun), room.started, who.put_out, room.over)
        except DocumentFailed:
            # Without its waitUrl one does not come in: the call goes on with what follows.
            return
    while not room.over.is_set() and room.of(on.leg) is who:
        await on.leg.attend(_any_of(who.held, who.put_out, room.over))
        if room.over.is_set() or room.of(on.leg) is not who:
            return
        held = partial(_music, on) if who.hold_url is None else partial(_on_hold, on, who.hold_url)
        await _hear_until(on, held, who.back, who.put_out, room.over)


Hears = Callable[[], Coroutine[Any, Any, None]]


async def _hear_until(on: Interpreter, hears: Hears, *events: asyncio.Event) -> None:
    """Hear something once, then silence, until one of these happens."""
    hearing = asyncio.ensure_future(_once(on, hears))
    until = asyncio.ensure_future(_any_of(*events))
    try:
        await asyncio.wait({hearing, until}, return_when=asyncio.FIRST_COMPLETED)
        if hearing.done():
            hearing.result()
    finally:
        for task in (hearing, until):
            task.cancel()
        await asyncio.gather(hearing, until, return_exceptions=True)


async def _once(on: Interpreter, hears: Hears) -> None:
    await hears()
    # Unlike a queue's, a room's document does not begin again by itself.
    await on.leg.attend(asyncio.Event().wait())


def _until_start(on: Interpreter, noun: Element) -> Hears:
    """Say what somebody hears until the room starts: music, or nothing where `waitUrl` is empty."""
    wait_url = noun.get("waitUrl")
    if wait_url is None:
        return partial(_music, on)
    if not wait_url.strip():
        return partial(_silence, on)
    return partial(_document, on, Fetch(on.resolve(wait_url), noun.get("waitMethod", "POST").upper()))


async def _music(on: Interpreter) -> None:
    on.leg.hears("music")


async def _silence(on: Interpreter) -> None:
    on.leg.hears("silence")


async def _document(on: Interpreter, fetch: Fetch) -> None:
    await on.on(on.leg, Purpose.ROOM).run(fetch)
    on.leg.hears("silence")


async def _on_hold(on: Interpreter, fetch: Fetch) -> None:
    try:
        await _document(on, fetch)
    except DocumentFailed:
        on.leg.hears("silence")


async def _any_of(*events: asyncio.Event) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def joining(name: str, attributes: dict[str, str]) -> Inline:
    """Return the TwiML with which a leg that the REST API rang joins a room."""
    response = Element("Response")
    room = SubElement(SubElement(response, "Dial"), "Conference")
    room.text = name
    for key, value in attributes.items():
        room.set(key, value)
    return Inline(tostring(response, encoding="unicode"))
