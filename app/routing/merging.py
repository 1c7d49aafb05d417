"""Two people changed the same rules: what comes of both? Rule by rule, so that nobody's work is lost.

Three-way: what both began with, mine, and theirs. Whatever one of them left as it was is as the other has
it. Who changed the same rule otherwise must look at both texts; nobody else has to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]

LADDER = "ladder"  # stands where a rule's id would, for the default ladder


@dataclass(frozen=True)
class Clash:
    """Both changed it, each otherwise. None: one of them took it away."""

    rule: str  # its id, or LADDER
    mine: Json | None
    theirs: Json | None
    place: tuple[int, int] | None = None  # where mine and theirs put it, when it is the order that clashes


@dataclass(frozen=True)
class Merged:
    document: dict[str, Any]  # {"ladder": {..}, "rules": [..]}; without a clash all of both is in it
    clashes: tuple[Clash, ...]


def merge(base: Json, mine: Json, theirs: Json) -> Merged:
    """Return what comes of two documents that both began as `base`; of what clashes, theirs."""
    clashes: list[Clash] = []
    ladder = _ladder(base.get("ladder", {}), mine.get("ladder", {}), theirs.get("ladder", {}), clashes)
    was, own, other = (_by_id(one.get("rules", ())) for one in (base, mine, theirs))
    kept: dict[str, Json] = {}
    for key in dict.fromkeys([*other, *own]):
        one = _either(was.get(key), own.get(key), other.get(key))
        if one is _CLASH:
            clashes.append(Clash(key, own.get(key), other.get(key)))
            one = other.get(key)
        if one is not None:
            kept[key] = one
    order = _order(list(was), list(own), list(other), kept, clashes)
    return Merged({"ladder": ladder, "rules": [dict(kept[key]) for key in order]}, tuple(clashes))


_CLASH: Any = object()
_ABSENT: Any = object()


def _either(was: Any, own: Any, other: Any) -> Any:
    """Return whichever of two was changed; _CLASH when both were, differently."""
    if own in (was, other):
        return other
    return own if other == was else _CLASH


def _by_id(rules: Sequence[Json]) -> dict[str, Json]:
    return {one["id"]: one for one in rules}


def _ladder(was: Json, own: Json, other: Json, clashes: list[Clash]) -> dict[str, Any]:
    """Merge the default ladder parameter by parameter."""
    merged: dict[str, Any] = {}
    clashing: list[str] = []
    for name in dict.fromkeys([*other, *own]):
        # None is a value: never.
        one = _either(*(values.get(name, _ABSENT) for values in (was, own, other)))
        if one is _CLASH:
            clashing.append(name)
            one = other.get(name, _ABSENT)
        if one is not _ABSENT:
            merged[name] = one
    if clashing:
        mine, theirs = ({name: one.get(name) for name in clashing} for one in (own, other))
        clashes.append(Clash(LADDER, mine, theirs))
    return merged


# --- the order ------------------------------------------------------------------------------------------


def _order(
    was: list[str], own: list[str], other: list[str], kept: Mapping[str, Json], clashes: list[Clash]
) -> list[str]:
    """Return the rules in an order in which what each of the two moved stands where they put it.

    Theirs, with what I moved or added behind what stands before it in mine.
    """
    moved_by_me, moved_by_them = moved(was, own), moved(was, other)
    order = [key for key in other if key in kept]
    both = [key for key in own if key in moved_by_me & moved_by_them and key in kept]
    for key in both:
        if _before(own, key, kept) != _before(other, key, kept) and not any(c.rule == key for c in clashes):
            place = own.index(key) + 1, other.index(key) + 1
            clashes.append(Clash(key, kept[key], kept[key], place))
    mine = [key for key in own if key in kept and (key in moved_by_me - moved_by_them or key not in order)]
    order = [key for key in order if key not in mine]
    for key in mine:
        # What they moved says nothing of where I wanted it, if there is anything else to go by.
        staying = [one for one in order if one not in moved_by_them]
        order.insert(_place(own, key, order, staying or order), key)
    return order


def _place(own: list[str], key: str, order: list[str], anchors: list[str]) -> int:
    """Return where a rule goes: behind what precedes it in mine, or before what follows it there; or last."""
    before, behind = _before(own, key, anchors), _before(own[::-1], key, anchors)
    if before is not None:
        return order.index(before) + 1
    return order.index(behind) if behind is not None else len(order)


def _before(order: Sequence[str], key: str, among: Any) -> str | None:
    """Return what stands next before a rule, of those that there are."""
    found = [one for one in order[: order.index(key)] if one in among]
    return found[-1] if found else None


def moved(was: list[str], now: list[str]) -> set[str]:
    """Return the fewest rules that can have been moved: all but the longest row in order."""
    place = {key: number for number, key in enumerate(was)}
    common = [key for key in now if key in place]
    best: list[list[str]] = []
    for key in common:
        before = _longest([row for row in best if place[row[-1]] < place[key]])
        best.append([*before, key])
    return set(common) - set(_longest(best))


def _longest(rows: list[list[str]]) -> list[str]:
    return max(rows, key=len, default=[])
