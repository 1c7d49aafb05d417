"""How does a call come about that the application asked for?"""

from typing import TYPE_CHECKING

from phonebox.calls import CallStatus, HungUpBy, Leg, LegEnded, Source
from phonebox.interpreter import run_call

if TYPE_CHECKING:
    from phonebox.world import World


async def place(world: "World", leg: Leg, source: Source, ring_seconds: float) -> None:
    """Ring whoever the leg is for, and execute the TwiML once they pick up."""
    leg.progress(CallStatus.INITIATED)
    try:
        status = await world.endpoints.ring(leg, ring_seconds)
    except LegEnded:
        return
    if status is not CallStatus.IN_PROGRESS:
        leg.end(status, HungUpBy.CALLEE if status is CallStatus.BUSY else HungUpBy.CARRIER)
        return
    leg.interpreted = True
    leg.answer()
    await run_call(world, leg, source)
