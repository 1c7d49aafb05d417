"""What did somebody write to us? A clear wish moves a callback; everything else waits for a human."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.callers import named_numbers
from app.callers.numbers import to_e164
from app.catalogue import text
from app.deployment import Deployment
from app.errors import ApplicationError
from app.lines import places
from app.messages import (
    agreements,
    confirmation,
    deciding,
    messages,
    stop_words,
    wish_grammar,
    withdrawing,
)
from app.messages.wished_times import Agreed, Kind, Wish, agreed
from app.promises import ledger, owed
from app.records.agents import Agent
from app.records.callers import Direction
from app.records.messages import Message, MessageChannel, MessageHeard
from app.records.promises import Promise, PromiseState
from app.routing import reading
from app.routing.facts import Facts
from app.routing.ladder import Only

# Whoever was written to by a human answers that human.
TALKS_FOR = timedelta(hours=24)


@dataclass(frozen=True)
class IncomingMessage:
    """What the carrier says of a message that comes in, in its own spelling."""

    sid: str
    from_raw: str
    to_raw: str
    body: str
    opt_out: str = ""  # STOP, START or HELP, where the carrier itself has read it so
    attachments: int = 0  # pictures and the like, which stay with the carrier
    is_certain: bool = True  # False: it may have been made out of another message, see carrier/recut.py


def receive(session: Session, incoming: IncomingMessage, now: datetime, deployment: Deployment) -> bool:
    """Keep a message, do what it clearly asks for, and show it at a desk; False when it was kept before."""
    if session.get(MessageHeard, incoming.sid) or session.get(Message, incoming.sid):
        return False
    # Outlives the message itself, which is forgotten in time: told once more, it would be done once more.
    session.add(MessageHeard(sid=incoming.sid, at=now))
    message, facts = _kept(session, incoming, now, deployment)
    country = places.country_of(session, message.line) or deployment.defaults.country
    said = incoming.opt_out or incoming.body  # where the carrier has read it, as it did
    if not incoming.is_certain:
        pass  # whoever reads it sees what was written, and by whom it says that it is
    elif not message.number.startswith("+") or places.is_ours(session, message.number):
        pass  # a short code, a name, or ourselves: read by a human, never answered by itself
    elif places.is_nobodys(session, message.number):
        pass  # who of them it is a human finds out
    elif stop_words.asks_to_stop(said):
        messages.stop(session, message.number, "asked", now)
        _is_done(message, "stop", now)
    elif stop_words.asks_to_resume(said) and messages.resume(session, message.number):
        _is_done(message, "start", now)
    else:
        _do_as_asked(session, message, facts, now, country)
    if message.handled_at is None and message.promise is not None:
        ledger.say_more(session, message.promise, message.body)
    messages.show(session, message, now)
    return True


def _kept(
    session: Session, incoming: IncomingMessage, now: datetime, deployment: Deployment
) -> tuple[Message, Facts]:
    country = deployment.defaults.country
    channel, from_raw = _address(incoming.from_raw)
    _, to_raw = _address(incoming.to_raw)
    line = to_e164(to_raw, country) or to_raw[:32]
    number = to_e164(from_raw, places.country_of(session, line) or country)
    facts = reading.read(session, "", line, number, now, deployment.defaults)
    customer, case, promise = facts.caller.customer, facts.caller.case, facts.caller.promise
    owner = session.get(Agent, facts.owner) if facts.owner else None
    team = (case.team if case else facts.line.team) or ""
    message = Message(
        sid=incoming.sid,
        direction=Direction.INBOUND,
        channel=channel,
        number=number or from_raw[:32],
        line=line,
        body=_body(incoming, facts.language),
        customer=customer.key if customer else None,
        case=(promise.case if promise else None) or (case.key if case else None),
        # Whoever has left reads nothing: then it is the team's.
        agent=owner.key if owner is not None and owner.enabled else None,
        team=team,
        promise=promise.id if promise else None,
        status="received",
        at=now,
    )
    _goes_to_whom_it_answers(session, message, now)
    session.add(message)
    session.flush()
    return message, facts


def _goes_to_whom_it_answers(session: Session, message: Message, now: datetime) -> None:
    """Whoever was written to by a human answers that human, whatever else we guess that it may be about."""
    asked = session.scalar(
        select(Message)
        .where(
            Message.number == message.number,
            Message.line == message.line,
            Message.author.is_not(None),
            Message.at > now - TALKS_FOR,
        )
        .order_by(Message.at.desc())
        .limit(1)
    )
    if asked is None or asked.team == message.team:
        return
    author = session.get(Agent, asked.author)
    message.agent = author.key if author is not None and author.enabled else None
    message.team, message.promise = asked.team, asked.promise
    message.customer, message.case = asked.customer, asked.case


def _body(incoming: IncomingMessage, language: str) -> str:
    """Return what they wrote; a picture with it is named, so that somebody asks what it shows."""
    body = incoming.body[:4000]
    if not incoming.attachments:
        return body
    return f"{body}\n{text('message.attachments', language, count=incoming.attachments)}".strip()


def _address(raw: str) -> tuple[MessageChannel, str]:
    """Read the carrier's address: `whatsapp:+31612345678` is the same person as `+31612345678`."""
    if raw.lower().startswith(messages.WHATSAPP):
        return MessageChannel.WHATSAPP, raw[len(messages.WHATSAPP) :]
    return MessageChannel.SMS, raw


def _is_done(message: Message, read_as: str, now: datetime) -> None:
    message.read_as, message.handled_at = read_as, now


# --- what it asks for ---------------------------------------------------------------------------------


def _do_as_asked(session: Session, message: Message, facts: Facts, now: datetime, country: str) -> None:
    """Do what is clearly asked for, and say so once; whatever is not is left as it stands, for a human."""
    promises = owed.to_number(session, message.number)
    if promises and _names_another_number(session, message, country):
        for promise in promises:
            if promise.state != PromiseState.CALLING:
                # Whose it is nobody knows, and ours isn't wanted: neither is rung by itself.
                deciding.ask_a_human(session, promise, "promise_another_number", now)
        return
    if messages.wants_none(session, message.number) or _talks_with_a_human(session, message.number, now):
        return
    wish = wish_grammar.parse(message.body)
    if len(promises) > 1 and wish.kind != Kind.THANKS:
        return  # which of them is meant a human finds out
    try:
        with session.begin_nested():
            owes = promises[0] if promises else None
            done = withdrawing.answered(session, message, owes, now)
            # What we asked ourselves we hear out, however much was written of late.
            if not done and not messages.has_enough(session, message.number, now):
                done = _done(session, message, wish, owes, facts, now)
    except ApplicationError:
        return  # settled, or being rung, at this very moment
    if done:
        _is_done(message, done, now)


def _names_another_number(session: Session, message: Message, country: str) -> bool:
    """Tell whether they name another telephone, on which they may want to be rung."""
    named = named_numbers.named(message.body, country) - {message.number}
    return any(places.may_ring(session, number) for number in named)


def _talks_with_a_human(session: Session, number: str, now: datetime) -> bool:
    written = select(Message.sid).where(
        Message.number == number, Message.author.is_not(None), Message.at > now - TALKS_FOR
    )
    return session.scalar(written.limit(1)) is not None


def _done(
    session: Session, message: Message, wish: Wish, promise: Promise | None, facts: Facts, now: datetime
) -> str:
    """Carry out a wish; return what was done, empty when a human is to see to it."""
    if promise is not None and promise.state == PromiseState.CALLING:
        return ""
    match wish.kind:
        case Kind.WITHDRAW if promise is not None:
            return withdrawing.ask_back(session, message, promise, now)
        case Kind.THANKS if promise is not None:
            return "thanks"
        case Kind.RING if promise is not None and wish.names_a_time:
            return _move(session, message, wish, promise, facts, now)
        case Kind.RING if promise is None and places.may_ring(session, message.number):
            return _make(session, message, wish, facts, now)
        case _:
            return ""


def _agreed(wish: Wish, facts: Facts, now: datetime) -> Agreed | None:
    resolved = facts.situation(now, can_be_rung_back=True).resolved
    return agreed(wish, facts.line.calendar, now, resolved.ladder.promise_minutes)


def _move(
    session: Session, message: Message, wish: Wish, promise: Promise, facts: Facts, now: datetime
) -> str:
    when = _agreed(wish, facts, now)
    if when is None:
        return ""
    agreements.agree_on(session, promise.id, when.due_at, "customer", now, when.not_before)
    return "moved"


def _make(session: Session, message: Message, wish: Wish, facts: Facts, now: datetime) -> str:
    when = _agreed(wish, facts, now)
    is_refused = facts.situation(now, can_be_rung_back=True).ladder.only == Only.REFUSE
    if when is None or is_refused:  # a rule has a supervisor look at it first
        return ""
    promise = ledger.make(
        session,
        origin=f"message:{message.sid}",
        number=message.number,
        line=message.line,
        customer=message.customer,
        case=message.case,
        agent=message.agent,
        team=message.team,
        language=facts.language,
        due_at=when.due_at,
        why="promise_written",
        now=now,
    )
    promise.not_before = when.not_before
    message.promise = promise.id
    zone = facts.line.calendar.timezone
    body = agreements.wished(promise, zone, now) or confirmation.confirmation(session, promise, zone, now)
    messages.inform(session, promise, body, f"reply/{message.sid}", now, answers=True)
    return "made"
