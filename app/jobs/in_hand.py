"""Who works on what was taken? Whoever took it, for as long as that takes, however slow others are.

What is taken is held for a moment only, so that the next worker finds it soon when this one dies. Whoever
works on it holds on, in a thread beside; and what came of it is written down, or it would be done twice.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

from sqlalchemy.orm import Session

from app import db
from app.clock import utcnow
from app.outgoing.outbox import HELD_FOR

log = logging.getLogger(__name__)

T = TypeVar("T")

HOLDS_EVERY_SECONDS = HELD_FOR.total_seconds() / 3
TRIES_AGAIN_SECONDS = 1.0


@contextmanager
def held(hold: Callable[[Session, datetime], object]) -> Iterator[None]:
    """Call `hold` again and again, each time in a transaction of its own, until this is left."""
    done = threading.Event()
    holding = threading.Thread(target=_hold_on, args=(hold, done), name="holding on", daemon=True)
    holding.start()
    try:
        yield
    finally:
        done.set()
        # Nothing that comes of it may be overwritten by a hold that is late.
        holding.join()


def _hold_on(hold: Callable[[Session, datetime], object], done: threading.Event) -> None:
    pause = HOLDS_EVERY_SECONDS
    while not done.wait(pause):
        try:
            with db.transaction() as session:
                hold(session, utcnow())
            pause = HOLDS_EVERY_SECONDS
        except Exception as error:
            log.warning("what is in hand could not be held", extra={"error": type(error).__name__})
            pause = TRIES_AGAIN_SECONDS


def written(write: Callable[[Session], T]) -> T:
    """Write down what came of it, as soon as the database takes it; return what `write` returned.

    Nobody else may take over meanwhile: whoever could not write themselves leaves alone for a while what was
    tried before (see Schedule).
    """
    while True:
        try:
            with db.transaction() as session:
                return write(session)
        except db.OUT_OF_REACH as error:
            log.warning("an outcome could not be written down yet", extra={"error": type(error).__name__})
            time.sleep(TRIES_AGAIN_SECONDS)
