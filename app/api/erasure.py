"""How is somebody forgotten? Their records go; calls and promises stay as facts that name nobody."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Select, Text, cast, delete, null, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from app.agents import desk_events
from app.db import take_the_time
from app.outgoing import outbox
from app.promises import ledger, recordings
from app.records.agents import DeskEvent
from app.records.callers import Case, Customer, CustomerNumber
from app.records.calls import Call, CallStep, Inbox
from app.records.messages import Message, MessageStop
from app.records.outgoing import Outbox
from app.records.promises import Promise, PromiseAttempt, PromiseEvent, PromiseState, Recording

T = TypeVar("T")


def erase(session: Session, customer: str, who: str, now: datetime) -> bool:
    """Forget the customer with their numbers, cases and contacts; False when there is none.

    What they are still owed is withdrawn by `who`. Calls and promises keep their times and outcomes, so that
    the house's figures stay true, but neither number nor customer nor case. A number that is also another
    customer's stays theirs.
    """
    if session.get(Customer, customer, with_for_update=True) is None:
        return False
    take_the_time(session)
    cases = list(session.scalars(select(Case.key).where(Case.customer == customer)))
    numbers = _numbers_of_nobody_else(session, customer)
    calls = list(
        session.scalars(
            select(Call.sid).where(
                or_(Call.customer == customer, Call.case.in_(cases), Call.from_e164.in_(numbers))
            )
        )
    )
    withdrawn = _forget_promises(session, customer, cases, numbers, who, now)
    _forget_calls(session, calls, now)
    _forget_messages(session, customer, cases, numbers)
    _forget_desk_events(session, {"customer": [customer], "case": cases, "call_sid": calls})
    _forget_what_others_wait_for(session, {"customer": [customer], "case": cases, "call_sid": calls})
    for promise in withdrawn:
        if promise.agent:
            # In place of the news that named them.
            news = {
                "promise": promise.id,
                "state": str(PromiseState.WITHDRAWN),
                "case": None,
                "customer": None,
            }
            desk_events.tell(session, promise.agent, "promise", news, now)
    # Numbers, cases and contacts go with them, by the database's own rules.
    session.execute(delete(Customer).where(Customer.key == customer))
    return True


def _numbers_of_nobody_else(session: Session, customer: str) -> list[str]:
    other = aliased(CustomerNumber)
    shared = select(other.e164).where(other.e164 == CustomerNumber.e164, other.customer != customer).exists()
    return list(
        session.scalars(select(CustomerNumber.e164).where(CustomerNumber.customer == customer, ~shared))
    )


def _forget_promises(
    session: Session, customer: str, cases: list[str], numbers: list[str], who: str, now: datetime
) -> list[Promise]:
    """Withdraw what is owed to them and blank what was; return those that were withdrawn."""
    theirs = or_(Promise.customer == customer, Promise.case.in_(cases), Promise.number.in_(numbers))
    owed = session.scalars(select(Promise).where(theirs, Promise.state.in_(_MAY_BE_WITHDRAWN))).all()
    for promise in owed:
        ledger.withdraw(session, promise.id, who, now)
    session.flush()
    session.execute(
        update(PromiseAttempt)
        .where(PromiseAttempt.promise.in_(select(Promise.id).where(theirs)))
        .values(number="")
        .execution_options(synchronize_session=False)
    )
    for event in session.scalars(
        select(PromiseEvent).where(PromiseEvent.promise.in_(select(Promise.id).where(theirs)))
    ):
        # Of what happened only who of ours, when and which error stay; nothing else may name them.
        event.details = {name: event.details[name] for name in _HARMLESS_DETAILS & event.details.keys()}
    session.flush()
    recordings.forget(session, Recording.promise.in_(select(Promise.id).where(theirs)), now)
    session.execute(
        update(Promise)
        .where(theirs)
        .values(number=None, customer=None, case=None, about="")
        .execution_options(synchronize_session=False)
    )
    return list(owed)


_HARMLESS_DETAILS = frozenset({"agent", "time", "error"})
_MAY_BE_WITHDRAWN = [
    state for state, following in ledger.FOLLOWS.items() if PromiseState.WITHDRAWN in following
]


def _forget_calls(session: Session, calls: list[str], now: datetime) -> None:
    ended = select(Call.sid).where(Call.ended_at.is_not(None))
    for some in _slices(calls):
        session.execute(
            update(Call)
            .where(Call.sid.in_(some))
            .values(from_e164=None, customer=None, case=None)
            .execution_options(synchronize_session=False)
        )
        # What was decided stays; what it depended on names the customer and the case.
        session.execute(
            update(CallStep)
            .where(CallStep.call_sid.in_(some))
            .values(situation=null())
            .execution_options(synchronize_session=False)
        )
        recordings.forget(session, Recording.call_sid.in_(some), now)
        # What we once answered the carrier names the case and the customer; a call that is going on needs it.
        session.execute(delete(Inbox).where(Inbox.call_sid.in_(some), Inbox.call_sid.in_(ended)))


def _forget_messages(session: Session, customer: str, cases: list[str], numbers: list[str]) -> None:
    """Delete what went to and fro, sent or not, and that a number of theirs wanted no messages."""
    theirs = or_(Message.customer == customer, Message.case.in_(cases), Message.number.in_(numbers))
    sids = list(session.scalars(select(Message.sid).where(theirs)))
    found = _naming(session, select(Outbox.id), Outbox.payload, [*numbers, *sids])
    for some in _slices([row.id for row in found]):
        session.execute(delete(Outbox).where(Outbox.id.in_(some)))
    for some in _slices(sids):
        session.execute(delete(Message).where(Message.sid.in_(some)))
    session.execute(delete(MessageStop).where(MessageStop.number.in_(numbers)))


def _forget_desk_events(session: Session, keys: dict[str, list[str]]) -> None:
    """Delete what desks were told of them; `keys` lists whom under the name that events give them."""
    statement: Select[Any] = select(DeskEvent.agent, DeskEvent.number, DeskEvent.data)
    wanted = {(name, key) for name, listed in keys.items() for key in listed}
    values = [key for listed in keys.values() for key in listed]
    for agent, number, data in _naming(session, statement, DeskEvent.data, values):
        if not wanted.isdisjoint(_named_in(data)):
            session.execute(delete(DeskEvent).where(DeskEvent.agent == agent, DeskEvent.number == number))


def _forget_what_others_wait_for(session: Session, keys: dict[str, list[str]]) -> None:
    """Delete what other systems were told of them, or would be; their numbers went with the messages."""
    statement: Select[Any] = select(Outbox.id, Outbox.payload).where(Outbox.kind == outbox.CALL_HOOK)
    wanted = {(name, key) for name, listed in keys.items() for key in listed}
    values = [key for listed in keys.values() for key in listed]
    for row_id, fact in _naming(session, statement, Outbox.payload, values):
        if not wanted.isdisjoint(_named_in(fact)):
            session.execute(delete(Outbox).where(Outbox.id == row_id))


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


def _naming(
    session: Session, statement: Select[Any], column: InstrumentedAttribute[Any], values: list[str]
) -> list[Any]:
    """Return the rows whose JSON holds one of the texts; more may come, never fewer."""
    found: list[Any] = []
    for some in _slices(values, 50):
        as_written = {json.dumps(value, ensure_ascii=escaped) for value in some for escaped in (True, False)}
        text_of = cast(column, Text)
        found += session.execute(
            statement.where(or_(*(text_of.contains(one, autoescape=True) for one in sorted(as_written))))
        ).all()
    return found


def _slices(values: Sequence[T], size: int = 500) -> Iterator[Sequence[T]]:
    return (values[start : start + size] for start in range(0, len(values), size))
