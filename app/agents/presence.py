"""Who is there, can be rung, and where? What agents say of themselves, what proves it, and reservations."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Select, Update, bindparam, select, update
from sqlalchemy.orm import Session

from app import bus
from app.agents import desk_events, desks
from app.agents.presence_view import PresenceView
from app.callers.numbers import may_be_called
from app.db import Moment, table_of
from app.errors import InvalidField
from app.records.agents import Activity, Agent, Intent, Presence, Reach, Softphone

HEARTBEAT_FRESH = desks.FRESH
# A desk that was alive a moment ago belongs to somebody who is near their telephone; one that has been
# silent for longer proves nothing.
LATELY = timedelta(minutes=15)
SUSPECT_FOR = timedelta(minutes=2)


class Reachability(StrEnum):
    FREE = "free"
    BUSY = "busy"  # a call is on its way, rings, or is going on
    WRAPPING_UP = "wrapping_up"
    BREAK = "break"
    AWAY = "away"
    OFF = "off"
    UNPROVEN = "unproven"  # says available, but nothing shows that a ring would be heard
    LEFT = "left"  # the organisation


@dataclass(frozen=True)
class Endpoint:
    """Where an agent is rung: `client` with the agent's identity, or `phone` with an E.164 number.

    `both` is the desk with the agent's identity, and at the same time the ordinary phone, `phone`.
    """

    kind: str
    address: str
    phone: str | None = None

    @property
    def identity(self) -> str | None:
        """Whose softphone rings, if one does."""
        return self.address if self.kind in ("client", "both") else None

    @property
    def number(self) -> str | None:
        """Which ordinary phone rings, if one does."""
        return self.address if self.kind == "phone" else self.phone


class PresenceFacts(Protocol):
    """What tells whether and where an agent can be rung: a Presence, or a row with these columns."""

    @property
    def agent(self) -> str: ...
    @property
    def intent(self) -> Intent: ...
    @property
    def intent_since(self) -> datetime | None: ...
    @property
    def reach(self) -> Reach: ...
    @property
    def activity(self) -> Activity: ...
    @property
    def lease_until(self) -> datetime | None: ...
    @property
    def heartbeat_at(self) -> datetime | None: ...
    @property
    def softphone(self) -> Softphone: ...
    @property
    def suspect_until(self) -> datetime | None: ...


def endpoint(row: PresenceFacts, phone: str | None, now: datetime) -> Endpoint | None:
    """Return where a ring would be heard now, None when nothing proves any place; see Agent.rings_on."""
    by_phone = Endpoint("phone", phone) if phone and may_be_called(phone) else None
    if row.reach == Reach.PHONE:
        return by_phone
    at_desk = _at_desk(row, by_phone, now)
    if row.reach != Reach.BOTH or by_phone is None:
        return at_desk
    # The phone was chosen as well, so it needs no proof of the desk's.
    return Endpoint("both", row.agent, phone) if at_desk and at_desk.kind == "client" else by_phone


def _at_desk(row: PresenceFacts, by_phone: Endpoint | None, now: datetime) -> Endpoint | None:
    """Return where who chose the desk is rung: the ordinary phone where the desk can't ring."""
    if row.heartbeat_at is None or (row.intent_since and row.heartbeat_at < row.intent_since - LATELY):
        return None
    silent_for = now - row.heartbeat_at
    if silent_for > HEARTBEAT_FRESH:
        return by_phone if silent_for <= LATELY else None
    suspect = row.suspect_until is not None and row.suspect_until > now
    if row.softphone == Softphone.NONE or suspect:
        return by_phone
    return Endpoint("client", row.agent)


def reachability(row: PresenceFacts, *, enabled: bool, phone: str | None, now: datetime) -> Reachability:
    """Tell whether the agent can be rung now, and if not, why not."""
    if not enabled:
        return Reachability.LEFT
    if row.activity == Activity.WRAPPING_UP:
        return Reachability.WRAPPING_UP
    if row.activity == Activity.TALKING or (row.activity != Activity.IDLE and not _lease_is_over(row, now)):
        return Reachability.BUSY
    if row.intent != Intent.AVAILABLE:
        return Reachability(row.intent)
    if endpoint(row, phone, now) is None:
        return Reachability.UNPROVEN
    if row.reach != Reach.PHONE and row.softphone == Softphone.BUSY and is_alive(row.heartbeat_at, now):
        return Reachability.BUSY
    return Reachability.FREE


def is_alive(heartbeat_at: datetime | None, now: datetime) -> bool:
    """Tell whether a desk that was last heard of then would still be believed."""
    return heartbeat_at is not None and now - heartbeat_at <= HEARTBEAT_FRESH


def _lease_is_over(row: PresenceFacts, now: datetime) -> bool:
    return row.lease_until is not None and row.lease_until < now


def describe(row: Presence, now: datetime) -> PresenceView:
    """Return the agent's presence in words that the API and the desk share."""
    agent = row.of
    where = endpoint(row, agent.rings_on, now)
    state: str = row.activity if row.activity != Activity.IDLE else row.intent
    since = row.activity_since if row.activity != Activity.IDLE else row.intent_since
    why = row.intent_why
    if not agent.enabled:
        state, why = Intent.OFF, "left"
    elif state == Intent.AVAILABLE and where is None and row.heartbeat_at is not None:
        # Said available, but nothing would ring: what others see is the truth.
        state, since, why = Intent.AWAY, row.heartbeat_at + HEARTBEAT_FRESH, "desk_silent"
        if is_alive(row.heartbeat_at, now):
            since, why = row.intent_since, "no_telephone"
    return PresenceView(
        agent=row.agent,
        state=str(state),
        since=since,
        why=why,
        reach=row.reach,
        reachable=reachability(row, enabled=agent.enabled, phone=agent.rings_on, now=now)
        == Reachability.FREE,
        rings_at=where.kind if where else None,
        heartbeat_at=row.heartbeat_at,
        softphone=row.softphone,
        visible=row.desk_visible,
        proven_at=row.proven_at,
        suspect_until=row.suspect_until,
        back_at=row.back_at,
        wrap_up_until=row.wrap_up_until,
        call_sid=row.call_sid,
    )


def ensure_presence(session: Session, agent: str) -> None:
    """Give an agent the row that reservations take, unless they have it."""
    if session.get(Presence, agent) is None:
        session.add(Presence(agent=agent))
        session.flush()


def view(session: Session, agent: str, now: datetime) -> PresenceView | None:
    """Return the agent's presence, None when there is no such agent."""
    row = session.scalar(select(Agent).where(Agent.key == agent).execution_options(populate_existing=True))
    return describe(row.presence, now) if row else None


def _announce(session: Session, agent: str, now: datetime) -> None:
    """Tell the agent's own desk, and wake the workers: somebody may be waiting for this agent."""
    if presence := view(session, agent, now):
        desk_events.tell(session, agent, "presence", presence.as_json(), now)
        desk_events.ring_after_commit(session, bus.WORKERS, "presence")


# --- what agents say of themselves -------------------------------------------------------------------


def set_intent(
    session: Session,
    agent: str,
    intent: Intent,
    now: datetime,
    *,
    why: str = "agent",
    reach: Reach | None = None,
    back_at: datetime | None = None,
) -> None:
    """Write down what the agent wants; a call that is going on goes on.

    Raises InvalidField when the agent wants to be rung on a telephone that nobody knows.
    """
    if reach in (Reach.PHONE, Reach.BOTH) and not session.scalar(
        select(Agent.rings_on).where(Agent.key == agent)
    ):
        raise InvalidField("reach", "this agent has no phone number; add one first, or choose desk")
    values: dict[str, Any] = {
        "intent": intent,
        "intent_since": now,
        "intent_why": why,
        "back_at": back_at if intent in (Intent.BREAK, Intent.AWAY, Intent.OFF) else None,
    }
    if reach is not None:
        values["reach"] = reach
    _update(session, agent, values)
    _announce(session, agent, now)


def signs_out(session: Session, agent: str, now: datetime) -> None:
    """The agent has closed their desk on purpose: nothing rings them, unless they chose their phone alone.

    A desk of theirs that is open elsewhere says so, and one press there undoes it.
    """
    status = session.get(Presence, agent, populate_existing=True)
    if status is None or status.reach == Reach.PHONE:
        return
    gone: dict[str, Any] = {
        "heartbeat_at": None,
        "softphone": Softphone.NONE,
        "desk_visible": False,
        "desks": {},
    }
    _update(session, agent, gone)
    if status.intent == Intent.AVAILABLE:
        set_intent(session, agent, Intent.OFF, now, why="signed_out")
    else:
        _announce(session, agent, now)


def beat(
    session: Session, agent: str, *, visible: bool, softphone: Softphone, now: datetime, desk: str = ""
) -> None:
    """Write down that a desk of theirs is alive. Announced only when it changes where a ring would go."""
    before = session.get(Presence, agent, populate_existing=True, with_for_update=True)
    if before is None:
        return
    was = (is_alive(before.heartbeat_at, now), before.softphone)
    living, best = desks.heard_of(before.desks, desk, softphone, visible, now)
    said = {"softphone": best.softphone, "desk_visible": best.visible, "desks": living}
    _update(session, agent, {"heartbeat_at": now} | said)
    if was != (True, best.softphone):
        _announce(session, agent, now)


def end_wrap_up(
    session: Session,
    agent: str,
    now: datetime,
    still: ColumnElement[bool] = Presence.activity == Activity.WRAPPING_UP,
) -> bool:
    """Make the agent idle again after a call; False when they weren't wrapping up."""
    return _move(session, agent, now, still, activity=Activity.IDLE, call_sid=None, wrap_up_until=None)


def extend_wrap_up(session: Session, agent: str, now: datetime, seconds: int = 60) -> bool:
    """Give the agent more time to write things down; False when they weren't wrapping up."""
    until = now + timedelta(seconds=seconds)
    return _move(
        session, agent, now, Presence.activity == Activity.WRAPPING_UP, since=None, wrap_up_until=until
    )


def start_wrap_up(session: Session, agent: str, now: datetime, seconds: int) -> bool:
    """Start or extend wrap-up at the agent's own wish; False while a call is on its way or going on."""
    return _move(
        session,
        agent,
        now,
        Presence.activity.in_((Activity.IDLE, Activity.WRAPPING_UP)),
        activity=Activity.WRAPPING_UP,
        wrap_up_until=now + timedelta(seconds=seconds),
    )


# --- what the telephone says of them -----------------------------------------------------------------
# The fence is the number of the call's step that took the reservation: with the call's sid it names one
# ring, so that news of an earlier ring can neither free nor take the agent.


def reservation(unless: ColumnElement[bool] | None = None, *, at_their_wish: bool = False) -> Update:
    """Return the one statement that takes an agent for a ring: see `reserve`, and `reserving` for its values.

    `at_their_wish`: they asked to be rung, whether or not they are available to callers.

    Built once by whoever runs it often: building it takes longer than running it.
    """
    free = (Presence.activity == Activity.IDLE) | (
        Presence.activity.in_((Activity.RESERVED, Activity.RINGING))
        & (Presence.lease_until < bindparam("at"))
    )
    statement = update(table_of(Presence)).where(Presence.agent == bindparam("who"), free)
    if not at_their_wish:
        statement = statement.where(Presence.intent == Intent.AVAILABLE)
    if unless is not None:
        statement = statement.where(~unless)
    return statement.values(
        activity=Activity.RESERVED,
        activity_since=bindparam("at"),
        call_sid=bindparam("for_sid"),
        fence=bindparam("step"),
        lease_until=bindparam("until"),
        event_number=Presence.event_number + 1,
    ).returning(Presence.event_number)


def reserving(agent: str, call_sid: str, fence: int, now: datetime, lease: timedelta) -> dict[str, Any]:
    """Return the values for a `reservation`."""
    return {"who": agent, "for_sid": call_sid, "step": fence, "at": now, "until": now + lease}


_RESERVE = reservation()


def reserve(
    session: Session,
    agent: str,
    call_sid: str,
    fence: int,
    now: datetime,
    lease: timedelta,
    unless: ColumnElement[bool] | None = None,
    *,
    at_their_wish: bool = False,
) -> int | None:
    """Take the agent for one ring in one atomic step; None when somebody else was quicker.

    Returns the number for the event that tells the agent's desk (see desk_events.append), so that the
    reservation and the pop are one write. A reservation whose lease is over may be taken.
    """
    usual = unless is None and not at_their_wish
    statement = _RESERVE if usual else reservation(unless, at_their_wish=at_their_wish)
    number: int | None = session.scalar(statement, reserving(agent, call_sid, fence, now, lease))
    return number


def rings(
    session: Session, agent: str, call_sid: str, fence: int, now: datetime, *, at_desk: bool = True
) -> bool:
    """The agent's telephone was seen to ring; one that rings elsewhere says nothing good of the desk."""
    return _move(
        session,
        agent,
        now,
        _ring(call_sid, fence) & (Presence.activity == Activity.RESERVED),
        activity=Activity.RINGING,
        proven_at=now,
        **({"suspect_until": None} if at_desk else {}),
    )


def proved(session: Session, agent: str, now: datetime) -> None:
    """The agent's telephone was seen to ring, outside of any call."""
    _update(session, agent, {"proven_at": now, "suspect_until": None})
    _announce(session, agent, now)


def talks(session: Session, agent: str, call_sid: str, fence: int, now: datetime) -> bool:
    """The agent and the caller hear each other."""
    return _move(
        session,
        agent,
        now,
        # The reservation may have ended by itself while the news of the conversation was on its way.
        (_ring(call_sid, fence) & Presence.activity.in_((Activity.RESERVED, Activity.RINGING)))
        | (Presence.activity == Activity.IDLE),
        activity=Activity.TALKING,
        call_sid=call_sid,
        fence=fence,
        lease_until=None,
        proven_at=now,
    )


def freed(session: Session, agent: str, call_sid: str, fence: int, now: datetime, **values: Any) -> bool:
    """The ring is over without a conversation, by no fault of the agent's."""
    return _move(
        session,
        agent,
        now,
        _ring(call_sid, fence) & Presence.activity.in_((Activity.RESERVED, Activity.RINGING)),
        activity=Activity.IDLE,
        call_sid=None,
        lease_until=None,
        **values,
    )


def did_not_answer(session: Session, agent: str, call_sid: str, fence: int, now: datetime) -> bool:
    """Nobody picked up: the agent is away until they say that they are back."""
    return freed(
        session,
        agent,
        call_sid,
        fence,
        now,
        intent=Intent.AWAY,
        intent_since=now,
        intent_why="unanswered_ring",
    )


def could_not_be_rung(session: Session, agent: str, call_sid: str, fence: int, now: datetime) -> bool:
    """The ring failed at once: for a while the agent's desk is not believed."""
    return freed(session, agent, call_sid, fence, now, suspect_until=now + SUSPECT_FOR)


def suspect(session: Session, agent: str, now: datetime) -> None:
    """The agent's desk failed at once while their phone rings on."""
    _update(session, agent, {"suspect_until": now + SUSPECT_FOR})
    _announce(session, agent, now)


def hung_up(
    session: Session, agent: str, call_sid: str, fence: int, now: datetime, wrap_up_seconds: int
) -> bool:
    """The conversation is over; the agent wraps up."""
    wraps_up = wrap_up_seconds > 0
    return _move(
        session,
        agent,
        now,
        _ring(call_sid, fence) & (Presence.activity == Activity.TALKING),
        activity=Activity.WRAPPING_UP if wraps_up else Activity.IDLE,
        call_sid=call_sid if wraps_up else None,
        lease_until=None,
        wrap_up_until=now + timedelta(seconds=wrap_up_seconds) if wraps_up else None,
    )


def overdue_wrap_ups(now: Moment) -> Select[str]:
    """Return everybody whose wrap-up time is over."""
    return select(Presence.agent).where(_is_overdue(now))


def _is_overdue(now: Moment) -> ColumnElement[bool]:
    return (Presence.activity == Activity.WRAPPING_UP) & (Presence.wrap_up_until <= now)


def end_overdue_wrap_ups(session: Session, now: datetime) -> list[str]:
    """Make idle everybody whose wrap-up time is over; return who."""
    overdue = session.scalars(overdue_wrap_ups(now)).all()
    return [agent for agent in overdue if end_wrap_up(session, agent, now, _is_overdue(now))]


def _ring(call_sid: str, fence: int) -> ColumnElement[bool]:
    return (Presence.call_sid == call_sid) & (Presence.fence == fence)


def _move(
    session: Session,
    agent: str,
    now: datetime,
    condition: ColumnElement[bool],
    since: str | None = "activity_since",
    **values: Any,
) -> bool:
    if since:
        values[since] = now
    if not _update(session, agent, values, condition):
        return False
    _announce(session, agent, now)
    return True


def _update(
    session: Session, agent: str, values: dict[str, Any], condition: ColumnElement[bool] | None = None
) -> bool:
    statement = update(Presence).where(Presence.agent == agent)
    if condition is not None:
        statement = statement.where(condition)
    return (
        session.scalar(
            statement.values(**values).returning(Presence.agent).execution_options(synchronize_session=False)
        )
        is not None
    )
