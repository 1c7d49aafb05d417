"""What did it come to that two were put through? The carrier's word about a voice is weak.

It takes one that speaks fluently, or a busy room, for a machine. What the agent says of the conversation
outweighs it, and so do minutes of talk; in between the agent is asked, and nobody is rung by itself.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.outgoing import conversations
from app.records.legs import HandOver
from app.records.promises import AttemptOutcome, PromiseAttempt

HUMAN = "human"
# A conversation shorter than this is a wrong connection, not a promise kept.
KEPT_FROM_SECONDS = 10
# A greeting and a message after it take less than this.
DOUBTED_FROM_SECONDS = 120
# Nobody talks to a voicemail for so long.
OUTWEIGHED_FROM_SECONDS = 180


def is_machine(answered_by: str) -> bool:
    """Read the carrier's AnsweredBy.

    https://www.twilio.com/docs/voice/answering-machine-detection: human, unknown, fax, machine_start …
    """
    return answered_by.startswith("machine") or answered_by == "fax"


def of(session: Session, attempt: PromiseAttempt, seconds: float) -> AttemptOutcome | None:
    """Say what came of so many seconds; None as long as nobody has said who answered."""
    if agent_says_so(session, attempt):
        return AttemptOutcome.KEPT
    if not attempt.machine:
        if seconds < KEPT_FROM_SECONDS:
            return AttemptOutcome.TOO_SHORT
        return AttemptOutcome.KEPT if attempt.answered_by else None
    if seconds >= OUTWEIGHED_FROM_SECONDS:
        return AttemptOutcome.KEPT
    return AttemptOutcome.UNCLEAR if seconds >= DOUBTED_FROM_SECONDS else AttemptOutcome.MACHINE


def agent_says_so(session: Session, attempt: PromiseAttempt) -> bool:
    """Tell whether the agent has said by what they did that somebody is there, which no voicemail is.

    They noted how their conversation ended, or asked a colleague along to speak with the customer.
    """
    asked_along = select(HandOver.id).where(HandOver.call_sid == attempt.call_sid).limit(1)
    if session.scalar(asked_along) is not None:
        return True
    return bool(conversations.words_of(session, attempt.call_sid, attempt.agent).outcome)


def why_kept(session: Session, attempt: PromiseAttempt) -> str:
    """Return the code of what the promise's story says of it."""
    if agent_says_so(session, attempt) or attempt.answered_by == HUMAN:
        return "promise_kept"
    return "promise_kept_long" if attempt.machine else "promise_kept_unclear"
