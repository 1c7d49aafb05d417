"""What would Twilio's REST API have against this request?"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from phonebox.twilio_spec.twiml import problems_in_twiml

Fields = Mapping[str, list[str]]

MAX_TWIML = 4000  # error 32018; the description of Twiml in the OpenAPI file
MAX_BODY = 1600  # error 21617
MIN_RING_SECONDS, MAX_RING_SECONDS = 5, 600  # the description of Timeout
_CALL_EVENTS = frozenset({"initiated", "ringing", "answered", "completed"})
_RECORDING_EVENTS = frozenset({"in-progress", "completed", "absent"})
_CONFERENCE_EVENTS = frozenset(
    {"start", "end", "join", "leave", "mute", "hold", "modify", "speaker", "announcement"}
)
# The file says "array of string" and names the values only in its prose.
_EVENTS = {
    "StatusCallbackEvent": _CALL_EVENTS,
    "RecordingStatusCallbackEvent": _RECORDING_EVENTS,
    "ConferenceRecordingStatusCallbackEvent": _RECORDING_EVENTS,
    "ConferenceStatusCallbackEvent": _CONFERENCE_EVENTS,
}
_ADDRESS_IN_TWIML = re.compile(r'\b(?:action|url|waitUrl)="([^"]*)"')


@dataclass(frozen=True)
class Operation:
    """One thing that the API can be asked. `path` has its parameters in braces, as in the OpenAPI file."""

    id: str
    method: str
    path: str
    fields: Mapping[str, Mapping[str, Any]]
    required: tuple[str, ...]
    in_path: Mapping[str, Mapping[str, Any]]


def operations() -> tuple[Operation, ...]:
    """Return the operations that are known: what phonebox serves and its close neighbours."""
    return _OPERATIONS


def operation_for(method: str, path: str) -> Operation | None:
    """Return the operation that `method` on `path` means, or None when there is none."""
    path = path.partition("?")[0]
    for operation, pattern in _MATCHERS:
        if operation.method == method.upper() and pattern.fullmatch(path):
            return operation
    return None


def problems_in_request(method: str, path: str, fields: Fields) -> list[str]:
    """Return what is wrong with a request, one sentence each; an empty list when nothing is.

    `path` is like `/2010-04-01/Accounts/AC…/Calls.json`; a query in it is read as fields. `fields` holds
    the form of a POST or the query of a GET, every value in a list. Values that may be a person's are
    never quoted in a sentence.
    """
    operation = operation_for(method, path)
    if operation is None:
        return [_unknown(method, path.partition("?")[0])]
    asked = {**parse_qs(path.partition("?")[2], keep_blank_values=True), **fields}
    problems = list(_path_problems(operation, path.partition("?")[0]))
    for name in operation.required:
        if not any(asked.get(name, [])):
            problems.append(f"{operation.id} needs {name}")
    for name, values in asked.items():
        problems += _field_problems(operation, name, values)
    if rule := _RULES.get(operation.id):
        problems += rule(asked)
    return problems


def _unknown(method: str, path: str) -> str:
    others = sorted(o.method for o, pattern in _MATCHERS if pattern.fullmatch(path))
    if others:
        return f"{method.upper()} isn't possible there; {', '.join(others)} would be"
    return f"{method.upper()} on an address that isn't in Twilio's definitions (the kept part of them)"


def _path_problems(operation: Operation, path: str) -> Iterator[str]:
    match = _PATTERNS[operation.id].fullmatch(path)
    for name, value in match.groupdict().items() if match else ():
        if complaint := _complaint(value, operation.in_path.get(name, {})):
            yield f"{operation.id}: {name} in the path {complaint}"


def _field_problems(operation: Operation, name: str, values: list[str]) -> Iterator[str]:
    schema = operation.fields.get(name)
    if schema is None:
        alike = [known for known in operation.fields if known.lower() == name.lower().replace("_", "")]
        yield f"{operation.id} has no field {name}" + (f"; did you mean {alike[0]}?" if alike else "")
        return
    if schema.get("type") != "array" and len(values) > 1:
        yield f"{operation.id}: {name} is given {len(values)} times; it takes one value"
    one = schema.get("items", schema)
    for value in values:
        if complaint := _complaint(value, one):
            yield f"{operation.id}: {name} {complaint}"
        elif name in _EVENTS:
            yield from _event_problems(operation, name, value)


def _event_problems(operation: Operation, name: str, value: str) -> Iterator[str]:
    """Participants take several events in one value, separated by spaces; calls take one in each."""
    for event in value.split() or [""]:
        if event not in _EVENTS[name]:
            yield f"{operation.id}: {name} {event[:40]!r} isn't one of {', '.join(sorted(_EVENTS[name]))}"


def _complaint(value: str, schema: Mapping[str, Any]) -> str:
    """Say what is wrong with one value, or nothing. An empty text is allowed: it clears a setting."""
    if "enum" in schema:
        return "" if value in schema["enum"] else f"{value[:40]!r} isn't one of {', '.join(schema['enum'])}"
    match schema.get("type"):
        case "boolean":
            # Twilio reads anything else as false: https://www.twilio.com/docs/voice/api/conference-participant-resource
            return "" if value in ("true", "false") else "should be true or false"
        case "integer":
            return _integer_complaint(value, schema)
        case "number":
            return "" if re.fullmatch(r"-?\d+(\.\d+)?", value, re.ASCII) else "should be a number"
        case _:
            return _text_complaint(value, schema) if value else ""


def _integer_complaint(value: str, schema: Mapping[str, Any]) -> str:
    if not re.fullmatch(r"-?\d+", value, re.ASCII):
        return "should be a whole number"
    if int(value) < schema.get("minimum", int(value)):
        return f"should be at least {schema['minimum']}"
    if int(value) > schema.get("maximum", int(value)):
        return f"should be at most {schema['maximum']}"
    return ""


def _text_complaint(value: str, schema: Mapping[str, Any]) -> str:
    if "pattern" in schema and not re.search(schema["pattern"], value):
        return f"should look like {schema['pattern']}"
    if len(value) > schema.get("maxLength", len(value)):
        return f"has {len(value)} characters; at most {schema['maxLength']} are taken"
    match schema.get("format"):
        case "uri":
            return _address_complaint(value)
        case "date-time":
            return "" if _is_time(value) else "should be a time like 2026-01-31T12:00:00Z"
        case "date":
            return (
                ""
                if re.fullmatch(r"\d{4}-\d\d-\d\d", value) and _is_time(value)
                else "should be like 2026-01-31"
            )
        case _:
            return ""


def _address_complaint(value: str) -> str:
    try:
        parts = urlsplit(value)
    except ValueError:
        return "isn't an address"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "should be a whole address with http:// or https:// (error 21205)"
    if "_" in parts.hostname:  # the description of StatusCallback: "underscores are not permitted"
        return "has an underscore in its host name, which Twilio refuses"
    return ""


def _is_time(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


# What the file can't say


def _create_call(fields: Fields) -> Iterator[str]:
    if not any(map(fields.get, ("Url", "Twiml", "ApplicationSid"))):
        yield "CreateCall needs one of Url, Twiml, ApplicationSid"
    yield from _twiml(fields, "CreateCall")
    yield from _ring_seconds(fields, "CreateCall", 1)


def _update_call(fields: Fields) -> Iterator[str]:
    if fields.get("Url") and fields.get("Twiml"):
        yield "UpdateCall takes Url or Twiml, not both"
    if not fields:
        yield "UpdateCall changes nothing: give Status, Url, Twiml or TimeLimit"
    yield from _twiml(fields, "UpdateCall")


def _create_participant(fields: Fields) -> Iterator[str]:
    yield from _ring_seconds(fields, "CreateParticipant", MIN_RING_SECONDS)
    label = _first(fields, "Label")
    if len(label) > 128:  # https://www.twilio.com/docs/voice/twiml/conference, participantLabel
        yield f"CreateParticipant: Label has {len(label)} characters; at most 128 are taken"


def _create_message(fields: Fields) -> Iterator[str]:
    if not any(map(fields.get, ("Body", "MediaUrl", "ContentSid"))):
        yield "CreateMessage needs one of Body, MediaUrl, ContentSid"  # error 21619
    if not any(map(fields.get, ("From", "MessagingServiceSid"))):
        yield "CreateMessage needs From or MessagingServiceSid"  # error 21603
    if len(body := _first(fields, "Body")) > MAX_BODY:
        yield f"CreateMessage: Body has {len(body)} characters; at most {MAX_BODY} are taken (error 21617)"


def _ring_seconds(fields: Fields, operation: str, least: int) -> Iterator[str]:
    value = _first(fields, "Timeout")
    if value.isascii() and value.isdigit() and not least <= int(value) <= MAX_RING_SECONDS:
        yield f"{operation}: Timeout should be from {least} to {MAX_RING_SECONDS}"


def _twiml(fields: Fields, operation: str) -> Iterator[str]:
    twiml = _first(fields, "Twiml")
    if not twiml:
        return
    if len(twiml) > MAX_TWIML:
        yield f"{operation}: Twiml has {len(twiml)} characters; at most {MAX_TWIML} are taken (error 32018)"
    for problem in problems_in_twiml(twiml):
        yield f"{operation}: in Twiml, {problem}"
    # Error 15004: this document has no address of its own that another could be relative to.
    if any(
        not address.startswith(("http://", "https://"))
        for address in _ADDRESS_IN_TWIML.findall(twiml)
        if address
    ):
        yield f"{operation}: addresses in Twiml should be whole, with https:// (error 15004)"


def _first(fields: Fields, name: str) -> str:
    return next(iter(fields.get(name, [])), "")


_RULES: Mapping[str, Callable[[Fields], Iterator[str]]] = {
    "CreateCall": _create_call,
    "UpdateCall": _update_call,
    "CreateParticipant": _create_participant,
    "CreateMessage": _create_message,
}


def _load() -> tuple[Operation, ...]:
    read = json.loads((Path(__file__).parent / "rest.json").read_text(encoding="utf-8"))
    return tuple(Operation(**{**entry, "required": tuple(entry["required"])}) for entry in read["operations"])


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path)))


_OPERATIONS = _load()
_PATTERNS = {operation.id: _pattern(operation.path) for operation in _OPERATIONS}
# Fewest parameters first: IncomingPhoneNumbers/Local.json is a list, not the number called "Local".
_MATCHERS = [(o, _PATTERNS[o.id]) for o in sorted(_OPERATIONS, key=lambda o: len(o.in_path))]
