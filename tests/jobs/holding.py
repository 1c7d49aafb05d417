"""How does a test see that something is held while somebody else is slow about it, without waiting for it?"""

import time
from collections.abc import Callable
from datetime import timedelta

LATER = timedelta(minutes=5)


def until(true: Callable[[], bool]) -> None:
    """Wait for what another thread does; there is nothing to be told by."""
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
