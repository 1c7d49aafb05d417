"""How fast are requests answered? A small load generator: closed loop for the most, open loop for the wait.

It speaks just as much HTTP as our own server answers: one request at a time on a kept connection, answers
with a Content-Length. Whatever takes processor time here is missing on the other side of a machine with two
cores, so requests come ready as bytes.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar, cast

import uvloop

T = TypeVar("T")

LONGEST_SECONDS = 120.0
# uvicorn closes a connection that was idle for 5 s; a request on its way then is lost.
FRESH_SECONDS = 2.0


@dataclass(frozen=True)
class Answer:
    """What came back: `seconds` since the request was due."""

    seconds: float
    status: int
    body: bytes


@dataclass
class Answers:
    """What a series of requests came to."""

    took_seconds: float = 0.0
    seconds: list[float] = field(default_factory=list)
    wrong: list[Answer] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return len(self.seconds) / self.took_seconds


class NotAsExpected(Exception):
    """Answers were not what was to be measured; the message quotes the first."""


class Connection(asyncio.Protocol):
    """One kept connection; `ask` sends a request, the answer goes to whoever asked."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._due = 0.0
        self._used_at = time.perf_counter()
        self._answered: Callable[[Answer], None] = _nobody

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass of it

    def ask(self, request: bytes, due: float, answered: Callable[[Answer], None]) -> None:
        assert self._transport is not None
        self._due, self._answered = due, answered
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if (parsed := parse_answer(self._buffer)) is None:
            return
        status, body = parsed
        self._buffer = b""
        self._used_at = time.perf_counter()
        answered, self._answered = self._answered, _nobody
        answered(Answer(time.perf_counter() - self._due, status, body))

    @property
    def is_fresh(self) -> bool:
        """Whether the server can't be about to close it for being idle."""
        idle = time.perf_counter() - self._used_at
        return self._transport is not None and not self._transport.is_closing() and idle < FRESH_SECONDS

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered is not _nobody:
            self._answered(Answer(time.perf_counter() - self._due, 0, b"connection lost"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _nobody(answer: Answer) -> None:
    raise NotAsExpected(f"an answer that nobody asked for: {answer.body[:200]!r}")


def parse_answer(data: bytes) -> tuple[int, bytes] | None:
    """Return status and body of a whole answer, None while some of it is missing."""
    head, separator, body = data.partition(b"\r\n\r\n")
    if not separator:
        return None
    lines = head.split(b"\r\n")
    status = int(lines[0].split(b" ", 2)[1])
    length = next((int(line[15:]) for line in lines if line[:15].lower() == b"content-length:"), 0)
    return (status, body) if len(body) >= length else None


async def connect(port: int) -> Connection:
    _transport, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return connection


async def closed_loop(
    port: int, requests: Sequence[bytes], *, connections: int, expected: Callable[[Answer], bool]
) -> Answers:
    """Send all requests, as many at a time as there are connections, each as soon as one was answered."""
    answers = Answers()
    waiting = iter(requests)
    open_ones = [await connect(port) for _ in range(min(connections, len(requests)))]
    left = len(requests)
    done = asyncio.get_running_loop().create_future()

    def ask_next(connection: Connection) -> None:
        if (request := next(waiting, None)) is not None:
            connection.ask(request, time.perf_counter(), lambda answer: note(connection, answer))

    def note(connection: Connection, answer: Answer) -> None:
        nonlocal left
        _note(answers, answer, expected)
        left -= 1
        if left == 0:
            done.set_result(None)
        elif answer.status:
            ask_next(connection)
        elif not done.done():
            done.set_exception(NotAsExpected("the server closed a connection"))

    began = time.perf_counter()
    for connection in open_ones:
        ask_next(connection)
    await asyncio.wait_for(done, LONGEST_SECONDS)
    answers.took_seconds = time.perf_counter() - began
    for connection in open_ones:
        connection.close()
    return answers


async def open_loop(
    port: int,
    requests: Sequence[bytes],
    *,
    per_second: float,
    expected: Callable[[Answer], bool],
    due: list[float] | None = None,
) -> Answers:
    """Send the requests at a steady pace, whether or not earlier ones were answered.

    `due` is filled with the moment (time.perf_counter) of each. The wait counts from that moment, so a slow
    answer doesn't hide those behind it.
    """
    answers = Answers()
    loop = asyncio.get_running_loop()
    free = [await connect(port) for _ in range(8)]
    left = len(requests)
    done = loop.create_future()
    began = time.perf_counter()

    def note(connection: Connection, answer: Answer) -> None:
        nonlocal left
        _note(answers, answer, expected)
        left -= 1
        free.append(connection)
        if left == 0:
            done.set_result(None)

    for position, request in enumerate(requests):
        moment = began + position / per_second
        if due is not None:
            due.append(moment)
        if (pause := moment - time.perf_counter()) > 0:
            await asyncio.sleep(pause)
        while free and not free[-1].is_fresh:
            free.pop().close()
        connection = free.pop() if free else await connect(port)
        connection.ask(request, moment, partial(note, connection))
    with suppress(TimeoutError):
        await asyncio.wait_for(done, 30)
    answers.took_seconds = time.perf_counter() - began
    for connection in free:
        connection.close()
    if left:
        raise NotAsExpected(f"{left} of {len(requests)} requests were never answered")
    return answers


async def settled(is_so: Callable[[], bool], *, seconds: float) -> bool:
    """Wait until it is so; False when that takes longer than `seconds`."""
    patience = time.perf_counter() + seconds
    while not is_so():
        if time.perf_counter() > patience:
            return False
        await asyncio.sleep(0.01)
    return True


def _note(answers: Answers, answer: Answer, expected: Callable[[Answer], bool]) -> None:
    answers.seconds.append(answer.seconds)
    if not expected(answer):
        answers.wrong.append(answer)


def run(work: Coroutine[Any, Any, T]) -> T:
    return uvloop.run(work)


def require_expected(answers: Answers, what: str, words: Callable[[], str] = str) -> Answers:
    """Return the answers when all are what was to be measured. Else raises, with the server's words."""
    if answers.wrong:
        first = answers.wrong[0]
        raise NotAsExpected(
            f"{what}: {len(answers.wrong)} of {len(answers.seconds)} answers are not what is measured; "
            f"the first: {first.status} {first.body[:300].decode(errors='replace')}{words()[-1500:]}"
        )
    return answers
