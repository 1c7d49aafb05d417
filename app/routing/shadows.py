"""Which rule gets no call, whoever rings? The one all of whose calls a single rule above it takes already.

Said only of what is certain from the words alone: each condition of the rule above follows from one of the
rule below. Several rules that take all together are found by a proof, not here.
"""

from collections.abc import Iterable

from app.routing.conditions import Among, Condition, Within
from app.routing.rules import Rule


def shadowed(rules: Iterable[Rule]) -> dict[str, str]:
    """Return for each rule that gets no call the first rule above it that takes them all, by their ids.

    A rule that is off takes nothing, and is said nothing of.
    """
    found: dict[str, str] = {}
    above: list[Rule] = []
    for rule in rules:
        if not rule.enabled:
            continue
        taker = next((one for one in above if takes_all_of(one, rule)), None)
        if taker is not None:
            found[rule.id] = taker.id
        else:
            above.append(rule)  # what gets none takes none
    return found


def takes_all_of(above: Rule, below: Rule) -> bool:
    """Tell whether the rule above holds whenever the one below does."""
    return all(any(_follows(asked, known) for known in below.when) for asked in above.when)


def _follows(asked: Condition, known: Condition) -> bool:
    """Tell whether what is asked holds whenever what is known does."""
    if asked.fact.name != known.fact.name or asked.days != known.days:
        return False
    match asked.test, known.test:
        case Within(), Within():
            return _low(asked.test) <= _low(known.test) and _high(known.test) <= _high(asked.test)
        case Among(values, True), Among(some, True):
            return some <= values
        case Among(values, False), Among(others, False):
            return values <= others
        case Among(values, False), Among(some, True):
            # Of several tags one may be asked for and another forbidden.
            return not asked.fact.each and values.isdisjoint(some)
        case _:
            return False


def _low(test: Within) -> int:
    return -1 if test.least is None else test.least


def _high(test: Within) -> int:
    return 2**31 if test.most is None else test.most
