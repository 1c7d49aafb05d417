"""Which calls did we miss? Compares the carrier's list with ours: every call that came in gets its outcome.

Safe when several do it, beside the webhooks, and as often as one likes.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Select, exists, literal, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import db
from app.callers.numbers import mask, to_e164
from app.carrier import forms
from app.carrier.rest import Carrier, CarrierCall, patiently
from app.carrier.words import CARRIER_SAYS_ENDED
from app.clock import utcnow
from app.db import Moment
from app.deployment import Deployment
from app.errors import CarrierError
from app.jobs import in_hand, sweep
from app.lines import places
from app.outgoing.outbox import HELD_FOR
from app.records.calls import Call, CallState, Outcome
from app.records.jobs import CarrierLook
from app.records.lines import Line
from app.voice import missed
from app.voice.incoming import IncomingCall

log = logging.getLogger(__name__)

CALLS = "calls"
LOOK_EVERY = timedelta(minutes=2)
# The news of an end is on its way a while, and the carrier asks again when it can't be delivered.
SETTLED = timedelta(seconds=60)
# Looked at again each time: the carrier's list may lag, and its clock may differ from ours.
OVERLAP = timedelta(minutes=15)
# An installation that was gone for longer has other worries; the command looks back as far as one likes.
LOOK_BACK = timedelta(days=7)
# Our question to whoever answers a telephone for emergencies lasts 12 s when a voicemail lets it pass.
TALKED_FROM_SECONDS = 20


@dataclass(frozen=True)
class Added:
    """A call that only the carrier knew of, and what came of it."""

    sid: str
    at: datetime
    number: str  # masked
    outcome: Outcome


@dataclass
class Comparison:
    """What came of comparing."""

    since: datetime
    complete_until: datetime  # every call that began before has its outcome
    seen: int = 0  # calls that came in on our lines, as the carrier has it
    added: list[Added] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)  # calls of ours that were over
    live: int = 0  # going on, or over since a moment
    failed: list[str] = field(default_factory=list)

    def is_open_at(self, moment: datetime) -> None:
        """Something of this moment is still to be settled."""
        self.complete_until = min(self.complete_until, moment)


# --- by itself ----------------------------------------------------------------------------------------


def due(now: Moment) -> Select[int]:
    """Return a row when it is time to compare, and nobody does."""
    later = exists().where(CarrierLook.name == CALLS, CarrierLook.next_at > now)
    return select(literal(1)).where(~later)


def look(carrier: Carrier, deployment: Deployment, now: datetime) -> Comparison | None:
    """Compare what was not compared before, when it is time; None when it isn't, or another worker does.

    After an outage, of the database, of all web processes or of the workers, that is all of it: what is
    complete stands in the database.
    """
    since = _take(now)
    if since is None:
        return None
    if since < now - LOOK_BACK:
        log.error(
            "calls of long ago are left to `carrier reconcile --since`", extra={"since": since.isoformat()}
        )
    try:
        with in_hand.held(_hold):
            compared = compare(carrier, deployment, max(since, now - LOOK_BACK), now)
    except CarrierError as error:
        log.warning("calls could not be compared with the carrier's", extra={"code": error.code})
        with db.transaction() as session:
            _let_go(session, utcnow())
        return None
    finished(compared, max(now, utcnow()))
    return compared


def complete_until(now: datetime) -> datetime | None:
    """Return up to when all calls have their outcome; None when nobody ever compared."""
    with db.reading() as session:
        look = session.get(CarrierLook, CALLS)
        return min(look.complete_until, now) if look else None


def _take(now: datetime) -> datetime | None:
    """Return since when to compare, for whoever is to do it now."""
    with db.reading() as session:
        next_at = session.scalar(select(CarrierLook.next_at).where(CarrierLook.name == CALLS))
    if next_at is None:
        _begin(now)
        return None
    if next_at > now:
        return None
    with db.transaction() as session:
        return session.scalar(
            update(CarrierLook)
            .where(CarrierLook.name == CALLS, CarrierLook.next_at <= now)
            .values(next_at=now + HELD_FOR)
            .returning(CarrierLook.complete_until)
        )


def _begin(now: datetime) -> None:
    """The first look ever sees nothing: what came in before this installation is not its own."""
    try:
        with db.transaction() as session:
            session.add(CarrierLook(name=CALLS, complete_until=now, next_at=now + LOOK_EVERY, added=0))
    except IntegrityError:
        log.info("another worker began to compare calls")


def _hold(session: Session, now: datetime) -> None:
    """Nobody else compares while we do."""
    until = now + HELD_FOR
    look = update(CarrierLook).where(CarrierLook.name == CALLS, CarrierLook.next_at < until)
    session.execute(look.values(next_at=until))


def _let_go(session: Session, now: datetime) -> None:
    """It came to nothing, and is somebody's next time."""
    look = update(CarrierLook).where(CarrierLook.name == CALLS)
    session.execute(look.values(next_at=now + LOOK_EVERY))


def finished(compared: Comparison, now: datetime) -> None:
    """Write down how far all is complete; never less far than before."""
    with db.transaction() as session:
        look = session.get(CarrierLook, CALLS, with_for_update=True)
        if look is None:
            look = CarrierLook(name=CALLS, complete_until=compared.complete_until, next_at=now, added=0)
            session.add(look)
        # What is too long ago to be looked at by itself must not be waited for.
        if compared.since <= max(look.complete_until, now - LOOK_BACK):
            look.complete_until = max(look.complete_until, compared.complete_until)
        look.next_at = now + LOOK_EVERY
        look.added += len(compared.added)


# --- comparing ----------------------------------------------------------------------------------------


def compare(
    carrier: Carrier,
    deployment: Deployment,
    since: datetime,
    now: datetime,
    *,
    dry_run: bool = False,
) -> Comparison:
    """Give every call that came in on our lines at `since` or later its outcome. Raises CarrierError.

    With `dry_run` nothing is written, and what would be is returned.
    """
    compared = Comparison(since, complete_until=now - OVERLAP)
    with db.reading() as session:
        lines = set(session.scalars(select(Line.number)))
    for page in carrier.calls_in(since):
        ours = [call for call in page if _is_ours(call, lines, deployment)]
        compared.seen += len(ours)
        for call, is_known in _unfinished(ours):
            _settle(call, is_known, compared, carrier, deployment, now, dry_run=dry_run)
    return compared


def _is_ours(call: CarrierCall, lines: set[str], deployment: Deployment) -> bool:
    """Tell whether somebody phoned a line of ours; a desk that phones out comes in at the carrier too."""
    if not forms.CALL_SID.fullmatch(call.sid) or call.from_raw.startswith("client:"):
        return False
    return to_e164(call.to_raw, deployment.defaults.country) in lines


def _unfinished(calls: list[CarrierCall]) -> Iterator[tuple[CarrierCall, bool]]:
    """Yield the calls without an outcome here, and whether anything is known of them."""
    with db.reading() as session:
        rows = session.execute(select(Call.sid, Call.state).where(Call.sid.in_([one.sid for one in calls])))
        states: dict[str, CallState] = dict(rows.all())
    for call in calls:
        if states.get(call.sid) != CallState.ENDED:
            yield call, call.sid in states


def _settle(
    call: CarrierCall,
    is_known: bool,
    compared: Comparison,
    carrier: Carrier,
    deployment: Deployment,
    now: datetime,
    *,
    dry_run: bool,
) -> None:
    """Give one call its outcome, unless the webhooks may still do so."""
    began_at = call.started_at or now
    ended_at = call.ended_at or began_at + timedelta(seconds=call.seconds or 0)
    if call.status not in CARRIER_SAYS_ENDED or ended_at > now - SETTLED:
        compared.live += 1
        compared.is_open_at(began_at)
        return
    try:
        if is_known:
            if dry_run or sweep.look_up(call.sid, carrier, deployment, now):
                compared.closed.append(call.sid)
            return
        outcome = _add(call, began_at, ended_at, carrier, deployment, now, dry_run=dry_run)
    except IntegrityError:
        log.info("call was written down meanwhile", extra={"call_sid": call.sid})
        return
    except CarrierError:
        raise
    except Exception:
        # The others get theirs all the same, and this one is tried again.
        log.exception("call could not be added", extra={"call_sid": call.sid})
        compared.failed.append(call.sid)
        compared.is_open_at(began_at)
        return
    number = to_e164(call.from_raw, deployment.defaults.country)
    compared.added.append(Added(call.sid, began_at, mask(number), outcome))


def _add(
    call: CarrierCall,
    began_at: datetime,
    ended_at: datetime,
    carrier: Carrier,
    deployment: Deployment,
    now: datetime,
    *,
    dry_run: bool,
) -> Outcome:
    talked_seconds = _talked_seconds(call, carrier)
    if dry_run:
        if talked_seconds is not None:
            return Outcome.TALKED
        number = to_e164(call.from_raw, deployment.defaults.country)
        with db.reading() as session:
            may_ring = places.may_ring(session, number)
        return Outcome.MISSED_PROMISED if may_ring else Outcome.NOT_CALLABLE
    incoming = IncomingCall(call.sid, call.from_raw, call.to_raw)
    with db.transaction() as session:
        found = missed.UnseenCall(incoming, began_at, ended_at, talked_seconds)
        outcome = missed.note(session, found, now, deployment)
    log.info("call added from the carrier's list", extra={"call_sid": call.sid, "outcome": str(outcome)})
    return outcome


def _talked_seconds(call: CarrierCall, carrier: Carrier) -> int | None:
    """Return how long the caller spoke to whoever was rung for us when all else was down; None: to nobody."""
    if call.status != "completed" or not call.seconds:
        return None
    legs = patiently(lambda: carrier.legs_of(call.sid))
    longest = max((leg.seconds or 0 for leg in legs if leg.status == "completed"), default=0)
    return longest if longest >= TALKED_FROM_SECONDS else None
