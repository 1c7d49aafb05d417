"""Is what was written down sealed? Every second where there is something; and the head is told outside."""

import logging
from datetime import datetime

from sqlalchemy import Select, select

from app import db
from app.audit import keys, proving, sealing
from app.jobs.look import Moments
from app.records.audit import AuditPending

log = logging.getLogger(__name__)


def waiting(moments: Moments) -> Select[int]:
    return select(AuditPending.id)


def seal(now: datetime) -> int:
    """Seal what waits, a part at a time, so that nobody else waits for long."""
    count = 0
    while True:
        try:
            with db.transaction() as session:
                some = sealing.seal(session, now)
        except keys.KeyUnknown:
            log.error("the audit log can't be sealed: no SECRET_KEY that is known opens its key")
            return count
        count += some
        if some < sealing.AT_A_TIME:
            return count


def tell_head() -> None:
    """Say in the process's own log where the audit log stands: kept elsewhere, it proves what was there."""
    with db.reading() as session:
        head = proving.head_of(session)
    if head is not None:
        log.info("the audit log stands at", extra={"anchor": str(head)})
