"""Is it true what is said beside a rule: which calls it would take, and which rules leave it none?"""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.callers.recognition import Caller
from app.routing.resolving import resolve
from app.routing.rules import Rules
from app.routing.shadows import shadowed
from app.routing.situation import Situation
from app.routing.taking import Asked
from tests.situations import NOW, USUAL, caller, line


def rules(*when: list[dict[str, Any]], off: tuple[int, ...] = ()) -> Rules:
    """One rule for each list of conditions, called r1, r2, …"""
    return Rules.written(
        {
            "rules": [
                {"id": f"r{place}", "name": "", "enabled": place not in off, "when": one, "then": {}}
                for place, one in enumerate(when, 1)
            ]
        }
    )


def tagged(*tags: str) -> Situation:
    known = caller()
    customer = replace(known.customers[0], tags=tags)
    return replace(USUAL, caller=replace(known, customers=(customer,)))


VIP = {"fact": "customer.tag", "is": ["VIP"]}
OFTEN = {"fact": "case.calls", "at_least": 3, "days": 7}


def test_each_call_goes_to_the_first_rule_that_holds_and_the_others_are_told_who_took_it() -> None:
    calls = [tagged("vip"), replace(tagged("vip"), calls_lately=3), replace(USUAL, calls_lately=4), USUAL]
    proposed = rules([VIP], [OFTEN], [])

    taken = Asked(calls).taken(proposed)

    assert [(one.holds, one.calls) for one in taken.values()] == [(2, 2), (2, 1), (4, 1)]
    assert taken["r2"].before == (("r1", 1),)
    assert taken["r3"].before == (("r1", 2), ("r2", 1))
    assert [*taken["r2"].which()] == [2]


def test_a_rule_that_is_off_takes_nothing_from_others_and_is_told_what_it_would() -> None:
    asked = Asked([tagged("vip"), USUAL])

    taken = asked.taken(rules([VIP], [], off=(1,)))

    assert (taken["r1"].calls, taken["r2"].calls) == (1, 2)
    assert asked.left(rules([VIP], [], off=(2,))) == 1


def test_nothing_happened_and_nothing_is_taken() -> None:
    assert Asked([]).taken(rules([]))["r1"].calls == 0


# --- any rules, any calls -----------------------------------------------------------------------------

SITUATIONS = [
    replace(base, line=line(number=number), calls_lately=calls, came_in_at=NOW + timedelta(hours=hours))
    for base in (tagged("vip"), tagged("vip", "new"), tagged(), replace(USUAL, caller=Caller(None)))
    for number in ("+31201234500", "+31201234501")
    for calls in (1, 3, 9)
    for hours in (0, 6, 30)
]
NAMES = st.lists(st.sampled_from(["vip", "new", "old"]), min_size=1, max_size=3, unique=True)
NUMBERS = st.integers(0, 10)
CONDITIONS = st.one_of(
    st.builds(
        lambda how, tags: {"fact": "customer.tag", how: tags}, st.sampled_from(["is", "is_not"]), NAMES
    ),
    st.builds(
        lambda how, lines: {"fact": "line", how: lines},
        st.sampled_from(["is", "is_not"]),
        st.lists(st.sampled_from(["+31201234500", "+31201234501"]), min_size=1, max_size=2, unique=True),
    ),
    st.builds(
        lambda how, n: {"fact": "case.calls", how: n}, st.sampled_from(["at_least", "at_most"]), NUMBERS
    ),
    st.builds(lambda a, b: {"fact": "case.calls", "between": sorted([a, b])}, NUMBERS, NUMBERS),
    st.builds(
        lambda how, days: {"fact": "weekday", how: days},
        st.sampled_from(["is", "is_not"]),
        st.lists(st.sampled_from(["tu", "we", "th"]), min_size=1, max_size=2, unique=True),
    ),
)
ANY_RULES = st.lists(st.lists(CONDITIONS, max_size=3), min_size=1, max_size=5).map(lambda one: rules(*one))


@settings(max_examples=150, deadline=None)
@given(ANY_RULES)
def test_what_is_said_is_what_would_be_decided(proposed: Rules) -> None:
    asked = Asked(SITUATIONS)

    taken = asked.taken(proposed)

    decided = Counter(resolve(proposed, one).rule for one in SITUATIONS)
    assert {key: one.calls for key, one in taken.items()} == {
        rule.id: decided[rule.id] for rule in proposed.rules
    }
    assert asked.left(proposed) == decided[""]


@settings(max_examples=300, deadline=None)
@given(ANY_RULES)
def test_of_a_rule_that_is_said_to_get_no_call_none_is_ever_seen(proposed: Rules) -> None:
    taken = Asked(SITUATIONS).taken(proposed)

    for below, above in shadowed(proposed.rules).items():
        assert taken[below].calls == 0, (below, above)


@settings(max_examples=60, deadline=None)
@given(ANY_RULES, st.integers(0, 20), st.integers(0, 20))
def test_what_is_known_of_older_calls_serves_when_newer_ones_come(
    proposed: Rules, gone: int, came: int
) -> None:
    staying = len(SITUATIONS) - came
    asked = Asked(SITUATIONS[:staying])
    asked.taken(proposed)

    later = asked.later(gone, SITUATIONS[staying:])

    assert later.taken(proposed) == Asked(SITUATIONS[gone:]).taken(proposed)


def test_a_rule_beneath_one_without_conditions_or_with_wider_ones_gets_no_call() -> None:
    narrow = [{"fact": "customer.tag", "is": ["vip"]}, {"fact": "case.calls", "at_least": 5}]

    assert shadowed(rules([VIP], narrow, [OFTEN], [{"fact": "case.calls", "between": [4, 6]}]).rules) == {
        "r2": "r1",
        "r4": "r3",
    }
    assert shadowed(rules([], [VIP]).rules) == {"r2": "r1"}
    assert shadowed(rules([], [VIP], off=(1,)).rules) == {}
    assert shadowed(
        rules([{"fact": "weekday", "is_not": ["sa", "su"]}], [{"fact": "weekday", "is": ["mo"]}]).rules
    ) == {"r2": "r1"}


def test_nothing_is_said_of_what_is_not_certain() -> None:
    new_but_not_vip = [{"fact": "customer.tag", "is_not": ["vip"]}]

    assert shadowed(rules(new_but_not_vip, [{"fact": "customer.tag", "is": ["new"]}]).rules) == {}
    assert shadowed(rules([OFTEN], [{"fact": "case.calls", "at_least": 3, "days": 30}]).rules) == {}
    assert shadowed(rules([VIP], [OFTEN]).rules) == {}
