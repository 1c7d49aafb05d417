"""Does a rule hold when it says it does? Held against a second, simple-minded reading of the same JSON."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.callers.recognition import Caller, KnownCustomer, OwedPromise
from app.lines.hours import calendar
from app.routing.conditions import FACTS, OPERATORS, Condition, Fact, Kind
from app.routing.situation import Situation
from tests.factories import ADA, LINE
from tests.situations import NOW, USUAL, any_situation, line

Json = dict[str, Any]

TAGS = ("vip", "VIP", "ondernemer", "klacht")
TEAMS = ("Burgerzaken", "Belastingen", "zorg")
NUMBERS = (ADA, "+32470123456", "+447400123456")
ATTESTED = (
    "",
    "TN-Validation-Passed-A",
    "TN-Validation-Passed-C",
    "TN-Validation-Failed-A",
    "No-TN-Validation",
)


# --- the simple-minded reading ----------------------------------------------------------------------------


def facts_of(known: Situation) -> dict[str, Any]:
    """Write down all that can be asked of a call, in a plain table. Missing: it isn't there."""
    who, zone = known.caller, ZoneInfo(known.line.calendar.timezone.key)
    moment = known.came_in_at if known.came_in_at is not None else known.now
    local = moment.astimezone(zone)
    table: dict[str, Any] = {
        "line": known.line.number,
        "attestation": next((a for a in "ABC" if known.attestation == f"TN-Validation-Passed-{a}"), "none"),
        "promise": "none",
        "weekday": ["mo", "tu", "we", "th", "fr", "sa", "su"][local.weekday()],
        "time": local.strftime("%H:%M"),
        "date": local.date().isoformat(),
        "day": "holiday" if local.date() in holidays.country_holidays("NL", years=local.year) else "working",
        "hours": "open" if known.line.calendar.is_open(moment) else "closed",
    }
    if who.e164 is None:
        table["caller.kind"] = "withheld"
    else:
        table["caller.country"] = {"+31": "NL", "+32": "BE", "+44": "GB"}[who.e164[:3]]
        if not who.customers:
            table["caller.kind"] = "unknown"
        elif who.customers[0].cases:
            table["caller.kind"] = "known"
        else:
            table["caller.kind"] = "nothing_open"
    if who.promise is not None and (who.promise.made_at is None or who.promise.made_at < moment):
        late = who.promise.due_at <= moment or who.promise.was_broken
        table["promise"] = "broken" if late else "owed"
    if who.customers and who.customers[0].cases:
        case = who.customers[0].cases[0]
        table["case.team"], table["case.status"], table["case.priority"] = (
            case.team,
            case.status,
            case.priority,
        )
        table["case.age_days"] = max(0, int((moment - case.opened_at).total_seconds() // 86_400))
        table["case.agents"] = len([1 for one in known.agents.values() if one.handled_at])
        table["case.calls"] = {7: known.calls_lately, **known.calls_within}
    return table


def holds(condition: Json, known: Situation) -> bool:
    """Tell whether a condition holds, from its JSON, in the order in which one would explain it."""
    fact = condition["fact"]
    if fact in ("customer.tag", "customer.language"):
        answers = {_of_a_customer(condition, one) for one in known.caller.customers}
        return answers == {True}
    value = facts_of(known).get(fact)
    if fact == "case.calls" and value is not None:
        value = value.get(condition.get("days", 7))
    if value is None:
        return False
    if "is" in condition:
        return any(_same(value, one) for one in condition["is"])
    if "is_not" in condition:
        return not any(_same(value, one) for one in condition["is_not"])
    if "at_least" in condition:
        return bool(value >= condition["at_least"])
    if "at_most" in condition:
        return bool(value <= condition["at_most"])
    least, most = condition["between"]
    return bool(least <= value < most) if fact == "time" else bool(least <= value <= most)


def _same(one: str, other: str) -> bool:
    return one.lower() == other.lower()


def _of_a_customer(condition: Json, customer: KnownCustomer) -> bool:
    has = customer.tags if condition["fact"] == "customer.tag" else (customer.language,)
    asked = condition.get("is") or condition["is_not"]
    found = any(_same(one, other) for one in has for other in asked)
    return found if "is" in condition else not found


# --- any condition, any call --------------------------------------------------------------------------------

_names: dict[str, tuple[str, ...]] = {
    "line": (LINE, "+31201234599"),
    "tag": TAGS,
    "language": ("nl", "en", "PL"),
    "country": ("NL", "be", "GB"),
    "team": TEAMS,
    "priority": ("normal", "High", "hoog"),
}
_times = st.integers(0, 24 * 60).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")
_dates = st.integers(-3, 45).map(lambda days: (NOW.date() + timedelta(days=days)).isoformat())


def _values(fact: Fact) -> st.SearchStrategy[Any]:
    match fact.kind:
        case Kind.CHOICE:
            return st.sampled_from(fact.choices)
        case Kind.NAME:
            return st.sampled_from(_names[fact.names])
        case Kind.NUMBER:
            return st.integers(0, 30)
        case Kind.TIME:
            return _times
        case Kind.DATE:
            return _dates


@cache
def _operands(fact: Fact, operator: str) -> st.SearchStrategy[Any]:
    value = _values(fact)
    if operator in ("is", "is_not"):
        return st.lists(value, min_size=1, max_size=3)
    if operator == "between":
        return st.lists(value, min_size=2, max_size=2, unique=fact.kind == Kind.TIME).map(sorted)
    return value


_questions = st.sampled_from(
    [(FACTS[name], operator) for name in sorted(FACTS) for operator in OPERATORS[FACTS[name].kind]]
)
_days = st.none() | st.sampled_from([1, 7, 30, 90])


@st.composite
def any_condition(draw: st.DrawFn) -> Json:
    fact, operator = draw(_questions)
    written: Json = {"fact": fact.name, operator: draw(_operands(fact, operator))}
    days = draw(_days) if fact.most_days else None
    return written if days is None else {**written, "days": days}


# Made once, as in tests/situations.py.
_numbers = st.sampled_from(NUMBERS)
_tags = st.lists(st.sampled_from(TAGS), unique=True).map(tuple)
_languages = st.sampled_from(["nl", "en"])
_one_or_two = st.integers(1, 2)
_made = st.none() | st.sampled_from([NOW - timedelta(days=1), NOW + timedelta(days=99)])
_either = st.booleans()
_came_in = st.sampled_from([None, timedelta(minutes=7)])
_attested = st.sampled_from(ATTESTED)
_lately = st.none() | st.integers(1, 9)
_within = st.fixed_dictionaries({1: st.just(1), 30: st.integers(1, 30)})
_cases = st.fixed_dictionaries(
    {
        "priority": st.sampled_from(["normal", "high", "hoog"]),
        "status": st.sampled_from(["open", "waiting"]),
        "opened_at": st.integers(0, 900).map(lambda hours: NOW - timedelta(hours=hours)),
    }
)


@st.composite
def any_call(draw: st.DrawFn) -> Situation:
    known: Situation = draw(_situations)
    who = known.caller
    if who.e164 is not None:
        who = replace(who, e164=draw(_numbers))
    if who.customers:
        customers = tuple(
            replace(
                one,
                tags=draw(_tags),
                language=draw(_languages),
                cases=tuple(replace(case, **draw(_cases)) for case in one.cases),
            )
            for one in who.customers * draw(_one_or_two)
        )
        who = replace(who, customers=customers)
    if who.promise is not None:
        who = replace(who, promise=replace(who.promise, made_at=draw(_made), was_broken=draw(_either)))
    waited = draw(_came_in)
    return replace(
        known,
        caller=who,
        came_in_at=None if waited is None else known.now - waited,
        attestation=draw(_attested),
        calls_lately=draw(_lately),
        calls_within=draw(_within),
    )


_situations = any_situation()


@given(condition=any_condition(), known=any_call())
@settings(max_examples=1500, deadline=None)
def test_what_is_compiled_holds_when_the_words_of_it_do(condition: Json, known: Situation) -> None:
    assert list(Condition.mistakes(condition, "when[0]")) == []

    assert Condition.of(condition).holds(known) == holds(condition, known)


# --- what the words mean, one by one ------------------------------------------------------------------


def asked(known: Situation, **condition: Any) -> bool:
    return Condition.of(condition).holds(known)


def tagged(*each: tuple[str, ...]) -> Situation:
    """Ada's number, which belongs to a customer with each of these sets of tags."""
    [ada] = USUAL.caller.customers
    customers = tuple(replace(ada, key=f"k{place}", tags=tags) for place, tags in enumerate(each))
    return replace(USUAL, caller=replace(USUAL.caller, customers=customers))


@pytest.mark.parametrize(
    ("tags", "is_vip", "is_no_vip"),
    [
        ([("vip",)], True, False),
        ([("VIP", "klacht")], True, False),
        ([()], False, True),
        ([("vip",), ("vip", "klacht")], True, False),
        ([("vip",), ()], False, False),  # who of them calls? Nobody guesses
        ([], False, False),
    ],
)
def test_who_shares_a_number_is_not_guessed(
    tags: list[tuple[str, ...]], is_vip: bool, is_no_vip: bool
) -> None:
    known = tagged(*tags)

    assert asked(known, fact="customer.tag", **{"is": ["vip"]}) is is_vip
    assert asked(known, fact="customer.tag", is_not=["vip"]) is is_no_vip


def test_of_a_caller_without_a_case_nothing_about_a_case_holds_nor_its_opposite() -> None:
    stranger = replace(USUAL, caller=Caller(ADA), owner=None, calls_lately=None)

    for fact in (one for one in FACTS.values() if one.name.startswith("case.")):
        for operator in OPERATORS[fact.kind]:
            operand: Any = ["open"] if fact.kind == Kind.CHOICE else ["x"]
            if fact.kind == Kind.NUMBER:
                operand = [0, fact.most] if operator == "between" else 0
            assert not asked(stranger, fact=fact.name, **{operator: operand}), (fact.name, operator)


AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def at(local: str, fold: int = 0) -> Situation:
    moment = datetime.fromisoformat(local).replace(tzinfo=AMSTERDAM, fold=fold).astimezone(UTC)
    return replace(USUAL, now=moment, line=line("Mo-Fr 09:00-17:30"))


@pytest.mark.parametrize(
    ("local", "is_after_four"),
    [("2026-11-27 15:59:59", False), ("2026-11-27 16:00", True), ("2026-11-27 23:59:59", True)],
)
def test_a_time_begins_with_its_first_minute_and_ends_before_its_last(
    local: str, is_after_four: bool
) -> None:
    assert asked(at(local), fact="time", between=["16:00", "24:00"]) is is_after_four
    assert asked(at(local), fact="time", between=["00:00", "16:00"]) is not is_after_four


def test_an_hour_that_comes_twice_is_meant_both_times() -> None:
    for fold in (0, 1):
        assert asked(at("2026-10-25 02:30", fold), fact="time", between=["02:00", "03:00"])


def test_a_call_is_asked_about_as_it_came_in_however_long_it_waits() -> None:
    waited = replace(at("2026-11-27 16:01"), came_in_at=at("2026-11-27 15:58").now)

    assert not asked(waited, fact="time", between=["16:00", "24:00"])


def test_a_promise_that_this_call_itself_made_is_none() -> None:
    came_in = NOW - timedelta(minutes=2)
    for made_at, word in ((NOW, "none"), (NOW - timedelta(days=1), "owed")):
        owed = OwedPromise(1, "anna", None, None, NOW + timedelta(hours=1), made_at=made_at)
        known = replace(USUAL, caller=replace(USUAL.caller, promise=owed), came_in_at=came_in)
        assert asked(known, fact="promise", **{"is": [word]})


def test_a_holiday_is_one_whatever_hours_the_line_has_on_it() -> None:
    christmas = replace(
        at("2026-12-25 11:00"), line=replace(line(), calendar=calendar("24/7", "Europe/Amsterdam", "NL"))
    )

    assert asked(christmas, fact="day", **{"is": ["holiday"]})
    assert asked(christmas, fact="hours", **{"is": ["open"]})


@pytest.mark.parametrize(
    ("condition", "field", "code"),
    [
        ({"fact": "moon", "is": ["full"]}, "when.fact", "rules_one_of"),
        ({"fact": "promise"}, "when", "rules_one_question"),
        ({"fact": "promise", "is": ["owed"], "is_not": ["none"]}, "when", "rules_one_question"),
        ({"fact": "promise", "is": "owed"}, "when.is", "rules_list"),
        ({"fact": "promise", "is": []}, "when.is", "rules_list"),
        ({"fact": "promise", "is": ["kept"]}, "when.is", "rules_one_of"),
        ({"fact": "promise", "is": ["owed"], "days": 3}, "when.days", "rules_no_such_parameter"),
        ({"fact": "case.calls", "at_least": "3"}, "when.at_least", "rules_whole_number"),
        ({"fact": "case.calls", "at_least": True}, "when.at_least", "rules_whole_number"),
        ({"fact": "case.calls", "at_least": 3, "days": 91}, "when.days", "rules_whole_number"),
        ({"fact": "case.calls", "between": [5, 3]}, "when.between", "rules_from_to"),
        ({"fact": "time", "between": ["22:00", "06:00"]}, "when.between", "rules_past_midnight"),
        ({"fact": "time", "between": ["9:00", "17:00"]}, "when.between", "rules_time"),
        ({"fact": "date", "is": ["2026-02-30"]}, "when.is", "rules_date"),
        ({"fact": "line", "is": ["020 1234500"]}, "when.is", "rules_line"),
        ({"fact": "caller.country", "is": ["Nederland"]}, "when.is", "rules_country"),
        ({"fact": "customer.tag", "is": ["a\nb"]}, "when.is", "rules_tag"),
        ("always", "when", "rules_object"),
    ],
)
def test_what_is_no_condition_is_refused_by_its_field_and_says_how_to_mend_it(
    condition: Any, field: str, code: str
) -> None:
    [mistake] = Condition.mistakes(condition, "when")

    assert (mistake.field, mistake.code) == (field, code)
    assert mistake.say("nl")
    assert mistake.say("en")


def test_the_dates_of_a_range_both_count() -> None:
    day = date(2026, 11, 27)
    for days, is_in in ((0, True), (1, True), (2, False)):
        end = (day + timedelta(days=1)).isoformat()
        moment = at(f"{day + timedelta(days=days)} 00:00")
        assert asked(moment, fact="date", between=[day.isoformat(), end]) is is_in
