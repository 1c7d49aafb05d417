"""Do the three readings of a rule agree for long? `python -m tests.routing.long_run --lists 500`.

Conditions and calls are made up once; lists of rules and the calls that they are held against are drawn from
those. Prints what was compared, and ends with 1 and the rules and the call where two readings differ.
"""

import argparse
import json
import random
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

import z3
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from app.routing import prover, proving, rule_sentences
from app.routing.resolving import resolve
from app.routing.rules import Rule, Rules
from app.routing.situation import Situation
from tests.routing.test_conditions import any_condition
from tests.routing.test_prover import GROUND, THENS, any_whole_call, is_the_call, rules

Json = dict[str, Any]
T = TypeVar("T")
CONDITIONS, CALLS = 1500, 1500
LANGUAGES = ("nl", "en")


@dataclass
class Compared:
    """What was held together so far, and where two readings differed."""

    lists: int = 0
    pairs: int = 0
    conditions: int = 0
    alike: int = 0
    never: int = 0
    different: list[str] = field(default_factory=list)

    def differ(self, what: str, some: Rules, known: object) -> None:
        self.different.append(f"{what}\n{json.dumps([one.written for one in some.rules])}\n{known}")

    def __str__(self) -> str:
        return "; ".join(
            (
                f"{self.lists} lists",
                f"{self.pairs} pairs of a rule and a call",
                f"{self.conditions} pairs of conditions, {self.alike} of them read alike",
                f"{self.never} rules said never to decide",
                f"{len(self.different)} differ",
            )
        )


def made_up(kind: st.SearchStrategy[T], count: int, first: int) -> list[T]:
    """Return `count` of a kind, the same ones for the same `first`."""
    found: list[T] = []
    rest = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}

    @seed(first)
    @settings(max_examples=count, phases=[Phase.generate], **rest)
    @given(kind)
    def gather(one: T) -> None:
        found.append(one)

    gather()
    return found


def lists_of(conditions: list[Json], most: int, chance: random.Random) -> Iterator[Rules]:
    """Yield lists of rules, which often share a condition, as people's do."""
    while True:
        count = chance.randint(1, most)
        few = chance.sample(conditions, 4 + count)
        yield rules(
            *(
                {"when": chance.sample(few, chance.randint(1, 3)), "then": chance.choice(THENS)}
                for _ in range(count)
            )
        )


def hold_terms(some: Rules, calls: list[Situation], compared: Compared) -> None:
    """Hold what the prover sees against the closure that decides calls, and the first of them that holds."""
    world = prover.World(proving.question("check", {"draft": some}, GROUND), 2)
    order = prover.Order(world, "draft", world.asked["rules"]["draft"])
    solver = z3.SimpleSolver()
    solver.add(*world.axioms, *world.definitions, *order.axioms)
    for known in calls:
        solver.push()
        solver.add(*is_the_call(world, known))
        if solver.check() != z3.sat:
            compared.differ("a call that could be is ruled out", some, known)
        else:
            model = solver.model()
            seen = [z3.is_true(model.eval(one, model_completion=True)) for one in order.holds]
            first = next((rule.id for rule, holds in zip(some.rules, seen, strict=True) if holds), "")
            if seen != [rule.holds(known) for rule in some.rules] or resolve(some, known).rule != first:
                compared.differ("closure and term differ", some, known)
        solver.pop()
        compared.pairs += len(some.rules)


def hold_never(some: Rules, calls: list[Situation], compared: Compared) -> None:
    """Hold which rules are said never to decide against who decides."""
    found = prover.check(proving.question("check", {"draft": some}, GROUND))
    never = {one["rule"] for one in found["never"]}
    compared.never += len(never)
    for known in calls:
        decides = resolve(some, known).rule
        if decides in never or (not decides and found["left"]["is_empty"]):
            compared.differ("what never decides has decided", some, known)


def hold_sentences(conditions: list[Json], calls: list[Situation], compared: Compared) -> None:
    """Hold rules that read alike against each other: they must hold of the same calls."""
    for language in LANGUAGES:
        compared.conditions += len(conditions) * (len(conditions) - 1) // 2
        alike: dict[str, list[Rule]] = defaultdict(list)
        for condition in conditions:
            [rule] = rules({"when": [condition], "then": {}}).rules
            alike[rule_sentences.words(rule_sentences.sentence(rule.written, language))].append(rule)
        for first, *others in alike.values():
            for other in others:
                compared.alike += 1
                for known in calls:
                    if first.holds(known) != other.holds(known):
                        compared.differ(
                            f"read alike in {language}", rules(first.written, other.written), known
                        )
                        break


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.routing.long_run", description=__doc__)
    parser.add_argument("--lists", type=int, default=500, help="of rules (default 500)")
    parser.add_argument("--rules", type=int, default=40, help="in the longest list (default 40)")
    parser.add_argument("--calls", type=int, default=100, help="that each list is held against (default 100)")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    chance, compared = random.Random(asked.seed), Compared()
    conditions = made_up(any_condition(), CONDITIONS, asked.seed)
    calls = made_up(any_whole_call(), CALLS, asked.seed)
    hold_sentences(conditions, chance.sample(calls, 300), compared)
    for some in islice(lists_of(conditions, asked.rules, chance), asked.lists):
        compared.lists += 1
        drawn = chance.sample(calls, asked.calls)
        hold_terms(some, drawn, compared)
        hold_never(some, drawn, compared)
        if compared.lists % 50 == 0:
            print(compared, flush=True)
        if compared.different:
            break
    print(compared, *compared.different, sep="\n\n")
    return int(bool(compared.different))


if __name__ == "__main__":
    sys.exit(main())
