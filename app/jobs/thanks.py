"""Which conversations were just over? Their customers are asked whether all is well, if that is fitting."""

from datetime import datetime

from app import db
from app.beside import thanks
from app.deployment import Deployment


def work_off(deployment: Deployment, now: datetime) -> int:
    """Let the pages leave that are due; safe when several do it at once."""
    with db.transaction() as session:
        return thanks.work_off(session, now, deployment)
