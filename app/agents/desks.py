"""Which of an agent's desks counts? The best of those that live: none overwrites what another has said."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.records.agents import Softphone

# A desk that was last heard of longer ago isn't believed.
FRESH = timedelta(seconds=15)
# More than anybody has; a program that names its desks anew each time fills no row.
MOST_DESKS = 8

Desks = Mapping[str, Any]  # by name: [when, softphone, visible]


@dataclass(frozen=True)
class Best:
    """What the living desks come to: who talks at one of them is busy; else one that can ring is enough."""

    softphone: Softphone
    visible: bool


def heard_of(
    desks: Desks, desk: str, softphone: Softphone, visible: bool, now: datetime
) -> tuple[dict[str, Any], Best]:
    """Return the desks that live, with what one of them says now, and what they come to."""
    living = {
        name: said
        for name, said in desks.items()
        if name != desk and now - datetime.fromisoformat(said[0]) <= FRESH
    }
    newest = sorted(living.items(), key=lambda item: str(item[1][0]))[-(MOST_DESKS - 1) :]
    said_by = {**dict(newest), desk: [now.isoformat(), str(softphone), visible]}
    phones = {Softphone(said[1]) for said in said_by.values()}
    best = next(one for one in (Softphone.BUSY, Softphone.READY, Softphone.NONE) if one in phones)
    return said_by, Best(best, any(said[2] for said in said_by.values()))
