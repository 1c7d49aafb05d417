"""Can a colleague take this? Asked in a line at the desk before anything rings; both see the answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.agents import desk_events
from app.errors import InvalidField
from app.records.agents import Agent
from app.records.beside import Ask
from app.records.callers import Case, Contact
from app.records.calls import IS_LIVE, Call

LONGEST = 300
# While the call goes on, and so long after it was asked, it stands at both desks.
SHOWN_FOR = timedelta(minutes=15)
MOST_SHOWN = 10
# More than any conversation needs.
MOST_OF_A_CALL = 20


class Reply(StrEnum):
    YES = "yes"
    NO = "no"
    LATER = "later"


@dataclass(frozen=True)
class Line:
    """One question as a desk shows it: about the matter, not about whom."""

    id: int
    call_sid: str
    is_mine: bool
    other: str  # the name of who asks, or is asked
    text: str
    subject: str  # of the case
    answer: str  # empty: none yet
    asked_at: datetime


@dataclass(frozen=True)
class Colleague:
    key: str
    name: str
    team: str
    knows: bool  # handled this case before


def colleagues(session: Session, call: Call, agent: str) -> Sequence[Colleague]:
    """Return who can be asked about a call: who knows the case first, then the agent's own team."""
    rows = session.execute(
        select(Agent.key, Agent.name, Agent.team)
        .where(Agent.enabled, Agent.key != agent)
        .order_by(Agent.name)
    ).all()
    handled = select(Contact.agent).where(Contact.case == call.case)
    knowing = set(session.scalars(handled)) if call.case is not None else set()
    team = session.scalar(select(Agent.team).where(Agent.key == agent))
    found = [Colleague(row.key, row.name, row.team, row.key in knowing) for row in rows]
    return sorted(found, key=lambda one: (not one.knows, one.team != team))


def ask(session: Session, call: Call, by: str, to: str, text: str, now: datetime) -> Ask:
    """Ask a colleague about a call. Asked the same while it isn't answered, it is the same question.

    Raises InvalidField for nobody, for oneself, for no words or too many, or too many questions.
    """
    words = " ".join(text.split())
    if not words or len(words) > LONGEST or not words.isprintable():
        raise InvalidField("ask_text", f"write 1 to {LONGEST} characters")
    asked = session.get(Agent, to)
    if asked is None or not asked.enabled or to == by:
        raise InvalidField("ask_to", "choose a colleague")
    of_call = session.scalars(select(Ask).where(Ask.call_sid == call.sid)).all()
    for one in of_call:
        if (one.by_agent, one.to_agent, one.text, one.answer) == (by, to, words, ""):
            return one
    if len(of_call) >= MOST_OF_A_CALL:
        raise InvalidField("ask_text", "enough was asked about this call")
    row = Ask(call_sid=call.sid, by_agent=by, to_agent=to, text=words, asked_at=now, answer="")
    session.add(row)
    session.flush()
    _tell(session, row, now)
    return row


def answer(session: Session, ask_id: int, agent: str, reply: str, now: datetime) -> None:
    """Answer what one was asked; thinking better of it is another answer. Raises InvalidField."""
    row = session.get(Ask, ask_id, with_for_update=True, populate_existing=True)
    if row is None or row.to_agent != agent:
        raise InvalidField("ask", "there is no such question to you")
    if reply not in list(Reply):
        raise InvalidField("ask_answer", f"choose one of {', '.join(Reply)}")
    if row.answer == reply:
        return
    row.answer, row.answered_at = reply, now
    session.flush()
    _tell(session, row, now)


def _tell(session: Session, row: Ask, now: datetime) -> None:
    data = {"call_sid": row.call_sid, "ask": row.id, "answer": row.answer}
    for agent in (row.by_agent, row.to_agent):
        desk_events.tell(session, agent, "ask", data, now)


def at_desk(session: Session, agent: str, names: dict[str, str], now: datetime) -> Sequence[Line]:
    """Return what an agent was asked, or has asked, about calls that go on or were just now; newest first."""
    rows = session.execute(
        select(Ask, Case.subject)
        .join(Call, Call.sid == Ask.call_sid)
        .outerjoin(Case, Case.key == Call.case)
        .where(
            or_(Ask.to_agent == agent, Ask.by_agent == agent),
            Ask.asked_at > now - timedelta(days=1),
            or_(IS_LIVE, Ask.asked_at > now - SHOWN_FOR),
        )
        .order_by(Ask.asked_at.desc(), Ask.id.desc())
        .limit(MOST_SHOWN)
    )
    return [
        Line(
            id=row.id,
            call_sid=row.call_sid,
            is_mine=row.by_agent == agent,
            other=names.get(other := row.to_agent if row.by_agent == agent else row.by_agent, other),
            text=row.text,
            subject=subject or "",
            answer=row.answer,
            asked_at=row.asked_at,
        )
        for row, subject in rows
    ]
