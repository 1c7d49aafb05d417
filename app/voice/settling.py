"""What is owed no longer, now that they have spoken? To this person about this matter, and nothing else."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.callbacks.verdict import KEPT_FROM_SECONDS
from app.lines import places
from app.messages import confirmation, messages
from app.outgoing import conversations
from app.promises import attempts, ledger, owed
from app.records.calls import Call, CallStep
from app.records.promises import Promise
from app.routing import kept


def as_they_begin(session: Session, call: Call, step: CallStep, now: datetime, *, since: datetime) -> None:
    """The two are put through: what the caller was owed is settled, as far as the number says who they are.

    What was promised or asked for again after `since`, of which the conversation knew nothing, stands.
    """
    if call.remote_e164 is None or step.agent is None:
        return
    guessed = kept.is_as_recognised(step.situation, call.customer, call.case)
    if guessed and places.is_nobodys(session, call.remote_e164):
        return
    promise = owed.about(session, call.remote_e164, call.customer, call.case, guessed=guessed)
    if promise is None or owed.is_promised_since(session, promise, since):
        return
    if not _is_talked_about(session, promise):
        ledger.merge(session, promise, step.agent, now)


def _is_talked_about(session: Session, promise: Promise) -> bool:
    """Tell whether a callback for it goes on that no machine answered: nobody is cut off in it.

    What it comes to settles the promise; is it none, this conversation does (callbacks/outcome.py).
    """
    attempt = attempts.in_the_air(session, promise.id)
    return attempt is not None and attempt.bridged_at is not None and not attempt.machine


def as_it_turns_out(session: Session, call: Call, step: CallStep, now: datetime) -> None:
    """The agent says with whom they speak, and about what: that is settled, and nothing else is."""
    if call.remote_e164 is None or step.answered_at is None or step.agent is None:
        return
    for merged in owed.settled_at(session, call.remote_e164, step.answered_at):
        if owed.is_anothers(merged, call.customer):
            ledger.unmerge(session, merged, "promise_of_another", now)
        elif not owed.is_about(merged, call.customer, call.case):
            ledger.unmerge(session, merged, "promise_of_another_matter", now)
    lasted = (step.ended_at - step.answered_at).total_seconds() if step.ended_at is not None else None
    if not _have_hardly_spoken(session, call, step, lasted):
        _settle(session, call, step, step.agent, now)


def by_word(session: Session, call: Call, step: CallStep, agent: str, now: datetime) -> None:
    """The agent says how their conversation ended: what was owed before about the same is settled by it."""
    if step.agent == agent:
        _settle(session, call, step, agent, now)


def _settle(session: Session, call: Call, step: CallStep, agent: str, now: datetime) -> None:
    if call.remote_e164 is None or step.answered_at is None:
        return
    promise = owed.about(session, call.remote_e164, call.customer, call.case)
    if promise is None or promise.created_at >= step.answered_at:
        return
    if owed.is_promised_since(session, promise, step.answered_at):
        return
    if promise.id == call.promise:
        return  # agreed on in this very call
    if ledger.is_spoken_about(session, promise):
        return  # by whoever talks with them now
    ledger.merge(session, promise, agent, now)
    # By this conversation, wherever in it that was said: should it come to nothing, it is owed again.
    promise.finished_at = step.answered_at


def as_it_ends(session: Session, call: Call, step: CallStep, now: datetime, seconds: int | None) -> None:
    """Owe again what was settled as the two began to talk, when that was too soon.

    They were together for a few `seconds` and the agent noted nothing: somebody may have picked up and no
    more.
    """
    if _have_hardly_spoken(session, call, step, seconds):
        owe_again(session, call, step, "promise_hardly_spoken", now)


def _have_hardly_spoken(session: Session, call: Call, step: CallStep, seconds: float | None) -> bool:
    """Tell whether they were together for too few seconds; None, when that isn't known, never is."""
    if seconds is None or seconds >= KEPT_FROM_SECONDS:
        return False
    return step.agent is None or not conversations.words_of(session, call.sid, step.agent).are_there


def owe_again(session: Session, call: Call, step: CallStep, why: str, now: datetime) -> None:
    """What their conversation had settled is owed again: there was none."""
    if call.remote_e164 is None or step.answered_at is None:
        return
    for merged in owed.settled_at(session, call.remote_e164, step.answered_at):
        ledger.unmerge(session, merged, why, now)


def afterwards(
    session: Session, call: Call, who: str, now: datetime, *, since: datetime | None = None
) -> None:
    """Somebody has helped this caller, as is known now: they are owed it no more, and told nothing of it.

    What was promised or asked for again after `since` stands.
    """
    if call.remote_e164 is None or places.is_nobodys(session, call.remote_e164):
        return
    promise = owed.about(session, call.remote_e164, call.customer, call.case, guessed=True)
    if promise is not None:
        if since is not None and owed.is_promised_since(session, promise, since):
            return
        ledger.merge(session, promise, who, now)
        confirmation.take_back(session, promise, now)
    # Whoever has spoken to them has dealt with what they wrote.
    messages.see_to(session, call.remote_e164, who, now)
