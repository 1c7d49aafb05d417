"""Who is meant, and what is certainly theirs? A person is found by a number or by a customer's key.

People who share a number are told apart as far as we know them apart (docs/decisions/0014, 0022).
"""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, false, func, literal, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from app.records.callers import Case, Contact, Customer, CustomerNumber, NobodysNumber
from app.records.calls import Call
from app.records.messages import Message, MessageStop
from app.records.notes import CallNote
from app.records.privacy import Whom
from app.records.promises import Promise
from app.records.screen import Upload


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


def is_much(session: Session, kind: Whom, of: str, most: int) -> bool:
    """Tell whether so many calls, or messages, are found under a number, or name a customer."""
    by_number = kind == Whom.NUMBER
    calls = select(Call.sid).where((Call.remote_e164 if by_number else Call.customer) == of)
    messages = select(Message.sid).where((Message.number if by_number else Message.customer) == of)
    counted = (select(func.count()).select_from(one.limit(most).subquery()) for one in (calls, messages))
    return any((session.scalar(count) or 0) >= most for count in counted)


@dataclass(frozen=True)
class Person:
    """Somebody of whom all is asked for: a customer, or whoever has a number that is no customer's."""

    customer: str | None
    numbers: tuple[str, ...]  # theirs alone
    shared: tuple[str, ...]  # also somebody else's


def person(session: Session, kind: Whom, of: str) -> Person | None:
    """Return who is meant; None for a customer who isn't there.

    A number of one customer leads to them. One of several leads to nobody: who of them it is is asked first.
    """
    if kind == Whom.NUMBER:
        customers = customers_of(session, of)
        if len(customers) > 1:
            return Person(None, (), (of,))
        if not customers:
            return Person(None, (of,), ())
        of = customers[0]
    if session.get(Customer, of) is None:
        return None
    alone = tuple(numbers_of_nobody_else(session, of))
    theirs = select(CustomerNumber.e164).where(CustomerNumber.customer == of)
    return Person(of, alone, tuple(sorted(set(session.scalars(theirs)) - {*alone})))


def is_known(session: Session, of: Person) -> bool:
    """Tell whether there is anything of them at all."""
    if of.customer is not None or of.shared:
        return True
    wanted: tuple[Select[Any], ...] = (
        select(Call.sid).where(Call.remote_e164.in_(of.numbers)),
        select(Message.sid).where(Message.number.in_(of.numbers)),
        select(Promise.id).where(Promise.number.in_(of.numbers)),
        select(MessageStop.number).where(MessageStop.number.in_(of.numbers)),
        select(NobodysNumber.e164).where(NobodysNumber.e164.in_(of.numbers)),
    )
    return any(session.scalar(one.limit(1)) is not None for one in wanted)


# --- what is certainly theirs -------------------------------------------------------------------------


def their_calls(of: Person) -> ColumnElement[bool]:
    """Those of their own numbers and those that name them; on a shared number only where somebody knew.

    That a number was recognised is a guess there. What an agent spoke or noted about is none.
    """
    in_file = (
        select(Contact.key)
        .join(Case, Case.key == Contact.case)
        .where(Contact.key == literal("call:") + Call.sid, Case.customer == of.customer)
        .exists()
    )
    noted = select(CallNote.call_sid).where(CallNote.call_sid == Call.sid, CallNote.customer == of.customer)
    return _theirs(of, Call.remote_e164, Call.customer, in_file | noted.exists())


def their_messages(of: Person) -> ColumnElement[bool]:
    """The same; on a shared number those that an agent wrote to them."""
    return _theirs(of, Message.number, Message.customer, Message.author.is_not(None))


def their_promises(of: Person) -> ColumnElement[bool]:
    """The same; on a shared number those that an agent or another system made for them."""
    guessed = or_(Promise.origin.startswith("call:"), Promise.origin.startswith("message:"))
    return _theirs(of, Promise.number, Promise.customer, ~guessed)


def their_notes(of: Person) -> ColumnElement[bool]:
    """An agent says themselves whom a note is about."""
    return _theirs(of, CallNote.number, CallNote.customer, true())


def their_uploads(of: Person) -> ColumnElement[bool]:
    """Files that name them; of whoever is no customer, those that were sent in calls from their number."""
    if of.customer is not None:
        return Upload.customer == of.customer
    sent = select(Call.sid).where(Call.sid == Upload.call_sid, Call.remote_e164.in_(of.numbers))
    return Upload.customer.is_(None) & sent.exists()


def _theirs(
    of: Person,
    number: InstrumentedAttribute[Any],
    customer: InstrumentedAttribute[Any],
    known: ColumnElement[bool],
) -> ColumnElement[bool]:
    of_number: ColumnElement[bool] = customer.is_(None) & number.in_(of.numbers)
    if of.customer is None:
        return of_number
    is_shared = number.in_(of.shared)
    return of_number | ((customer == of.customer) & (number.is_(None) | ~is_shared | known))


@dataclass(frozen=True)
class Doubts:
    """How much of their numbers is left out, since it is, or may be, somebody else's."""

    calls: int
    messages: int
    promises: int
    notes: int

    def __bool__(self) -> bool:
        return bool(self.calls or self.messages or self.promises or self.notes)


def doubts(session: Session, of: Person) -> Doubts:
    """Count what came from, or went to, one of their numbers and is not certainly theirs."""
    numbers = (*of.numbers, *of.shared)

    def others(number: Any, theirs: ColumnElement[bool]) -> int:
        wanted = select(func.count()).where(number.in_(numbers), ~func.coalesce(theirs, false()))
        return session.scalar(wanted) or 0

    return Doubts(
        calls=others(Call.remote_e164, their_calls(of)),
        messages=others(Message.number, their_messages(of)),
        promises=others(Promise.number, their_promises(of)),
        notes=others(CallNote.number, their_notes(of)),
    )


# --- where JSON tells of them --------------------------------------------------------------------------


@dataclass(frozen=True)
class Names:
    """By what JSON tells of somebody: texts of any name, and keys under the name that events give them."""

    texts: Set[str]
    keys: Set[tuple[str, str]]

    def are_in(self, data: Any) -> bool:
        return any(named[1] in self.texts or named in self.keys for named in _named_in(data))

    def others_are_in(self, data: Any) -> bool:
        """Tell whether it names another customer, too."""
        named = (one for one in _named_in(data) if one[0] == "customer")
        return any(one not in self.keys for one in named)

    @classmethod
    def of(
        cls, person: Person, cases: Sequence[str], calls: Sequence[str], messages: Sequence[str]
    ) -> "Names":
        """Return by what a person is told of, where nothing but what is certainly theirs may be found."""
        customers = [person.customer] if person.customer else []
        return cls.made(person.numbers, customers, cases, calls, messages)

    @classmethod
    def made(
        cls,
        numbers: Sequence[str],
        customers: Sequence[str],
        cases: Sequence[str],
        calls: Sequence[str],
        messages: Sequence[str],
    ) -> "Names":
        keys = (("customer", customers), ("case", cases), ("call_sid", calls))
        named = frozenset((name, key) for name, some in keys for key in some)
        return cls(frozenset([*numbers, *messages]), named)


def _named_in(data: Any) -> Iterator[tuple[str, str]]:
    """Yield every (name, text) in a JSON value, however deep."""
    if isinstance(data, list):
        for item in data:
            yield from _named_in(item)
    elif isinstance(data, dict):
        for name, value in data.items():
            if isinstance(value, str):
                yield name, value
            else:
                yield from _named_in(value)
