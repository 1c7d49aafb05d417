"""Whose turn is it? All who wait are looked at in one go, and held are only those whose turn it may be."""

import logging
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, or_, select, true
from sqlalchemy.orm import Session

from app import db
from app.agents import presence
from app.agents.presence import Reachability
from app.deployment import Deployment
from app.records.agents import Agent
from app.records.callers import Case, Contact
from app.records.calls import Call, CallState, CallStep
from app.records.lines import Line
from app.routing import reading, rules
from app.routing.ladder import Ladder
from app.voice import held as held_calls
from app.voice import waiting as waiting_callers

log = logging.getLogger(__name__)


def serve_waiting(deployment: Deployment, now: datetime) -> int:
    """Connect everybody who waits for somebody who is free by now; return how many went on."""
    with db.reading() as session:
        turns = list(_turns(session, now))
    served, behind = 0, set()
    for turn in turns:
        # Whoever is free is for those who came before.
        if turn.is_over or turn.waits_for not in behind:
            went_on = _serve(turn.sid, deployment, now)
            served += went_on
            if not went_on:
                behind.add(turn.waits_for)
    return served


def waiting() -> Select[str]:
    """Return everybody who waits, the first to come first."""
    return select(Call.sid).where(Call.waiting_since.is_not(None)).order_by(Call.waiting_since)


# --- looking ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Turn:
    """Somebody who need not wait any longer, or may not."""

    sid: str
    waits_for: tuple[str | None, str | None]  # an agent, or a team
    is_over: bool  # their time, or the hope for those they wait for


@dataclass(frozen=True)
class _Waiter:
    """Somebody who waits, and who of all agents may be rung for them."""

    sid: str
    agent: str | None
    team: str | None
    until: datetime  # how long they wait at most
    known: frozenset[str | None]  # agents who know the case
    teams: frozenset[str | None] | None  # None: everybody's
    left_out: frozenset[str | None]

    def may_get(self, agent: Agent) -> bool:
        if self.agent is not None:
            return agent.key == self.agent
        is_of_theirs = self.teams is None or agent.team in self.teams or agent.key in self.known
        return is_of_theirs and agent.key not in self.left_out


def _turns(session: Session, now: datetime) -> Iterator[_Turn]:
    """Yield whose turn it may be, the first to come first; nobody is held for it.

    A supervisor who takes charge of one case isn't looked for: the carrier asks for each caller every second
    or two, and whoever else may be rung for them is found then.
    """
    waiters = _waiters(session)
    in_person = {one.agent for one in waiters}
    reachable = {
        agent: presence.reachability(agent.presence, enabled=agent.enabled, phone=agent.rings_on, now=now)
        for agent in _agents(session, waiters)
    }
    for one in waiters:
        theirs = {agent.key: how for agent, how in reachable.items() if one.may_get(agent)}
        free = {key for key, how in theirs.items() if how == Reachability.FREE}
        is_gone = waiting_callers.WORTH_WAITING_FOR.isdisjoint(theirs.values())
        is_over = is_gone or now >= one.until
        if is_over or (free if one.agent else free - in_person):
            yield _Turn(one.sid, (one.agent, one.team), is_over)


def _waiters(session: Session) -> list[_Waiter]:
    rows = session.execute(
        waiting()
        .add_columns(Call, CallStep, Line.team, Case.team.label("case_team"), Case.avoided_agent)
        .outerjoin(CallStep, (CallStep.call_sid == Call.sid) & (CallStep.number == Call.step))
        .outerjoin(Line, Line.number == Call.line)
        .outerjoin(Case, Case.key == Call.case)
    ).all()
    for_team = [row.Call for row in rows if row.Call.waiting_for_agent is None]
    tried, known = _tried(session, for_team), _known(session, for_team)
    others = rules.in_force(session).ladder.teams
    return [
        _Waiter(
            sid=row.sid,
            agent=row.Call.waiting_for_agent,
            team=row.Call.waiting_for_team,
            until=row.Call.waiting_since + _longest(row.Call, ladder),
            known=frozenset(known[row.Call.case] | {row.Call.owner}),
            teams=_teams_of(row, *others, *ladder.teams) if row.team else None,
            left_out=frozenset(tried[row.sid] | {row.avoided_agent}),
        )
        for row in rows
        for ladder in (rules.of_step(session, row.CallStep, row.Call.rule_version).ladder,)
    ]


def _teams_of(row: Row[Any], *named_by_rules: str) -> frozenset[str | None]:
    """Return whose people may be rung for a waiting call: as candidates.teams_of()."""
    of_topic = (row.Call.heard or {}).get("team")
    return frozenset({row.team, row.case_team, of_topic, *named_by_rules})


def _longest(call: Call, ladder: Ladder) -> timedelta:
    in_person = call.waiting_for_agent is not None
    return timedelta(seconds=ladder.wait_for_owner_seconds if in_person else ladder.wait_for_team_seconds)


def _tried(session: Session, calls: list[Call]) -> defaultdict[str, set[str | None]]:
    """Return who was rung for each of these calls."""
    tried: defaultdict[str, set[str | None]] = defaultdict(set)
    if calls:
        steps = select(CallStep.call_sid, CallStep.agent)
        for sid, agent in session.execute(steps.where(CallStep.call_sid.in_([call.sid for call in calls]))):
            tried[sid].add(agent)
    return tried


def _known(session: Session, calls: list[Call]) -> defaultdict[str | None, set[str | None]]:
    """Return who knows the case of each of these calls."""
    known: defaultdict[str | None, set[str | None]] = defaultdict(set)
    if cases := {call.case for call in calls} - {None}:
        handled = select(Contact.case, Contact.agent).where(Contact.case.in_(cases)).distinct()
        for case, agent in session.execute(handled):
            known[case].add(agent)
    return known


def _agents(session: Session, waiters: list[_Waiter]) -> list[Agent]:
    """Return all who may be rung for one of them."""
    keys = {one.agent for one in waiters} | {key for one in waiters for key in one.known}
    teams = {team for one in waiters for team in one.teams or ()}
    theirs = or_(Agent.key.in_(keys - {None}), Agent.team.in_(teams - {None}))
    is_for_anybody = any(one.agent is None and one.teams is None for one in waiters)
    return list(session.scalars(select(Agent).where(true() if is_for_anybody else theirs)))


# --- serving ------------------------------------------------------------------------------------------


def _serve(sid: str, deployment: Deployment, now: datetime) -> bool:
    try:
        return _served(sid, deployment, now)
    except Exception:
        # Whoever waits behind a call that can't be served is served all the same.
        log.exception("waiting call could not be served", extra={"call_sid": sid})
        return False


def _served(sid: str, deployment: Deployment, now: datetime) -> bool:
    with db.transaction() as session:
        # Held by another worker, or by news of it: whoever holds it serves it.
        call = session.get(Call, sid, with_for_update={"skip_locked": True}, populate_existing=True)
        if call is None or call.state != CallState.WAITING:
            return False
        step = session.get_one(CallStep, (sid, call.step))
        known = reading.of_call(session, call, now, deployment.defaults)
        if not waiting_callers.serve(session, call, step, known, now, deployment):
            return False
        held_calls.send_on(session, call, now)
        return True
