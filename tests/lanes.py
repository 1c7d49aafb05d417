"""Calls as a database sees them, past all else: who is taken, what is written, on a loop or off it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import bindparam, select, update

from app import db, fibers
from app.db import table_of
from app.prepared import Guarded, Prepared, Rows
from app.records.agents import DeskEvent, Presence
from app.records.calls import Inbox
from app.sqlite_lane import SqliteLane

T = TypeVar("T")

NOW = datetime(2026, 11, 30, 9, 0, 0, 123456, tzinfo=UTC)
AGENTS = [f"agent{number}" for number in range(12)]
_inbox, _events, _slots = table_of(Inbox), table_of(DeskEvent), table_of(Presence)
TAKE = Guarded(
    update(_slots)
    .where(_slots.c.agent == bindparam("who"), _slots.c.call_sid.is_(None))
    .values(event_number=_slots.c.event_number + 1, call_sid=bindparam("for_sid"))
    .returning(_slots.c.event_number),
    [
        Rows(_events, ("agent", "kind", "data", "created_at"), taken={"number": "event_number"}),
        Rows(_inbox, ("call_sid", "request", "reply", "created_at")),
    ],
)
REPLIES = Prepared(select(_inbox.c.call_sid, _inbox.c.reply).order_by(_inbox.c.call_sid))
EVENTS = Prepared(select(_events.c.agent, _events.c.number, _events.c.data).order_by(_events.c.agent))


def rings(database: db.Database, agent: str, sid: str) -> Any:
    """Take an agent for a call: return the number of the event, None when somebody else has them."""
    rows = [
        {"agent": agent, "kind": "screen_pop", "data": {"call_sid": sid}, "created_at": NOW},
        {"call_sid": sid, "request": "incoming", "reply": sid.encode(), "created_at": NOW},
    ]
    with database.at_once() as connection:
        return TAKE.write(connection, {"who": agent, "for_sid": sid}, rows)


def written(database: db.Database) -> tuple[list[str], list[tuple[str, int]]]:
    """Return the calls that were answered, and the agents with the number of their event."""
    with database.at_once() as connection:
        replies, events = REPLIES.rows(connection, {}), EVENTS.rows(connection, {})
    assert all(one.reply == one.call_sid.encode() for one in replies)
    return [one.call_sid for one in replies], [(one.agent, one.number) for one in events]


def sqlite_lane(database: db.Database) -> SqliteLane:
    """Return what can't be seen from outside: who waits there, and for what."""
    assert isinstance(database._lane, SqliteLane)
    return database._lane


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not is_so():
            await asyncio.sleep(0.005)


async def in_fiber(function: Callable[[], T]) -> T:
    return await fibers.run(asyncio.get_running_loop(), function)


def alone(function: Callable[[], T]) -> T:
    """Run a function in a fiber of a loop that has nothing else to do."""
    return asyncio.run(in_fiber(function))
