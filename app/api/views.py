"""What may other systems read and write? The views of /api/v1."""

from typing import Any

from flask import Blueprint, Flask, Response, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Select, literal, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session, selectinload
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from app import catalogue, db, web
from app.api import (
    description,
    erasure_views,
    fields,
    hook_views,
    presence_views,
    problems,
    promise_views,
    shapes,
    store,
)
from app.api.fields import Defaults, Problem, Refused, Unusable
from app.api.problems import ApiProblem
from app.api.records import AGENTS, CASES, CONTACTS, CUSTOMERS, LINES, Kind
from app.api.routes import (
    ONE_LINE,
    OPERATIONS,
    PREFIX,
    READ,
    WRITE,
    Query,
    body,
    defaults,
    operation,
    page,
    parameter,
    settings,
)
from app.db import UtcDateTime
from app.outgoing import announce
from app.records.agents import Agent
from app.records.callers import Case, CaseStatus, Contact, Customer, CustomerNumber
from app.records.calls import Call, CallStep
from app.records.lines import Line

LONGEST_BODY = 256 * 1024

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
        with db.transaction() as session:
            key, is_known = _written(session, kind, arguments[one])
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
        return page(statement, queries, shape, lambda row: getattr(row, column.key))


def _written(session: Session, kind: Kind[Any], said: str) -> tuple[str, bool]:
    """Write down the record of a request; return its key, and whether there was one before."""
    record = kind.from_json(said, body(), defaults())
    key = store.key_of(kind, record)
    if missing := store.missing_references(session, kind, [record]):
        raise Refused(missing[0])
    is_known = store.exists_already(session, kind, key)
    with announce.watching(session, _cases_of(session, kind, record, key)):
        store.write(session, kind, [record])
    if kind is CONTACTS and not is_known:
        announce.contact_created(session, key)
    return key, is_known


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


def _of_number(e164: str) -> Any:
    return Customer.key.in_(select(CustomerNumber.customer).where(CustomerNumber.e164 == e164))


_serve(
    AGENTS,
    "agent",
    "/agents/<agent>",
    Agent,
    Agent.key,
    shapes.agent,
    team=(lambda value: Agent.team == value, ONE_LINE),
)


_serve(
    LINES,
    "line",
    "/lines/<line>",
    Line,
    Line.number,
    shapes.line,
    team=(lambda value: Line.team == value, ONE_LINE),
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
    team=(lambda value: Case.team == value, ONE_LINE),
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


presence_views.enter()

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
        statement = statement.where(Call.remote_e164 == caller)
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
    return page(statement, _CALL_FILTERS, shapes.call_in_list, lambda call: call.sid)


def _caller(text: str, its_defaults: Defaults) -> str:
    # A plus that wasn't encoded arrives as a space, and was stripped: “+32…” must not be read as Dutch.
    raw = request.args.get("from", "")
    return fields.phone(f"+{text}" if raw.startswith(" ") else text, its_defaults)


promise_views.enter()
hook_views.enter()


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
