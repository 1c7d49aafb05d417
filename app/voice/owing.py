"""What is this caller promised? Once, however often it is asked, and confirmed by SMS."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.lines import places
from app.lines.hours import due_at
from app.messages import confirmation
from app.promises import ledger
from app.records.calls import Call
from app.records.promises import Promise, PromiseState
from app.routing import rules
from app.routing.facts import Facts
from app.routing.ladder import Only, Resolved


def owe(
    session: Session,
    call: Call,
    facts: Facts,
    agent: str | None,
    due_at: datetime,
    why: str,
    now: datetime,
    number: str | None = None,
    about: str = "",
    to_review: bool | None = None,
) -> None:
    """Promise this call's caller a callback, once however often it is asked, and confirm it by SMS.

    `to_review`: None for what the rules said of the call's step.

    To their own number or the one they named; a number that must not be called is none. Of a caller without
    any, what is known is kept for people to see to, and `about`, what they said.
    """
    number = number or (call.remote_e164 if places.may_ring(session, call.remote_e164) else None)
    promise = ledger.make(
        session,
        origin=_origin(session, call),
        number=number,
        line=call.line,
        customer=call.customer,
        case=call.case,
        agent=agent,
        team=facts.team or "",
        language=facts.language,
        due_at=due_at,
        why=why,
        now=now,
        # What they said to the open question is what it is about, until they say it better.
        about=about or (call.heard or {}).get("text", ""),
        guessed=True,
        to_review=_is_refused(session, call, facts, now) if to_review is None else to_review,
    )
    call.promise = promise.id


def _is_refused(session: Session, call: Call, facts: Facts, now: datetime) -> bool:
    """Tell whether a rule lets nobody be rung for this call before a supervisor has looked at it."""
    return _resolved(session, call, facts, now).ladder.only == Only.REFUSE


def _resolved(session: Session, call: Call, facts: Facts, now: datetime) -> Resolved:
    """Return what the rules that led the call so far say.

    Of a call that never came to a step nothing was decided yet: the rules in force say it now.
    """
    if call.step:
        return rules.of_call(session, call)
    return facts.situation(now, can_be_rung_back=places.may_ring(session, call.remote_e164)).resolved


def has_promise(session: Session, call: Call) -> bool:
    """Tell whether a call has its promise, or somebody's word has ended it: not what another call settled."""
    promise = session.get(Promise, call.promise) if call.promise is not None else None
    return promise is not None and promise.state != PromiseState.MERGED


def due_for(session: Session, call: Call, facts: Facts, now: datetime) -> datetime:
    """Return by when this caller is rung back: as they were told, else by the rules that led the call."""
    told = session.get(Promise, call.promise) if call.promise is not None else None
    if told is not None and told.due_at > now:
        return told.due_at
    minutes = _resolved(session, call, facts, now).ladder.promise_minutes
    return due_at(facts.line.calendar, now, minutes)


def _origin(session: Session, call: Call) -> str:
    """Name what a promise comes of: the call, or the call again after its first promise was settled.

    A caller who waits may be owed nothing any more, having spoken to somebody in another call meanwhile; what
    they are told after that is a promise of its own.
    """
    first = session.get(Promise, call.promise) if call.promise is not None else None
    is_settled = first is not None and not ledger.FOLLOWS[PromiseState(first.state)]
    return f"call:{call.sid}/{call.promise}" if is_settled else f"call:{call.sid}"


def confirm_by_message(session: Session, call: Call, now: datetime) -> None:
    """Tell by SMS what was promised, once the caller has hung up with a promise; harmless words only."""
    promise = session.get(Promise, call.promise) if call.promise is not None else None
    if promise is not None:
        confirmation.confirm(session, promise, now)
