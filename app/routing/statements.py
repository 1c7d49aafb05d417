"""What is asked of the database for a call? Built once: to build a statement costs as much as to send it."""

from typing import Any

from sqlalchemy import (
    ScalarSelect,
    Subquery,
    bindparam,
    case,
    func,
    literal,
    null,
    or_,
    select,
    true,
    union,
)

from app.db import UtcDateTime, table_of
from app.prepared import Prepared
from app.records.agents import Agent, Presence, Role, User, phone_to_ring
from app.records.callers import (
    Case,
    CaseStatus,
    Contact,
    Customer,
    CustomerNumber,
    Direction,
    NobodysNumber,
    owner_of,
)
from app.records.calls import INCOMING, Call, CallStep, Inbox, StepKind
from app.records.lines import Line
from app.records.promises import OWED, Promise, PromiseAttempt
from app.records.protections import Protection
from app.records.rules import RuleVersion

# A switchboard's number may stand with hundreds of customers; an agent picks from the likeliest.
MOST_ROWS = 200

# Tables, not classes: the ORM's part of reading a row would cost more than the row.
_lines, _numbers, _customers, _cases, _contacts = (
    table_of(model) for model in (Line, CustomerNumber, Customer, Case, Contact)
)

_nobodys, _protections = table_of(NobodysNumber), table_of(Protection)

_agents, _presences, _users = table_of(Agent), table_of(Presence), table_of(User)

_calls, _steps, _inbox, _promises, _rules = (
    table_of(model) for model in (Call, CallStep, Inbox, Promise, RuleVersion)
)

_attempts = table_of(PromiseAttempt)

_is_nobodys = select(_nobodys.c.e164).where(_nobodys.c.e164 == bindparam("e164")).exists()

# Who is kept apart from this caller, by their number or as one of its customers: see records/protections.py.
_their_numbers = _numbers.alias("their_numbers")
_is_apart = _agents.c.key.in_(
    select(_protections.c.agent).where(
        _protections.c.keeps_apart,
        or_(
            _protections.c.number == bindparam("e164"),
            _protections.c.customer.in_(
                select(_their_numbers.c.customer).where(
                    _their_numbers.c.e164 == bindparam("e164"), ~_is_nobodys
                )
            ),
        ),
    )
).label("is_apart")

_one = select(literal(1).label("one")).subquery()

_line_columns = (
    _lines.c.number.label("line"),
    _lines.c.name.label("line_name"),
    _lines.c.language.label("line_language"),
    _lines.c.country.label("line_country"),
    _lines.c.team.label("line_team"),
    _lines.c.timezone.label("line_timezone"),
    _lines.c.hours.label("line_hours"),
    _lines.c.dates.label("line_dates"),
    _lines.c.greeting.label("line_greeting"),
    _lines.c.records_messages.label("line_records"),
    _lines.c.asks.label("line_asks"),
    _lines.c.question.label("line_question"),
)

# Who of us dialled this number last, if nobody has spoken with them since.
_spoken_since = select(_calls.c.sid).where(
    _calls.c.remote_e164 == bindparam("e164"),
    _calls.c.created_at > _attempts.c.dialled_at,
    _calls.c.bridged_at.is_not(None),
)
_dialled = (
    select(
        _attempts.c.agent.label("dialled_by"),
        _attempts.c.dialled_at.label("dialled_at"),
        _attempts.c.outcome.label("dial_outcome"),
    )
    .where(
        _attempts.c.number == bindparam("e164"),
        _attempts.c.number != "",
        _attempts.c.dialled_at > bindparam("dialled_since", type_=UtcDateTime),
        ~_is_nobodys,
        ~_spoken_since.exists(),
    )
    .order_by(_attempts.c.dialled_at.desc())
    .limit(1)
    .subquery("dialled")
)

LINE: Any = select(*_line_columns).select_from(_one.outerjoin(_lines, _lines.c.number == bindparam("line")))

# A promise binds who made it; else the case has its owner. The same as in `read`.
_owner = func.coalesce(_promises.c.agent, owner_of(_cases.c))

_presence_columns = (
    _presences.c.agent,
    _presences.c.intent,
    _presences.c.intent_since,
    _presences.c.reach,
    _presences.c.activity,
    _presences.c.activity_since,
    _presences.c.lease_until,
    _presences.c.heartbeat_at,
    _presences.c.softphone,
    _presences.c.suspect_until,
    _presences.c.back_at,
    _agents.c.spoken_name,
    _agents.c.team,
    phone_to_ring(_agents.c.phone).label("phone"),
    _agents.c.language,
    _agents.c.enabled,
    _is_apart,
)

CALLER = Prepared(
    select(
        select(_inbox.c.reply)
        .where(_inbox.c.call_sid == bindparam("sid"), _inbox.c.request == INCOMING)
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
        _cases.c.priority,
        _promises.c.id.label("promise"),
        _promises.c.agent.label("promise_agent"),
        _promises.c.case.label("promise_case"),
        _promises.c.customer.label("promise_customer"),
        _promises.c.due_at.label("promise_due_at"),
        _promises.c.state.label("promise_state"),
        _promises.c.created_at.label("promise_made_at"),
        _promises.c.broken_at.label("promise_broken_at"),
        _contacts.c.summary,
        _dialled.c.dialled_by,
        _dialled.c.dialled_at,
        _dialled.c.dial_outcome,
        *_presence_columns,
        case((_cases.c.last_contact_agent == _agents.c.key, _cases.c.last_contact_at)).label("handled_at"),
        # Nobody may be waiting for an owner who is rung: the reservation sees to it.
        literal(0).label("callers_waiting"),
        literal(0).label("direct_calls"),
    )
    .select_from(
        _one.outerjoin(_lines, _lines.c.number == bindparam("line"))
        # Who rings with a switchboard's number may be anybody.
        .outerjoin(_numbers, (_numbers.c.e164 == bindparam("e164")) & ~_is_nobodys)
        .outerjoin(_customers, _customers.c.key == _numbers.c.customer)
        .outerjoin(_cases, (_cases.c.customer == _customers.c.key) & (_cases.c.status != CaseStatus.SOLVED))
        .outerjoin(
            _promises,
            (_promises.c.number == bindparam("e164")) & ~_is_nobodys & _promises.c.state.in_(OWED),
        )
        .outerjoin(
            _contacts,
            (_contacts.c.case == _cases.c.key)
            & (_contacts.c.started_at == _cases.c.last_contact_at)
            & (_contacts.c.agent == _cases.c.last_contact_agent),
        )
        .outerjoin(_agents, _agents.c.key == _owner)
        .outerjoin(_presences, _presences.c.agent == _agents.c.key)
        .outerjoin(_dialled, true())
    )
    # Of more than are read the likeliest: what is owed, the newest contact, whoever has a case.
    .order_by(
        case((_promises.c.case == _cases.c.key, 0), (_promises.c.customer == _customers.c.key, 1), else_=2),
        _cases.c.last_contact_at.desc().nulls_last(),
        _cases.c.key.is_(None),
    )
    .limit(MOST_ROWS)
)


_no_promise = [
    null().label(name)
    for name in (
        *("promise", "promise_agent", "promise_case", "promise_customer", "promise_due_at"),
        *("promise_state", "promise_made_at", "promise_broken_at"),
    )
]

# Whom somebody says to be, in the columns of CALLER; what is owed stands with numbers.
CLAIMED: Any = (
    select(
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
        _cases.c.priority,
        *_no_promise,
    )
    .select_from(
        _customers.outerjoin(
            _cases, (_cases.c.customer == _customers.c.key) & (_cases.c.status != CaseStatus.SOLVED)
        )
    )
    .where(_customers.c.key == bindparam("customer"))
    .limit(MOST_ROWS)
)


def _agents_statement(everybody: bool) -> Any:
    """Return the statement of the second stage; it looks at `everybody`, or at those who are concerned."""
    handled, newest, waiting = _handlers(), _newest_contact(), _waiting_callers()
    statement: Any = (
        select(
            *_presence_columns,
            _calls_lately().label("calls_lately"),
            handled.c.handled_at,
            newest.c.last_agent,
            newest.c.last_at,
            newest.c.last_summary,
            func.coalesce(waiting.c.callers, 0).label("callers_waiting"),
            # The bond has its limit for the owner alone; nobody else's hour is counted.
            case((_agents.c.key == bindparam("owner"), _direct_calls()), else_=0).label("direct_calls"),
        )
        .select_from(_agents)
        .join(_presences, _presences.c.agent == _agents.c.key)
        .outerjoin(handled, handled.c.handler == _agents.c.key)
        .outerjoin(newest, true())
        .outerjoin(waiting, waiting.c.waited_for == _agents.c.key)
    )
    if everybody:
        return statement
    # As a list of keys, each part from an index of its own: with “or” the database would look at everybody.
    concerned = union(
        select(_agents.c.key).where(_agents.c.team.in_(bindparam("teams", expanding=True))),
        select(_agents.c.key).where(_agents.c.key.in_(bindparam("named", expanding=True))),
        select(_contacts.c.agent).where(_contacts.c.case == bindparam("case")),
    )
    return statement.where(_agents.c.key.in_(concerned))


def _handlers() -> Subquery:
    """Who handled the case, and when last."""
    return (
        select(_contacts.c.agent.label("handler"), func.max(_contacts.c.started_at).label("handled_at"))
        .where(_contacts.c.case == bindparam("case"))
        .group_by(_contacts.c.agent)
        .subquery("handled")
    )


def _newest_contact() -> Subquery:
    return (
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


def _waiting_callers() -> Subquery:
    """How many callers wait for whom, without this one."""
    return (
        select(_calls.c.waiting_for_agent.label("waited_for"), func.count().label("callers"))
        .where(_calls.c.waiting_since.is_not(None), _calls.c.sid != bindparam("sid"))
        .group_by(_calls.c.waiting_for_agent)
        .subquery("waiting")
    )


def _direct_calls() -> ScalarSelect[int]:
    """How often an agent was rung as the owner of a case within the hour."""
    return (
        select(func.count())
        .select_from(_steps)
        .where(
            _steps.c.agent == _agents.c.key,
            _steps.c.kind == StepKind.OWNER,
            _steps.c.started_at >= bindparam("now_less_hour"),
        )
        .scalar_subquery()
    )


def _calls_lately() -> ScalarSelect[int]:
    """How many calls came in about the case within a week, without this one."""
    return (
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


# When the calls about a case came in, the newest first; nobody counts further than some.
CALLS_OF_CASE = (
    select(_calls.c.created_at)
    .where(
        _calls.c.case == bindparam("case"),
        _calls.c.created_at >= bindparam("since"),
        _calls.c.direction == Direction.INBOUND,
        _calls.c.sid != bindparam("sid"),
    )
    .order_by(_calls.c.created_at.desc())
    .limit(MOST_ROWS)
)

AGENTS = _agents_statement(everybody=False)

ALL_AGENTS = _agents_statement(everybody=True)

# What a row needs beside the presence and the agent, for somebody who is not asked for a case's sake.
_OF_NO_CASE = (
    null().label("handled_at"),
    literal(0).label("callers_waiting"),
    literal(0).label("direct_calls"),
)

SUPERVISORS: Any = (
    select(*_presence_columns, *_OF_NO_CASE)
    .select_from(_agents)
    .join(_presences, _presences.c.agent == _agents.c.key)
    .join(_users, _users.c.agent == _agents.c.key)
    .where(_users.c.role == Role.SUPERVISOR)
)

PEOPLE: Any = (
    select(*_presence_columns, *_OF_NO_CASE)
    .select_from(_agents)
    .join(_presences, _presences.c.agent == _agents.c.key)
    .where(_agents.c.key.in_(bindparam("keys", expanding=True)))
)

LAST_WORDS = (
    select(_contacts.c.summary)
    .where(_contacts.c.case == bindparam("case"), _contacts.c.summary != "")
    .order_by(_contacts.c.started_at.desc(), _contacts.c.key.desc())
    .limit(1)
)

LAST_CONTACT = (
    select(_contacts.c.agent, _contacts.c.started_at, _contacts.c.summary, _contacts.c.case)
    .join(_cases, _cases.c.key == _contacts.c.case)
    .where(
        _cases.c.customer.in_(bindparam("customers", expanding=True)),
        _contacts.c.started_at >= bindparam("since"),
    )
    .order_by(_contacts.c.started_at.desc())
    .limit(1)
)
