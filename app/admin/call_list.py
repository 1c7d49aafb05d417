"""Which calls were there? Found by number, customer, agent, outcome, rule and day; newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, literal, literal_column, or_, select, tuple_
from sqlalchemy.orm import Session

from app.agents.teams import Reach
from app.callers.numbers import mask
from app.db import UtcDateTime, table_of
from app.desk import finding
from app.desk.promise_cards import texts
from app.records.agents import Agent
from app.records.callers import Case, Customer, Direction
from app.records.calls import Call, CallState, CallStep
from app.records.lines import Line

SHOWN = 50
_AT_A_TIME = 500


@dataclass(frozen=True)
class Wanted:
    """What somebody looks for; what is empty narrows nothing."""

    number: str | None = None  # E.164
    withheld: bool = False
    customer: str = ""  # a key, or words of a name
    agent: str = ""
    outcome: str = ""
    rule: str = ""  # its id, or the number of a version
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Row:
    sid: str
    at: datetime
    who: str  # a customer's name, or a masked number; empty: hidden, or forgotten
    is_hidden: bool
    subject: str
    line: str
    is_callback: bool
    is_live: bool
    outcome: str  # a code; empty while it goes on
    agent: str  # who spoke with them


def seen_by(reach: Reach) -> ColumnElement[bool]:
    """Return what is true of the calls that somebody sees: on a line of their teams, or rung there."""
    if reach.teams is None:
        return reach.of(Call.line)
    lines = select(Line.number).where(reach.of(Line.team))
    step = table_of(CallStep).alias("seen")
    of_call = step.c.call_sid == Call.sid
    theirs = or_(reach.of_agent(step.c.agent), step.c.team.in_(sorted(reach.teams)))
    # With an offset PostgreSQL asks of each call that it comes across; without, of all that ever were.
    rung = select(step.c.call_sid).where(of_call, theirs).offset(0)
    return or_(Call.line.in_(lines), rung.exists())


def seen_among(session: Session, sids: Sequence[str], reach: Reach) -> frozenset[str]:
    """Return which of these calls somebody sees."""
    if reach.is_all:
        return frozenset(sids)
    parts = (sids[start : start + _AT_A_TIME] for start in range(0, len(sids), _AT_A_TIME))
    seen = (select(Call.sid).where(Call.sid.in_(part), seen_by(reach)) for part in parts)
    return frozenset(sid for one in seen for sid in session.scalars(one))


def found(
    session: Session, wanted: Wanted, reach: Reach, before: str | None, limit: int = SHOWN
) -> Sequence[Call]:
    """Return calls, newest first; `before` is the last one that was seen."""
    if wanted.agent and not _is_seen(session, wanted.agent, reach):
        return ()
    # What rang at one of theirs they see: nothing else has to be asked then.
    statement = select(Call) if wanted.agent else select(Call).where(seen_by(reach))
    if wanted.number is not None:
        statement = statement.where(Call.remote_e164 == wanted.number)
    if wanted.withheld:
        statement = statement.where(Call.remote_e164.is_(None), Call.forgotten_at.is_(None))
    if wanted.customer:
        statement = statement.where(Call.customer.in_(finding.keys_of(session, wanted.customer)))
    if wanted.outcome:
        live = wanted.outcome == "live"
        statement = statement.where(
            Call.state != CallState.ENDED if live else Call.outcome == literal(wanted.outcome)
        )
    if wanted.agent:
        statement = statement.where(Call.sid.in_(_with(CallStep.agent == wanted.agent, wanted)))
    if wanted.rule:
        statement = statement.where(_by_rule(wanted))
    if wanted.since is not None:
        statement = statement.where(Call.created_at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(Call.created_at < wanted.until)
    statement = _after(session, statement, before)
    return session.scalars(statement.order_by(Call.created_at.desc(), Call.sid.desc()).limit(limit)).all()


def _is_seen(session: Session, agent: str, reach: Reach) -> bool:
    team = session.scalar(select(Agent.team).where(Agent.key == agent))
    return reach.is_all or (team is not None and reach.covers(team))


def _with(what: ColumnElement[bool], wanted: Wanted) -> Select[str]:
    """Select the calls of which a step is such, within the days that are asked for."""
    steps = select(CallStep.call_sid).where(what)
    if wanted.since is not None:
        steps = steps.where(CallStep.started_at >= wanted.since)
    return steps


def _by_rule(wanted: Wanted) -> ColumnElement[bool]:
    if wanted.rule.isdecimal() and len(wanted.rule) < 10:
        return Call.rule_version == int(wanted.rule)
    # As the index has it.
    named = (CallStep.rule == wanted.rule) & (CallStep.rule != literal_column("''"))
    return Call.sid.in_(_with(named, wanted))


def _after(session: Session, statement: Select[Call], before: str | None) -> Select[Call]:
    last = session.scalar(select(Call.created_at).where(Call.sid == before)) if before else None
    if last is None:
        return statement
    # As one comparison, which an index can follow.
    return statement.where(
        tuple_(Call.created_at, Call.sid) < tuple_(literal(last, UtcDateTime), literal(before))
    )


def rows(session: Session, calls: Sequence[Call], names: dict[str, str]) -> list[Row]:
    """Return calls as the list shows them, for the same few reads however many they are."""
    customers = texts(session, Customer.key, Customer.name, [call.customer for call in calls])
    subjects = texts(session, Case.key, Case.subject, [call.case for call in calls])
    lines = texts(session, Line.number, Line.name, [call.line for call in calls])
    return [
        Row(
            sid=call.sid,
            at=call.created_at,
            who=customers.get(call.customer or "", mask(call.remote_e164) if call.remote_e164 else ""),
            is_hidden=call.remote_e164 is None and call.forgotten_at is None,
            subject=subjects.get(call.case or "", ""),
            line=lines.get(call.line, call.line),
            is_callback=call.direction == Direction.OUTBOUND,
            is_live=call.state != CallState.ENDED,
            outcome=call.outcome or "",
            agent=names.get(call.bridged_to or "", call.bridged_to or ""),
        )
        for call in calls
    ]
