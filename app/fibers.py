"""How does a call wait without a thread of its own? In a fiber of the loop, which goes on meanwhile.

A fiber runs plain functions, such as a view and all beneath it, until they have to wait; then the loop has
its turn. So whatever runs in one must wait in no other way: what can't be waited for like that is done
elsewhere. See docs/decisions/0035-a-call-waits-on-the-loop.md.
"""

import os
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from selectors import EVENT_READ, EVENT_WRITE
from typing import TYPE_CHECKING, Any, TypeVar, cast

from greenlet import getcurrent, greenlet

if TYPE_CHECKING:
    # A command has no loop, and needn't import any.
    from asyncio import AbstractEventLoop, TimerHandle
    from asyncio import Future as LoopFuture

T = TypeVar("T")

# Files, and connections that have to be made anew.
_ELSEWHERE = ThreadPoolExecutor(4, "elsewhere")


class WouldWait(Exception):
    """A fiber would have to wait in another way than on its loop: a thread does the whole work instead."""


class Fiber(greenlet):
    """One function on a loop, with all that it calls; made by `run`."""

    def __init__(self, function: Callable[..., Any], loop: "AbstractEventLoop") -> None:
        super().__init__(function)
        # What the task knows, the request knows.
        self.gr_context = getcurrent().gr_context
        self.loop = loop
        self._task = getcurrent()  # to which it goes back while it waits
        self._awaited: LoopFuture[int] | None = None

    def drive(self, steps: Generator[int, int, T], socket: "Watched") -> T:
        """Do what psycopg describes as steps between which the socket must be ready.

        It says what for, and is told what came, as `selectors` does: https://www.psycopg.org/psycopg3/docs/api/waiting.html
        """
        try:
            wanted = next(steps)
            while True:
                wanted = steps.send(self._ready(socket, wanted))
        except StopIteration as end:
            return cast(T, end.value)

    def result_of(self, future: "Future[T]") -> T:
        """Wait for what a thread does, and return or raise what came of it."""
        done = self.loop.create_future()

        def wake(_: "Future[T]") -> None:
            # Nobody waits any more when the server has stopped meanwhile.
            with suppress(RuntimeError):
                self.loop.call_soon_threadsafe(settle, done)

        future.add_done_callback(wake)
        self.wait_for(done)
        return future.result()

    def sleep(self, seconds: float) -> None:
        done = self.loop.create_future()
        timer = self.loop.call_later(seconds, settle, done)
        try:
            self.wait_for(done)
        finally:
            timer.cancel()

    def let_others(self) -> None:
        """Let all else that is ready on the loop have its turn."""
        done = self.loop.create_future()
        self.loop.call_soon(settle, done)
        self.wait_for(done)

    @contextmanager
    def within(self, seconds: float, more: Callable[[], bool]) -> Iterator[None]:
        """Raise TimeoutError where it waits after so many seconds; once as many again if `more` says so."""
        timer: TimerHandle

        def is_due(is_last: bool) -> None:
            nonlocal timer
            if not is_last and more():
                timer = self.loop.call_later(seconds, is_due, True)
            elif self._awaited is not None and not self._awaited.done():
                self._awaited.set_exception(TimeoutError())

        timer = self.loop.call_later(seconds, is_due, False)
        try:
            yield
        finally:
            timer.cancel()

    def _ready(self, socket: "Watched", wanted: int) -> int:
        """Wait until the socket can be read or written, whichever is wanted; return which it is."""
        loop, done = self.loop, self.loop.create_future()
        if wanted & EVENT_READ:
            socket.tell(loop, done)
        if wanted & EVENT_WRITE:
            loop.add_writer(socket.fileno, settle, done, EVENT_WRITE)
        try:
            return self.wait_for(done)
        finally:
            socket.forget()
            if wanted & EVENT_WRITE:
                loop.remove_writer(socket.fileno)

    def wait_for(self, done: "LoopFuture[int]") -> int:
        self._awaited = done
        try:
            came: int = self._task.switch(done)
            return came
        finally:
            self._awaited = None


class Watched:
    """A socket that a loop watches from the first wait on: to begin and to end that takes as long as to ask.

    What is watched is a descriptor of its own: nobody else closes it, and no other socket gets its number.
    """

    def __init__(self, fileno: int) -> None:
        self.fileno = fileno
        self._own: int | None = None
        self._loop: AbstractEventLoop | None = None
        self._awaited: LoopFuture[int] | None = None

    def tell(self, loop: "AbstractEventLoop", done: "LoopFuture[int]") -> None:
        """Settle this once the socket can be read."""
        if loop is not self._loop:
            self._end()
            self._own, self._loop = os.dup(self.fileno), loop
            loop.add_reader(self._own, self._can_be_read)
        self._awaited = done

    def forget(self) -> None:
        """Nobody waits any more."""
        self._awaited = None

    def let_go(self) -> None:
        """The socket is closed, in whatever thread."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._end)

    def _can_be_read(self) -> None:
        if self._awaited is None:
            # Unasked it says that it has ended, or a thread asked: nobody reads it here.
            self._end()
        else:
            settle(self._awaited, EVENT_READ)

    def _end(self) -> None:
        own, loop, self._own, self._loop = self._own, self._loop, None, None
        if own is not None:
            if loop is not None and not loop.is_closed():
                loop.remove_reader(own)
            os.close(own)

    def __del__(self) -> None:
        self._end()


class Word:
    """What a thread waits for, and anybody may give, once or again."""

    def __init__(self) -> None:
        self._given = threading.Lock()
        self._given.acquire()

    def wait(self, seconds: float = -1) -> bool:
        """Return whether it was given within so many seconds; without a bound it is waited for."""
        return self._given.acquire(timeout=seconds)

    def give(self) -> None:
        with suppress(RuntimeError):  # it was given already
            self._given.release()


class WordInFiber(Word):
    """The same for a fiber, which waits until it is given, or the fiber given up."""

    def __init__(self, fiber: Fiber) -> None:
        self._fiber = fiber
        self._given: Any = fiber.loop.create_future()

    def wait(self, seconds: float = -1) -> bool:
        self._fiber.wait_for(self._given)
        return True

    def give(self) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._fiber.loop.call_soon_threadsafe(settle, self._given)


def word() -> Word:
    """Return a word for whoever asks for it, to wait for."""
    fiber = current()
    return Word() if fiber is None else WordInFiber(fiber)


def settle(done: "LoopFuture[int]", with_what: int = 0) -> None:
    """Tell whoever waits for it, on its own loop."""
    # What came too late finds it settled already.
    if not done.done():
        done.set_result(with_what)


async def run(loop: "AbstractEventLoop", function: Callable[..., T], *arguments: object) -> T:
    """Return what the function returns, which runs in a fiber of this task, on its loop."""
    fiber = Fiber(function, loop)
    awaited = fiber.switch(*arguments)
    while not fiber.dead:
        try:
            came = await awaited
        except BaseException as error:
            awaited = fiber.throw(error)
        else:
            awaited = fiber.switch(came)
    return cast(T, awaited)


def current() -> Fiber | None:
    """Return the fiber that this runs in, None in a thread of its own."""
    found = getcurrent()
    return found if isinstance(found, Fiber) else None


def elsewhere(function: Callable[[], T]) -> T:
    """Return what the function returns, which waits in its own way: in a thread, if this is a fiber."""
    fiber = current()
    return function() if fiber is None else fiber.result_of(_ELSEWHERE.submit(function))


def sleep(seconds: float) -> None:
    fiber = current()
    if fiber is None:
        time.sleep(seconds)
    else:
        fiber.sleep(seconds)
