"""What went to and fro with one customer, and what of it must an agent still see to?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from app.agents import teams
from app.carrier import delivery
from app.desk.masking import masked_phone
from app.desk.promise_cards import texts
from app.messages import messages, readers
from app.records.agents import Agent
from app.records.callers import Case, Customer, Direction
from app.records.messages import Message
from app.records.promises import Promise

SHOWN_IN_THREAD = 60
SHOWN_AT_DESK = 25
RECENT_FOR = timedelta(days=7)
RECENT_SHOWN = 5
# What an agent hasn't seen to by then, their team sees as well; and after this, supervisors.
TEAM_SEES_AFTER = timedelta(minutes=30)
SUPERVISORS_SEE_AFTER = timedelta(hours=1)


@dataclass(frozen=True)
class Conversation:
    """One line of the desk's list: what was last written by, or didn't reach, one number."""

    sid: str
    at: datetime
    customer: str | None  # a name
    phone: str  # as people write it, masked
    subject: str
    body: str
    waits: bool  # a human still has to see to it
    why_not: int | str | None  # ours did not arrive: the carrier's code, empty when it gave none
    for_team: bool


@dataclass(frozen=True)
class Said:
    """One message of a thread."""

    at: datetime
    is_ours: bool
    author: str  # a name; empty: by itself, or the customer
    body: str
    channel: str
    status: str
    arrived: bool
    why_not: int | str | None
    read_as: str


@dataclass(frozen=True)
class Thread:
    """Everything that went to and fro with one number, and how it can be answered."""

    customer: str | None  # a name
    phone: str
    subject: str
    said: tuple[Said, ...]
    waits: bool
    channel: str
    why_not: str  # a code of the catalogue for why nothing can be sent; empty when it can
    elsewhere: tuple[tuple[str, datetime], ...]  # other teams that wrote with this number, and when last


# --- the desk's list ----------------------------------------------------------------------------------


def at_desk(session: Session, agent: str, now: datetime) -> tuple[Conversation, ...]:
    """Return what waits for this agent, longest first, and what customers wrote to them lately."""
    team = select(Agent.team).where(Agent.key == agent).scalar_subquery()
    theirs = or_(
        Message.agent == agent,
        Message.agent.is_(None) & (Message.team == team),
    )
    waiting = or_(theirs, (Message.team == team) & (Message.at < now - TEAM_SEES_AFTER))
    reach = teams.reach_at_desk(session, agent)
    if reach != teams.NOWHERE:
        for_long = (Message.at < now - SUPERVISORS_SEE_AFTER) & reach.of(Message.team, Message.agent)
        waiting = or_(waiting, for_long, Message.team == "")
    unseen = session.scalars(
        select(Message).where(Message.handled_at.is_(None), waiting).order_by(Message.at).limit(SHOWN_AT_DESK)
    ).all()
    lately = session.scalars(
        select(Message)
        .where(
            Message.agent == agent,
            Message.direction == Direction.INBOUND,
            Message.handled_at.is_not(None),
            Message.at > now - RECENT_FOR,
        )
        .order_by(Message.at.desc())
        .limit(RECENT_SHOWN)
    ).all()
    return _conversations(session, [*unseen, *lately])


def still_waiting(session: Session, conditions: Sequence[ColumnElement[bool]]) -> tuple[Conversation, ...]:
    """Return what nobody has seen to yet, longest first."""
    wanted = select(Message).where(Message.handled_at.is_(None), *conditions).order_by(Message.at)
    return _conversations(session, session.scalars(wanted.limit(200)).all())


def _conversations(session: Session, found: Sequence[Message]) -> tuple[Conversation, ...]:
    """Make one line of each number: of what waits, the newest words."""
    newest: dict[str, Message] = {}
    waits: dict[str, bool] = {}
    for message in found:
        known = newest.get(message.number)
        waits[message.number] = waits.get(message.number, False) or message.handled_at is None
        if known is None or (message.handled_at is None and message.at > known.at):
            newest[message.number] = message
    names = texts(session, Customer.key, Customer.name, [one.customer for one in newest.values()])
    subjects = texts(session, Case.key, Case.subject, [one.case for one in newest.values()])
    return tuple(
        Conversation(
            sid=message.sid,
            at=message.at,
            customer=names.get(message.customer or ""),
            phone=phone_of(message.number),
            subject=subjects.get(message.case or "", ""),
            body=message.body,
            waits=waits[number],
            why_not=_why_not(message),
            for_team=message.agent is None,
        )
        for number, message in newest.items()
    )


def phone_of(number: str) -> str:
    """Return a number as people write it, with nothing but its country and end; a sender's name as it is."""
    return masked_phone(number) if number.startswith("+") else number


def _why_not(message: Message) -> int | str | None:
    return (message.error or "") if message.status in delivery.NOT_DELIVERED else None


# --- one thread ---------------------------------------------------------------------------------------


def may_read(session: Session, to: Message | Promise, agent: str) -> bool:
    """Say whether this is the agent's, their team's, or anybody's when they supervise."""
    if isinstance(to, Message):
        theirs = select(Message.sid).where(Message.sid == to.sid, readers.read_by(session, agent))
        return session.scalar(theirs) is not None
    team = session.scalar(select(Agent.team).where(Agent.key == agent))
    if to.agent == agent or to.team == team:
        return True
    reach = teams.reach_of_agent(session, agent)
    if reach == teams.NOWHERE:
        return False
    owner = session.get(Agent, to.agent) if to.agent else None
    return reach.covers(to.team) or (owner is not None and reach.covers(owner.team))


def thread_of(
    session: Session, to: Message | Promise, names: Mapping[str, str], now: datetime, agent: str
) -> Thread:
    """Return what of that which went to and fro with a number the agent reads, oldest first."""
    number = to.number or ""
    found = session.scalars(
        select(Message)
        .where(Message.number == number, readers.read_by(session, agent))
        .order_by(Message.at.desc())
        .limit(SHOWN_IN_THREAD)
    ).all()
    customer = session.get(Customer, to.customer) if to.customer else None
    case = session.get(Case, to.case) if to.case else None
    channel, _, why_not = messages.way_to(session, to, now)
    return Thread(
        customer=customer.name if customer else None,
        phone=phone_of(number),
        subject=case.subject if case else "",
        said=tuple(_said(message, names) for message in reversed(found)),
        waits=any(message.handled_at is None for message in found),
        channel=channel,
        why_not=why_not,
        elsewhere=tuple(readers.elsewhere(session, number, agent)),
    )


def _said(message: Message, names: Mapping[str, str]) -> Said:
    return Said(
        at=message.at,
        is_ours=message.direction == Direction.OUTBOUND,
        author=names.get(message.author or "", message.author or ""),
        body=message.body,
        channel=message.channel,
        status=message.status if message.status in delivery.TOLD_APART else "sent",
        arrived=message.status in delivery.ARRIVED,
        why_not=_why_not(message),
        read_as=message.read_as,
    )
