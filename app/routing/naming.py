"""May a caller be told an agent's name? Not where rules keep names back, nor who only says to be somebody.

Whoever says a name and a postcode may be anybody: who answers for that matter would tell them of it.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Reader
from app.records.calls import Call
from app.records.promises import Promise
from app.routing import rules


def is_only_said(reader: Reader, promise: int) -> bool:
    """Tell whether a promise was made to who said to be somebody, and nobody has made sure since."""
    of_a_claim = select(Call.sid).where(
        Call.promise == promise, Call.claimed.is_not(None), Call.customer.is_(None)
    )
    return reader.scalar(of_a_claim.limit(1)) is not None


def of_promise(session: Session, promise: Promise) -> bool:
    """Tell whether the customer of a promise may be told by name who owes it."""
    if promise.customer is None and is_only_said(session, promise.id):
        return False
    return rules.of_origin(session, promise.origin).ladder.speaks_names
