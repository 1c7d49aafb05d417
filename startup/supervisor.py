"""How are several processes started in order, kept up, and stopped in the opposite order?"""

import os
import selectors
import signal
import time
from collections import deque
from types import FrameType, TracebackType
from typing import Self

from startup.process import POLL_SECONDS, NotReady, Process
from startup.terminal import Terminal

RESTART_AFTER_SECONDS = 0.2
RESTARTS_PER_MINUTE = 5
LAST_WORDS_SECONDS = 1.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """Somebody asked us to stop (Ctrl-C, a signal, the terminal closed)."""


class StepFailed(Exception):
    """A command that the others need ended badly; what it said has been shown."""


class Supervisor:
    """Runs processes whose output goes to one terminal. A context: leaving it stops them all, last one first.

        with Supervisor(terminal) as supervisor:
            supervisor.start(redis)
            supervisor.run(migration)
            supervisor.start(web)
            supervisor.watch()

    Raises Stopped out of whatever it is doing once it is asked to stop; asked again a second later, it kills.
    Processes must have been given `output=subprocess.PIPE`.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._parts: list[Process] = []
        self._restarts: dict[str, deque[float]] = {}
        self._restart_at: dict[str, float] = {}
        self._selector = selectors.DefaultSelector()
        self._asked_at: float | None = None
        self._hurry = False
        self._leaving = False

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._on_signal) for number in STOP_SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving = True
        for part in reversed(self._parts):
            self._stop(part)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._selector.close()

    def run(self, step: Process) -> None:
        """Run a command to its end. Raises StepFailed when it does not end well."""
        self._spawn(step)
        try:
            while step.is_running:
                self._listen(POLL_SECONDS)
        finally:
            code = step.kill()
            self._hear_out(step)
        if code:
            raise StepFailed(f"{step.name} failed (exit code {code}): what it said stands above")

    def start(self, *parts: Process) -> None:
        """Start processes that are to stay, and wait until all are ready. Raises NotReady."""
        for part in parts:
            self._parts.append(part)
            self._spawn(part)
        for part in parts:
            self._wait_for(part)
        # What they said before they were ready comes before whatever is said next.
        self._listen_for(POLL_SECONDS)

    def watch(self) -> None:
        """Keep all that was started running until somebody asks us to stop."""
        while True:
            self._listen(0.2)
            for part in self._parts:
                if part.name in self._restart_at:
                    if time.monotonic() >= self._restart_at[part.name]:
                        del self._restart_at[part.name]
                        self._spawn(part)
                elif not part.is_running:
                    self._plan_restart(part)

    def _wait_for(self, part: Process) -> None:
        patience = time.monotonic() + part.ready_seconds
        while part.ready and not part.ready():
            if not part.is_running:
                self._hear_out(part)
                code = part.kill()
                raise NotReady(f"{part.name} ended (exit code {code}) instead of starting: see above")
            if time.monotonic() > patience:
                raise NotReady(f"{part.name} was not ready within {part.ready_seconds:.0f} s")
            self._listen_for(POLL_SECONDS)

    def _plan_restart(self, part: Process) -> None:
        """Note when an ended process is started again: soon, but at most so many times a minute.

        It is never given up: a desk without its worker is better than none, and a database comes back.
        """
        code = part.kill()  # also what it may have left behind
        self._hear_out(part)
        now = time.monotonic()
        restarts = self._restarts.setdefault(part.name, deque(maxlen=RESTARTS_PER_MINUTE))
        wait = RESTART_AFTER_SECONDS
        if len(restarts) == RESTARTS_PER_MINUTE:
            wait = max(wait, restarts[0] + 60 - now)
        restarts.append(now + wait)
        self._restart_at[part.name] = now + wait
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        self._terminal.say(f"{part.name} {how}; it is started again in {wait:.1f} s")

    def _spawn(self, process: Process) -> None:
        process.spawn()
        assert process.popen
        assert process.popen.stdout
        os.set_blocking(process.popen.stdout.fileno(), False)
        self._selector.register(process.popen.stdout, selectors.EVENT_READ, process.name)

    def _stop(self, part: Process) -> None:
        """End one process politely, showing its last words; kill it when it takes too long."""
        if part.popen is None:
            return
        if part.is_running:
            part.popen.send_signal(part.ending)
        patience = time.monotonic() + part.end_seconds
        while part.is_running and time.monotonic() < patience and not self._hurry:
            self._listen(POLL_SECONDS)
        if part.is_running and not self._hurry:
            self._terminal.say(f"{part.name} did not end within {part.end_seconds:.0f} s and is killed")
        part.kill()
        self._hear_out(part)

    def _listen_for(self, seconds: float) -> None:
        """Show what processes say for so long, however much they say. Raises Stopped."""
        until = time.monotonic() + seconds
        while (rest := until - time.monotonic()) > 0:
            self._listen(rest)

    def _listen(self, seconds: float) -> None:
        """Show what processes say next, waiting so long for it. Raises Stopped, unless we are stopping."""
        if not self._selector.get_map():
            time.sleep(seconds)
        for key, _ in self._selector.select(seconds):
            self._read(key)
        if self._asked_at is not None and not self._leaving:
            raise Stopped

    def _read(self, key: selectors.SelectorKey) -> None:
        """Show what has arrived; at the end of all words, let go of the pipe."""
        try:
            words = os.read(key.fd, 65536)
        except BlockingIOError:
            return
        if words:
            self._terminal.feed(key.data, words)
        else:
            self._let_go(key)

    def _let_go(self, key: selectors.SelectorKey) -> None:
        self._selector.unregister(key.fileobj)
        key.fileobj.close()  # type: ignore[union-attr]  # a pipe, never a bare number
        self._terminal.finish(key.data)

    def _hear_out(self, process: Process) -> None:
        """Show all that an ended process still had to say."""
        patience = time.monotonic() + LAST_WORDS_SECONDS
        while pipes := [key for key in self._selector.get_map().values() if key.data == process.name]:
            for key in pipes:
                if time.monotonic() > patience:
                    # Somebody who left the process's group holds the other end.
                    self._let_go(key)
                else:
                    self._read(key)
            time.sleep(POLL_SECONDS / 10)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        # A closing terminal, its shell and make each pass the same wish on: only a later one is another.
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
        elif now - self._asked_at > 1:
            self._hurry = True
