"""What if agent and customer agree that they will be rung back? It is promised, and the customer is told."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.errors import InvalidField
from app.lines import places
from app.messages import agreements
from app.messages.confirmation import confirm
from app.promises import attempts, choices, ledger, owed
from app.records.agents import Agent
from app.records.callers import Case
from app.records.calls import Call
from app.records.promises import OWED, Promise, PromiseState

ORIGIN = "agreed:"


def owe(session: Session, call: Call, agent: str, due_at: datetime, now: datetime) -> Promise:
    """Promise that the agent rings this call's other side back before `due_at`, and tell them by SMS.

    Once for each call: agreed on anew, it is moved. What the customer was owed about it before is this from
    now on, except that the callback in which the two talk has come true. What another customer of the number
    is owed, or this one about another case, stays as it is.
    Raises InvalidField for a time that is past or more than choices.FARTHEST away. The call is held by the
    caller of this function.
    """
    if not now < due_at <= now + choices.FARTHEST:
        raise InvalidField("due_at", f"choose a time within the next {choices.FARTHEST.days} days")
    number = call.remote_e164 if places.may_ring(session, call.remote_e164) else None
    promise = of_call(session, call) or owed.about(session, number, call.customer, call.case)
    if promise is not None and _is_talked_about_here(session, call, promise):
        ledger.move(session, promise, PromiseState.KEPT, "promise_kept", now, agent, {"agent": agent})
        promise = None
    if promise is None:
        promise = _make(session, call, number, agent, due_at, now)
    else:
        ledger.hand_over(session, promise.id, agent, agent, now)
        agreements.agree_on(session, promise.id, due_at, agent, now)
    call.promise = promise.id
    return promise


def of_call(session: Session, call: Call) -> Promise | None:
    """Return what was agreed in a call and is still owed."""
    promise = session.get(Promise, call.promise) if call.promise is not None else None
    is_of_call = promise is not None and promise.origin.startswith(f"{ORIGIN}{call.sid}")
    return promise if is_of_call and promise is not None and promise.state in OWED else None


def _is_talked_about_here(session: Session, call: Call, promise: Promise) -> bool:
    attempt = attempts.in_the_air(session, promise.id)
    return attempt is not None and attempt.call_sid == call.sid and ledger.is_spoken_about(session, promise)


def _make(
    session: Session, call: Call, number: str | None, agent: str, due_at: datetime, now: datetime
) -> Promise:
    case = session.get(Case, call.case) if call.case is not None else None
    promise = ledger.make(
        session,
        origin=f"{ORIGIN}{call.sid}/{call.promise or 0}",
        number=number,
        line=call.line,
        customer=call.customer,
        case=call.case,
        agent=agent,
        team=case.team if case is not None else session.get_one(Agent, agent).team,
        language=call.language,
        due_at=due_at,
        why="promise_agreed",
        now=now,
    )
    confirm(session, promise, now)
    return promise
