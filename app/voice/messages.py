"""What did a customer write, and did ours arrive? Messages lie at the case and pop at its owner's desk."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.agents import desk_events
from app.callers.models import Direction
from app.callers.numbers import to_e164
from app.voice import facts as known_facts
from app.voice import promises
from app.voice.ladder import Deployment
from app.voice.models import Message, Promise

# News of a message comes in any order: only what is further on counts.
# https://www.twilio.com/docs/messaging/api/message-resource#message-status-values
RANK = {
    "accepted": 0,
    "scheduled": 0,
    "queued": 1,
    "sending": 2,
    "sent": 3,
    "delivered": 4,
    "undelivered": 4,
    "failed": 4,
    "read": 5,
}


@dataclass(frozen=True)
class IncomingMessage:
    """What the carrier says of a message that comes in, in its own spelling."""

    sid: str
    from_raw: str
    to_raw: str
    body: str


def receive(session: Session, incoming: IncomingMessage, now: datetime, deployment: Deployment) -> bool:
    """Keep a message and show it to whoever should answer it; False when it was kept before."""
    if session.get(Message, incoming.sid) is not None:
        return False
    country = deployment.defaults.country
    line = to_e164(incoming.to_raw, country) or incoming.to_raw[:32]
    number = to_e164(incoming.from_raw, known_facts.line_country(session, line) or country)
    facts = known_facts.read(session, "", line, number, now, deployment.defaults)
    customer, case, owed = facts.caller.customer, facts.caller.case, facts.caller.promise
    message = Message(
        sid=incoming.sid,
        direction=Direction.INBOUND,
        number=number or incoming.from_raw[:32],
        line=line,
        body=incoming.body[:4000],
        customer=customer.key if customer else None,
        case=(owed.case if owed else None) or (case.key if case else None),
        agent=facts.owner,
        promise=owed.id if owed else None,
        status="received",
        at=now,
    )
    session.add(message)
    session.flush()
    if owed is not None:
        _add_to_promise(session, owed.id, message.body)
    if message.agent is not None:
        data = {
            "message_sid": message.sid,
            "customer": message.customer,
            "case": message.case,
            "promise": message.promise,
            "at": now.isoformat(),
        }
        desk_events.tell(session, message.agent, "message", data, now)
    return True


def _add_to_promise(session: Session, promise_id: int, body: str) -> None:
    """Whoever rings back knows what was written since."""
    about = session.get_one(Promise, promise_id).about
    promises.say_about(session, promise_id, f"{about}\n{body}".strip())


def sent(session: Session, sid: str, promise: Promise, body: str, now: datetime) -> None:
    """Keep a message that the carrier accepted from us."""
    session.merge(
        Message(
            sid=sid,
            direction=Direction.OUTBOUND,
            number=promise.number,
            line=promise.line or "",
            body=body,
            customer=promise.customer,
            case=promise.case,
            agent=promise.agent,
            promise=promise.id,
            status="queued",
            at=now,
        )
    )


def status(session: Session, sid: str, word: str) -> None:
    """Note how far a message of ours has come; late and unknown news changes nothing."""
    message = session.get(Message, sid, with_for_update=True)
    if message is not None and RANK.get(word, -1) > RANK.get(message.status, -1):
        message.status = word
