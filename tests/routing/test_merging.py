"""Two people changed the same rules: is nobody's work lost? With any edits that two can think of."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.routing.merging import LADDER, merge

Json = dict[str, Any]

KEYS = ("a", "b", "c", "d", "e")


def rule(key: str, name: str = "") -> Json:
    return {"id": key, "name": name}


def document(*rules: Json, **ladder: int) -> Json:
    return {"ladder": ladder, "rules": list(rules)}


def ids(rules: list[Json]) -> list[str]:
    return [one["id"] for one in rules]


BASE = document(*map(rule, KEYS), total_seconds=180)


@dataclass
class Edits:
    """What one person did: names given, rules taken away, added, and moved to the front."""

    named: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    added: list[str] = field(default_factory=list)
    moved: str | None = None

    def touched(self) -> set[str]:
        return self.named | self.gone

    def on(self, base: Json, who: str) -> Json:
        rules = [
            rule(one["id"], who) if one["id"] in self.named else one
            for one in base["rules"]
            if one["id"] not in self.gone
        ]
        if self.moved in ids(rules):
            first = next(one for one in rules if one["id"] == self.moved)
            rules = [first, *(one for one in rules if one is not first)]
        rules += [rule(f"{who}{number}", who) for number in self.added]
        return {"ladder": dict(base["ladder"]), "rules": rules}


@st.composite
def any_edits(draw: st.DrawFn) -> Edits:
    named = draw(st.sets(st.sampled_from(KEYS)))
    gone = draw(st.sets(st.sampled_from(KEYS))) - named
    added = draw(st.lists(st.sampled_from("123"), unique=True))
    return Edits(named, gone, added, draw(st.none() | st.sampled_from(KEYS)))


@given(mine=any_edits(), theirs=any_edits())
@settings(max_examples=500, deadline=None)
def test_all_that_either_did_is_in_what_comes_of_it_or_is_told_as_a_clash(mine: Edits, theirs: Edits) -> None:
    one, other = mine.on(BASE, "mine"), theirs.on(BASE, "theirs")

    merged = merge(BASE, one, other)

    found = {rule["id"]: rule for rule in merged.document["rules"]}
    told = {clash.rule for clash in merged.clashes if clash.place is None}
    # Only where both touched the same rule, and not alike, anybody has to look.
    assert told == (mine.touched() & theirs.touched()) - (mine.gone & theirs.gone)
    for edits, who in ((mine, "mine"), (theirs, "theirs")):
        for key in edits.named - told:
            assert found[key] == rule(key, who)
        for key in edits.gone - told:
            assert key not in found
        for number in edits.added:
            assert found[f"{who}{number}"] == rule(f"{who}{number}", who)
    untouched = set(KEYS) - mine.touched() - theirs.touched()
    assert untouched <= found.keys()
    assert len(found) == len(merged.document["rules"])
    # Both texts are there, whichever stands in the draft.
    for clash in merged.clashes:
        if clash.place is None:
            for told_of, whole in ((clash.mine, one), (clash.theirs, other)):
                assert told_of == next((r for r in whole["rules"] if r["id"] == clash.rule), None)


@given(mine=any_edits())
@settings(max_examples=200, deadline=None)
def test_who_works_alone_gets_just_what_they_made(mine: Edits) -> None:
    one = mine.on(BASE, "mine")

    assert merge(BASE, one, BASE).document == one
    assert merge(BASE, BASE, one).document == one
    assert merge(BASE, one, one).document == one


@given(order=st.permutations(KEYS), added=st.lists(st.sampled_from("123"), unique=True))
@settings(max_examples=200, deadline=None)
def test_one_puts_them_in_another_order_while_another_adds_some(order: list[str], added: list[str]) -> None:
    moved = document(*map(rule, order), total_seconds=180)
    more = Edits(added=added).on(BASE, "theirs")

    merged = ids(merge(BASE, moved, more).document["rules"])

    assert [key for key in merged if key in KEYS] == list(order)
    assert [key for key in merged if key not in KEYS] == [f"theirs{number}" for number in added]


def test_two_who_move_different_rules_both_find_them_where_they_put_them() -> None:
    up = document(*map(rule, "eabcd"))
    down = document(*map(rule, "bcdae"))
    base = document(*map(rule, KEYS))

    merged = merge(base, up, down)

    assert ids(merged.document["rules"]) == ["e", "b", "c", "d", "a"]
    assert merged.clashes == ()


def test_two_who_move_the_same_rule_to_different_places_are_told_both() -> None:
    base = document(*map(rule, KEYS))

    [clash] = merge(base, document(*map(rule, "eabcd")), document(*map(rule, "abecd"))).clashes

    assert (clash.rule, clash.place) == ("e", (1, 3))


def test_the_default_ladder_is_merged_parameter_by_parameter() -> None:
    base = document(total_seconds=180, most_rings=5)

    merged = merge(base, document(total_seconds=90, most_rings=5), document(total_seconds=180, most_rings=3))
    assert merged.document["ladder"] == {"total_seconds": 90, "most_rings": 3}

    [clash] = merge(
        base, document(total_seconds=90, most_rings=5), document(total_seconds=60, most_rings=5)
    ).clashes
    assert (clash.rule, clash.mine, clash.theirs) == (LADDER, {"total_seconds": 90}, {"total_seconds": 60})


def test_a_setting_that_somebody_set_to_none_stays_none() -> None:
    base = {"ladder": {"counter_to_counter": 3, "owner_ring_seconds": 25}, "rules": []}
    mine = {"ladder": {"counter_to_counter": None, "owner_ring_seconds": 25}, "rules": []}
    theirs = {"ladder": {"counter_to_counter": 3, "owner_ring_seconds": 30}, "rules": []}

    for one, other in ((mine, theirs), (theirs, mine)):
        merged = merge(base, one, other)

        assert merged.clashes == ()
        assert merged.document["ladder"] == {"counter_to_counter": None, "owner_ring_seconds": 30}
