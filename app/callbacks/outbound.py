"""How does an agent ring a customer? As a callback is placed: first the agent, then the customer, now.

Only a number of that customer, or the one that is owed a call, under the same policy as any callback. What an
agent begins is kept as a promise that nobody was told of: it ends with the try, reached or not. The codes
of NotNow are those of the catalogue's `work.not_now_…`.
"""

import secrets
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.agents import presence, protection
from app.callbacks.placing import ring_agent
from app.deployment import Deployment
from app.errors import InvalidField, NotNow
from app.lines import places
from app.promises import attempts, ledger, owed, whose
from app.promises.times import AT_ONCE, Window, is_day
from app.records.agents import Activity, Agent, Presence
from app.records.callers import Case, Customer, CustomerNumber
from app.records.lines import Line
from app.records.promises import OUTBOUND, OWED, Promise, PromiseState


def of_promise(session: Session, promise_id: int, agent: str, now: datetime, deployment: Deployment) -> str:
    """Ring an agent, and then who is owed this; return the call's name. Again, it returns the same.

    Raises InvalidField when nothing is owed any more, and NotNow.
    """
    promise = ledger.still_owed(session, promise_id)
    if promise.number is None:
        raise InvalidField("number", "the caller hid their number; fill in the one they said")
    if (going_on := _going_on(session, promise, agent)) is not None:
        return going_on
    if promise.agent != agent:
        promise = ledger.hand_over(session, promise.id, agent, agent, now)
    ledger.ring_now(session, promise.id, agent, now)
    return _ring(session, promise, agent, now, deployment)


def of_customer(
    session: Session,
    customer: str,
    number: str | None,
    case: str | None,
    agent: str,
    now: datetime,
    deployment: Deployment,
) -> str:
    """Ring an agent, and then a customer at one of their numbers; return the call's name. Again, the same.

    Without `number` at the first of theirs that may be rung. What they are owed about it is kept by this.
    Raises InvalidField for a number that isn't theirs, and NotNow.
    """
    known = session.get(Customer, customer)
    if known is None:
        raise InvalidField("customer", f"there is no customer {customer}")
    number = _number(session, customer, number)
    about = session.get(Case, case) if case is not None else None
    if about is not None and about.customer != customer:
        raise InvalidField("case", f"customer {customer} has no case {case}")
    before = owed.about(session, number, customer, case, guessed=case is None)
    if before is not None:
        return of_promise(session, before.id, agent, now, deployment)
    team = about.team if about is not None else session.get_one(Agent, agent).team
    promise = ledger.make(
        session,
        origin=f"{OUTBOUND}{secrets.token_hex(12)}",
        number=number,
        line=None,
        customer=customer,
        case=case,
        agent=agent,
        team=team,
        language=known.language if known.language in ("nl", "en") else deployment.defaults.language,
        due_at=now + AT_ONCE,
        why="promise_outbound",
        now=now,
    )
    session.flush()
    ledger.note(session, promise, "promise_now", now, agent, shows=False)
    return _ring(session, promise, agent, now, deployment)


def numbers_of(session: Session, customer: str) -> list[str]:
    """Return the numbers of a customer at which they may be rung, in their order."""
    theirs = select(CustomerNumber.e164).where(CustomerNumber.customer == customer)
    found = session.scalars(theirs.order_by(CustomerNumber.position, CustomerNumber.e164))
    return [number for number in found if places.may_ring(session, number)]


def _number(session: Session, customer: str, number: str | None) -> str:
    known = numbers_of(session, customer)
    if number is None and known:
        return known[0]
    if number is None or number not in known:
        raise InvalidField("number", "choose a number of this customer that may be rung")
    return number


def _going_on(session: Session, promise: Promise, agent: str) -> str | None:
    """Return the name of the callback that is in the air for it, if it is this agent's."""
    if promise.state != PromiseState.CALLING:
        return None
    attempt = attempts.in_the_air(session, promise.id)
    if attempt is None or attempt.agent != agent:
        raise NotNow("being_rung")
    return attempt.call_sid


def _ring(session: Session, promise: Promise, agent: str, now: datetime, deployment: Deployment) -> str:
    promise.line = promise.line or _line_to_show(session, promise.team)
    zone = places.zone_of(session, promise.line)
    window = Window(promise.created_at, promise.due_at, zone, promise.not_before)
    if promise.state not in OWED or promise.number is None:
        raise NotNow("over")
    if not places.may_ring(session, promise.number):
        raise NotNow("not_callable")
    if whose.is_number_of_others(session, promise):
        raise NotNow("number_moved")
    if protection.is_apart(session, agent, number=promise.number, customer=promise.customer):
        raise NotNow("apart")
    if promise.line is None:
        raise NotNow("no_line")
    # What an agent begins was agreed with nobody: at night not even then.
    if not (is_day(now, zone) if promise.is_outbound else window.may_ring(now)):
        raise NotNow("night")
    if len(attempts.dials_lately(session, promise.number, now)) >= attempts.MOST_DIALS:
        raise NotNow("often")
    if attempts.is_on_the_line(session, promise.number):
        raise NotNow("on_the_line")
    _is_there(session, agent, now)
    sid = ring_agent(session, promise, agent, window, now, deployment)
    if sid is None:
        raise NotNow("agent")
    return sid


def _is_there(session: Session, agent: str, now: datetime) -> None:
    """Who writes something down is done with that; raises NotNow for who talks, or is being rung."""
    status = session.get(Presence, agent, populate_existing=True)
    if status is not None and status.activity == Activity.WRAPPING_UP:
        presence.end_wrap_up(session, agent, now)
    elif status is None or status.activity != Activity.IDLE:
        raise NotNow("agent_busy")


def _line_to_show(session: Session, team: str) -> str | None:
    """Return the number of ours that the customer sees: the team's, else any."""
    return session.scalar(select(Line.number).order_by(Line.team != team, Line.number).limit(1))
