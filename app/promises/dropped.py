"""What if the line drops in the middle of a conversation? The same agent rings back, without anybody asking.

The carrier seldom knows: of a leg that was answered it says `completed` whatever ended it. Where it says
`failed` it is believed; else the agent says so, with one press. See docs/promises.md.
"""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.lines import places
from app.promises import ledger
from app.promises.times import AT_ONCE
from app.records.agents import Agent
from app.records.callers import Case
from app.records.calls import Call, CallState
from app.records.promises import Promise

# The agent notices at once, or while they write things down.
CAN_BE_SAID_FOR = timedelta(minutes=15)

ORIGIN = "dropped:"


def is_one(promise: Promise) -> bool:
    """Tell whether a promise was made because a line dropped."""
    return promise.origin.startswith(ORIGIN)


def of_call(session: Session, call_sid: str) -> Promise | None:
    """Return the promise that was made because the line of a call dropped, if any was."""
    return ledger.of_origin(session, f"{ORIGIN}{call_sid}")


def can_be_rung_back(session: Session, call: Call, agent: str, now: datetime) -> bool:
    """Tell whether the agent may say of this call that its line dropped: theirs, just over, with a number."""
    return (
        call.state == CallState.ENDED
        and call.bridged_to == agent
        and call.bridged_at is not None
        and call.ended_at is not None
        and now - call.ended_at <= CAN_BE_SAID_FOR
        and places.may_ring(session, call.remote_e164)
    )


def owe(session: Session, call: Call, agent: str, now: datetime) -> Promise:
    """Promise that the agent rings back at once: one promise, however often and by whomever it is told.

    Without a number that may be rung it stands on the agent's list all the same. The call is held by the
    caller of this function.
    """
    case = session.get(Case, call.case) if call.case is not None else None
    team = case.team if case is not None else session.get_one(Agent, agent).team
    origin = f"{ORIGIN}{call.sid}"
    promise = ledger.make(
        session,
        origin=origin,
        number=call.remote_e164 if places.may_ring(session, call.remote_e164) else None,
        line=call.line,
        customer=call.customer,
        case=call.case,
        agent=agent,
        team=team,
        language=call.language,
        due_at=now + AT_ONCE,
        why="promise_line_dropped",
        now=now,
    )
    if promise.origin != origin:
        # The number is owed a callback already: that one is kept now, by whoever owes it.
        ledger.ring_now(session, promise.id, "", now)
    call.promise = call.promise or promise.id
    return promise
