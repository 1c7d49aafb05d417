"""What does a row look like to other systems? The same in an answer of the API as in what they are told."""

from datetime import datetime
from typing import Any

from app.records.callers import Case, Contact
from app.records.calls import Call
from app.records.promises import Promise

Json = dict[str, Any]


def at(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def case(row: Case) -> Json:
    return {
        "case": row.key,
        "customer": row.customer,
        "subject": row.subject,
        "team": row.team,
        "status": row.status,
        "priority": row.priority,
        "opened_at": at(row.opened_at),
        "url": row.url,
        "owner": row.owner,
        "named_owner": row.named_owner,
        "avoided_agent": row.avoided_agent,
        "last_contact": (
            {"agent": row.last_contact_agent, "at": at(row.last_contact_at)}
            if row.last_contact_agent
            else None
        ),
    }


def contact(row: Contact) -> Json:
    return {
        "contact": row.key,
        "case": row.case,
        "agent": row.agent,
        "channel": row.channel,
        "direction": row.direction,
        "started_at": at(row.started_at),
        "seconds": row.seconds,
        "outcome": row.outcome,
        "summary": row.summary,
    }


def call_in_list(row: Call) -> Json:
    return {
        "call_sid": row.sid,
        "direction": row.direction,
        "from": row.remote_e164,
        "line": row.line,
        "customer": row.customer,
        "case": row.case,
        "state": row.state,
        "outcome": row.outcome,
        "bridged_to": row.bridged_to,
        "promise": row.promise,
        "started_at": at(row.created_at),
        "ended_at": at(row.ended_at),
    }


def promise(row: Promise) -> Json:
    return {
        "id": row.id,
        "state": row.state,
        "number": row.number,
        "line": row.line,
        "customer": row.customer,
        "case": row.case,
        "agent": row.agent,
        "team": row.team,
        "language": row.language,
        "due_at": at(row.due_at),
        "about": row.about,
        "recordings": row.recordings,
        "created_at": at(row.created_at),
        "finished_at": at(row.finished_at),
        "not_before": at(row.not_before),
        "next_at": at(row.next_at),
        "broken_at": at(row.broken_at),
        "tries": row.tries,
    }
