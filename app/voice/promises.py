"""Which callbacks do we owe? A promise is made in one place, moves by one table, and is never deleted."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.agents import desk_events
from app.errors import InvalidField, InvalidTransition
from app.voice.facts import UNFINISHED
from app.voice.models import Promise, PromiseEvent, PromiseState

_S = PromiseState
FOLLOWS: dict[PromiseState, frozenset[PromiseState]] = {
    _S.OPEN: frozenset({_S.DUE, _S.CALLING, _S.KEPT, _S.REASSIGNED, _S.MERGED, _S.WITHDRAWN, _S.BROKEN}),
    _S.DUE: frozenset({_S.CALLING, _S.KEPT, _S.REASSIGNED, _S.MERGED, _S.WITHDRAWN, _S.BROKEN}),
    _S.CALLING: frozenset({_S.DUE, _S.KEPT, _S.REASSIGNED, _S.MERGED, _S.WITHDRAWN, _S.BROKEN}),
    _S.REASSIGNED: frozenset({_S.DUE, _S.CALLING, _S.KEPT, _S.MERGED, _S.WITHDRAWN, _S.BROKEN}),
    # A broken promise stays visible, and may still be made good.
    _S.BROKEN: frozenset({_S.CALLING, _S.KEPT, _S.MERGED, _S.WITHDRAWN}),
    _S.KEPT: frozenset(),
    _S.MERGED: frozenset(),
    _S.WITHDRAWN: frozenset(),
}


def make(
    session: Session,
    *,
    origin: str,
    number: str,
    line: str | None,
    customer: str | None,
    case: str | None,
    agent: str | None,
    team: str,
    language: str,
    due_at: datetime,
    why: str,
    now: datetime,
    about: str = "",
) -> Promise:
    """Owe a callback, and return it; it counts from the commit of this transaction on, not before.

    A number that is already owed one is owed that same one: the earlier time stands, since it was spoken. One
    whose time has passed is broken, visibly, and a new one is made. `origin` makes asking twice harmless.
    """
    if (owed := of_origin(session, origin) or unfinished_for(session, number)) is not None:
        if owed.due_at > now:
            if owed.origin != origin:
                _note(session, owed, "promise_repeated", now)
            return owed
        move(session, owed, PromiseState.BROKEN, "promise_repeated", now)
        session.flush()
    promise = Promise(
        origin=origin,
        number=number,
        line=line,
        customer=customer,
        case=case,
        agent=agent,
        team=team,
        language=language,
        due_at=due_at,
        state=PromiseState.OPEN,
        about=about,
        created_at=now,
    )
    try:
        with session.begin_nested():
            session.add(promise)
    except IntegrityError:
        # Another call from the same number was quicker by a moment; its promise serves both.
        owed = of_origin(session, origin) or unfinished_for(session, number)
        if owed is None:
            raise
        return owed
    _note(session, promise, why, now)
    _tell(session, promise, now)
    return promise


def of_origin(session: Session, origin: str) -> Promise | None:
    return session.scalar(select(Promise).where(Promise.origin == origin))


def unfinished_for(session: Session, number: str) -> Promise | None:
    """Return the callback that a number is still owed, if any."""
    return session.scalar(
        select(Promise).where(Promise.number == number, Promise.state.in_(UNFINISHED)).with_for_update()
    )


def merge(session: Session, number: str, who: str, now: datetime) -> Promise | None:
    """The customer has spoken to somebody: what was owed to the number is no longer; return it, if any."""
    promise = unfinished_for(session, number)
    if promise is not None:
        move(session, promise, PromiseState.MERGED, "promise_merged", now, who)
    return promise


def withdraw(session: Session, promise_id: int, who: str, now: datetime) -> Promise:
    """The customer need not be rung back. Raises InvalidField when the promise is unknown or finished."""
    promise = session.get(Promise, promise_id, with_for_update=True)
    if promise is None:
        raise InvalidField("id", f"there is no promise {promise_id}")
    if promise.state == PromiseState.WITHDRAWN:
        return promise
    try:
        move(session, promise, PromiseState.WITHDRAWN, "promise_withdrawn", now, who)
    except InvalidTransition:
        raise InvalidField("id", f"promise {promise_id} is already {promise.state}") from None
    return promise


def move(
    session: Session, promise: Promise, state: PromiseState, why: str, now: datetime, who: str = ""
) -> None:
    """Move a promise on, by the table. Raises InvalidTransition when the table doesn't allow it."""
    if state not in FOLLOWS[PromiseState(promise.state)]:
        raise InvalidTransition(f"{promise.state} promise {promise.id} can't become {state}")
    promise.state = state
    promise.finished_at = None if FOLLOWS[state] else now
    _note(session, promise, why, now, who)
    _tell(session, promise, now)


def say_about(session: Session, promise_id: int, about: str) -> None:
    """Attach what the caller said it is about, in their own words."""
    session.execute(update(Promise).where(Promise.id == promise_id).values(about=about[:2000]))


def _note(session: Session, promise: Promise, why: str, now: datetime, who: str = "") -> None:
    session.add(PromiseEvent(promise=promise.id, at=now, state=promise.state, why=why, who=who))


def _tell(session: Session, promise: Promise, now: datetime) -> None:
    """Show it at the desk of who owes it."""
    if promise.agent is None:
        return
    data = {
        "promise": promise.id,
        "state": str(promise.state),
        "due_at": promise.due_at.isoformat(),
        "case": promise.case,
        "customer": promise.customer,
    }
    desk_events.tell(session, promise.agent, "promise", data, now)
