"""Does somebody really want no callback any more? Asked back once, since a sender's name is easily forged.

Whatever is answered, or nothing: until a yes comes the promise stands, and its customer is rung.
"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.catalogue import text
from app.messages import messages
from app.outgoing import outbox
from app.promises import ledger
from app.records.callers import Direction
from app.records.messages import Message
from app.records.promises import Promise, PromiseState

ASKED, WITHDRAWN, STAYS = "withdraw_asked", "withdrawn", "withdraw_not"
# A yes of the day after is a yes to something else.
ANSWERED_WITHIN = timedelta(hours=24)
_YES = """ja, ja graag, ja hoor, ja klopt, ja dank u, ja bedankt, jazeker, klopt, akkoord, oke, oké, ok, j,
yes, yes please, yes thanks, yep, correct, y"""
_NO = "nee, nee bel mij, nee bel me, nee graag bellen, neen, no, no please call, nope"
YES, NO = (frozenset(one.strip() for one in words.split(",")) for words in (_YES, _NO))


def ask_back(session: Session, message: Message, owed: Promise, now: datetime) -> str:
    """Ask whether the callback is no longer wanted; return what was done, empty when it can't be asked."""
    key = f"reply/{message.sid}"
    messages.inform(session, owed, text("message.withdraw_asked", owed.language), key, now, answers=True)
    return ASKED if outbox.is_asked_for(session, key) else ""


def answered(session: Session, message: Message, owed: Promise | None, now: datetime) -> str:
    """Do what was answered to the question; return what was done, empty when this is no answer to it."""
    if owed is None or owed.state == PromiseState.CALLING or not _was_asked(session, message, owed, now):
        return ""
    words = " ".join("".join(c if c.isalnum() else " " for c in message.body.lower()).split())
    if words in NO:
        return STAYS
    if words not in YES:
        return ""
    ledger.withdraw(session, owed.id, "customer", now)
    body = text("message.withdrawn", owed.language)
    messages.inform(session, owed, body, f"reply/{message.sid}", now, answers=True)
    return WITHDRAWN


def _was_asked(session: Session, message: Message, owed: Promise, now: datetime) -> bool:
    """Tell whether the question about this promise is what they answer: nothing was written since."""
    before = session.execute(
        select(Message.read_as, Message.promise)
        .where(
            Message.number == message.number,
            Message.direction == Direction.INBOUND,
            Message.sid != message.sid,
            Message.at > now - ANSWERED_WITHIN,
        )
        .order_by(Message.at.desc())
        .limit(1)
    ).one_or_none()
    return before is not None and (before.read_as, before.promise) == (ASKED, owed.id)
