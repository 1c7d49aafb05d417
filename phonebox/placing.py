"""How does a call come about: dialled by somebody outside, or placed by the application?"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from phonebox.network.calls import (
    CallStatus,
    Direction,
    Fetch,
    Handler,
    HungUpBy,
    Leg,
    LegEnded,
    Source,
    StatusCallback,
)
from phonebox.network.world import World
from phonebox.sids import new_sid
from phonebox.verbs.execution import run_call

SECONDS_OF_A_KEY = 0.5


def phone_in(world: World, from_: str, to: str, sid: str | None, details: Mapping[str, str]) -> Leg:
    """Somebody outside dials a number of the account."""
    number = world.numbers.own(to)
    token = json.dumps({"parentCallInfoToken": new_sid("CT"), "identityHeaderTokens": []})
    details = {"CallToken": token} | dict(details)
    leg = world.new_leg(from_, to, Direction.INBOUND, sid=sid, details=details)
    if number.status_callback:
        leg.callback = StatusCallback(number.status_callback, number.status_callback_method)
    if number.voice_fallback_url:
        leg.fallback = Handler(number.voice_fallback_url, number.voice_fallback_method)
    if number.voice_url:
        world.run(leg, Fetch(number.voice_url, number.voice_method))
    else:
        # The real one fails such a call at once and says nothing about it.
        leg.end(CallStatus.FAILED, HungUpBy.CARRIER)
    return leg


@dataclass(frozen=True)
class Placing:
    """How a call is placed; seconds are simulated ones, `time_limit` counts from the answer."""

    ring_seconds: float = 60
    send_digits: str = ""
    time_limit: int | None = None


async def place(world: World, leg: Leg, source: Source, how: Placing) -> None:
    """Ring whoever the leg is for, and execute the TwiML once they pick up."""
    leg.progress(CallStatus.INITIATED)
    try:
        status = await world.endpoints.ring(leg, how.ring_seconds)
    except LegEnded:
        return
    if status is not CallStatus.IN_PROGRESS:
        leg.end(status, HungUpBy.CALLEE if status is CallStatus.BUSY else HungUpBy.CARRIER)
        return
    leg.interpreted = True
    leg.answer()
    if how.time_limit is not None:
        world.tasks.spawn(end_after(world, leg, how.time_limit))
    if how.send_digits:
        leg.hears("tone", how.send_digits)
        await world.clock.sleep(len(how.send_digits) * SECONDS_OF_A_KEY)
    await run_call(world, leg, source)


async def end_after(world: World, leg: Leg, seconds: int) -> None:
    """End a call that lasts too long."""
    await world.clock.sleep(seconds)
    leg.end(CallStatus.CANCELED, HungUpBy.CARRIER)
