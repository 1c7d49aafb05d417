"""When does a rule hold? A closed list of facts, how each is read, and what may be asked of it.

FACTS is the one table: what reads JSON, what decides a call, what says a rule in words and what proves that
it can match all go by it. Whatever a person writes becomes one of two tests: Among (a set of names) or
Within (whole numbers from … to …), so there is little to get wrong.

What the words mean:

- All conditions of a rule hold together (*and*). A list in one means *any of these*; `is_not` means *none
  of*.
- **What isn't there is neither.** Of a caller whom nobody knows no tag and no language is known, of a call
  without an open case no team, status, age or count: neither `is` nor `is_not`, nor any number, holds of
  it. To ask who is known there is `caller.kind`.
- **Nobody is guessed.** Several customers may have one number: `is` holds when it holds of each of them,
  `is_not` when it does of each, and neither when they differ. `case.…` speaks of the case that the call is
  taken to be about, the one whose owner the ladder rings.
- `customer.tag` has several values: `is` asks for at least one of the list, `is_not` for none of it.
- Names are compared without regard to capitals; countries and languages are codes of two letters.
- Moments are those of the call's coming in, by the clock on the wall where the line is, also on the day on
  which the clock changes: of an hour that comes twice both are meant, one that is left out never comes.
  `time` is from the first, and up to but without the second; `24:00` is the day's end. A time past midnight
  takes two rules, since the second part is on another day. `date` counts both days.
- `day` is `holiday` on public holidays of the line's country, whatever hours the line has on them; else
  `working`. `hours` is whether the line is open.
- `case.calls` counts the calls about the case that came in within so many days of 24 hours, with this one;
  `case.age_days` counts whole days of 24 hours; `case.agents` who had a contact on it.
- `promise` is what had been owed to this number before the call: `broken` once its time has passed, also
  when it was promised anew.
- `attestation` is A, B or C only where the carriers vouch for it; failed or absent is `none`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from app.callers.numbers import country_of
from app.routing.mistakes import Mistake
from app.routing.situation import Situation

MOST_VALUES = 100
LONGEST_VALUE = 121
_DAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")
_ATTESTED = re.compile(r"TN-Validation-Passed-([ABC])")


class Kind(StrEnum):
    """What sort of thing a fact is, and with it what may be asked of it."""

    CHOICE = "choice"  # one of a few words
    NAME = "name"  # a name or code that somebody gave
    NUMBER = "number"
    TIME = "time"  # of the day
    DATE = "date"


OPERATORS: dict[Kind, tuple[str, ...]] = {
    Kind.CHOICE: ("is", "is_not"),
    Kind.NAME: ("is", "is_not"),
    Kind.NUMBER: ("at_least", "at_most", "between"),
    Kind.TIME: ("between",),
    Kind.DATE: ("is", "is_not", "at_least", "at_most", "between"),
}


@dataclass(frozen=True)
class Fact:
    """One thing that can be asked of a call. `read` gives None for what isn't there."""

    name: str
    kind: Kind
    # A str, or an int: of a time its minute, of a date its ordinal. With `each`, a set of str for each
    # customer; with `most_days`, read(situation, days).
    read: Callable[..., Any]
    choices: tuple[str, ...] = ()
    most: int = 0  # the largest number
    each: bool = False
    most_days: int = 0  # of a count within days
    is_counted: bool = False  # not known after the first stage of the reading
    names: str = ""  # of what: line, tag, language, country, team, priority


# --- how each is read: pure, and quick --------------------------------------------------------------------


def _kind(known: Situation) -> str:
    if known.caller.e164 is None:
        return "withheld"
    if not known.caller.is_known:
        return "unknown"
    return "known" if known.caller.case is not None else "nothing_open"


def _attestation(known: Situation) -> str:
    found = _ATTESTED.fullmatch(known.attestation)
    return found[1].lower() if found else "none"


def _promise(known: Situation) -> str:
    owed = known.caller.promise
    if owed is None or (owed.made_at is not None and owed.made_at >= known.began_at):
        return "none"
    return "broken" if owed.was_broken or owed.due_at <= known.began_at else "owed"


def _of_case(read: Callable[[Any], Any]) -> Callable[[Situation], Any]:
    def of(known: Situation) -> Any:
        case = known.caller.case
        return read(case) if case is not None else None

    return of


def _age(known: Situation) -> int | None:
    case = known.caller.case
    return max(0, (known.began_at - case.opened_at).days) if case is not None else None


def _calls(known: Situation, days: int) -> int | None:
    if known.caller.case is None:
        return None
    return known.calls_lately if days == A_WEEK else known.calls_within.get(days)


def _agents(known: Situation) -> int | None:
    if known.caller.case is None:
        return None
    if known.handlers is not None:
        return known.handlers
    return sum(agent.handled_at is not None for agent in known.agents.values())


def _country(known: Situation) -> str | None:
    return (known.country or country_of(known.caller.e164)).lower() or None


A_WEEK = 7
_K = Kind

FACTS: dict[str, Fact] = {
    fact.name: fact
    for fact in (
        Fact("line", _K.NAME, lambda known: known.line.number, names="line"),
        Fact(
            "customer.tag",
            _K.NAME,
            lambda known: known.tags,
            each=True,
            names="tag",
        ),
        Fact(
            "customer.language",
            _K.NAME,
            lambda known: tuple(frozenset((one.language,)) for one in known.caller.customers),
            each=True,
            names="language",
        ),
        Fact("caller.country", _K.NAME, _country, names="country"),
        Fact("caller.kind", _K.CHOICE, _kind, choices=("known", "nothing_open", "unknown", "withheld")),
        Fact("attestation", _K.CHOICE, _attestation, choices=("A", "B", "C", "none")),
        Fact("case.team", _K.NAME, _of_case(lambda case: case.team.casefold()), names="team"),
        Fact("case.status", _K.CHOICE, _of_case(lambda case: case.status), choices=("open", "waiting")),
        Fact("case.priority", _K.NAME, _of_case(lambda case: case.priority.casefold()), names="priority"),
        Fact("case.age_days", _K.NUMBER, _age, most=3650),
        Fact("case.calls", _K.NUMBER, _calls, most=100, most_days=90, is_counted=True),
        Fact("case.agents", _K.NUMBER, _agents, most=100, is_counted=True),
        Fact("promise", _K.CHOICE, _promise, choices=("none", "owed", "broken")),
        Fact("weekday", _K.CHOICE, lambda known: _DAYS[known.local.weekday()], choices=_DAYS),
        Fact("time", _K.TIME, lambda known: known.local.hour * 60 + known.local.minute),
        Fact("date", _K.DATE, lambda known: known.local.toordinal()),
        Fact(
            "day",
            _K.CHOICE,
            lambda known: "holiday" if known.line.calendar.is_holiday(known.began_at) else "working",
            choices=("holiday", "working"),
        ),
        Fact(
            "hours",
            _K.CHOICE,
            lambda known: "open" if known.line.calendar.is_open(known.began_at) else "closed",
            choices=("open", "closed"),
        ),
    )
}


# --- a condition --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Among:
    """The fact is one of these names; or, when not wanted, there and none of them."""

    values: frozenset[Any]
    wanted: bool


@dataclass(frozen=True)
class Within:
    """The fact is a number from `least` to `most`, both counted; None: without an end on that side."""

    least: int | None
    most: int | None


@dataclass(frozen=True)
class Condition:
    """One thing that a rule asks. `holds` is a closure made for it: a call asks it in a fraction of a µs."""

    fact: Fact
    test: Among | Within
    days: int | None = None
    written: Mapping[str, Any] = field(default_factory=dict, repr=False)  # the JSON it was read from
    holds: Callable[[Situation], bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "holds", _closure(self.fact, self.test, self.days))

    @property
    def is_counted(self) -> bool:
        return self.fact.is_counted

    @classmethod
    def of(cls, written: Mapping[str, Any]) -> "Condition":
        """Read what was checked before. Raises ValueError for what this version doesn't know."""
        if list(cls.mistakes(written, "")):
            raise ValueError("no condition that is known here")
        fact = FACTS[written["fact"]]
        operator = next(name for name in OPERATORS[fact.kind] if name in written)
        days = written.get("days", A_WEEK) if fact.most_days else None
        return cls(fact, _test(fact, operator, written[operator]), days, written)

    @classmethod
    def mistakes(cls, written: Any, place: str) -> Iterator[Mistake]:
        """Yield what is wrong with a condition, and how it is mended."""
        if not isinstance(written, Mapping):
            yield Mistake(place, "rules_object")
            return
        fact = FACTS.get(written["fact"]) if isinstance(written.get("fact"), str) else None
        if fact is None:
            yield Mistake(f"{place}.fact", "rules_one_of", {"choices": ", ".join(FACTS)})
            return
        operators = OPERATORS[fact.kind]
        allowed = {"fact", *operators, *(("days",) if fact.most_days else ())}
        for name in sorted(map(str, written.keys() - allowed)):
            yield Mistake(
                f"{place}.{name}", "rules_no_such_parameter", {"choices": ", ".join(sorted(allowed))}
            )
        asked = [name for name in operators if name in written]
        if len(asked) != 1:
            yield Mistake(place, "rules_one_question", {"choices": ", ".join(operators)})
        elif (wrong := _wrong_operand(fact, asked[0], written[asked[0]])) is not None:
            yield Mistake(f"{place}.{asked[0]}", *wrong)
        if fact.most_days and not _is_whole(written.get("days", A_WEEK), 1, fact.most_days):
            yield Mistake(
                f"{place}.days", "rules_whole_number", {"from_number": 1, "to_number": fact.most_days}
            )


def _closure(fact: Fact, test: Among | Within, days: int | None) -> Callable[[Situation], bool]:
    """Return the condition as a function of a situation."""
    read = fact.read if days is None else lambda known: fact.read(known, days)
    match test:
        case Among(values=values, wanted=True) if fact.each:
            return lambda known: bool(found := read(known)) and not any(map(values.isdisjoint, found))
        case Among(values=values) if fact.each:
            return lambda known: bool(found := read(known)) and all(map(values.isdisjoint, found))
        case Among(values=values, wanted=True):
            return lambda known: read(known) in values  # None is among no values
        case Among(values=values):
            return lambda known: (found := read(known)) is not None and found not in values
        case Within(least=least, most=most):
            low = -1 if least is None else least
            high = 2**31 if most is None else most
            return lambda known: (found := read(known)) is not None and low <= found <= high


# --- reading what a person wrote -----------------------------------------------------------------------


def _test(fact: Fact, operator: str, operand: Any) -> Among | Within:
    if operator in ("is", "is_not"):
        return Among(frozenset(_plain(fact, one) for one in operand), operator == "is")
    if operator == "at_least":
        return Within(_number(fact, operand), None)
    if operator == "at_most":
        return Within(None, _number(fact, operand))
    least, most = (_number(fact, one) for one in operand)
    return Within(least, most - 1 if fact.kind == Kind.TIME else most)


def _plain(fact: Fact, value: Any) -> Any:
    """Return a value as `read` gives it."""
    if fact.kind == Kind.DATE:
        return _number(fact, value)
    return value if fact.name in ("line", "case.status") else value.strip().casefold()


def _number(fact: Fact, value: Any) -> int:
    """Return a number, a time's minute or a date's ordinal."""
    if fact.kind == Kind.TIME:
        return int(value[:2]) * 60 + int(value[3:])
    if fact.kind == Kind.DATE:
        return date.fromisoformat(value).toordinal()
    return int(value)


Wrong = tuple[str, dict[str, Any]]


def _wrong_operand(fact: Fact, operator: str, operand: Any) -> Wrong | None:
    if operator in ("is", "is_not"):
        if not isinstance(operand, list) or not 1 <= len(operand) <= MOST_VALUES:
            return "rules_list", {"to_number": MOST_VALUES}
        return next(filter(None, (_wrong_value(fact, one) for one in operand)), None)
    if operator != "between":
        return _wrong_value(fact, operand)
    if not isinstance(operand, list) or len(operand) != 2:
        return "rules_from_to", {}
    if wrong := next(filter(None, (_wrong_value(fact, one) for one in operand)), None):
        return wrong
    least, most = (_number(fact, one) for one in operand)
    if fact.kind == Kind.TIME and least >= most:
        return "rules_past_midnight", {}
    return ("rules_from_to", {}) if least > most else None


def _wrong_value(fact: Fact, value: Any) -> Wrong | None:
    if fact.kind == Kind.NUMBER:
        fine = _is_whole(value, 0, fact.most)
        return None if fine else ("rules_whole_number", {"from_number": 0, "to_number": fact.most})
    if not isinstance(value, str):
        return "rules_list", {"to_number": MOST_VALUES}
    if fact.kind == Kind.TIME:
        return None if _TIME.fullmatch(value) else ("rules_time", {})
    if fact.kind == Kind.DATE:
        return None if _is_date(value) else ("rules_date", {})
    if fact.kind == Kind.CHOICE:
        return None if value in fact.choices else ("rules_one_of", {"choices": ", ".join(fact.choices)})
    return _wrong_name(fact, value)


def _wrong_name(fact: Fact, value: str) -> Wrong | None:
    fine = len(value.strip()) > 0 and len(value) <= LONGEST_VALUE and value.isprintable()
    if fact.names in ("country", "language"):
        fine = len(value) == 2 and value.isascii() and value.isalpha()
    if fact.names == "line":
        fine = re.fullmatch(r"\+[0-9]{5,15}", value) is not None
    return None if fine else (f"rules_{fact.names}", {})


def _is_whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_date(value: str) -> bool:
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value) is None:
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True
