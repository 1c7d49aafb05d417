"""How is what was proven of rules told? In the words of their sentences, and as a call to be simulated."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.catalogue import text
from app.deployment import Defaults
from app.lines.hours import Calendar
from app.records.agents import Agent
from app.routing import proving, reading, rule_sentences
from app.routing.conditions import A_WEEK, FACTS, Among, Condition, Kind
from app.routing.proof import Problem, ProblemKind
from app.routing.proving import Example, Ground
from app.routing.rules import Rule, Rules

Json = dict[str, Any]

# Codes that a caller of none of those that rules name may have.
_LANGUAGES = ("nl", "en", "de", "fr", "es", "pl", "tr", "ar", "it", "pt")
_COUNTRIES = ("nl", "be", "de", "fr", "gb", "es", "pl", "it", "at", "ch")
_MOMENT = frozenset({"weekday", "time", "date", "day", "hours"})


def notes(session: Session, rules: Rules, ground: Ground, language: str) -> list[Json]:
    """Return what isn't wrong with rules but good to know: overlaps, what is left, what wasn't proven."""
    checked = proving.check(rules, ground)
    if not checked.is_proven:
        return [_note("unproven", text("rule.note_unproven", language))]
    number = proving.places_of(rules)
    tell = _Teller(session, (rules,), ground, language)
    found = []
    for one in checked.overlaps:
        example = tell.words(one.example, (one.rule, one.above))
        said = text(
            *("rule.note_overlap", language),
            place=number[one.rule],
            above=number[one.above],
            example=example,
        )
        found.append(_note("overlap", said, one.rule, one.above, tell.call(one.example)))
    if checked.left is not None:
        said = text("rule.note_gap", language, example=tell.words(checked.left, ()))
        found.append(_note("gap", said, call=tell.call(checked.left)))
    elif "" not in checked.unproven:
        found.append(_note("no_gap", text("rule.note_no_gap", language)))
    for rule in filter(None, checked.unproven):
        said = text("rule.note_unproven_rules", language, place=number[rule])
        found.append(_note("unproven", said, rule))
    return found


def _note(kind: str, words: str, rule: str = "", other: str = "", call: Json | None = None) -> Json:
    return {"kind": kind, "rule": rule, "other": other, "words": words, "call": call}


def situations(
    session: Session, before: Rules, after: Rules, ground: Ground, language: str
) -> tuple[list[Json], bool]:
    """Return which calls `after` treats otherwise, one of each kind, and whether these are all kinds."""
    changes = proving.changes(before, after, ground)
    tell = _Teller(session, (before, after), ground, language)
    was, now = proving.places_of(before), proving.places_of(after)

    def decides(rule: str, numbers: Mapping[str, int]) -> str:
        if not rule:
            return text("rule.decides_default", language)
        return text("rule.decides_rule", language, place=numbers[rule])

    found = []
    for one in changes.pairs:
        example = tell.words(one.example, (one.before, one.after))
        said = text(
            "rule.change_of_calls",
            language,
            example=example[:1].upper() + example[1:],
            before=decides(one.before, was),
            after=decides(one.after, now),
        )
        call = tell.call(one.example)
        found.append({"before": one.before, "after": one.after, "words": said, "call": call})
    return found, changes.is_whole


def calls_of(
    session: Session, rules: Rules, problems: Sequence[Problem], ground: Ground, language: str
) -> list[Json | None]:
    """Return for each thing that forbids to publish rules a call that comes to the rule it is about.

    Of a rule whose calls others take, it is one that they take. None: no call can be such, as of a rule that
    contradicts itself, or nobody made up can call like that.
    """
    may_be = [one for one in problems if not one.contradicts_itself]
    wanted = {one.rule: True for one in may_be}
    wanted |= {one.rule: False for one in may_be if one.kind == ProblemKind.NEVER_MATCHES}
    found = proving.examples(rules, wanted, ground)
    tell = _Teller(session, (rules,), ground, language)
    calls = {rule: tell.call(example) for rule, example in found.items()}
    return [calls.get(one.rule) if not one.contradicts_itself else None for one in problems]


class _Teller:
    """Tells of calls that some lists of rules may decide."""

    def __init__(self, session: Session, several: Iterable[Rules], ground: Ground, language: str) -> None:
        self.session = session
        self.ground = ground
        self.language = language
        self.several = tuple(several)
        self.rules = [rule for rules in self.several for rule, _ in rules.in_use]
        self.conditions = [condition for rule in self.rules for condition in rule.when]
        people = session.execute(select(Agent.key, Agent.team).where(Agent.enabled).order_by(Agent.key)).all()
        self.agents = [one.key for one in people]
        # A case is of a team that there is, unless rules leave none.
        self.teams = sorted({one.team for one in people})
        self._calendars: dict[str, Calendar] = {}
        # The prover knows names in small letters alone; people read them as somebody wrote them.
        self._as_written = {
            (asked["fact"], str(name).casefold()): name
            for rule in self.rules
            for asked in rule.written["when"]
            for name in (*asked.get("is", ()), *asked.get("is_not", ()))
        }

    # --- in words -------------------------------------------------------------------------------------

    def words(self, example: Example, rules: Iterable[str]) -> str:
        """Return a call in the words of rules: of what these ask, or all when they are none."""
        wanted = set(filter(None, rules))
        asked = dict.fromkeys(
            condition.fact.name
            for rule in self.rules
            if rule.id in wanted or not wanted
            for condition in rule.when
        )
        if not asked:
            return text("rule.example_any", self.language)
        said = dict.fromkeys(one for fact in asked for one in self._said(fact, example.facts))
        return text("rule.example", self.language, what=f" {text('rule.and', self.language)} ".join(said))

    def _said(self, fact: str, facts: Mapping[str, Any]) -> Iterator[str]:
        customers = facts["customers"]
        if fact.startswith("customer."):
            if not customers:
                yield text("rule.example_nobody", self.language)
            elif len(customers) > 1:
                yield text("rule.example_several", self.language)
            elif fact == "customer.language":
                yield self._is(fact, customers[0]["language"])
            elif customers[0]["tags"]:
                for tag in customers[0]["tags"]:
                    yield self._is(fact, tag)
            else:
                yield text("rule.example_no_tags", self.language)
        elif fact not in facts:
            code = "no_country" if fact == "caller.country" else "no_case"
            yield text(f"rule.example_{code}", self.language)
        elif fact == "case.calls":
            for days in sorted({one.days or A_WEEK for one in self.conditions if one.fact.name == fact}):
                name = text("rule.fact_case_calls", self.language, count=days)
                yield text("rule.if_is", self.language, fact=name, value=facts[fact][str(days)])
        elif FACTS[fact].kind == Kind.NUMBER:
            name = text(f"rule.fact_{fact.replace('.', '_')}", self.language)
            yield text("rule.if_is", self.language, fact=name, value=facts[fact])
        elif fact == "time":
            hour, minute = divmod(facts[fact], 60)
            yield text("rule.example_time", self.language, value=f"{hour:02}:{minute:02}")
        elif fact == "date":
            yield self._is(fact, date.fromordinal(facts[fact]).isoformat())
        else:
            yield self._is(fact, facts[fact])

    def _is(self, fact: str, value: Any) -> str:
        """Say that a fact is this; None: that it is none of those that rules name."""
        if value is None:
            named = sorted(self._written(fact, one) for one in self._named(fact))
            if not named:
                named = [""]
            return rule_sentences.words(
                rule_sentences.condition({"fact": fact, "is_not": named}, self.language)
            )
        written = {"fact": fact, "is": [self._written(fact, value)]}
        return rule_sentences.words(rule_sentences.condition(written, self.language))

    def _written(self, fact: str, value: Any) -> Any:
        return self._as_written.get((fact, value), value)

    def _named(self, fact: str) -> set[str]:
        return {
            name
            for one in self.conditions
            if one.fact.name == fact and isinstance(one.test, Among)
            for name in one.test.values
        }

    # --- as a call ------------------------------------------------------------------------------------

    def call(self, example: Example) -> Json | None:
        """Return what the simulator takes; None where nobody made up can call like that, or never will."""
        facts = example.facts
        if not example.is_playable:
            return None
        line = facts["line"]
        if line is None:
            named = self._named("line")
            line = next((one for one in self.ground.lines if one not in named), None)
        moment = self._moment(line, facts) if line is not None else None
        if moment is None:
            return None
        caller: Json = {
            "kind": facts["caller.kind"],
            "attestation": facts["attestation"].upper() if facts["attestation"] != "none" else "none",
            "promise": facts["promise"],
        }
        if "caller.country" in facts:
            country = facts["caller.country"] or self._another("caller.country", _COUNTRIES)
            caller["country"] = country.upper()
        for customer in facts["customers"]:
            caller["tags"] = [self._written("customer.tag", one) for one in customer["tags"]]
            caller["language"] = customer["language"] or self._another("customer.language", _LANGUAGES)
        if "case.calls" in facts:
            caller |= self._case(facts)
        return {"caller": caller, "line": line, "at": moment.isoformat()}

    def _case(self, facts: Mapping[str, Any]) -> Json:
        more = {int(days): count for days, count in facts["case.calls"].items() if count > 1}
        return {
            "case": {
                "team": self._written("case.team", facts.get("case.team"))
                or self._another("case.team", self.teams),
                "status": facts["case.status"],
                "priority": self._written("case.priority", facts.get("case.priority"))
                or self._another("case.priority", ("normal",)),
                "age_days": facts["case.age_days"],
            },
            "calls": more[min(more)] - 1 if more else 0,
            "calls_days": min(more, default=A_WEEK),
            "handled_by": list(self.agents[: facts["case.agents"]]),
        }

    def _another(self, fact: str, usual: Iterable[str]) -> str:
        """Return a name that no rule names."""
        named = self._named(fact)
        others = (*usual, *(f"{text('rule.another', self.language)} {number}" for number in range(1, 200)))
        return next(one for one in others if one.casefold() not in named)

    # --- when -----------------------------------------------------------------------------------------

    def _moment(self, line: str, facts: Mapping[str, Any]) -> datetime | None:
        """Return a moment at which the same rules decide, by this line's own hours and holidays."""
        calendar = self._calendar(line)
        orders = [[_of_the_moment(rule, facts) for rule, _ in rules.in_use] for rules in self.several]
        wanted = [_first(order, facts) for order in orders]
        for at in self._moments(calendar, facts):
            local = {
                "weekday": FACTS["weekday"].choices[at.weekday()],
                "time": at.hour * 60 + at.minute,
                "date": at.toordinal(),
                "day": "holiday" if calendar.is_holiday(at) else "working",
                "hours": "open" if calendar.is_open(at) else "closed",
            }
            if [_first(order, local) for order in orders] == wanted:
                return at
        return None

    def _moments(self, calendar: Calendar, facts: Mapping[str, Any]) -> Iterator[datetime]:
        times = dict.fromkeys((facts["time"], *range(60, 24 * 60, 240)))
        first = date.fromordinal(facts["date"])
        days = (first, *(self.ground.today + timedelta(days=after) for after in range(1, 400)))
        for day in days:
            for minute in times:
                yield datetime.combine(day, time(minute // 60, minute % 60), calendar.timezone)

    def _calendar(self, line: str) -> Calendar:
        if line not in self._calendars:
            self._calendars[line] = reading.line_of(self.session, line, Defaults("", "")).calendar
        return self._calendars[line]


def _of_the_moment(rule: Rule, facts: Mapping[str, Any]) -> list[Condition] | None:
    """Return what a rule asks of the moment; None where it doesn't hold for what else it asks."""
    others = (one for one in rule.when if one.fact.name not in _MOMENT)
    if not all(_holds(one, facts) for one in others):
        return None
    return [one for one in rule.when if one.fact.name in _MOMENT]


def _first(order: Iterable[list[Condition] | None], facts: Mapping[str, Any]) -> int | None:
    """Return which rule of these is the first that holds."""
    for place, asked in enumerate(order):
        if asked is not None and all(_holds(one, facts) for one in asked):
            return place
    return None


def _holds(condition: Condition, facts: Mapping[str, Any]) -> bool:
    """Tell whether a condition holds of an example; see conditions.py."""
    name, test = condition.fact.name, condition.test
    if condition.fact.each and isinstance(test, Among):
        several = [one["tags"] if name == "customer.tag" else [one["language"]] for one in facts["customers"]]
        return bool(several) and all(test.values.isdisjoint(one) != test.wanted for one in several)
    if name not in facts:
        return False
    value = facts[name][str(condition.days)] if condition.fact.most_days else facts[name]
    if isinstance(test, Among):
        return (value in test.values) == test.wanted
    return (test.least is None or value >= test.least) and (test.most is None or value <= test.most)
