"""How does the log forget what is old, and stay whole? A line says up to where, and the hash there."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, exists, func, select
from sqlalchemy.orm import Session

from app.audit import chain, sealing
from app.audit.log import What
from app.records.audit import AuditEntry, AuditSubject, Via


@dataclass(frozen=True)
class Forgotten:
    """What the log forgot: up to which line, and how many."""

    until: int
    lines: int


def may_forget(session: Session) -> bool:
    """Tell whether this role may take lines away at all: on PostgreSQL only the tables' owner may."""
    if session.get_bind().dialect.name == "sqlite":
        return True
    return bool(session.scalar(select(func.has_table_privilege("audit_entries", "DELETE"))))


def forget(session: Session, before: datetime, who: str, now: datetime) -> Forgotten | None:
    """Forget the lines from before a moment; None when there are none.

    The lines go from the beginning on, so one whose clock was ahead keeps those after it. Raises SQLAlchemy's
    error where the database's role may not: on PostgreSQL that is for the tables' owner.
    """
    first_kept = session.scalar(select(func.min(AuditEntry.number)).where(AuditEntry.at >= before))
    newest = session.scalar(select(func.max(AuditEntry.number)))
    last = (first_kept - 1) if first_kept is not None else newest
    row = session.get(AuditEntry, last) if last else None
    if row is None:
        return None
    lines = session.scalar(select(func.count()).where(AuditEntry.number <= row.number)) or 0
    said = {
        "at": now,
        "what": str(What.LOG_FORGOT),
        "who": who,
        "via": Via.COMMAND,
        "subject_kind": "",
        "subject": "",
        "details": chain.details_as_text({"hash": row.hash, "lines": lines}),
        "forgets_until": row.number,
    }
    sealing.append(session, said, now)
    session.flush()
    session.execute(
        delete(AuditEntry).where(AuditEntry.number <= row.number).execution_options(synchronize_session=False)
    )
    still = exists().where(AuditEntry.subject == AuditSubject.hash)
    session.execute(delete(AuditSubject).where(~still).execution_options(synchronize_session=False))
    return Forgotten(row.number, lines)
