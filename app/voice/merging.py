"""What happened while the database was gone? Brings what was kept on disk to where the truth is kept."""

import logging
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import db
from app.voice import answering, progress
from app.voice.degraded import Spool
from app.voice.ladder import Deployment
from app.voice.models import Call

log = logging.getLogger(__name__)


def merge(spool: Spool, deployment: Deployment) -> int:
    """Write down what was kept on disk while the database was gone; return how many facts."""
    merged = 0
    for path, spooled in spool.take():
        for fact in spooled:
            try:
                with db.transaction() as session:
                    _merge(session, fact, deployment)
                merged += 1
            except IntegrityError:
                log.info("spooled fact was known already", extra={"call_sid": fact.get("call_sid")})
        _remove(path)
    return merged


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _merge(session: Session, fact: dict[str, str], deployment: Deployment) -> None:
    sid, at = fact.get("call_sid", ""), datetime.fromisoformat(fact["at"])
    known = session.get(Call, sid)
    if known is None and fact.get("to") and sid:
        incoming = answering.IncomingCall(sid, fact.get("from", ""), fact["to"])
        answering.note_degraded(session, incoming, at, deployment)
        known = session.get(Call, sid)
    if known is None:
        return
    if fact["kind"] == "message":
        answering.note_message(session, known, fact.get("recording_sid", ""), at, deployment)
    elif fact["kind"] == "ended":
        progress.status(session, sid, fact["call_status"], at, deployment)
