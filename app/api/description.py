"""What can be asked, in words and in OpenAPI? Made from the very operations that are served."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from app import catalogue
from app.api.problems import PROBLEM_JSON
from app.api.routes import OPERATIONS, PREFIX, Operation
from app.api.shapes import EXAMPLES, SCHEMAS, page_of
from app.records.tokens import Scope

VERSION = "1"
_PARAMETER = re.compile(r"<(?:[^:<>]+:)?([a-z_]+)>")
# Answers that aren't JSON of ours.
_MEDIA = {"EventStream": "text/event-stream", "Page": "text/html"}
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
                for name, schema in SCHEMAS.items()
            },
            "securitySchemes": {
                str(scope): {
                    "type": "http",
                    "scheme": "bearer",
                    "description": catalogue.text(f"api.scope_{scope}", language),
                }
                for scope in Scope
            },
        },
    }
    return described | {part: _in_words(described[part], language) for part in ("paths", "components")}


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
        "security": [{str(scope): []} for scope in _scopes(operation)],
        "responses": _responses(operation),
    }
    if parameters := _parameters(operation):
        described["parameters"] = parameters
    if operation.body:
        described["requestBody"] = {"required": True, "content": _json(_reference(operation.body))}
    return described


def _scopes(operation: Operation) -> list[Scope]:
    if operation.scope is None:
        return []
    enough = [Scope.WRITE] if operation.scope == Scope.WRITE else [Scope.READ, Scope.WRITE]
    return [*enough, Scope.DESK] if operation.own_desk else enough


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
    in_query = [
        {
            "name": one.name,
            "in": "query",
            "schema": dict(one.schema),
            **({"description": one.description} if one.description else {}),
        }
        for one in operation.query
    ]
    return in_path + in_query


def _responses(operation: Operation) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, name in operation.answers.items():
        answer: dict[str, Any] = {"description": HTTPStatus(status).phrase}
        if name in _MEDIA:
            answer["content"] = {_MEDIA[name]: {"schema": {"type": "string"}}}
        elif name in SCHEMAS:
            answer["content"] = _json(page_of(name) if operation.is_page else _reference(name))
        elif name is not None:
            answer["content"] = _json({"type": "object"})
        responses[str(status)] = answer
    for status in _problems(operation):
        problem = {PROBLEM_JSON: {"schema": _reference("Problem")}}
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
    if operation.method == "POST" or operation.id == "put_presence":
        found.add(409)
    return sorted(found)


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


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
    "method_not_allowed not_json too_large invalid_fields conflict wrap_up_not_now promise_is_finished "
    "too_many_requests unavailable bad_request internal"
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
        scopes=tuple(str(scope) for scope in _scopes(operation)),
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
        example=EXAMPLES.get(operation.body or ""),
        answer=_field_lines(answer, language),
        is_page=operation.is_page,
        statuses=tuple(described["responses"]),
    )


def _field_lines(name: str | None, language: str) -> tuple[FieldLine, ...]:
    schema = SCHEMAS.get(name or "", {})
    required = set(schema.get("required", ()))
    return tuple(
        FieldLine(field, _type(one), field in required, about(one.get("description", ""), language))
        for field, one in schema.get("properties", {}).items()
    )


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join("null" if value is None else str(value) for value in schema["enum"])
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return " | ".join(str(schema.get("format", one)) if one == "string" else str(one) for one in types)
