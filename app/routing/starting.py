"""From what does a simulated call start? A number's own facts, somebody made up, what was kept of a call."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import phonenumbers
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.agents.presence import Endpoint, Reachability
from app.callers.numbers import to_e164
from app.callers.recognition import Caller, KnownCustomer, OpenCase, OwedPromise
from app.deployment import Deployment
from app.lines import places
from app.records.agents import Agent
from app.records.calls import CallStep
from app.records.lines import Line
from app.routing import kept, reading, understanding
from app.routing import rules as rule_versions
from app.routing.answers import Answer
from app.routing.asked_call import AskedCall, CallerKind, MadeUp, NotACall, OwedKind
from app.routing.conditions import A_WEEK
from app.routing.facts import Facts, LastContact
from app.routing.ladder import BY_DEFAULT
from app.routing.mistakes import Mistake
from app.routing.rules import Rules
from app.routing.situation import AgentFacts
from app.routing.walk import OF_NO_ROW

# Of a caller who doesn't exist; no customer's key begins so.
MADE_UP = "?"


@dataclass(frozen=True)
class Start:
    """Everything that is known as a simulated call comes in."""

    facts: Facts
    at: datetime
    may_be_rung: bool
    # What is known after an answer to the open question, by its words.
    having_heard: Mapping[str, Facts] = field(default_factory=dict)
    # Where people are, beside those who were read with the call: whom an answer leads to is read with it.
    presence: Mapping[str, Reachability] = field(default_factory=dict)
    others_are_there: bool = False


def of(
    session: Session,
    asked: AskedCall,
    rules: Rules | None,
    now: datetime,
    deployment: Deployment,
    *,
    others_are_there: bool = False,
) -> Start:
    """Return from where an asked call starts, by the rules in force or `rules`; people are where they are.

    With `others_are_there` whoever isn't named in `presence` can be rung. Raises NotACall for a line or an
    agent that isn't there.
    """
    line = _line(session, asked.line)
    at = asked.at or now
    if asked.caller is None:
        start = _of_number(session, asked.number or "", line, at, now, rules, deployment)
    else:
        start = _of_made_up(session, asked.caller, line, at, now, rules, deployment)
    facts = _everybody_there(start.facts) if others_are_there else start.facts
    return replace(
        start,
        facts=_placed(session, facts, asked.presence, now),
        presence=asked.presence,
        others_are_there=others_are_there,
    )


def with_answers(
    session: Session, start: Start, answers: Sequence[Answer], now: datetime, deployment: Deployment
) -> Start:
    """Return the start with what each answer to the open question would be taken for, as in a call."""
    heard: dict[str, Facts] = {}
    line = start.facts.line
    for words in {one.words for one in answers if one.words}:
        country = places.country_of(session, line.number) or deployment.defaults.country
        understood = understanding.understand(session, words, language=line.language, country=country)
        known = reading.having_heard(session, start.facts, understood.heard)
        facts = reading.complete(session, known, "", now)
        facts = _everybody_there(facts) if start.others_are_there else facts
        facts = _placed(session, facts, start.presence, now)
        heard[words] = replace(facts, agents={**facts.agents, **_as_at_first(start.facts, facts)})
    return replace(start, having_heard=heard)


def _as_at_first(began: Facts, now_known: Facts) -> dict[str, AgentFacts]:
    """Return those who were known as the call came in, as they were then, with what they know of it now."""
    return {
        key: replace(one, handled_at=now_known.agents[key].handled_at) if key in now_known.agents else one
        for key, one in began.agents.items()
    }


def _line(session: Session, asked: str | None) -> str:
    if asked is None:
        return session.scalar(select(Line.number).order_by(Line.number)) or ""
    if session.get(Line, asked) is None:
        raise NotACall(Mistake("line", "no_such_line", {"text": asked}))
    return asked


def _of_number(
    session: Session,
    number: str,
    line: str,
    at: datetime,
    now: datetime,
    rules: Rules | None,
    deployment: Deployment,
) -> Start:
    """Read what is known of a number, as of a call from it."""
    country = places.country_of(session, line) or deployment.defaults.country
    e164 = to_e164(number, country)
    known = reading.first(session, "", line, e164, now, deployment.defaults)
    known = _by(known, rules)
    facts = reading.complete(session, known, "", now)
    return Start(facts, at, places.may_ring(session, e164))


def _by(facts: Facts, rules: Rules | None) -> Facts:
    return facts if rules is None else replace(facts, rules=rules)


def _of_made_up(
    session: Session,
    made_up: MadeUp,
    line: str,
    at: datetime,
    now: datetime,
    rules: Rules | None,
    deployment: Deployment,
) -> Start:
    known = _by(reading.first(session, "", line, None, now, deployment.defaults), rules)
    caller = _caller(made_up, known, at)
    facts = reading.complete(session, replace(known, caller=caller), "", now)
    others = [made_up.case.owner if made_up.case else None, made_up.promised_by, *made_up.handled_by]
    wanted = {key for key in others if key} - facts.agents.keys()
    agents = {**facts.agents, **reading.people(session, wanted, now, facts.caller.e164)}
    _require(agents, [("caller.case.owner", others[0]), ("caller.promised_by", others[1])])
    _require(agents, [(f"caller.handled_by[{at}]", key) for at, key in enumerate(made_up.handled_by)])
    for days, key in reversed(list(enumerate(dict.fromkeys(made_up.handled_by), 1))):
        agents[key] = replace(agents[key], handled_at=at - timedelta(days=days))
    case, last = caller.case, made_up.handled_by[0] if made_up.handled_by else None
    owner = made_up.promised_by if caller.promise else None
    owner = owner or (case.owner if case else last if made_up.kind == CallerKind.NOTHING_OPEN else None)
    contact = LastContact(last, at - timedelta(days=1), "") if last and caller.is_known else None
    facts = replace(
        facts,
        agents=agents,
        owner=owner,
        last_contact=contact,
        calls_lately=1 + (made_up.calls if made_up.calls_days <= A_WEEK else 0),
        calls_within={
            days: 1 + (made_up.calls if made_up.calls_days <= days else 0)
            for days in {*facts.calls_within, made_up.calls_days}
        },
        attestation=f"TN-Validation-Passed-{made_up.attestation}" if made_up.attestation != "none" else "",
    )
    return Start(facts, at, made_up.kind != CallerKind.WITHHELD)


def _caller(made_up: MadeUp, known: Facts, at: datetime) -> Caller:
    if made_up.kind == CallerKind.WITHHELD:
        return Caller(None)
    case = _case(made_up, known, at) if made_up.kind == CallerKind.KNOWN else None
    promise = None
    if made_up.promise != OwedKind.NONE:
        is_owed = made_up.promise == OwedKind.OWED
        due_at = at + timedelta(minutes=30) if is_owed else at - timedelta(minutes=30)
        promise = OwedPromise(OF_NO_ROW, made_up.promised_by, case.key if case else None, None, due_at)
    if made_up.kind == CallerKind.UNKNOWN:
        return Caller(_a_number(made_up.country), (), promise)
    cases = (case,) if case is not None else ()
    customer = KnownCustomer(MADE_UP, made_up.name, made_up.language, tuple(made_up.tags), cases)
    return Caller(_a_number(made_up.country), (customer,), promise)


def _a_number(country: str | None) -> str:
    """Return a number of a country: it says no more than that there is one, and is never shown or dialled."""
    example = phonenumbers.example_number(country) if country is not None else None
    if example is None:
        return "+31201234567"
    return phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)


def _case(made_up: MadeUp, known: Facts, at: datetime) -> OpenCase:
    case, last = made_up.case, made_up.handled_by[0] if made_up.handled_by else None
    return OpenCase(
        key=MADE_UP,
        subject=case.subject if case else "",
        team=(case.team if case else None) or known.line.team or "",
        status=case.status if case else "open",
        priority=case.priority if case else "normal",
        url="",
        opened_at=at - timedelta(days=case.age_days if case else 7),
        owner=(case.owner if case else None) or last,
        handled_at=at - timedelta(days=1) if last else None,
        handled_by=last,
    )


def _require(agents: Mapping[str, AgentFacts], named: Iterable[tuple[str, str | None]]) -> None:
    missing = [
        Mistake(field, "no_such_agent", {"text": key}) for field, key in named if key and key not in agents
    ]
    if missing:
        raise NotACall(*missing)


def of_kept(session: Session, step: CallStep, rules: Rules | None, deployment: Deployment) -> Start:
    """Return from where a call started of which a step was kept. Raises kept.UnknownForm."""
    if step.situation is None:
        raise kept.UnknownForm("no decision was kept")
    known = kept.situation_of(step.situation, BY_DEFAULT)
    line = reading.line_of(session, known.line.number, deployment.defaults)
    facts = Facts(
        line=replace(line, calendar=known.line.calendar, team=known.line.team),
        line_name="",
        caller=known.caller,
        owner=known.owner,
        agents=known.agents,
        last_contact=None,
        rules=rules or rule_versions.in_force(session),
        calls_lately=known.calls_lately,
        calls_within=known.calls_within,
        attestation=known.attestation,
        country=known.country,
    )
    return Start(_named(session, facts), known.now, known.can_be_rung_back)


def snapshot(start: Start) -> dict[str, Any]:
    """Return a call as one of a made-up caller: nobody's number, name or case, and everybody where they are.

    Saved, it stays what it is, whatever becomes of the customer.
    """
    facts = start.facts
    caller, case = facts.caller, facts.caller.case
    handlers = sorted(
        (one for one in facts.agents.values() if one.handled_at is not None),
        key=lambda one: (one.handled_at, one.key),
        reverse=True,
    )
    kind = CallerKind.WITHHELD if caller.e164 is None else CallerKind.UNKNOWN
    if caller.is_known:
        kind = CallerKind.KNOWN if case is not None else CallerKind.NOTHING_OPEN
    made_up: dict[str, Any] = {"kind": str(kind)}
    if caller.customer is not None:
        made_up |= {"language": caller.customer.language, "tags": list(caller.customer.tags)}
    if facts.country:
        made_up["country"] = facts.country
    if case is not None:
        made_up["case"] = {
            "team": case.team,
            "status": case.status,
            "priority": case.priority,
            "age_days": max(0, (start.at - case.opened_at).days),
            "owner": case.owner,
        }
        made_up["calls"] = max(0, (facts.calls_lately or 1) - 1)
    made_up["handled_by"] = [one.key for one in handlers]
    if caller.promise is not None:
        is_owed = caller.promise.due_at > start.at
        made_up["promise"] = str(OwedKind.OWED if is_owed else OwedKind.BROKEN)
        made_up["promised_by"] = caller.promise.agent
    return {
        "caller": made_up,
        "line": facts.line.number,
        "at": start.at.isoformat(),
        "presence": {key: str(agent.reachability) for key, agent in sorted(facts.agents.items())},
    }


# --- who is there -------------------------------------------------------------------------------------------


def _placed(session: Session, facts: Facts, presence: Mapping[str, Reachability], now: datetime) -> Facts:
    """Return the facts with people where `presence` says; the rest are where they are."""
    if not presence:
        return facts
    # Somebody who would take no part in this call takes none wherever they are, but must exist.
    known = {
        **reading.people(session, presence.keys() - facts.agents.keys(), now, facts.caller.e164),
        **facts.agents,
    }
    _require(known, [(f"presence.{key}", key) for key in presence])
    agents = {key: placed(agent, presence.get(key)) for key, agent in facts.agents.items()}
    return replace(facts, agents=agents)


def _everybody_there(facts: Facts) -> Facts:
    """Return the facts with all who work here free, and of a day on which nothing else has happened."""
    agents = {
        key: replace(placed(agent, Reachability.FREE), idle_since=None, direct_calls=0)
        for key, agent in facts.agents.items()
        if agent.reachability != Reachability.LEFT
    }
    return replace(facts, agents={**facts.agents, **agents})


def placed(agent: AgentFacts, reachability: Reachability | None) -> AgentFacts:
    """Return an agent who is somewhere else than they are; None: where they are."""
    if reachability is None:
        return agent
    return replace(
        agent,
        reachability=reachability,
        endpoint=agent.endpoint or Endpoint("client", agent.key),
        back_at=None,
        free_in_minutes=None,
        makes_way=False,
        callers_waiting=0,
    )


def _named(session: Session, facts: Facts) -> Facts:
    """Return facts that were kept without names with those of now; who is gone has their key."""
    rows = session.execute(
        select(Agent.key, Agent.spoken_name, Agent.language).where(Agent.key.in_(list(facts.agents)))
    )
    found = {row.key: row for row in rows}
    agents = {
        key: replace(agent, spoken_name=found[key].spoken_name, language=found[key].language)
        if key in found
        else agent
        for key, agent in facts.agents.items()
    }
    return replace(facts, agents=agents)
