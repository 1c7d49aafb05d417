"""How is it known what is known of a call? One reading in two stages, the second only when it matters."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, select

from app.agents import presence
from app.callers.numbers import may_be_called
from app.callers.recognition import Caller, KnownCustomer, OpenCase, OwedPromise, recognise
from app.db import Reader
from app.deployment import Defaults
from app.lines.hours import calendar
from app.records.agents import Activity, Presence
from app.records.callers import Contact
from app.records.calls import Call
from app.records.promises import AttemptOutcome, PromiseAttempt, PromiseState
from app.routing import naming
from app.routing import rules as rule_versions
from app.routing.facts import Facts, LastContact
from app.routing.situation import AgentFacts, Heard, LineFacts, Missed, TakenFor, goes_round
from app.routing.statements import (
    AGENTS,
    ALL_AGENTS,
    CALLER,
    CALLS_OF_CASE,
    CLAIMED,
    LAST_CONTACT,
    LAST_WORDS,
    LINE,
    PEOPLE,
    SUPERVISORS,
)

# How many of an agent's conversations say how long theirs usually take.
USUAL_OUT_OF = 20
# Who is rung in the evening, or before a weekend, may ring back after it.
MISSED_FOR = timedelta(days=3)
NOT_REACHED = frozenset(
    {
        AttemptOutcome.NO_ANSWER,
        AttemptOutcome.BUSY,
        AttemptOutcome.MACHINE,
        AttemptOutcome.TOO_SHORT,
        AttemptOutcome.AGENT_LEFT,
        AttemptOutcome.CUSTOMER_RANG,
    }
)


def read(
    reader: Reader,
    sid: str,
    line: str,
    e164: str | None,
    now: datetime,
    defaults: Defaults,
    *,
    promise: int | None = None,
    attestation: str = "",
    came_in_at: datetime | None = None,
    heard: Heard | None = None,
) -> Facts:
    """Read everything that is known about a call from `e164` (None: withheld) to the line of that number.

    `promise`: the one that the call is to keep, whatever else the number is owed; `came_in_at`: None for now.
    """
    known = first(reader, sid, line, e164, now, defaults, promise=promise, attestation=attestation)
    known = replace(known, came_in_at=came_in_at)
    return complete(reader, having_heard(reader, known, heard), sid, now)


def having_heard(reader: Reader, known: Facts, heard: Heard | None) -> Facts:
    """Return what is known once whom nobody knew has said something: whose matter it may be.

    Whoever is known by their number by now stays who they are.
    """
    if heard is None or known.caller.is_known:
        return known
    heard_of = replace(known, heard=heard)
    if heard.customer is None:
        return heard_of
    customer = claimed(reader, heard.customer, heard.case)
    if customer is None:
        return heard_of
    return replace(heard_of, caller=replace(known.caller, customers=(customer,)))


def claimed(reader: Reader, customer: str, case: str | None) -> KnownCustomer | None:
    """Return somebody by what was said of them, with their open cases, the named one first."""
    rows = _past_the_orm(reader).execute(CLAIMED, {"customer": customer}).all()
    found = _caller("", rows, None).customer
    if found is None:
        return None
    cases = sorted(found.cases, key=lambda one: one.key != case)
    return replace(found, cases=tuple(cases))


def of_call(reader: Reader, call: Call, now: datetime, defaults: Defaults) -> Facts:
    """Read everything that is known about a call that stands in its table."""
    return read(
        *(reader, call.sid, call.line, call.remote_e164, now, defaults),
        attestation=call.attestation,
        came_in_at=call.created_at,
        heard=heard_of(call.heard),
    )


def heard_of(stored: Mapping[str, Any] | None) -> Heard | None:
    """Return what was understood, of what a call keeps; None: nothing was asked."""
    if stored is None:
        return None
    return Heard(
        TakenFor(stored["taken_for"]),
        *(stored.get(name) for name in ("topic", "team", "customer", "case")),
    )


def first(
    reader: Reader,
    sid: str,
    line: str,
    e164: str | None,
    now: datetime,
    defaults: Defaults,
    *,
    promise: int | None = None,
    attestation: str = "",
) -> Facts:
    """Read the first stage: who calls whom about what, and how the owner of it stands. One statement.

    Nobody else has been looked at: see decision.needs_others(), and complete().
    """
    connection = _past_the_orm(reader)
    asked = {"sid": sid, "line": line, "e164": e164 or "", "dialled_since": now - MISSED_FOR}
    rows = CALLER.rows(connection, asked)
    caller = _caller(e164, rows, promise)
    about = next((row for row in rows if _is_about(row, caller)), None)
    owner = _agent(about, now) if about is not None and about.agent is not None else None
    return Facts(
        line=_line(rows[0], line, defaults),
        line_name=rows[0].line_name or "",
        caller=caller,
        owner=owner.key if owner else None,
        agents={owner.key: owner} if owner else {},
        last_contact=_last_contact_on(connection, about),
        rules=rule_versions.of_version(connection, rows[0].rule_version),
        reply=rows[0].reply,
        attestation=attestation,
        missed=_missed(rows[0]),
    )


def _missed(row: Any) -> Missed | None:
    """Return who of us rang the number last and didn't reach them; None where somebody has spoken to them."""
    if row.dialled_by is None or row.dial_outcome not in NOT_REACHED:
        return None
    return Missed(row.dialled_by, row.dialled_at)


def _is_about(row: Any, caller: Caller) -> bool:
    """Tell whether a row of the first stage is of the case, and of the promise, that the call is about."""
    promise = caller.promise.id if caller.promise is not None else None
    return caller.case is not None and row.case == caller.case.key and row.promise == promise


def complete(reader: Reader, known: Facts, sid: str, now: datetime) -> Facts:
    """Read the second stage: everybody who may help, as they stand now, and what is counted."""
    connection = _past_the_orm(reader)
    caller, looks = known.caller, known.looks_at(now)
    case = caller.case
    last = known.last_contact
    if case is None:
        last = _last_contact_of(connection, caller, now, looks.look_back_days)
    promiser = caller.promise.agent if caller.promise else None
    # Whoever spoke with them last is the owner of no case; of this one they may be whom the caller avoids.
    of_the_matter = case.owner if case is not None else last.agent if last is not None else None
    owner = promiser or of_the_matter
    who_tried = known.missed.agent if known.missed is not None else None
    rows = connection.execute(
        AGENTS if known.line.team else ALL_AGENTS,
        {
            "sid": sid,
            "case": case.key if case else None,
            "teams": [
                *(case.team if case else "", known.line.team or "", *looks.teams),
                (known.heard.team if known.heard is not None else None) or "",
            ],
            "owner": owner,
            "named": [key for key in (owner, *looks.agents, who_tried) if key is not None],
            "now_less_hour": now - timedelta(hours=1),
            "now_less_week": now - timedelta(days=7),
            "e164": caller.e164 or "",
        },
    ).all()
    agents = {row.agent: _agent(row, now) for row in rows}
    calls_lately = 1 + (rows[0].calls_lately if case and rows else 0)
    if looks.supervisors or (case and goes_round(looks.counter_to_counter, calls_lately, agents)):
        in_charge = supervisors(connection, now, caller.e164)
        agents |= {key: replace(agents.get(key, one), is_supervisor=True) for key, one in in_charge.items()}
    if case and rows and rows[0].last_agent:
        words = rows[0].last_summary or _last_words(connection, case.key)
        last = LastContact(rows[0].last_agent, rows[0].last_at, words)
    if owner in agents and agents[owner].reachability == presence.Reachability.BUSY:
        agents[owner] = _with_usual_length(connection, agents[owner], rows, now)
    if caller.promise is not None:
        agents = _with_way_made(connection, agents, caller.promise)
    owed = caller.promise
    return replace(
        known,
        owner=owner if owner in agents else None,
        agents=agents,
        is_owed_on_a_claim=(
            owed is not None
            and owed.customer is None
            and not caller.is_known
            and naming.is_only_said(connection, owed.id)
        ),
        last_contact=last,
        calls_lately=calls_lately,
        calls_within=_calls_within(connection, case.key, looks.days, sid, now) if case else {},
    )


def _calls_within(
    connection: Connection, case: str, days: tuple[int, ...], sid: str, now: datetime
) -> dict[int, int]:
    """Count the calls about a case within so many days, with this one; asked only where rules want it."""
    if not days:
        return {}
    since = now - timedelta(days=max(days))
    moments = connection.scalars(CALLS_OF_CASE, {"case": case, "since": since, "sid": sid}).all()
    return {one: 1 + sum(at >= now - timedelta(days=one) for at in moments) for one in days}


def _past_the_orm(reader: Reader) -> Connection:
    """Return the connection of a session, on which all that it has changed is written."""
    if isinstance(reader, Connection):
        return reader
    reader.flush()
    return reader.connection()


def supervisors(session: Reader, now: datetime, e164: str | None) -> dict[str, AgentFacts]:
    """Return the supervisors who have a desk or telephone of their own, as they stand for this caller."""
    return {row.agent: _agent(row, now) for row in session.execute(SUPERVISORS, {"e164": e164 or ""})}


def people(
    session: Reader, keys: Collection[str], now: datetime, e164: str | None = None
) -> dict[str, AgentFacts]:
    """Return agents by their keys, as they stand now for a caller of that number; of those who are there."""
    if not keys:
        return {}
    asked = {"keys": list(keys), "e164": e164 or ""}
    return {row.agent: _agent(row, now) for row in session.execute(PEOPLE, asked)}


def line_of(session: Reader, number: str, defaults: Defaults) -> LineFacts:
    """Return the line of a number, or what stands in for one that nobody described."""
    row: Row[Any] = session.execute(LINE, {"line": number}).one()
    return _line(row, number, defaults)


def _caller(e164: str | None, rows: Iterable[Row[Any]], only: int | None) -> Caller:
    customers: dict[str, Row[Any]] = {}
    cases: dict[str, list[OpenCase]] = {}
    promises: dict[int, OwedPromise] = {}
    seen: set[str] = set()  # of two contacts at the same moment, or two promises, each brings its row
    for row in rows:
        if row.promise is not None and row.promise not in promises and only in (None, row.promise):
            promises[row.promise] = OwedPromise(
                row.promise,
                row.promise_agent,
                row.promise_case,
                row.promise_customer,
                row.promise_due_at,
                is_being_rung=row.promise_state == PromiseState.CALLING,
                made_at=row.promise_made_at,
                was_broken=row.promise_broken_at is not None,
            )
        if row.customer is None:
            continue
        customers.setdefault(row.customer, row)
        if row.case is not None and row.case not in seen:
            seen.add(row.case)
            cases.setdefault(row.customer, []).append(
                OpenCase(
                    key=row.case,
                    subject=row.subject,
                    team=row.case_team,
                    status=row.case_status,
                    url=row.url,
                    opened_at=row.opened_at,
                    owner=row.case_owner,
                    handled_by=row.last_contact_agent,
                    avoided=row.avoided_agent,
                    handled_at=row.last_contact_at,
                    priority=row.priority,
                )
            )
    with_cases = [
        KnownCustomer(
            key,
            row.customer_name,
            row.customer_language,
            tuple(row.customer_tags or ()),
            tuple(cases.get(key, ())),
        )
        for key, row in customers.items()
    ]
    return recognise(e164, with_cases, list(promises.values()))


def _agent(row: Row[Any], now: datetime) -> AgentFacts:
    idle, is_apart = row.activity == Activity.IDLE, bool(row.is_apart)
    # For this caller it is as if they had left: nobody need hear that they are kept apart.
    is_there = row.enabled and not is_apart
    return AgentFacts(
        key=row.agent,
        spoken_name=row.spoken_name,
        team=row.team,
        reachability=presence.reachability(row, enabled=is_there, phone=row.phone, now=now),
        endpoint=None if is_apart else presence.endpoint(row, row.phone, now),
        phone=row.phone if may_be_called(row.phone) else None,
        idle_since=(row.activity_since or row.intent_since) if idle else None,
        handled_at=row.handled_at,
        back_at=row.back_at,
        callers_waiting=row.callers_waiting,
        direct_calls=row.direct_calls,
        language=row.language,
        is_apart=is_apart,
    )


def _last_contact_on(connection: Connection, row: Any) -> LastContact | None:
    """Return who was last in touch about the case of a row of the first stage."""
    if row is None or row.last_contact_agent is None or row.last_contact_at is None:
        return None
    words = row.summary or _last_words(connection, row.case)
    return LastContact(row.last_contact_agent, row.last_contact_at, words)


def _last_contact_of(
    session: Reader, caller: Caller, now: datetime, look_back_days: int
) -> LastContact | None:
    if not caller.customers:
        return None
    row = session.execute(
        LAST_CONTACT,
        {
            "customers": [customer.key for customer in caller.customers],
            "since": now - timedelta(days=look_back_days),
        },
    ).one_or_none()
    if row is None:
        return None
    return LastContact(row.agent, row.started_at, row.summary or _last_words(session, row.case))


def _last_words(session: Reader, case: str) -> str:
    """Return what was noted last on a case, when nobody noted anything at its last contact."""
    return session.scalar(LAST_WORDS, {"case": case}) or ""


def _with_usual_length(
    session: Reader, owner: AgentFacts, rows: Iterable[Row[Any]], now: datetime
) -> AgentFacts:
    """Say how many minutes the owner's conversation usually still takes; nothing when nobody can know."""
    row = next(row for row in rows if row.agent == owner.key)
    if row.activity != Activity.TALKING or row.activity_since is None:
        return owner
    lately = (
        select(Contact.seconds)
        .where(Contact.agent == owner.key, Contact.channel == "call", Contact.seconds > 0)
        .order_by(Contact.started_at.desc())
        .limit(USUAL_OUT_OF)
        .subquery()
    )
    usual = session.scalar(select(func.avg(lately.c.seconds)))
    left = float(usual or 0) - (now - row.activity_since).total_seconds()
    return replace(owner, free_in_minutes=max(1, round(left / 60))) if left > 0 else owner


def _with_way_made(
    session: Reader, agents: dict[str, AgentFacts], promise: OwedPromise
) -> dict[str, AgentFacts]:
    """Mark who had taken the callback that stopped because its customer rang us, until they are free again.

    Nobody has spoken with anybody: there was no conversation of which they could be writing something down.
    """
    if all(one.reachability != presence.Reachability.WRAPPING_UP for one in agents.values()):
        return agents
    stopped = (
        select(Presence.agent)
        .join(PromiseAttempt, PromiseAttempt.call_sid == Presence.call_sid)
        .where(
            PromiseAttempt.promise == promise.id,
            PromiseAttempt.outcome == AttemptOutcome.CUSTOMER_RANG,
            Presence.activity == Activity.WRAPPING_UP,
        )
    )
    keys = set(session.scalars(stopped)) & agents.keys()
    return agents | {key: replace(agents[key], makes_way=True) for key in keys}


def _line(row: Row[Any], number: str, defaults: Defaults) -> LineFacts:
    if row.line is None:
        return LineFacts(
            number, None, defaults.language, calendar("24/7", defaults.timezone, defaults.country)
        )
    return LineFacts(
        number=row.line,
        team=row.line_team,
        language=row.line_language,
        calendar=calendar(row.line_hours, row.line_timezone, row.line_country, row.line_dates),
        greeting=row.line_greeting,
        records_messages=row.line_records,
        asks=row.line_asks,
        question=row.line_question,
    )
