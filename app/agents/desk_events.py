"""What was each desk told? An ordered log for each agent; a stream reads it, a cut stream resumes from it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, String, and_, bindparam, event, insert, or_, select, update
from sqlalchemy.orm import Session

from app import bus
from app.audit import log as audit
from app.prepared import Prepared
from app.records.agents import DeskEvent, Presence
from app.records.audit import AuditPending

_BELLS = "desk_bells"


def tell(session: Session, agent: str, kind: str, data: Mapping[str, Any], now: datetime) -> None:
    """Append an event to the agent's log; their desk is rung when the transaction has committed.

    The number comes from the agent's own row, so the order of numbers is the order of commits, and a reader
    that has seen number n misses nothing that is smaller.
    """
    number = session.scalar(
        update(Presence)
        .where(Presence.agent == agent)
        .values(event_number=Presence.event_number + 1)
        .returning(Presence.event_number)
        .execution_options(synchronize_session=False)
    )
    if number is None:
        return  # no such agent, so no desk
    append(session, agent, number, kind, data, now)


def append(
    session: Session, agent: str, number: int, kind: str, data: Mapping[str, Any], now: datetime
) -> None:
    """Append the event whose number was already taken from the agent's row in this transaction."""
    session.execute(
        insert(DeskEvent).values(agent=agent, number=number, kind=kind, data=dict(data), created_at=now)
    )
    ring_after_commit(session, *bell(agent, number))


def pop(
    session: Session, agent: str, number: int, data: Mapping[str, Any], e164: str | None, now: datetime
) -> None:
    """Append a screen-pop, which shows an agent somebody's data: that is written down with it.

    `e164` is the other side's number, by which it is known who was looked at when that is no customer.
    """
    session.execute(insert(AuditPending).values(**audit.row_of_pop(agent, data, now, e164)))
    append(session, agent, number, "screen_pop", data, now)


def bell(agent: str, number: int) -> tuple[str, str]:
    """Return the channel and the message that make the agent's desk look."""
    return bus.DESKS, f"{agent} {number}"


def ring_after_commit(session: Session, channel: str, message: str) -> None:
    """Publish the message once the transaction has committed; never when it hasn't."""
    session.info.setdefault(_BELLS, []).append((channel, message))


@event.listens_for(Session, "after_commit")
def _ring(session: Session) -> None:
    if bells := session.info.pop(_BELLS, None):
        bus.publish(dict.fromkeys(bells))


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    session.info.pop(_BELLS, None)


def after(session: Session, agent: str, number: int, limit: int = 200) -> Sequence[DeskEvent]:
    """Return what the agent's desk was told after event `number`, oldest first."""
    return session.scalars(
        select(DeskEvent)
        .where(DeskEvent.agent == agent, DeskEvent.number > number)
        .order_by(DeskEvent.number)
        .limit(limit)
    ).all()


def newest(session: Session, agent: str) -> int:
    """Return the number of the newest event, 0 when there was none yet."""
    return session.scalar(select(Presence.event_number).where(Presence.agent == agent)) or 0


# (agent, number, kind, data, created_at)
Told = tuple[str, int, str, dict[str, Any], datetime]


# So many events of one agent are read in one go, and of several who were told something at once.
OF_ONE_AT_ONCE = 200
OF_SEVERAL_AT_ONCE = 1000
# For so few agents a statement that is prepared is asked for each, at a fifth of the processor time.
FEW = 4

_COLUMNS = (DeskEvent.agent, DeskEvent.number, DeskEvent.kind, DeskEvent.data, DeskEvent.created_at)
_OF_ONE = Prepared(
    select(*_COLUMNS)
    .where(
        DeskEvent.agent == bindparam("of_agent", type_=String()),
        DeskEvent.number > bindparam("seen", type_=Integer()),
    )
    .order_by(DeskEvent.number)
    .limit(OF_ONE_AT_ONCE)
)
_NEWEST_EVENT: tuple[Any, ...] = (Presence.agent, Presence.event_number)
_NEWEST = Prepared(select(*_NEWEST_EVENT).where(Presence.event_number > 0))


def after_each(session: Session, wanted: Sequence[tuple[str, int]]) -> list[Told]:
    """Return what each of these agents was told after the event that is given with them, in order.

    From OF_ONE_AT_ONCE events on there may be more.
    """
    if len(wanted) <= FEW:
        connection = session.connection()
        return [
            tuple(row)
            for agent, seen in wanted
            for row in _OF_ONE.rows(connection, {"of_agent": agent, "seen": seen})
        ]
    statement = (
        select(*_COLUMNS)
        .where(or_(*(and_(DeskEvent.agent == agent, DeskEvent.number > number) for agent, number in wanted)))
        .order_by(DeskEvent.agent, DeskEvent.number)
        .limit(OF_SEVERAL_AT_ONCE)
    )
    return [tuple(row) for row in session.execute(statement)]


def newest_of_all(session: Session) -> dict[str, int]:
    """Return the number of the newest event of each agent who was ever told one."""
    return dict(_NEWEST.rows(session.connection(), {}))
