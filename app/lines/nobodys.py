"""Which numbers are nobody's own? A switchboard's, or one that a system forwards everybody's calls with."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.records.callers import NobodysNumber


def mark(session: Session, e164: str, note: str, now: datetime) -> NobodysNumber:
    """From now on nobody is recognised by this number, nor rung back or written to on it."""
    found = session.get(NobodysNumber, e164)
    if found is None:
        found = NobodysNumber(e164=e164, marked_at=now)
        session.add(found)
    found.note = note
    session.flush()
    return found


def unmark(session: Session, e164: str) -> bool:
    """It is somebody's after all; False when it wasn't marked."""
    found = session.get(NobodysNumber, e164)
    if found is not None:
        session.delete(found)
        session.flush()
    return found is not None
