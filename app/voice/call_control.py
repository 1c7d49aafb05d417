"""Which buttons does the desk have for a call? Decline, notes and outcome, and which customer it is about."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.agents import presence
from app.beside import wrapping
from app.callbacks import agent_leg
from app.callbacks import outcome as callback_outcome
from app.callers import history
from app.deployment import Deployment
from app.errors import InvalidField
from app.outgoing import conversations, outbox
from app.outgoing.conversations import Words
from app.promises import attempts, dropped
from app.records.agents import Activity, Presence
from app.records.callers import Case, CaseStatus, Customer, Direction
from app.records.calls import Call, CallState, CallStep, StepOutcome
from app.records.promises import Promise
from app.voice import agreed, ending, held, legs, rooms, settling
from app.voice.steps import RING_KINDS

# What an agent may say instead of answering; each becomes an honest sentence for the caller.
DECLINE_REASONS = ("meeting", "finishing", "not_now", "wrong_person")
# The page saves what is written at least this often, and once more within it.
WRITES_SECONDS = 15
OUTCOMES = ("solved", "promise_made", "handed_over", "waiting")
LONGEST_NOTE = 10_000  # as of a contact that another system tells of


def decline(
    session: Session, call_sid: str, agent: str, why: str, now: datetime, deployment: Deployment
) -> bool:
    """The agent doesn't take the call: the caller hears why, and goes on to somebody else.

    False when there was nothing left to decline: answered, over, or somebody else's by now.
    """
    if why not in DECLINE_REASONS:
        raise InvalidField("why", f"choose one of {', '.join(DECLINE_REASONS)}")
    call = held.held(session, call_sid)
    asked_along = legs.leg_of(session, call_sid, agent)
    if asked_along is not None and asked_along.answered_at is None and call.state == CallState.TALKING:
        session.get_one(CallStep, (call_sid, asked_along.number)).declined_why = why
        rooms.not_taken(session, call, asked_along.number, StepOutcome.DECLINED, now, deployment)
        return True
    if attempts.is_callback(call_sid):
        return agent_leg.decline(session, call_sid, agent, why, now)
    step = session.get(CallStep, (call_sid, call.step))
    if call.state != CallState.RINGING or step is None or step.agent != agent or step.kind not in RING_KINDS:
        return False
    step.declined_why = why
    _ring_elsewhere(session, call, step, StepOutcome.DECLINED, now, deployment)
    return True


def desk_is_gone(
    session: Session, call_sid: str, number: int, agent: str, now: datetime, deployment: Deployment
) -> bool:
    """The desk that rings shows no life any more: the agent's phone rings, or somebody else's telephone.

    False when it doesn't ring there any more.
    """
    call = held.held(session, call_sid)
    step = session.get(CallStep, (call_sid, number))
    rings = call.state == CallState.RINGING and call.step == number
    if not rings or step is None or step.agent != agent or step.endpoint != "client":
        return False
    _ring_elsewhere(session, call, step, StepOutcome.FAILED, now, deployment)
    return True


def _ring_elsewhere(
    session: Session, call: Call, step: CallStep, outcome: StepOutcome, now: datetime, deployment: Deployment
) -> None:
    ending.release(session, call, step, outcome, now)
    held.advance(session, call, now, deployment)
    if step.leg_sid:
        # A caller whom nobody has answered can't be redirected (error 21220): end the agent's ring, and the
        # carrier asks what comes next.
        key = f"end/{call.sid}/{step.number}"
        payload: dict[str, Any] = {"call_sid": call.sid, "step": step.number}
        if step.endpoint != "both":
            payload["leg_sid"] = step.leg_sid
        outbox.add(session, outbox.END_LEG, key, payload, now)
    else:
        held.send_on(session, call, now)


def pick(session: Session, call_sid: str, agent: str, customer: str, case: str | None, now: datetime) -> None:
    """The agent knows who it is: remembered for this call only, and what was noted of it goes there.

    Raises InvalidField when the agent doesn't have this call, or the case isn't the customer's.
    """
    call = _own(session, call_sid, agent)
    if session.get(Customer, customer) is None:
        raise InvalidField("customer", f"there is no customer {customer}")
    if case is not None:
        found = session.get(Case, case)
        if found is None or found.customer != customer:
            raise InvalidField("case", f"customer {customer} has no case {case}")
    if case != call.case and conversations.words_of(session, call_sid, agent).outcome == "solved":
        _is_solved_instead(session, call.case, case)
    _turns_out(session, call, agent, customer, case, now)


def _turns_out(
    session: Session, call: Call, agent: str, customer: str, case: str | None, now: datetime
) -> None:
    """Let the call be about this customer and case, with all that was noted and is owed."""
    call.customer, call.case = customer, case
    step = session.get(CallStep, (call.sid, call.step))
    if step is not None:
        settling.as_it_turns_out(session, call, step, now)
    wrapping.is_about(session, call)
    conversations.belongs_to(session, call, agent, now)


def note_checked(session: Session, call_sid: str, agent: str, now: datetime) -> None:
    """Write down when the agent made sure who it is, and saw what had been masked; the first time stays."""
    newest = (
        select(func.max(CallStep.number))
        .where(CallStep.call_sid == call_sid, CallStep.agent == agent)
        .scalar_subquery()
    )
    session.execute(
        update(CallStep)
        .where(CallStep.call_sid == call_sid, CallStep.number == newest, CallStep.checked_at.is_(None))
        .values(checked_at=now)
    )
    # Who they said to be is who they are from now on, unless somebody has said otherwise.
    call = held.held(session, call_sid)
    if call.customer is None and call.claimed is not None:
        _turns_out(session, call, agent, call.claimed, (call.heard or {}).get("case"), now)


def line_dropped(session: Session, call_sid: str, agent: str, now: datetime) -> None:
    """The line of the agent's last conversation dropped: ring the other side back at once.

    Raises InvalidField when this call isn't theirs, isn't just over, or has no number to ring.
    """
    call = _own(session, call_sid, agent)
    if not dropped.can_be_rung_back(session, call, agent, now):
        raise InvalidField("call_sid", "this call can't be rung back: going on, too long ago, or no number")
    dropped.owe(session, call, agent, now)
    presence.end_wrap_up(session, agent, now)


def promise(session: Session, call_sid: str, agent: str, due_at: datetime, now: datetime) -> Promise:
    """The agent agreed with the other side that they ring back before `due_at`: promised, and told by SMS.

    Raises InvalidField when the agent didn't have this call, or the time is past or too far away.
    """
    return agreed.owe(session, _own(session, call_sid, agent), agent, due_at, now)


def save_notes(
    session: Session,
    call_sid: str,
    agent: str,
    *,
    outcome: str,
    summary: str,
    now: datetime,
    cause: str | None = None,
    next_step: str | None = None,
    topic: str | None = None,
) -> None:
    """Keep what an agent notes of a call: of a conversation as the contact on its case, else as a note.

    “Solved” closes the case. With None cause, next step and topic stay as they are. Raises InvalidField when
    the call never was this agent's, outcome, cause or topic is none, or a text is too long.
    """
    call = _offered(session, call_sid, agent)
    if outcome and outcome not in OUTCOMES:
        raise InvalidField("outcome", f"choose one of {', '.join(OUTCOMES)}")
    if len(summary) > LONGEST_NOTE:
        raise InvalidField("summary", f"write {LONGEST_NOTE} characters at most")
    step = session.get(CallStep, (call_sid, call.step))
    if _has(call, step, agent):
        _solve(session, call, agent, outcome)
        if outcome and call.direction == Direction.OUTBOUND:
            callback_outcome.by_word(session, call_sid, agent, now)
        elif outcome and step is not None:
            settling.by_word(session, call, step, agent, now)
        wrapping.save(
            session, call, agent, outcome=outcome, cause=cause, next_step=next_step, topic=topic, now=now
        )
    conversations.write_down(session, call, agent, Words(outcome, summary), now)
    _wait_for_who_writes(session, call, agent, now)


def _wait_for_who_writes(session: Session, call: Call, agent: str, now: datetime) -> None:
    """Wrap-up doesn't end in mid-sentence: who writes about this call has some seconds more."""
    status = session.get(Presence, agent, populate_existing=True)
    if status is None or status.activity != Activity.WRAPPING_UP or status.call_sid != call.sid:
        return
    if status.wrap_up_until is not None and status.wrap_up_until < now + timedelta(seconds=WRITES_SECONDS):
        presence.extend_wrap_up(session, agent, now, WRITES_SECONDS)


def _solve(session: Session, call: Call, agent: str, outcome: str) -> None:
    """Close the case that was solved in this call; an agent who thinks better of it opens it again."""
    if call.case is None:
        return
    case = session.get_one(Case, call.case, with_for_update=True)
    was_solved_here = conversations.words_of(session, call.sid, agent).outcome == "solved"
    if outcome == "solved" and not was_solved_here:
        case.status = CaseStatus.SOLVED
    elif outcome and outcome != "solved" and was_solved_here and case.status == CaseStatus.SOLVED:
        case.status = CaseStatus.OPEN


def _is_solved_instead(session: Session, was: str | None, now_is: str | None) -> None:
    """What the agent said is solved turns out to be another case; None: none that we know."""
    history.lock(session, {key for key in (was, now_is) if key is not None})
    for key, before, after in ((was, CaseStatus.SOLVED, CaseStatus.OPEN), (now_is, None, CaseStatus.SOLVED)):
        case = session.get(Case, key, populate_existing=True) if key is not None else None
        if case is not None and before in (None, case.status):
            case.status = after


def _own(session: Session, call_sid: str, agent: str) -> Call:
    """Return the call, held, if the agent talks or talked in it. Raises InvalidField otherwise."""
    call = _offered(session, call_sid, agent)
    if not _has(call, session.get(CallStep, (call_sid, call.step)), agent):
        raise InvalidField("call_sid", "this call isn't yours")
    return call


def _offered(session: Session, call_sid: str, agent: str) -> Call:
    """Return the call, held, if it ever was for the agent. Raises InvalidField otherwise."""
    if not held.was_offered(session, call_sid, agent):
        raise InvalidField("call_sid", "there is no such call")
    if attempts.is_callback(call_sid):
        attempts.held(session, call_sid)  # first what it is about, as by all news of it
    return held.held(session, call_sid)


def _has(call: Call, step: CallStep | None, agent: str) -> bool:
    return agent in (call.bridged_to, step.agent if step else None)
