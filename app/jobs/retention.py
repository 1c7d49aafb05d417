"""Is anything kept for too long? Forgets what is old, a little at a time; safe when several do it."""

import logging
import time
from datetime import datetime

from app import db
from app.forgetting import counting, retention
from app.forgetting.retention import Old
from config import Keep

log = logging.getLogger(__name__)

# Between two transactions others get their turn, also at SQLite's one lock.
PAUSE_SECONDS = 0.05


def forget_old(keep: Keep, now: datetime) -> dict[str, int]:
    """Forget all that is old; return how much of each kind there was of which there was any."""
    forgotten: dict[str, int] = {}
    for old in retention.everything(keep, now):
        try:
            count = _forget(old, now)
        except Exception:
            # It is tried again in its time, and the other kinds have theirs.
            log.exception("what is old could not be forgotten", extra={"kind": old.name})
            continue
        if count:
            forgotten[old.name] = count
            log.info("what was old is forgotten", extra={"kind": old.name, "rows": count})
    return forgotten


def _forget(old: Old, now: datetime) -> int:
    count = 0
    while True:
        with db.patient_transaction() as session:
            some = old.some(session, now)
            if some:
                counting.add(session, old.name, some, now)
        count += some
        if some < retention.AT_A_TIME:
            return count
        time.sleep(PAUSE_SECONDS)
