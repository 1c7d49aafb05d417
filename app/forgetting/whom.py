"""Who is meant, and what is certainly theirs? A person is found by a number or by a customer's key.

People who share a number are told apart as far as we know them apart (docs/decisions/0014, 0022).
"""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from app.records.callers import CustomerNumber
from app.records.calls import Call
from app.records.privacy import Whom


def numbers_of_nobody_else(session: Session, customer: str) -> Sequence[str]:
    """Return the numbers that are this customer's alone."""
    other = aliased(CustomerNumber)
    shared = select(other.e164).where(other.e164 == CustomerNumber.e164, other.customer != customer).exists()
    mine = select(CustomerNumber.e164).where(CustomerNumber.customer == customer, ~shared)
    return session.scalars(mine.order_by(CustomerNumber.position)).all()


def customers_of(session: Session, e164: str) -> Sequence[str]:
    """Return the customers whose number it is, by their keys."""
    theirs = select(CustomerNumber.customer).where(CustomerNumber.e164 == e164)
    return session.scalars(theirs.order_by(CustomerNumber.customer)).all()


def calls(session: Session, kind: Whom, of: str, most: int) -> int:
    """Return how many calls are found under a number, or name a customer; `most` when there are more."""
    column = Call.remote_e164 if kind == Whom.NUMBER else Call.customer
    some = select(Call.sid).where(column == of).limit(most)
    return session.scalar(select(func.count()).select_from(some.subquery())) or 0
