"""What do a promise's events tell? Whose it was, who gave it away, and its story in words."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.carrier import delivery
from app.catalogue import codes, text, times
from app.promises.ledger import ANOTHER_WANTED, KEPT_APART, LEFT_BEHIND, LEFT_TO_TEAM
from app.records.promises import PromiseEvent


def given_away_by(session: Session, promise_id: int, since: datetime) -> set[str]:
    """Return who aren't rung for what was theirs: who gave it away since then, left, or isn't wanted."""
    gone = PromiseEvent.why.in_((LEFT_BEHIND, LEFT_TO_TEAM, ANOTHER_WANTED, KEPT_APART))
    lately = (PromiseEvent.why == "promise_handed_over") & (PromiseEvent.at > since)
    details = session.scalars(
        select(PromiseEvent.details).where(PromiseEvent.promise == promise_id, or_(gone, lately))
    )
    return {str(one["from"]) for one in details if one and one.get("from")}


def left_by(session: Session, promises: Sequence[int]) -> dict[int, str]:
    """Return whose these were who work here no more, by the promise; asks nothing of none."""
    if not promises:
        return {}
    rows = session.execute(
        select(PromiseEvent.promise, PromiseEvent.details)
        .where(PromiseEvent.promise.in_(promises), PromiseEvent.why == LEFT_TO_TEAM)
        .order_by(PromiseEvent.id)
    )
    return {row.promise: str(row.details.get("from", "")) for row in rows}


def was_left(promise: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Return whether a promise was somebody's who works here no more."""
    return exists().where(PromiseEvent.promise == promise, PromiseEvent.why == LEFT_TO_TEAM)


def in_words(event: PromiseEvent, language: str, zone: ZoneInfo, names: Mapping[str, str]) -> str:
    """Say what a promise went through; the code alone when an older version wrote one that has no words.

    Times are as on the clock in `zone`; `names` says how an agent is called.
    """
    values = dict(event.details or {})
    if "time" in values:
        values["time"] = times.written(datetime.fromisoformat(values["time"]), zone, language)
    for role in ("agent", "from"):
        if role in values:
            values[role] = names.get(values[role], values[role])
    if "error" in values:
        values["error"] = delivery.why_not(values["error"], language)
    kind = "promise" if event.why in _OWN_CODES else "reason"
    try:
        return text(f"{kind}.{event.why}", language, **values)
    except KeyError:
        return event.why


_OWN_CODES = frozenset(codes("promise"))
