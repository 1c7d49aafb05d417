"""Can a rule ever decide a call, and which calls would others decide otherwise? In a process of its own.

It reads conditions as JSON from its input (proving.py writes it) and answers in JSON: of every call that
could come in, whatever its facts. It knows nothing of the rest of the application, so that it starts in a
third of a second, and nothing else imports it: z3 is large, and may take long over what somebody wrote.

What can't be together is said once, in World: no answer speaks of a call that couldn't be. Names that no rule
names are all alike: one of them stands for the rest.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Any

import z3

Json = dict[str, Any]
Term = Any  # z3 has no types of its own

EACH = ("customer.tag", "customer.language")
COUNTED, DATE, TIME = "case.calls", "date", "time"
NUMBERS = ("case.age_days", "case.agents", DATE, TIME)
KNOWN, NOTHING_OPEN, WITHHELD = "known", "nothing_open", "withheld"
# The simulator reaches no further.
_LATEST = date(2199, 12, 31).toordinal()
_MOST_PAIRS = 200
# Of more rules that together take another's calls it isn't tried whether fewer do.
_MOST_NAMED = 8
_MOST_BYTES = 1024 * 1024 * 1024


class World:
    """Any call that could come in: each fact is an unknown, and what can't be together is ruled out.

    `customers`: how many may share the number. `says_why`: what speaks against an answer can be asked.
    """

    def __init__(self, asked: Json, customers: int, *, says_why: bool = False) -> None:
        self.asked, self.says_why = asked, says_why
        self._holds: dict[str, Term] = {}
        self.definitions: list[Term] = []
        # What rules that ask something of each customer ask is believed for so long as this is assumed.
        self.asks_of_each: list[tuple[Term, Json]] = []
        conditions = [one for rules in asked["rules"].values() for rule in rules for one in rule["when"]]
        self.names: dict[str, list[Any]] = {}
        for one in conditions:
            if "among" in one and one["fact"] not in asked["choices"] and one["fact"] not in NUMBERS:
                known = self.names.setdefault(one["fact"], [])
                known += [name for name in one["among"] if name not in known]
        self.days = sorted({7, *(one["days"] for one in conditions if one["fact"] == COUNTED)})
        self.choice = {fact: z3.Int(fact) for fact in (*asked["choices"], *self.names) if fact not in EACH}
        self.choice.setdefault("line", z3.Int("line"))
        self.number = {fact: z3.Int(fact) for fact in NUMBERS}
        self.calls = {days: z3.Int(f"{COUNTED} {days}") for days in self.days}
        self.has_country = z3.Bool("has country")
        self.customers = [
            (
                z3.Bool(f"customer {number}"),
                {tag: z3.Bool(f"tag {number} {tag}") for tag in self.names.get(EACH[0], ())},
                z3.Int(f"language {number}"),
            )
            for number in range(customers)
        ]
        self.axioms = [*self._ranges(), *self._together()]
        self.playable, self.open, self.usual = z3.Bools("playable open usual")
        is_open = self.is_("day", "working"), self.is_("hours", "open")
        self.axioms += [
            self.playable == self._playable(),
            self.open == z3.And(self.playable, *is_open),
            self.usual == z3.And(self.open, *self._usual()),
        ]

    # --- what can be ----------------------------------------------------------------------------------

    def values(self, fact: str) -> list[Any]:
        """Return the words a fact may be; of a name there is one more, for all that nobody names."""
        return list(self.asked["choices"].get(fact) or self.names.get(fact, ()))

    def is_(self, fact: str, value: Any) -> Term:
        """Tell that a fact is a word; None: a name that no rule names."""
        known = self.values(fact)
        return self.choice[fact] == (len(known) if value is None else known.index(value))

    def there(self, fact: str) -> Term:
        if fact == "caller.country":
            return self.has_country
        return self.is_("caller.kind", KNOWN) if fact.startswith("case.") else z3.BoolVal(True)

    def _ranges(self) -> Iterator[Term]:
        for fact, unknown in self.choice.items():
            others = 0 if fact in self.asked["choices"] else 1
            yield z3.And(unknown >= 0, unknown < len(self.values(fact)) + others)
        yield from (
            z3.And(language >= 0, language <= len(self.values(EACH[1]))) for *_, language in self.customers
        )
        yield z3.And(self.number[DATE] >= 1, self.number[DATE] <= date.max.toordinal())
        yield z3.And(self.number[TIME] >= 0, self.number[TIME] < 24 * 60)
        yield z3.And(self.number["case.age_days"] >= 0, self.number["case.agents"] >= 0)

    def _together(self) -> Iterator[Term]:
        # date.min was a Monday.
        weeks = z3.Int("weeks")
        yield self.number[DATE] == 7 * weeks + self.choice["weekday"] + 1
        withheld = self.is_("caller.kind", WITHHELD)
        yield z3.Implies(withheld, z3.And(z3.Not(self.has_country), self.is_("promise", "none")))
        yield self.customers[0][0] == z3.Or(
            self.is_("caller.kind", KNOWN), self.is_("caller.kind", NOTHING_OPEN)
        )
        yield from (z3.Implies(later, one) for (one, *_), (later, *_) in pairwise(self.customers))
        # The call itself is one of them, and more days hold more calls.
        yield self.calls[self.days[0]] >= 1
        yield from (self.calls[few] <= self.calls[many] for few, many in pairwise(self.days))

    def _playable(self) -> Term:
        """Return what holds of calls that the simulator can play: by one customer at most, and from today."""
        asked, number = self.asked, self.number
        lines = [self.is_("line", self._line(one)) for one in asked["lines"]]
        # Earlier calls within so many days, and none further back.
        steps = [
            z3.And(
                *(self.calls[days] == 1 for days in self.days if days < since),
                *(self.calls[days] == self.calls[since] for days in self.days if days > since),
            )
            for since in self.days
        ]
        return z3.And(
            *(z3.Not(one) for one, *_ in self.customers[1:]),
            z3.Or(*lines) if lines else z3.BoolVal(True),
            z3.Or(*steps),
            *(count <= 101 for count in self.calls.values()),
            z3.Or(self.is_("caller.kind", WITHHELD), self.has_country),
            number["case.agents"] <= asked["agents"],
            number["case.age_days"] <= 3650,
            number[DATE] >= asked["today"],
            number[DATE] <= _LATEST,
        )

    def _usual(self) -> Iterator[Term]:
        """Yield what holds of a call that nobody wonders at, so that an example says no more than it must."""
        yield self.is_("promise", "none")
        yield self.choice["weekday"] < 5
        yield self.number[TIME] == 11 * 60

    def _line(self, number: str) -> str | None:
        return number if number in self.values("line") else None

    # --- what a rule asks -----------------------------------------------------------------------------

    def holds(self, rule: Json) -> Term:
        """Return the unknown that tells whether what a rule asks is so; one for all that ask the same."""
        key = json.dumps(rule["when"])
        if key not in self._holds:
            number = len(self._holds)
            holds = self._holds[key] = z3.Bool(f"{number} holds")
            means = holds == z3.And(*map(self._of_one, rule["when"]))
            if self.says_why and _of_each(rule):
                is_believed = z3.Bool(f"{number} is believed")
                self.asks_of_each.append((is_believed, rule))
                means = z3.Implies(is_believed, means)
            self.definitions.append(means)
        return self._holds[key]

    def _of_one(self, condition: Json) -> Term:
        """Return a condition as a term, by the same table as the closure that decides calls."""
        fact = condition["fact"]
        if fact in EACH:
            return self._of_each(fact, condition)
        if "among" in condition:
            if fact in NUMBERS:
                found = z3.Or(*(self.number[fact] == one for one in condition["among"]))
            else:
                found = z3.Or(*(self.is_(fact, one) for one in condition["among"]))
            return z3.And(self.there(fact), found if condition["wanted"] else z3.Not(found))
        unknown = self.calls[condition["days"]] if fact == COUNTED else self.number[fact]
        least, most = condition["least"], condition["most"]
        ends = [unknown >= least] if least is not None else []
        ends += [unknown <= most] if most is not None else []
        return z3.And(self.there(fact), *ends)

    def _of_each(self, fact: str, condition: Json) -> Term:
        """Nobody is guessed: it holds of each customer, and there is one."""
        found = []
        for is_there, tags, language in self.customers:
            if fact == EACH[0]:
                has = z3.Or(*(tags[one] for one in condition["among"]))
            else:
                known = self.values(fact)
                has = z3.Or(*(language == known.index(one) for one in condition["among"]))
            found.append(z3.Implies(is_there, has if condition["wanted"] else z3.Not(has)))
        return z3.And(self.customers[0][0], *found)

    # --- a call ---------------------------------------------------------------------------------------

    def example(self, model: Any) -> Json:
        """Return one such call, fact by fact. None: a name that no rule names; not there: the fact isn't."""

        def number(unknown: Term) -> int:
            return int(model.eval(unknown, model_completion=True).as_long())

        def holds(term: Term) -> bool:
            return bool(z3.is_true(model.eval(term, model_completion=True)))

        def word(fact: str, unknown: Term) -> Any:
            known = self.values(fact)
            return known[at] if (at := number(unknown)) < len(known) else None

        facts: Json = {
            fact: word(fact, unknown) for fact, unknown in self.choice.items() if holds(self.there(fact))
        }
        facts |= {fact: number(one) for fact, one in self.number.items() if holds(self.there(fact))}
        if holds(self.there(COUNTED)):
            facts[COUNTED] = {str(days): number(one) for days, one in self.calls.items()}
        facts["customers"] = [
            {"tags": [tag for tag, has in tags.items() if holds(has)], "language": word(EACH[1], language)}
            for is_there, tags, language in self.customers
            if holds(is_there)
        ]
        return {"facts": facts, "playable": holds(self.playable)}


class Order:
    """Rules in their order: which holds, and which is the first that does; the last is the default."""

    def __init__(self, world: World, name: str, rules: Sequence[Json]) -> None:
        self.rules = rules
        self.holds = [world.holds(rule) for rule in rules]
        before = z3.BoolVal(True)
        self.passes = [z3.Not(holds) for holds in self.holds]
        self.decides: list[Term] = []
        # Of each rule: one above it decides, and comes to something else.
        self.is_treated_otherwise: list[Term] = []
        self.axioms: list[Term] = []
        alike: dict[int, Term] = {}
        for number, (rule, holds) in enumerate(zip(rules, self.holds, strict=True)):
            decides = z3.Bool(f"{name} {number} decides")
            self.axioms.append(decides == z3.And(before, holds))
            self.decides.append(decides)
            otherwise, same = z3.Bools([f"{name} {number} otherwise", f"{name} {number} same"])
            comes_to = alike.get(rule["comes_to"], z3.BoolVal(False))
            self.axioms.append(otherwise == z3.And(z3.Not(before), z3.Not(comes_to)))
            self.is_treated_otherwise.append(otherwise)
            self.axioms.append(same == z3.Or(comes_to, decides))
            alike[rule["comes_to"]] = same
            none = z3.Bool(f"{name} {number} none")
            self.axioms.append(none == z3.And(before, z3.Not(holds)))
            before = none
        self.decides.append(before)

    def first(self, model: Any) -> int:
        for number, holds in enumerate(self.holds):
            if z3.is_true(model.eval(holds, model_completion=True)):
                return number
        return len(self.holds)


def customers_for(rules: Iterable[Json]) -> int:
    """Return how many customers of a number matter where these rules are passed over: one each at most."""
    return max(1, len({json.dumps(asked) for rule in rules if (asked := _of_each(rule))}))


def _of_each(rule: Json) -> list[Json]:
    return [one for one in rule["when"] if one["fact"] in EACH]


class Question:
    """What is asked of the world: first among calls that can be played, then among all that could be.

    Nobody's number is of more customers than matter: to be passed over for customers who differ, each rule
    needs one of them at most.
    """

    def __init__(self, asked: Json) -> None:
        self.asked = asked
        self.most_customers = customers_for(rule for rules in asked["rules"].values() for rule in rules)
        self.ends_at = time.monotonic() + asked.get("seconds", 8)

    def stages(
        self, *numbers: int, says_why: bool = False
    ) -> Iterator[tuple[World, dict[str, Order], Any, tuple[Term, ...]]]:
        """Yield worlds with ever more customers of one number, the last with all that could matter."""
        most = self.most_customers
        for customers in dict.fromkeys((1, *(one for one in numbers if one < most), most)):
            world = World(self.asked, customers, says_why=says_why)
            orders = {name: Order(world, name, rules) for name, rules in self.asked["rules"].items()}
            solver = z3.Solver()
            solver.add(*world.axioms, *(one for order in orders.values() for one in order.axioms))
            solver.add(*world.definitions)
            if customers == 1:
                for within in (world.usual, world.open, world.playable):
                    yield world, orders, solver, (within,)
            if numbers or customers == most:
                yield world, orders, solver, ()

    def ask(self, world: World, solver: Any, *terms: Term) -> str:
        """Return sat, unsat or unknown, the last when the time is up; what is assumed is named, or not so."""
        left = int((self.ends_at - time.monotonic()) * 1000)
        if left <= 0:
            return "unknown"
        solver.set("timeout", left)
        return str(solver.check(*terms, *(is_believed for is_believed, _ in world.asks_of_each)))


# --- what is asked -----------------------------------------------------------------------------------


def check(asked: Json) -> Json:
    """Which rules can never decide, which calls does another rule hold for as well, what is left over?"""
    question = Question(asked)
    rules = asked["rules"]["draft"]
    open_ = dict.fromkeys(range(len(rules) + 1))  # the last: the default ladder
    never: list[Json] = []
    overlaps: dict[str, Json] = {}
    left: Json = {"is_empty": False, "example": None}
    for world, orders, solver, within in question.stages(2, 4, 8, 16):
        draft, customers = orders["draft"], len(world.customers)
        for number in list(open_):
            answer = question.ask(world, solver, draft.decides[number], *within)
            if answer == "sat":
                del open_[number]
                if number == len(rules):
                    left["example"] = world.example(solver.model())
            elif answer == "unsat" and not within:
                above = _above(question, world, draft, solver, number)
                # With more customers they could be passed over: that is seen to in the next world.
                if above is None or customers < customers_for(rules[one] for one in above):
                    continue
                del open_[number]
                if number == len(rules):
                    left["is_empty"] = True
                else:
                    ids = [rules[one]["id"] for one in above]
                    never.append({"rule": rules[number]["id"], "above": ids})
        if not open_ and not within:
            break
        if within:
            found = _overlaps(question, world, draft, solver, within, overlaps.keys())
            overlaps |= {one["rule"]: one for one in found}
    unproven = [rules[number]["id"] if number < len(rules) else "" for number in open_]
    for one in never:
        overlaps.pop(one["rule"], None)
    return {"never": never, "overlaps": [*overlaps.values()], "left": left, "unproven": unproven}


def _above(question: Question, world: World, order: Order, solver: Any, number: int) -> list[int] | None:
    """Return the rules that take everything that one could; none: it contradicts itself. None: no time."""
    passed = order.passes[:number]
    holds = order.holds[number : number + 1]
    if question.ask(world, solver, *holds, *passed) != "unsat":
        return None
    core = {one.get_id() for one in solver.unsat_core()}
    needed = [above for above in range(number) if passed[above].get_id() in core]
    if len(needed) > _MOST_NAMED:
        return needed
    for above in list(needed):  # none that isn't needed
        fewer = [passed[one] for one in needed if one != above]
        if question.ask(world, solver, *holds, *fewer) == "unsat":
            needed.remove(above)
    return needed


def _overlaps(
    question: Question,
    world: World,
    order: Order,
    solver: Any,
    within: tuple[Term, ...],
    known: Iterable[str],
) -> Iterator[Json]:
    """Yield of each rule one above it that takes calls from it which it would treat otherwise."""
    for number, rule in enumerate(order.rules):
        if rule["id"] in known:
            continue
        wanted = (order.holds[number], order.is_treated_otherwise[number], *within)
        if question.ask(world, solver, *wanted) == "sat":
            model = solver.model()
            above = order.rules[order.first(model)]["id"]
            yield {"rule": rule["id"], "above": above, "example": world.example(model)}


def changes(asked: Json) -> Json:
    """Which pairs of rules, of the draft and of what is published, treat a call otherwise?"""
    question = Question(asked)
    found: list[Json] = []
    seen: list[tuple[int, int]] = []
    is_whole = False
    told: World | None = None  # in which it was said what is looked for
    for world, orders, solver, within in question.stages(2, 4, 8, 16, says_why=True):
        draft, published = orders["draft"], orders["published"]
        if world is not told:
            told = world
            solver.add(_comes_to_something_else(asked, draft, published))
            solver.add(*(z3.Not(z3.And(draft.decides[a], published.decides[b])) for a, b in seen))
        answer = "sat"
        while len(seen) < _MOST_PAIRS and (answer := question.ask(world, solver, *within)) == "sat":
            model = solver.model()
            pair = draft.first(model), published.first(model)
            seen.append(pair)
            solver.add(z3.Not(z3.And(draft.decides[pair[0]], published.decides[pair[1]])))
            found.append(
                {
                    "draft": _id(draft, pair[0]),
                    "published": _id(published, pair[1]),
                    "example": world.example(model),
                }
            )
        # That there are no others with so many customers may be no matter of customers at all.
        if is_whole := answer == "unsat" and not within and _holds_for_more(world, solver):
            break
    return {"pairs": found, "is_whole": is_whole}


def _holds_for_more(world: World, solver: Any) -> bool:
    """Tell whether what can't be with these customers can't be with more, by what speaks against it.

    Of many customers of one number those are enough each of which keeps one of these rules from holding: a
    call that they could make, fewer could make as well.
    """
    core = {one.get_id() for one in solver.unsat_core()}
    against = [rule for is_believed, rule in world.asks_of_each if is_believed.get_id() in core]
    return customers_for(against) <= len(world.customers)


def _id(order: Order, number: int) -> str:
    return order.rules[number]["id"] if number < len(order.rules) else ""


def _comes_to_something_else(asked: Json, draft: Order, published: Order) -> Term:
    """Tell that the one that decides comes to something else than the one that decides in the other order."""
    sides = []
    for order, default in zip((draft, published), asked["default"].values(), strict=True):
        outcomes = [rule["comes_to"] for rule in order.rules] + [default]
        by: dict[int, list[Term]] = {}
        for outcome, decides in zip(outcomes, order.decides, strict=True):
            by.setdefault(outcome, []).append(decides)
        sides.append(by)
    mine, theirs = sides
    differs = z3.Or(
        *(z3.And(z3.Or(*one), z3.Not(z3.Or(*theirs.get(outcome, ())))) for outcome, one in mine.items())
    )
    return z3.And(differs, z3.Or(*_in_one_alone(asked, draft, published)))


def _in_one_alone(asked: Json, draft: Order, published: Order) -> Iterator[Term]:
    """Yield that a rule decides which stands in one of the two orders alone; else no call goes otherwise.

    Of rules that stand in both, in the same order, the first that holds in one is the first in the other. It
    follows from what else is said, but by way of all rules: said by itself it spares looking through them.
    """
    orders = (draft, published)
    written = [
        [json.dumps([rule["when"], rule["comes_to"]]) for rule in order.rules] + [f"default {default}"]
        for order, default in zip(orders, asked["default"].values(), strict=True)
    ]
    alike = SequenceMatcher(None, written[0], written[1], autojunk=False).get_matching_blocks()
    for side, order in enumerate(orders):
        in_both = {block[side] + number for block in alike for number in range(block.size)}
        yield from (decides for number, decides in enumerate(order.decides) if number not in in_both)


def examples(asked: Json) -> Json:
    """Of some rules: one call that each decides or, where so asked, that it would take if none above did."""
    question = Question(asked)
    rules = asked["rules"]["draft"]
    places = {rule["id"]: number for number, rule in enumerate(rules)} | {"": len(rules)}
    open_ = dict(asked["wanted"])
    found: Json = {}
    for world, orders, solver, within in question.stages(2, 4, 8, 16):
        draft = orders["draft"]
        for rule, decides in list(open_.items()):
            term = (draft.decides if decides else draft.holds)[places[rule]]
            if question.ask(world, solver, term, *within) == "sat":
                found[rule] = world.example(solver.model())
                del open_[rule]
        if not open_:
            break
    return found


TASKS: dict[str, Callable[[Json], Json]] = {"check": check, "changes": changes, "examples": examples}


if __name__ == "__main__":
    # Calls go first, and what somebody wrote takes no more than so much.
    if os.name == "posix":
        import resource

        os.nice(10)
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    _asked = json.load(sys.stdin)
    json.dump(TASKS[_asked["task"]](_asked), sys.stdout)
