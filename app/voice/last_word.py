"""What is the carrier's last word on a call?"""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.carrier.words import CARRIER_SAYS_ENDED
from app.deployment import Deployment
from app.records.calls import Call, CallState, CallStep
from app.voice.ending import finish
from app.voice.held import held
from app.voice.talking import talks


def status(
    session: Session,
    sid: str,
    call_status: str,
    now: datetime,
    deployment: Deployment,
    seconds: int | None = None,
) -> None:
    """The carrier's last word on a call; words about a call that goes on change nothing.

    `seconds` is the carrier's CallDuration, counted from the answer.
    """
    if call_status not in CARRIER_SAYS_ENDED:
        return
    call = held(session, sid)
    step = session.get(CallStep, (sid, call.step))
    if call_status == "completed" and seconds and step is not None and _was_put_through(call, step):
        talks(session, call, step, now - timedelta(seconds=seconds))
    finish(session, call, now, deployment, dropped=call_status == "failed")


def _was_put_through(call: Call, step: CallStep) -> bool:
    """A call to which nothing was spoken is answered only when it is bridged (answerOnBridge).

    So the carrier's duration proves a conversation, should all news of it have been lost. On an ordinary
    phone the agent's yes is never lost: the carrier waits for our answer to it.
    """
    return call.state == CallState.RINGING and step.endpoint == "client" and not call.said
