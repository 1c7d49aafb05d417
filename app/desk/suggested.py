"""What helps an agent to note a conversation? A draft, what the team usually did next, and its answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import web
from app.beside import answers, draft, wrapping
from app.beside.draft import Pressed
from app.beside.wrapping import Usual
from app.records.agents import Agent
from app.records.beside import Cause, TeamAnswer
from app.records.callers import Case, Direction
from app.records.calls import Call, CallStep
from app.voice import agreed


@dataclass(frozen=True)
class Suggested:
    usual: Usual | None
    draft: Sequence[str]  # sentences
    answers: Sequence[TeamAnswer]


@dataclass(frozen=True)
class Said:
    """What the agent has said of a conversation so far, saved or not."""

    outcome: str = ""
    cause: str = ""
    next_step: str = ""
    summary: str = ""


def of_call(session: Session, call_sid: str, agent: str, said: Said, now: datetime) -> Suggested:
    """Return what fits; the call is one that the agent was offered."""
    call = session.get_one(Call, call_sid)
    team = session.scalar(select(Agent.team).where(Agent.key == agent)) or ""
    cause = session.get(Cause, said.cause) if said.cause else None
    case = session.get(Case, call.case) if call.case is not None else None
    owed = agreed.of_call(session, call)
    checked = select(CallStep.call_sid).where(
        CallStep.call_sid == call_sid, CallStep.agent == agent, CallStep.checked_at.is_not(None)
    )
    pressed = Pressed(
        inbound=call.direction == Direction.INBOUND,
        subject=case.subject if case else "",
        checked=session.scalar(checked.limit(1)) is not None,
        cause=cause.name if cause else "",
        outcome=said.outcome,
        agreed=web.due(owed.due_at, now) if owed is not None else "",
        next_step=said.next_step,
    )
    has_talked = call.bridged_to == agent
    usual = wrapping.usual_step(session, team, said.cause, call_sid, now)
    return Suggested(
        usual=usual if usual is not None and usual.step != said.next_step else None,
        draft=draft.sentences(pressed, web.language()) if has_talked else (),
        answers=answers.find(session, said.summary, team),
    )
