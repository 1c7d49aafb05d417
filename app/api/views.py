"""What may other systems read and write? The views of /api/v1."""

import uuid
from datetime import datetime
from typing import Any

from flask import Blueprint, Flask, Response, g, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Select, literal, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session, selectinload, undefer
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from app import catalogue, db, web
from app.agents import presence, streams
from app.api import description, erasure_views, fields, hook_views, problems, shapes, store
from app.api.fields import Defaults, Problem, Refused, Unusable
from app.api.problems import ApiProblem
from app.api.records import AGENTS, CASES, CONTACTS, CUSTOMERS, LINES, Kind
from app.api.routes import (
    AFTER,
    LIMIT,
    OPERATIONS,
    PREFIX,
    Query,
    body,
    defaults,
    limit,
    operation,
    parameter,
    refuse_unknown_parameters,
    settings,
)
from app.clock import utcnow
from app.db import UtcDateTime
from app.errors import InvalidField
from app.lines import places
from app.outgoing import announce
from app.promises import ledger
from app.records.agents import Activity, Agent, Intent, Reach, Slot, Softphone
from app.records.callers import Case, CaseStatus, Contact, Customer, CustomerNumber
from app.records.calls import Call, CallStep
from app.records.lines import Line
from app.records.promises import Promise, PromiseEvent, PromiseState
from app.records.tokens import Scope
from app.routing import rules

LONGEST_BODY = 256 * 1024

READ, WRITE = Scope.READ, Scope.WRITE

bp = Blueprint("api", __name__, url_prefix=PREFIX)
problems.register(bp)


def register(app: Flask) -> None:
    app.config["API_LONGEST_BODY"] = LONGEST_BODY
    app.before_request(_answer_unknown_addresses)
    app.register_blueprint(bp)


def _answer_unknown_addresses() -> ResponseReturnValue | None:
    """Addresses and methods that don't exist have no blueprint, and would get a page."""
    error = request.routing_exception
    if not request.path.startswith("/api/") or not isinstance(error, HTTPException):
        return None
    return None if isinstance(error, RequestRedirect) else problems.of_http(error)


@bp.before_request
def _bound_the_body() -> None:
    request.max_content_length = LONGEST_BODY


@bp.errorhandler(IntegrityError)
def _changed_meanwhile(error: IntegrityError) -> Response:
    # Checked a moment ago, and gone since: somebody else was quicker.
    return problems.answer(ApiProblem(409, "conflict", retry_after=1))


# --- agents, lines, customers, cases, contacts -------------------------------------------------------


def _serve(
    kind: Kind[Any],
    one: str,
    path: str,
    model: Any,
    column: InstrumentedAttribute[str],
    shape: Any,
    **filters: Any,
) -> None:
    """Serve PUT and GET of one record, and their list; a filter is a condition and its value's reader."""
    schema = one.capitalize()
    queries = tuple(Query(name, {"type": "string"}, "about_filter") for name in filters)

    def find(session: Session, key: str) -> Any:
        row = session.scalar(_loaded(select(model)).where(column == key))
        if row is None:
            raise ApiProblem(404, "not_found")
        return row

    @operation(
        "PUT",
        path,
        scope=WRITE,
        body=f"{schema}Written",
        answers={200: schema, 201: schema},
        name=f"put_{one}",
    )
    def put(**arguments: str) -> ResponseReturnValue:
        record = kind.from_json(arguments[one], body(), defaults())
        key = store.key_of(kind, record)
        with db.transaction() as session:
            if missing := store.missing_references(session, kind, [record]):
                raise Refused(missing[0])
            is_known = store.exists_already(session, kind, key)
            with announce.watching(session, _cases_of(session, kind, record, key)):
                store.write(session, kind, [record])
            if kind is CONTACTS and not is_known:
                announce.contact_created(session, key)
            answer = shape(find(session, key))
        if is_known:
            return jsonify(answer)
        return jsonify(answer), 201, {"Location": url_for(f"api.get_{one}", _external=False, **{one: key})}

    @operation("GET", path, scope=READ, answers={200: schema}, name=f"get_{one}")
    def get(**arguments: str) -> ResponseReturnValue:
        with db.reading() as session:
            return jsonify(shape(find(session, _normal(kind, arguments[one]))))

    @operation(
        "GET",
        f"/{kind.name}",
        scope=READ,
        answers={200: schema},
        is_page=True,
        query=queries,
        name=f"list_{kind.name}",
    )
    def list_() -> ResponseReturnValue:
        statement = _loaded(select(model)).order_by(column)
        for name, (condition, read) in filters.items():
            if (value := parameter(name, read)) is not None:
                statement = statement.where(condition(value))
        if after := parameter("after", fields.key):
            statement = statement.where(column > after)
        return _page(statement, queries, shape, lambda row: getattr(row, column.key))


def _cases_of(session: Session, kind: Kind[Any], record: Any, key: str) -> set[str]:
    """Return the cases that may get another owner by a record; one that is new has had none."""
    if kind is CASES:
        return {key} if store.exists_already(session, kind, key) else set()
    if kind is CONTACTS:
        return {record.case, session.scalar(select(Contact.case).where(Contact.key == key)) or record.case}
    return set()


def _loaded(statement: Select[Any]) -> Select[Any]:
    """Fetch a customer's numbers for the whole page at once."""
    if statement.column_descriptions[0]["entity"] is Customer:
        return statement.options(selectinload(Customer.numbers))
    return statement


def _normal(kind: Kind[Any], key: str) -> str:
    """Return the key as it is stored: a line's number in E.164. Raises ApiProblem 404 for no key at all."""
    try:
        return str(kind.key.read(key, defaults()))
    except Unusable:
        raise ApiProblem(404, "not_found") from None


def _page(statement: Select[Any], queries: tuple[Query, ...], shape: Any, key: Any) -> Response:
    """Answer one page of what the statement finds, with the key that the next one begins after."""
    refuse_unknown_parameters((*queries, AFTER, LIMIT))
    most = limit()
    with db.reading() as session:
        rows = list(session.scalars(statement.limit(most + 1)))
        items = [shape(row) for row in rows[:most]]
    following = key(rows[most - 1]) if len(rows) > most else None
    return jsonify(items=items, next=None if following is None else str(following))


def _of_number(e164: str) -> Any:
    return Customer.key.in_(select(CustomerNumber.customer).where(CustomerNumber.e164 == e164))


_ONE_LINE = fields.line_of_text(200)

_serve(
    AGENTS,
    "agent",
    "/agents/<agent>",
    Agent,
    Agent.key,
    shapes.agent,
    team=(lambda value: Agent.team == value, _ONE_LINE),
)
_serve(
    LINES,
    "line",
    "/lines/<line>",
    Line,
    Line.number,
    shapes.line,
    team=(lambda value: Line.team == value, _ONE_LINE),
)
_serve(
    CUSTOMERS,
    "customer",
    "/customers/<path:customer>",
    Customer,
    Customer.key,
    shapes.customer,
    phone=(_of_number, fields.phone),
)
_serve(
    CASES,
    "case",
    "/cases/<path:case>",
    Case,
    Case.key,
    shapes.case,
    customer=(lambda value: Case.customer == value, fields.key),
    team=(lambda value: Case.team == value, _ONE_LINE),
    status=(lambda value: Case.status == value, fields.one_of(CaseStatus)),
)
_serve(
    CONTACTS,
    "contact",
    "/contacts/<path:contact>",
    Contact,
    Contact.key,
    shapes.contact,
    case=(lambda value: Contact.case == value, fields.key),
    agent=(lambda value: Contact.agent == value, fields.agent_key),
)


erasure_views.enter()


def _who() -> str:
    return f"api:{g.api_token.name}"


# --- presence ----------------------------------------------------------------------------------------


@operation("GET", "/agents/<agent>/presence", scope=READ, own_desk=True, answers={200: "Presence"})
def get_presence(agent: str) -> ResponseReturnValue:
    with db.reading() as session:
        return _presence(session, agent)


@operation(
    "PUT",
    "/agents/<agent>/presence",
    scope=WRITE,
    own_desk=True,
    body="PresenceWritten",
    answers={200: "Presence"},
)
def put_presence(agent: str) -> ResponseReturnValue:
    state, reach, back_at = _presence_said(body())
    now = utcnow()
    with db.transaction() as session:
        slot = _slot(session, agent)
        if state == Activity.WRAPPING_UP:
            seconds = rules.of_agent(session, agent).ladder.wrap_up_seconds
            if not presence.start_wrap_up(session, agent, now, seconds):
                raise ApiProblem(409, "wrap_up_not_now")
            if reach is not None and reach != slot.reach:
                _set_intent(session, agent, Intent(slot.intent), now, reach=reach)
        else:
            _set_intent(session, agent, Intent(state), now, reach=reach, back_at=back_at)
            # Whoever says what they do now is done with writing down what was.
            presence.end_wrap_up(session, agent, now)
        return _presence(session, agent)


def _set_intent(session: Session, agent: str, intent: Intent, now: datetime, **more: Any) -> None:
    try:
        presence.set_intent(session, agent, intent, now, **more)
    except InvalidField as error:
        raise Refused([Problem(error.field, "no_phone_to_reach")]) from error


def _presence_said(said: dict[str, Any]) -> tuple[str, Reach | None, datetime | None]:
    found = [Problem(name, "unknown_field") for name in said if name not in {"state", "reach", "back_at"}]
    states = [*Intent, Activity.WRAPPING_UP]
    state = _said(said, "state", fields.one_of(states), found, required=True)
    reach = _said(said, "reach", fields.one_of(Reach), found)
    back_at = _said(said, "back_at", fields.moment, found)
    if found:
        raise Refused(found)
    return state, Reach(reach) if reach else None, back_at


def _said(said: dict[str, Any], name: str, read: Any, found: list[Problem], *, required: bool = False) -> Any:
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


def _slot(session: Session, agent: str) -> Slot:
    slot = session.get(Slot, agent)
    if slot is None:
        raise ApiProblem(404, "not_found")
    return slot


def _presence(session: Session, agent: str) -> Response:
    view = presence.view(session, agent, utcnow())
    if view is None:
        raise ApiProblem(404, "not_found")
    return jsonify(view.as_json())


@operation(
    "POST", "/agents/<agent>/heartbeat", scope=WRITE, own_desk=True, body="Heartbeat", answers={204: None}
)
def heartbeat(agent: str) -> ResponseReturnValue:
    said = body()
    found = [Problem(name, "unknown_field") for name in said if name not in {"visible", "softphone"}]
    softphone = _said(said, "softphone", fields.one_of(Softphone), found, required=True)
    if not isinstance(said.get("visible"), bool):
        code = "missing" if said.get("visible") is None else "wrong_type"
        found.append(Problem("visible", code, {"expected": "boolean"}))
    if found:
        raise Refused(found)
    with db.transaction() as session:
        _slot(session, agent)
        presence.beat(session, agent, visible=said["visible"], softphone=Softphone(softphone), now=utcnow())
    return "", 204


@operation(
    "GET",
    "/agents/<agent>/events",
    scope=READ,
    own_desk=True,
    answers={200: "EventStream"},
    query=(Query("after", {"type": "integer"}, "about_after_event"),),
)
def agent_events(agent: str) -> ResponseReturnValue:
    with db.reading() as session:
        _slot(session, agent)
    return streams.open_stream(agent)


# --- calls -------------------------------------------------------------------------------------------

_CALL_FILTERS = (
    Query("from", {"type": "string"}, "about_from_query"),
    Query("since", {"type": "string", "format": "date-time"}, "about_since"),
    Query("until", {"type": "string", "format": "date-time"}, "about_until"),
    Query("customer", {"type": "string"}),
    Query("case", {"type": "string"}),
)


@operation("GET", "/calls/<call_sid>", scope=READ, answers={200: "Call"})
def get_call(call_sid: str) -> ResponseReturnValue:
    with db.reading() as session:
        call = session.get(Call, call_sid)
        if call is None:
            raise ApiProblem(404, "not_found")
        steps = session.scalars(
            select(CallStep).where(CallStep.call_sid == call_sid).order_by(CallStep.number)
        ).all()
        response = jsonify(shapes.call(call, steps, web.language_asked_for()))
    response.headers["Content-Language"] = web.language_asked_for()
    response.vary.add("Accept-Language")
    return response


@operation("GET", "/calls", scope=READ, answers={200: "CallInList"}, is_page=True, query=_CALL_FILTERS)
def list_calls() -> ResponseReturnValue:
    statement = select(Call).order_by(Call.created_at.desc(), Call.sid.desc())
    if (caller := parameter("from", _caller)) is not None:
        statement = statement.where(Call.from_e164 == caller)
    if (since := parameter("since", fields.moment)) is not None:
        statement = statement.where(Call.created_at >= since)
    if (until := parameter("until", fields.moment)) is not None:
        statement = statement.where(Call.created_at < until)
    if (customer := parameter("customer", fields.key)) is not None:
        statement = statement.where(Call.customer == customer)
    if (case := parameter("case", fields.key)) is not None:
        statement = statement.where(Call.case == case)
    if (after := parameter("after", fields.key)) is not None:
        with db.reading() as session:
            last = session.scalar(select(Call.created_at).where(Call.sid == after))
        if last is None:
            raise Refused([Problem("after", "unknown_after", {"text": after[:60]})])
        # As one comparison, which an index can follow; with “or” all that is newer would be looked through.
        then = tuple_(literal(last, UtcDateTime), literal(after))
        statement = statement.where(tuple_(Call.created_at, Call.sid) < then)
    return _page(statement, _CALL_FILTERS, shapes.call_in_list, lambda call: call.sid)


def _caller(text: str, its_defaults: Defaults) -> str:
    # A plus that wasn't encoded arrives as a space, and was stripped: “+32…” must not be read as Dutch.
    raw = request.args.get("from", "")
    return fields.phone(f"+{text}" if raw.startswith(" ") else text, its_defaults)


# --- promises ----------------------------------------------------------------------------------------

_PROMISE_FILTERS = (
    Query("state", {"type": "string", "enum": [str(state) for state in PromiseState]}),
    Query("agent", {"type": "string"}, "about_agent_query"),
    Query("team", {"type": "string"}),
    Query("customer", {"type": "string"}),
    Query("case", {"type": "string"}),
)


@operation("GET", "/promises", scope=READ, answers={200: "Promise"}, is_page=True, query=_PROMISE_FILTERS)
def list_promises() -> ResponseReturnValue:
    statement = select(Promise).options(undefer(Promise.recordings)).order_by(Promise.id)
    for name, column, read in (
        ("state", Promise.state, fields.one_of(PromiseState)),
        ("agent", Promise.agent, fields.agent_key),
        ("team", Promise.team, _ONE_LINE),
        ("customer", Promise.customer, fields.key),
        ("case", Promise.case, fields.key),
        ("after", None, _number),
    ):
        if (value := parameter(name, read)) is not None:
            statement = statement.where(Promise.id > value if column is None else column == value)
    return _page(statement, _PROMISE_FILTERS, shapes.promise, lambda promise: promise.id)


def _number(text: str, its_defaults: Defaults) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Unusable("unknown_after", text=text[:60])
    return int(text)


@operation("GET", "/promises/<int(max=2147483647):promise>", scope=READ, answers={200: "PromiseWithEvents"})
def get_promise(promise: int) -> ResponseReturnValue:
    with db.reading() as session:
        row = session.get(Promise, promise)
        if row is None:
            raise ApiProblem(404, "not_found")
        return _promise_with_events(session, row)


@operation(
    "POST",
    "/promises",
    scope=WRITE,
    body="PromiseWritten",
    answers={200: "PromiseWithEvents", 201: "PromiseWithEvents"},
)
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
        name: _said(said, name, read, found, required=name in {"number", "due_at"})
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


@operation(
    "POST",
    "/promises/<int(max=2147483647):promise>/withdraw",
    scope=WRITE,
    answers={200: "PromiseWithEvents"},
)
def withdraw_promise(promise: int) -> ResponseReturnValue:
    with db.transaction() as session:
        if session.get(Promise, promise) is None:
            raise ApiProblem(404, "not_found")
        try:
            row = ledger.withdraw(session, promise, _who(), utcnow())
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


# --- the systems that subscribe -----------------------------------------------------------------------

hook_views.enter()


# --- the description ---------------------------------------------------------------------------------


@operation("GET", "/openapi.json", scope=None, answers={200: "OpenApi"})
def openapi() -> ResponseReturnValue:
    response = jsonify(description.document(settings().public_url, web.language_asked_for()))
    response.vary.add("Accept-Language")
    return response


@operation("GET", "/docs", scope=None, answers={200: "Page"})
def docs() -> ResponseReturnValue:
    language = web.language_asked_for()
    page = description.page(settings().public_url, language)

    def say(code: str) -> str:
        return catalogue.text(f"api.{code}", language)

    html = render_template("api/docs.html", page=page, language=language, prefix=PREFIX, say=say)
    return Response(html, headers={"Vary": "Accept-Language"})


for _operation in OPERATIONS:
    bp.add_url_rule(_operation.rule, _operation.id, _operation.view, methods=[_operation.method])
