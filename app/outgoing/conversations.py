"""What does a conversation leave behind? A contact on its case with the agent's words; other words wait."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.outgoing.announce import contact_key, forget_contact, record_contact
from app.records.callers import Channel, Contact, Direction
from app.records.calls import Call, CallState
from app.records.notes import CallNote
from app.records.promises import AttemptOutcome, PromiseAttempt

# The customer was put through, and turned out to be a machine, or gone.
NO_CONVERSATION = (AttemptOutcome.MACHINE, AttemptOutcome.TOO_SHORT)


@dataclass(frozen=True)
class Words:
    """What an agent noted of a call: how it ended, and what was said."""

    outcome: str = ""
    summary: str = ""

    @property
    def are_there(self) -> bool:
        return bool(self.outcome or self.summary)


def words_of(session: Session, call_sid: str, agent: str) -> Words:
    """Return what an agent has noted of a call so far, whether or not it is a contact."""
    contact = session.get(Contact, contact_key(call_sid), populate_existing=True)
    if contact is not None and contact.agent == agent:
        return Words(contact.outcome, contact.summary)
    note = session.get(CallNote, (call_sid, agent), populate_existing=True)
    return Words(note.outcome, note.summary) if note is not None else Words()


def write_down(session: Session, call: Call, agent: str, words: Words, now: datetime) -> None:
    """Keep an agent's words: with the contact that their conversation is, else as a note that waits.

    A contact is a conversation, and needs a case: what is noted of a ring that nobody answered, or before it
    is known whom it is about, is kept just as well. The call is held by the caller of this function.
    """
    if _is_contact(session, call, agent):
        leave_contact(session, call, agent, call.ended_at or now, words)
    elif words.are_there or session.get(CallNote, (call.sid, agent)) is not None:
        _keep(session, call, agent, words, now)


def leave_contact(
    session: Session, call: Call, agent: str, ended_at: datetime, words: Words | None = None
) -> None:
    """Write the conversation down on the call's case, if it has one; without `words` those noted before."""
    if call.case is None or not _is_contact(session, call, agent):
        return
    words = words if words is not None else words_of(session, call.sid, agent)
    started_at = call.bridged_at or call.created_at
    record_contact(
        session,
        contact=contact_key(call.sid),
        case=call.case,
        agent=agent,
        channel=Channel.CALL,
        direction=Direction(call.direction),
        started_at=started_at,
        seconds=max(0, int((ended_at - started_at).total_seconds())),
        outcome=words.outcome,
        summary=words.summary,
    )
    session.execute(delete(CallNote).where(CallNote.call_sid == call.sid, CallNote.agent == agent))


def was_none(session: Session, call: Call, now: datetime) -> None:
    """What was written down as a conversation was none: it is no contact, and its words wait as a note."""
    contact = session.get(Contact, contact_key(call.sid), populate_existing=True)
    if contact is None:
        return
    agent, words = contact.agent, Words(contact.outcome, contact.summary)
    contact.outcome = contact.summary = ""
    session.flush()
    forget_contact(session, contact.key)
    if words.are_there:
        _keep(session, call, agent, words, now)


def belongs_to(session: Session, call: Call, agent: str, now: datetime) -> None:
    """The agent said whom this call is about, and which case: what was noted of it goes there.

    What waited under its number, or with other agents of this call, goes to that customer too; when they
    think better of it, it goes along.
    """
    words = words_of(session, call.sid, agent)
    if not _is_contact(session, call, agent):
        was_none(session, call, now)
    if call.state == CallState.ENDED or words.are_there:
        write_down(session, call, agent, words, now)
    theirs = (CallNote.call_sid == call.sid) | (CallNote.found_in == call.sid)
    if call.remote_e164 is not None:
        theirs |= (CallNote.number == call.remote_e164) & CallNote.customer.is_(None)
    session.execute(
        update(CallNote)
        .where(theirs)
        .values(customer=call.customer, case=call.case, found_in=call.sid)
        .execution_options(synchronize_session=False)
    )


def _keep(session: Session, call: Call, agent: str, words: Words, now: datetime) -> None:
    note = session.get(CallNote, (call.sid, agent), populate_existing=True)
    if note is None:
        note = CallNote(call_sid=call.sid, agent=agent, number=call.remote_e164)
        note.customer, note.case = call.customer, call.case
        session.add(note)
    # Where it belongs may have been found out in a later call: that stays.
    elif call.customer is not None and note.found_in is None:
        note.customer, note.case = call.customer, call.case
    note.outcome, note.summary, note.written_at = words.outcome, words.summary, now


def _is_contact(session: Session, call: Call, agent: str) -> bool:
    """Tell whether the agent's words are about a conversation, and it is known on which case."""
    if call.case is None or call.bridged_at is None or call.bridged_to != agent:
        return False
    in_vain = select(PromiseAttempt.id).where(
        PromiseAttempt.call_sid == call.sid, PromiseAttempt.outcome.in_(NO_CONVERSATION)
    )
    return call.direction == Direction.INBOUND or session.scalar(in_vain) is None
