"""What would be gone if somebody were forgotten? Counted before anybody says yes."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.forgetting import erasure, whom
from app.forgetting.naming import slices
from app.records.callers import Case, Contact, Customer, CustomerNumber
from app.records.calls import Call
from app.records.notes import CallNote
from app.records.privacy import Whom
from app.records.promises import IS_OWED, IS_TO_BE_HEARD, Promise, Recording
from app.records.screen import Upload


@dataclass(frozen=True)
class Preview:
    """How much there is of somebody, as forgetting them would find it."""

    calls: int
    promises: int
    owed: int
    messages: int
    recordings: int
    notes: int
    uploads: int
    cases: int
    contacts: int
    shared: tuple[str, ...]  # numbers that stay another customer's
    lose: tuple[str, ...]  # names of the customers who lose the number, and stay


def of(session: Session, kind: Whom, value: str) -> Preview:
    """Look through what is known of a number, or of a customer who is there."""
    found = erasure.all_of(session, kind, value)
    recordings: dict[str, None] = {}
    for column, keys in ((Recording.call_sid, found.calls), (Recording.promise, found.promises)):
        for some in slices(keys):
            wanted = select(Recording.sid).where(column.in_(some), IS_TO_BE_HEARD)
            recordings |= dict.fromkeys(session.scalars(wanted))
    theirs = kind == Whom.CUSTOMER
    noted = CallNote.customer == value if theirs else (CallNote.number == value) & CallNote.customer.is_(None)
    contacts = select(func.count()).join(Case, Case.key == Contact.case).where(Case.customer == value)
    return Preview(
        calls=len(found.calls),
        promises=len(found.promises),
        owed=_owed(session, found.promises),
        messages=len(found.messages),
        recordings=len(recordings),
        notes=session.scalar(select(func.count()).where(noted)) or 0,
        uploads=_uploads(session, kind, value),
        cases=len(found.cases),
        contacts=(session.scalar(contacts.select_from(Contact)) or 0) if theirs else 0,
        shared=_shared(session, value) if theirs else (),
        lose=() if theirs else _names(session, whom.customers_of(session, value)),
    )


def _uploads(session: Session, kind: Whom, value: str) -> int:
    """Count files that go: those of a customer; of a number, those that were sent from it by no customer."""
    sent = select(Call.sid).where(Call.sid == Upload.call_sid, Call.remote_e164 == value).exists()
    theirs = Upload.customer == value if kind == Whom.CUSTOMER else Upload.customer.is_(None) & sent
    return session.scalar(select(func.count()).select_from(Upload).where(theirs)) or 0


def _owed(session: Session, promises: Sequence[int]) -> int:
    return sum(
        session.scalar(select(func.count()).where(Promise.id.in_(some), IS_OWED)) or 0
        for some in slices(promises)
    )


def _shared(session: Session, customer: str) -> tuple[str, ...]:
    theirs = session.scalars(select(CustomerNumber.e164).where(CustomerNumber.customer == customer)).all()
    return tuple(sorted(set(theirs) - set(whom.numbers_of_nobody_else(session, customer))))


def _names(session: Session, customers: Sequence[str]) -> tuple[str, ...]:
    named = select(Customer.name).where(Customer.key.in_(customers)).order_by(Customer.name)
    return tuple(session.scalars(named))
