"""Which requests are there? Each view says once what it takes and gives; guard and description follow."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from flask import Response, current_app, g, jsonify, request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, BeforeValidator, Field
from sqlalchemy import Select

from app import db
from app.api.auth import require
from app.api.fields import Defaults, Key, Said, Unusable, short
from app.api.problems import ApiProblem
from app.audit import log as audit
from app.audit.log import Actor, Subject, What
from app.clock import utcnow
from app.records.audit import Via
from app.records.tokens import Noun, Scope
from config import Settings

PREFIX = "/api/v1"

MOST_ITEMS = 500
USUAL_ITEMS = 100

View = Callable[..., ResponseReturnValue]
Condition = Callable[[Any], Any]
# What is answered: a shape, another sort of answer by its name, or nothing.
Shown = type[BaseModel] | str | None


@dataclass(frozen=True)
class Operation:
    """One request that can be made, as the description tells it and as it is served."""

    id: str  # also its text in the catalogue: api.<id>
    method: str
    rule: str  # Flask's, below PREFIX
    scope: Scope | None  # None: open to everybody
    noun: Noun | None  # what it is about; None: a token for some nouns never does
    own_desk: bool  # an agent's own desk token does as well
    own_calls: bool  # so does any, in the agent's own calls
    body: type[BaseModel] | None
    answers: Mapping[int, Shown]  # by status; None: no body
    is_page: bool  # answers a page of such items
    query: type[Said] | None
    view: View  # guarded


OPERATIONS: list[Operation] = []


def operation(
    method: str,
    rule: str,
    *,
    scope: Scope | None,
    noun: Noun | None = None,
    answers: Mapping[int, Shown],
    body: type[BaseModel] | None = None,
    own_desk: bool = False,
    own_calls: bool = False,
    is_page: bool = False,
    query: type[Said] | None = None,
    name: str | None = None,
) -> Callable[[View], View]:
    """Guard a view with a scope for a noun, and enter it where it is served and described from."""

    def enter(view: View) -> View:
        OPERATIONS.append(
            Operation(
                id=name or view.__name__,
                method=method,
                rule=rule,
                scope=scope,
                noun=noun,
                own_desk=own_desk,
                own_calls=own_calls,
                body=body,
                answers=answers,
                is_page=is_page,
                query=query,
                view=require(scope, noun, own_desk=own_desk, own_calls=own_calls)(view) if scope else view,
            )
        )
        return view

    return enter


# --- what requests bring -----------------------------------------------------------------------------


def settings() -> Settings:
    found: Settings = current_app.config["SETTINGS"]
    return found


def defaults() -> Defaults:
    return Defaults.of(settings())


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


S = TypeVar("S", bound=Said)


def said_in_body(kind: type[S]) -> S:
    """Return the body, checked. Raises ApiProblem 400 for no JSON, and Refused with all that is wrong."""
    return kind.read(kind.given(body()), defaults())


def asked(kind: type[S]) -> S:
    """Return the parameters of the query string, checked. Raises Refused with all that is wrong."""
    return kind.read(kind.given(request.args), defaults())


def _limit(text: Any) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= MOST_ITEMS):
        raise Unusable("not_a_page", text=short(text), most=MOST_ITEMS)
    return int(text)


class Asked(Said):
    """Parameters of a query. A filter that is misspelt must not answer with everything."""

    unknown = "unknown_parameter"


class Filters(Asked):
    """What narrows a list, and which page of it."""

    after: Key | None = Field(None, description="about_after")
    limit: Annotated[int, Field(ge=1, le=MOST_ITEMS), BeforeValidator(_limit)] = Field(
        USUAL_ITEMS, json_schema_extra={"default": USUAL_ITEMS}
    )


READ, WRITE = Scope.READ, Scope.WRITE


def narrowed(statement: Select[Any], model: Any, filters: Filters, **conditions: Condition) -> Select[Any]:
    """Keep what the filters ask for: each is the name of a column, or has a condition of its own."""
    for name, value in filters:
        if value is not None and name != "limit":
            condition = conditions.get(name) or getattr(model, name).__eq__
            statement = statement.where(condition(value))
    return statement


def page(
    statement: Select[Any],
    filters: Filters,
    shape: Any,
    key: Any,
    *,
    of: str = "",
    about: Sequence[Subject] = (),
) -> Response:
    """Answer one page of what the statement finds, with the key that the next one begins after.

    `of` says what it lists, where that is about people: then it is written down who asked for it, how many
    there were, and `about` whom alone they asked.
    """
    with db.reading() as session:
        rows = list(session.scalars(statement.limit(filters.limit + 1)))
        items = [shape(row) for row in rows[: filters.limit]]
    if of:
        asked_by = [name for name, value in filters if value is not None and name != "limit"]
        read(*about, list=of, rows=len(items), by=asked_by or None)
    following = key(rows[filters.limit - 1]) if len(rows) > filters.limit else None
    return jsonify(items=items, next=None if following is None else str(following))


def who() -> str:
    return f"api:{g.api_token.name}"


def actor() -> Actor:
    """Return who asks, as the audit log knows them."""
    return Actor(who(), Via.API)


def read(*subjects: Subject, **details: object) -> None:
    """Write down whose data are about to be given to who asks."""
    with db.transaction() as session:
        audit.record(session, actor(), What.API_READ, utcnow(), *subjects, **details)
