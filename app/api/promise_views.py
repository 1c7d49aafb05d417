"""What is owed, to whom, and what came of it? The requests of /api/v1/promises."""

import uuid
from datetime import datetime
from typing import Any

from flask import Response, g, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from app import db, web
from app.api import fields, shapes
from app.api.fields import Defaults, Problem, Refused, Unusable
from app.api.problems import ApiProblem
from app.api.routes import (
    ONE_LINE,
    READ,
    WRITE,
    Query,
    body,
    operation,
    page,
    parameter,
    said_in,
    settings,
    who,
)
from app.clock import utcnow
from app.errors import InvalidField
from app.lines import places
from app.promises import ledger
from app.records.agents import Agent
from app.records.callers import Case, Customer
from app.records.lines import Line
from app.records.promises import Promise, PromiseEvent, PromiseState

_PROMISE_FILTERS = (
    Query("state", {"type": "string", "enum": [str(state) for state in PromiseState]}),
    Query("agent", {"type": "string"}, "about_agent_query"),
    Query("team", {"type": "string"}),
    Query("customer", {"type": "string"}),
    Query("case", {"type": "string"}),
)


def list_promises() -> ResponseReturnValue:
    statement = select(Promise).options(undefer(Promise.recordings)).order_by(Promise.id)
    for name, column, read in (
        ("state", Promise.state, fields.one_of(PromiseState)),
        ("agent", Promise.agent, fields.agent_key),
        ("team", Promise.team, ONE_LINE),
        ("customer", Promise.customer, fields.key),
        ("case", Promise.case, fields.key),
        ("after", None, _number),
    ):
        if (value := parameter(name, read)) is not None:
            statement = statement.where(Promise.id > value if column is None else column == value)
    return page(statement, _PROMISE_FILTERS, shapes.promise, lambda promise: promise.id)


def _number(text: str, its_defaults: Defaults) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Unusable("unknown_after", text=text[:60])
    return int(text)


def get_promise(promise: int) -> ResponseReturnValue:
    with db.reading() as session:
        row = session.get(Promise, promise)
        if row is None:
            raise ApiProblem(404, "not_found")
        return _promise_with_events(session, row)


def make_promise() -> ResponseReturnValue:
    now = utcnow()
    asked = request.headers.get("Idempotency-Key", "").strip() or uuid.uuid4().hex
    if len(asked) > 60 or not asked.isprintable():
        raise Refused([Problem("Idempotency-Key", "too_long", {"most": 60})])
    origin = f"api:{g.api_token.hash[:16]}:{asked}"
    said = body()
    with db.transaction() as session:
        wanted = _owed(session, said, now)
        promise = ledger.make(session, origin=origin, why="promise_asked", now=now, **wanted)
        if promise.number not in (wanted["number"], None):
            # None: the customer was erased. Anything else would leave the second number without a promise.
            raise Refused([Problem("Idempotency-Key", "key_of_another_number")])
        session.flush()
        is_new = promise.origin == origin and promise.created_at == now
        answer = _promise_with_events(session, promise)
    return answer, 201 if is_new else 200


_PROMISE_FIELDS = {
    "number": fields.phone,
    "due_at": fields.moment,
    "customer": fields.key,
    "case": fields.key,
    "agent": fields.agent_key,
    "team": fields.line_of_text(120),
    "line": fields.phone,
    "language": fields.any_language,
    "about": fields.paragraphs(2000),
}


def _owed(session: Session, said: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Return what promises.make() wants to know. Raises Refused with all that is wrong."""
    found = [Problem(name, "unknown_field") for name in said if name not in _PROMISE_FIELDS]
    values = {
        name: said_in(said, name, read, found, required=name in {"number", "due_at"})
        for name, read in _PROMISE_FIELDS.items()
    }
    if values["number"] and not places.may_ring(session, values["number"]):
        found.append(Problem("number", "not_callable"))
    if values["due_at"] and values["due_at"] <= now:
        found.append(Problem("due_at", "in_the_past"))
    case = _referred(session, Case, "case", "no_such_case", values, found)
    if case and values["customer"] is None:
        values["customer"] = case.customer
    elif case and case.customer != values["customer"]:
        found.append(Problem("case", "case_of_another_customer"))
    customer = _referred(session, Customer, "customer", "no_such_customer", values, found)
    agent = _referred(session, Agent, "agent", "no_such_agent", values, found)
    if agent and not agent.enabled:
        found.append(Problem("agent", "agent_is_disabled", {"text": agent.key}))
    if case and not values["agent"] and not values["team"]:
        # As when the customer rings: it is a matter of whoever owns the case, while they are here.
        owner = session.get(Agent, case.owner) if case.owner else None
        values["agent"] = owner.key if owner and owner.enabled else None
    line = _referred(session, Line, "line", "no_such_line", values, found)
    values["team"] = values["team"] or next((one.team for one in (case, agent, line) if one), None)
    if values["team"] is None and not found:
        found.append(Problem("team", "team_needed"))
    if found:
        raise Refused(found)
    values["language"] = values["language"] or (
        customer.language if customer else settings().default_language
    )
    values["about"] = values["about"] or ""
    return values


def _referred(
    session: Session, model: Any, name: str, code: str, values: dict[str, Any], found: list[Problem]
) -> Any:
    row = session.get(model, values[name]) if values[name] else None
    if values[name] and row is None:
        found.append(Problem(name, code, {"text": values[name]}))
    return row


def withdraw_promise(promise: int) -> ResponseReturnValue:
    with db.transaction() as session:
        if session.get(Promise, promise) is None:
            raise ApiProblem(404, "not_found")
        try:
            row = ledger.withdraw(session, promise, who(), utcnow())
        except InvalidField:
            raise ApiProblem(409, "promise_is_finished") from None
        session.flush()
        return _promise_with_events(session, row)


def _promise_with_events(session: Session, promise: Promise) -> Response:
    events = session.scalars(
        select(PromiseEvent).where(PromiseEvent.promise == promise.id).order_by(PromiseEvent.id)
    ).all()
    zone, names = places.zone_of(session, promise.line), ledger.names_of(session)
    response = jsonify(shapes.promise_with_events(promise, events, web.language_asked_for(), zone, names))
    response.headers["Content-Language"] = web.language_asked_for()
    response.vary.add("Accept-Language")
    return response


def enter() -> None:
    """Enter the requests where the description is to show them."""
    operation("GET", "/promises", scope=READ, answers={200: "Promise"}, is_page=True, query=_PROMISE_FILTERS)(
        list_promises
    )
    operation(
        "GET", "/promises/<int(max=2147483647):promise>", scope=READ, answers={200: "PromiseWithEvents"}
    )(get_promise)
    operation(
        "POST",
        "/promises",
        scope=WRITE,
        body="PromiseWritten",
        answers={200: "PromiseWithEvents", 201: "PromiseWithEvents"},
    )(make_promise)
    operation(
        "POST",
        "/promises/<int(max=2147483647):promise>/withdraw",
        scope=WRITE,
        answers={200: "PromiseWithEvents"},
    )(withdraw_promise)
