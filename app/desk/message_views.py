"""How does an agent read and answer what customers write? A thread at the desk, by message or by promise."""

import secrets

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
)
from sqlalchemy.orm import Session

from app import catalogue, web
from app.audit import log as audit
from app.audit.log import What
from app.carrier import delivery
from app.clock import utcnow
from app.db import reading, transaction
from app.desk import threads
from app.desk.card import zone_of_desk
from app.door.looking import looked
from app.door.sign_in import desk_of_reader, require_agent
from app.errors import InvalidField
from app.messages import messages
from app.promises import ledger
from app.records.agents import Agent
from app.records.messages import Message
from app.records.promises import Promise

bp = Blueprint("desk_messages", __name__, url_prefix="/desk/messages")


def register(app: Flask) -> None:
    app.register_blueprint(bp)


def words(code: str, **values: object) -> str:
    """Return a text about messages in the reader's language."""
    return catalogue.text(f"message.{code}", web.language(), **values)


@bp.get("/<any(message,promise):kind>/<reference>")
@require_agent
def thread(kind: str, reference: str) -> Response:
    """Return the thread: for the desk's script a part of its page, for anybody else a page of its own."""
    return _thread(kind, reference)


@bp.post("/<any(message,promise):kind>/<reference>/answer")
@require_agent
def answer(kind: str, reference: str) -> Response:
    """Write to the customer. `once` names this form, so that a second press sends nothing more."""
    agent, now, body = desk_of_reader(), utcnow(), request.form.get("body", "")
    try:
        with transaction() as session:
            to = _theirs(session, kind, reference, agent)
            author = session.get_one(Agent, agent)
            messages.answer(session, to, body, author, now, once=request.form.get("once", "")[:32])
    except InvalidField as error:
        return _refused(kind, reference, error, body)
    return _thread_or_back(kind, reference)


@bp.post("/<any(message,promise):kind>/<reference>/seen")
@require_agent
def seen(kind: str, reference: str) -> Response:
    """It needs no answer, or was answered in some other way."""
    agent, now = desk_of_reader(), utcnow()
    with transaction() as session:
        to = _theirs(session, kind, reference, agent)
        messages.see_to(session, to.number or "", agent, now)
    return _thread_or_back(kind, reference)


def _theirs(session: Session, kind: str, reference: str, agent: str) -> Message | Promise:
    """Return whom a thread is with; 404 for what isn't the reader's, as for what never was."""
    to: Message | Promise | None
    if kind == "promise":
        to = session.get(Promise, int(reference)) if reference.isdecimal() and len(reference) < 10 else None
    else:
        to = session.get(Message, reference)
    if to is None or not to.number or not threads.may_read(session, to, agent):
        abort(404)
    return to


def _thread(kind: str, reference: str, *, problem: str = "", body: str = "", status: int = 200) -> Response:
    agent, now = desk_of_reader(), utcnow()
    with reading() as session:
        _use_zone(session, agent)
        to = _theirs(session, kind, reference, agent)
        found = threads.thread_of(session, to, ledger.names_of(session), now, agent)
        whose = audit.person(to.customer, to.number)
    looked(What.THREAD_READ, *whose)
    part = "desk/thread_said.html" if request.args.get("part") == "said" else "desk/thread.html"
    page = render_template(
        part if _is_fetched() else "desk/thread_page.html",
        thread=found,
        address=f"/desk/messages/{kind}/{reference}",
        once=secrets.token_hex(8),
        longest=messages.LONGEST,
        problem=problem,
        body=body,
        now=now,
        w=words,
        why_not=lambda code: delivery.why_not(code, web.language()),
    )
    return make_response(page, status)


def _use_zone(session: Session, agent: str) -> None:
    """Show times as on the clock where the agent's team is called."""
    if zone := zone_of_desk(session, agent):
        web.show_times_in(zone)


def _is_fetched() -> bool:
    return request.headers.get("X-Requested-With") == "fetch"


def _thread_or_back(kind: str, reference: str) -> Response:
    if _is_fetched():
        return _thread(kind, reference)
    return make_response(redirect(f"/desk/messages/{kind}/{reference}", 303))


def _refused(kind: str, reference: str, error: InvalidField, body: str) -> Response:
    problem = words(error.message, most=messages.LONGEST)
    if not _is_fetched():
        return _thread(kind, reference, problem=problem, body=body, status=422)
    about = {"title": words("refused"), "status": 422, "detail": problem, "field": error.field}
    return make_response(jsonify(about), 422, {"Content-Type": "application/problem+json"})
