"""What did a try come to, and what is next for its promise?"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.agents import teams
from app.callbacks import verdict
from app.catalogue import text
from app.forgetting import naming
from app.lines import places
from app.messages import messages
from app.messages.deciding import ask_a_human
from app.outgoing import conversations
from app.promises import attempts, ledger, owed
from app.promises.times import try_again_at
from app.records.calls import Call
from app.records.promises import OWED, AttemptOutcome, Promise, PromiseAttempt, PromiseState
from app.routing import rules

AT_THE_CUSTOMER = frozenset(
    {
        AttemptOutcome.NO_ANSWER,
        AttemptOutcome.BUSY,
        AttemptOutcome.MACHINE,
        AttemptOutcome.TOO_SHORT,
        AttemptOutcome.FAILED,
    }
)
# What an agent began goes on after these: they talked, may have, or the customer is on the line.
GOES_ON = frozenset({AttemptOutcome.DROPPED, AttemptOutcome.UNCLEAR, AttemptOutcome.CUSTOMER_RANG})
# Owed, and nobody rings for it this moment.
WAITS = frozenset(OWED) - {PromiseState.CALLING}

# Nobody was free: look again soon; the telephone of somebody who refused stays quiet for a while.
LOOK_AGAIN_AFTER = timedelta(seconds=5)
AFTER_AGENT_LEFT = timedelta(minutes=1)
AFTER_CUSTOMER_RANG = timedelta(minutes=1)


def is_over(
    session: Session,
    attempt: PromiseAttempt,
    promise: Promise,
    outcome: AttemptOutcome,
    now: datetime,
    *,
    ends_leg: bool = True,
) -> None:
    """Close a try and say what is next for its promise."""
    wrap_up = 0 if outcome == AttemptOutcome.DROPPED else wrap_up_seconds(session, attempt)
    attempts.close(session, attempt, outcome, now, wrap_up_seconds=wrap_up, ends_leg=ends_leg)
    session.flush()
    naming.it_ends(session, session.get_one(Call, attempt.call_sid), now)
    if promise.state != PromiseState.CALLING:
        # What it was about was settled, or agreed on anew, while they talked.
        if outcome == AttemptOutcome.KEPT:
            _was_spoken_to(session, attempt, now)
        return
    who = _who_talked(session, attempt)
    details = {"agent": who}
    if outcome == AttemptOutcome.KEPT and owed.is_anothers(
        promise, session.get_one(Call, attempt.call_sid).customer
    ):
        _was_with_another(session, attempt, promise, now)
        return
    if _rang_meanwhile(session, attempt, promise, outcome, now):
        return
    if outcome == AttemptOutcome.KEPT:
        if attempt.bridged_at is not None and attempt.bridged_at > promise.due_at:
            promise.broken_at = promise.broken_at or promise.due_at
        why = verdict.why_kept(session, attempt)
        ledger.move(session, promise, PromiseState.KEPT, why, now, who, details)
        _was_spoken_to(session, attempt, now)
        return
    if promise.is_outbound and outcome not in GOES_ON:
        # Nobody was promised anything: it was one try, and whoever rings back reaches who made it.
        conversations.was_none(session, session.get_one(Call, attempt.call_sid), now)
        ledger.move(session, promise, PromiseState.WITHDRAWN, f"promise_{outcome}", now, details=details)
        return
    back = PromiseState.BROKEN if promise.due_at <= now else PromiseState.DUE
    ledger.move(session, promise, back, f"promise_{outcome}", now, details=details)
    if outcome in AT_THE_CUSTOMER:
        conversations.was_none(session, session.get_one(Call, attempt.call_sid), now)
        _was_in_vain(session, promise, attempt, now)
    elif outcome == AttemptOutcome.UNCLEAR:
        _ask_who_talked(session, promise, attempt, now)
    else:
        promise.next_at = now + (
            AFTER_AGENT_LEFT if outcome == AttemptOutcome.AGENT_LEFT else LOOK_AGAIN_AFTER
        )


def _was_with_another(session: Session, attempt: PromiseAttempt, promise: Promise, now: datetime) -> None:
    """Somebody else of the same number was spoken to: when to ring for this one is for people to say."""
    back = PromiseState.BROKEN if promise.due_at <= now else PromiseState.DUE
    ledger.move(session, promise, back, "promise_of_another", now, details={"agent": attempt.agent})
    _ask_who_talked(session, promise, attempt, now)
    _leave_contact(session, attempt, now)


def _rang_meanwhile(
    session: Session, attempt: PromiseAttempt, promise: Promise, outcome: AttemptOutcome, now: datetime
) -> bool:
    """Tell whether a call to us, since somebody answered this one, says what becomes of the promise.

    Whoever asked for it again is owed it: the conversation here knew nothing of that. Who has spoken to one
    of us there isn't rung about it again, though it was a machine that answered here.
    """
    if attempt.bridged_at is None or places.is_nobodys(session, attempt.number):
        return False
    calls = owed.calls_since(session, promise, attempt.bridged_at)
    if outcome != AttemptOutcome.KEPT:
        spoken = next((one for one in calls if _is_conversation(one, now)), None)
        if spoken is None:
            return False
        ledger.merge(session, promise, spoken.bridged_to or "", now)
        promise.finished_at = spoken.bridged_at  # should that come to nothing, it is owed again
        return True
    if not any(one.promise == promise.id and not _is_conversation(one, now) for one in calls):
        return False
    back = PromiseState.BROKEN if promise.due_at <= now else PromiseState.OPEN
    ledger.move(session, promise, back, "promise_asked_meanwhile", now, details={"agent": attempt.agent})
    promise.next_at, promise.tries = now + AFTER_CUSTOMER_RANG, 0
    _was_spoken_to(session, attempt, now)
    return True


def _is_conversation(call: Call, now: datetime) -> bool:
    """Tell whether the two were together for as long as counts, or are together now."""
    if call.bridged_at is None:
        return False
    return (
        call.ended_at is None
        or (call.ended_at - call.bridged_at).total_seconds() >= verdict.KEPT_FROM_SECONDS
    )


def _who_talked(session: Session, attempt: PromiseAttempt) -> str:
    """Return who had the customer last: whoever was rung for it, unless they handed the conversation over."""
    return session.get_one(Call, attempt.call_sid).bridged_to or attempt.agent


def _was_spoken_to(session: Session, attempt: PromiseAttempt, now: datetime) -> None:
    # Whoever has spoken to them has dealt with what they wrote.
    messages.see_to(session, attempt.number, _who_talked(session, attempt), now)
    _leave_contact(session, attempt, now)


def _ask_who_talked(session: Session, promise: Promise, attempt: PromiseAttempt, now: datetime) -> None:
    """Who may have spoken isn't rung again by itself, nor is a debt forgotten: the agent knows."""
    promise.next_at = None
    desks = {attempt.agent, *teams.supervising(session, promise.team)}
    ledger.show_at(session, promise, sorted(desks), now, asks_human=True)


def by_word(session: Session, call_sid: str, agent: str, now: datetime) -> None:
    """The agent notes how it ended, though it was taken for no conversation: the promise is kept."""
    found = attempts.held(session, call_sid)
    if found is None:
        return
    attempt, promise = found
    doubted = (AttemptOutcome.MACHINE, AttemptOutcome.TOO_SHORT, AttemptOutcome.UNCLEAR)
    if attempt.agent != agent or attempt.outcome not in doubted or promise.state not in WAITS:
        return
    if owed.is_anothers(promise, session.get_one(Call, call_sid).customer):
        return
    if owed.is_promised_since(session, promise, attempt.bridged_at or attempt.started_at):
        return
    attempts.was_a_conversation(session, attempt)
    if attempt.bridged_at is not None and attempt.bridged_at > promise.due_at:
        promise.broken_at = promise.broken_at or promise.due_at
    ledger.move(session, promise, PromiseState.KEPT, "promise_kept", now, agent, {"agent": agent})
    messages.withdraw(session, _key_of_vain_try(promise, attempt), now)
    messages.see_to(session, attempt.number, agent, now)


def take_back(
    session: Session, attempt: PromiseAttempt, promise: Promise, outcome: AttemptOutcome, now: datetime
) -> None:
    """What counted as a conversation was a machine, or may have been: all that followed from it is undone.

    The promise goes on as if that had been known; nothing changes for one whose number was forgotten.
    """
    kept_at = attempt.ended_at
    attempts.was_none(session, attempt, outcome)
    if promise.state != PromiseState.KEPT or promise.number is None or kept_at is None:
        return
    conversations.was_none(session, session.get_one(Call, attempt.call_sid), now)
    messages.not_seen_to(session, attempt.number, attempt.agent, kept_at)
    why = "promise_unclear" if outcome == AttemptOutcome.UNCLEAR else "promise_taken_back"
    if not ledger.take_back(session, promise, why, now, {"agent": attempt.agent}):
        return
    if outcome == AttemptOutcome.UNCLEAR:
        _ask_who_talked(session, promise, attempt, now)
    else:
        _was_in_vain(session, promise, attempt, now)


def _was_in_vain(session: Session, promise: Promise, attempt: PromiseAttempt, now: datetime) -> None:
    """The customer wasn't reached: try again later, say so by SMS, and at last ask a human."""
    zone = places.zone_of(session, promise.line)
    promise.tries += 1
    promise.next_at = try_again_at(promise.tries, now, zone)
    if promise.next_at is None:
        ask_a_human(session, promise, "promise_asks_human", now)
    if promise.tries == 1 or promise.next_at is None:
        code = "message_again" if promise.next_at is not None else "message_not_reached"
        body = text(f"promise.{code}", promise.language)
        messages.inform(session, promise, body, _key_of_vain_try(promise, attempt), now)


def _key_of_vain_try(promise: Promise, attempt: PromiseAttempt) -> str:
    return f"promise/{promise.id}/try/{attempt.id}"


def wrap_up_seconds(session: Session, attempt: PromiseAttempt) -> int:
    """Return how long the agent has for notes: none when there was nothing to note."""
    if attempt.bridged_at is None:
        return 0
    call = session.get_one(Call, attempt.call_sid)
    return rules.of_call(session, call).ladder.wrap_up_seconds


def _leave_contact(session: Session, attempt: PromiseAttempt, now: datetime) -> None:
    """Write the conversation down on its case."""
    if attempt.bridged_at is not None:
        call = session.get_one(Call, attempt.call_sid)
        conversations.leave_contact(session, call, attempt.agent, attempt.talked_until or now)


def give_way(session: Session, number: str | None, now: datetime) -> bool:
    """The customer rings us while we are about to ring them: the callback stops, and who it took is free.

    What is owed stays owed until they have spoken to somebody. Nothing happens once the two talk.
    """
    if number is None:
        return False
    promise_id = session.scalar(
        select(Promise.id).where(Promise.number == number, Promise.state == PromiseState.CALLING)
    )
    if promise_id is None:
        return False
    promise = session.get_one(Promise, promise_id, with_for_update=True, populate_existing=True)
    attempt = attempts.in_the_air(session, promise_id)
    if promise.state != PromiseState.CALLING or attempt is None or attempt.bridged_at is not None:
        return False
    is_over(session, attempt, promise, AttemptOutcome.CUSTOMER_RANG, now)
    promise.next_at = now + AFTER_CUSTOMER_RANG
    session.flush()
    return True
