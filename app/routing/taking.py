"""Which calls would each rule take? Every call goes to the first rule that holds of it.

Asked of the same calls again and again while somebody types, so what each condition answers is kept as one
number with a bit for each call: what a rule takes of what others leave is then a matter of microseconds.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from app.routing.conditions import Condition
from app.routing.rules import Rule, Rules
from app.routing.situation import Situation

log = logging.getLogger(__name__)

# Somebody who tries one thing after the other fills no memory with what they tried.
_MOST_KEPT = 500


@dataclass(frozen=True)
class Taken:
    """What one rule comes to among some calls."""

    holds: int  # calls of which all its conditions hold
    calls: int  # of these, which it would take
    before: tuple[tuple[str, int], ...]  # which rules above it take the others, and how many of them
    bits: int = field(repr=False)

    def which(self) -> Iterator[int]:
        """Yield the places of the calls that it would take, the newest first."""
        return places_in(self.bits)


@dataclass(frozen=True)
class Asked:
    """Some calls, the oldest first, and what is known of each."""

    situations: Sequence[Situation]
    _kept: dict[str, tuple[Condition, int]] = field(default_factory=dict, repr=False, compare=False)

    def later(self, gone: int, newer: Sequence[Situation]) -> "Asked":
        """Return the same without the oldest, and with newer ones: of the others all is known already."""
        staying = len(self.situations) - gone
        added = Asked(newer)
        return Asked(
            (*self.situations[gone:], *newer),
            {
                asks: (one, bits >> gone | added._ask(one) << staying)
                for asks, (one, bits) in self._kept.items()
            },
        )

    def taken(self, rules: Rules) -> dict[str, Taken]:
        """Return what each rule would take of these calls; of one that is off what it would if it were on."""
        found: dict[str, Taken] = {}
        above: list[tuple[str, int]] = []
        gone = 0
        for rule in rules.rules:
            holds = self._bits(rule)
            takes = holds & ~gone
            before = [(one, (holds & bits).bit_count()) for one, bits in above]
            found[rule.id] = Taken(
                holds.bit_count(),
                takes.bit_count(),
                tuple((one, calls) for one, calls in before if calls),
                takes,
            )
            if rule.enabled:
                above.append((rule.id, takes))
                gone |= holds
        return found

    def left(self, rules: Rules) -> int:
        """Return how many of these calls no rule takes: the default ladder's."""
        gone = 0
        for rule, _ in rules.in_use:
            gone |= self._bits(rule)
        return len(self.situations) - gone.bit_count()

    def _bits(self, rule: Rule) -> int:
        """Return a bit for each call of which all the rule's conditions hold."""
        bits = (1 << len(self.situations)) - 1
        for condition in rule.when:
            bits &= self._of_condition(condition)
        return bits

    def _of_condition(self, condition: Condition) -> int:
        asks = json.dumps(condition.written, sort_keys=True)
        if asks not in self._kept:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[asks] = condition, self._ask(condition)
        return self._kept[asks][1]

    def _ask(self, condition: Condition) -> int:
        holds = condition.holds
        try:
            answers = "".join(["1" if holds(one) else "0" for one in reversed(self.situations)])
        except Exception:  # as in resolve(): a rule that can't be asked takes no call
            log.exception("a condition could not be asked", extra={"fact": condition.fact.name})
            return 0
        return int(answers or "0", 2)


def places_in(bits: int) -> Iterator[int]:
    """Yield the places of the bits that are set, the highest first."""
    while bits:
        highest = bits.bit_length() - 1
        yield highest
        bits ^= 1 << highest
