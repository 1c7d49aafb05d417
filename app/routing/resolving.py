"""What do the rules say of a call? Asked once for each step, and kept with it."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.routing.conditions import A_WEEK, Among
from app.routing.ladder import FirstKind, Ladder, Resolved
from app.routing.rules import Looks, Rule, Rules
from app.routing.situation import LineFacts, Situation

log = logging.getLogger(__name__)


def resolve(rules: Rules, situation: Situation) -> Resolved:
    """Return the parameters of the ladder for a situation, with the version and the rule they come from.

    The first rule that holds decides; none: the default ladder. Pure: of the situation everything may be
    looked at but what the rules say of it. A rule that can't be asked is a fault of ours: the ladder stands.
    """
    if rules.in_use:
        situation = situation.to_rules
        try:
            for rule, ladder in rules.in_use:
                if rule.holds(situation):
                    return Resolved(_for(rule, ladder, situation), rules.version, rule.id)
        except Exception:
            log.exception("a rule could not be asked", extra={"rule_version": rules.version})
    return of_the_ladder(rules, situation.line)


def of_the_ladder(rules: Rules, line: LineFacts) -> Resolved:
    """Return what the default ladder says of a call to a line."""
    return Resolved(_of_the_line(rules.ladder, {}, line), rules.version)


def _for(rule: Rule, ladder: Ladder, situation: Situation) -> Ladder:
    """Return what a rule comes to for this caller, on this line."""
    ladder = _of_the_line(ladder, rule.then.values, situation.line)
    if ladder.first is None:
        return ladder
    if _is_about_closed(rule):
        return replace(ladder, rings_when_closed=True)
    owed = situation.caller.promise
    if owed is not None and owed.agent is not None and not rule.looks_at("promise"):
        # Whoever promised to ring back goes before whomever a rule names that doesn't know of it.
        return replace(ladder, first=None)
    return ladder


def comes_to(rule: Rule, ladder: Ladder) -> tuple[Any, ...]:
    """Return all on which a rule's outcome depends: of two with the same nobody notices which decides."""
    by_the_rule = tuple(name in rule.then.values for name in ("greeting", "records_messages"))
    if ladder.first is None:
        return ladder, by_the_rule, False, False
    return ladder, by_the_rule, _is_about_closed(rule), rule.looks_at("promise")


def comes_to_by_default(ladder: Ladder) -> tuple[Any, ...]:
    """Return the same of the default ladder."""
    return ladder, (False, False), False, False


def _is_about_closed(rule: Rule) -> bool:
    """Tell whether a rule says itself that it is for when the line is closed."""
    return any(
        condition.fact.name == "hours"
        and isinstance(condition.test, Among)
        and ("closed" in condition.test.values) == condition.test.wanted
        for condition in rule.when
    )


def _of_the_line(ladder: Ladder, by_the_rule: Mapping[str, Any], line: LineFacts) -> Ladder:
    """Leave the installation's word out where the line has its own, unless it is a rule's."""
    if ladder.greeting is not None and "greeting" not in by_the_rule and line.greeting:
        ladder = replace(ladder, greeting=None)
    is_described = line.team is not None
    if ladder.records_messages is not None and "records_messages" not in by_the_rule and is_described:
        ladder = replace(ladder, records_messages=None)
    return ladder


def may_decide(rules: Rules, situation: Situation) -> list[tuple[Rule | None, Ladder]]:
    """Return the rules one of which decides, once what is counted of the case is known; None: the default.

    One alone is settled by what the first stage of the reading brings.
    """
    found: list[tuple[Rule | None, Ladder]] = []
    for rule, ladder in rules.in_use:
        if rule.may_hold(situation):
            found.append((rule, ladder))
            if not rule.counts:
                return found
    return [*found, (None, rules.ladder)]


def looks_at(rules: Rules, situation: Situation) -> Looks:
    """Return what a decision by these rules may depend on for this call: no more than that need be read."""
    try:
        deciding = may_decide(rules, situation.to_rules)
    except Exception:
        log.exception("a rule could not be asked", extra={"rule_version": rules.version})
        return rules.looks
    ladders = [ladder for _, ladder in deciding]
    first = [ladder.first for ladder in ladders if ladder.first is not None]
    days = {
        condition.days
        for rule, _ in deciding
        if rule is not None
        for condition in rule.when
        if condition.days is not None
    }
    return Looks(
        look_back_days=max(ladder.look_back_days for ladder in ladders),
        teams=tuple(dict.fromkeys(team for ladder in ladders for team in ladder.teams)),
        counter_to_counter=rules.ladder.counter_to_counter,
        everybody=rules.looks.everybody
        or len(deciding) > 1
        or any(one.kind != FirstKind.OWNER for one in first),
        agents=tuple(one.key for one in first if one.kind == FirstKind.AGENT),
        supervisors=any(one.kind == FirstKind.SUPERVISOR for one in first),
        days=tuple(sorted(days - {A_WEEK})),
    )


def greeting(ladder: Ladder, line: LineFacts) -> str:
    """Return what is said before anything else; empty when nothing is."""
    return line.greeting if ladder.greeting is None else ladder.greeting


def records_messages(ladder: Ladder, line: LineFacts) -> bool:
    """Tell whether what a caller says after the tone is recorded; they are told."""
    return line.records_messages if ladder.records_messages is None else ladder.records_messages
