"""Is each room as it should be? Its keeper reads it back and asks for what differs, until nothing does.

Any number of workers may keep rooms at once: one takes a room for some seconds, and what it asks of the
carrier is harmless when it is asked twice.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from sqlalchemy import Select, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app import db
from app.carrier.rest import FOR_GOOD, Carrier, Participant, with_parameters
from app.carrier.words import CARRIER_SAYS_ENDED
from app.clock import Clock, going_on_from
from app.db import Moment
from app.deployment import Deployment
from app.errors import CarrierError
from app.jobs import sweep
from app.promises import attempts
from app.records.agents import Agent
from app.records.calls import Call, CallState, CallStep, StepOutcome
from app.records.legs import CallLeg, CallRoom
from app.voice import handing_over, legs, room_plan, rooms
from app.voice.hand_over import Event
from app.voice.held import held
from app.voice.room_plan import Change, HangUp, MoveIn, RingIn

log = logging.getLogger(__name__)

HELD_FOR = timedelta(seconds=6)
# What kept a keeper from its work, as somebody who held the call for long, is soon over.
AFTER_FAILURE = timedelta(seconds=1)
WHILE_UNDER_WAY = timedelta(seconds=2)
WHILE_SETTLED = timedelta(seconds=15)
# In a row, before the room is looked at again in its time.
ROUNDS = 6
# Who dialled follows who was dialled at once; later than this the request for it was lost.
FOLLOWS_WITHIN = timedelta(seconds=1.5)
# A room that the carrier doesn't open within this time is given up: the two talk as before.
OPENS_WITHIN = timedelta(seconds=6)
# What was read may be older than news that came meanwhile.
READ_IS_OLD = timedelta(seconds=1)
# A ring that is over so long by its own time, and brought no news, is over.
NEWS_OF_RING_WITHIN = timedelta(seconds=15)
# Without a word this long, nobody is in it.
GIVEN_UP_AFTER = timedelta(hours=4, minutes=10)


def due(now: Moment) -> Select[str]:
    """Return the calls whose rooms are to be looked at."""
    return select(CallRoom.call_sid).where(CallRoom.look_at <= now)


def keep_due(
    carrier: Carrier, deployment: Deployment, now: datetime, *, stopped: Callable[[], bool] = lambda: False
) -> int:
    """Look at the rooms that are due, one by one; return how many."""
    clock, kept = going_on_from(now), 0
    while not stopped():
        sid = _take(clock())
        if sid is None:
            break
        try:
            _Keeper(carrier, deployment, sid, clock).keep()
        except Exception:
            # The others are kept all the same, and this one again in a moment: somebody may wait in it.
            log.exception("a room could not be kept", extra={"call_sid": sid})
            with suppress(SQLAlchemyError):
                _take_again(sid, clock() + AFTER_FAILURE)
        kept += 1
    return kept


def _take(now: datetime) -> str | None:
    oldest = due(now).order_by(CallRoom.look_at).limit(1).with_for_update(skip_locked=True)
    with db.transaction() as session:
        return session.scalar(
            update(CallRoom)
            .where(CallRoom.call_sid == oldest.scalar_subquery())
            .values(look_at=now + HELD_FOR)
            .returning(CallRoom.call_sid),
            execution_options={"synchronize_session": False},
        )


def _take_again(sid: str, at: datetime) -> None:
    with db.transaction() as session:
        session.execute(
            update(CallRoom)
            .where(CallRoom.call_sid == sid, CallRoom.look_at > at)
            .values(look_at=at)
            .execution_options(synchronize_session=False)
        )


@dataclass(frozen=True)
class _Round:
    """A room at one moment: what is to be asked, and by which names the carrier knows it."""

    version: int
    name: str
    conference: str | None
    asks: list[room_plan.Ask]
    is_under_way: bool
    customer_is_missing: bool
    is_over: bool
    overdue: tuple[tuple[int, str], ...] = ()  # on their way into the room for too long: number and SID


@dataclass
class _Keeper:
    """Keeps one room, this once."""

    carrier: Carrier
    deployment: Deployment
    sid: str
    clock: Clock

    def keep(self) -> None:
        for _ in range(ROUNDS):
            read_at = self.clock()
            seen, is_read = self._read()
            with db.transaction() as session:
                round_ = self._look(session, seen if is_read else None, read_at)
            if round_ is None or round_.is_over:
                return
            self._again(round_)
            if round_.customer_is_missing:
                sweep.look_up(self.sid, self.carrier, self.deployment, self.clock())
            self._ask_about_overdue(round_)
            done = [self._ask(ask, round_) for ask in round_.asks]
            if not done or not all(done):
                return

    def _ask_about_overdue(self, round_: _Round) -> None:
        """Who hung up on the way into the room was never in it: the carrier says whether they come."""
        for number, sid in round_.overdue:
            try:
                over = self.carrier.call(sid).status in CARRIER_SAYS_ENDED
            except CarrierError as error:
                over = error.status == 404
            if over:
                self._is_over(number)

    def _again(self, round_: _Round) -> None:
        """Look again in its time, or at once when something was wanted meanwhile."""
        in_a_while = WHILE_UNDER_WAY if round_.is_under_way or round_.asks else WHILE_SETTLED
        with db.transaction() as session:
            session.execute(
                update(CallRoom)
                .where(CallRoom.call_sid == self.sid, CallRoom.version == round_.version)
                .values(look_at=self.clock() + in_a_while)
                .execution_options(synchronize_session=False)
            )

    # --- reading it ---

    def _read(self) -> tuple[dict[str, Participant], bool]:
        """Return who is in the room by label, and whether the carrier could be asked."""
        with db.reading() as session:
            room = session.get(CallRoom, self.sid)
            known = (room.name, room.conference_sid) if room is not None else ("", None)
        name, conference = known
        try:
            conference = conference or self.carrier.conference_of(name)
            people = self.carrier.participants(conference) if conference else []
        except CarrierError:
            return {}, False
        if conference and conference != known[1]:
            with db.transaction() as session:
                session.get_one(CallRoom, self.sid).conference_sid = conference
        return {one.label: one for one in people}, True

    def _look(
        self, session: Session, seen: Mapping[str, Participant] | None, read_at: datetime
    ) -> _Round | None:
        """Write down what was seen, and work out what is to be asked."""
        call = held(session, self.sid)
        room = session.get(CallRoom, self.sid, populate_existing=True)
        if room is None or room.look_at is None:
            return None
        now = self.clock()
        if seen is not None:
            self._note(session, call, seen, read_at)
        self._give_up(session, call, room, now)
        session.flush()
        rows = legs.of_call(session, self.sid)
        # A caller who goes on to somebody else is redirected out of the room, by another job; whom we rang
        # begins a call of their own with that, and is in this one until then.
        is_placed = attempts.is_callback(self.sid)
        there = [
            leg
            for leg in rows
            if leg.left_at is None and (is_placed or leg.goes or leg.number != legs.CUSTOMER)
        ]
        if call.state == CallState.ENDED:
            self._ended_elsewhere(session, call, rows, now)
        is_over = call.state != CallState.TALKING and not there
        if is_over or now - room.opened_at > GIVEN_UP_AFTER:
            legs.close(session, self.sid, now)
            return _Round(room.version, room.name, None, [], False, False, is_over=True)
        asks = room_plan.asks(room_plan.stands(rows), seen) if seen is not None else []
        asks += self._follow(rows, now)
        is_under_way = handing_over.going_on(session, self.sid) is not None or any(
            leg.left_at is None and (leg.joined_at is None or leg.goes) for leg in rows
        )
        goes_on = is_placed or call.state == CallState.TALKING
        is_missing = seen is not None and goes_on and self._is_missing(rows, seen)
        return _Round(
            version=room.version,
            name=room.name,
            conference=room.conference_sid,
            asks=asks,
            is_under_way=is_under_way,
            customer_is_missing=is_missing,
            is_over=False,
            overdue=tuple(_overdue(rows, now)),
        )

    def _ended_elsewhere(self, session: Session, call: Call, rows: Sequence[CallLeg], now: datetime) -> None:
        """What a call was for was settled in another one, and it is over: nobody stays in its room."""
        customer = next(leg for leg in rows if leg.number == legs.CUSTOMER)
        ours = [leg for leg in rows if leg.agent is not None and leg.left_at is None and not leg.goes]
        if customer.left_at is None and not customer.goes and ours:
            handing_over.call_ends(session, call, now, self.deployment)
            customer.left_at = None
            for leg in (customer, *ours):
                legs.leave(session, leg, now)

    def _is_missing(self, rows: Sequence[CallLeg], seen: Mapping[str, Participant]) -> bool:
        """Tell whether the customer isn't where they were: the carrier says whether their call goes on."""
        return any(leg.number == legs.CUSTOMER and leg.is_there and leg.label not in seen for leg in rows)

    def _note(self, session: Session, call: Call, seen: Mapping[str, Participant], read_at: datetime) -> None:
        for leg in legs.of_call(session, self.sid):
            one = seen.get(leg.label)
            if one is not None:
                if leg.joined_at is None and leg.left_at is None:
                    rooms.joined(session, call, leg, self.clock(), self.deployment, leg_sid=one.call_sid)
            elif leg.number != legs.CUSTOMER and _was_there(leg, read_at - READ_IS_OLD):
                rooms.left(session, call, leg, self.clock(), self.deployment)

    def _give_up(self, session: Session, call: Call, room: CallRoom, now: datetime) -> None:
        """A room that didn't come about, and a ring of which no news came, are over."""
        for leg in legs.of_call(session, self.sid):
            is_rung = leg.answered_at is None and leg.left_at is None
            if not is_rung:
                continue
            rings_for = handing_over.rings_for(session, call, leg.number)
            if now - leg.added_at > rings_for + NEWS_OF_RING_WITHIN:
                rooms.not_taken(session, call, leg.number, StepOutcome.NO_ANSWER, now, self.deployment)
        rows = legs.of_call(session, self.sid)
        nobody_came = not any(leg.joined_at for leg in rows) and now - room.opened_at > OPENS_WITHIN
        if nobody_came and call.state == CallState.TALKING:
            handing_over.happened(session, call, Event.NO_ROOM, now, self.deployment)
            for leg in rows:
                if leg.answered_at is None:
                    legs.leave(session, leg, now)
            if not any(leg.goes and leg.left_at is None for leg in legs.of_call(session, self.sid)):
                legs.close(session, self.sid, now)

    def _follow(self, rows: Sequence[CallLeg], now: datetime) -> list[room_plan.Ask]:
        """Who dialled and didn't follow by themselves are fetched, once."""
        child = next((leg for leg in rows if not leg.is_parent and leg.added_at == leg.answered_at), None)
        parent = next((leg for leg in rows if leg.is_parent), None)
        if child is None or parent is None or parent.asked_at is not None or parent.left_at is not None:
            return []
        late = child.asked_at is not None and now - child.asked_at > FOLLOWS_WITHIN
        return [MoveIn(parent.number)] if late and parent.joined_at is None else []

    # --- asking ---

    def _ask(self, ask: room_plan.Ask, round_: _Round) -> bool:
        """Ask the carrier for one thing; tell whether it may have done it."""
        try:
            match ask:
                case MoveIn(number):
                    self._move_in(number, round_.name)
                case RingIn(number):
                    self._ring_in(number, round_.name)
                case HangUp(number):
                    self._hang_up(number)
                case Change():
                    self._change(ask, round_)
                case unknown:
                    assert_never(unknown)
        except CarrierError as error:
            log.warning(
                "a room's leg could not be changed",
                extra={"call_sid": self.sid, "ask": type(ask).__name__, "code": error.code},
            )
            return error.code in FOR_GOOD
        return True

    def _url(self, name: str, number: int, what: str) -> str:
        return rooms.address(self.deployment.public_url, name, number, what)

    def _note_of(self, number: int, **values: object) -> None:
        with db.transaction() as session:
            held(session, self.sid)
            leg = session.get_one(CallLeg, (self.sid, number), populate_existing=True)
            for name, value in values.items():
                setattr(leg, name, value)

    def _leg(self, number: int) -> CallLeg:
        with db.reading() as session:
            return session.get_one(CallLeg, (self.sid, number))

    def _move_in(self, number: int, name: str) -> None:
        """Redirect a call that was put through into the room."""
        leg = self._leg(number)
        sid = leg.sid or self._dialled()
        if sid is None:
            self._is_over(number)
            return
        self._note_of(number, sid=sid, asked_at=self.clock())
        try:
            self.carrier.redirect_call(sid, self._url(name, number, "enter"))
        except CarrierError as error:
            if error.code in FOR_GOOD or error.status == 404:
                self._is_over(number)
            else:
                self._note_of(number, asked_at=None)
            raise

    def _dialled(self) -> str | None:
        """Return the name of who was dialled by the other of the two, before there was a room."""
        with db.reading() as session:
            rows = legs.of_call(session, self.sid)
        parent = next((leg.sid for leg in rows if leg.is_parent), None)
        found = self.carrier.legs_of(parent) if parent is not None else []
        live = [leg for leg in found if leg.status == "in-progress"]
        return live[0].sid if live else None

    def _ring_in(self, number: int, name: str) -> None:
        """Ring a colleague; an ordinary phone is asked for a yes before anybody hears it."""
        with db.transaction() as session:
            call = held(session, self.sid)
            leg = session.get_one(CallLeg, (self.sid, number), populate_existing=True)
            step = session.get_one(CallStep, (self.sid, number))
            if leg.asked_at is not None or leg.goes or leg.agent is None:
                return
            leg.asked_at = self.clock()
            agent = session.get_one(Agent, leg.agent)
            to, line = f"client:{agent.key}", call.line
            rings_for = handing_over.rings_for(session, call, number)
            if step.endpoint == "phone":
                to = agent.rings_on or ""
            known = {"call_sid": call.sid, "case": call.case, "customer": call.customer}
        parameters = {key: value for key, value in known.items() if value}
        what = "enter" if to.startswith("client:") else "whisper"
        try:
            sid = self.carrier.place_call(
                to=with_parameters(to, parameters),
                from_=line,
                url=self._url(name, number, what),
                status_url=self._url(name, number, "ring"),
                ring_seconds=int(rings_for.total_seconds()),
            )
        except CarrierError:
            with db.transaction() as session:
                call = held(session, self.sid)
                rooms.not_taken(session, call, number, StepOutcome.FAILED, self.clock(), self.deployment)
            raise
        with db.transaction() as session:
            held(session, self.sid)
            leg = session.get_one(CallLeg, (self.sid, number), populate_existing=True)
            leg.sid = leg.sid or sid

    def _hang_up(self, number: int) -> None:
        leg = self._leg(number)
        sid = leg.sid
        if sid is None and leg.asked_at is not None and leg.answered_at is None:
            return  # the name of its ring is still to come
        if sid is not None:
            try:
                self.carrier.end_call(sid)
            except CarrierError as error:
                if error.code not in FOR_GOOD and error.status != 404:
                    raise
        self._is_gone(number)

    def _is_over(self, number: int) -> None:
        """Somebody who was to come in isn't on the line any more; of a customer that is the call's end."""
        if number == legs.CUSTOMER:
            sweep.look_up(self.sid, self.carrier, self.deployment, self.clock())
        else:
            self._is_gone(number)

    def _is_gone(self, number: int) -> None:
        with db.transaction() as session:
            call = held(session, self.sid)
            leg = session.get_one(CallLeg, (self.sid, number), populate_existing=True)
            if number == legs.CUSTOMER:
                leg.left_at = leg.left_at or self.clock()
            else:
                rooms.left(session, call, leg, self.clock(), self.deployment)

    def _change(self, ask: Change, round_: _Round) -> None:
        if round_.conference is None:
            return
        self.carrier.set_participant(
            round_.conference,
            ask.label,
            on_hold=ask.on_hold,
            hold_url=self._url(round_.name, ask.number, "hold"),
            muted=ask.muted,
            closes_room=ask.closes_room,
            coaches=ask.coaches,
        )


def _overdue(rows: Sequence[CallLeg], now: datetime) -> Iterator[tuple[int, str]]:
    """Yield who picked up, or was put through, and isn't in the room a moment later."""
    for leg in rows:
        since = max(filter(None, (leg.asked_at, leg.answered_at)), default=None)
        is_awaited = leg.joined_at is None and leg.left_at is None and leg.answered_at is not None
        if leg.sid and is_awaited and since and now - since > FOLLOWS_WITHIN:
            yield leg.number, leg.sid


def _was_there(leg: CallLeg, before: datetime) -> bool:
    return leg.joined_at is not None and leg.left_at is None and leg.joined_at < before
