"""What if another time is agreed on? The promise moves, and the customer is told."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.catalogue import text, times
from app.lines import places
from app.messages import messages
from app.promises import ledger
from app.records.promises import Promise


def agree_on(
    session: Session,
    promise_id: int,
    due_at: datetime,
    who: str,
    now: datetime,
    not_before: datetime | None = None,
) -> Promise:
    """Agree on another time and tell the customer by SMS. Raises InvalidField as promises.set_time does."""
    promise = ledger.set_time(session, promise_id, due_at, who, now)
    promise.not_before = not_before
    zone = places.zone_of(session, promise.line)
    words = times.spoken(due_at, now, zone, promise.language, "before")
    body = wished(promise, zone, now) or text("promise.message_moved", promise.language, time=words)
    key = f"promise/{promise.id}/moved/{now.isoformat()}"
    messages.inform(session, promise, body, key, now, answers=who == "customer")
    return promise


def wished(promise: Promise, zone: ZoneInfo, now: datetime) -> str:
    """Return what says that they aren't rung before the time they wished; empty when they didn't say one."""
    if promise.not_before is None:
        return ""
    language = promise.language
    # “niet eerder dan vanmiddag om vijf uur”, “not before five o'clock this afternoon”
    words = times.spoken(promise.not_before, now, zone, language, "at" if language == "nl" else "before")
    until = times.spoken(promise.due_at, now, zone, language, "before")
    return text("message.wished", language, **{"from": words, "time": until})
