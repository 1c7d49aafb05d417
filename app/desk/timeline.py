"""What went before, in one line of time? Contacts, messages and promises, as the card shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.messages import readers
from app.outgoing.announce import contact_key
from app.records.callers import Contact, Direction
from app.records.calls import Call
from app.records.messages import Message
from app.records.promises import Promise

SHOWN = 12


@dataclass(frozen=True)
class ContactCard:
    at: datetime
    agent: str  # a name
    by_reader: bool
    channel: str
    direction: str
    minutes: int
    outcome: str
    summary: str


@dataclass(frozen=True)
class Entry:
    """One thing that happened; who and what depends on what it was."""

    kind: Literal["contact", "message", "promise"]
    at: datetime
    agent: str  # a name; empty: nobody's, or the customer's own
    by_reader: bool
    words: str
    contact: ContactCard | None = None
    is_ours: bool = False  # of a message
    state: str = ""  # of a promise
    due_at: datetime | None = None


@dataclass(frozen=True)
class Timeline:
    """The newest of each kind, newest first."""

    contacts: tuple[ContactCard, ...]
    entries: tuple[Entry, ...]
    more: bool


def of_call(
    session: Session,
    call: Call,
    customer: str | None,
    case: str | None,
    agent: str,
    names: Mapping[str, str],
) -> Timeline:
    """Return what went before of a call's customer and case; without them, of its number alone.

    Of messages what the agent may read, as in their thread.
    """
    contacts, more = _contacts(session, case, agent, names, call.sid)
    messages = _messages(session, call, customer, agent, names)
    promises = _promises(session, call, customer, agent, names)
    of_contacts = [Entry("contact", one.at, one.agent, one.by_reader, one.summary, one) for one in contacts]
    entries = sorted([*of_contacts, *messages, *promises], key=lambda one: one.at, reverse=True)
    is_cut = more or max(len(messages), len(promises)) == SHOWN
    return Timeline(contacts, tuple(entries), is_cut)


def _contacts(
    session: Session, case: str | None, agent: str, names: Mapping[str, str], call_sid: str
) -> tuple[tuple[ContactCard, ...], bool]:
    if case is None:
        return (), False
    rows = session.scalars(
        select(Contact)
        .where(Contact.case == case, Contact.key != contact_key(call_sid))
        .order_by(Contact.started_at.desc())
        .limit(SHOWN + 1)
    ).all()
    cards = tuple(
        ContactCard(
            at=row.started_at,
            agent=names.get(row.agent, row.agent),
            by_reader=row.agent == agent,
            channel=row.channel,
            direction=row.direction,
            minutes=-(-row.seconds // 60),
            outcome=row.outcome,
            summary=row.summary,
        )
        for row in rows[:SHOWN]
    )
    return cards, len(rows) > SHOWN


def _messages(
    session: Session, call: Call, customer: str | None, agent: str, names: Mapping[str, str]
) -> Sequence[Entry]:
    theirs = []
    if customer is not None:
        theirs.append(Message.customer == customer)
    if call.remote_e164 is not None:
        theirs.append((Message.number == call.remote_e164) & Message.customer.is_(None))
    if not theirs:
        return ()
    rows = session.scalars(
        select(Message)
        .where(or_(*theirs), readers.read_by(session, agent))
        .order_by(Message.at.desc())
        .limit(SHOWN)
    )
    return [
        Entry(
            "message",
            row.at,
            names.get(row.author or "", ""),
            row.author == agent,
            row.body,
            is_ours=row.direction == Direction.OUTBOUND,
        )
        for row in rows
    ]


def _promises(
    session: Session, call: Call, customer: str | None, agent: str, names: Mapping[str, str]
) -> Sequence[Entry]:
    theirs = []
    if customer is not None:
        theirs.append(Promise.customer == customer)
    if call.remote_e164 is not None:
        theirs.append((Promise.number == call.remote_e164) & Promise.customer.is_(None))
    if not theirs:
        return ()
    rows = session.scalars(
        select(Promise).where(or_(*theirs)).order_by(Promise.created_at.desc()).limit(SHOWN)
    )
    return [
        Entry(
            "promise",
            row.created_at,
            names.get(row.agent or "", ""),
            row.agent == agent,
            row.about,
            state=str(row.state),
            due_at=row.due_at,
        )
        for row in rows
    ]
