"""Do we ring or write to too many of late? Caps by the hour, with an alarm before they hold anything back.

Whoever calls in others' names has us write to, or ring, as many numbers as they like; each number by itself
has its own limit. Counted is what left within the hour, in the database: the same for every process. Whom
somebody has spoken to, and whom a human decides to ring, is no stranger. Callers who ring us are never
counted: their call goes through whatever we owe to others.
"""

import logging
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import phonenumbers
from sqlalchemy import ColumnElement, Select, case, distinct, func, or_, select
from sqlalchemy.orm import Session, aliased

from app.callers.numbers import mask
from app.carrier import delivery
from app.records.callers import Direction
from app.records.calls import Call, Outcome
from app.records.messages import Message, MessageChannel
from app.records.promises import Promise, PromiseAttempt, PromiseEvent
from config import Caps

log = logging.getLogger(__name__)

WITHIN = timedelta(hours=1)
# The alarm rings at this share of a cap.
NEAR = 0.5
# Numbers alike but for so many digits at the end were most likely handed out, or made up, together.
LAST_DIGITS = 3
# In our own country such a block is a neighbourhood, or a company: so many times as many may be meant.
AT_HOME = 10
# More than any installation rings or texts in an hour; it bounds what a monitor asks.
MOST_COUNTED = 20_000
# What a human promised in a conversation.
SPOKEN_OF = ("dropped:", "agreed:")
# What was promised at the end of a call, to the number that rang or to the one that was named.
OF_A_CALL = "call:"


class What(StrEnum):
    TEXTS = "texts"
    CALLBACKS = "callbacks"


@dataclass(frozen=True)
class Use:
    """How much of a cap is used: `all` counts times, the others different numbers."""

    what: What
    scope: str  # prefix | country | named | all
    where: str  # as logs may hold it
    used: int
    most: int

    @property
    def share(self) -> float:
        return self.used / self.most


_caps, _home = Caps(), "+31"


def bind(caps: Caps, home_country: str) -> None:
    """Say once, when a process starts, how much it may do; `home_country` has no cap of its own."""
    global _caps, _home
    _caps, _home = caps, f"+{phonenumbers.country_code_for_region(home_country)}"


def leaves_room(
    session: Session, what: What, promise: Promise | None, number: str, customer: str | None, now: datetime
) -> bool:
    """Tell whether one more may leave for this number; where a cap is near or reached, the log says so.

    `promise` is what it is about, if that is known.
    """
    prefix, country = number[:-LAST_DIGITS], _country_of(number)
    rows = _of_late(what, now)
    is_another = rows.c.customer.is_(None) & (rows.c.number != number)

    def others(beginning: str) -> ColumnElement[Any]:
        matching = is_another & rows.c.number.startswith(beginning, autoescape=True)
        return func.count(distinct(case((matching, rows.c.number))))

    everything, alike, there = session.execute(
        select(func.count(), others(prefix), others(country)).select_from(rows)
    ).one()
    uses = list(_uses(what, "all", "", everything))
    if customer is None:
        at_home = number.startswith(_home)
        uses += _uses(what, "prefix", mask(number), alike, at_home=at_home)
        uses += _uses(what, "country", country, there, at_home=at_home)
    if what == What.CALLBACKS and promise is not None and is_merely_named(session, promise):
        uses += _uses(what, "named", "", len(_named_of_late(session, now) - {number}))
    for use in uses:
        if use.used + 1 >= math.ceil(use.most * NEAR):
            log.warning(
                "held back: a cap is reached" if use.used >= use.most else "a cap is near",
                extra={"what": str(what), "scope": use.scope, "where": use.where}
                | {"used": use.used, "most": use.most},
            )
    return all(use.used < use.most for use in uses)


def fullest(session: Session, now: datetime) -> list[Use]:
    """Return how much of each cap is used, where it is used most; those that aren't set are left out."""
    found: list[Use] = []
    for what in What:
        rows = _of_late(what, now)
        sent = session.execute(select(rows.c.number, rows.c.customer).limit(MOST_COUNTED)).all()
        strangers = {number for number, customer in sent if customer is None}
        found += _uses(what, "all", "", len(sent))
        for scope, counted in (
            ("prefix", Counter(number[:-LAST_DIGITS] for number in strangers)),
            ("country", Counter(map(_country_of, strangers))),
        ):
            each = [
                use
                for where, used in counted.items()
                for use in _uses(
                    what,
                    scope,
                    where if scope == "country" else mask(where + "000"),
                    used,
                    at_home=where.startswith(_home),
                )
            ]
            fullest_of = max(each, key=lambda use: use.share, default=None)
            found += [fullest_of] if fullest_of else _uses(what, scope, "", 0)
    found += _uses(What.CALLBACKS, "named", "", len(_named_of_late(session, now)))
    return found


def is_anybodys_decision(session: Session, promise: Promise) -> bool:
    """Tell whether a human of ours wants this promise kept: they spoke of it, or said to ring it now."""
    if promise.origin.startswith(SPOKEN_OF) or (
        promise.number and has_been_spoken_to(session, promise.number)
    ):
        return True
    said = select(PromiseEvent.id).where(
        PromiseEvent.promise == promise.id, PromiseEvent.why == "promise_now", PromiseEvent.who != ""
    )
    return session.scalar(said.limit(1)) is not None


def has_been_spoken_to(session: Session, number: str) -> bool:
    """Tell whether somebody of ours has had a conversation with this number."""
    talked = select(Call.sid).where(Call.remote_e164 == number, Call.outcome == Outcome.TALKED)
    return session.scalar(talked.limit(1)) is not None


def is_merely_named(session: Session, promise: Promise) -> bool:
    """Tell whether nobody at this number ever had to do with us: a hidden caller may name anybody's.

    They neither rang nor wrote to us from it, and nobody has spoken to them there.
    """
    if promise.number is None or not promise.origin.startswith(OF_A_CALL):
        return False
    wrote = select(Message.sid).where(
        Message.number == promise.number, Message.direction == Direction.INBOUND
    )
    return (
        session.scalar(wrote.limit(1)) is None
        and session.scalar(select(_has_rung(promise.number))) is False
        and not has_been_spoken_to(session, promise.number)
    )


def _has_rung(number: Any) -> ColumnElement[bool]:
    incoming = aliased(Call)
    rang = (incoming.remote_e164 == number) & (incoming.direction == Direction.INBOUND)
    return select(incoming.sid).where(rang).exists()


def _named_of_late(session: Session, now: datetime) -> set[str]:
    """Return the numbers that were rung within the hour because somebody named them."""
    named = (
        _dials(now)
        .join(Promise, Promise.id == PromiseAttempt.promise)
        .where(Promise.origin.startswith(OF_A_CALL), ~_has_rung(PromiseAttempt.number))
        .limit(MOST_COUNTED)
    )
    return {number for number, _ in session.execute(named)}


def _uses(what: What, scope: str, where: str, used: int, *, at_home: bool = False) -> Iterator[Use]:
    """Yield how much of this cap is used; nothing where there is none: not set, or our own country's."""
    most: int | None = getattr(_caps, str(what) if scope == "all" else f"{what}_{scope}")
    if most is None or (scope == "country" and at_home):
        return
    if scope == "prefix" and at_home:
        most *= AT_HOME
    yield Use(what, scope, where, used, most)


def _country_of(number: str) -> str:
    try:
        return f"+{phonenumbers.parse(number).country_code}"
    except phonenumbers.NumberParseException:
        return number[:3]


def _of_late(what: What, now: datetime) -> Any:
    statement: Select[*tuple[Any, ...]]
    if what == What.TEXTS:
        # What an agent wrote is theirs to judge; what still waits is asked about when it leaves.
        statement = select(Message.number, Message.customer).where(
            Message.at > now - WITHIN,
            Message.direction == Direction.OUTBOUND,
            Message.channel == MessageChannel.SMS,
            Message.author.is_(None),
            Message.status.not_in(("waiting", "withdrawn")),
            or_(Message.error.is_(None), Message.error != delivery.HELD_BACK),
        )
    else:
        statement = _dials(now)
    return statement.subquery()


def _dials(now: datetime) -> Select[*tuple[Any, ...]]:
    dialled = or_(PromiseAttempt.dialled_at.is_not(None), PromiseAttempt.ended_at.is_(None))
    return (
        select(PromiseAttempt.number, Call.customer)
        .join(PromiseAttempt, PromiseAttempt.call_sid == Call.sid)
        .where(Call.created_at > now - WITHIN, Call.direction == Direction.OUTBOUND, dialled)
    )
