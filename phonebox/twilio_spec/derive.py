"""Which facts do Twilio's own published files state about TwiML and the REST API?

Run by a developer when Twilio publishes something new, never by the product or its tests:

    mkdir definitions && cd definitions
    npm install --ignore-scripts twilio@6.2.0 @twilio/cli-core@9.0.0
    cd CHECKOUT && python -m phonebox.twilio_spec.derive PATH_OF/definitions

Only names, types and limits are kept (see docs/decisions/0002-twilio-definitions.md); the files
themselves are not copied. A newer version is taken by changing PINNED and reading the diff of the tables.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PINNED = {"twilio": "6.2.0", "@twilio/cli-core": "9.0.0"}
TABLES = Path(__file__).parent
VOICE = "lib/twiml/VoiceResponse.d.ts"
MESSAGING = "lib/twiml/MessagingResponse.d.ts"
OPENAPI = "src/services/twilio-api/twilio_api_v2010.json"

# What phonebox serves and its close neighbours, below /2010-04-01/Accounts. The rest of the file
# (payments, SIP domains, usage records) would only make the table long.
_BELOW_ACCOUNT = (
    r"Calls",
    r"Calls/\{Sid\}",
    r"Calls/\{CallSid\}/(Events|Notifications|Recordings)",
    r"Calls/\{CallSid\}/(Notifications|Recordings)/\{Sid\}",
    r"Queues(/\{Sid\})?",
    r"Queues/\{QueueSid\}/Members(/\{CallSid\})?",
    r"Conferences(/\{Sid\})?",
    r"Conferences/\{ConferenceSid\}/(Participants(/\{CallSid\})?|Recordings(/\{Sid\})?)",
    r"Messages(/\{Sid\})?",
    r"Messages/\{MessageSid\}/(Media(/\{Sid\})?|Feedback)",
    r"IncomingPhoneNumbers(/\{Sid\}|/Local|/Mobile|/TollFree)?",
    r"Recordings(/\{Sid\})?",
    r"Applications(/\{Sid\})?",
    r"OutgoingCallerIds(/\{Sid\})?",
    r"Balance",
)
_KEPT_PATHS = re.compile(
    r"/2010-04-01/Accounts(/\{Sid\})?\.json|/2010-04-01/Accounts/\{AccountSid\}/("
    + "|".join(_BELOW_ACCOUNT)
    + r")\.json"
)
_KEPT_OF_A_SCHEMA = ("type", "format", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum")


class DerivationError(Exception):
    """A published file no longer looks as this module reads it; the message names the place."""


@dataclass
class Element:
    """One TwiML element: its attributes with their TypeScript types, what it holds, and its text.

    `holds` maps a child's tag to the name of its element, because one tag may mean two elements
    (`Sip` in `Dial` and in `Refer`). `text` is "none", "may" or "must".
    """

    attributes: dict[str, str] = field(default_factory=dict)
    holds: dict[str, str] = field(default_factory=dict)
    text: str = "none"


_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_VALUES = re.compile(r"type (\w+) =\s*((?:\|?\s*\"[^\"]*\"\s*)+);")
_INTERFACE = re.compile(r"interface (\w+) \{(.*?)\}", re.DOTALL)
_ATTRIBUTE = re.compile(r"^\"?([\w:-]+)\"?\??: ([\w\[\]]+)$")
_CLASS = re.compile(r"class (\w+) extends TwiML \{(.*?)\}", re.DOTALL)
_METHOD = re.compile(r"^(\w+)\((.*)\): \w+\.(\w+)$")
_NO_ELEMENT = re.compile(r"^(constructor\(.*\)|\w+: XMLElement|comment\w*\(comment: string\): XMLElement)$")


def elements_of(declarations: str) -> dict[str, Any]:
    """Return {"root", "elements", "values"} from the text of a `...Response.d.ts`.

    Raises DerivationError for any statement that it does not understand, rather than passing over it:
    a rule silently lost would be a check that passes for ever.
    """
    text = _COMMENT.sub("", declarations)
    values = {name: re.findall(r'"([^"]*)"', body) for name, body in _VALUES.findall(text)}
    interfaces = _interfaces(text)
    classes = _CLASS.findall(text)
    _expect_all(text, "interface", len(_INTERFACE.findall(text)))
    _expect_all(text, "class", len(classes))
    root = classes[0][0] if classes else ""
    if not root.endswith("Response"):
        raise DerivationError(f"the first class should be the response, not {root or 'nothing'}")
    elements = {name: Element() for name, _ in classes}
    for name, body in classes:
        for method, parameters, child in _methods(name, body):
            if child not in elements:
                raise DerivationError(f"{name}.{method} returns {child}, which is declared nowhere")
            elements[name].holds[_tag(method, child)] = child
            _describe(elements[child], child, parameters, interfaces)
    used = {t.removesuffix("[]") for e in elements.values() for t in e.attributes.values()}
    unknown = used - {"string", "number", "boolean"} - set(values)
    if unknown:
        raise DerivationError(f"types without a declaration: {', '.join(sorted(unknown))}")
    return {
        "root": root,
        "elements": {name: vars(element) for name, element in elements.items()},
        "values": {name: listed for name, listed in values.items() if name in used},
    }


def operations_of(openapi: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the kept operations of an OpenAPI 3 document: id, method, path, fields, required.

    Fields are those of the form for POST and of the query for GET; `in_path` holds the rest.
    Raises DerivationError for a schema by reference that is not there.
    """
    found = [
        _operation(method.upper(), path, operation, openapi)
        for path, item in openapi["paths"].items()
        if _KEPT_PATHS.fullmatch(path)
        for method, operation in item.items()
        if method in ("get", "post", "delete")
    ]
    return sorted(found, key=lambda operation: (operation["path"], operation["method"]))


def derive(directory: Path) -> dict[str, Any]:
    """Return the tables by file name from a folder with node_modules of the pinned versions."""
    library = _package(directory, "twilio")
    core = _package(directory, "@twilio/cli-core")
    voice = elements_of((library / VOICE).read_text(encoding="utf-8"))
    _compare_tags(voice, (library / VOICE.replace(".d.ts", ".js")).read_text(encoding="utf-8"))
    messaging = elements_of((library / MESSAGING).read_text(encoding="utf-8"))
    openapi = json.loads((core / OPENAPI).read_text(encoding="utf-8"))
    return {
        "twiml.json": {
            "source": _source("twilio", [VOICE, MESSAGING], "MIT"),
            "voice": voice,
            "messaging": messaging,
        },
        "rest.json": {
            "source": _source(
                "@twilio/cli-core",
                [OPENAPI],
                "MIT; the OpenAPI file itself: " + openapi["info"]["license"]["name"],
            ),
            "operations": operations_of(openapi),
        },
    }


def main(arguments: list[str]) -> int:
    """Write the tables beside this module; return the exit status."""
    if len(arguments) != 1:
        print("usage: python -m phonebox.twilio_spec.derive DIR_WITH_NODE_MODULES\n" + (__doc__ or ""))
        return 2
    try:
        tables = derive(Path(arguments[0]))
    except (DerivationError, OSError) as error:
        print(f"nothing written: {error}")
        return 1
    for name, table in tables.items():
        (TABLES / name).write_text(_compact(table), encoding="utf-8")
        print(f"wrote {TABLES / name}")
    return 0


def _interfaces(text: str) -> dict[str, dict[str, str]]:
    """Attributes by interface. One interface declared twice is merged, as TypeScript does."""
    found: dict[str, dict[str, str]] = {}
    for name, body in _INTERFACE.findall(text):
        attributes = found.setdefault(name, {})
        for line in _statements(body):
            match = _ATTRIBUTE.match(line)
            if not match:
                raise DerivationError(f"{name}: can't read the attribute {line!r}")
            attribute, kind = match.groups()
            if attributes.setdefault(attribute, kind) != kind:
                raise DerivationError(f"{name}.{attribute} is declared twice, as two types")
    return found


def _methods(name: str, body: str) -> Iterator[tuple[str, str, str]]:
    for line in _statements(body):
        if _NO_ELEMENT.match(line):
            continue
        match = _METHOD.match(line)
        if not match:
            raise DerivationError(f"{name}: can't read the method {line!r}")
        method, parameters, child = match.groups()
        yield method, parameters, child


def _describe(element: Element, name: str, parameters: str, interfaces: Mapping[str, dict[str, str]]) -> None:
    """Note in `element` what one signature of the method that makes it says about it."""
    for parameter in filter(None, (part.strip() for part in parameters.split(","))):
        label, _, kind = parameter.partition(": ")
        optional = label.endswith("?")
        if label.rstrip("?") != "attributes":
            element.text = "may" if optional else "must"
        elif kind != "object":
            interface = kind.rpartition(".")[2]
            if interface not in interfaces:
                raise DerivationError(f"{name} takes {interface}, which is declared nowhere")
            element.attributes = interfaces[interface]


def _tag(method: str, child: str) -> str:
    """The library names SSML by lower case with hyphens and everything else by capitals."""
    if child.startswith("Ssml"):
        return re.sub(r"(?<!^)([A-Z])", r"-\1", method).lower()
    return method[0].upper() + method[1:]


def _compare_tags(voice: Mapping[str, Any], javascript: str) -> None:
    """Hold the tags that were inferred from the types against those the library writes."""
    inferred = {tag for element in voice["elements"].values() for tag in element["holds"]}
    written = set(re.findall(r'\.ele\("([^"]+)"', javascript))
    if inferred != written:
        raise DerivationError(f"tags differ from the library's own: {', '.join(sorted(inferred ^ written))}")


def _expect_all(text: str, keyword: str, found: int) -> None:
    expected = len(re.findall(rf"^\s*(?:export |declare )*{keyword} \w+", text, re.MULTILINE))
    if found != expected:
        raise DerivationError(f"{expected} times {keyword}, but only {found} could be read")


def _statements(body: str) -> list[str]:
    return [" ".join(line.split()) for line in body.split(";") if line.strip()]


def _operation(
    method: str, path: str, operation: Mapping[str, Any], openapi: Mapping[str, Any]
) -> dict[str, Any]:
    parameters = operation.get("parameters", [])
    form = operation.get("requestBody", {}).get("content", {}).get("application/x-www-form-urlencoded", {})
    schema = form.get("schema", {})
    fields = dict(schema.get("properties", {}))
    fields |= {p["name"]: p["schema"] for p in parameters if p["in"] == "query"}
    required = set(schema.get("required", []))
    required |= {p["name"] for p in parameters if p["in"] == "query" and p.get("required")}
    return {
        "id": operation["operationId"],
        "method": method,
        "path": path,
        "in_path": {p["name"]: _schema(p["schema"], openapi) for p in parameters if p["in"] == "path"},
        "fields": {name: _schema(field_schema, openapi) for name, field_schema in fields.items()},
        "required": sorted(required),
    }


def _schema(schema: Mapping[str, Any], openapi: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name not in openapi.get("components", {}).get("schemas", {}):
            raise DerivationError(f"the schema {name} is referred to, but not there")
        return _schema(openapi["components"]["schemas"][name], openapi)
    kept = {key: schema[key] for key in _KEPT_OF_A_SCHEMA if key in schema}
    if schema.get("type") == "array":
        kept["items"] = _schema(schema["items"], openapi)
    return kept


def _package(directory: Path, name: str) -> Path:
    folder = directory / "node_modules" / name
    version = json.loads((folder / "package.json").read_text(encoding="utf-8"))["version"]
    if version != PINNED[name]:
        raise DerivationError(f"{name} is {version}; PINNED says {PINNED[name]}")
    return folder


def _source(package: str, files: list[str], licence: str) -> dict[str, Any]:
    return {"package": package, "version": PINNED[package], "files": files, "licence": licence}


def _compact(table: Mapping[str, Any]) -> str:
    """JSON with sorted keys and one fact to a line where it fits, so that a diff can be read."""
    return _lines(table, 0) + "\n"


def _lines(value: object, depth: int) -> str:
    flat = json.dumps(value, sort_keys=True, ensure_ascii=False)
    if len(flat) + depth <= 110 or not isinstance(value, dict | list):
        return flat
    inner, close = "\n" + " " * (depth + 1), "\n" + " " * depth
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {_lines(value[key], depth + 1)}" for key in sorted(value)]
        return "{" + inner + ("," + inner).join(parts) + close + "}"
    return "[" + inner + ("," + inner).join(_lines(part, depth + 1) for part in value) + close + "]"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
