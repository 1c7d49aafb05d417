"""What was left over? Ends what should have ended by itself, serves who waits; safe when several do it."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, or_, select, update

from app import db
from app.agents import pauses, presence
from app.carrier.rest import Carrier
from app.carrier.words import CARRIER_SAYS_ENDED
from app.clock import going_on_from
from app.db import Moment
from app.deployment import Deployment
from app.errors import CarrierError
from app.jobs import callbacks
from app.promises import attempts
from app.records.agents import Activity, Presence
from app.records.callers import Direction
from app.records.calls import Call, CallState, CallStep
from app.voice import afterwards, call_control, ending, last_word
from app.voice import held as held_calls

log = logging.getLogger(__name__)

# A call that is older than this without news is looked up; the carrier's callbacks get lost now and then.
ASK_AFTER = {
    CallState.RINGING: timedelta(seconds=60),
    CallState.WAITING: timedelta(seconds=30),
    CallState.PROMISING: timedelta(seconds=60),
    CallState.TALKING: timedelta(seconds=60),
}
ASK_FROM = min(ASK_AFTER.values())
ASK_AGAIN_AFTER = timedelta(seconds=60)
# A desk gives a sign of life every 5 s. When two are missing while it rings, the caller isn't left there.
NO_SIGN_OF_LIFE = timedelta(seconds=12)
SIGN_EXPECTED_WITHIN = timedelta(seconds=7)
AT_ONCE = 8  # desks of which the carrier is asked whether they answered
# Without a word from the carrier for this long, a call is over: no call may stay without an outcome.
GIVEN_UP_AFTER = timedelta(hours=4, minutes=5)


def end_wrap_ups(now: datetime) -> list[str]:
    """Make idle whose time to write things down is over."""
    with db.transaction() as session:
        return presence.end_overdue_wrap_ups(session, now)


def end_pauses(now: datetime) -> list[str]:
    """Make available again whose pause after abuse is over."""
    with db.transaction() as session:
        return pauses.end_over(session, now)


def leases_over(now: Moment) -> Select[str, str | None, int]:
    """Return the agents whose ring should long have been over."""
    return select(Presence.agent, Presence.call_sid, Presence.fence).where(
        Presence.activity.in_((Activity.RESERVED, Activity.RINGING)), Presence.lease_until < now
    )


def end_leases(now: datetime) -> list[str]:
    """Free the agents whose ring should long have been over and of which no news came."""
    with db.transaction() as session:
        return [
            status.agent
            for status in session.execute(leases_over(now)).all()
            if presence.freed(session, status.agent, status.call_sid or "", status.fence, now)
        ]


def dead_desks(silent_since: Moment, rung_before: Moment) -> Select[str, str, int]:
    """Return whose desk rings and has shown no life since then, and the call and step of the ring.

    It was alive when it was chosen: one that was rung later than `rung_before` gets the time for a sign.
    """
    return (
        select(Presence.agent, Call.sid, Call.step)
        .join(Call, (Call.sid == Presence.call_sid) & (Call.step == Presence.fence))
        .join(CallStep, (CallStep.call_sid == Call.sid) & (CallStep.number == Call.step))
        .where(
            Presence.activity.in_((Activity.RESERVED, Activity.RINGING)),
            Presence.heartbeat_at < silent_since,
            CallStep.started_at < rung_before,
            CallStep.endpoint == "client",
            Call.state == CallState.RINGING,
        )
    )


def leave_dead_desks(
    carrier: Carrier, deployment: Deployment, now: datetime, writable_since: datetime | None
) -> int:
    """Ring elsewhere for callers whose agent's desk died while it rang; return how many.

    `writable_since` is since when signs of life could be written down without a gap: only silence since then
    says anything of a desk. All are asked about at once: nobody waits while the carrier is slow about others.
    """
    if writable_since is None or now - writable_since < NO_SIGN_OF_LIFE:
        return 0
    with db.reading() as session:
        rows = session.execute(dead_desks(now - NO_SIGN_OF_LIFE, now - SIGN_EXPECTED_WITHIN)).all()
    if not rows:
        return 0
    with ThreadPoolExecutor(min(AT_ONCE, len(rows)), "desks") as pool:
        left = pool.map(lambda row: _leave(row.agent, row.sid, row.step, carrier, deployment, now), rows)
        return sum(left)


def _leave(
    agent: str, sid: str, number: int, carrier: Carrier, deployment: Deployment, now: datetime
) -> bool:
    try:
        # A silent desk may be in a conversation of which the news is late or lost: the carrier knows.
        if desk_talks(carrier, sid, agent):
            with db.transaction() as session:
                afterwards.picked_up_after_all(session, sid, number, now)
            return False
        with db.transaction() as session:
            return call_control.desk_is_gone(session, sid, number, agent, now, deployment)
    except CarrierError:
        # Nor could it be told to stop the ring: asked again in a moment.
        log.warning("carrier was asked about a silent desk and did not answer", extra={"call_sid": sid})
        return False
    except Exception:
        log.exception("a ring at a dead desk could not be ended", extra={"call_sid": sid})
        return False


def desk_talks(carrier: Carrier, sid: str, agent: str) -> bool:
    """Ask the carrier whether an agent's desk has answered a call. Raises CarrierError.

    Not asked of ordinary phones: a voicemail may have answered there, and only its human's yes counts.
    """
    return any(
        leg.status == "in-progress" and leg.to_raw.partition("?")[0] == f"client:{agent}"
        for leg in carrier.legs_of(sid)
    )


def reconcile(
    carrier: Carrier,
    deployment: Deployment,
    now: datetime,
    *,
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Ask the carrier about calls that should have brought news; close those that are over."""
    clock, closed = going_on_from(now), 0
    for sid in _overdue(now):
        if not stopped() and _is_ours_to_ask(sid, clock()):
            closed += _look_up(sid, carrier, deployment, clock())
    return closed


def _is_ours_to_ask(sid: str, now: datetime) -> bool:
    """Take a call to be asked about, so that several workers don't ask a slow carrier the same."""
    with db.transaction() as session:
        taken = session.scalar(
            update(Call)
            .where(Call.sid == sid, _not_asked_since(now - ASK_AGAIN_AFTER))
            .values(checked_at=now)
            .returning(Call.sid),
            execution_options={"synchronize_session": False},
        )
        return taken is not None


def _look_up(sid: str, carrier: Carrier, deployment: Deployment, now: datetime) -> bool:
    try:
        return look_up(sid, carrier, deployment, now)
    except Exception:
        # The others are looked up all the same, and this one again in its time.
        log.exception("call could not be looked up", extra={"call_sid": sid})
        return False


def look_up(sid: str, carrier: Carrier, deployment: Deployment, now: datetime) -> bool:
    """Ask the carrier about a call, and close it if it is over; tell whether it was."""
    if attempts.is_callback(sid):
        callbacks.look_up(sid, carrier, deployment, now)
        return False
    seconds, status = None, ""
    try:
        call = carrier.call(sid)
        seconds, status = call.seconds, call.status
        over = status in CARRIER_SAYS_ENDED
    except CarrierError as error:
        over = error.status == 404
        if not over:
            log.warning("carrier was asked and did not answer", extra={"call_sid": sid})
    with db.transaction() as session:
        held = held_calls.held(session, sid)
        held.checked_at = now
        if status in CARRIER_SAYS_ENDED:
            last_word.status(session, sid, status, now, deployment, seconds)
        elif over or now - held.created_at > GIVEN_UP_AFTER:
            ending.finish(session, held, now, deployment)
            return True
        return over


def unfinished(created_before: Moment, not_asked_since: Moment) -> Select[str]:
    """Return the calls that go on since then and were not asked about lately: news of them may be lost."""
    return select(Call.sid).where(
        Call.state != CallState.ENDED,
        # The carrier knows a callback by the names of its legs: see jobs/callbacks.py.
        Call.direction == Direction.INBOUND,
        Call.created_at < created_before,
        _not_asked_since(not_asked_since),
    )


def _not_asked_since(moment: Moment) -> ColumnElement[bool]:
    return or_(Call.checked_at.is_(None), Call.checked_at <= moment)


def _overdue(now: datetime) -> list[str]:
    found = unfinished(now - ASK_FROM, now - ASK_AGAIN_AFTER)
    with db.reading() as session:
        rows = session.execute(
            found.add_columns(Call.state, Call.created_at, CallStep.started_at).outerjoin(
                CallStep, (CallStep.call_sid == Call.sid) & (CallStep.number == Call.step)
            )
        ).all()
    return [
        row.sid for row in rows if now - (row.started_at or row.created_at) > ASK_AFTER[CallState(row.state)]
    ]


def forgotten() -> Select[str, str | None, int]:
    """Return the agents who are said to talk in a call that is over."""
    return (
        select(Presence.agent, Presence.call_sid, Presence.fence)
        .outerjoin(Call, Call.sid == Presence.call_sid)
        .where(Presence.activity == Activity.TALKING, (Call.sid.is_(None)) | (Call.state == CallState.ENDED))
    )


def free_forgotten(now: datetime) -> list[str]:
    """Free agents who are said to talk in a call that is over: its end and theirs were written apart."""
    with db.transaction() as session:
        return [
            row.agent
            for row in session.execute(forgotten()).all()
            if presence.hung_up(session, row.agent, row.call_sid or "", row.fence, now, 0)
        ]
