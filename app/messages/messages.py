"""What do we write to people, and did it arrive? Every message leaves by the outbox, and can be answered."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.agents import desk_events, teams
from app.callers.numbers import can_receive_texts
from app.carrier import delivery
from app.errors import InvalidField
from app.lines import places
from app.messages import readers, senders
from app.outgoing import outbox
from app.outgoing.announce import record_contact
from app.promises import caps, ledger, owed
from app.records.agents import Agent
from app.records.callers import Channel, Direction
from app.records.calls import Call
from app.records.lines import Line
from app.records.messages import Message, MessageChannel, MessageStop
from app.records.promises import Promise
from config import LONGEST_ORGANISATION

CARRIER_TAKES = 1600  # https://www.twilio.com/docs/api/errors/21617
LONGEST = CARRIER_TAKES - LONGEST_ORGANISATION - len(": ")  # of an agent's own words
WHATSAPP = "whatsapp:"
# Only so long after the customer's own message does WhatsApp take free words from us.
# https://www.twilio.com/docs/api/errors/63016
WHATSAPP_WINDOW = timedelta(hours=24)
# How many messages a number gets by itself, so that two machines never keep each other awake.
MOST_BY_ITSELF = 3
BY_ITSELF_WITHIN = timedelta(hours=1)
SEEN_TO = "seen_to"  # what desks hear of a message that waits for nobody any more
# Whoever calls in somebody else's name must not have us flood them; a usual promise takes six at most.
MOST_A_DAY = 10
A_DAY = timedelta(days=1)
# What had to wait longer for the carrier is looked at again before it leaves: it may no longer be true.
TRUE_WITHIN = timedelta(minutes=1)


@dataclass(frozen=True)
class ToSend:
    """One message as the carrier is to be asked for it."""

    to: str
    senders: tuple[str, ...]  # from the first of them that the carrier lets send
    body: str
    promise: int | None  # whose page may be linked to


# --- writing ------------------------------------------------------------------------------------------


def inform(
    session: Session, promise: Promise, body: str, key: str, now: datetime, *, answers: bool = False
) -> None:
    """Write to whom a callback is owed, once for each `key`; nothing where no message can arrive.

    `answers` says that they have just written to us: then any number that can receive texts is one.
    """
    number = promise.number
    channel = channel_to(session, number, now) if number else MessageChannel.SMS
    if number is None:
        return
    if channel == MessageChannel.SMS and not places.may_text(session, number, answers=answers):
        return
    if wants_none(session, number):
        ledger.note(session, promise, "promise_wants_no_messages", now)
        return
    if caps.is_merely_named(session, promise):
        ledger.note(session, promise, "promise_not_told_yet", now, shows=False)
        return
    if _by_itself_since(session, number, now - A_DAY) >= MOST_A_DAY:
        ledger.note(session, promise, "promise_told_enough", now)
        return
    line = promise.line or _any_line(session, promise.team)
    if line is None:
        return
    message = Message(
        sid=_new_sid(),
        direction=Direction.OUTBOUND,
        channel=channel,
        number=number,
        line=line,
        body=body,
        customer=promise.customer,
        case=promise.case,
        agent=promise.agent,
        team=promise.team,
        promise=promise.id,
        status="waiting",
        at=now,
        handled_at=now,
    )
    _leave(session, message, key, now)


def after_call(session: Session, call: Call, body: str, key: str, now: datetime) -> str:
    """Write to the other side of a conversation that is over, once for each `key`.

    Empty when it leaves; else why it doesn't: `no_texts`, `wants_none` or `enough`.
    """
    number = call.remote_e164
    channel = channel_to(session, number, now) if number else MessageChannel.SMS
    if number is None or (
        channel == MessageChannel.SMS and not places.may_text(session, number, answers=False)
    ):
        return "no_texts"
    if wants_none(session, number):
        return "wants_none"
    if has_enough(session, number, now) or _by_itself_since(session, number, now - A_DAY) >= MOST_A_DAY:
        return "enough"
    team = session.scalar(select(Line.team).where(Line.number == call.line)) or ""
    message = Message(
        sid=_new_sid(),
        direction=Direction.OUTBOUND,
        channel=channel,
        number=number,
        line=call.line,
        body=body,
        customer=call.customer,
        case=call.case,
        agent=call.bridged_to,
        team=team,
        status="waiting",
        at=now,
        handled_at=now,
    )
    _leave(session, message, key, now)
    return ""


def written_since(session: Session, promise: Promise, moment: datetime) -> bool:
    """Tell whether a message about a promise has been left to be sent since a moment."""
    written = select(Message.sid).where(Message.promise == promise.id, Message.at >= moment)
    return session.scalar(written.limit(1)) is not None


def _any_line(session: Session, team: str) -> str | None:
    return session.scalar(select(Line.number).order_by(Line.team != team, Line.number).limit(1))


def _new_sid() -> str:
    """Name a message of ours; the carrier's name comes when it has taken it."""
    return "OM" + secrets.token_hex(16)


def _leave(session: Session, message: Message, key: str, now: datetime) -> None:
    if outbox.is_asked_for(session, key):
        return
    session.add(message)
    session.flush()
    outbox.add(session, outbox.SEND_MESSAGE, key, {"message": message.sid}, now)


def withdraw(session: Session, key: str, now: datetime) -> None:
    """What waits under this key need not be sent any more; nothing happens when it has left."""
    payload = outbox.withdraw(session, key, now)
    message = session.get(Message, payload["message"]) if payload and "message" in payload else None
    if message is not None and message.carrier_sid is None:
        message.status = "withdrawn"


def answer(
    session: Session, to: Message | Promise, body: str, author: Agent, now: datetime, *, once: str = ""
) -> Message | None:
    """Let an agent write to the customer of a message or a promise, and take what they wrote for answered.

    It goes out on the channel that they use, and only once for each form, which `once` names: None the next
    time. Raises InvalidField, whose message is a code of the catalogue, when it is empty or too long, or when
    nothing can be sent to this number.
    """
    body = body.strip()
    if not body:
        raise InvalidField("body", "body_empty")
    if len(body) > LONGEST:
        raise InvalidField("body", "body_too_long")
    key = f"answer/{author.key}/{once or _new_sid()}"
    if outbox.is_asked_for(session, key):
        return None
    channel, line, why = way_to(session, to, now)
    if why or line is None:
        raise InvalidField("number", why or "no_line")
    message = Message(
        sid=_new_sid(),
        direction=Direction.OUTBOUND,
        channel=channel,
        number=to.number or "",
        line=line,
        body=body,
        customer=to.customer,
        case=to.case,
        agent=author.key,
        team=author.team,
        promise=to.id if isinstance(to, Promise) else to.promise,
        author=author.key,
        status="waiting",
        at=now,
        handled_at=now,
    )
    _leave(session, message, key, now)
    see_to(session, message.number, author.key, now)
    if message.case is not None:
        record_contact(
            session,
            contact=f"message:{message.sid}",
            case=message.case,
            agent=author.key,
            channel=Channel.MESSAGE,
            direction=Direction.OUTBOUND,
            started_at=now,
            summary=body,
        )
    return message


def write(
    session: Session,
    call: Call,
    number: str,
    body: str,
    author: Agent,
    now: datetime,
    *,
    channel: MessageChannel,
    of_its_own: bool = False,
) -> Message:
    """Let a message leave in the name of an agent who has asked for it with a press, or of its own accord."""
    message = Message(
        sid=_new_sid(),
        direction=Direction.OUTBOUND,
        channel=channel,
        number=number,
        line=call.line,
        body=body,
        customer=call.customer,
        case=call.case,
        agent=author.key,
        team=author.team,
        author=None if of_its_own else author.key,
        status="waiting",
        at=now,
        handled_at=now,
    )
    _leave(session, message, f"written/{message.sid}", now)
    return message


def way_to(session: Session, to: Message | Promise, now: datetime) -> tuple[MessageChannel, str | None, str]:
    """Return on which channel and from which line this number can be written to, and why it can't, if so.

    The last is a code of the catalogue, empty when it can.
    """
    number = to.number
    if not number or not number.startswith("+"):
        return MessageChannel.SMS, None, "no_number"
    # What is answered on a line arrives there, so it is one of this team's.
    newest = _newest_from(session, number, Message.team == to.team)
    channel = _channel_of(newest, now)
    line = (newest.line if newest else None) or to.line or _any_line(session, to.team)
    if wants_none(session, number):
        return channel, line, "wants_none"
    if places.is_ours(session, number):
        return channel, line, "own_number"
    if channel == MessageChannel.SMS and not can_receive_texts(number):
        return channel, line, "no_texts"
    return channel, line, ""


def see_to(session: Session, number: str, who: str, now: datetime) -> None:
    """What of this number waits for them, or their team, was seen to; every desk that showed it hears so.

    What waits for another team still does: whoever saw to the one can't have seen to what they don't read.
    """
    waiting = (
        select(Message)
        .where(Message.number == number, Message.handled_at.is_(None), readers.read_by(session, who))
        .with_for_update(of=Message)
    )
    seers: dict[str, Message] = {}
    for message in session.scalars(waiting).all():
        seers |= dict.fromkeys(_who_sees(session, message), message)
        message.handled_at, message.handled_by = now, who
        message.agent = message.agent or who or None  # what was the team's is theirs who took it
    for agent, message in seers.items():
        desk_events.tell(session, agent, "message", _shown(message) | {"status": SEEN_TO}, now)


def not_seen_to(session: Session, number: str, who: str, handled_at: datetime) -> None:
    """What was seen to at that moment by speaking to them still waits: they weren't spoken to."""
    seen_to = select(Message).where(
        Message.number == number,
        Message.direction == Direction.INBOUND,
        Message.handled_by == who,
        Message.handled_at == handled_at,
    )
    for message in session.scalars(seen_to.with_for_update()):
        message.handled_at, message.handled_by = None, ""


def channel_to(session: Session, number: str, now: datetime) -> MessageChannel:
    """Return the channel that they last wrote on; after a day that is SMS again."""
    return _channel_of(_newest_from(session, number), now)


def _channel_of(newest: Message | None, now: datetime) -> MessageChannel:
    if newest is None or newest.channel == MessageChannel.SMS or newest.at < now - WHATSAPP_WINDOW:
        return MessageChannel.SMS
    return MessageChannel.WHATSAPP


def newest_to(session: Session, promise: Promise) -> datetime | None:
    """Return when something was last written about a promise to whom it is owed."""
    return session.scalar(
        select(func.max(Message.at)).where(
            Message.promise == promise.id, Message.direction == Direction.OUTBOUND
        )
    )


def _newest_from(session: Session, number: str, *which: ColumnElement[bool]) -> Message | None:
    return session.scalar(
        select(Message)
        .where(Message.number == number, Message.direction == Direction.INBOUND, *which)
        .order_by(Message.at.desc())
        .limit(1)
    )


# --- who gets none ------------------------------------------------------------------------------------


def wants_none(session: Session, number: str) -> bool:
    """Tell whether the owner of this number asked for no more messages."""
    return session.get(MessageStop, number) is not None


def stop(session: Session, number: str, how: str, now: datetime) -> None:
    """No message leaves for this number from now on, also of what waits; a callback that is owed stays."""
    if session.get(MessageStop, number) is None:
        session.add(MessageStop(number=number, at=now, how=how))
        session.flush()
    for promise in owed.to_number(session, number):
        ledger.note(session, promise, "promise_wants_no_messages", now, "customer" if how == "asked" else "")


def resume(session: Session, number: str) -> bool:
    """They want messages again; False when they hadn't refused any."""
    found = session.get(MessageStop, number)
    if found is None:
        return False
    session.delete(found)
    session.flush()
    return True


def has_enough(session: Session, number: str, now: datetime) -> bool:
    """Tell whether a number has had so many messages of late that no more go out by themselves."""
    return _by_itself_since(session, number, now - BY_ITSELF_WITHIN) >= MOST_BY_ITSELF


def _by_itself_since(session: Session, number: str, since: datetime) -> int:
    written = select(func.count()).where(
        Message.number == number,
        Message.direction == Direction.OUTBOUND,
        Message.author.is_(None),
        Message.at > since,
    )
    return session.scalar(written) or 0


# --- sending ------------------------------------------------------------------------------------------


def to_send(session: Session, sid: str, now: datetime) -> ToSend | None:
    """Return what the carrier is to be asked for; None when there is no need, or they want none any more."""
    message = session.get(Message, sid, with_for_update=True)
    if message is None or message.carrier_sid is not None or message.status == "withdrawn":
        return None
    if wants_none(session, message.number):
        _is_not_delivered(session, message, "failed", delivery.WANTS_NONE, now)
        return None
    promise = session.get(Promise, message.promise) if message.promise is not None else None
    # An agent's own words are theirs to judge.
    if promise is not None and message.author is None and now - message.at > TRUE_WITHIN:
        if _is_overtaken(session, message, promise):
            message.status = "withdrawn"
            return None
        if message.at < promise.due_at <= now:
            _is_not_delivered(session, message, "failed", None, now)
            return None
    if message.author is None and message.channel == MessageChannel.SMS:
        texts = caps.What.TEXTS
        if not caps.leaves_room(session, texts, promise, message.number, message.customer, now):
            _is_not_delivered(session, message, "failed", delivery.HELD_BACK, now)
            return None
    linked = message.promise if message.author is None else None
    if message.channel == MessageChannel.WHATSAPP:
        return ToSend(WHATSAPP + message.number, (WHATSAPP + message.line,), message.body, linked)
    from_ = tuple(senders.senders(session, message.line, now))
    return ToSend(message.number, from_, message.body, linked)


def _is_overtaken(session: Session, message: Message, promise: Promise) -> bool:
    """Tell whether the promise was settled since a message was written of it, or something newer was said."""
    is_settled = promise.finished_at is not None and message.at < promise.finished_at
    return is_settled or newest_to(session, promise) != message.at


def sent(session: Session, sid: str, carrier_sid: str, body: str) -> None:
    """The carrier has taken a message; its first news may have come before."""
    message = session.get_one(Message, sid, with_for_update=True)
    message.carrier_sid, message.body = carrier_sid, body
    if delivery.is_news("queued", message.status):
        message.status = "queued"


def refused(session: Session, sid: str, code: int | None, now: datetime) -> None:
    """The carrier won't take it, or has not answered however often it was asked."""
    message = session.get(Message, sid, with_for_update=True)
    if message is not None and delivery.is_news("failed", message.status):
        # What only the operator can mend is told once, by doctor; who wrote by hand hears of it all the same.
        is_operators = code in senders.FOR_THE_OPERATOR and message.author is None
        _is_not_delivered(session, message, "failed", code, now, shows=not is_operators)


def status(session: Session, sid: str, carrier_sid: str, word: str, code: int | None, now: datetime) -> None:
    """Note how far a message of ours has come; late, repeated and unknown news changes nothing.

    `sid` is our own name of it, which rides in the address, since news may be quicker than the answer that
    tells us the carrier's.
    """
    message = session.get(Message, sid, with_for_update=True) if sid else None
    if message is None:
        named = select(Message).where(Message.carrier_sid == carrier_sid).with_for_update()
        message = session.scalar(named) if carrier_sid else None
    if message is None or message.direction != Direction.OUTBOUND:
        return
    message.carrier_sid = message.carrier_sid or carrier_sid or None
    if not delivery.is_news(word, message.status):
        return
    if word in delivery.NOT_DELIVERED:
        _is_not_delivered(session, message, word, code, now)
    else:
        message.status = word
        if message.author is not None:
            # Who wrote it looks on while it leaves.
            show(session, message, now)


def _is_not_delivered(
    session: Session, message: Message, word: str, code: int | None, now: datetime, *, shows: bool = True
) -> None:
    """It won't arrive: that is shown at the promise and at the desk, until somebody has seen to it.

    Unless it `shows` it stands at the promise alone, and no desk has anything to see to.
    """
    message.status, message.error = word, code
    if code == delivery.WANTS_NONE:
        stop(session, message.number, "carrier", now)
    if shows and (message.author is not None or code != delivery.WANTS_NONE):
        message.handled_at = None
    promise = session.get(Promise, message.promise) if message.promise is not None else None
    if promise is not None:
        error = {"error": str(code or "")}
        ledger.note(session, promise, "promise_not_told", now, details=error, shows=shows)
    if shows:
        show(session, message, now)


# --- at the desk --------------------------------------------------------------------------------------


def show(session: Session, message: Message, now: datetime) -> None:
    """Let the desks of those show a message who should see to it: its agent, the team, or supervisors."""
    for agent in _who_sees(session, message):
        desk_events.tell(session, agent, "message", _shown(message), now)


def _shown(message: Message) -> dict[str, Any]:
    return {
        "message_sid": message.sid,
        "customer": message.customer,
        "case": message.case,
        "promise": message.promise,
        "status": message.status,
        "at": message.at.isoformat(),
    }


def _who_sees(session: Session, message: Message) -> list[str]:
    if message.agent is not None:
        return [message.agent]
    team = select(Agent.key).where(Agent.team == message.team, Agent.enabled).order_by(Agent.key)
    return list(session.scalars(team)) or teams.supervising(session, message.team)
