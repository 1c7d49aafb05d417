"""What can be asked, in words and in OpenAPI? Made from the very operations that are served."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from app import catalogue
from app.api import scopes, shapes
from app.api.fields import Said
from app.api.problems import PROBLEM_JSON
from app.api.records import KINDS
from app.api.routes import OPERATIONS, PREFIX, Operation
from app.api.shapes import EXAMPLES
from app.records.tokens import Scope

Schema = dict[str, Any]

VERSION = "1"
_OF_NOUNS = "nouns"  # the scheme of tokens for some nouns
_PARAMETER = re.compile(r"<(?:[^:<>]+:)?([a-z_]+)>")
# Answers that aren't JSON of ours.
_MEDIA = {
    "EventStream": "text/event-stream",
    "Page": "text/html",
    "Zip": "application/zip",
    "Bytes": "application/octet-stream",
}
# Parameters of every list, named after its own.
_PAGE = ("after", "limit")
# Problems that a request with a token, and one with a body, may meet.
_WITH_TOKEN = (401, 403, 429)
_WITH_BODY = (400, 413, 422)


def path_of(operation: Operation) -> str:
    """Return the path as OpenAPI writes it: `/agents/{agent}`."""
    return PREFIX + _PARAMETER.sub(r"{\1}", operation.rule)


def document(public_url: str, language: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document, its texts in `language`."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(path_of(operation), {})[operation.method.lower()] = _described(operation, language)
    described: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "Rechtdoor",
            "version": VERSION,
            "description": catalogue.text("api.introduction", language),
        },
        "servers": [{"url": public_url}],
        "paths": paths,
        "components": {
            "schemas": {
                name: {**schema, "examples": [EXAMPLES[name]]} if name in EXAMPLES else schema
                for name, schema in _components().items()
            },
            "securitySchemes": {
                str(scope): {
                    "type": "http",
                    "scheme": "bearer",
                    "description": catalogue.text(f"api.scope_{scope}", language),
                }
                # What a directory's token opens describes itself, as SCIM has it.
                for scope in (*Scope, _OF_NOUNS)
                if scope != Scope.DIRECTORY
            },
        },
    }
    return described | {part: _in_words(described[part], language) for part in ("paths", "components")}


class _Described(GenerateJsonSchema):
    """Without titles and defaults, and with null beside the type that it may stand for."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: Any) -> Schema:
        return self.generate_inner(schema["schema"])

    def nullable_schema(self, schema: Any) -> Schema:
        inner = self.generate_inner(schema["schema"])
        if "type" not in inner:
            return {"anyOf": [inner, {"type": "null"}]}
        more = {"enum": [*inner["enum"], None]} if "enum" in inner else {}
        return {**inner, "type": [inner["type"], "null"], **more}


@cache
def _components() -> Mapping[str, Schema]:
    """The schema of everything that a request brings or an answer holds, by its name."""
    shown = [one for operation in OPERATIONS for one in (operation.body, *operation.answers.values())]
    found: dict[str, Schema] = {}
    for model in (shapes.Problem, *shown):
        if isinstance(model, type):
            found |= _schemas(model)
    for kind in KINDS.values():
        written = found[_name(kind.record)]
        written["required"].remove(kind.key)  # it is in the address
        # An answer holds no more than what may be written.
        read = found[_name(kind.record).removesuffix("Written")]["properties"]
        for name, schema in written["properties"].items():
            read[name] = {k: v for k, v in schema.items() if k != "description"} | read[name]
    return found


def _schemas(model: type[BaseModel]) -> dict[str, Schema]:
    """Return a model's schema and those that it refers to, by their names."""
    schema = model.model_json_schema(
        ref_template="#/components/schemas/{model}",
        schema_generator=_Described,
        mode="validation" if issubclass(model, Said) else "serialization",
    )
    found = {**schema.pop("$defs", {}), _name(model): schema}
    return {
        name: {k: v for k, v in one.items() if k not in ("title", "description")}
        for name, one in found.items()
    }


def _name(model: type[BaseModel]) -> str:
    """Return what the description calls it: what is written as an AgentRecord is AgentWritten."""
    return re.sub("Record$", "Written", model.__name__)


def _page_of(model: type[BaseModel]) -> Schema:
    """The schema of one page of a list; `next` goes into `?after=` for the following page."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "items": {"type": "array", "items": _reference(model)},
            "next": {"type": ["string", "null"], "description": "about_next"},
        },
        "required": ["items", "next"],
    }


def _in_words(value: Any, language: str) -> Any:
    """Fields say what they are by a code of the catalogue; put its text in the place of each."""
    if isinstance(value, list):
        return [_in_words(item, language) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: about(item, language)
        if name == "description" and isinstance(item, str)
        else _in_words(item, language)
        for name, item in value.items()
    }


def about(text: str, language: str) -> str:
    return catalogue.text(f"api.{text}", language) if text.startswith("about_") else text


def _described(operation: Operation, language: str) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [group_of(operation)],
        "summary": catalogue.text(f"api.{operation.id}", language),
        "security": [_way_in(scope) for scope in _scopes(operation)],
        "responses": _responses(operation),
    }
    if parameters := _parameters(operation):
        described["parameters"] = parameters
    if operation.body:
        described["requestBody"] = {"required": True, "content": _json(_reference(operation.body))}
    return described


def _scopes(operation: Operation) -> list[str]:
    """Return the scopes of which one is enough; `write:` of a noun stands for `read:` as well."""
    if operation.scope is None:
        return []
    enough = ["write"] if operation.scope == Scope.WRITE else ["read", "write"]
    if operation.noun:
        enough.append(scopes.needed(operation.scope, operation.noun))
    return [*enough, "desk"] if operation.own_desk or operation.own_calls else enough


def _way_in(scope: str) -> dict[str, list[str]]:
    """A scope of a noun is a role, which OpenAPI 3.1 has beside the name of a scheme."""
    return {_OF_NOUNS: [scope]} if ":" in scope else {scope: []}


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    in_path = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "integer" if "<int" in operation.rule else "string"},
        }
        for name in _PARAMETER.findall(operation.rule)
    ]
    return in_path + [
        {
            "name": name,
            "in": "query",
            "schema": _without_null({k: v for k, v in schema.items() if k != "description"}),
            **({"description": schema["description"]} if "description" in schema else {}),
        }
        for name, schema in sorted(_fields(operation.query).items(), key=lambda one: one[0] in _PAGE)
    ]


def _without_null(schema: Schema) -> Schema:
    """A parameter is left out rather than null."""
    types, words = schema["type"], schema.get("enum")
    return (
        schema
        | {"type": types[0] if isinstance(types, list) else types}
        | ({"enum": words[:-1]} if words else {})
    )


def _fields(model: type[BaseModel] | None) -> Mapping[str, Schema]:
    return _schemas(model)[_name(model)].get("properties", {}) if model else {}


def _responses(operation: Operation) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, shown in operation.answers.items():
        answer: dict[str, Any] = {"description": HTTPStatus(status).phrase}
        if isinstance(shown, type):
            answer["content"] = _json(_page_of(shown) if operation.is_page else _reference(shown))
        elif shown in _MEDIA:
            answer["content"] = {_MEDIA[shown]: {"schema": {"type": "string"}}}
        elif shown is not None:
            answer["content"] = _json({"type": "object"})
        responses[str(status)] = answer
    for status in _problems(operation):
        problem = {PROBLEM_JSON: {"schema": _reference(shapes.Problem)}}
        responses[str(status)] = {"description": HTTPStatus(status).phrase, "content": problem}
    return responses


def _problems(operation: Operation) -> list[int]:
    found = set(_WITH_TOKEN if operation.scope else ())
    if operation.body:
        found.update(_WITH_BODY)
    if operation.query:
        found.add(422)
    if "<" in operation.rule:
        found.add(404)
    if operation.method == "POST" or operation.id in ("put_presence", "put_rules_draft"):
        found.add(409)
    return sorted(found)


def _reference(model: type[BaseModel]) -> Schema:
    return {"$ref": f"#/components/schemas/{_name(model)}"}


def _json(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": dict(schema)}}


# --- the page ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FieldLine:
    """A field as the page lists it."""

    name: str
    type: str
    required: bool
    about: str


@dataclass(frozen=True)
class OperationEntry:
    """One request as the page shows it."""

    id: str
    method: str
    path: str
    summary: str
    scopes: tuple[str, ...]
    parameters: tuple[FieldLine, ...]
    fields: tuple[FieldLine, ...]
    example: Mapping[str, Any] | None
    answer: tuple[FieldLine, ...]
    is_page: bool
    statuses: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """Everything that the page shows; `problems` are codes with their sentences."""

    groups: Mapping[str, list[OperationEntry]]
    problems: Mapping[str, str]
    public_url: str


def group_of(operation: Operation) -> str:
    """Return the heading under which an operation stands: the first part of its path."""
    first = operation.rule.strip("/").split("/")[0]
    if first == "processing-activities":
        return "consultations"  # which name them
    return "description" if first in {"openapi.json", "docs"} else first


def page(public_url: str, language: str) -> Page:
    groups: dict[str, list[OperationEntry]] = {}
    for operation in OPERATIONS:
        groups.setdefault(group_of(operation), []).append(_entry(operation, language))
    problems = {code: _sentence(code, language) for code in PROBLEM_CODES}
    return Page(groups, problems, public_url)


# Those that stand for a whole answer; a field's own problem comes with its sentence.
PROBLEM_CODES = (
    "no_token unknown_token agent_left forbidden forbidden_other_desk not_found no_such_address "
    "several_customers method_not_allowed not_json too_large invalid_fields conflict wrap_up_not_now "
    "promise_is_finished too_many_requests unavailable bad_request internal"
).split()


def _sentence(code: str, language: str) -> str:
    """The sentence with “…” where the answer has a value."""
    return catalogue.text(f"problem.{code}", language, **dict.fromkeys(_VALUES, "…"))


_VALUES = ("scope", "seconds", "most", "methods", "reference")


def _entry(operation: Operation, language: str) -> OperationEntry:
    answer = next(iter(operation.answers.values()))
    described = _described(operation, language)
    return OperationEntry(
        id=operation.id,
        method=operation.method,
        path=path_of(operation),
        summary=described["summary"],
        scopes=tuple(_scopes(operation)),
        parameters=tuple(
            FieldLine(
                one["name"],
                one["schema"]["type"],
                one.get("required", False),
                about(one.get("description", ""), language),
            )
            for one in described.get("parameters", ())
        ),
        fields=_field_lines(operation.body, language),
        example=EXAMPLES.get(_name(operation.body)) if operation.body else None,
        answer=_field_lines(answer if isinstance(answer, type) else None, language),
        is_page=operation.is_page,
        statuses=tuple(described["responses"]),
    )


def _field_lines(model: type[BaseModel] | None, language: str) -> tuple[FieldLine, ...]:
    schema = _components()[_name(model)] if model else {}
    if schema.get("type") == "array":
        # Of a list the page shows what one of it holds.
        schema = _components()[schema["items"]["$ref"].rpartition("/")[2]]
    required = set(schema.get("required", ()))
    return tuple(
        FieldLine(field, _type(one), field in required, about(one.get("description", ""), language))
        for field, one in schema.get("properties", {}).items()
    )


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join("null" if value is None else str(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(map(_type, schema["anyOf"]))
    types = schema.get("type", "object")
    types = types if isinstance(types, list) else [types]
    return " | ".join(str(schema.get("format", one)) if one == "string" else str(one) for one in types)
