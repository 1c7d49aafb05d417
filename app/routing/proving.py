"""What can be proven of rules: which never decide, which overlap, which calls a draft treats otherwise?

The questions are put to a process of its own (prover.py); this file says in JSON what rules ask, and reads
what comes back. Where that process isn't to be had, or takes too long, it says that nothing is proven.
"""

import json
import logging
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from threading import Lock
from typing import Any

from app.routing.conditions import FACTS, Among, Condition, Kind
from app.routing.proof import Problem, ProblemKind
from app.routing.resolving import comes_to, comes_to_by_default
from app.routing.rules import Rules

log = logging.getLogger(__name__)

Json = dict[str, Any]

# What the process may take, of its own accord and at the very most.
SECONDS, MOST_SECONDS = 8, 15
_PROVER = Path(__file__).with_name("prover.py")
_one_at_a_time = Lock()


@dataclass(frozen=True)
class Ground:
    """What there is with which a call can be made up: lines, and so many agents."""

    lines: tuple[str, ...]
    agents: int
    today: date


@dataclass(frozen=True)
class Example:
    """One call that could come in, fact by fact; see World.example in prover.py."""

    facts: Mapping[str, Any]
    is_playable: bool  # by the simulator, which knows callers of one customer


@dataclass(frozen=True)
class Overlap:
    """Calls that a rule would treat otherwise than the one above it, which takes them."""

    rule: str
    above: str
    example: Example


@dataclass(frozen=True)
class Never:
    rule: str
    above: tuple[str, ...]  # the rules that take everything; empty: it contradicts itself


@dataclass(frozen=True)
class Checked:
    """What is known of a list of rules; `left`: a call for the default ladder, None when there is none."""

    never: tuple[Never, ...] = ()
    overlaps: tuple[Overlap, ...] = ()
    left: Example | None = None
    unproven: tuple[str, ...] = ()  # rules of which the time was too short; empty: the default ladder
    is_proven: bool = True  # False: nothing was looked into

    def problems(self, rules: Rules) -> list[Problem]:
        places = places_of(rules)
        return [
            Problem(
                ProblemKind.NEVER_MATCHES,
                rule=one.rule,
                name=", ".join(str(places[above]) for above in one.above),
            )
            for one in self.never
        ]


@dataclass(frozen=True)
class Change:
    """Calls that two lists of rules treat otherwise; ids of those that decide, empty: the default."""

    before: str
    after: str
    example: Example


@dataclass(frozen=True)
class Changes:
    pairs: tuple[Change, ...] = ()
    is_whole: bool = False  # there are no others


def places_of(rules: Rules) -> dict[str, int]:
    """Return the numbers by which people know rules."""
    return {rule.id: place for place, rule in enumerate(rules.rules, 1)}


def check(rules: Rules, ground: Ground, *, waits: bool = True) -> Checked:
    """Return what can be proven of rules. Without `waits` only what is known already: nothing is held up."""
    found = _answer("check", {"draft": rules}, ground, waits)
    if found is None:
        return Checked(is_proven=False)
    left = found["left"]["example"]
    return Checked(
        tuple(Never(one["rule"], tuple(one["above"])) for one in found["never"]),
        tuple(Overlap(one["rule"], one["above"], _example(one["example"])) for one in found["overlaps"]),
        _example(left) if left is not None else None,
        tuple(found["unproven"]),
    )


def changes(before: Rules, after: Rules, ground: Ground) -> Changes:
    """Return which calls `after` treats otherwise: one example of each pair of rules that decide."""
    found = _answer("changes", {"draft": after, "published": before}, ground, True)
    if found is None:
        return Changes()
    pairs = (Change(one["published"], one["draft"], _example(one["example"])) for one in found["pairs"])
    return Changes(tuple(pairs), found["is_whole"])


def examples(rules: Rules, wanted: Mapping[str, bool], ground: Ground) -> dict[str, Example]:
    """Return one call for each of these rules (empty: the default ladder), where there is any.

    True: one that it decides. False: one for which it holds, whichever rule above takes it.
    """
    asked = {"wanted": dict(sorted(wanted.items()))}
    found = _answer("examples", {"draft": rules}, ground, True, **asked) if wanted else None
    return {rule: _example(one) for rule, one in (found or {}).items()}


def _example(found: Json) -> Example:
    return Example(found["facts"], found["playable"])


# --- what rules ask, as JSON -------------------------------------------------------------------------


def question(task: str, orders: Mapping[str, Rules], ground: Ground) -> Json:
    """Return what the prover is asked; a rule that is off isn't looked at."""
    outcomes: list[Any] = []

    def number(outcome: Any) -> int:
        if outcome not in outcomes:
            outcomes.append(outcome)
        return outcomes.index(outcome)

    return {
        "task": task,
        "rules": {
            name: [
                {
                    "id": rule.id,
                    "when": [_asked(one) for one in rule.when],
                    "comes_to": number(comes_to(rule, ladder)),
                }
                for rule, ladder in rules.in_use
            ]
            for name, rules in orders.items()
        },
        "default": {name: number(comes_to_by_default(rules.ladder)) for name, rules in orders.items()},
        "choices": {
            fact.name: [one.casefold() for one in fact.choices]
            for fact in FACTS.values()
            if fact.kind == Kind.CHOICE
        },
        "lines": list(ground.lines),
        "agents": ground.agents,
        "today": ground.today.toordinal(),
        "seconds": SECONDS,
    }


def _asked(condition: Condition) -> Json:
    of = {"fact": condition.fact.name, "days": condition.days}
    if isinstance(condition.test, Among):
        return of | {"among": sorted(condition.test.values), "wanted": condition.test.wanted}
    return of | {"least": condition.test.least, "most": condition.test.most}


# --- the process -------------------------------------------------------------------------------------


class NotAnswered(Exception):
    """The prover isn't there, or took too long."""


_answers: dict[str, Json] = {}
_MOST_ANSWERS = 32


def _answer(task: str, orders: Mapping[str, Rules], ground: Ground, waits: bool, **more: Json) -> Json | None:
    asked = json.dumps(question(task, orders, ground) | more)
    if not waits:
        return _answers.get(asked)
    with _one_at_a_time:
        if asked not in _answers:
            try:
                found = _ask(asked)
            except NotAnswered as error:
                log.warning("rules were not proven", extra={"why": str(error)[-300:]})
                return None
            while len(_answers) >= _MOST_ANSWERS:
                del _answers[next(iter(_answers))]
            _answers[asked] = found
        return _answers[asked]


def _ask(asked: str) -> Json:
    """Start the prover and return its answer. Raises NotAnswered."""
    try:
        done = subprocess.run(
            # -P: what stands beside it isn't imported in place of what comes with Python.
            [sys.executable, "-P", str(_PROVER)],
            input=asked,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=MOST_SECONDS,
            check=True,
        )
        found: Json = json.loads(done.stdout)
    except subprocess.CalledProcessError as error:
        raise NotAnswered(error.stderr) from None
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        raise NotAnswered(type(error).__name__) from None
    return found
