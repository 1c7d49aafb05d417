"""By which rules is something tried: those in force, or what somebody works on?"""

from sqlalchemy.orm import Session

from app.routing import publishing
from app.routing.rules import Rules, in_force


def rules_of(session: Session, *, draft: bool) -> Rules:
    """Return the rules in force, or the draft; where nobody works on one they are the same."""
    return publishing.draft(session).rules if draft else in_force(session)
