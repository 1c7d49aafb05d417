"""What did somebody hear on a leg, from when to when, and for how long nothing at all?"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise, zip_longest
from typing import Any

from phonebox.network.calls import Caption, Leg

# What a caption means for the time after it; the others change nothing.
LASTING = {
    "ringing": "ringing",
    "music": "music",
    "play": "sound",
    "silence": "nothing",
    "hold": "nothing",
    "unhold": "nothing",
    "bridged": "nothing",
    "conference": "nothing",
    "queued": "nothing",
}
# About how fast a telephone voice speaks: as long as `<Say>` takes.
CHARACTERS_PER_SECOND = 15


@dataclass(frozen=True)
class Stretch:
    """Simulated seconds of one kind of thing: people, sentence, sound, music, ringing or nothing.

    Whoever hears people counts as hearing them also while they are silent.
    """

    kind: str
    at: float
    seconds: float
    who: tuple[str, ...] = ()


def stretches(leg: Leg) -> list[Stretch]:
    """Return what was heard on a leg since its first moment, without a gap."""
    end = leg.seconds()
    machine = list(_from_machines(leg.captions, end))
    company = [(0.0, ()), *leg.company, (end, ())]
    moments = sorted({0.0, end, *(at for at, _ in machine), *(at for at, _ in company)})
    heard: list[Stretch] = []
    for at, until in pairwise(moments):
        who = _at(company, at)
        kind = "people" if who else _at(machine, at)
        if heard and (heard[-1].kind, heard[-1].who) == (kind, who):
            last = heard.pop()
            heard.append(Stretch(kind, last.at, round(until - last.at, 3), who))
        else:
            heard.append(Stretch(kind, at, round(until - at, 3), who))
    return heard


def _at(told: "Sequence[tuple[float, Any]]", moment: float) -> Any:
    return [what for at, what in told if at <= moment][-1]


def _from_machines(captions: Iterable[Caption], end: float) -> Iterator[tuple[float, str]]:
    """Say from when on what was heard that no person said; a call begins with its ringing."""
    yield 0.0, "ringing"
    telling = [each for each in captions if each.kind == "say" or each.kind in LASTING]
    for caption, following in zip_longest(telling, telling[1:]):
        if caption.kind != "say":
            yield caption.at, LASTING[caption.kind]
            continue
        yield caption.at, "sentence"
        over = caption.at + len(caption.text) / CHARACTERS_PER_SECOND
        if over < (end if following is None else following.at):
            yield over, "nothing"


def told(leg: Leg) -> dict[str, Any]:
    """Return the stretches, and what is asked most: the longest nothing, and all music."""
    heard = stretches(leg)
    return {
        "heard": [asdict(each) for each in heard],
        "alone": max((each.seconds for each in heard if each.kind == "nothing"), default=0.0),
        "music": round(sum(each.seconds for each in heard if each.kind == "music"), 3),
    }
