"""How do these tests wait for a process without guessing how long it takes?"""

import time
from collections.abc import Callable
from pathlib import Path

import psutil

LONGEST_SECONDS = 120


def eventually(condition: Callable[[], bool]) -> bool:
    """Wait until the condition holds; False when it never does."""
    patience = time.monotonic() + LONGEST_SECONDS
    while not condition():
        if time.monotonic() > patience:
            return False
        time.sleep(0.02)
    return True


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and waits for its parent to notice does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def pid_in(file: Path) -> int:
    """Return the number that a process wrote there, waiting for it."""
    assert eventually(lambda: file.exists() and file.read_text().endswith("\n")), f"nobody wrote {file}"
    return int(file.read_text())
