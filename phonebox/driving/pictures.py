"""How does a call look in the driving API's JSON?"""

from dataclasses import asdict
from typing import Any

from phonebox.driving import hearing
from phonebox.network.calls import Leg
from phonebox.network.world import World


def snapshot(world: World, leg: Leg) -> dict[str, Any]:
    """Return all that is known of a call, as the driving API shows it."""
    family = leg.family
    return {
        "sid": leg.sid,
        "from": leg.from_,
        "to": leg.to,
        "direction": leg.direction.value,
        "status": leg.status.value,
        "parent": leg.parent.sid if leg.parent else None,
        "legs": [leg_summary(each) for each in family],
        "captions": [asdict(caption) for caption in leg.captions],
        "requests": world.webhooks.about({each.sid for each in family}),
        "debugger": [entry for each in family for entry in world.debugger.about(each.sid)],
        "ringing": list(leg.rang),
        "bridged_to": list(leg.bridged_to),
        "queue": leg.queue_name,
        "prompt": leg.prompt.kind if leg.prompt else None,
        "hangup_by": leg.hangup_by.value if leg.hangup_by else None,
        "ended": leg.ended,
        "settled": leg.settled,
        "seconds": round(leg.seconds(), 2),
        "talk_seconds": leg.talk_seconds(),
        "company": list(company(leg)),
        **hearing.told(leg),
    }


def company(leg: Leg) -> tuple[str, ...]:
    """Return whom the person on this leg hears now."""
    return leg.company[-1][1] if leg.company else ()


def leg_summary(leg: Leg) -> dict[str, Any]:
    """Return one leg in short, with what was heard on it."""
    return {
        "sid": leg.sid,
        "from": leg.from_,
        "to": leg.to,
        "direction": leg.direction.value,
        "status": leg.status.value,
        "hangup_by": leg.hangup_by.value if leg.hangup_by else None,
        "captions": [asdict(caption) for caption in leg.captions],
        "company": list(company(leg)),
        "parameters": dict(leg.custom_parameters),
    }
