"""How long does proving rules take? `python -m bench.proofs`: made-up rules, in seconds of a processor."""

import random
import resource
from datetime import date
from typing import Any

from app.routing import proving
from app.routing.proving import Ground
from app.routing.rules import Rules

Json = dict[str, Any]
SIZES = (20, 100, 300)


def condition(dice: random.Random) -> Json:
    """Return something to ask of a call, of one of the sorts that rules ask most."""
    since = dice.randint(0, 50)
    tags, teams = ([f"{what} {number}" for number in range(20)] for what in ("tag", "team"))
    times = (("09:00", "12:00"), ("12:00", "16:00"), ("16:00", "24:00"))
    return dice.choice(
        (
            {"fact": "customer.tag", dice.choice(("is", "is_not")): dice.sample(tags, 2)},
            {"fact": "customer.language", "is": [dice.choice(("nl", "en", "pl"))]},
            {"fact": "caller.country", "is_not": [dice.choice(("be", "nl"))]},
            {"fact": "case.team", "is": dice.sample(teams, 2)},
            {"fact": "case.calls", "at_least": dice.randint(2, 9), "days": dice.choice((1, 7, 30))},
            {"fact": "case.age_days", "between": [since, since + dice.randint(1, 60)]},
            {"fact": "promise", "is": [dice.choice(("owed", "broken"))]},
            {"fact": "weekday", "is": dice.sample(("mo", "tu", "we", "th", "fr"), 2)},
            {"fact": "time", "between": list(dice.choice(times))},
            {"fact": "date", "at_least": f"2027-0{dice.randint(1, 9)}-01"},
        )
    )


def rules(size: int) -> list[Json]:
    dice = random.Random(7)  # the same rules each time
    return [
        {
            "id": f"r{number}",
            "when": [condition(dice) for _ in range(dice.randint(2, 4))],
            "then": {"owner_ring_seconds": dice.randint(10, 60)},
        }
        for number in range(size)
    ]


def _spent() -> float:
    """Return what the processes that proved something have taken so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    # However busy the machine is.
    proving.SECONDS, proving.MOST_SECONDS = 60, 90
    ground = Ground(("+31201234500",), 20, date(2026, 11, 30))
    for size in SIZES:
        written = rules(size)
        one_otherwise = [*written[:9], written[9] | {"then": {"only": "promise"}}, *written[10:]]
        published, draft = (Rules.written({"rules": one}) for one in (written, one_otherwise))
        begun = _spent()
        checked = proving.check(published, ground)
        between = _spent()
        changes = proving.changes(published, draft, ground)
        ended = _spent()
        print(
            f"{size} rules: checked in {between - begun:.2f} s ({len(checked.never)} never decide,"
            f" {len(checked.overlaps)} overlap, {len(checked.unproven)} not looked into);"
            f" compared in {ended - between:.2f} s ({len(changes.pairs)} changes)"
        )


if __name__ == "__main__":
    main()
