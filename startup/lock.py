"""Does somebody run this already?"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class AlreadyRunning(Exception):
    """Another process holds what only one may hold; the message names it and the mend."""


@contextmanager
def only_one(file: Path, purpose: str) -> Iterator[None]:
    """Hold `file` locked. Raises AlreadyRunning when another does; a killed holder's lock is gone with it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise AlreadyRunning(
                f"{purpose} is in use already, by process {holder}. "
                f"Stop that one first: Ctrl-C in its terminal, or kill {holder}"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        try:
            yield
        finally:
            lock.truncate(0)
