"""What do our answers look like? Each shape: from a row to JSON, and its JSON Schema beside it."""

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from app import catalogue
from app.api.records import AGENTS, CASES, CONTACTS, CUSTOMERS, LINES, Kind
from app.outgoing.hooks import Event
from app.outgoing.shapes import at as _at
from app.outgoing.shapes import call_in_list as call_in_list  # the names by which the views know them all
from app.outgoing.shapes import case as case
from app.outgoing.shapes import contact as contact
from app.outgoing.shapes import promise as promise
from app.promises import ledger
from app.records.agents import Activity, Agent, Intent, Reach, Softphone
from app.records.callers import Customer, Direction
from app.records.calls import Call, CallState, CallStep, Outcome, StepKind, StepOutcome
from app.records.lines import Line
from app.records.outgoing import Hook
from app.records.promises import Promise, PromiseEvent, PromiseState

Json = dict[str, Any]
Schema = dict[str, Any]


def _or_null(schema: Schema) -> Schema:
    types = schema["type"]
    listed = [types] if isinstance(types, str) else list(types)
    more = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [*listed, "null"], **more}


def _object(properties: Mapping[str, Schema], *, required: Sequence[str] | None = None) -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": dict(properties),
        "required": list(properties if required is None else required),
    }


def _one_of(values: Sequence[str] | type) -> Schema:
    return {"type": "string", "enum": [str(value) for value in values]}  # type: ignore[union-attr]


TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
BOOLEAN: Schema = {"type": "boolean"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
TEXTS: Schema = {"type": "array", "items": TEXT}


def written(kind: Kind[Any]) -> Schema:
    """The schema of what a PUT brings; the key may stand in the body too, equal to the address's."""
    properties = {one.name: dict(one.schema) for one in kind.fields}
    return _object(properties, required=[one.name for one in kind.fields[1:] if one.required])


def _read(kind: Kind[Any], **more: Schema) -> Schema:
    properties = {}
    for one in kind.fields:
        schema = {name: value for name, value in one.schema.items() if name != "description"}
        if "array" in schema["type"]:
            schema["type"] = "array"
        properties[one.name] = schema
    return _object({**properties, **more})


# --- the five kinds --------------------------------------------------------------------------------------


def agent(row: Agent) -> Json:
    return {
        "agent": row.key,
        "name": row.name,
        "spoken_name": row.spoken_name,
        "email": row.email,
        "team": row.team,
        "phone": row.phone,
        "language": row.language,
        "enabled": row.enabled,
    }


def line(row: Line) -> Json:
    return {
        "number": row.number,
        "name": row.name,
        "language": row.language,
        "country": row.country,
        "team": row.team,
        "timezone": row.timezone,
        "hours": row.hours,
        "greeting": row.greeting,
        "records_messages": row.records_messages,
    }


def customer(row: Customer) -> Json:
    return {
        "customer": row.key,
        "name": row.name,
        "phones": [number.e164 for number in row.numbers],
        "language": row.language,
        "postcode": row.postcode,
        "tags": list(row.tags),
    }


# --- presence, calls, promises ---------------------------------------------------------------------------


PRESENCE = _object(
    {
        "agent": TEXT,
        "state": _one_of([*Intent, *(one for one in Activity if one != Activity.IDLE)]),
        "since": _or_null(MOMENT),
        "why": TEXT,
        "reach": _one_of(Reach),
        "reachable": BOOLEAN,
        "rings_at": _or_null(_one_of(["client", "phone", "both"])),
        "heartbeat_at": _or_null(MOMENT),
        "softphone": _one_of(Softphone),
        "visible": BOOLEAN,
        "proven_at": _or_null(MOMENT),
        "suspect_until": _or_null(MOMENT),
        "back_at": _or_null(MOMENT),
        "wrap_up_until": _or_null(MOMENT),
        "call_sid": _or_null(TEXT),
    }
)

PRESENCE_WRITTEN = _object(
    {
        "state": _one_of([*Intent, Activity.WRAPPING_UP]),
        "reach": _one_of(Reach),
        "back_at": {**_or_null(MOMENT), "description": "about_back_at"},
    },
    required=["state"],
)

PROMISE_WRITTEN = _object(
    {
        "number": {
            "type": "string",
            "description": "about_number",
        },
        "due_at": {**MOMENT, "description": "about_due_in_future"},
        "customer": _or_null(TEXT),
        "case": _or_null(TEXT),
        "agent": {**_or_null(TEXT), "description": "about_debtor"},
        "team": {**_or_null(TEXT), "description": "about_team_of"},
        "line": {**_or_null(TEXT), "description": "about_line_shown"},
        "language": _or_null(TEXT),
        "about": {"type": "string", "maxLength": 2000, "description": "about_about"},
    },
    required=["number", "due_at"],
)

HEARTBEAT = _object({"visible": BOOLEAN, "softphone": _one_of(Softphone)})


def call(row: Call, steps: Sequence[CallStep], language: str) -> Json:
    """The whole story of one call, with the reasons in words."""
    return {
        **call_in_list(row),
        "owner": row.owner,
        "attestation": row.attestation,
        "rule_version": row.rule_version,
        "steps": [_step(step, language) for step in steps],
        "said": [one["text"] for one in row.said],
    }


def _step(step: CallStep, language: str) -> Json:
    return {
        "kind": step.kind,
        "target": step.agent or step.team,
        "reason": _in_words(step.reason, language, step.reason_values),
        "reason_code": step.reason,
        "rule_version": step.rule_version,
        "rule": step.rule or None,
        "started_at": _at(step.started_at),
        "ended_at": _at(step.ended_at),
        "outcome": step.outcome,
        "declined_why": step.declined_why,
        "checked_at": _at(step.checked_at),
    }


def _in_words(code: str, language: str, values: Mapping[str, Any]) -> str:
    """The reason in words; its code alone when an older version wrote one that has no words any more."""
    try:
        return catalogue.text(f"reason.{code}", language, **values)
    except KeyError:
        return code


CALL_IN_LIST = _object(
    {
        "call_sid": TEXT,
        "direction": {**_one_of(Direction), "description": "about_call_direction"},
        "from": {**_or_null(TEXT), "description": "about_from"},
        "line": TEXT,
        "customer": _or_null(TEXT),
        "case": _or_null(TEXT),
        "state": _one_of(CallState),
        "outcome": _or_null(_one_of(Outcome)),
        "bridged_to": {**_or_null(TEXT), "description": "about_bridged_to"},
        "promise": {**_or_null(WHOLE), "description": "about_promise"},
        "started_at": MOMENT,
        "ended_at": _or_null(MOMENT),
    }
)

STEP = _object(
    {
        "kind": _one_of(StepKind),
        "target": {**_or_null(TEXT), "description": "about_target"},
        "reason": {"type": "string", "description": "about_reason"},
        "reason_code": TEXT,
        "rule_version": {**_or_null(WHOLE), "description": "about_step_rule_version"},
        "rule": {**_or_null(TEXT), "description": "about_step_rule"},
        "started_at": MOMENT,
        "ended_at": _or_null(MOMENT),
        "outcome": _or_null(_one_of(StepOutcome)),
        "declined_why": TEXT,
        "checked_at": {**_or_null(MOMENT), "description": "about_checked_at"},
    }
)

CALL = _object(
    {
        **CALL_IN_LIST["properties"],
        "owner": _or_null(TEXT),
        "attestation": TEXT,
        "rule_version": WHOLE,
        "steps": {"type": "array", "items": STEP},
        "said": {**TEXTS, "description": "about_said"},
    }
)


def promise_with_events(
    row: Promise,
    events: Sequence[PromiseEvent],
    language: str,
    zone: ZoneInfo,
    names: Mapping[str, str],
) -> Json:
    """The promise with all that it went through, in words; times are as on the clock in `zone`."""
    return {
        **promise(row),
        "events": [
            {
                "at": _at(one.at),
                "state": one.state,
                "why": ledger.in_words(one, language, zone, names),
                "why_code": one.why,
                "who": one.who,
            }
            for one in events
        ],
    }


PROMISE = _object(
    {
        "id": WHOLE,
        "state": _one_of(PromiseState),
        "number": {**_or_null(TEXT), "description": "about_number_read"},
        "line": _or_null(TEXT),
        "customer": _or_null(TEXT),
        "case": _or_null(TEXT),
        "agent": {**_or_null(TEXT), "description": "about_debtor_read"},
        "team": TEXT,
        "language": TEXT,
        "due_at": {**MOMENT, "description": "about_due_at"},
        "about": TEXT,
        "recordings": {**WHOLE, "description": "about_recordings"},
        "created_at": MOMENT,
        "finished_at": _or_null(MOMENT),
        "not_before": {**_or_null(MOMENT), "description": "about_not_before"},
        "next_at": {**_or_null(MOMENT), "description": "about_next_at"},
        "broken_at": {**_or_null(MOMENT), "description": "about_broken_at"},
        "tries": {**WHOLE, "description": "about_tries"},
    }
)

PROMISE_WITH_EVENTS = _object(
    {
        **PROMISE["properties"],
        "events": {
            "type": "array",
            "items": _object(
                {
                    "at": MOMENT,
                    "state": _one_of(PromiseState),
                    "why": TEXT,
                    "why_code": TEXT,
                    "who": TEXT,
                }
            ),
        },
    }
)


def hook(row: Hook) -> Json:
    """A subscription; its secret is shown only to whoever makes it."""
    state = "disabled" if row.disabled_at else "failing" if row.failing_since else "active"
    return {
        "id": row.id,
        "url": row.url,
        "events": list(row.events),
        "state": state,
        "created_at": _at(row.created_at),
        "failing_since": _at(row.failing_since),
        "disabled_at": _at(row.disabled_at),
        "last_result": row.last_result,
    }


_EVENTS: Schema = {"type": "array", "items": _one_of(Event)}

HOOK = _object(
    {
        "id": WHOLE,
        "url": TEXT,
        "events": _EVENTS,
        "state": {**_one_of(["active", "failing", "disabled"]), "description": "about_hook_state"},
        "created_at": MOMENT,
        "failing_since": _or_null(MOMENT),
        "disabled_at": _or_null(MOMENT),
        "last_result": {"type": "string", "description": "about_last_result"},
    }
)

HOOK_WRITTEN = _object(
    {
        "url": {"type": "string", "description": "about_hook_url"},
        "events": {**_EVENTS, "minItems": 1, "description": "about_hook_events"},
    }
)

HOOK_ADDED = _object({**HOOK["properties"], "secret": {"type": "string", "description": "about_hook_secret"}})

PROBLEM = _object(
    {
        "type": TEXT,
        "title": TEXT,
        "status": WHOLE,
        "detail": TEXT,
        "instance": TEXT,
        "errors": {"type": "array", "items": _object({"field": TEXT, "message": TEXT})},
    },
    required=["type", "title", "status", "detail", "instance"],
)

_LAST_CONTACT = {**_object({"agent": TEXT, "at": MOMENT}), "type": ["object", "null"]}

SCHEMAS: dict[str, Schema] = {
    "Agent": _read(AGENTS),
    "AgentWritten": written(AGENTS),
    "Line": _read(LINES),
    "LineWritten": written(LINES),
    "Customer": _read(CUSTOMERS),
    "CustomerWritten": written(CUSTOMERS),
    "Case": _read(
        CASES, named_owner=_or_null(TEXT), avoided_agent=_or_null(TEXT), last_contact=_LAST_CONTACT
    ),
    "CaseWritten": written(CASES),
    "Contact": _read(CONTACTS),
    "ContactWritten": written(CONTACTS),
    "Presence": PRESENCE,
    "PresenceWritten": PRESENCE_WRITTEN,
    "Heartbeat": HEARTBEAT,
    "Call": CALL,
    "CallInList": CALL_IN_LIST,
    "Promise": PROMISE,
    "PromiseWritten": PROMISE_WRITTEN,
    "PromiseWithEvents": PROMISE_WITH_EVENTS,
    "Hook": HOOK,
    "Hooks": _object({"items": {"type": "array", "items": HOOK}}),
    "HookWritten": HOOK_WRITTEN,
    "HookAdded": HOOK_ADDED,
    "Problem": PROBLEM,
}


# One of each that can be written; they fit together, and the tests send them.
EXAMPLES: dict[str, Json] = {
    "AgentWritten": {
        "name": "Anna Bakker",
        "spoken_name": "Anna",
        "email": "anna@example.nl",
        "team": "Burgerzaken",
        "phone": "+31612345678",
        "language": "nl",
    },
    "LineWritten": {
        "name": "Burgerzaken",
        "language": "nl",
        "country": "NL",
        "team": "Burgerzaken",
        "timezone": "Europe/Amsterdam",
        "hours": "Mo-Fr 09:00-17:30; Sa 10:00-14:00",
    },
    "CustomerWritten": {
        "name": "Ada de Vries",
        "phones": ["+31687654321", "020 123 4567"],
        "language": "nl",
        "postcode": "1012 AB",
        "tags": ["ondernemer"],
    },
    "CaseWritten": {
        "customer": "K-1001",
        "subject": "Verhuizing doorgeven",
        "team": "Burgerzaken",
        "status": "open",
        "priority": "normal",
        "opened_at": "2026-05-01T09:30:00+02:00",
        "url": "https://zaken.example.nl/Z-2026-17",
        "owner": None,
    },
    "ContactWritten": {
        "case": "Z-2026-17",
        "agent": "anna",
        "channel": "call",
        "direction": "inbound",
        "started_at": "2026-05-01T09:31:00+02:00",
        "seconds": 240,
        "outcome": "promise made",
        "summary": "Stuurt vandaag nog een kopie van de huurovereenkomst.",
    },
    "PresenceWritten": {"state": "available", "reach": "desk"},
    "Heartbeat": {"visible": True, "softphone": "ready"},
    "PromiseWritten": {
        "number": "+31687654321",
        "due_at": "2126-05-01T16:00:00+02:00",
        "case": "Z-2026-17",
        "agent": "anna",
        "about": "Wil weten of de kopie is aangekomen.",
    },
    "HookWritten": {
        "url": "https://crm.example.nl/rechtdoor",
        "events": ["call.ended", "promise.made", "promise.kept", "promise.broken"],
    },
}


def page_of(name: str) -> Schema:
    """The schema of one page of a list; `next` goes into `?after=` for the following page."""
    return _object(
        {
            "items": {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}},
            "next": {"type": ["string", "null"], "description": "about_next"},
        }
    )
