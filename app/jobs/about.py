"""In which calls that are over was something heard? Topics learn their words, where these ended."""

import logging
from datetime import datetime

from app import db
from app.beside import about

log = logging.getLogger(__name__)

AT_ONCE = 200


def work_off(now: datetime) -> int:
    """Learn from the calls that are due, each for itself; safe when several do it at once."""
    with db.patient_reading() as session:
        sids = session.scalars(about.due(now).limit(AT_ONCE)).all()
    for sid in sids:
        with db.transaction() as session:
            about.learn(session, sid)
    return len(sids)
