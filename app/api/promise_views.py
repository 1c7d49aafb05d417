"""What is owed, to whom, and what came of it? The requests of /api/v1/promises."""

import uuid
from datetime import datetime
from typing import Annotated, Any

from flask import Response, g, jsonify, request
from flask.typing import ResponseReturnValue
from pydantic import AfterValidator, Field
from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from app import db, web
from app.api import shapes
from app.api.fields import (
    PARAGRAPHS,
    AgentKey,
    AnyLanguage,
    Key,
    Moment,
    Phone,
    Problem,
    Refused,
    Said,
    Team,
    Unusable,
    YesOrNo,
    one_of,
    short,
)
from app.api.problems import ApiProblem
from app.api.routes import (
    READ,
    WRITE,
    Filters,
    actor,
    asked,
    narrowed,
    operation,
    page,
    read,
    said_in_body,
    settings,
    who,
)
from app.audit import log as audit
from app.audit.log import What
from app.clock import utcnow
from app.errors import InvalidField
from app.lines import places
from app.messages.confirmation import confirm
from app.outgoing.words import words
from app.promises import ledger, owed
from app.records.agents import Agent
from app.records.callers import Case, Customer
from app.records.lines import Line
from app.records.promises import Promise, PromiseEvent, PromiseState
from app.records.tokens import Noun


class PromiseWritten(Said):
    number: Phone = Field(description="about_number")
    due_at: Moment = Field(description="about_due_in_future")
    customer: Key | None = None
    case: Key | None = None
    agent: AgentKey | None = Field(None, description="about_debtor")
    team: Team | None = Field(None, description="about_team_of")
    line: Phone | None = Field(None, description="about_line_shown")
    language: AnyLanguage | None = None
    about: Annotated[str, Field(max_length=2000), PARAGRAPHS] = Field("", description="about_about")
    tell: YesOrNo = Field(True, description="about_tell")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Unusable("unknown_after", text=short(text))
    return int(text)


class _OfPromises(Filters):
    state: Annotated[str, one_of(PromiseState), words(PromiseState)] | None = None
    agent: AgentKey | None = Field(None, description="about_agent_query")
    team: Team | None = None
    customer: Key | None = None
    case: Key | None = None
    after: Annotated[str, AfterValidator(_number)] | None = Field(None, description="about_after")


def list_promises() -> ResponseReturnValue:
    said = asked(_OfPromises)
    statement = select(Promise).options(undefer(Promise.recordings)).order_by(Promise.id)
    statement = narrowed(statement, Promise, said, after=Promise.id.__gt__)
    whom = audit.person(said.customer, None)
    return page(statement, said, shapes.Promise.of, lambda one: one.id, of="promises", about=whom)


def get_promise(promise: int) -> ResponseReturnValue:
    with db.reading() as session:
        row = session.get(Promise, promise)
        if row is None:
            raise ApiProblem(404, "not_found")
        answer, whose = _promise_with_events(session, row), audit.person(row.customer, row.number)
    read(*whose, promise=promise)
    return answer


def make_promise() -> ResponseReturnValue:
    now = utcnow()
    asked = request.headers.get("Idempotency-Key", "").strip() or uuid.uuid4().hex
    if len(asked) > 60 or not asked.isprintable():
        raise Refused([Problem("Idempotency-Key", "too_long", {"most": 60})])
    origin = f"api:{g.api_token.hash[:16]}:{asked}"
    said = said_in_body(PromiseWritten)
    with db.transaction() as session:
        wanted = _owed(session, said, now)
        tell = wanted.pop("tell")
        promise = ledger.make(session, origin=origin, why="promise_asked", now=now, **wanted)
        is_erased = promise.number is None
        if not is_erased and (
            promise.number != wanted["number"]
            or not owed.is_about(promise, wanted["customer"], wanted["case"])
        ):
            # Anything else would leave the second without a promise.
            raise Refused([Problem("Idempotency-Key", "key_of_another_number")])
        session.flush()
        if tell:
            confirm(session, promise, now)
        is_new = promise.origin == origin and promise.created_at == now
        if is_new:
            whose = audit.person(promise.customer, promise.number)
            made = {"promise": promise.id, "how": "promise_asked"}
            audit.record(session, actor(), What.PROMISE_CHANGED, now, *whose, **made)
        answer = _promise_with_events(session, promise)
    return answer, 201 if is_new else 200


def _owed(session: Session, said: PromiseWritten, now: datetime) -> dict[str, Any]:
    """Return what promises.make() wants to know. Raises Refused with all that is wrong."""
    found: list[Problem] = []
    values = dict(said)
    if not places.may_ring(session, said.number):
        found.append(Problem("number", "not_callable"))
    if said.due_at <= now:
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
    operation(
        "GET",
        "/promises",
        scope=READ,
        noun=Noun.PROMISES,
        answers={200: shapes.Promise},
        is_page=True,
        query=_OfPromises,
    )(list_promises)
    operation(
        "GET",
        "/promises/<int(max=2147483647):promise>",
        scope=READ,
        noun=Noun.PROMISES,
        answers={200: shapes.PromiseWithEvents},
    )(get_promise)
    operation(
        "POST",
        "/promises",
        scope=WRITE,
        noun=Noun.PROMISES,
        body=PromiseWritten,
        answers={200: shapes.PromiseWithEvents, 201: shapes.PromiseWithEvents},
    )(make_promise)
    operation(
        "POST",
        "/promises/<int(max=2147483647):promise>/withdraw",
        scope=WRITE,
        noun=Noun.PROMISES,
        answers={200: shapes.PromiseWithEvents},
    )(withdraw_promise)
