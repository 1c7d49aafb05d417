"""What is old, and goes? A few rows at a time, so that nobody waits; safe when several do it at once.

What is still owed, what nobody has seen to, and a call that goes on are never old.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, exists, func, null, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.audit import ageing
from app.db import table_of
from app.door.mails import SEND_MAIL
from app.forgetting import copies
from app.forgetting.naming import unname_calls, unname_promises
from app.outgoing import outbox
from app.records.access import AccessEvent, UserSession
from app.records.agents import DeskEvent, SignInAttempt
from app.records.beside import Ask
from app.records.calls import HAS_SITUATION, IS_ENDED, Call, CallStep, Inbox
from app.records.factors import SpentChallenge
from app.records.jobs import WorkerSeen
from app.records.links import OneTimeLink
from app.records.messages import Message, TextRefusal
from app.records.notes import CallNote
from app.records.outgoing import Outbox
from app.records.privacy import Erasure, ForgottenDay
from app.records.promises import IS_OWED, Promise, Recording, RecordingState
from app.records.protections import Protection
from app.records.rules import RuleDraft
from app.records.screen import Upload
from app.records.topics import SynonymState, TopicSynonym
from config import Keep

# However many there are, a transaction holds so many of them.
AT_A_TIME = 200

# A stream resumes over an hour; a page that was left open over night finds its day again.
KEEP_EVENTS = timedelta(hours=24)
# What colleagues asked each other about a call: no longer than the call and a day.
KEEP_ASKS = timedelta(days=1)
# The carrier repeats a question for minutes.
KEEP_INBOX = timedelta(days=3)
KEEP_SIGN_INS = timedelta(hours=1)
# No session lasts longer than a day; see SESSION_HOURS.
KEEP_SESSIONS = timedelta(days=2)
KEEP_WORKERS = timedelta(hours=1)
# A passkey answers within minutes, or not at all.
KEEP_CHALLENGES = timedelta(hours=1)
# What other systems and people were told names people, and they have it themselves.
KEEP_TOLD = timedelta(days=1)
# Of which numbers the carrier takes no texts is tried again after a day.
KEEP_REFUSALS = timedelta(days=30)
KEEP_COUNTS = timedelta(days=400)
# A word of callers that nobody heard again, and on which no admin decided.
KEEP_WORDS = timedelta(days=90)
# A step on the way to a draft of the rules, from which others have gone on since.
KEEP_DRAFTS = timedelta(days=90)

Forget = Callable[[Session, datetime, datetime], int]


@dataclass(frozen=True)
class Old:
    """One kind of what grows old."""

    name: str
    before: datetime  # older than this
    forget: Forget  # the oldest of them, with `before` and now; returns how many

    def some(self, session: Session, now: datetime) -> int:
        """Forget the oldest few; return how many, 0 when there is nothing left."""
        return self.forget(session, self.before, now)


def everything(keep: Keep, now: datetime) -> Iterator[Old]:
    """Yield all that grows old. Numbers go before what would be looked through for them."""
    yield Old("events", now - KEEP_EVENTS, _events)
    yield Old("asks", now - KEEP_ASKS, _asks)
    yield Old("inbox", now - KEEP_INBOX, _inbox)
    yield Old("sign_ins", now - KEEP_SIGN_INS, _sign_ins)
    yield Old("sessions", now - KEEP_SESSIONS, _sessions)
    yield Old("challenges", now - KEEP_CHALLENGES, _challenges)
    yield Old("links", now, _links)
    yield Old("workers", now - KEEP_WORKERS, _workers)
    yield Old("text_refusals", now - KEEP_REFUSALS, _text_refusals)
    yield Old("topic_words", now - KEEP_WORDS, _topic_words)
    yield Old("rule_drafts", now - KEEP_DRAFTS, _rule_drafts)
    yield Old("forgotten_days", now - KEEP_COUNTS, _counts)
    for kind in outbox.GIVE_UP_AFTER:
        kept = KEEP_TOLD if kind in (outbox.CALL_HOOK, SEND_MAIL) else timedelta(days=keep.sent)
        yield Old(kind, now - kept, partial(_sent, kind))
    kinds: tuple[tuple[str, int | None, Forget], ...] = (
        ("access", keep.access, _access),
        ("audit", keep.audit, _audit),
        ("erasures", keep.access, _erasures),
        ("notes", keep.notes, _notes),
        ("uploads", keep.uploads, _uploads),
        ("messages", keep.messages, _messages),
        ("protections", keep.calls, _protections),
        ("situations", keep.situations, _situations),
        ("promises", keep.promises, _promises),
        ("calls", keep.calls, _calls),
        ("numbers_of_promises", keep.numbers, _numbers_of_promises),
        ("numbers_of_calls", keep.numbers, _numbers_of_calls),
    )
    for name, days, forget in kinds:
        if days is not None:
            yield Old(name, now - timedelta(days=days), forget)


# --- what is never old --------------------------------------------------------------------------------


def _is_owed(promise_id: Any) -> ColumnElement[bool]:
    return exists().where(Promise.id == promise_id, IS_OWED)


def _has_sound(of: ColumnElement[bool]) -> ColumnElement[bool]:
    """Tell whether there is a sound, here or at the carrier, that has yet to be forgotten for itself."""
    return exists().where(of, Recording.state != RecordingState.GONE)


# --- calls and promises -------------------------------------------------------------------------------


def _calls(session: Session, before: datetime, now: datetime) -> int:
    """Delete calls with their steps, what was answered in them, and that something was recorded."""
    is_over = (IS_ENDED, ~_is_owed(Call.promise), ~_has_sound(Recording.call_sid == Call.sid))
    sids = _oldest(session, Call.sid, Call.created_at, Call.created_at < before, *is_over)
    if not sids:
        return 0
    # Those that name nobody any more went there when their numbers did.
    named = select(Call.sid).where(Call.sid.in_(sids), Call.forgotten_at.is_(None))
    copies.of_calls(session, session.scalars(named).all(), now)
    session.execute(delete(Recording).where(Recording.call_sid.in_(sids)))
    session.execute(delete(Inbox).where(Inbox.call_sid.in_(sids)))
    # Their steps go with them, by the database's own rules.
    session.execute(delete(Call).where(Call.sid.in_(sids)))
    return len(sids)


def _numbers_of_calls(session: Session, before: datetime, now: datetime) -> int:
    """Take off who called; whoever is owed a call by that number is still waited for."""
    waits = exists().where(Promise.number == Call.remote_e164, IS_OWED)
    is_over = (IS_ENDED, Call.forgotten_at.is_(None), ~_is_owed(Call.promise), ~waits)
    sids = _oldest(session, Call.sid, Call.created_at, Call.created_at < before, *is_over)
    unname_calls(session, sids, now, customer_too=False)
    return len(sids)


def _promises(session: Session, before: datetime, now: datetime) -> int:
    """Delete promises that are over, with all that they went through."""
    old = (Promise.finished_at < before, ~_has_sound(Recording.promise == Promise.id))
    ids = _oldest(session, Promise.id, Promise.finished_at, *old)
    if not ids:
        return 0
    session.execute(delete(Recording).where(Recording.promise.in_(ids)))
    # Events and tries go with them, by the database's own rules.
    session.execute(delete(Promise).where(Promise.id.in_(ids)))
    return len(ids)


def _numbers_of_promises(session: Session, before: datetime, now: datetime) -> int:
    old = (Promise.finished_at < before, Promise.forgotten_at.is_(None))
    ids = _oldest(session, Promise.id, Promise.finished_at, *old)
    unname_promises(session, ids, now, customer_too=False)
    return len(ids)


def _situations(session: Session, before: datetime, now: datetime) -> int:
    """Take off on what steps were decided; by which rules, and with which parameters, stays with them."""
    found = session.execute(
        select(CallStep.call_sid, CallStep.number)
        .where(CallStep.started_at < before, HAS_SITUATION)
        .order_by(CallStep.started_at)
        .limit(AT_A_TIME)
        .with_for_update(skip_locked=True)
    ).all()
    steps = table_of(CallStep)
    named = (steps.c.call_sid == bindparam("of_call"), steps.c.number == bindparam("of_step"))
    if found:
        # One by one: SQLite would look through the whole table for a list of pairs.
        values = [{"of_call": sid, "of_step": number} for sid, number in found]
        session.connection().execute(update(steps).where(*named).values(situation=null()), values)
    return len(found)


# --- what was written, sent, told ---------------------------------------------------------------------


def _messages(session: Session, before: datetime, now: datetime) -> int:
    """Delete messages that somebody has seen to; without its number a message is nothing."""
    old = (Message.at < before, Message.handled_at.is_not(None), ~_is_owed(Message.promise))
    sids = _oldest(session, Message.sid, Message.at, *old)
    copies.of_messages(session, sids, now)
    session.execute(delete(Message).where(Message.sid.in_(sids)))
    return len(sids)


def _protections(session: Session, before: datetime, now: datetime) -> int:
    """Delete what an agent was protected from so long ago; the two may be connected again."""
    return _delete_oldest(session, Protection, (Protection.id,), Protection.created_at, before)


def _sent(kind: str, session: Session, before: datetime, now: datetime) -> int:
    """Delete what has left, or won't leave any more; what still waits has no such moment."""
    return _delete_oldest(session, Outbox, (Outbox.id,), Outbox.done_at, before, Outbox.kind == kind)


def _events(session: Session, before: datetime, now: datetime) -> int:
    keys = (DeskEvent.agent, DeskEvent.number)
    return _delete_oldest(session, DeskEvent, keys, DeskEvent.created_at, before)


def _asks(session: Session, before: datetime, now: datetime) -> int:
    """Delete what colleagues asked each other about calls that are over since then."""
    goes_on = exists().where(Call.sid == Ask.call_sid, (~IS_ENDED) | (Call.ended_at >= before))
    return _delete_oldest(session, Ask, (Ask.id,), Ask.asked_at, before, ~goes_on)


def _inbox(session: Session, before: datetime, now: datetime) -> int:
    return _delete_oldest(session, Inbox, (Inbox.call_sid, Inbox.request), Inbox.created_at, before)


def _workers(session: Session, before: datetime, now: datetime) -> int:
    return _delete_oldest(session, WorkerSeen, (WorkerSeen.name,), WorkerSeen.seen_at, before)


def _sign_ins(session: Session, before: datetime, now: datetime) -> int:
    return _delete_oldest(session, SignInAttempt, (SignInAttempt.id,), SignInAttempt.at, before)


def _sessions(session: Session, before: datetime, now: datetime) -> int:
    return _delete_oldest(session, UserSession, (UserSession.hash,), UserSession.seen_at, before)


def _challenges(session: Session, before: datetime, now: datetime) -> int:
    return _delete_oldest(session, SpentChallenge, (SpentChallenge.hash,), SpentChallenge.at, before)


def _text_refusals(session: Session, before: datetime, now: datetime) -> int:
    return _delete_oldest(session, TextRefusal, (TextRefusal.what,), TextRefusal.at, before)


def _topic_words(session: Session, before: datetime, now: datetime) -> int:
    """Delete words of callers that nobody decided on; what an admin kept is theirs, what they dropped too."""
    keys = (TopicSynonym.topic, TopicSynonym.word)
    waits = TopicSynonym.state == SynonymState.HEARD
    return _delete_oldest(session, TopicSynonym, keys, TopicSynonym.last_at, before, waits)


def _rule_drafts(session: Session, before: datetime, now: datetime) -> int:
    """Delete what was saved on the way; the newest is what somebody works on, and stays, however old.

    What was published of them are versions, which stay too.
    """
    newest = select(func.max(RuleDraft.revision)).scalar_subquery()
    keys = (RuleDraft.revision,)
    return _delete_oldest(session, RuleDraft, keys, RuleDraft.saved_at, before, RuleDraft.revision < newest)


def _counts(session: Session, before: datetime, now: datetime) -> int:
    keys = (ForgottenDay.day, ForgottenDay.kind)
    return _delete_oldest(session, ForgottenDay, keys, ForgottenDay.last_at, before)


def _erasures(session: Session, before: datetime, now: datetime) -> int:
    """Delete receipts; a request that isn't done has no such moment."""
    return _delete_oldest(session, Erasure, (Erasure.id,), Erasure.done_at, before)


def _notes(session: Session, before: datetime, now: datetime) -> int:
    """Delete what was noted of calls that are no contact, unless their number is owed a call."""
    waits = exists().where(Promise.number == CallNote.number, IS_OWED)
    keys = (CallNote.call_sid, CallNote.agent)
    return _delete_oldest(session, CallNote, keys, CallNote.written_at, before, ~waits)


def _uploads(session: Session, before: datetime, now: datetime) -> int:
    """Delete files that were sent about no case; those of a case stay with it. Their bytes go with them."""
    return _delete_oldest(session, Upload, (Upload.id,), Upload.at, before, Upload.case.is_(None))


def _links(session: Session, before: datetime, now: datetime) -> int:
    return _delete_oldest(session, OneTimeLink, (OneTimeLink.hash,), OneTimeLink.ends_at, before)


def _access(session: Session, before: datetime, now: datetime) -> int:
    return _delete_oldest(session, AccessEvent, (AccessEvent.id,), AccessEvent.at, before)


def _audit(session: Session, before: datetime, now: datetime) -> int:
    """Forget lines of the audit log, a whole day at a time; where this role may not, its owner does."""
    midnight = before.replace(hour=0, minute=0, second=0, microsecond=0)
    gone = ageing.forget(session, midnight, "", now) if ageing.may_forget(session) else None
    return min(gone.lines, AT_A_TIME - 1) if gone else 0  # all of them at once


# --- the oldest few -----------------------------------------------------------------------------------


def _oldest(
    session: Session, key: InstrumentedAttribute[Any], age: Any, *old: ColumnElement[bool]
) -> Sequence[Any]:
    """Return the oldest of these, held until the transaction ends; what others hold is left to them."""
    wanted = select(key).where(*old).order_by(age).limit(AT_A_TIME)
    return session.scalars(wanted.with_for_update(skip_locked=True, of=key.class_)).all()


def _delete_oldest(
    session: Session,
    table: Any,
    keys: Sequence[InstrumentedAttribute[Any]],
    age: InstrumentedAttribute[Any],
    before: datetime,
    *more: ColumnElement[bool],
) -> int:
    """Delete the oldest rows that nothing hangs on; return how many."""
    oldest = select(*keys).where(age < before, *more).order_by(age).limit(AT_A_TIME)
    found = session.execute(oldest.with_for_update(skip_locked=True)).all()
    if found:
        # One by one: SQLite would look through the whole table for a list of pairs.
        named = [key == bindparam(f"wanted_{place}") for place, key in enumerate(keys)]
        values = [{f"wanted_{place}": value for place, value in enumerate(row)} for row in found]
        session.connection().execute(delete(table_of(table)).where(*named), values)
    return len(found)
