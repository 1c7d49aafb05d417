"""How did a conversation end, why was it needed, and what comes next? As the agent says while wrapping up."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.beside import about
from app.errors import InvalidField
from app.records.agents import Agent
from app.records.beside import Cause, WrapUp
from app.records.calls import Call

LONGEST_STEP = 120
# Of fewer conversations nothing is told: that would be one colleague's habit.
LEAST_COUNTED = 5
# What a team did longer ago it may do otherwise by now.
COUNTED_FOR = timedelta(days=365)
MOST_COUNTED = 500


@dataclass(frozen=True)
class Usual:
    """What this team did next most often, in `times` of `of` conversations with the same cause."""

    step: str
    times: int
    of: int


def causes(session: Session, *, chosen: str = "") -> Sequence[Cause]:
    """Return the causes that can be chosen, in their order, with one that was chosen before."""
    wanted = select(Cause).where(Cause.enabled | (Cause.key == chosen))
    return session.scalars(wanted.order_by(Cause.position, Cause.name, Cause.key)).all()


def of(session: Session, call_sid: str, agent: str) -> WrapUp | None:
    return session.get(WrapUp, (call_sid, agent), populate_existing=True)


def save(
    session: Session,
    call: Call,
    agent: str,
    *,
    outcome: str,
    cause: str | None,
    next_step: str | None,
    topic: str | None = None,
    now: datetime,
) -> None:
    """Keep how an agent wraps up a call of theirs; with None what stands there stays.

    Raises InvalidField when there is no such cause or topic, or the next step is too long. The call is held
    by the caller of this function.
    """
    if cause and session.get(Cause, cause) is None:
        raise InvalidField("cause", "choose one of the list")
    step = " ".join(next_step.split()) if next_step is not None else None
    if step and (len(step) > LONGEST_STEP or not step.isprintable()):
        raise InvalidField("next_step", f"write {LONGEST_STEP} characters at most")
    row = of(session, call.sid, agent)
    if row is None:
        if not (outcome or cause or step or topic):
            return
        team = session.scalar(select(Agent.team).where(Agent.key == agent)) or ""
        row = WrapUp(call_sid=call.sid, agent=agent, team=team, cause="", next_step="", topic="")
        session.add(row)
    row.outcome, row.case, row.at = outcome, call.case, call.bridged_at or call.created_at
    row.cause = row.cause if cause is None else cause
    row.next_step = row.next_step if step is None else step
    if topic is not None:
        about.say(session, call, row, topic, now)


def is_about(session: Session, call: Call) -> None:
    """A call turns out to be about another case: so is how it was wrapped up."""
    session.execute(
        update(WrapUp)
        .where(WrapUp.call_sid == call.sid)
        .values(case=call.case)
        .execution_options(synchronize_session=False)
    )


def usual_step(session: Session, team: str, cause: str, call_sid: str, now: datetime) -> Usual | None:
    """Return what a team did next most often after this cause; None where too little is known."""
    if not cause:
        return None
    steps = session.scalars(
        select(WrapUp.next_step)
        .where(
            WrapUp.team == team,
            WrapUp.cause == cause,
            WrapUp.next_step != "",
            WrapUp.at > now - COUNTED_FOR,
            WrapUp.call_sid != call_sid,
        )
        .order_by(WrapUp.at.desc())
        .limit(MOST_COUNTED)
    ).all()
    return most_usual(steps)


def most_usual(steps: Sequence[str]) -> Usual | None:
    """Return the step that was taken most often, whatever its capitals; None of too few, or at odds.

    `steps`: the newest first. As it was written last, so it is shown. Said once it is no habit.
    """
    if len(steps) < LEAST_COUNTED:
        return None
    counted = Counter(_plain(step) for step in steps)
    [(plain, times)] = counted.most_common(1)
    if times < 2:
        return None
    return Usual(next(step for step in steps if _plain(step) == plain), times, len(steps))


def _plain(step: str) -> str:
    return step.casefold().rstrip(".!").strip()
