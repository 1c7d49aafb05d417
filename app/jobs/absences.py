"""Is somebody's absence beginning, or over?"""

from datetime import datetime

from app import db
from app.agents import absences


def keep(now: datetime) -> int:
    with db.transaction() as session:
        return absences.keep(session, now)
