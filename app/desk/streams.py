"""What is new for the desks that are open? Event streams: complete, in order, resumable, many to a process.

The log in SQL is the truth: each event is read from it by number, so that nothing is lost or doubled and the
order holds. Redis only says when to look; without it one query for all desks looks every second or two.
"""

import asyncio
import json
import logging
import time
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from flask import Response, current_app, request
from prometheus_client import Histogram
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import bus
from app.agents import desk_events
from app.clock import utcnow
from app.db import reading
from app.door import sessions
from app.door.sessions import Limits, Proof
from app.held_streams import HEADERS, HOLDS_STREAMS, Receive, Send, Stream, Streams, answer_full
from app.records.agents import Activity, DeskEvent, Presence

log = logging.getLogger(__name__)

# Which stream app/serving.py is to hold; it never leaves us.
HANDED_OVER = "X-Desk-Stream"

TICK_SECONDS = 10  # the page shows its red banner after 25 without one
USUAL_LIMITS = Limits()
LIFETIME_SECONDS = 30 * 60  # then the desk connects again
# So often what opened the streams is looked at: a session that was ended must be silent 5 s later.
PROVE_SECONDS = 3.0
RETRY_MILLISECONDS = 1000
MOST_DESKS = 5000  # to one process; the rest is sent elsewhere with 503
MOST_DESKS_OF_AGENT = 12
MOST_ONLOOKERS_OF_AGENT = 6  # other systems, beside the agent's own
MOST_WAITING = 200  # events that wait for a slow reader here; the rest waits in the log
# Whatever Redis says: a bell may be lost, and a Redis that hangs is not known to from one moment to the next.
LOOK_SECONDS = 1.5
AGENTS_IN_QUERY = 100
# What opened so many streams is looked at before whoever was woken has their turn at the one thread.
PROVEN_AT_ONCE = 200

# A comment keeps proxies awake, but a page can't see it: the watchdog there listens for the event.
TICK = b": tick\nevent: tick\ndata: {}\n\n"
OPENING = f"retry: {RETRY_MILLISECONDS}\n\n".encode() + TICK

# From when the call was looked at until its pop is on its way to the browser; see app/operations.py.
POP_SECONDS = Histogram(
    "rechtdoor_pop_delay_seconds",
    "How long after a call came in its screen pop was handed to a desk's stream.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30),
    registry=None,
)


def frame(number: int, kind: str, data: Mapping[str, Any]) -> bytes:
    """Return one event in the form of text/event-stream."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"id: {number}\nevent: {kind}\ndata: {text}\n\n".encode()


# --- where a stream begins ---------------------------------------------------------------------------


def asked_after() -> int | None:
    """Return the event after which this request wants to go on; None for a desk that is new.

    The browser's Last-Event-ID wins over the `after` of the address, which stays the same when it reconnects.
    """
    for asked in (request.headers.get("Last-Event-ID"), request.args.get("after")):
        if asked and asked.isascii() and asked.isdigit() and len(asked) < 12:
            return int(asked)
    return None


def start_after(session: Session, agent: str, asked: int | None) -> int:
    """Return the number of the event after which the agent's stream begins.

    A new desk (and one that asks for events of a log that was since begun anew) gets what it needs of the
    past: when a call is on its way or going on, everything since its screen pop; else only what comes.
    """
    row = session.execute(
        select(Presence.event_number, Presence.activity, Presence.call_sid).where(Presence.agent == agent)
    ).one_or_none()
    newest = row.event_number if row else 0
    if asked is not None and asked <= newest:
        return asked
    if row is None or row.activity == Activity.IDLE or row.call_sid is None:
        return newest
    pops = session.execute(
        select(DeskEvent.number, DeskEvent.data)
        .where(DeskEvent.agent == agent, DeskEvent.kind == "screen_pop")
        .order_by(DeskEvent.number.desc())
        .limit(20)
    )
    of_call = [pop.number for pop in pops if pop.data.get("call_sid") == row.call_sid]
    return min(of_call) - 1 if of_call else newest


def open_stream(agent: str, proof: Proof, after: int | None = None) -> Response:
    """Answer this request, which the view has authorised by `proof`, with the event stream of `agent`.

    It ends soon after the proof does. `after` is the event after which it goes on where the request itself
    doesn't say. On the ASGI server it is held on the loop; elsewhere this answer is the stream, at a thread.
    """
    asked = asked_after()
    with reading() as session:
        number = start_after(session, agent, after if asked is None else asked)
    if request.environ.get(HOLDS_STREAMS):
        return Response(status=200, headers={HANDED_OVER: f"{agent} {number} {proof}"})
    limits = Limits.of(current_app.config["SETTINGS"])
    return Response(_in_this_thread(agent, number, proof, limits), headers=HEADERS, direct_passthrough=True)


def _in_this_thread(
    agent: str, number: int, proof: Proof, limits: Limits, pause: float = 0.5
) -> Iterator[bytes]:
    """Yield the stream by looking again and again; for servers that have no loop."""
    ends = time.monotonic() + LIFETIME_SECONDS
    next_tick = time.monotonic() + TICK_SECONDS
    next_proof = time.monotonic() + PROVE_SECONDS
    yield OPENING
    while (now := time.monotonic()) < ends:
        with reading() as session:
            if now >= next_proof:
                next_proof = now + PROVE_SECONDS
                if not sessions.living(session, [(agent, proof)], utcnow(), limits):
                    return
            events = desk_events.after(session, agent, number)
        for event in events:
            number = event.number
            yield frame(event.number, event.kind, event.data)
        if now >= next_tick:
            next_tick = now + TICK_SECONDS
            yield TICK
        if not events:
            time.sleep(pause)


# --- all streams of one process ----------------------------------------------------------------------


class Desk(Stream):
    """The open stream of a desk, or of another system that looks on."""

    __slots__ = ("_is_behind", "after", "agent", "hub", "proof")

    def __init__(self, hub: "Hub", agent: str, after: int, proof: Proof, send: Send) -> None:
        super().__init__(send)
        self.hub = hub
        self.agent = agent
        self.proof = proof
        self.after = after
        self._is_behind = False

    @property
    def has_room(self) -> bool:
        return not self._is_behind and len(self._waiting) < MOST_WAITING

    def put_event(self, number: int, data: bytes) -> bool:
        """Send the event unless it was sent before; without room it is read from the log again later.

        Tell whether it is being sent.
        """
        if number <= self.after:
            return False
        if self.has_room:
            self.after = number
            self.put(data)
            return True
        self._is_behind = True
        return False

    def has_sent(self) -> None:
        if self._is_behind:
            self._is_behind = False
            self.hub.wake([self.agent])


class Hub(Streams[Desk]):
    """All desks of this process."""

    def __init__(
        self, redis_url: str, *, limits: Limits = USUAL_LIMITS, most_desks: int = MOST_DESKS
    ) -> None:
        super().__init__(
            redis_url, bus.DESKS, tick=TICK, tick_seconds=TICK_SECONDS, lifetime_seconds=LIFETIME_SECONDS
        )
        self._limits = limits
        self._most_desks = most_desks
        self._desks: dict[str, list[Desk]] = {}
        self._onlookers = 0
        self._woken: set[str] = set()
        self._popped: dict[str, int] = {}  # the newest pop of each agent of which the delay was noted
        self._bell = asyncio.Event()
        self._looks_now = asyncio.Event()

    def _jobs(self) -> list[Coroutine[Any, Any, None]]:
        return [self._look(), self._read(), self._prove()]

    def has_room(self, agent: str, proof: Proof) -> bool:
        """Tell whether one more fits. However many systems look on, the agent's own desk has its place."""
        if self._closed or self.count >= self._most_desks:
            return False
        of_kind = sum(desk.proof.is_own == proof.is_own for desk in self._desks.get(agent, ()))
        if proof.is_own:
            return of_kind < MOST_DESKS_OF_AGENT
        return of_kind < MOST_ONLOOKERS_OF_AGENT and self._onlookers < self._most_desks // 2

    async def hold(self, agent: str, after: int, proof: Proof, receive: Receive, send: Send) -> None:
        """Answer with the stream of `agent`, from after event `after`, until it or its proof ends."""
        if not self.has_room(agent, proof):
            await answer_full(send)
            return
        await self._hold(Desk(self, agent, after, proof, send), OPENING, receive, send)

    def _added(self, stream: Desk) -> None:
        self._desks.setdefault(stream.agent, []).append(stream)
        self._onlookers += not stream.proof.is_own
        self.wake([stream.agent])

    def _removed(self, stream: Desk) -> None:
        of_agent = self._desks[stream.agent]
        of_agent.remove(stream)
        if not of_agent:
            del self._desks[stream.agent]
        self._onlookers -= not stream.proof.is_own

    def _hears(self) -> None:
        self._looks_now.set()

    def _heard(self, message: str) -> None:
        agent, _, _ = message.partition(" ")
        if agent in self._desks:
            self.wake([agent])

    def wake(self, agents: Sequence[str]) -> None:
        """Look soon what is new for these agents."""
        self._woken.update(agents)
        self._bell.set()

    # Reading

    async def _read(self) -> None:
        while True:
            await self._bell.wait()
            self._bell.clear()
            woken, self._woken = self._woken, set()
            wanted = [
                (agent, seen) for agent in sorted(woken) if (seen := self._seen_by_all(agent)) is not None
            ]
            for start in range(0, len(wanted), AGENTS_IN_QUERY):
                await self._deliver(wanted[start : start + AGENTS_IN_QUERY])

    def _seen_by_all(self, agent: str) -> int | None:
        """Return up to which event all desks of the agent that can take more have seen; None without one."""
        return min((desk.after for desk in self._desks.get(agent, ()) if desk.has_room), default=None)

    async def _deliver(self, wanted: list[tuple[str, int]]) -> None:
        agents = [agent for agent, _ in wanted]
        read_after = dict(wanted)
        try:
            events = await self._in_thread(_read_events, wanted)
        except Exception:
            log.warning("desk events can't be read", exc_info=True)
            asyncio.get_running_loop().call_later(1.0, self.wake, agents)
            return
        for agent, number, kind, data, told_at in events:
            if desks := self._desks.get(agent):
                encoded = frame(number, kind, data)
                # One that was opened during the read lacks what is before it, and is read for by itself.
                in_turn = [desk for desk in desks if desk.after >= read_after[agent] or not desk.has_room]
                if len(in_turn) < len(desks):
                    self.wake([agent])
                sent = [desk.put_event(number, encoded) for desk in in_turn]
                if kind == "screen_pop" and any(sent):
                    self._note_delay(agent, number, told_at)
        if len(events) >= desk_events.OF_ONE_AT_ONCE:
            self.wake(agents)  # there may be more

    def _note_delay(self, agent: str, number: int, told_at: datetime) -> None:
        """Note it once for each pop: a page that is loaded anew during a call is told of it again."""
        if number > self._popped.get(agent, 0):
            self._popped[agent] = number
            POP_SECONDS.observe(max(0.0, (utcnow() - told_at).total_seconds()))

    # Knowing when to read

    async def _look(self) -> None:
        """Look for all desks at once, now and then: bells may be lost."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._looks_now.wait(), LOOK_SECONDS)
            self._looks_now.clear()
            if not self._desks:
                continue
            try:
                newest = await self._in_thread(_read_newest)
            except Exception:
                log.warning("desk events can't be read", exc_info=True)
                await asyncio.sleep(LOOK_SECONDS)
                continue
            self.wake(
                [
                    agent
                    for agent, number in newest.items()
                    if agent in self._desks
                    and (seen := self._seen_by_all(agent)) is not None
                    and number > seen
                ]
            )

    async def _prove(self) -> None:
        """End streams whose session or token has ended."""
        while True:
            await asyncio.sleep(PROVE_SECONDS)
            opened = list({(desk.agent, desk.proof) for desk in self._held})
            try:
                for start in range(0, len(opened), PROVEN_AT_ONCE):
                    await self._end_unproven(set(opened[start : start + PROVEN_AT_ONCE]))
            except Exception:
                log.warning("it can't be read who may still listen", exc_info=True)

    async def _end_unproven(self, opened: set[tuple[str, Proof]]) -> None:
        for agent, proof in opened - await self._in_thread(_read_living, opened, self._limits):
            for desk in [desk for desk in self._desks.get(agent, ()) if desk.proof == proof]:
                desk.end()


def _read_events(wanted: list[tuple[str, int]]) -> list[desk_events.Told]:
    with reading() as session:
        return desk_events.after_each(session, wanted)


def _read_newest() -> dict[str, int]:
    with reading() as session:
        return desk_events.newest_of_all(session)


def _read_living(opened: set[tuple[str, Proof]], limits: Limits) -> set[tuple[str, Proof]]:
    with reading() as session:
        return sessions.living(session, opened, utcnow(), limits)
