"""What may other systems read and write? The views of /api/v1."""

from collections.abc import Mapping
from typing import Annotated, Any

from flask import Blueprint, Flask, Response, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue
from pydantic import Field
from sqlalchemy import Select, literal, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session, selectinload
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from app import catalogue, db, web
from app.api import (
    absence_views,
    audit_views,
    conversation_views,
    description,
    erasure_views,
    helping_views,
    hook_views,
    list_views,
    noting,
    number_views,
    outbound_views,
    presence_views,
    problems,
    promise_views,
    rule_views,
    screen_views,
    shapes,
    speech_views,
    topic_views,
    trial_views,
    writing,
)
from app.api.fields import AgentKey, Key, Moment, Phone, Problem, Refused, Team, one_of
from app.api.problems import ApiProblem
from app.api.records import AGENTS, CASES, CONTACTS, CUSTOMERS, LINES, TOPICS, Kind
from app.api.routes import (
    OPERATIONS,
    PREFIX,
    READ,
    WRITE,
    Condition,
    Filters,
    actor,
    asked,
    body,
    defaults,
    narrowed,
    operation,
    page,
    read,
    settings,
)
from app.audit import log as audit
from app.db import UtcDateTime
from app.outgoing.shapes import Answer
from app.records.agents import Agent
from app.records.callers import Case, CaseStatus, Contact, Customer, CustomerNumber
from app.records.calls import Call, CallStep
from app.records.lines import Line
from app.records.tokens import Noun
from app.records.topics import Topic
from app.routing import publishing

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
    path: str,
    model: Any,
    column: InstrumentedAttribute[str],
    shown: type[Answer],
    filters: type[Filters],
    **conditions: Condition,
) -> None:
    """Serve PUT and GET of one record, and their list."""
    one, noun = shown.__name__.lower(), Noun(kind.name)

    def find(session: Session, key: str | None) -> Any:
        row = session.scalar(_loaded(select(model)).where(column == key)) if key else None
        if row is None:
            raise ApiProblem(404, "not_found")
        return row

    either = {200: shown, 201: shown}

    @operation("PUT", path, scope=WRITE, noun=noun, body=kind.record, answers=either, name=f"put_{one}")
    def put(**arguments: str) -> ResponseReturnValue:
        with db.transaction() as session:
            key, is_known = writing.put(session, kind, arguments[one], body(), defaults(), actor())
            answer = shown.of(find(session, key))
        if is_known:
            return jsonify(answer)
        return jsonify(answer), 201, {"Location": url_for(f"api.get_{one}", _external=False, **{one: key})}

    @operation("GET", path, scope=READ, noun=noun, answers={200: shown}, name=f"get_{one}")
    def get(**arguments: str) -> ResponseReturnValue:
        with db.reading() as session:
            row = find(session, kind.read_key(arguments[one], defaults()))
            answer, whose = jsonify(shown.of(row)), noting.whose(kind, row)
        if whose:
            read(*whose, list=kind.name)
        return answer

    @operation(
        "GET",
        f"/{kind.name}",
        scope=READ,
        noun=noun,
        answers={200: shown},
        is_page=True,
        query=filters,
        name=f"list_{kind.name}",
    )
    def list_() -> ResponseReturnValue:
        said = asked(filters)
        statement = _loaded(select(model)).order_by(column)
        statement = narrowed(statement, model, said, after=column.__gt__, **conditions)
        of, about = noting.listed(kind), noting.meant(said)
        return page(statement, said, shown.of, lambda row: getattr(row, column.key), of=of, about=about)


def _loaded(statement: Select[Any]) -> Select[Any]:
    """Fetch a customer's numbers for the whole page at once."""
    if statement.column_descriptions[0]["entity"] is Customer:
        return statement.options(selectinload(Customer.numbers))
    return statement


def _of_number(e164: str) -> Any:
    return Customer.key.in_(select(CustomerNumber.customer).where(CustomerNumber.e164 == e164))


class _OfTeam(Filters):
    team: Team | None = Field(None, description="about_filter")


class _OfCustomers(Filters):
    phone: Phone | None = Field(None, description="about_filter")


class _OfCases(Filters):
    customer: Key | None = Field(None, description="about_filter")
    team: Team | None = Field(None, description="about_filter")
    status: Annotated[str, one_of(CaseStatus)] | None = Field(None, description="about_filter")


class _OfContacts(Filters):
    case: Key | None = Field(None, description="about_filter")
    agent: AgentKey | None = Field(None, description="about_filter")


_serve(AGENTS, "/agents/<agent>", Agent, Agent.key, shapes.Agent, _OfTeam)
_serve(LINES, "/lines/<line>", Line, Line.number, shapes.Line, _OfTeam)
_serve(
    *(CUSTOMERS, "/customers/<path:customer>", Customer, Customer.key, shapes.Customer, _OfCustomers),
    phone=_of_number,
)
_serve(CASES, "/cases/<path:case>", Case, Case.key, shapes.Case, _OfCases)
_serve(TOPICS, "/topics/<path:topic>", Topic, Topic.key, shapes.Topic, _OfTeam)
_serve(CONTACTS, "/contacts/<path:contact>", Contact, Contact.key, shapes.Contact, _OfContacts)


topic_views.enter()
erasure_views.enter()
number_views.enter()


absence_views.enter()
presence_views.enter()


class _OfCalls(Filters):
    from_: Phone | None = Field(None, alias="from", description="about_from_query")
    since: Moment | None = Field(None, description="about_since")
    until: Moment | None = Field(None, description="about_until")
    customer: Key | None = None
    case: Key | None = None

    @classmethod
    def given(cls, body: Mapping[str, Any]) -> dict[str, Any]:
        # A plus that wasn't encoded arrives as a space: “+32…” must not be read as Dutch.
        plain = {**body, "from": "+" + body["from"].strip()} if body.get("from", "")[:1] == " " else body
        return super().given(plain)


@operation("GET", "/calls/<call_sid>", scope=READ, noun=Noun.CALLS, answers={200: shapes.Call})
def get_call(call_sid: str) -> ResponseReturnValue:
    with db.reading() as session:
        call = session.get(Call, call_sid)
        if call is None:
            raise ApiProblem(404, "not_found")
        steps = session.scalars(
            select(CallStep).where(CallStep.call_sid == call_sid).order_by(CallStep.number)
        ).all()
        by_version = publishing.of_steps(session, call, steps)
        response = jsonify(shapes.call(call, steps, web.language_asked_for(), by_version))
        whose = audit.person(call.customer, call.remote_e164)
    read(*whose, call=call_sid)
    response.headers["Content-Language"] = web.language_asked_for()
    response.vary.add("Accept-Language")
    return response


@operation(
    "GET",
    "/calls",
    scope=READ,
    noun=Noun.CALLS,
    answers={200: shapes.CallInList},
    is_page=True,
    query=_OfCalls,
)
def list_calls() -> ResponseReturnValue:
    said = asked(_OfCalls)
    statement = narrowed(
        select(Call).order_by(Call.created_at.desc(), Call.sid.desc()),
        Call,
        said,
        from_=Call.remote_e164.__eq__,
        since=Call.created_at.__ge__,
        until=Call.created_at.__lt__,
        after=_before_the_last,
    )
    shape = shapes.CallInList.of
    return page(statement, said, shape, lambda call: call.sid, of="calls", about=noting.meant(said))


def _before_the_last(after: str) -> Any:
    with db.reading() as session:
        last = session.scalar(select(Call.created_at).where(Call.sid == after))
    if last is None:
        raise Refused([Problem("after", "unknown_after", {"text": after[:60]})])
    # As one comparison, which an index can follow; with “or” all that is newer would be looked through.
    return tuple_(Call.created_at, Call.sid) < tuple_(literal(last, UtcDateTime), literal(after))


conversation_views.enter()
helping_views.enter()
promise_views.enter()
hook_views.enter()
audit_views.enter()
rule_views.enter()
trial_views.enter()
list_views.enter()
outbound_views.enter()
speech_views.enter()
screen_views.enter()


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
