"""How is it known what is known of a call? One reading in two stages, the second only when it matters."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, case, func, literal, null, select, true, union

from app.agents import presence
from app.callers.recognition import Caller, KnownCustomer, OpenCase, OwedPromise, recognise
from app.db import Prepared, Reader, table_of
from app.deployment import Defaults
from app.lines.hours import calendar
from app.records.agents import Activity, Agent, Role, Slot, User
from app.records.callers import Case, CaseStatus, Contact, Customer, CustomerNumber, Direction, owner_of
from app.records.calls import Call, CallStep, Inbox, StepKind
from app.records.lines import Line
from app.records.promises import OWED, AttemptOutcome, Promise, PromiseAttempt, PromiseState
from app.records.rules import RuleVersion
from app.routing import rules as rule_versions
from app.routing.facts import Facts, LastContact
from app.routing.situation import AgentFacts, LineFacts, goes_round

# A switchboard's number may stand with hundreds of customers; an agent picks from the likeliest.
MOST_ROWS = 200

# How many of an agent's conversations say how long theirs usually take.
USUAL_OUT_OF = 20


def read(reader: Reader, sid: str, line: str, e164: str | None, now: datetime, defaults: Defaults) -> Facts:
    """Read everything that is known about a call from `e164` (None: withheld) to the line of that number."""
    return complete(reader, first(reader, sid, line, e164, now, defaults), sid, now)


def first(reader: Reader, sid: str, line: str, e164: str | None, now: datetime, defaults: Defaults) -> Facts:
    """Read the first stage: who calls whom about what, and how the owner of it stands. One statement.

    Nobody else has been looked at: see decision.needs_others(), and complete().
    """
    connection = _past_the_orm(reader)
    rows = _CALLER.rows(connection, {"sid": sid, "line": line, "e164": e164 or ""})
    caller = _caller(e164, rows)
    about = next((row for row in rows if caller.case and row.case == caller.case.key), None)
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
    )


def complete(reader: Reader, known: Facts, sid: str, now: datetime) -> Facts:
    """Read the second stage: everybody who may help, as they stand now, and what is counted."""
    connection = _past_the_orm(reader)
    caller, looks = known.caller, known.rules.looks_at
    case = caller.case
    last = known.last_contact
    if case is None:
        last = _last_contact_of(connection, caller, now, looks.look_back_days)
    promiser = caller.promise.agent if caller.promise else None
    owner = promiser or (case.owner if case else None) or (last.agent if last else None)
    rows = connection.execute(
        _AGENTS if known.line.team else _ALL_AGENTS,
        {
            "sid": sid,
            "case": case.key if case else None,
            "teams": [case.team if case else "", known.line.team or "", *looks.teams],
            "owner": owner,
            "now_less_hour": now - timedelta(hours=1),
            "now_less_week": now - timedelta(days=7),
        },
    ).all()
    agents = {row.agent: _agent(row, now) for row in rows}
    calls_lately = 1 + (rows[0].calls_lately if case and rows else 0)
    if case and goes_round(looks.counter_to_counter, calls_lately, agents):
        in_charge = supervisors(connection, now)
        agents |= {key: replace(agents.get(key, one), is_supervisor=True) for key, one in in_charge.items()}
    if case and rows and rows[0].last_agent:
        words = rows[0].last_summary or _last_words(connection, case.key)
        last = LastContact(rows[0].last_agent, rows[0].last_at, words)
    if owner in agents and agents[owner].reachability == presence.Reachability.BUSY:
        agents[owner] = _with_usual_length(connection, agents[owner], rows, now)
    if caller.promise is not None:
        agents = _with_way_made(connection, agents, caller.promise)
    return replace(
        known,
        owner=owner if owner in agents else None,
        agents=agents,
        last_contact=last,
        calls_lately=calls_lately,
    )


def _past_the_orm(reader: Reader) -> Connection:
    """Return the connection of a session, on which all that it has changed is written."""
    if isinstance(reader, Connection):
        return reader
    reader.flush()
    return reader.connection()


def supervisors(session: Reader, now: datetime) -> dict[str, AgentFacts]:
    """Return the supervisors who have a desk or telephone of their own."""
    return {row.agent: _agent(row, now) for row in session.execute(_SUPERVISORS)}


def line_of(session: Reader, number: str, defaults: Defaults) -> LineFacts:
    """Return the line of a number, or what stands in for one that nobody described."""
    row: Row[Any] = session.execute(_LINE, {"line": number}).one()
    return _line(row, number, defaults)


# Tables, not classes: the ORM's part of reading a row would cost more than the row.
_lines, _numbers, _customers, _cases, _contacts = (
    table_of(model) for model in (Line, CustomerNumber, Customer, Case, Contact)
)

_agents, _slots, _users = table_of(Agent), table_of(Slot), table_of(User)

_calls, _steps, _inbox, _promises, _rules = (
    table_of(model) for model in (Call, CallStep, Inbox, Promise, RuleVersion)
)

_one = select(literal(1).label("one")).subquery()

_line_columns = (
    _lines.c.number.label("line"),
    _lines.c.name.label("line_name"),
    _lines.c.language.label("line_language"),
    _lines.c.country.label("line_country"),
    _lines.c.team.label("line_team"),
    _lines.c.timezone.label("line_timezone"),
    _lines.c.hours.label("line_hours"),
    _lines.c.greeting.label("line_greeting"),
    _lines.c.records_messages.label("line_records"),
)

_LINE: Any = select(*_line_columns).select_from(_one.outerjoin(_lines, _lines.c.number == bindparam("line")))

# A promise binds who made it; else the case has its owner. The same as in `read`.
_owner = func.coalesce(_promises.c.agent, owner_of(_cases.c))

_slot_columns = (
    _slots.c.agent,
    _slots.c.intent,
    _slots.c.intent_since,
    _slots.c.reach,
    _slots.c.activity,
    _slots.c.activity_since,
    _slots.c.lease_until,
    _slots.c.heartbeat_at,
    _slots.c.softphone,
    _slots.c.suspect_until,
    _slots.c.back_at,
    _agents.c.spoken_name,
    _agents.c.team,
    _agents.c.phone,
    _agents.c.language,
    _agents.c.enabled,
)

_CALLER = Prepared(
    select(
        select(_inbox.c.reply)
        .where(_inbox.c.call_sid == bindparam("sid"), _inbox.c.request == "incoming")
        .scalar_subquery()
        .label("reply"),
        select(func.max(_rules.c.version)).scalar_subquery().label("rule_version"),
        *_line_columns,
        _customers.c.key.label("customer"),
        _customers.c.name.label("customer_name"),
        _customers.c.language.label("customer_language"),
        _customers.c.tags.label("customer_tags"),
        _cases.c.key.label("case"),
        _cases.c.subject,
        _cases.c.team.label("case_team"),
        _cases.c.status.label("case_status"),
        _cases.c.url,
        _cases.c.opened_at,
        owner_of(_cases.c).label("case_owner"),
        _cases.c.avoided_agent,
        _cases.c.last_contact_agent,
        _cases.c.last_contact_at,
        _promises.c.id.label("promise"),
        _promises.c.agent.label("promise_agent"),
        _promises.c.case.label("promise_case"),
        _promises.c.customer.label("promise_customer"),
        _promises.c.due_at.label("promise_due_at"),
        _promises.c.state.label("promise_state"),
        _contacts.c.summary,
        *_slot_columns,
        case((_cases.c.last_contact_agent == _agents.c.key, _cases.c.last_contact_at)).label("handled_at"),
        # Nobody may be waiting for an owner who is rung: the reservation sees to it.
        literal(0).label("callers_waiting"),
        literal(0).label("direct_calls"),
    )
    .select_from(
        _one.outerjoin(_lines, _lines.c.number == bindparam("line"))
        .outerjoin(_numbers, _numbers.c.e164 == bindparam("e164"))
        .outerjoin(_customers, _customers.c.key == _numbers.c.customer)
        .outerjoin(_cases, (_cases.c.customer == _customers.c.key) & (_cases.c.status != CaseStatus.SOLVED))
        .outerjoin(
            _promises,
            (_promises.c.number == bindparam("e164"))
            & _promises.c.state.in_([literal(str(state)) for state in OWED]),
        )
        .outerjoin(
            _contacts,
            (_contacts.c.case == _cases.c.key)
            & (_contacts.c.started_at == _cases.c.last_contact_at)
            & (_contacts.c.agent == _cases.c.last_contact_agent),
        )
        .outerjoin(_agents, _agents.c.key == _owner)
        .outerjoin(_slots, _slots.c.agent == _agents.c.key)
    )
    .order_by(_cases.c.last_contact_at.desc().nulls_last())
    .limit(MOST_ROWS)
)


def _agents_statement(everybody: bool) -> Any:
    handled = (
        select(_contacts.c.agent.label("handler"), func.max(_contacts.c.started_at).label("handled_at"))
        .where(_contacts.c.case == bindparam("case"))
        .group_by(_contacts.c.agent)
        .subquery("handled")
    )
    newest = (
        select(
            _contacts.c.agent.label("last_agent"),
            _contacts.c.started_at.label("last_at"),
            _contacts.c.summary.label("last_summary"),
        )
        .where(_contacts.c.case == bindparam("case"))
        .order_by(_contacts.c.started_at.desc(), _contacts.c.key.desc())
        .limit(1)
        .subquery("newest")
    )
    waiting = (
        select(_calls.c.waiting_for_agent.label("waited_for"), func.count().label("callers"))
        .where(_calls.c.waiting_since.is_not(None), _calls.c.sid != bindparam("sid"))
        .group_by(_calls.c.waiting_for_agent)
        .subquery("waiting")
    )
    direct = (
        select(func.count())
        .select_from(_steps)
        .where(
            _steps.c.agent == _agents.c.key,
            _steps.c.kind == StepKind.OWNER,
            _steps.c.started_at >= bindparam("now_less_hour"),
        )
        .scalar_subquery()
    )
    lately = (
        select(func.count())
        .select_from(_calls)
        .where(
            _calls.c.case == bindparam("case"),
            _calls.c.created_at >= bindparam("now_less_week"),
            _calls.c.direction == Direction.INBOUND,
            _calls.c.sid != bindparam("sid"),
        )
        .scalar_subquery()
    )
    statement: Any = (
        select(
            *_slot_columns,
            lately.label("calls_lately"),
            handled.c.handled_at,
            newest.c.last_agent,
            newest.c.last_at,
            newest.c.last_summary,
            func.coalesce(waiting.c.callers, 0).label("callers_waiting"),
            # The bond has its limit for the owner alone; nobody else's hour is counted.
            case((_agents.c.key == bindparam("owner"), direct), else_=0).label("direct_calls"),
        )
        .select_from(_agents)
        .join(_slots, _slots.c.agent == _agents.c.key)
        .outerjoin(handled, handled.c.handler == _agents.c.key)
        .outerjoin(newest, true())
        .outerjoin(waiting, waiting.c.waited_for == _agents.c.key)
    )
    if everybody:
        return statement
    # As a list of keys, each part from an index of its own: with “or” the database would look at everybody.
    concerned = union(
        select(_agents.c.key).where(_agents.c.team.in_(bindparam("teams", expanding=True))),
        select(_agents.c.key).where(_agents.c.key == bindparam("owner")),
        select(_contacts.c.agent).where(_contacts.c.case == bindparam("case")),
    )
    return statement.where(_agents.c.key.in_(concerned))


_AGENTS = _agents_statement(everybody=False)

_ALL_AGENTS = _agents_statement(everybody=True)

# What a row needs beside the slot and the agent, for somebody who is not asked for a case's sake.
_OF_NO_CASE = (
    null().label("handled_at"),
    literal(0).label("callers_waiting"),
    literal(0).label("direct_calls"),
)

_SUPERVISORS: Any = (
    select(*_slot_columns, *_OF_NO_CASE)
    .select_from(_agents)
    .join(_slots, _slots.c.agent == _agents.c.key)
    .join(_users, _users.c.agent == _agents.c.key)
    .where(_users.c.role == Role.SUPERVISOR)
)

_LAST_WORDS = (
    select(_contacts.c.summary)
    .where(_contacts.c.case == bindparam("case"), _contacts.c.summary != "")
    .order_by(_contacts.c.started_at.desc(), _contacts.c.key.desc())
    .limit(1)
)

_LAST_CONTACT = (
    select(_contacts.c.agent, _contacts.c.started_at, _contacts.c.summary, _contacts.c.case)
    .join(_cases, _cases.c.key == _contacts.c.case)
    .where(
        _cases.c.customer.in_(bindparam("customers", expanding=True)),
        _contacts.c.started_at >= bindparam("since"),
    )
    .order_by(_contacts.c.started_at.desc())
    .limit(1)
)


def _line(row: Row[Any], number: str, defaults: Defaults) -> LineFacts:
    if row.line is None:
        return LineFacts(
            number, None, defaults.language, calendar("24/7", defaults.timezone, defaults.country)
        )
    return LineFacts(
        number=row.line,
        team=row.line_team,
        language=row.line_language,
        calendar=calendar(row.line_hours, row.line_timezone, row.line_country),
        greeting=row.line_greeting,
        records_messages=row.line_records,
    )


def _caller(e164: str | None, rows: Iterable[Row[Any]]) -> Caller:
    customers: dict[str, KnownCustomer] = {}
    cases: dict[str, list[OpenCase]] = {}
    promise = None
    seen: set[str] = set()  # of two contacts at the same moment each brings its row
    for row in rows:
        if row.promise is not None and promise is None:
            promise = OwedPromise(
                row.promise,
                row.promise_agent,
                row.promise_case,
                row.promise_customer,
                row.promise_due_at,
                is_being_rung=row.promise_state == PromiseState.CALLING,
            )
        if row.customer is None:
            continue
        customers.setdefault(
            row.customer,
            KnownCustomer(
                row.customer, row.customer_name, row.customer_language, tuple(row.customer_tags or ()), ()
            ),
        )
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
                    avoided=row.avoided_agent,
                    handled_at=row.last_contact_at,
                )
            )
    with_cases = [replace(customer, cases=tuple(cases.get(key, ()))) for key, customer in customers.items()]
    return recognise(e164, with_cases, promise)


def _agent(row: Row[Any], now: datetime) -> AgentFacts:
    idle = row.activity == Activity.IDLE
    return AgentFacts(
        key=row.agent,
        spoken_name=row.spoken_name,
        team=row.team,
        reachability=presence.reachability(row, enabled=row.enabled, phone=row.phone, now=now),
        endpoint=presence.endpoint(row, row.phone, now),
        phone=row.phone,
        idle_since=(row.activity_since or row.intent_since) if idle else None,
        handled_at=row.handled_at,
        back_at=row.back_at,
        callers_waiting=row.callers_waiting,
        direct_calls=row.direct_calls,
        language=row.language,
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
        _LAST_CONTACT,
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
    return session.scalar(_LAST_WORDS, {"case": case}) or ""


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
        select(Slot.agent)
        .join(PromiseAttempt, PromiseAttempt.call_sid == Slot.call_sid)
        .where(
            PromiseAttempt.promise == promise.id,
            PromiseAttempt.outcome == AttemptOutcome.CUSTOMER_RANG,
            Slot.activity == Activity.WRAPPING_UP,
        )
    )
    keys = set(session.scalars(stopped)) & agents.keys()
    return agents | {key: replace(agents[key], makes_way=True) for key in keys}
