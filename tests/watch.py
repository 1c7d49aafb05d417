"""What if a test never ends? It says what each thread does, and fails; the tests after it run."""

import faulthandler
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Longer than any test waits by itself: a soak that does not come to rest says so after 5½ minutes.
LONGEST_SECONDS = 420.0
# What can't be interrupted ends the process, as the only way to learn where it stood.
_LAST_RESORT_SECONDS = 600
_SET_EVERY_SECONDS = 60.0

_last_resort_set_at = -_SET_EVERY_SECONDS
_stderr: int | None = None


class StoodStill(BaseException):
    """A test took too long; nothing that it runs takes this for an error of its own."""


@contextmanager
def no_longer_than(seconds: float) -> Iterator[None]:
    """Raise StoodStill in here when it takes longer; where there are no such signals, let it."""
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise StoodStill(f"nothing came of it in {seconds:g} s\n\n{_what_all_do()}")

    before = signal.signal(signal.SIGALRM, interrupt)
    # Again and again: cleaning up may stand still, too.
    rest, every = signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    _set_last_resort()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, rest, every)
        signal.signal(signal.SIGALRM, before)


def begin() -> None:
    """Remember where to speak: what a test says is kept for its report, and lost with the process."""
    global _stderr
    _stderr = os.dup(2)


def over() -> None:
    """Let what comes after the tests take as long as it does."""
    faulthandler.cancel_dump_traceback_later()


def _set_last_resort() -> None:
    """Put off the end of the process; not for each of thousands of tests, since it takes a thread."""
    global _last_resort_set_at
    if time.monotonic() - _last_resort_set_at >= _SET_EVERY_SECONDS:
        _last_resort_set_at = time.monotonic()
        faulthandler.dump_traceback_later(
            _LAST_RESORT_SECONDS, exit=True, file=2 if _stderr is None else _stderr
        )


def _what_all_do() -> str:
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return "\n".join(
        f"{names.get(ident, ident)}:\n{''.join(traceback.format_stack(frame))}"
        for ident, frame in sys._current_frames().items()
    )
