"""What is asked of the carrier so that a room becomes as it should be? Pure: legs, and what is seen there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from app.carrier.rest import Participant
from app.records.legs import CallLeg


@dataclass(frozen=True)
class Stands:
    """How one leg is to stand, and how far it came, as our rows have it."""

    number: int
    label: str
    is_parent: bool
    is_rung: bool  # it is to be rung first; else it was on the line before there was a room
    asked: bool  # the carrier was asked to bring it, or to ring it
    there: bool  # it was seen in the room
    left: bool
    goes: bool
    on_hold: bool = False
    muted: bool = False
    closes_room: bool = False
    coaches: str = ""  # the SID of the call of the leg that alone hears this one


@dataclass(frozen=True)
class MoveIn:
    """Redirect who was dialled into the room; who dialled follows by itself."""

    number: int


@dataclass(frozen=True)
class RingIn:
    number: int


@dataclass(frozen=True)
class HangUp:
    number: int


@dataclass(frozen=True)
class Change:
    """Set what is given of somebody in the room; None: stays."""

    number: int
    label: str
    on_hold: bool | None = None
    muted: bool | None = None
    closes_room: bool | None = None
    coaches: str | None = None


Ask = MoveIn | RingIn | HangUp | Change


def stands(legs: Sequence[CallLeg]) -> list[Stands]:
    """Read rows."""
    sids = {leg.number: leg.sid or "" for leg in legs}
    return [
        Stands(
            number=leg.number,
            label=leg.label,
            is_parent=leg.is_parent,
            is_rung=leg.answered_at is None or leg.answered_at > leg.added_at,
            asked=leg.asked_at is not None,
            there=leg.joined_at is not None,
            left=leg.left_at is not None,
            goes=leg.goes,
            on_hold=leg.on_hold,
            muted=leg.muted,
            closes_room=leg.closes_room,
            coaches=sids.get(leg.coaches, "") if leg.coaches is not None else "",
        )
        for leg in legs
    ]


def asks(legs: Sequence[Stands], seen: Mapping[str, Participant]) -> list[Ask]:
    """Return what to ask for next, in this order; nothing when the room is as it should be.

    Not all of it at once: a flag that the carrier doesn't change of who is on hold waits for the next
    reading, and so does whoever may not leave before it.
    """
    found: list[Ask] = []
    for leg in legs:
        there = seen.get(leg.label)
        if leg.left:
            continue
        if leg.goes:
            found += _out(leg, there)
        elif there is not None:
            found += _change(leg, there)
        elif not leg.asked and not leg.there:
            if leg.is_rung:
                found.append(RingIn(leg.number))
            elif not leg.is_parent:
                found.append(MoveIn(leg.number))
    # Whoever comes or is heard again first; who leaves last.
    return sorted(found, key=lambda ask: isinstance(ask, HangUp))


def _out(leg: Stands, there: Participant | None) -> list[Ask]:
    if there is not None and there.closes_room:
        # They would end the room for everybody, which can't be changed of who is on hold.
        if there.on_hold:
            return [Change(leg.number, leg.label, on_hold=False)]
        return [Change(leg.number, leg.label, closes_room=False)]
    return [HangUp(leg.number)]


def _change(leg: Stands, there: Participant) -> list[Ask]:
    change = Change(leg.number, leg.label)
    if leg.closes_room != there.closes_room:
        if there.on_hold:
            return [replace(change, on_hold=False)]
        change = replace(change, closes_room=leg.closes_room)
    elif leg.on_hold != there.on_hold:
        change = replace(change, on_hold=leg.on_hold)
    if leg.muted != there.muted:
        change = replace(change, muted=leg.muted)
    if leg.coaches != there.coaches:
        change = replace(change, coaches=leg.coaches)
    return [] if change == Change(leg.number, leg.label) else [change]
