"""Which promises are looked at now, and may their number be rung?"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from app.callbacks.outcome import LOOK_AGAIN_AFTER
from app.callbacks.placing import ring_somebody
from app.catalogue import text, times
from app.db import Moment
from app.deployment import Deployment
from app.lines import places
from app.messages import messages
from app.messages.deciding import ask_a_human
from app.promises import attempts, caps, ledger, whose
from app.promises.attempts import is_on_the_line
from app.promises.times import Window, by_day
from app.records.lines import Line
from app.records.promises import IS_OWED, Promise, PromiseState

WORKED_OFF = (PromiseState.OPEN, PromiseState.DUE, PromiseState.REASSIGNED, PromiseState.BROKEN)
NOT_YET_BROKEN = (PromiseState.OPEN, PromiseState.DUE, PromiseState.REASSIGNED)
# Whoever was told longer ago that they would be rung is reminded shortly before.
REMINDED_AFTER = timedelta(hours=12)


def due(now: Moment) -> Select[int]:
    """Return the promises that should be looked at now, the most urgent first."""
    passed = (Promise.due_at <= now) & Promise.state.in_(NOT_YET_BROKEN)
    return (
        select(Promise.id)
        .where(IS_OWED, Promise.state.in_(WORKED_OFF), or_(Promise.next_at <= now, passed))
        .order_by(Promise.due_at, Promise.id)
    )


def work_off(session: Session, promise_id: int, now: datetime, deployment: Deployment) -> str | None:
    """Take a promise as far as it can go now; return the name of the callback that is to be placed, if any.

    Safe when several do it at once: the row is held, and whoever finds it held leaves it alone.
    """
    promise = session.get(Promise, promise_id, with_for_update={"skip_locked": True}, populate_existing=True)
    if promise is None or promise.state not in WORKED_OFF:
        return None
    window = Window(
        promise.created_at, promise.due_at, places.zone_of(session, promise.line), promise.not_before
    )
    if promise.due_at <= now and promise.state in NOT_YET_BROKEN:
        ledger.move(session, promise, PromiseState.BROKEN, "promise_broken", now)
    if promise.next_at is None or promise.next_at > now:
        return None
    if promise.state in (PromiseState.OPEN, PromiseState.REASSIGNED):
        if _is_capped_until_too_late(session, promise, window.zone, now):
            return None
        if now < window.ring_from:
            promise.next_at = window.ring_from
            return None
        ledger.move(session, promise, PromiseState.DUE, "promise_due", now)
        _remind(session, promise, window.zone, now)
    if not window.may_ring(now):
        promise.next_at = by_day(now, window.zone)
        return None
    if _is_held_back(session, promise, window.zone, now):
        return None
    return ring_somebody(session, promise, window, now, deployment)


def _remind(session: Session, promise: Promise, zone: ZoneInfo, now: datetime) -> None:
    """Tell who was last told long ago that they are about to be rung, so that their telephone is at hand."""
    if (
        now - max(promise.created_at, messages.newest_to(session, promise) or promise.created_at)
        < REMINDED_AFTER
    ):
        return
    words = times.spoken(promise.due_at, now, zone, promise.language, "before")
    key = f"promise/{promise.id}/soon/{promise.due_at.isoformat()}"
    messages.inform(session, promise, text("message.soon", promise.language, time=words), key, now)


def _is_held_back(session: Session, promise: Promise, zone: ZoneInfo, now: datetime) -> bool:
    """Tell whether this number must not be rung now; when it may be, or that a human is asked, is written."""
    if promise.number is None or not places.may_ring(session, promise.number):
        ask_a_human(session, promise, "promise_not_callable", now)
        return True
    if whose.is_number_of_others(session, promise):
        ask_a_human(session, promise, "promise_number_moved", now)
        return True
    promise.line = promise.line or _line_to_show(session, promise.team)
    if promise.line is None:
        ask_a_human(session, promise, "promise_no_line", now)
        return True
    if _is_capped_until_too_late(session, promise, zone, now):
        return True
    if (again_from := _capped_until(session, promise, zone, now)) is not None:
        promise.next_at = again_from
        ledger.note(session, promise, "promise_held_back", now, details={"time": again_from.isoformat()})
        return True
    if not _leaves_room(session, promise, promise.number, now):
        ask_a_human(session, promise, "promise_over_cap", now)
        return True
    if is_on_the_line(session, promise.number):
        promise.next_at = now + LOOK_AGAIN_AFTER
        return True
    return False


def _leaves_room(session: Session, promise: Promise, number: str, now: datetime) -> bool:
    """Tell whether so many strangers may be rung by themselves; whom a human wants rung always is."""
    callbacks = caps.What.CALLBACKS
    if caps.leaves_room(session, callbacks, promise, number, promise.customer, now):
        return True
    return caps.is_anybodys_decision(session, promise)


def _capped_until(session: Session, promise: Promise, zone: ZoneInfo, now: datetime) -> datetime | None:
    """Return from when the number may be rung again; None when it may be now."""
    if promise.number is None:
        return None
    dials = attempts.dials_lately(session, promise.number, now)
    if len(dials) < attempts.MOST_DIALS:
        return None
    return by_day(dials[-attempts.MOST_DIALS] + attempts.DIALS_WITHIN, zone)


def _is_capped_until_too_late(session: Session, promise: Promise, zone: ZoneInfo, now: datetime) -> bool:
    """Tell whether the day's dials are used up until after the spoken time: then a human is asked at once.

    Conversations count like any other dial: whoever asks in somebody else's name has them rung, too.
    """
    again_from = _capped_until(session, promise, zone, now)
    if again_from is None or again_from <= promise.due_at:
        return False
    ask_a_human(session, promise, "promise_capped", now, {"time": again_from.isoformat()})
    return True


def _line_to_show(session: Session, team: str) -> str | None:
    """Return the number of ours that the customer sees when the promise names none: the team's, else any."""
    return session.scalar(select(Line.number).order_by(Line.team != team, Line.number).limit(1))
