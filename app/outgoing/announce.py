"""What do other systems hear of? Facts that they subscribed to, written along with what they are about.

Whoever changes a call, a promise or a case need not think of it: what a transaction changed is looked at as
it is written, and told as it stands at its end. What is written past the ORM is told of by name.
"""

import logging
import secrets
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import event, inspect, select
from sqlalchemy.orm import Session

from app.callers import history
from app.clock import utcnow
from app.outgoing import outbox, shapes
from app.outgoing.hooks import Event
from app.records.callers import Case, Contact, owner_of
from app.records.calls import Call, CallState
from app.records.outgoing import Hook
from app.records.promises import Promise, PromiseState

log = logging.getLogger(__name__)

_FACTS = "facts_to_announce"


@dataclass
class _Facts:
    """What this transaction has changed so far."""

    rows: dict[tuple[Event, int], Any] = field(default_factory=dict)  # by the object's identity
    contacts: set[str] = field(default_factory=set)
    owners: dict[str, str | None] = field(default_factory=dict)  # who owned a case before


def _facts(session: Session) -> _Facts:
    found: _Facts = session.info.setdefault(_FACTS, _Facts())
    return found


# --- what is written past the ORM ---------------------------------------------------------------------


def record_contact(session: Session, *, contact: str, case: str, **fields: Any) -> None:
    """Write down a contact, as history.record() does, and let others hear of it and of a new owner."""
    with watching(session, {case}):
        if history.record(session, contact=contact, case=case, **fields):
            contact_created(session, contact)


def forget_contact(session: Session, contact: str) -> None:
    """Take a contact that was none off its case, as history.forget() does; others hear of a new owner."""
    case = session.scalar(select(Contact.case).where(Contact.key == contact))
    if case is not None:
        with watching(session, {case}):
            history.forget(session, contact)


def contact_created(session: Session, contact: str) -> None:
    _facts(session).contacts.add(contact)


@contextmanager
def watching(session: Session, cases: Collection[str]) -> Iterator[None]:
    """What is written meanwhile may give these cases another owner."""
    owners = _facts(session).owners
    if unknown := set(cases) - owners.keys():
        found = select(Case.key, owner_of(Case)).where(Case.key.in_(sorted(unknown)))
        owners.update(session.execute(found).all())
    yield


# --- what is written through it -----------------------------------------------------------------------


@event.listens_for(Session, "before_flush")
def _notice(session: Session, context: object, instances: object) -> None:
    for row in (*session.new, *session.dirty):
        for happened in _happened(session, row):
            _facts(session).rows[happened, id(row)] = row


def _happened(session: Session, row: object) -> Iterator[Event]:
    match row:
        case Call():
            if row.state == CallState.ENDED and _changed(row, "state", "outcome"):
                yield Event.CALL_ENDED
        case Promise():
            yield from _of_promise(row)
        case Case() if row not in session.new and _changed(row, "named_owner", "avoided_agent"):
            _facts(session).owners.setdefault(row.key, _owner_before(row))
        case _:
            pass


def _of_promise(promise: Promise) -> Iterator[Event]:
    if promise.is_outbound:
        return  # nobody was promised anything
    before = inspect(promise).attrs.state.history.deleted
    is_anew = promise.state == PromiseState.OPEN and PromiseState.BROKEN in before
    was_over = PromiseState.KEPT in before or PromiseState.WITHDRAWN in before
    is_taken_back = was_over and promise.finished_at is None
    if not inspect(promise).persistent or is_anew or is_taken_back:
        yield Event.PROMISE_MADE
    if promise.state == PromiseState.KEPT and _changed(promise, "state"):
        yield Event.PROMISE_KEPT
    if promise.broken_at is not None and _changed(promise, "broken_at"):
        yield Event.PROMISE_BROKEN


def _changed(row: Any, *names: str) -> bool:
    return any(inspect(row).attrs[name].history.has_changes() for name in names)


def _owner_before(case: Case) -> str | None:
    def was(name: str) -> Any:
        before = inspect(case).attrs[name].history.deleted
        return before[0] if before else getattr(case, name)

    names = ("named_owner", "last_contact_agent", "avoided_agent")
    return Case(**{name: was(name) for name in names}).owner


# --- the end of the transaction -----------------------------------------------------------------------


@event.listens_for(Session, "before_commit")
def _write(session: Session) -> None:
    if session.in_nested_transaction():
        return
    session.flush()
    facts: _Facts | None = session.info.pop(_FACTS, None)
    if facts is None:
        return
    hooks = session.scalars(select(Hook).where(Hook.disabled_at.is_(None))).all()
    if not hooks:
        return
    wanted = {name for hook in hooks for name in hook.events}
    for happened, data in _told(session, facts, wanted):
        _ask_for(session, hooks, happened, data)


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    session.info.pop(_FACTS, None)


def _told(session: Session, facts: _Facts, wanted: set[str]) -> Iterator[tuple[Event, dict[str, Any]]]:
    """Yield what happened, as the API would say it."""
    for (happened, _), row in facts.rows.items():
        if happened in wanted and inspect(row).persistent:
            yield from _shaped(happened, partial(_shape, row))
    if Event.CONTACT_CREATED in wanted:
        for key in sorted(facts.contacts):
            contact = session.get(Contact, key, populate_existing=True)
            if contact is not None:
                yield from _shaped(Event.CONTACT_CREATED, partial(shapes.contact, contact))
    if Event.CASE_OWNER_CHANGED in wanted:
        for key, before in sorted(facts.owners.items()):
            case = session.get(Case, key, populate_existing=True)
            if case is not None and case.owner != before:
                yield from _shaped(Event.CASE_OWNER_CHANGED, partial(_shape_of_case, case, before))


def _shape(row: Call | Promise) -> dict[str, Any]:
    return shapes.call_in_list(row) if isinstance(row, Call) else shapes.promise(row)


def _shape_of_case(case: Case, before: str | None) -> dict[str, Any]:
    return shapes.case(case) | {"previous_owner": before}


def _shaped(happened: Event, shape: Callable[[], dict[str, Any]]) -> Iterator[tuple[Event, dict[str, Any]]]:
    try:
        yield happened, shape()
    except Exception:
        # What others hear of may fail alone: the call, or the promise, is written all the same.
        log.exception("a fact could not be announced", extra={"event": str(happened)})


def _ask_for(session: Session, hooks: Any, happened: Event, data: dict[str, Any]) -> None:
    now = utcnow()
    fact = {"id": "ev_" + secrets.token_hex(16), "event": str(happened), "created_at": now.isoformat()}
    for hook in hooks:
        if happened in hook.events:
            outbox.add_for_hook(session, hook.id, fact | {"data": data}, now)


def contact_key(sid: str) -> str:
    """Return the key of the contact that a conversation leaves on its case."""
    return f"call:{sid}"
