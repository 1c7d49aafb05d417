"""Who looks at whom? What a page shows of people is written down before it is shown."""

import logging
from contextlib import suppress

from app.audit import log as audit
from app.audit.log import Subject
from app.clock import utcnow
from app.db import OUT_OF_REACH, transaction
from app.door.sign_in import actor

log = logging.getLogger(__name__)


def looked(what: str, *subjects: Subject, **details: object) -> None:
    """Write down what the reader is about to see. Only beneath a guard.

    Raises what the database says when it can't be written: then it isn't shown either.
    """
    with transaction() as session:
        audit.record(session, actor(), what, utcnow(), *subjects, **details)


def looked_during_a_call(what: str, *subjects: Subject, **details: object) -> None:
    """The same, while a caller is there: they don't wait for a log that can't be written just now."""
    with suppress(*OUT_OF_REACH):
        looked(what, *subjects, **details)
        return
    log.warning("a look-up could not be written down", extra={"what": str(what)})
