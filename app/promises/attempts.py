"""Which callback is in the air? One try to keep a promise: its rows, opened and closed together.

The promise's row is held by whoever opens, moves or closes a try, so all news of it is applied one by one.
Locks are taken in one order: the promise, its try and call, the agent.
"""

import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.agents import desk_events, presence
from app.outgoing import outbox
from app.records import lifecycle
from app.records.callers import Direction
from app.records.calls import Call, CallState, CallStep, Outcome, StepOutcome
from app.records.promises import AttemptOutcome, Promise, PromiseAttempt

SID_PREFIX = "CB"
# A callback has one step, so its number and the call's sid name the agent's reservation.
STEP = 1
# At most so many times a day anybody is rung by us, whoever asks for it.
MOST_DIALS = 3
DIALS_WITHIN = timedelta(hours=24)
# Whoever took a callback still holds the telephone when it is over: they hear a sentence, or their leg is
# being ended. A softphone that is in use lets a second ring go unheard.
TELEPHONE_BUSY_SECONDS = 5

_STEP_OUTCOMES = {
    AttemptOutcome.AGENT_DECLINED: StepOutcome.DECLINED,
    AttemptOutcome.AGENT_NO_ANSWER: StepOutcome.NO_ANSWER,
    AttemptOutcome.AGENT_FAILED: StepOutcome.FAILED,
    AttemptOutcome.NO_ANSWER: StepOutcome.NO_ANSWER,
    AttemptOutcome.BUSY: StepOutcome.BUSY,
    AttemptOutcome.MACHINE: StepOutcome.NO_ANSWER,
    AttemptOutcome.FAILED: StepOutcome.FAILED,
}


def new_sid() -> str:
    """Return a name for a callback, before the carrier gives its own to the legs."""
    return SID_PREFIX + secrets.token_hex(16)


def is_callback(call_sid: str) -> bool:
    return call_sid.startswith(SID_PREFIX)


def in_the_air(session: Session, promise_id: int) -> PromiseAttempt | None:
    """Return the try that is going on for a promise; the promise is held by the caller."""
    return session.scalar(
        select(PromiseAttempt)
        .where(PromiseAttempt.promise == promise_id, PromiseAttempt.ended_at.is_(None))
        .execution_options(populate_existing=True)
    )


def held(session: Session, call_sid: str) -> tuple[PromiseAttempt, Promise] | None:
    """Return a try and its promise, held until the transaction ends; None for a name we never gave."""
    promise_id = session.scalar(select(PromiseAttempt.promise).where(PromiseAttempt.call_sid == call_sid))
    if promise_id is None:
        return None
    promise = session.get_one(Promise, promise_id, with_for_update=True, populate_existing=True)
    attempt = session.scalars(
        select(PromiseAttempt)
        .where(PromiseAttempt.call_sid == call_sid)
        .execution_options(populate_existing=True)
    ).one()
    return attempt, promise


def goes_on(session: Session, call_sid: str) -> bool:
    """Tell whether a try is going on, and nobody has hung up."""
    going_on = select(PromiseAttempt.id).where(
        PromiseAttempt.call_sid == call_sid,
        PromiseAttempt.ended_at.is_(None),
        PromiseAttempt.talked_until.is_(None),
    )
    return session.scalar(going_on) is not None


def has_dropped(session: Session, call_sid: str) -> bool:
    """Tell whether the line of a callback dropped while the two talked."""
    wanted = select(PromiseAttempt.id).where(
        PromiseAttempt.call_sid == call_sid, PromiseAttempt.outcome == AttemptOutcome.DROPPED
    )
    return session.scalar(wanted) is not None


def dials_lately(session: Session, number: str, now: datetime) -> list[datetime]:
    """Return when a number was rung by us within the last day, oldest first."""
    dialled = select(PromiseAttempt.dialled_at).where(
        PromiseAttempt.number == number, PromiseAttempt.dialled_at > now - DIALS_WITHIN
    )
    return [at for at in session.scalars(dialled.order_by(PromiseAttempt.dialled_at)) if at is not None]


def gave_way(session: Session, agent: str, number: str | None, since: datetime) -> bool:
    """Tell whether an agent's ordinary phone rang for this number, and stopped because the number rang us."""
    stopped = select(PromiseAttempt.id).where(
        PromiseAttempt.number == number,
        PromiseAttempt.agent == agent,
        PromiseAttempt.outcome == AttemptOutcome.CUSTOMER_RANG,
        PromiseAttempt.ended_at >= since,
        ~PromiseAttempt.address.startswith("client:"),
    )
    return session.scalar(stopped.limit(1)) is not None


def refused_lately(session: Session, promise_id: int, since: datetime) -> set[str]:
    """Return the agents who did not take this callback since then, whatever their reason."""
    refusals = (
        AttemptOutcome.AGENT_DECLINED,
        AttemptOutcome.AGENT_NO_ANSWER,
        AttemptOutcome.AGENT_FAILED,
        AttemptOutcome.AGENT_LEFT,
    )
    return set(
        session.scalars(
            select(PromiseAttempt.agent).where(
                PromiseAttempt.promise == promise_id,
                PromiseAttempt.outcome.in_(refusals),
                PromiseAttempt.ended_at > since,
            )
        )
    )


def close(
    session: Session,
    attempt: PromiseAttempt,
    outcome: AttemptOutcome,
    now: datetime,
    *,
    wrap_up_seconds: int = 0,
    ends_leg: bool = True,
) -> None:
    """End a try: its call is over, its agent free again, and whatever of it still rings is ended.

    Without `ends_leg` the agent's telephone is left alone: it still hears what we say to it.
    """
    attempt.outcome, attempt.ended_at = outcome, now
    call = session.get_one(Call, attempt.call_sid)
    step = session.get_one(CallStep, (attempt.call_sid, STEP))
    reached = outcome == AttemptOutcome.KEPT
    if call.state != CallState.ENDED:
        lifecycle.move(call, CallState.ENDED)
        call.ended_at = now
    call.outcome = Outcome.TALKED if reached else Outcome.NOT_REACHED
    step.outcome = StepOutcome.ANSWERED if reached else _STEP_OUTCOMES.get(outcome, StepOutcome.ABANDONED)
    step.ended_at = step.ended_at or now
    if attempt.accepted_at is not None and attempt.agent_left_at is None:
        wrap_up_seconds = max(wrap_up_seconds, TELEPHONE_BUSY_SECONDS)
    free_agent(session, attempt, outcome, now, wrap_up_seconds)
    if ends_leg and attempt.agent_left_at is None:
        end_agent_leg(session, attempt, now)
    if call.bridged_to in (None, attempt.agent):
        tell_agent(session, attempt, "ended", now)


def was_none(session: Session, attempt: PromiseAttempt, outcome: AttemptOutcome) -> None:
    """A try that counted as a conversation was none after all; its call says so too."""
    attempt.outcome = outcome
    session.get_one(Call, attempt.call_sid).outcome = Outcome.NOT_REACHED
    step = session.get_one(CallStep, (attempt.call_sid, STEP))
    step.outcome = _STEP_OUTCOMES.get(outcome, StepOutcome.ABANDONED)


def was_a_conversation(session: Session, attempt: PromiseAttempt) -> None:
    """A try that counted as none was a conversation after all; its call says so too."""
    attempt.outcome = AttemptOutcome.KEPT
    session.get_one(Call, attempt.call_sid).outcome = Outcome.TALKED
    session.get_one(CallStep, (attempt.call_sid, STEP)).outcome = StepOutcome.ANSWERED


def free_agent(
    session: Session,
    attempt: PromiseAttempt,
    outcome: AttemptOutcome | None,
    now: datetime,
    wrap_up_seconds: int,
) -> None:
    """Give the agent back, according to what the try's end says about them."""
    ring = (session, attempt.agent, attempt.call_sid, STEP, now)
    match outcome:
        case AttemptOutcome.AGENT_NO_ANSWER:
            presence.did_not_answer(*ring)
        case AttemptOutcome.AGENT_FAILED:
            presence.could_not_be_rung(*ring)
        case _:
            # Reserved or ringing until they took it, talking from then on.
            presence.freed(*ring) or presence.hung_up(*ring, wrap_up_seconds)


def end_agent_leg(session: Session, attempt: PromiseAttempt, now: datetime) -> None:
    """Ask the carrier to end what rings or talks at the agent; nothing happens where nothing does."""
    if attempt.agent_leg is not None:
        outbox.add(session, outbox.END_LEG, f"end/{attempt.call_sid}", {"leg_sid": attempt.agent_leg}, now)


def tell_agent(session: Session, attempt: PromiseAttempt, state: str, now: datetime) -> None:
    """Tell the agent's desk how their callback stands."""
    data: dict[str, Any] = {"call_sid": attempt.call_sid, "state": state, "promise": attempt.promise}
    desk_events.tell(session, attempt.agent, "call", data, now)


def is_on_the_line(session: Session, number: str | None) -> bool:
    """Tell whether a number is on the line with us: it rang us, or a callback to it is in the air."""
    rung = select(PromiseAttempt.id).where(PromiseAttempt.number == number, PromiseAttempt.ended_at.is_(None))
    return is_calling_in(session, number) or session.scalar(rung.limit(1)) is not None


def is_calling_in(session: Session, number: str | None) -> bool:
    """Tell whether the customer has rung us and is still there."""
    live = select(Call.sid).where(
        Call.remote_e164 == number, Call.direction == Direction.INBOUND, Call.state != CallState.ENDED
    )
    return session.scalar(live.limit(1)) is not None
