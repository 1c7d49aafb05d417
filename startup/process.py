"""How is one process started, watched and ended, with everything that it starts itself?"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from startup.warden import Warden

POLL_SECONDS = 0.03


class NotReady(Exception):
    """A process ended, or did not answer in time; the message names it and says where its words are."""


@dataclass(kw_only=True)
class Process:
    """A process in a session of its own: the terminal's Ctrl-C and our signals each reach it once.

    Started again it takes the same command. `output` is a file to append to, or a pipe's end to be read.
    """

    name: str
    command: Sequence[str | Path]
    warden: Warden
    env: Mapping[str, str] | None = None  # None: as ours
    folder: Path | None = None
    output: Path | int = subprocess.DEVNULL
    user: int | None = None  # to become; only root may
    hands: tuple[int, ...] = ()  # open files that it is given, under the same numbers
    ending: int = signal.SIGTERM
    ready: Callable[[], bool] | None = None
    # One that ends is noticed at once; one that works on a busy machine may take long.
    ready_seconds: float = 120.0
    end_seconds: float = 10.0
    popen: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @property
    def pid(self) -> int:
        assert self.popen, f"{self.name} was never started"
        return self.popen.pid

    @property
    def is_running(self) -> bool:
        return self.popen is not None and self.popen.poll() is None

    def start(self) -> None:
        """Start it and wait until it is ready. Raises NotReady, leaving nothing behind."""
        self.spawn()
        try:
            self.wait_until_ready()
        except BaseException:
            self.kill()
            raise

    def spawn(self) -> None:
        """Start it, and come back at once."""
        output: IO[bytes] | int = self.output.open("ab") if isinstance(self.output, Path) else self.output
        user = {} if self.user is None else {"user": self.user, "group": self.user, "extra_groups": []}
        try:
            self.popen = subprocess.Popen(
                [str(word) for word in self.command],
                env=self.env,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=self.hands,
                **user,  # type: ignore[call-overload]  # its overloads don't know a dict
            )
        finally:
            if not isinstance(output, int):
                output.close()
        self.warden.guard(self.pid, self.ending)

    def wait_until_ready(self) -> None:
        if self.ready is None:
            return
        patience = time.monotonic() + self.ready_seconds
        while not self.ready():
            if not self.is_running:
                assert self.popen
                raise NotReady(
                    f"{self.name} ended with {self.popen.returncode} instead of starting{self._words()}"
                )
            if time.monotonic() > patience:
                raise NotReady(f"{self.name} was not ready within {self.ready_seconds:.0f} s{self._words()}")
            time.sleep(POLL_SECONDS)

    def stop(self) -> int:
        """End it as it likes to be ended, killed when that takes too long; return its exit code."""
        assert self.popen
        if self.is_running:
            self.popen.send_signal(self.ending)
            with suppress(subprocess.TimeoutExpired):
                self.popen.wait(self.end_seconds)
        return self.kill()

    def kill(self) -> int:
        """End it at once, with all that it started; return its exit code."""
        assert self.popen
        with suppress(ProcessLookupError, PermissionError):  # gone; macOS says the latter of zombies
            os.killpg(self.pid, signal.SIGKILL)
        code = self.popen.wait()
        self.warden.release(self.pid)
        return code

    def words(self) -> str:
        """What it said so far, when that goes to a file."""
        if not isinstance(self.output, Path) or not self.output.exists():
            return ""
        return self.output.read_text("utf-8", "replace")

    def _words(self) -> str:
        last = self.words().splitlines()[-15:]
        return ":\n  " + "\n  ".join(last) if last else ""
