"""How far has a message come, and why did it not arrive? The carrier's statuses and error codes."""

from app.catalogue import codes, text

# News of a message comes in any order: only what is further on counts. The first two are our own words.
# https://www.twilio.com/docs/messaging/api/message-resource#message-status-values
RANK = {
    "waiting": -1,  # in the outbox
    "withdrawn": -1,  # no longer needed; what was on its way already is sent all the same
    "accepted": 0,
    "scheduled": 0,
    "queued": 1,
    "sending": 2,
    "sent": 3,
    "delivered": 4,
    "undelivered": 4,
    "failed": 4,
    "canceled": 4,
    "read": 5,
}
NOT_DELIVERED = frozenset({"undelivered", "failed", "canceled"})
# Those that people are told apart from “sent”.
TOLD_APART = frozenset({"waiting", "withdrawn", "delivered", "read"})
ARRIVED = frozenset({"delivered", "read"})

# https://www.twilio.com/docs/api/errors/21610: they answered STOP, to us or to the carrier
WANTS_NONE = 21610
# Of our own making, in the carrier's form: a fixed line is never asked.
FIXED_LINE = 21614
# Our own, so with fewer digits than any of theirs: too many left within the hour (promises/caps.py).
HELD_BACK = 1


def is_news(word: str, known: str) -> bool:
    """Tell whether a status says more than the one that is known."""
    return word in RANK and RANK[word] > RANK.get(known, -2)


def why_not(code: int | str | None, language: str) -> str:
    """Say why a message did not arrive; an unknown code is quoted, so that it can be looked up."""
    if not code:
        return text("message.error_silent", language)
    known = f"error_{code}"
    if known in codes("message"):
        return text(f"message.{known}", language)
    return text("message.error_other", language, number=code)
