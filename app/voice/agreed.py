"""What if agent and customer agree that they will be rung back? It is promised, and the customer is told."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.errors import InvalidField
from app.lines import places
from app.messages import agreements, messages
from app.messages.confirmation import confirmation
from app.outgoing import outbox
from app.promises import attempts, choices, ledger
from app.records.agents import Agent
from app.records.callers import Case
from app.records.calls import Call
from app.records.promises import OWED, Promise, PromiseState

ORIGIN = "agreed:"


def owe(session: Session, call: Call, agent: str, due_at: datetime, now: datetime) -> Promise:
    """Promise that the agent rings this call's other side back before `due_at`, and tell them by SMS.

    Once for each call: agreed on anew, it is moved. What the customer was owed before is this from now on,
    except that the callback in which the two talk has come true. What another customer of the number is owed
    stays as it is; since a number is owed one callback, this one stands on the agent's list without it.
    Raises InvalidField for a time that is past or more than choices.FARTHEST away. The call is held by the
    caller of this function.
    """
    if not now < due_at <= now + choices.FARTHEST:
        raise InvalidField("due_at", f"choose a time within the next {choices.FARTHEST.days} days")
    number = call.remote_e164 if places.may_ring(session, call.remote_e164) else None
    owed = of_call(session, call) or ledger.unfinished_for(session, number)
    if owed is not None and ledger.is_anothers(owed, call.customer):
        number = owed = None
    if owed is not None and _is_talked_about_here(session, call, owed):
        ledger.move(session, owed, PromiseState.KEPT, "promise_kept", now, agent, {"agent": agent})
        owed = None
    if owed is None:
        owed = _make(session, call, number, agent, due_at, now)
    else:
        ledger.hand_over(session, owed.id, agent, agent, now)
        agreements.agree_on(session, owed.id, due_at, agent, now)
    call.promise = owed.id
    return owed


def of_call(session: Session, call: Call) -> Promise | None:
    """Return what was agreed in a call and is still owed."""
    owed = session.get(Promise, call.promise) if call.promise is not None else None
    is_of_call = owed is not None and owed.origin.startswith(f"{ORIGIN}{call.sid}")
    return owed if is_of_call and owed is not None and owed.state in OWED else None


def _is_talked_about_here(session: Session, call: Call, owed: Promise) -> bool:
    attempt = attempts.in_the_air(session, owed.id)
    return attempt is not None and attempt.call_sid == call.sid and ledger.is_spoken_about(session, owed)


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
    body = confirmation(session, promise, places.zone_of(session, call.line), now)
    messages.inform(session, promise, body, outbox.key_of_promise(promise.id), now)
    return promise
