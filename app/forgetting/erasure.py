"""How is somebody forgotten, a customer or whoever has a number? Nothing that leads to them stays.

Calls and promises keep their times and outcomes, so that the house's figures stay true, but name nobody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

from sqlalchemy import Select, Update, delete, null, select, update
from sqlalchemy.orm import Session

from app.agents import desk_events
from app.audit import log as audit
from app.audit import sealing
from app.audit.log import Subject, What
from app.forgetting import copies
from app.forgetting.naming import slices, unname_calls, unname_promises
from app.forgetting.whom import Names, numbers_of_nobody_else
from app.outgoing import outbox
from app.promises import ledger, whose
from app.records.agents import DeskEvent
from app.records.callers import Case, Customer, CustomerNumber, NobodysNumber
from app.records.calls import HAS_SITUATION, IS_ENDED, Call, CallStep, Inbox
from app.records.messages import Message, MessageStop
from app.records.outgoing import Outbox
from app.records.privacy import Whom
from app.records.promises import IS_OWED, OWED, Promise, PromiseState
from app.records.protections import Protection

AT_A_TIME = 200
# Desks' events and what other systems are told go back no further.
TOLD_FOR = timedelta(days=2)

_MAY_BE_WITHDRAWN = [
    state for state, following in ledger.FOLLOWS.items() if PromiseState.WITHDRAWN in following
]


@dataclass(frozen=True)
class Erased:
    """How much named somebody who is forgotten now."""

    calls: int
    promises: int
    messages: int


@dataclass(frozen=True)
class _Somebody:
    """By what they are found. Who isn't a customer, or stays one, is found by their number alone."""

    numbers: Sequence[str]
    customers: Sequence[str] = ()
    cases: Sequence[str] = ()

    def found(
        self, session: Session, table: type[Call] | type[Promise] | type[Message], number: Any, key: Any
    ) -> list[Any]:
        """Return the keys of all rows of theirs."""
        named = {number: self.numbers, table.customer: self.customers, table.case: self.cases}
        return _holding(session, key, named)


def erase_customer(
    session: Session, customer: str, who: str, now: datetime, erasure: int = 0
) -> Erased | None:
    """Forget the customer with their numbers, cases and contacts; None when there is none.

    What they are still owed is withdrawn by `who`. A number that is also another customer's stays theirs.
    """
    if session.get(Customer, customer, with_for_update=True) is None:
        return None
    cases = session.scalars(select(Case.key).where(Case.customer == customer)).all()
    _leave_to_others(session, customer, now)
    _unclaim(session, customer)
    somebody = _Somebody(numbers_of_nobody_else(session, customer), [customer], cases)
    erased = _forget(session, somebody, who, now, erasure)
    _forget_among_others(session, customer, cases)
    _write_down(session, audit.customer(customer), erased, who, now)
    # Numbers, cases and contacts go with them, by the database's own rules; so does whose hash it is that the
    # audit log knows them by.
    session.execute(delete(Customer).where(Customer.key == customer))
    return erased


def _unclaim(session: Session, customer: str) -> None:
    """Take off what strangers said who named this customer: their words, and on what was decided by them."""
    sids = session.scalars(select(Call.sid).where(Call.claimed == customer)).all()
    for some in slices(sids):
        for model, values in ((CallStep, {"situation": null()}), (Call, {"heard": null(), "claimed": None})):
            column = CallStep.call_sid if model is CallStep else Call.sid
            session.execute(
                update(model)
                .where(column.in_(some))
                .values(**values)
                .execution_options(synchronize_session=False)
            )


def erase_number(session: Session, e164: str, who: str, now: datetime, erasure: int = 0) -> Erased | None:
    """Forget whoever calls from a number; None when nothing is known under it.

    Customers who have it lose it, and stay: their calls and promises go on naming them and their cases.
    """
    was_noted = any(session.get(table, e164) is not None for table in (MessageStop, NobodysNumber))
    erased = _forget(session, _Somebody([e164]), who, now, erasure)
    session.execute(delete(NobodysNumber).where(NobodysNumber.e164 == e164))
    gone = delete(CustomerNumber).where(CustomerNumber.e164 == e164).returning(CustomerNumber.customer)
    is_known = bool(session.scalars(gone).all()) or was_noted or erased != Erased(0, 0, 0)
    if is_known:
        _write_down(session, audit.number(e164), erased, who, now)
    return erased if is_known else None


def _write_down(session: Session, whom: Subject, erased: Erased, who: str, now: datetime) -> None:
    """Write down who had somebody forgotten; what waits to be sealed still names them, so that is sealed."""
    counts = {"calls": erased.calls, "promises": erased.promises, "messages": erased.messages}
    audit.record(session, audit.actor_called(who), What.ERASED, now, whom, **counts)
    sealing.seal_all(session, now)


def forget_old_messages(session: Session, kind: Whom, of: str, now: datetime, erasure: int) -> int:
    """Do the same with a few messages."""
    column = Message.number if kind == Whom.NUMBER else Message.customer
    oldest = select(Message.sid).where(column == of, Message.at < now - TOLD_FOR).limit(AT_A_TIME)
    sids = session.scalars(oldest.with_for_update(skip_locked=True)).all()
    _forget_messages(session, sids, (), now, erasure)
    return len(sids)


@dataclass(frozen=True)
class Found:
    """Under which keys there is something of somebody."""

    cases: Sequence[str]
    promises: Sequence[int]
    calls: Sequence[str]
    messages: Sequence[str]


def all_of(session: Session, kind: Whom, of: str) -> Found:
    """Return all that forgetting a number, or a customer, would find."""
    if kind == Whom.NUMBER:
        return _all_of(session, _Somebody([of]))
    cases = session.scalars(select(Case.key).where(Case.customer == of)).all()
    return _all_of(session, _Somebody(numbers_of_nobody_else(session, of), [of], cases))


def _all_of(session: Session, somebody: _Somebody) -> Found:
    promises = somebody.found(session, Promise, Promise.number, Promise.id)
    calls = somebody.found(session, Call, Call.remote_e164, Call.sid)
    # Who hid their number told it when they were promised a call.
    calls = list(dict.fromkeys([*calls, *_holding(session, Call.sid, {Call.promise: promises})]))
    messages = somebody.found(session, Message, Message.number, Message.sid)
    return Found(somebody.cases, promises, calls, messages)


def _leave_to_others(session: Session, customer: str, now: datetime) -> None:
    """What was owed at a number that is another's alone by now is theirs: the two were one, or it moved.

    A human finds out which, before anybody is rung.
    """
    theirs = select(Promise).where(Promise.customer == customer, Promise.case.is_(None), IS_OWED)
    for promise in session.scalars(theirs.with_for_update()).all():
        has = select(CustomerNumber.customer).where(CustomerNumber.e164 == promise.number)
        customers = set(session.scalars(has))
        if len(customers) == 1 and customer not in customers:
            whose.belongs_to(session, promise, customers.pop(), now)
            if promise.state in OWED and not ledger.is_spoken_about(session, promise):
                promise.next_at = None
                ledger.note(session, promise, "promise_number_moved", now)
    session.flush()


def _forget_among_others(session: Session, customer: str, cases: Sequence[str]) -> None:
    """Calls of others, with a number that was also theirs, were decided and answered knowing of them."""
    theirs = Names(frozenset([customer, *cases]), frozenset())
    numbers = session.scalars(select(CustomerNumber.e164).where(CustomerNumber.customer == customer)).all()
    for some in slices(_holding(session, Call.sid, {Call.remote_e164: numbers})):
        steps = select(CallStep.call_sid, CallStep.number, CallStep.situation)
        for sid, number, _ in _naming(
            session, steps.where(CallStep.call_sid.in_(some), HAS_SITUATION), theirs
        ):
            session.execute(
                update(CallStep)
                .where(CallStep.call_sid == sid, CallStep.number == number)
                .values(situation=null())
                .execution_options(synchronize_session=False)
            )
        # As they stand in TwiML.
        named = [escape(key, {'"': "&quot;"}).encode() for key in theirs.texts]
        ended = session.scalars(select(Call.sid).where(Call.sid.in_(some), IS_ENDED)).all()
        for answer in session.scalars(select(Inbox).where(Inbox.call_sid.in_(ended))):
            if any(key in answer.reply for key in named):
                session.delete(answer)


def forget_old_calls(session: Session, kind: Whom, of: str, now: datetime, erasure: int) -> int:
    """Forget a few calls of a number or a customer that were over before desks' events go back; how many.

    Nothing else tells of these any more, so that each few can be done for themselves.
    """
    column = Call.remote_e164 if kind == Whom.NUMBER else Call.customer
    old = (column == of, IS_ENDED, Call.ended_at < now - TOLD_FOR)
    oldest = select(Call.sid).where(*old).order_by(Call.created_at).limit(AT_A_TIME)
    sids = session.scalars(oldest.with_for_update(skip_locked=True)).all()
    unname_calls(session, sids, now, customer_too=kind == Whom.CUSTOMER, erasure=erasure)
    return len(sids)


def _forget(session: Session, somebody: _Somebody, who: str, now: datetime, erasure: int) -> Erased:
    customer_too = bool(somebody.customers)
    found = _all_of(session, somebody)
    promises, calls, messages = found.promises, found.calls, found.messages
    withdrawn = _withdraw(session, promises, who, now)
    unname_promises(session, promises, now, customer_too=customer_too)
    unname_calls(session, calls, now, customer_too=customer_too, erasure=erasure)
    _forget_messages(session, messages, somebody.numbers, now, erasure)
    _forget_protections(session, somebody)
    _forget_what_was_told(
        session,
        Names.made(somebody.numbers, somebody.customers, somebody.cases, calls, messages),
    )
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
    return Erased(len(calls), len(promises), len(messages))


def _withdraw(session: Session, promises: Sequence[int], who: str, now: datetime) -> list[Promise]:
    """Withdraw what is owed to them; return it."""
    owed: list[Promise] = []
    for some in slices(promises):
        owed += session.scalars(
            select(Promise).where(Promise.id.in_(some), Promise.state.in_(_MAY_BE_WITHDRAWN))
        )
    for promise in owed:
        ledger.withdraw(session, promise.id, who, now)
    session.flush()
    return owed


def _forget_messages(
    session: Session, sids: Sequence[str], numbers: Sequence[str], now: datetime, erasure: int
) -> None:
    """Delete what went to and fro, sent or not, and that a number of theirs wanted no messages."""
    for some in slices(sids):
        copies.of_messages(session, some, now, erasure)
        session.execute(delete(Message).where(Message.sid.in_(some)))
    for some in slices(numbers):
        session.execute(delete(MessageStop).where(MessageStop.number.in_(some)))


def _forget_protections(session: Session, somebody: _Somebody) -> None:
    """That an agent was protected stays, for its review; from whom is known no more: nobody is apart."""
    by_column = ((Protection.number, somebody.numbers), (Protection.customer, somebody.customers))
    for column, values in by_column:
        for some in slices(values):
            session.execute(_forgetting(update(Protection).where(column.in_(some)).values({column: None})))
    of_nobody = (Protection.number.is_(None), Protection.customer.is_(None))
    nobody = update(Protection).where(*of_nobody, Protection.keeps_apart)
    session.execute(_forgetting(nobody.values(keeps_apart=False)))


def _forgetting(statement: Update) -> Update:
    return statement.execution_options(synchronize_session=False)


def _forget_what_was_told(session: Session, names: Names) -> None:
    """Delete what desks and other systems were told of them, or would be, and what was to be sent."""
    events = select(DeskEvent.agent, DeskEvent.number, DeskEvent.data)
    for agent, number, _ in _naming(session, events, names):
        session.execute(delete(DeskEvent).where(DeskEvent.agent == agent, DeskEvent.number == number))
    left = select(Outbox.id, Outbox.payload).where(Outbox.kind.in_((outbox.CALL_HOOK, outbox.SEND_MESSAGE)))
    for some in slices([row_id for row_id, _ in _naming(session, left, names)]):
        session.execute(delete(Outbox).where(Outbox.id.in_(some)))


# --- finding ------------------------------------------------------------------------------------------


def _holding(session: Session, key: Any, named: Mapping[Any, Sequence[Any]]) -> list[Any]:
    """Return the keys of the rows of which one of the columns holds one of its values.

    Column by column, so that each is found by its own index, and some values at a time.
    """
    found: dict[Any, None] = {}
    for column, values in named.items():
        for some in slices(values):
            found |= dict.fromkeys(session.scalars(select(key).where(column.in_(some))))
    return list(found)


def _naming(session: Session, statement: Select[Any], names: Names) -> list[Any]:
    """Return the rows of which the JSON, the last that is selected, tells of somebody.

    All are looked through, a thousand at a time: these tables hold days, and no index knows who is in there.
    """
    rows = session.execute(statement.execution_options(yield_per=1000))
    return [row for row in rows if names.are_in(row[-1])]
