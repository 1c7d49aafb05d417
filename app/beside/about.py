"""What was a call about in which something was heard? Where it ended tells, an agent tells better.

Topics learn from it, and nobody on the telephone waits: a worker does it, once all is over and noted.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.errors import InvalidField
from app.records.agents import Agent
from app.records.beside import WrapUp
from app.records.callers import Case, Customer
from app.records.calls import IS_ENDED, Call
from app.records.topics import Topic
from app.routing.situation import TakenFor
from app.topics import hearing, learning

# An agent who says what it was about does so in the wrap-up, or soon after.
LEARNT_AFTER = timedelta(minutes=15)
# Whoever said who they are, or which case it is, hardly said what it is about; and names are nobody's words.
_TELLS_NOTHING = (TakenFor.NAME, TakenFor.CASE, TakenFor.SILENCE)


def call_ends(call: Call, now: datetime) -> None:
    """Remember to learn from a call in which something was heard; asks the database nothing."""
    if heard_in(call):
        call.learn_at = now + LEARNT_AFTER


def heard_in(call: Call) -> str:
    """Return what was answered to the open question; empty: nothing was, or it was not put."""
    return str((call.heard or {}).get("text", ""))


def choices(session: Session) -> Sequence[Topic]:
    """Return what a call may have been about, by name."""
    return session.scalars(select(Topic).order_by(Topic.name, Topic.key)).all()


def say(session: Session, call: Call, row: WrapUp, topic: str, now: datetime) -> None:
    """The agent says, or takes back (empty), what a call was about. Raises InvalidField for no such topic."""
    if topic == row.topic:
        return
    if topic and session.get(Topic, topic) is None:
        raise InvalidField("topic", "choose one of the list")
    row.topic = topic
    if topic and call.ended_at is not None and heard_in(call):
        call.learn_at = now + LEARNT_AFTER


def due(now: datetime) -> Select[str]:
    """Return the calls to learn from, the oldest first."""
    return select(Call.sid).where(Call.learn_at <= now, IS_ENDED).order_by(Call.learn_at)


def learn(session: Session, sid: str) -> None:
    """Note the words of one call where it ended, unless somebody else does so now, or has."""
    call = session.get(Call, sid, with_for_update={"skip_locked": True}, populate_existing=True)
    if call is None or call.learn_at is None:
        return
    call.learn_at = None
    said = _without_names(session, call)
    by_agent = _said_by_agent(session, call)
    if by_agent:
        learning.note_outcome(session, said, by_agent, by_agent=True)
    elif call.bridged_at is not None and (call.heard or {}).get("taken_for") not in _TELLS_NOTHING:
        learning.note_outcome(session, said, _team(session, call), by_agent=False)


def _said_by_agent(session: Session, call: Call) -> str:
    """Return the topic that an agent chose; of several the one whom the call went to last."""
    rows = session.scalars(select(WrapUp).where(WrapUp.call_sid == call.sid, WrapUp.topic != "")).all()
    last = [row for row in rows if row.agent == call.bridged_to] or list(rows)
    return last[0].topic if last else ""


def _team(session: Session, call: Call) -> str:
    """Return the team of the case that it turned out to be about, else of whoever was spoken to."""
    of_case = session.scalar(select(Case.team).where(Case.key == call.case)) if call.case else None
    return of_case or session.scalar(select(Agent.team).where(Agent.key == call.bridged_to)) or ""


def _without_names(session: Session, call: Call) -> str:
    """Leave out what the customer is called, whom it turned out to be or who they say to be."""
    keys = {call.customer, call.claimed} - {None}
    names = session.scalars(select(Customer.name).where(Customer.key.in_(keys))).all() if keys else ()
    theirs = {word for name in names for word in hearing.words(name)}
    return " ".join(word for word in hearing.words(heard_in(call)) if word not in theirs)
