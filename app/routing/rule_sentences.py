"""How is a rule said in words? As a sentence, of which the parts that can be changed are marked as such.

What reads the JSON and what says it go by the same tables: the facts of conditions.py, the parameters of
ladder.py. The words stand in the catalogue.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Any

from babel.dates import format_date

from app.catalogue import codes, locale, text
from app.routing.conditions import A_WEEK, FACTS, OPERATORS, Kind
from app.routing.merging import moved
from app.routing.rules import Rules

Json = Mapping[str, Any]

_HOLE = "\N{OBJECT REPLACEMENT CHARACTER}"
_CODES = frozenset(codes("rule"))


@dataclass(frozen=True)
class Segment:
    """A piece of a sentence; with a field (`when[0].is`, `then.first`), the value that stands there."""

    text: str
    field: str = ""


def words(segments: list[Segment]) -> str:
    return "".join(segment.text for segment in segments)


# --- a rule -------------------------------------------------------------------------------------------


def sentence(rule: Json, language: str, called: Mapping[str, str] | None = None) -> list[Segment]:
    """Return a rule as a sentence; `called` says what agents and lines are called by their keys."""
    conditions = [
        condition(one, language, f"when[{number}]", called) for number, one in enumerate(rule.get("when", ()))
    ]
    then = [
        outcome(name, value, language, f"then.{name}", called) for name, value in rule.get("then", {}).items()
    ]
    always = [[Segment(text("rule.always", language))]]
    as_usual = [[Segment(text("rule.as_usual", language))]]
    when = _joined(conditions, f" {text('rule.and', language)} ") if conditions else always[0]
    does = _joined(then or as_usual, "; ")
    template = text(
        "rule.sentence" if conditions else "rule.sentence_always", language, when=_HOLE, then=_HOLE
    )
    first, middle, last = template.split(_HOLE)
    pieces = [Segment(first), *when, Segment(middle), *does, Segment(last)]
    head = pieces[0].text or pieces[1].text
    begin = Segment(head[:1].upper() + head[1:], pieces[0].field if pieces[0].text else pieces[1].field)
    rest = pieces[1:] if pieces[0].text else pieces[2:]
    return [one for one in (begin, *rest) if one.text]


def _joined(parts: list[list[Segment]], between: str) -> list[Segment]:
    found: list[Segment] = []
    for part in parts:
        found += [Segment(between), *part] if found else part
    return found


def condition(
    written: Json, language: str, field: str = "", called: Mapping[str, str] | None = None
) -> list[Segment]:
    """Return what a condition asks."""
    fact = FACTS[written["fact"]]
    operator = next(name for name in OPERATORS[fact.kind] if name in written)
    code = f"if_{fact.name.replace('.', '_')}"
    if f"{code}_{operator}" in _CODES:
        template = text(f"rule.{code}_{operator}", language, value=_HOLE)
    else:
        name = _name_of(fact.name, written, language)
        template = text(f"rule.if_{operator}", language, fact=name, value=_HOLE)
    value = _operand(fact.name, operator, written[operator], language, called)
    return _filled(template, value, f"{field}.{operator}")


def _name_of(fact: str, written: Json, language: str) -> str:
    code = f"rule.fact_{fact.replace('.', '_')}"
    if FACTS[fact].most_days:
        return text(code, language, count=written.get("days", A_WEEK))
    return text(code, language)


def _filled(template: str, value: str, field: str) -> list[Segment]:
    before, _, after = template.partition(_HOLE)
    return [one for one in (Segment(before), Segment(value, field), Segment(after)) if one.text]


def _operand(fact: str, operator: str, operand: Any, language: str, called: Mapping[str, str] | None) -> str:
    if operator == "between":
        least, most = (_value(fact, one, language, called) for one in operand)
        code = "until" if FACTS[fact].kind == Kind.TIME else "to"
        return text(f"rule.range_{code}", language, begin=least, end=most)
    if operator in ("is", "is_not"):
        said = [_value(fact, one, language, called) for one in operand]
        if len(said) == 1:
            return said[0]
        return text(f"rule.or_{operator}", language, items=", ".join(said[:-1]), item=said[-1])
    return _value(fact, operand, language, called)


def _value(fact: str, value: Any, language: str, called: Mapping[str, str] | None) -> str:
    match FACTS[fact].kind:
        case Kind.CHOICE:
            return text(f"rule.value_{fact.replace('.', '_')}_{str(value).lower()}", language)
        case Kind.DATE:
            return format_date(date.fromisoformat(value), "d MMMM y", locale(language))
        case Kind.NAME if fact == "caller.country":
            return str(locale(language).territories.get(value.upper(), value))
        case Kind.NAME if fact == "customer.language":
            return str(locale(language).languages.get(value.lower(), value))
        case _:
            return (called or {}).get(str(value), str(value))


# --- what it says ---------------------------------------------------------------------------------------

_SECONDS = frozenset(
    "wait_for_owner_seconds owner_ring_seconds colleague_ring_seconds total_seconds wait_for_team_seconds"
    " wrap_up_seconds".split()
)


def outcome(
    name: str, value: Any, language: str, field: str = "", called: Mapping[str, str] | None = None
) -> list[Segment]:
    """Return one thing that a rule, or the ladder, says of a call."""
    code, said = _outcome(name, value, language, called)
    return _filled(text(f"rule.{code}", language, value=_HOLE), said, field)


def _outcome(name: str, value: Any, language: str, called: Mapping[str, str] | None) -> tuple[str, str]:
    match name, value:
        case _, None:
            return f"then_{name}_none", text("rule.never", language)
        case ("first", {"agent": key}):
            return "then_first", (called or {}).get(key, key)
        case ("first", {"team": team}):
            return "then_first", text("rule.the_team", language, team=team)
        case ("first", kind):
            return "then_first", text(f"rule.first_{kind}", language)
        case ("only", kind):
            return "then_only", text(f"rule.only_{kind}", language)
        case (("records_messages" | "speaks_names"), bool()):
            return f"then_{name}", text(f"rule.{name}_{'yes' if value else 'no'}", language)
        case ("teams" | "extra_teams", teams):
            return "then_teams", ", ".join(teams) or text("rule.no_other", language)
        case ("greeting", _):
            return "then_greeting", f"“{value}”"
        case ("promise_minutes", _):
            return "then_promise_minutes", duration(value * 60, language)
        case _ if name in _SECONDS:
            return f"then_{name}", duration(value, language)
        case (("look_back_days" | "recordings_days"), _):
            return f"then_{name}", text("rule.days", language, count=value)
        case _:
            return f"then_{name}", str(value)


def duration(seconds: int, language: str) -> str:
    """Return a time in the largest unit that it is whole in: `4 minuten`, `90 seconden`."""
    for code, size in (("hours", 3600), ("minutes", 60)):
        if seconds >= size and seconds % size == 0:
            return text(f"rule.{code}", language, count=seconds // size)
    return text("rule.seconds", language, count=seconds)


def of_the_ladder(values: Json, language: str) -> str:
    """Return some parameters of the default ladder in words."""
    return "; ".join(words(outcome(name, value, language)) for name, value in values.items())


def gone(language: str) -> str:
    """Return what is said of a rule that somebody took away."""
    return text("rule.taken_away", language)


# --- what is different ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """One thing in which a version differs from another; `rule` is its id, empty for the default ladder."""

    kind: str  # added | removed | moved | changed | ladder
    rule: str
    words: str


def differences(
    before: Rules, after: Rules, language: str, called: Mapping[str, str] | None = None
) -> list[Difference]:
    """Return in sentences what `after` has otherwise: `Regel 3: wacht 2 minuten in plaats van 4 minuten`."""
    was = {rule.id: rule.written for rule in before.rules}
    now = {rule.id: rule.written for rule in after.rules}
    found: list[Difference] = []
    for number, (key, rule) in enumerate(now.items(), 1):
        if key not in was:
            said = words(sentence(rule, language, called))
            found.append(_difference("added", key, number, rule, language, what=said))
            continue
        found += [
            _difference("changed", key, number, rule, language, what=what)
            for what in _changes(was[key], rule, language, called)
        ]
    for number, (key, rule) in enumerate(was.items(), 1):
        if key not in now:
            said = words(sentence(rule, language, called))
            found.append(_difference("removed", key, number, rule, language, what=said))
    found += _moves(list(was), list(now), now, language)
    found += _of_the_ladder(before, after, language, called)
    return found


def _difference(kind: str, key: str, number: int, rule: Json, language: str, **values: Any) -> Difference:
    name = f" “{rule['name']}”" if rule.get("name") else ""
    said = text(f"rule.diff_{kind}", language, place=number, name=name, **values)
    return Difference(kind, key, said)


def _moves(was: list[str], now: list[str], rules: Mapping[str, Json], language: str) -> Iterator[Difference]:
    for key in now:
        if key in moved(was, now):
            number = now.index(key) + 1
            yield _difference("moved", key, number, rules[key], language, before=was.index(key) + 1)


def _changes(was: Json, now: Json, language: str, called: Mapping[str, str] | None) -> Iterator[str]:
    """Yield what one rule has otherwise, without its number."""
    if was["name"] != now["name"]:
        yield text("rule.change_name", language, before=was["name"] or "–", now=now["name"] or "–")
    if was["enabled"] != now["enabled"]:
        yield text("rule.change_on" if now["enabled"] else "rule.change_off", language)
    yield from _changed_conditions(was["when"], now["when"], language, called)
    names = chain(now["then"], (name for name in was["then"] if name not in now["then"]))
    for name in names:
        yield from _changed_outcome(name, was["then"], now["then"], language, called)


def _changed_conditions(
    was: list[Json], now: list[Json], language: str, called: Mapping[str, str] | None
) -> Iterator[str]:
    if was != now and all(one in now for one in was) and all(one in was for one in now):
        yield text("rule.change_order", language)
    gone = [one for one in was if one not in now]
    for one in now:
        if one in was:
            continue
        said = words(condition(one, language, called=called))
        same = next((other for other in gone if other["fact"] == one["fact"]), None)
        if same is None:
            yield text("rule.change_condition_added", language, what=said)
        else:
            gone.remove(same)
            earlier = words(condition(same, language, called=called))
            yield text("rule.change_condition", language, now=said, before=earlier)
    for one in gone:
        said = words(condition(one, language, called=called))
        yield text("rule.change_condition_removed", language, what=said)


def _changed_outcome(
    name: str, was: Json, now: Json, language: str, called: Mapping[str, str] | None
) -> Iterator[str]:
    if name not in now:
        said = words(outcome(name, was[name], language, called=called))
        yield text("rule.change_outcome_removed", language, what=said)
    elif name not in was:
        said = words(outcome(name, now[name], language, called=called))
        yield text("rule.change_outcome_added", language, what=said)
    elif was[name] != now[name]:
        _, earlier = _outcome(name, was[name], language, called)
        said = words(outcome(name, now[name], language, called=called))
        yield text("rule.change_outcome", language, now=said, before=earlier)


def _of_the_ladder(
    before: Rules, after: Rules, language: str, called: Mapping[str, str] | None
) -> Iterator[Difference]:
    was, now = before.ladder.as_json(), after.ladder.as_json()
    for name in dict.fromkeys([*now, *was]):
        if was.get(name) != now.get(name):
            for what in _changed_outcome(
                name,
                {name: was[name]} if name in was else {},
                {name: now[name]} if name in now else {},
                *(language, called),
            ):
                yield Difference("ladder", "", text("rule.diff_ladder", language, what=what))
