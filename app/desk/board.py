"""What stands beside the card? What the agent owes, who waits for them, and their calls of late."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, ScalarSelect, or_, select
from sqlalchemy.orm import Session

from app.agents import teams
from app.beside import thanks
from app.beside.thanks import Thanked
from app.desk import threads
from app.desk.promise_cards import PromiseCard, promise_cards, texts
from app.desk.threads import Conversation
from app.promises import ledger, second_thoughts, told
from app.records.agents import Agent
from app.records.callers import Case, Customer
from app.records.calls import Call, CallState, CallStep, StepKind, StepOutcome
from app.records.promises import IS_OWED, Promise, PromiseState
from app.voice.steps import RING_KINDS

OWED_SHOWN = 50
ASKING_SHOWN = 10
WAITING_SHOWN = 20
RECENT_CALLS = 8
RECENT_FOR = timedelta(days=7)
TELEPHONE_KINDS = (*RING_KINDS, StepKind.CALLBACK, StepKind.CONSULT)


@dataclass(frozen=True)
class RecentCall:
    sid: str
    at: datetime
    customer: str | None  # a name
    subject: str
    how: str  # a code of page.toml: talked, declined, missed, unsettled, elsewhere


@dataclass(frozen=True)
class WaitingCaller:
    sid: str
    since: datetime
    customer: str | None
    subject: str
    for_team: bool


@dataclass(frozen=True)
class Board:
    promises: tuple[PromiseCard, ...]
    done: tuple[PromiseCard, ...]  # what the agent ended by their word a moment ago
    asking: tuple[PromiseCard, ...]  # for supervisors: those of their teams that wait for a decision
    waiting: tuple[WaitingCaller, ...]
    messages: tuple[Conversation, ...]
    recent: tuple[RecentCall, ...]
    thanks: Sequence[Thanked]  # for whom it shows; never counted

    @property
    def messages_waiting(self) -> int:
        return sum(one.waits for one in self.messages)


def board_of(session: Session, agent: str, now: datetime) -> Board:
    """Return the agent's board, for the same number of reads however much stands on it."""
    team = select(Agent.team).where(Agent.key == agent).scalar_subquery()
    owed, asking = _owed(session, agent, team), _asking(session, agent)
    done = second_thoughts.ended_lately(session, agent, now)
    cards = promise_cards(session, [*owed, *asking, *done], agent, now, ledger.names_of(session))
    waiting, steps = _waiting(session, agent, team), _recent(session, agent, now)
    about = [*waiting, *(call for _, call in steps)]
    customers = texts(session, Customer.key, Customer.name, [one.customer for one in about])
    subjects = texts(session, Case.key, Case.subject, [one.case for one in about])
    return Board(
        promises=cards[: len(owed)],
        asking=cards[len(owed) : len(owed) + len(asking)],
        done=cards[len(owed) + len(asking) :],
        waiting=tuple(
            WaitingCaller(
                call.sid,
                call.waiting_since or call.created_at,
                customers.get(call.customer or ""),
                subjects.get(call.case or "", ""),
                call.waiting_for_agent is None,
            )
            for call in waiting
        ),
        messages=threads.at_desk(session, agent, now),
        recent=tuple(
            RecentCall(
                call.sid,
                step.started_at,
                customers.get(call.customer or ""),
                subjects.get(call.case or "", ""),
                _how(step),
            )
            for step, call in steps
        ),
        thanks=thanks.at_desk(session, agent, now),
    )


def _owed(session: Session, agent: str, team: ScalarSelect[str]) -> Sequence[Promise]:
    return session.scalars(
        select(Promise)
        .where(or_(Promise.agent == agent, _asks_the_team(team)), IS_OWED)
        .order_by(Promise.due_at)
        .limit(OWED_SHOWN)
    ).all()


def _asks_the_team(team: ScalarSelect[str]) -> ColumnElement[bool]:
    """Nobody in particular owes these, and the team has to look.

    Nothing rings by itself for them; or a colleague left them, and whoever knows more may take them at once.
    """
    return (
        Promise.agent.is_(None)
        & or_(Promise.team == team, Promise.team == "")
        & or_(Promise.next_at.is_(None), told.was_left(Promise.id))
        & ~Promise.to_review
        & (Promise.state != PromiseState.CALLING)
    )


def _asking(session: Session, agent: str) -> Sequence[Promise]:
    """Return the promises that wait for a decision, for somebody who supervises; none for anybody else."""
    reach = teams.reach_at_desk(session, agent)
    if reach == teams.NOWHERE:
        return ()
    return session.scalars(
        select(Promise)
        .where(
            reach.of(Promise.team, Promise.agent),
            IS_OWED,
            Promise.state != PromiseState.CALLING,
            Promise.next_at.is_(None),
        )
        .order_by(Promise.due_at)
        .limit(ASKING_SHOWN)
    ).all()


def _waiting(session: Session, agent: str, team: ScalarSelect[str]) -> Sequence[Call]:
    for_team = Call.waiting_for_agent.is_(None) & (Call.waiting_for_team == team)
    return session.scalars(
        select(Call)
        .where(
            Call.waiting_since.is_not(None),
            Call.state == CallState.WAITING,
            or_(Call.waiting_for_agent == agent, for_team),
        )
        .order_by(Call.waiting_since)
        .limit(WAITING_SHOWN)
    ).all()


def _recent(session: Session, agent: str, now: datetime) -> Sequence[tuple[CallStep, Call]]:
    rows = session.execute(
        select(CallStep, Call)
        .join(Call, Call.sid == CallStep.call_sid)
        .where(
            CallStep.agent == agent,
            CallStep.kind.in_(TELEPHONE_KINDS),
            CallStep.started_at > now - RECENT_FOR,
            CallStep.ended_at.is_not(None),
        )
        .order_by(CallStep.started_at.desc())
        .limit(RECENT_CALLS)
    )
    return [(step, call) for step, call in rows]


def _how(step: CallStep) -> str:
    if step.outcome == StepOutcome.ANSWERED:
        return "talked"
    if step.outcome == StepOutcome.DECLINED:
        return "declined"
    if step.outcome in (StepOutcome.NO_ANSWER, StepOutcome.CALLER_HUNG_UP):
        return "missed"
    # A callback goes to no colleague: it is owed until it is known that they have spoken.
    return "unsettled" if step.kind == StepKind.CALLBACK else "elsewhere"
