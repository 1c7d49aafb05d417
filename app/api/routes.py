"""Which requests are there? Each view says once what it takes and gives; guard and description follow."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, current_app, g, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Select

from app import db
from app.api import fields
from app.api.auth import require
from app.api.fields import Defaults, Problem, Refused, Unusable
from app.api.problems import ApiProblem
from app.records.tokens import Scope
from config import Settings

PREFIX = "/api/v1"

MOST_ITEMS = 500
USUAL_ITEMS = 100

View = Callable[..., ResponseReturnValue]


@dataclass(frozen=True)
class Query:
    """One parameter of the query string."""

    name: str
    schema: Mapping[str, Any]
    description: str = ""


@dataclass(frozen=True)
class Operation:
    """One request that can be made, as the description tells it and as it is served."""

    id: str  # also its text in the catalogue: api.<id>
    method: str
    rule: str  # Flask's, below PREFIX
    scope: Scope | None  # None: open to everybody
    own_desk: bool  # an agent's own desk token does as well
    body: str | None  # a schema's name
    answers: Mapping[int, str | None]  # the schema's name by status; None: no body
    is_page: bool  # answers a page of such items
    query: tuple[Query, ...]
    view: View  # guarded


OPERATIONS: list[Operation] = []

AFTER = Query("after", {"type": "string"}, "about_after")
LIMIT = Query("limit", {"type": "integer", "minimum": 1, "maximum": MOST_ITEMS, "default": USUAL_ITEMS})


def operation(
    method: str,
    rule: str,
    *,
    scope: Scope | None,
    answers: Mapping[int, str | None],
    body: str | None = None,
    own_desk: bool = False,
    is_page: bool = False,
    query: tuple[Query, ...] = (),
    name: str | None = None,
) -> Callable[[View], View]:
    """Guard a view with a scope and enter it into OPERATIONS, from which it is served and described."""

    def enter(view: View) -> View:
        OPERATIONS.append(
            Operation(
                id=name or view.__name__,
                method=method,
                rule=rule,
                scope=scope,
                own_desk=own_desk,
                body=body,
                answers=answers,
                is_page=is_page,
                query=(*query, AFTER, LIMIT) if is_page else query,
                view=require(scope, own_desk=own_desk)(view) if scope else view,
            )
        )
        return view

    return enter


# --- what requests bring -----------------------------------------------------------------------------


def settings() -> Settings:
    found: Settings = current_app.config["SETTINGS"]
    return found


def defaults() -> Defaults:
    return Defaults(settings().default_country, settings().default_language)


def body() -> dict[str, Any]:
    """Return the JSON object that was sent. Raises ApiProblem 400 for anything else."""
    try:
        value = json.loads(request.get_data(), parse_constant=_no_such_number)
    except (ValueError, RecursionError):
        raise ApiProblem(400, "not_json") from None
    if not isinstance(value, dict):
        raise ApiProblem(400, "not_json")
    return value


def _no_such_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def refuse_unknown_parameters(allowed: tuple[Query, ...]) -> None:
    """A filter that is misspelt must not answer with everything. Raises Refused."""
    names = {one.name for one in allowed}
    if unknown := [name for name in request.args if name not in names]:
        raise Refused(Problem(name, "unknown_parameter") for name in unknown)


def limit() -> int:
    """Return how many items the page may hold. Raises Refused unless it is a number that makes sense."""
    text = request.args.get("limit", str(USUAL_ITEMS))
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= MOST_ITEMS):
        raise Refused([Problem("limit", "not_a_page", {"text": text[:60], "most": MOST_ITEMS})])
    return int(text)


def parameter(name: str, read: Callable[[str, Defaults], Any]) -> Any:
    """Return a query parameter's value, None when it isn't there. Raises Refused when it can't be used."""
    text = request.args.get(name)
    if not text or not text.strip():
        return None
    try:
        return read(text.strip(), defaults())
    except Unusable as unusable:
        raise Refused([Problem(name, unusable.code, unusable.values_said)]) from unusable


def said_in(
    said: dict[str, Any], name: str, read: Any, found: list[Problem], *, required: bool = False
) -> Any:
    """Return the value of one text, None when it isn't there; what is wrong with it is added to `found`."""
    value = said.get(name)
    if value is None or value == "":
        if required:
            found.append(Problem(name, "missing"))
        return None
    if not isinstance(value, str):
        found.append(Problem(name, "wrong_type", {"expected": "string"}))
        return None
    try:
        return read(value.strip(), defaults())
    except Unusable as unusable:
        found.append(Problem(name, unusable.code, unusable.values_said))
        return None


READ, WRITE = Scope.READ, Scope.WRITE


def page(statement: Select[Any], queries: tuple[Query, ...], shape: Any, key: Any) -> Response:
    """Answer one page of what the statement finds, with the key that the next one begins after."""
    refuse_unknown_parameters((*queries, AFTER, LIMIT))
    most = limit()
    with db.reading() as session:
        rows = list(session.scalars(statement.limit(most + 1)))
        items = [shape(row) for row in rows[:most]]
    following = key(rows[most - 1]) if len(rows) > most else None
    return jsonify(items=items, next=None if following is None else str(following))


ONE_LINE = fields.line_of_text(200)


def who() -> str:
    return f"api:{g.api_token.name}"
