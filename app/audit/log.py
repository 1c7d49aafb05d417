"""How is it written down that somebody changed something, or looked at somebody's data? One function.

What is written here waits, in the same transaction as what it tells of, until app/audit/sealing.py puts it
into the log: nobody who writes waits for anybody else, least of all a call.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from app.db import table_of
from app.records.audit import AuditPending, Via

LONGEST_WHO, LONGEST_KEY, LONGEST_DETAIL = 254, 254, 300
# So many people are named one by one for one look-up; of more it is kept how many.
MOST_SUBJECTS = 50

_pending = table_of(AuditPending)


class Activity(StrEnum):
    """Why people's data are looked at: our processing activities, as docs/audit.md registers them."""

    ANSWERING = "answering"
    CALLBACKS = "callbacks"
    MESSAGES = "messages"
    OVERSIGHT = "oversight"
    EXCHANGE = "exchange"
    RIGHTS = "rights"
    ACCOUNTABILITY = "accountability"
    RUNNING = "running"  # of the house: no customer's data


class What(StrEnum):
    """What was done. What happens at the door (AccessKind) stands in the log beside these."""

    # looked up
    SCREEN_POP = "screen_pop"
    CARD_OPENED = "card_opened"
    NUMBER_REVEALED = "number_revealed"
    CUSTOMERS_SEARCHED = "customers_searched"
    PROMISE_READ = "promise_read"
    PROMISES_LISTED = "promises_listed"
    PROMISES_EXPORTED = "promises_exported"
    RECORDING_HEARD = "recording_heard"
    THREAD_READ = "thread_read"
    CALLS_SEARCHED = "calls_searched"
    CALL_READ = "call_read"
    CALL_TRIED = "call_tried"
    UPLOAD_OPENED = "upload_opened"
    SUPERVISED = "supervised"
    API_READ = "api_read"
    RECORDS_EXPORTED = "records_exported"
    PERSON_LOOKED_UP = "person_looked_up"
    PERSON_EXPORTED = "person_exported"
    LOG_SEARCHED = "log_searched"
    LOG_EXPORTED = "log_exported"
    # changed
    LOG_BEGUN = "log_begun"
    LOG_FORGOT = "log_forgot"
    KEY_RENEWED = "key_renewed"
    RECORDS_LOADED = "records_loaded"
    RECORD_WRITTEN = "record_written"
    RULES_PUBLISHED = "rules_published"
    SAVED_CALLS_CHANGED = "saved_calls_changed"
    TOPIC_REMOVED = "topic_removed"
    TOPIC_PACK_ADDED = "topic_pack_added"
    TOPIC_WORDS_DECIDED = "topic_words_decided"
    PROMISE_CHANGED = "promise_changed"
    PROTECTED = "protected"
    PROTECTION_REVIEWED = "protection_reviewed"
    HANDED_OVER_BY_LEAVER = "handed_over_by_leaver"
    SCREEN_OFFERED = "screen_offered"
    SCREEN_CHECKED = "screen_checked"
    SCREEN_PUT = "screen_put"
    SCREEN_CHOICE_CHANGED = "screen_choice_changed"
    NUMBER_MARKED = "number_marked"
    NUMBER_UNMARKED = "number_unmarked"
    ERASED = "erased"
    LISTS_CHANGED = "lists_changed"
    HOOK_ADDED = "hook_added"
    HOOK_ENABLED = "hook_enabled"
    HOOK_REMOVED = "hook_removed"
    CARRIER_SET_UP = "carrier_set_up"


# What is only looked at, and why; all else changes something.
LOOK_UPS: Mapping[str, Activity] = {
    What.SCREEN_POP: Activity.ANSWERING,
    What.CARD_OPENED: Activity.ANSWERING,
    What.NUMBER_REVEALED: Activity.ANSWERING,
    What.CUSTOMERS_SEARCHED: Activity.ANSWERING,
    What.UPLOAD_OPENED: Activity.ANSWERING,
    What.PROMISE_READ: Activity.CALLBACKS,
    What.RECORDING_HEARD: Activity.CALLBACKS,
    What.THREAD_READ: Activity.MESSAGES,
    What.PROMISES_LISTED: Activity.OVERSIGHT,
    What.PROMISES_EXPORTED: Activity.OVERSIGHT,
    What.CALLS_SEARCHED: Activity.OVERSIGHT,
    What.CALL_READ: Activity.OVERSIGHT,
    What.CALL_TRIED: Activity.OVERSIGHT,
    What.SUPERVISED: Activity.OVERSIGHT,
    What.API_READ: Activity.EXCHANGE,
    What.RECORDS_EXPORTED: Activity.RUNNING,
    What.PERSON_LOOKED_UP: Activity.RIGHTS,
    What.PERSON_EXPORTED: Activity.RIGHTS,
    What.LOG_SEARCHED: Activity.ACCOUNTABILITY,
    What.LOG_EXPORTED: Activity.ACCOUNTABILITY,
}
CHANGES: Mapping[str, Activity] = {
    What.RECORDS_LOADED: Activity.EXCHANGE,
    What.RECORD_WRITTEN: Activity.EXCHANGE,
    What.PROMISE_CHANGED: Activity.CALLBACKS,
    What.SCREEN_OFFERED: Activity.ANSWERING,
    What.SCREEN_CHECKED: Activity.ANSWERING,
    What.SCREEN_PUT: Activity.ANSWERING,
    What.PROTECTED: Activity.ANSWERING,
    What.PROTECTION_REVIEWED: Activity.OVERSIGHT,
    What.HANDED_OVER_BY_LEAVER: Activity.CALLBACKS,
    What.ERASED: Activity.RIGHTS,
    What.LOG_FORGOT: Activity.RIGHTS,
}


def is_look_up(what: str) -> bool:
    return what in LOOK_UPS


def why(what: str) -> Activity:
    return LOOK_UPS.get(what) or CHANGES.get(what) or Activity.RUNNING


@dataclass(frozen=True)
class Actor:
    """Who did it: an account's address, api:the name of a token, an agent's key, a user of the machine."""

    name: str
    via: Via


def actor_called(name: str) -> Actor:
    """Return who is meant where but a name is known: an account, api: a token, else a user of the machine."""
    if name.startswith("api:"):
        return Actor(name, Via.API)
    return Actor(name, Via.PAGE if "@" in name else Via.COMMAND)


@dataclass(frozen=True)
class Subject:
    """To whom, or to what, it was done. People and what leads to them are kept as keyed hashes only."""

    kind: str
    key: str


def customer(key: str) -> Subject:
    return Subject("customer", key)


def case(key: str) -> Subject:
    return Subject("case", key)


def number(e164: str) -> Subject:
    return Subject("number", e164)


def call(sid: str) -> Subject:
    return Subject("call", sid)


def promise(promise_id: int) -> Subject:
    return Subject("promise", str(promise_id))


def user(email: str) -> Subject:
    return Subject("user", email)


def agent(key: str) -> Subject:
    return Subject("agent", key)


def person(customer_key: str | None, e164: str | None) -> list[Subject]:
    """Return whose data it is: the customer, else whoever has the number; nobody when neither is known."""
    if customer_key:
        return [customer(customer_key)]
    return [number(e164)] if e164 else []


def record(
    session: Session, who: Actor, what: str, now: datetime, *subjects: Subject, **details: object
) -> None:
    """Write down, along with what `session` does, that `who` did `what`.

    `details` are for values that name no customer: counts, versions, keys of ours, `before` and `after`. What
    is None is left out. One line for each of the subjects, one without any when there is none.
    """
    session.flush()  # first what it tells of, which may be refused
    session.connection().execute(insert(_pending).values(**_row(who, what, now, subjects, details)))


def row_of_pop(agent_key: str, data: Mapping[str, Any], now: datetime, e164: str | None) -> dict[str, Any]:
    """Return what is written of a screen-pop, for who writes it with a statement of their own."""
    subjects = [customer(one["customer"]) for one in data["customers"]] or person(None, e164)
    details = {"call": data["call_sid"]}
    return _row(Actor(agent_key, Via.CALL), What.SCREEN_POP, now, subjects, details)


def _row(
    who: Actor, what: str, now: datetime, subjects: Iterable[Subject], details: Mapping[str, object]
) -> dict[str, Any]:
    named = list(dict.fromkeys(subjects))
    kept: dict[str, object] = {name: _plain(value) for name, value in details.items() if value is not None}
    if len(named) > MOST_SUBJECTS:
        kept["people"] = len(named)
    return {
        "at": now,
        "what": str(what),
        "who": who.name[:LONGEST_WHO],
        "via": who.via,
        "subjects": [[one.kind, one.key[:LONGEST_KEY]] for one in named[:MOST_SUBJECTS]],
        "details": kept,
    }


def _plain(value: object) -> object:
    if isinstance(value, bool | int):
        return value
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value)[:LONGEST_DETAIL]
