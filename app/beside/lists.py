"""What do teams keep for their desks? Causes of calls with who can mend them, and short answers."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import log as audit
from app.audit.log import Actor, What
from app.beside import answers
from app.records.beside import Cause, TeamAnswer


def all_causes(session: Session) -> Sequence[Cause]:
    return session.scalars(select(Cause).order_by(Cause.position, Cause.name, Cause.key)).all()


def all_answers(session: Session) -> Sequence[TeamAnswer]:
    return session.scalars(select(TeamAnswer).order_by(TeamAnswer.team, TeamAnswer.title)).all()


def answer_called(session: Session, key: str) -> TeamAnswer | None:
    return session.scalar(select(TeamAnswer).where(TeamAnswer.key == key))


def write_cause(
    session: Session,
    key: str,
    by: Actor,
    now: datetime,
    *,
    name: str,
    owner: str,
    position: int,
    enabled: bool,
) -> Cause:
    """Keep a cause under its key. One that was chosen before is never deleted: it is switched off."""
    row = session.get(Cause, key) or Cause(key=key)
    row.name, row.owner, row.position, row.enabled = name, owner, position, enabled
    session.add(row)
    audit.record(session, by, What.LISTS_CHANGED, now, list="causes", key=key)
    session.flush()
    return row


def write_answer(
    session: Session, key: str, by: Actor, now: datetime, *, team: str, title: str, body: str
) -> TeamAnswer:
    """Keep an answer under its key."""
    audit.record(session, by, What.LISTS_CHANGED, now, list="answers", key=key)
    return answers.write(session, key, team=team, title=title, body=body, now=now)


def remove_answer(session: Session, key: str, by: Actor, now: datetime) -> bool:
    """Delete an answer; False when there is none of that key."""
    row = answer_called(session, key)
    if row is None:
        return False
    session.delete(row)
    audit.record(session, by, What.LISTS_CHANGED, now, list="answers", key=key, removed=True)
    session.flush()
    return True
