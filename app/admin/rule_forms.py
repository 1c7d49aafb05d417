"""What did somebody make of a rule? From the fields of its form to its JSON, which others then judge.

What can't be read stays as it was written, so that it comes back with a sentence about it: nothing is lost.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from werkzeug.datastructures import MultiDict

from app.admin import form_words
from app.routing.conditions import FACTS, OPERATORS, Kind
from app.routing.ladder import LIMITS, OF_A_RULE

Json = dict[str, Any]

SECONDS_IN = {"seconds": 1, "minutes": 60, "hours": 3600}
YES_OR_NO = ("records_messages", "speaks_names")
TEXTS = ("greeting",)
TEAMS = ("teams", "extra_teams")
# Of one select: whom to ring first, or nobody at all.
WHO = ("first", "only")
_CONDITION = re.compile(r"when-(\d{1,2})-fact")


def rule(form: MultiDict[str, str], before: Mapping[str, Any]) -> Json:
    """Return the rule that a form describes; `before` is the one that was shown in it."""
    return {
        **before,
        "name": form.get("name", before.get("name", "")).strip(),
        "when": [
            written
            for number in _conditions(form)
            if (written := condition(form, f"when-{number}")) is not None
        ],
        "then": outcome(form, before.get("then", {})),
    }


def _conditions(form: MultiDict[str, str]) -> list[int]:
    found = [int(match[1]) for name in form if (match := _CONDITION.fullmatch(name)) is not None]
    return sorted(found)


def condition(form: MultiDict[str, str], place: str) -> Json | None:
    """Return the condition in some fields; None for a fact that there isn't."""
    fact = FACTS.get(form.get(f"{place}-fact", ""))
    if fact is None:
        return None
    written: Json = {"fact": fact.name}
    how = form.get(f"{place}-how", "")
    if fact.kind in (Kind.NUMBER, Kind.TIME) or (fact.kind == Kind.DATE and how not in ("is", "is_not")):
        written |= _range(
            fact.kind, form.get(f"{place}-from", "").strip(), form.get(f"{place}-to", "").strip()
        )
    else:
        written[how if how in OPERATORS[fact.kind] else "is"] = _values(form, place)
    if fact.most_days:
        written["days"] = form_words.whole(form.get(f"{place}-days", ""))
    return written


def _values(form: MultiDict[str, str], place: str) -> list[str]:
    more = (one.strip() for one in form.get(f"{place}-more", "").split(","))
    return list(dict.fromkeys([*form.getlist(f"{place}-value"), *filter(None, more)]))


def _range(kind: Kind, least: str, most: str) -> Json:
    """Return from where to where; a field that is left empty sets no end on its side."""
    if kind == Kind.TIME:
        # A clock knows no 24:00: the end of the day is an empty field, or midnight.
        return {"between": [least or "00:00", "24:00" if most in ("", "00:00") else most]}
    values = [form_words.whole(one) if kind == Kind.NUMBER and one else one for one in (least, most)]
    if least and most:
        return {"between": values}
    return {"at_most": values[1]} if most else {"at_least": values[0]}


def outcome(form: MultiDict[str, str], before: Mapping[str, Any]) -> Json:
    """Return what a rule says; what is left empty is left out."""
    then: Json = {}
    if who := form.get("then-who", ""):
        then |= who_of(who)
    for name in OF_A_RULE:
        if name in WHO or (value := _setting(form, f"then-{name}", name)) is None:
            continue
        then[name] = value
    if before.get("teams") == [] and "teams" not in then:
        then["teams"] = []  # somebody said so: no other teams, whatever the installation has
    return then


def who_of(said: str) -> Json:
    """Return `{"first": …}` or `{"only": …}` of what was chosen in the list of whom to ring."""
    kind, _, key = said.partition(":")
    if kind in ("promise", "refuse"):
        return {"only": kind}
    return {"first": {kind: key} if key else kind}


def ladder(form: MultiDict[str, str]) -> Json:
    """Return the installation's own settings; what is left empty and may be none is none."""
    found: Json = {}
    for name in LIMITS:
        if f"ladder-{name}" not in form and f"ladder-{name}-shown" not in form:
            continue
        value = _setting(form, f"ladder-{name}", name)
        found[name] = [] if value is None and name in TEAMS else value
    return {name: value for name, value in found.items() if value is not None or may_be_none(name)}


def may_be_none(name: str) -> bool:
    return LIMITS[name](None) is None


def _setting(form: MultiDict[str, str], place: str, name: str) -> Any:
    """Return the value of one parameter; None when nothing was filled in."""
    if name in TEAMS:
        return form.getlist(place) or None
    said = form.get(place, "").strip()
    if not said:
        return None
    if name in YES_OR_NO:
        return {"yes": True, "no": False}.get(said, said)
    if name in TEXTS:
        return said
    number = form_words.whole(said)
    unit = SECONDS_IN.get(form.get(f"{place}-unit", ""))
    if unit is None or not isinstance(number, int):
        return number
    return number * unit // (60 if name.endswith("_minutes") else 1)


# --- something to begin with ---------------------------------------------------------------------------


def new_condition(fact: str, known: Mapping[str, list[str]], today: date) -> Json:
    """Return a condition on a fact as one that somebody can change: nobody begins with an empty field."""
    asked = FACTS[fact]
    match asked.kind:
        case Kind.CHOICE:
            return {"fact": fact, "is": ["fr"] if fact == "weekday" else [asked.choices[0]]}
        case Kind.NUMBER if asked.most_days:
            return {"fact": fact, "at_least": 3, "days": 7}
        case Kind.NUMBER:
            return {"fact": fact, "at_least": 14 if fact == "case.age_days" else 3}
        case Kind.TIME:
            return {"fact": fact, "between": ["16:00", "24:00"]}
        case Kind.DATE:
            return {"fact": fact, "is": [today.isoformat()]}
        case _:
            usual = {"customer.language": "en", "caller.country": "DE", "case.priority": "high"}
            names = known.get(fact) or [usual.get(fact, "VIP")]
            preferred = usual.get(fact)
            return {"fact": fact, "is": [preferred if preferred in names else names[0]]}
