"""Is anybody to be forgotten still? Does what was too much for a page, or was broken off."""

import logging
import time
from collections.abc import Callable
from datetime import datetime

from app import db
from app.clock import going_on_from
from app.forgetting import requests

log = logging.getLogger(__name__)

# Between two transactions others get their turn, also at SQLite's one lock.
PAUSE_SECONDS = 0.05


def work_off(now: datetime, *, stopped: Callable[[], bool] = lambda: False) -> int:
    """Forget whom it was asked to forget; return how many requests were looked at."""
    clock = going_on_from(now)
    with db.reading() as session:
        due = session.scalars(requests.due(now).order_by("id")).all()
    for request in due:
        if stopped():
            break
        try:
            finish(request, clock(), stopped)
        except Exception as error:
            log.warning(
                "somebody could not be forgotten yet",
                extra={"erasure": request, "error": type(error).__name__},
            )
            with db.transaction() as session:
                requests.put_off(session, request, clock())
    return len(due)


def finish(
    request: int, now: datetime, stopped: Callable[[], bool] = lambda: False
) -> requests.Receipt | None:
    """Forget all that is left to forget, and what SQLite's log still holds of it; None: there was nothing."""
    while not stopped() and _thin_out(request, now):
        time.sleep(PAUSE_SECONDS)
    with db.patient_transaction() as session:
        receipt = requests.carry_out(session, request, now, however_much=not stopped())
    if receipt is not None and receipt.done_at is not None:
        clean = db.current().empty_log()
        with db.transaction() as session:
            requests.is_over(session, request, now, clean=clean)
    return receipt


def _thin_out(request: int, now: datetime) -> int:
    with db.patient_transaction() as session:
        return requests.thin_out(session, request, now)
