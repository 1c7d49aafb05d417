"""How is a decision kept, and read back? With all that it depended on, and nobody's name or number.

What is read back leads to the step that was taken: names and addresses are replaced by keys, the people who
could not change it are left out when there are very many, and what nobody asks a decision about is gone.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from app.agents.presence import Endpoint, Reachability
from app.callers.numbers import country_of
from app.callers.recognition import Caller, KnownCustomer, OpenCase, OwedPromise
from app.lines.dates import OwnDate
from app.lines.hours import calendar
from app.records.calls import StepKind, StepOutcome
from app.routing import decision, ringing_back
from app.routing.ladder import Resolved
from app.routing.ringing_back import Owed
from app.routing.situation import AgentFacts, Heard, LineFacts, Missed, Situation, TakenFor, Tried

Json = dict[str, Any]

# Of what is written here; a form that can't be read any more gets the next number.
FORM = 1
# A decision takes no more than this, in bytes of JSON, however many people there are.
LONGEST = 8 * 1024
# What is left for people and cases once the rest, at its longest, is written.
_FOR_AGENTS = 4500
_FOR_DATES = 500
_FOR_CUSTOMERS = 2000

_ANYBODY = "a number"  # of a caller who had one: which one it was changes nothing
_A_PHONE = "a phone"


class UnknownForm(ValueError):
    """This was kept by a version of the program that this one can't read."""


def situation_as_json(known: Situation) -> Json:
    """Return a situation as plain JSON, of LONGEST bytes at the most; the rules are kept beside it."""
    promise = known.caller.promise
    return {
        "form": FORM,
        "at": known.now.isoformat(),
        "line": _line(known.line, known.now),
        "number": known.caller.e164 is not None,
        "customers": _customers(known.caller.customers),
        "promise": promise
        and _without_defaults(
            {
                "id": promise.id,
                "agent": promise.agent,
                "case": promise.case,
                "customer": promise.customer,
                "due_at": _moment(promise.due_at),
                "is_being_rung": promise.is_being_rung,
                "made_at": _moment(promise.made_at),
                "was_broken": promise.was_broken,
            }
        ),
        "owner": known.owner,
        "agents": agents_as_json(known.agents, lambda: decision.by_weight(known)),
        "can_be_rung_back": known.can_be_rung_back,
        "tried": [
            _without_defaults(
                {
                    "kind": str(one.kind),
                    "agent": one.agent,
                    "outcome": str(one.outcome),
                    "declined_why": one.declined_why,
                    "endpoint": one.endpoint,
                }
            )
            for one in known.tried
        ],
        "rung_seconds": known.rung_seconds,
        "calls_lately": known.calls_lately,
        **({"heard": _heard(known.heard)} if known.heard is not None else {}),
        **_what_rules_ask(known),
    }


def _what_rules_ask(known: Situation) -> Json:
    """Return what no step depends on but rules may ask about, so that others can be tried on it."""
    case = known.caller.case
    return _without_defaults(
        {
            "attestation": known.attestation,
            "country": known.country or country_of(known.caller.e164),
            "came_in_at": _moment(known.came_in_at),
            "calls_within": {str(days): calls for days, calls in known.calls_within.items()} or None,
            "missed": known.missed and {"agent": known.missed.agent, "at": known.missed.at.isoformat()},
            "handlers": sum(one.handled_at is not None for one in known.agents.values()) if case else None,
        }
    )


def situation_of(stored: Mapping[str, Any], resolved: Resolved) -> Situation:
    """Return the situation that was kept. Raises UnknownForm for one that this version can't read."""
    require_form(stored)
    promise = stored["promise"]
    caller = Caller(
        _ANYBODY if stored["number"] else None,
        tuple(_customer_of(one) for one in stored["customers"]),
        promise
        and OwedPromise(
            promise["id"],
            promise.get("agent"),
            promise.get("case"),
            promise.get("customer"),
            datetime.fromisoformat(promise["due_at"]),
            promise.get("is_being_rung", False),
            _moment_of(promise.get("made_at")),
            promise.get("was_broken", False),
        ),
    )
    return Situation(
        now=datetime.fromisoformat(stored["at"]),
        line=_line_of(stored["line"]),
        caller=caller,
        owner=stored["owner"],
        agents=agents_of(stored["agents"]),
        can_be_rung_back=stored["can_be_rung_back"],
        resolved=resolved,
        tried=tuple(
            Tried(
                StepKind(one["kind"]),
                one.get("agent"),
                StepOutcome(one["outcome"]),
                one.get("declined_why", ""),
                one.get("endpoint", ""),
            )
            for one in stored["tried"]
        ),
        rung_seconds=stored["rung_seconds"],
        calls_lately=stored["calls_lately"],
        calls_within={int(days): calls for days, calls in stored.get("calls_within", {}).items()},
        attestation=stored.get("attestation", ""),
        country=stored.get("country", ""),
        came_in_at=_moment_of(stored.get("came_in_at")),
        heard=_heard_of(stored.get("heard")),
        missed=_missed_of(stored.get("missed")),
        handlers=stored.get("handlers"),
    )


def _heard(heard: Heard) -> Json:
    """Return what an answer was taken for; the words stand with the call, and go with it."""
    return _without_defaults(vars(heard) | {"taken_for": str(heard.taken_for)})


def _heard_of(stored: Mapping[str, Any] | None) -> Heard | None:
    return Heard(**{**stored, "taken_for": TakenFor(stored["taken_for"])}) if stored else None


def _missed_of(stored: Mapping[str, str] | None) -> Missed | None:
    return Missed(stored["agent"], datetime.fromisoformat(stored["at"])) if stored else None


def recognised(stored: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return the customer and the case, by their keys, for which a step was chosen; None for nobody known."""
    require_form(stored)
    if stored.get("heard", {}).get("customer"):
        return None, None  # known by what they said alone
    caller = Caller(_ANYBODY, tuple(_customer_of(one) for one in stored["customers"]))
    return (
        caller.customer.key if caller.customer is not None else None,
        caller.case.key if caller.case is not None else None,
    )


def is_as_recognised(stored: Mapping[str, Any] | None, customer: str | None, case: str | None) -> bool:
    """Tell whether a call is still about whom and what a step was chosen for; yes where nobody can tell."""
    if stored is None:
        return True
    try:
        return recognised(stored) == (customer, case)
    except UnknownForm:
        return True


def owed_as_json(owed: Owed) -> Json:
    """Return what a callback's decision depended on as plain JSON; the rules are kept beside it."""
    return {
        "form": FORM,
        "at": owed.now.isoformat(),
        "debtor": owed.debtor,
        "team": owed.team,
        "agents": agents_as_json(owed.agents, lambda: ringing_back.by_weight(owed)),
        "colleagues_from": _moment(owed.colleagues_from),
        "anybody_from": _moment(owed.anybody_from),
        "refused": sorted(owed.refused),
        "has_dropped": owed.has_dropped,
        **({"is_wanted": True} if owed.is_wanted else {}),
    }


def owed_of(stored: Mapping[str, Any], resolved: Resolved) -> Owed:
    """Return what was kept of a callback. Raises UnknownForm for one that this version can't read."""
    require_form(stored)
    return Owed(
        now=datetime.fromisoformat(stored["at"]),
        debtor=stored["debtor"],
        team=stored["team"],
        agents=agents_of(stored["agents"]),
        colleagues_from=datetime.fromisoformat(stored["colleagues_from"]),
        anybody_from=datetime.fromisoformat(stored["anybody_from"]),
        refused=frozenset(stored["refused"]),
        has_dropped=stored["has_dropped"],
        is_wanted=stored.get("is_wanted", False),
        resolved=resolved,
    )


def require_form(stored: Mapping[str, Any]) -> None:
    """Raise UnknownForm unless this version can read what was stored."""
    if stored.get("form") != FORM:
        raise UnknownForm(f"a decision of form {stored.get('form')}, not {FORM}")


# --- agents -------------------------------------------------------------------------------------------


def agents_as_json(agents: Mapping[str, AgentFacts], by_weight: Callable[[], Iterable[str]]) -> Json:
    """Return agents by key; when they are too many, those who come first in what `by_weight` returns."""
    # Of the usual call one is known, and to weigh them is to go the ladder's whole way.
    keys = agents if len(agents) < 2 else dict.fromkeys(by_weight())
    return dict(_fitting([(key, _agent(agents[key])) for key in keys if key in agents], _FOR_AGENTS))


def agents_of(stored: Mapping[str, Json]) -> dict[str, AgentFacts]:
    """Return the agents that were kept; who had an ordinary phone has one, whatever its number was."""
    return {key: _agent_of(key, one) for key, one in stored.items()}


def _agent(agent: AgentFacts) -> Json:
    return _without_defaults(
        {
            "team": agent.team,
            "is": str(agent.reachability),
            "rings_at": agent.endpoint and agent.endpoint.kind,
            "has_phone": agent.phone is not None,
            "idle_since": _moment(agent.idle_since),
            "handled_at": _moment(agent.handled_at),
            "back_at": _moment(agent.back_at),
            "free_in_minutes": agent.free_in_minutes,
            "makes_way": agent.makes_way,
            "callers_waiting": agent.callers_waiting,
            "direct_calls": agent.direct_calls,
            "is_supervisor": agent.is_supervisor,
            "is_apart": agent.is_apart,
        }
    )


def _agent_of(key: str, stored: Json) -> AgentFacts:
    kind, phone = stored.get("rings_at"), _A_PHONE if stored.get("has_phone") else None
    endpoint = Endpoint(kind, key, phone if kind == "both" else None) if kind else None
    if kind == "phone":
        endpoint = Endpoint(kind, _A_PHONE)
    return AgentFacts(
        key=key,
        spoken_name=key,
        team=stored.get("team", ""),
        reachability=Reachability(stored["is"]),
        endpoint=endpoint,
        phone=phone,
        idle_since=_moment_of(stored.get("idle_since")),
        handled_at=_moment_of(stored.get("handled_at")),
        back_at=_moment_of(stored.get("back_at")),
        free_in_minutes=stored.get("free_in_minutes"),
        makes_way=stored.get("makes_way", False),
        callers_waiting=stored.get("callers_waiting", 0),
        direct_calls=stored.get("direct_calls", 0),
        is_supervisor=stored.get("is_supervisor", False),
        is_apart=stored.get("is_apart", False),
    )


# --- the line and the customers -----------------------------------------------------------------------


def _line(line: LineFacts, now: datetime) -> Json:
    dates = _dates(line, now)
    return {
        "number": line.number,
        "team": line.team,
        "language": line.language,
        "hours": line.calendar.hours.text,
        "timezone": line.calendar.timezone.key,
        "country": line.calendar.country,
        **({"dates": dates} if dates else {}),
        **({"asks": True} if line.asks else {}),
    }


def _dates(line: LineFacts, now: datetime) -> str:
    """Return the dates on which the next opening may depend, the nearest; that day's with its reason."""
    day = now.astimezone(line.calendar.timezone).date()
    near: list[OwnDate] = []
    for one in line.calendar.dates.since(day):
        bare = one if day in one else replace(one, why="")
        if near and near[-1].goes_on_with(bare):
            near[-1] = replace(near[-1], last=bare.last)
        else:
            near.append(bare)
    return "\n".join(one for one, _ in _fitting([(str(one), {}) for one in near], _FOR_DATES))


def _line_of(stored: Json) -> LineFacts:
    return LineFacts(
        number=stored["number"],
        team=stored["team"],
        language=stored["language"],
        asks=stored.get("asks", False),
        calendar=calendar(stored["hours"], stored["timezone"], stored["country"], stored.get("dates", "")),
    )


def _customers(customers: Sequence[KnownCustomer]) -> list[Json]:
    """Return the customers, the likeliest and their likeliest cases first; of very many only those."""
    written = [
        (
            customer.key,
            {
                "customer": customer.key,
                "language": customer.language,
                "tags": list(customer.tags),
                "cases": [_case(case) for case in customer.cases[:3]],
            },
        )
        for customer in customers
    ]
    return [one for _, one in _fitting(written, _FOR_CUSTOMERS)]


def _case(case: OpenCase) -> Json:
    return _without_defaults(
        {
            "case": case.key,
            "team": case.team,
            "status": case.status,
            "opened_at": _moment(case.opened_at),
            "owner": case.owner,
            "handled_at": _moment(case.handled_at),
            "handled_by": case.handled_by,
            "is_named": case.owner is not None and case.handled_by is None,
            "avoided": case.avoided,
            "priority": case.priority if case.priority != "normal" else None,
        }
    )


def _customer_of(stored: Json) -> KnownCustomer:
    cases = tuple(
        OpenCase(
            key=one["case"],
            subject="",
            team=one.get("team", ""),
            status=one.get("status", ""),
            url="",
            opened_at=datetime.fromisoformat(one["opened_at"]),
            owner=one.get("owner"),
            handled_at=_moment_of(one.get("handled_at")),
            # Kept before it was asked: the owner was taken for whoever had handled it.
            handled_by=one.get("handled_by", None if one.get("is_named") else one.get("owner")),
            avoided=one.get("avoided"),
            priority=one.get("priority", "normal"),
        )
        for one in stored["cases"]
    )
    return KnownCustomer(stored["customer"], "", stored["language"], tuple(stored["tags"]), cases)


# --- plain values -------------------------------------------------------------------------------------


def _fitting(written: Sequence[tuple[str, Json]], room: int) -> Sequence[tuple[str, Json]]:
    """Return the first one, and those after it as long as there is room for them, in bytes of JSON."""
    if len(written) < 2:
        return written
    kept: list[tuple[str, Json]] = []
    for key, one in written:
        room -= len(json.dumps({key: one}, ensure_ascii=False).encode())
        if room < 0 and kept:
            break
        kept.append((key, one))
    return kept


def _without_defaults(values: Json) -> Json:
    return {name: value for name, value in values.items() if value not in (None, "", False, 0)}


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _moment_of(stored: str | None) -> datetime | None:
    return datetime.fromisoformat(stored) if stored else None
