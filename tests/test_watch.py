"""Does a test that stands still fail by itself, and say where everybody was?"""

import signal
import threading
from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.watch import StoodStill, no_longer_than

# Long enough for a busy machine to come as far as where it stands still.
SOON = 0.5


def never_ends() -> None:
    threading.Event().wait()


def test_what_never_ends_is_broken_off_and_says_what_each_thread_was_doing() -> None:
    rung = threading.Event()
    other = threading.Thread(target=rung.wait, name="the other")
    other.start()

    with pytest.raises(StoodStill) as told, no_longer_than(SOON):
        never_ends()

    rung.set()
    other.join()
    assert "in never_ends" in str(told.value)
    assert "the other:" in str(told.value)


def cleans_up_without_end() -> None:
    try:
        never_ends()
    finally:
        never_ends()


def takes_every_error_for_its_own() -> None:
    with suppress(Exception):
        never_ends()


@pytest.mark.parametrize("stands", [cleans_up_without_end, takes_every_error_for_its_own])
def test_what_is_tested_has_no_say_in_it(stands: Callable[[], None]) -> None:
    with pytest.raises(StoodStill), no_longer_than(SOON):
        stands()


def test_what_ends_in_time_is_left_alone_and_so_is_the_watch_over_it() -> None:
    left, _every = signal.getitimer(signal.ITIMER_REAL)

    with no_longer_than(60):
        pass

    assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= left
