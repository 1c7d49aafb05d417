"""How does a call come about that the application asked for?"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from phonebox.network.calls import CallStatus, HungUpBy, Leg, LegEnded, Source
from phonebox.verbs.interpreter import run_call

if TYPE_CHECKING:
    from phonebox.network.world import World


SECONDS_OF_A_KEY = 0.5


@dataclass(frozen=True)
class Placing:
    """How a call is placed; seconds are simulated ones, `time_limit` counts from the answer."""

    ring_seconds: float = 60
    send_digits: str = ""
    time_limit: int | None = None


async def place(world: "World", leg: Leg, source: Source, how: Placing) -> None:
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
        world.spawn(end_after(world, leg, how.time_limit))
    if how.send_digits:
        leg.hears("tone", how.send_digits)
        await world.clock.sleep(len(how.send_digits) * SECONDS_OF_A_KEY)
    await run_call(world, leg, source)


async def end_after(world: "World", leg: Leg, seconds: int) -> None:
    """End a call that lasts too long."""
    await world.clock.sleep(seconds)
    leg.end(CallStatus.CANCELED, HungUpBy.CARRIER)
