"""Has somebody changed what callers may be about? Then it is learnt anew, once for all processes."""

import logging

from app.clock import utcnow
from app.topics import teacher
from app.topics.teacher import NotLearnt

log = logging.getLogger(__name__)


def learn() -> None:
    """Learn from the topics and examples that there are. Safe to run twice at once: the last one counts."""
    try:
        report = teacher.learn(utcnow())
    except NotLearnt as error:
        # What was learnt before, and the words themselves, serve until it can be done.
        log.error("topics could not be learnt from", extra={"error": str(error)})
        return
    log.info("topics learnt from", extra=report or {})
