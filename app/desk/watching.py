"""What does a supervisor see of their teams now? Who waits for whom, what they were told, who talks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.agents import teams
from app.agents.teams import Reach
from app.desk.promise_cards import texts
from app.records.agents import Agent
from app.records.callers import Case, Customer
from app.records.calls import IS_LIVE, Call, CallState
from app.records.legs import CallLeg, LegRole
from app.records.protections import Protection, Review

SHOWN = 50
SENTENCES_SHOWN = 3


@dataclass(frozen=True)
class Told:
    at: datetime
    text: str


@dataclass(frozen=True)
class Waiting:
    """A caller who waits, for an agent (a name) or for a team."""

    sid: str
    since: datetime
    customer: str | None
    subject: str
    agent: str | None
    team: str | None
    told: tuple[Told, ...]  # the newest last


@dataclass(frozen=True)
class Talking:
    sid: str
    since: datetime
    agent: str  # a name
    customer: str | None
    subject: str
    needs_help: bool  # the agent asked for a warning
    mode: str  # of the reader: ringing, listening, whispering, talking; empty: they aren't there
    others: tuple[str, ...]  # the supervisors who are in it, by name


@dataclass(frozen=True)
class Watch:
    waiting: tuple[Waiting, ...]
    talking: tuple[Talking, ...]
    to_review: int = 0  # how often an agent of theirs was protected, and nobody has looked at it


def is_for(session: Session, agent: str) -> bool:
    """Tell whether whoever sits at this desk supervises anybody."""
    return teams.reach_at_desk(session, agent) != teams.NOWHERE


def watch_of(session: Session, agent: str) -> Watch:
    """Return what a supervisor oversees, for the same number of reads however much that is."""
    reach = teams.reach_at_desk(session, agent)
    if reach == teams.NOWHERE:
        return Watch((), ())
    waiting, talking = _waiting(session, reach), _talking(session, reach, agent)
    both = [*waiting, *talking]
    customers = texts(session, Customer.key, Customer.name, [one.customer for one in both])
    subjects = texts(session, Case.key, Case.subject, [one.case for one in both])
    keys = [one.waiting_for_agent or one.bridged_to for one in both]
    legs = _supervisors_in(session, [one.sid for one in talking])
    keys += [leg.agent for leg in legs]
    names = texts(session, Agent.key, Agent.name, keys)
    helped = set(
        session.scalars(
            select(Protection.call_sid).where(Protection.call_sid.in_([one.sid for one in talking]))
        )
    )
    return Watch(
        tuple(_as_waiting(one, customers, subjects, names) for one in waiting),
        tuple(
            Talking(
                sid=one.sid,
                since=one.bridged_at or one.created_at,
                agent=names.get(one.bridged_to or "", ""),
                customer=customers.get(one.customer or ""),
                subject=subjects.get(one.case or "", ""),
                needs_help=one.sid in helped,
                mode=next(
                    (str(leg.state) for leg in legs if (leg.call_sid, leg.agent) == (one.sid, agent)), ""
                ),
                others=tuple(
                    names.get(leg.agent or "", "")
                    for leg in legs
                    if leg.call_sid == one.sid and leg.agent != agent
                ),
            )
            for one in talking
        ),
        session.scalar(
            select(func.count()).where(Protection.review == Review.OPEN, reach.of(Protection.team))
        )
        or 0,
    )


def _as_waiting(
    call: Call, customers: dict[str, str], subjects: dict[str, str], names: dict[str, str]
) -> Waiting:
    said = call.said[-SENTENCES_SHOWN:]
    return Waiting(
        sid=call.sid,
        since=call.waiting_since or call.created_at,
        customer=customers.get(call.customer or ""),
        subject=subjects.get(call.case or "", ""),
        agent=names.get(call.waiting_for_agent or ""),
        team=call.waiting_for_team,
        told=tuple(Told(datetime.fromisoformat(one["at"]), one["text"]) for one in said),
    )


def _waiting(session: Session, reach: Reach) -> Sequence[Call]:
    theirs = or_(
        # Nobody waits for a team that is NULL: then this is not true, whatever the type of the column.
        Call.waiting_for_agent.is_(None) & reach.of(Call.waiting_for_team),  # type: ignore[arg-type]
        reach.of_agent(Call.waiting_for_agent),
    )
    return session.scalars(
        select(Call)
        .where(Call.waiting_since.is_not(None), Call.state == CallState.WAITING, theirs)
        .order_by(Call.waiting_since)
        .limit(SHOWN)
    ).all()


def _talking(session: Session, reach: Reach, but: str) -> Sequence[Call]:
    return session.scalars(
        select(Call)
        .where(
            IS_LIVE,
            Call.state == CallState.TALKING,
            Call.bridged_to != but,
            reach.of_agent(Call.bridged_to),
        )
        .order_by(Call.bridged_at)
        .limit(SHOWN)
    ).all()


def _supervisors_in(session: Session, sids: Sequence[str]) -> Sequence[CallLeg]:
    return session.scalars(
        select(CallLeg).where(
            CallLeg.call_sid.in_(sids),
            CallLeg.role == LegRole.SUPERVISOR,
            CallLeg.left_at.is_(None),
            CallLeg.goes.is_(False),
        )
    ).all()
