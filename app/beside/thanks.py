"""What does a customer say after a conversation? A page goes out, for thanks and for what is wrong.

Thanks reach that agent, and nobody counts or compares them. What is wrong opens the case anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from app.agents import desk_events, protection
from app.callbacks.verdict import KEPT_FROM_SECONDS
from app.catalogue import text
from app.db import Moment
from app.deployment import Deployment
from app.errors import InvalidField
from app.lines import places
from app.lines.hours import due_at
from app.messages import messages
from app.messages.confirmation import confirm
from app.promises import dropped, ledger, links
from app.promises.times import is_day
from app.records.agents import Agent
from app.records.beside import Thanks
from app.records.callers import Case, CaseStatus, Customer, CustomerNumber
from app.records.calls import Call, Outcome
from app.records.promises import Promise
from app.routing import reading, rules

# Whoever rings back at once, or notices what they forgot, has done so by then; later it comes unexpectedly.
AFTER, UNTIL = timedelta(minutes=2), timedelta(hours=1)
# No number gets two of these in a day, however often it calls.
AGAIN_AFTER = timedelta(days=1)
AT_A_TIME = 50
WORKS_FOR = timedelta(days=30)
LONGEST = 1000
SHOWN_AT_DESK, SHOWN_FOR = 5, timedelta(days=14)


def due(ended_before: Moment, ended_after: Moment) -> Select[str]:
    """Return the conversations that ended between these, of which nothing was decided yet."""
    decided = select(Thanks.call_sid).where(Thanks.call_sid == Call.sid)
    return select(Call.sid).where(
        Call.outcome == Outcome.TALKED,
        Call.created_at >= ended_after,
        Call.ended_at <= ended_before,
        ~decided.exists(),
    )


def work_off(session: Session, now: datetime, deployment: Deployment) -> int:
    """Decide for some conversations whether the page goes out, and let it; return for how many."""
    wanted = due(now - AFTER, now - UNTIL).order_by(Call.created_at).limit(AT_A_TIME)
    calls = session.scalars(select(Call).where(Call.sid.in_(wanted)).with_for_update(skip_locked=True)).all()
    for call in calls:
        _decide(session, call, now, deployment)
        session.flush()
    return len(calls)


def _decide(session: Session, call: Call, now: datetime, deployment: Deployment) -> None:
    why_not = _why_not(session, call, now) if deployment.link_key else "no_link"
    if not why_not and call.remote_e164 is not None:
        address = links.to_call(deployment.public_url, deployment.link_key, call.sid)
        body = _message(session, call) + "\n" + address
        why_not = messages.after_call(session, call, body, f"thanks/{call.sid}", now)
    session.add(Thanks(call_sid=call.sid, agent=call.bridged_to or "", at=now, why_not=why_not, words=""))


def _message(session: Session, call: Call) -> str:
    agent = session.get(Agent, call.bridged_to) if call.bridged_to else None
    if agent is None or not rules.of_call(session, call).ladder.speaks_names:
        return text("work.thanks_message", call.language)
    return text("work.thanks_message_of", call.language, agent=agent.spoken_name)


def _why_not(session: Session, call: Call, now: datetime) -> str:
    """Say in a word why nobody is asked anything after this call; empty when they are."""
    talked = (call.ended_at - call.bridged_at).total_seconds() if call.ended_at and call.bridged_at else 0
    number = call.remote_e164
    if number is None or call.forgotten_at is not None or call.bridged_to is None:
        return "no_number"
    if talked < KEPT_FROM_SECONDS:
        return "short"
    # One more chance to hit: app/agents/protection.py alone says for whom.
    if protection.spares_opinion(session, call):
        return "protected"
    if call.attestation.startswith("TN-Validation-Failed"):
        return "doubtful"
    # A number that somebody merely named, or rang from, may be anybody's: it must be the customer's own.
    if call.customer is None or session.get(CustomerNumber, (number, call.customer)) is None:
        return "unknown"
    if dropped.of_call(session, call.sid) is not None:
        return "dropped"
    if not is_day(now, places.zone_of(session, call.line)):
        return "night"
    if _was_asked_lately(session, number, now):
        return "lately"
    return ""


def _was_asked_lately(session: Session, number: str, now: datetime) -> bool:
    asked = (
        select(Thanks.call_sid)
        .join(Call, Call.sid == Thanks.call_sid)
        .where(Call.remote_e164 == number, Thanks.at > now - AGAIN_AFTER, Thanks.why_not == "")
    )
    return session.scalar(asked.limit(1)) is not None


# --- what the customer says ----------------------------------------------------------------------------


def of_call(session: Session, call_sid: str, now: datetime, *, to_change: bool = False) -> Thanks | None:
    """Return what goes with the page of a call; None when there is none, or it is too old."""
    row = session.get(Thanks, call_sid, with_for_update=to_change)
    return row if row is not None and not row.why_not and now - row.at <= WORKS_FOR else None


def thank(session: Session, row: Thanks, words: str, now: datetime) -> None:
    """The customer thanks whoever they spoke with; said again, the newer words stand. Raises InvalidField."""
    row.words = _read(words)
    row.thanked_at, row.seen_at = row.thanked_at or now, None
    desk_events.tell(session, row.agent, "thanks", {"call_sid": row.call_sid}, now)


def still_wrong(session: Session, row: Thanks, words: str, now: datetime, deployment: Deployment) -> Promise:
    """The customer says what is still wrong: the case is open again, and they are rung back.

    By whom they spoke with, if that one is still here. Said once more, it is the same promise.
    Raises InvalidField for no words, or too many.
    """
    about = _read(words)
    if not about:
        raise InvalidField("words", "say what is still wrong")
    call = session.get_one(Call, row.call_sid)
    before = session.get(Promise, row.promise, with_for_update=True) if row.promise is not None else None
    if before is not None and before.finished_at is None:
        ledger.say_more(session, before.id, about)
        ledger.note(session, before, "promise_said_more", now, ledger.CUSTOMER)
        return before
    case = session.get(Case, call.case, with_for_update=True) if call.case is not None else None
    if case is not None and case.status == CaseStatus.SOLVED:
        case.status = CaseStatus.OPEN
    agent = session.get(Agent, row.agent)
    ladder = rules.of_call(session, call).ladder
    calendar = reading.line_of(session, call.line, deployment.defaults).calendar
    promise = ledger.make(
        session,
        origin=f"thanks:{call.sid}/{row.promise or 0}",
        number=call.remote_e164 if places.may_ring(session, call.remote_e164) else None,
        line=call.line,
        customer=call.customer,
        case=call.case,
        agent=agent.key if agent is not None and agent.enabled else None,
        team=case.team if case is not None else agent.team if agent is not None else "",
        language=call.language,
        due_at=due_at(calendar, now, ladder.promise_minutes),
        why="promise_still_wrong",
        now=now,
        about=about,
    )
    session.flush()
    row.wrong_at, row.promise = row.wrong_at or now, promise.id
    confirm(session, promise, now)
    return promise


def _read(words: str) -> str:
    words = words.replace("\r\n", "\n").strip()
    if len(words) > LONGEST or not words.replace("\n", "").isprintable():
        raise InvalidField("words", f"write {LONGEST} characters at most")
    return words


# --- at the desk ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Thanked:
    """One word of thanks, as the agent sees it whom it is for; nobody else does."""

    call_sid: str
    at: datetime
    customer: str  # a name; empty: forgotten
    words: str


def at_desk(session: Session, agent: str, now: datetime) -> Sequence[Thanked]:
    """Return the thanks that an agent has not put away yet, newest first."""
    rows = session.execute(
        select(Thanks, Customer.name)
        .join(Call, Call.sid == Thanks.call_sid)
        .outerjoin(Customer, Customer.key == Call.customer)
        .where(*_theirs(agent), Thanks.thanked_at > now - SHOWN_FOR, Thanks.seen_at.is_(None))
        .order_by(Thanks.thanked_at.desc())
        .limit(SHOWN_AT_DESK)
    )
    return [Thanked(row.call_sid, row.thanked_at or row.at, name or "", row.words) for row, name in rows]


def put_away(session: Session, call_sid: str, agent: str, now: datetime) -> bool:
    """The agent has read it; False when it isn't theirs."""
    row = session.get(Thanks, call_sid, with_for_update=True)
    if row is None or row.agent != agent:
        return False
    row.seen_at = row.seen_at or now
    return True


def _theirs(agent: str) -> Sequence[ColumnElement[Any]]:
    return (Thanks.agent == agent, Thanks.thanked_at.is_not(None))
