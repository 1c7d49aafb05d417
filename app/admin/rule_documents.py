"""What becomes of all rules when somebody changes one? Each change as a new document; nothing is saved."""

import secrets
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

Json = dict[str, Any]
Change = Callable[[list[Json]], list[Json]]

EXAMPLES = ("vip", "often", "friday")


def changed(document: Mapping[str, Any], change: Change) -> Json:
    """Return a document with its rules changed."""
    return {"ladder": document["ladder"], "rules": change([deepcopy(dict(one)) for one in document["rules"]])}


def new_id() -> str:
    return f"r{secrets.token_hex(4)}"


def new_rule() -> Json:
    """Return a rule that changes nothing yet: it is off until somebody has said what it is about."""
    return {"id": new_id(), "name": "", "enabled": False, "when": [], "then": {}}


def replaced(rule: Json) -> Change:
    return lambda rules: [rule if one["id"] == rule["id"] else one for one in rules]


def added(rule: Json, place: int | None = None) -> Change:
    """Put a rule at a place, counted from 0; at the end without one, or where it is beyond."""

    def change(rules: list[Json]) -> list[Json]:
        where = len(rules) if place is None else max(0, min(place, len(rules)))
        return [*rules[:where], rule, *rules[where:]]

    return change


def removed(rule_id: str) -> Change:
    return lambda rules: [one for one in rules if one["id"] != rule_id]


def moved(rule_id: str, to: int) -> Change:
    """Put a rule at another place, counted from 0."""

    def change(rules: list[Json]) -> list[Json]:
        rule = next((one for one in rules if one["id"] == rule_id), None)
        return rules if rule is None else added(rule, to)(removed(rule_id)(rules))

    return change


def place_of(document: Mapping[str, Any], rule_id: str) -> int | None:
    """Return where a rule stands, counted from 0; None when it isn't there (any more)."""
    return next((at for at, one in enumerate(document["rules"]) if one["id"] == rule_id), None)


def rule_in(document: Mapping[str, Any], rule_id: str) -> Json | None:
    return next((deepcopy(dict(one)) for one in document["rules"] if one["id"] == rule_id), None)


def copy_of(rule: Mapping[str, Any], name: str) -> Json:
    """Return the same under a name and id of its own, switched off: two alike would only be one in vain."""
    return {**deepcopy(dict(rule)), "id": new_id(), "name": name, "enabled": False}


def example(code: str, agent: str | None) -> Json:
    """Return one of the rules that somebody may begin with; `agent` is who gets the first one's calls."""
    first: Any = {"agent": agent} if agent else "owner"
    when, then = {
        "vip": ([{"fact": "customer.tag", "is": ["VIP"]}], {"first": first}),
        "often": ([{"fact": "case.calls", "at_least": 3, "days": 7}], {"first": "supervisor"}),
        "friday": (
            [{"fact": "weekday", "is": ["fr"]}, {"fact": "time", "between": ["16:00", "24:00"]}],
            {"only": "promise"},
        ),
    }[code]
    return {"id": new_id(), "name": "", "enabled": True, "when": when, "then": then}
