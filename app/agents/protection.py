"""Who is kept apart from whom, and whose opinion isn't asked? What others must know of a protection."""

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from app.records.calls import Call
from app.records.protections import Protection, Review


def of_call(session: Session, call_sid: str, agent: str) -> Protection | None:
    """Return how this agent was protected in this call; None when they weren't."""
    wanted = select(Protection).where(Protection.call_sid == call_sid, Protection.agent == agent)
    return session.scalar(wanted.execution_options(populate_existing=True))


def is_apart(session: Session, agent: str, *, number: str | None, customer: str | None) -> bool:
    """Tell whether an agent isn't to be connected with a caller: rung for them, or ringing them."""
    apart = (Protection.agent == agent, Protection.keeps_apart, _is_theirs(number, customer))
    return session.scalar(select(Protection.id).where(*apart).limit(1)) is not None


def spares_opinion(session: Session, call: Call) -> bool:
    """Tell whether nobody asks this call's caller for an opinion: it would be one more chance to hit.

    So it is for this call, and for every call of whoever an agent had to be protected from, until a
    supervisor has lifted that.
    """
    of_it = or_(Protection.call_sid == call.sid, _is_theirs(call.remote_e164, call.customer))
    found = select(Protection.id).where(of_it, Protection.review != Review.LIFTED)
    return session.scalar(found.limit(1)) is not None


def _is_theirs(number: str | None, customer: str | None) -> ColumnElement[bool]:
    """Say of a row that it is about this number, or this customer; never about who is known by neither."""
    # A column that is NULL equals nothing, and no number is empty.
    return or_(Protection.number == (number or ""), Protection.customer == (customer or ""))
