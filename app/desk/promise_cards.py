"""How does a desk show what is owed? As many promises as one likes, for the same few reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.desk.masking import masked_phone
from app.promises import recordings, told
from app.records.callers import Case, Customer
from app.records.messages import MessageStop
from app.records.promises import Promise, Recording, RecordingState


@dataclass(frozen=True)
class RecordingCard:
    """What the caller said after the tone."""

    sid: str
    seconds: int | None
    can_be_heard: bool  # it is still on its way otherwise


@dataclass(frozen=True)
class PromiseCard:
    id: int
    due_at: datetime
    agent: str | None  # a name; None: the team
    left_by: str | None  # whose it was who works here no more: a name
    by_reader: bool
    team: str
    about: str
    case: str | None
    subject: str
    customer: str | None  # a name
    phone: str  # as people write it, masked; empty: the caller hid it
    late: bool
    recordings: tuple[RecordingCard, ...]
    not_before: datetime | None  # as the customer wished
    no_messages: bool  # the customer wants none
    to_review: bool  # before anybody is rung for it


def promise_cards(
    session: Session, promises: Sequence[Promise], agent: str, now: datetime, names: Mapping[str, str]
) -> tuple[PromiseCard, ...]:
    """Return promises as the desk of `agent` shows them; `names` says how agents are called."""
    subjects = texts(session, Case.key, Case.subject, [one.case for one in promises])
    customers = texts(session, Customer.key, Customer.name, [one.customer for one in promises])
    left = told.left_by(session, [one.id for one in promises if one.agent is None])
    heard = recordings.of_promises(session, [one.id for one in promises])
    wanting_none = texts(session, MessageStop.number, MessageStop.how, [one.number for one in promises])
    return tuple(
        PromiseCard(
            id=one.id,
            due_at=one.due_at,
            agent=names.get(one.agent, one.agent) if one.agent else None,
            left_by=names.get(left[one.id], left[one.id]) if one.id in left else None,
            by_reader=one.agent == agent,
            team=one.team,
            about=one.about,
            case=one.case,
            subject=subjects.get(one.case or "", ""),
            customer=customers.get(one.customer or ""),
            phone=masked_phone(one.number) if one.number else "",
            late=one.due_at < now,
            recordings=tuple(_recording_card(row) for row in heard.get(one.id, ())),
            not_before=one.not_before,
            no_messages=one.number in wanting_none,
            to_review=one.to_review,
        )
        for one in promises
    )


def _recording_card(row: Recording) -> RecordingCard:
    return RecordingCard(row.sid, row.seconds, row.state != RecordingState.AT_CARRIER)


def texts(
    session: Session,
    key: InstrumentedAttribute[str],
    text: ColumnElement[str] | InstrumentedAttribute[str],
    keys: Sequence[str | None],
) -> dict[str, str]:
    """Return the text of each key that is known, for the few of one page."""
    wanted = {one for one in keys if one}
    if not wanted:
        return {}
    return dict(session.execute(select(key, text).where(key.in_(wanted))).all())
