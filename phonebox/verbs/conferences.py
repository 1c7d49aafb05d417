"""What does one hear in a conference: who waits for its start, who is on hold, and who talks?"""

import asyncio
from xml.etree.ElementTree import Element, SubElement, tostring

from phonebox import debugger, twiml
from phonebox.network.calls import Fetch, Inline, StatusCallback
from phonebox.network.conferences import Conference, ConferenceStatus, Participant
from phonebox.twiml import TwimlError
from phonebox.verbs.interpreter import DocumentFailed, Interpreter, Left, Purpose


async def join(on: Interpreter, noun: Element) -> None:
    """Be in the room until it ends or the leg leaves it."""
    name = twiml.text_of(noun)
    room = on.world.conferences.open(name)
    who = _participant(on, room, noun)
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
    try:
        await _stay(on, room, who, noun)
    finally:
        room.leave(on.leg)


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
    )


async def _stay(on: Interpreter, room: Conference, who: Participant, noun: Element) -> None:
    """Hear what one hears who waits for the start, then who is on hold, then the others."""
    if room.status is ConferenceStatus.INIT:
        wait_url = noun.get("waitUrl")
        fetch = Fetch(on.resolve(wait_url), noun.get("waitMethod", "POST").upper()) if wait_url else None
        await _hear_until(on, fetch, room.started, who.put_out, room.over)
    while not room.over.is_set() and room.of(on.leg) is who:
        await on.leg.attend(_any_of(who.held, who.put_out, room.over))
        if room.over.is_set() or room.of(on.leg) is not who:
            return
        await _hear_until(on, who.hold_url, who.back, who.put_out, room.over)


async def _hear_until(on: Interpreter, fetch: Fetch | None, *events: asyncio.Event) -> None:
    """Execute a document once, then be silent, until one of these happens."""
    hearing = asyncio.ensure_future(_hear(on, fetch))
    until = asyncio.ensure_future(_any_of(*events))
    try:
        await asyncio.wait({hearing, until}, return_when=asyncio.FIRST_COMPLETED)
        if hearing.done():
            hearing.result()
    finally:
        for task in (hearing, until):
            task.cancel()
        await asyncio.gather(hearing, until, return_exceptions=True)


async def _hear(on: Interpreter, fetch: Fetch | None) -> None:
    if fetch is None:
        on.leg.hears("music")
    else:
        try:
            await on.on(on.leg, Purpose.WAITING).run(fetch)
        except (DocumentFailed, Left):
            on.leg.hears("silence")
    await on.leg.attend(asyncio.Event().wait())


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
        if value:
            room.set(key, value)
    return Inline(tostring(response, encoding="unicode"))
