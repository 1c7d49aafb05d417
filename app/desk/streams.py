"""What is new for the desks that are open? Event streams: complete, in order, resumable, many to a process.

The log in SQL is the truth: each event is read from it by number, so that nothing is lost or doubled and the
order holds. Redis only says when to look; without it one query for all desks looks every second or two.
"""

import asyncio
import itertools
import json
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from flask import Response, current_app, request
from prometheus_client import Histogram
from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import bus
from app.agents import desk_events
from app.clock import utcnow
from app.db import reading
from app.door import sessions
from app.door.sessions import Limits, Proof
from app.records.agents import Activity, DeskEvent, Presence

log = logging.getLogger(__name__)

# app/serving.py puts the first into a request that it can hold; the second, which never leaves us, orders it.
HOLDS_STREAMS = "rechtdoor.holds_streams"
HANDED_OVER = "X-Desk-Stream"

TICK_SECONDS = 10  # the page shows its red banner after 25 without one
USUAL_LIMITS = Limits()
LIFETIME_SECONDS = 30 * 60  # then the desk connects again
# So often what opened the streams is looked at: a session that was ended must be silent 5 s later.
PROVE_SECONDS = 2.0
RETRY_MILLISECONDS = 1000
MOST_DESKS = 5000  # to one process; the rest is sent elsewhere with 503
MOST_DESKS_OF_AGENT = 12
MOST_ONLOOKERS_OF_AGENT = 6  # other systems, beside the agent's own
MOST_WAITING = 200  # events that wait for a slow reader here; the rest waits in the log
# Whatever Redis says: a bell may be lost, and a Redis that hangs is not known to from one moment to the next.
LOOK_SECONDS = 1.5
AGENTS_IN_QUERY = 100
EVENTS_IN_QUERY = 1000

HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",  # nginx would keep events back
    "X-Content-Type-Options": "nosniff",
}

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

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


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


class Desk:
    """One open stream. What it must still be sent waits here, so that a slow reader holds up nobody."""

    __slots__ = (
        "_ends",
        "_is_behind",
        "_send",
        "_sending",
        "_waiting",
        "after",
        "agent",
        "hub",
        "proof",
        "turn",
    )

    def __init__(
        self,
        hub: "Hub",
        agent: str,
        after: int,
        proof: Proof,
        turn: int,
        send: Send,
        ends: asyncio.Timeout,
    ) -> None:
        self.hub = hub
        self.agent = agent
        self.proof = proof
        self.after = after
        self.turn = turn
        self._send = send
        self._ends = ends
        self._waiting: deque[bytes] = deque()
        self._is_behind = False
        self._sending: asyncio.Task[None] | None = None

    @property
    def has_room(self) -> bool:
        return not self._is_behind and len(self._waiting) < MOST_WAITING

    def put(self, data: bytes) -> None:
        """Send `data` as soon as the reader takes it."""
        self._waiting.append(data)
        if self._sending is None:
            self._sending = asyncio.get_running_loop().create_task(self._send_waiting())

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

    def put_tick(self) -> None:
        if self.has_room:
            self.put(TICK)

    def end(self) -> None:
        """End the stream now; the browser connects again and resumes."""
        if not self._ends.expired():
            self._ends.reschedule(asyncio.get_running_loop().time())

    async def _send_waiting(self) -> None:
        try:
            while self._waiting:
                data = b"".join(self._waiting)
                self._waiting.clear()
                await self._send({"type": "http.response.body", "body": data, "more_body": True})
        finally:
            self._sending = None
        if self._is_behind:
            self._is_behind = False
            self.hub.wake([self.agent])

    async def finish(self) -> None:
        """Close the answer properly, unless the reader doesn't take what was sent before."""
        if self._sending is None:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


class Hub:
    """All desks of this process: one listener at Redis, one reader of the log."""

    def __init__(
        self, redis_url: str, *, limits: Limits = USUAL_LIMITS, most_desks: int = MOST_DESKS
    ) -> None:
        self._redis_url = redis_url
        self._limits = limits
        self._most_desks = most_desks
        self._desks: dict[str, list[Desk]] = {}
        self._count = 0
        self._onlookers = 0
        self._turns: list[set[Desk]] = [set() for _ in range(TICK_SECONDS)]
        self._next_turn = itertools.cycle(range(TICK_SECONDS))
        self._woken: set[str] = set()
        self._popped: dict[str, int] = {}  # the newest pop of each agent of which the delay was noted
        self._bell = asyncio.Event()
        self._hears_redis = False
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        # Streams read in a thread of their own, so that they never take one from a webhook.
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="desk-events")

    @property
    def open_desks(self) -> int:
        return self._count

    @property
    def hears_redis(self) -> bool:
        return self._hears_redis

    def start(self) -> None:  # called again it does nothing
        if not self._tasks:
            self._loop = asyncio.get_running_loop()
            jobs = (self._listen(), self._look(), self._read(), self._tick())
            self._tasks = [asyncio.get_running_loop().create_task(job) for job in jobs]

    def close(self) -> None:
        """End all streams: browsers resume at the next process."""
        self._closed = True
        for desk in [desk for desks in self._desks.values() for desk in desks]:
            desk.end()

    def close_soon(self) -> None:
        """Close, asked from a signal's handler or another thread."""
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.close)

    async def stop(self) -> None:
        """Close, and give back what was taken."""
        self.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        self._reader.shutdown(wait=False, cancel_futures=True)

    def has_room(self, agent: str, proof: Proof) -> bool:
        """Tell whether one more fits. However many systems look on, the agent's own desk has its place."""
        if self._closed or self._count >= self._most_desks:
            return False
        of_kind = sum(desk.proof.is_own == proof.is_own for desk in self._desks.get(agent, ()))
        if proof.is_own:
            return of_kind < MOST_DESKS_OF_AGENT
        return of_kind < MOST_ONLOOKERS_OF_AGENT and self._onlookers < self._most_desks // 2

    async def hold(self, agent: str, after: int, proof: Proof, receive: Receive, send: Send) -> None:
        """Answer with the stream of `agent`, from after event `after`, until it or its proof ends."""
        if not self.has_room(agent, proof):
            await _answer_full(send)
            return
        self.start()
        headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        desk = None
        try:
            async with asyncio.timeout(LIFETIME_SECONDS) as ends:
                desk = Desk(self, agent, after, proof, next(self._next_turn), send, ends)
                self._add(desk)
                desk.put(OPENING)
                self.wake([agent])
                while (await receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            if desk:
                await desk.finish()
        finally:
            if desk:
                self._remove(desk)

    def _add(self, desk: Desk) -> None:
        self._desks.setdefault(desk.agent, []).append(desk)
        self._turns[desk.turn].add(desk)
        self._count += 1
        self._onlookers += not desk.proof.is_own

    def _remove(self, desk: Desk) -> None:
        of_agent = self._desks[desk.agent]
        of_agent.remove(desk)
        if not of_agent:
            del self._desks[desk.agent]
        self._turns[desk.turn].discard(desk)
        self._count -= 1
        self._onlookers -= not desk.proof.is_own

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
        if len(events) == EVENTS_IN_QUERY:
            self.wake(agents)

    def _note_delay(self, agent: str, number: int, told_at: datetime) -> None:
        """Note it once for each pop: a page that is loaded anew during a call is told of it again."""
        if number > self._popped.get(agent, 0):
            self._popped[agent] = number
            POP_SECONDS.observe(max(0.0, (utcnow() - told_at).total_seconds()))

    async def _in_thread(self, function: Callable[..., Any], *arguments: object) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._reader, function, *arguments)

    # Knowing when to read

    async def _look(self) -> None:
        """Look for all desks at once, now and then: bells may be lost."""
        prove_at = time.monotonic() + PROVE_SECONDS
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not self._desks:
                continue
            try:
                newest = await self._in_thread(_read_newest)
                if time.monotonic() >= prove_at:
                    prove_at = time.monotonic() + PROVE_SECONDS
                    await self._end_unproven()
            except Exception:
                log.warning("desk events can't be read", exc_info=True)
                continue
            seen = {agent: self._seen_by_all(agent) for agent in self._desks}
            self.wake([agent for agent, to in seen.items() if to is not None and newest.get(agent, 0) > to])

    async def _end_unproven(self) -> None:
        opened = {(desk.agent, desk.proof) for desks in self._desks.values() for desk in desks}
        over = opened - await self._in_thread(_read_living, opened, self._limits)
        for agent, proof in over:
            for desk in [desk for desk in self._desks.get(agent, ()) if desk.proof == proof]:
                desk.end()

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_once()
            except (RedisError, OSError, TimeoutError):
                if self._hears_redis:
                    log.warning("redis is out of reach; desks are looked after by polling")
            self._hears_redis = False
            await asyncio.sleep(1.0)

    async def _listen_once(self) -> None:
        async for message in bus.hear(self._redis_url, bus.DESKS):
            if message is None:
                self._hears_redis = True
                self.wake(list(self._desks))
            else:
                agent, _, _ = message.partition(" ")
                if agent in self._desks:
                    self.wake([agent])

    async def _tick(self) -> None:
        for turn in itertools.cycle(self._turns):
            await asyncio.sleep(1.0)
            for desk in list(turn):
                desk.put_tick()


def _read_events(wanted: list[tuple[str, int]]) -> list[desk_events.Told]:
    with reading() as session:
        return desk_events.after_each(session, wanted, EVENTS_IN_QUERY)


def _read_newest() -> dict[str, int]:
    with reading() as session:
        return desk_events.newest_of_all(session)


def _read_living(opened: set[tuple[str, Proof]], limits: Limits) -> set[tuple[str, Proof]]:
    with reading() as session:
        return sessions.living(session, opened, utcnow(), limits)


async def _answer_full(send: Send) -> None:
    headers = [(b"retry-after", b"5"), (b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": b"too many event streams here; try again in 5 s\n"})
