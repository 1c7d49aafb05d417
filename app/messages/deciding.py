"""How is a promise left to people? Nothing rings any more until somebody decides."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from sqlalchemy.orm import Session

from app.agents import teams
from app.promises import ledger
from app.records.promises import Promise


def ask_a_human(
    session: Session,
    promise: Promise,
    why: str,
    now: datetime,
    details: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Leave it to people: nothing rings any more until somebody decides; supervisors are told."""
    promise.next_at = None
    ledger.note(session, promise, why, now, details=details)
    ledger.show_at(session, promise, teams.supervising(session, promise.team), now, asks_human=True)
