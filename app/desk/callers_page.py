"""What was agreed with me? The page behind the link in our messages, for the caller, without a password.

Whoever has the link sees it, so it tells who rings and by when, and nothing about customer or case.
"""

from datetime import datetime, timedelta

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    g,
    make_response,
    redirect,
    render_template,
    request,
)
from flask import session as visit
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import catalogue, web
from app.catalogue import times
from app.clock import utcnow
from app.db import reading, transaction
from app.deployment import Deployment
from app.errors import ApplicationError, InvalidField
from app.lines import places
from app.lines.hours import Calendar
from app.promises import choices, ledger, links
from app.records.agents import Agent
from app.records.promises import OWED, Promise, PromiseState
from app.routing import rules
from app.routing.reading import line_of
from config import Settings

bp = Blueprint("callers_page", __name__, url_prefix="/c")

# After this the page says nothing of a promise that is over.
SHOWN_AFTERWARDS = timedelta(days=30)
LONGEST_ABOUT = 1000


def register(app: Flask) -> None:
    app.register_blueprint(bp)


@bp.before_request
def open_link() -> None:
    """Let in whoever has a link that we signed; for anybody else there is no such page."""
    settings: Settings = current_app.config["SETTINGS"]
    g.promise_id = links.promise_of(settings.secret_key, (request.view_args or {}).get("signed", ""))
    if g.promise_id is None:
        abort(404)


@bp.get("/<signed>")
def page(signed: str) -> Response:
    now = utcnow()
    with reading() as session:
        promise = _found(session, now)
        zone = places.zone_of(session, promise.line)
        agent = session.get(Agent, promise.agent) if promise.agent else None
        in_force = rules.of_version(session, session.scalar(select(rules.newest_version)))
        language = _language(promise)
        values = {"time": times.deadline(promise.due_at, now, zone, language)}
        if agent is not None and in_force.ladder.speaks_names:
            values["agent"] = agent.spoken_name
        found = _choices(session, promise, now) if promise.state in OWED else []
        return make_response(
            render_template(
                "desk/callers_page.html",
                signed=signed,
                language=language,
                w=lambda code, **more: catalogue.text(f"promise.{code}", language, **more),
                words=catalogue.text(f"promise.{_code(promise, now, 'agent' in values)}", language, **values),
                owed=promise.state in OWED and promise.state != PromiseState.CALLING,
                choices=[(one.isoformat(), times.written(one, zone, language)) for one in found],
                digits=(promise.number or "")[-2:],
                done=request.args.get("done", ""),
                longest=LONGEST_ABOUT,
            )
        )


def _code(promise: Promise, now: datetime, named: bool) -> str:
    match promise.state:
        case PromiseState.KEPT | PromiseState.MERGED:
            return "c_kept"
        case PromiseState.WITHDRAWN:
            return "c_withdrawn"
        case PromiseState.CALLING:
            return "c_calling"
        case _ if promise.due_at <= now:
            return "c_late"
        case _:
            return "c_owed_by" if named else "c_owed"


def _found(session: Session, now: datetime) -> Promise:
    promise = session.get(Promise, g.promise_id)
    if promise is None or not promise.number:
        abort(404)
    if promise.finished_at is not None and now - promise.finished_at > SHOWN_AFTERWARDS:
        abort(404)
    return promise


def _language(promise: Promise) -> str:
    """Return the reader's own choice, else the language in which we spoke to them."""
    asked = request.args.get("lang", "")
    if asked in catalogue.LANGUAGES:
        web.choose_language(asked)
        return asked
    return str(visit.get("language", promise.language))


def _choices(session: Session, promise: Promise, now: datetime) -> list[datetime]:
    """Return moments to choose from, without what stands already."""
    found = choices.likely(_calendar(session, promise), now)
    return [one for one in found if one != promise.due_at]


def _calendar(session: Session, promise: Promise) -> Calendar:
    deployment = Deployment.of(current_app.config["SETTINGS"])
    return line_of(session, promise.line or "", deployment.defaults).calendar


def _moment(session: Session, promise: Promise, text: str, now: datetime) -> datetime:
    """Read a chosen moment. Raises InvalidField for one that is past, far away, or while we are closed."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidField("due_at", "choose one of the moments") from None
    if moment.tzinfo is None or not now < moment < now + choices.FARTHEST:
        raise InvalidField("due_at", "choose one of the moments")
    # A deadline: the minute before it must be one in which somebody is there.
    if not _calendar(session, promise).is_open(moment - timedelta(minutes=1)):
        raise InvalidField("due_at", "choose a moment at which we are open")
    return moment


@bp.post("/<signed>")
def change(signed: str) -> Response:
    """Move it, withdraw it, or say what it is about."""
    now, done = utcnow(), request.form.get("what", "")
    try:
        with transaction() as session:
            promise = _found(session, now)
            _change(session, promise, done, now)
    except InvalidField as error:
        done = "other_time" if error.field == "due_at" else "too_late"
    except ApplicationError:
        done = "too_late"
    return make_response(redirect(f"/c/{signed}?done={done}", 303))


def _change(session: Session, promise: Promise, what: str, now: datetime) -> None:
    match what:
        case "move":
            moment = _moment(session, promise, request.form.get("due_at", ""), now)
            if promise.state == PromiseState.CALLING:
                raise InvalidField("id", "they are being rung right now")
            ledger.set_time(session, promise.id, moment, "customer", now)
        case "withdraw":
            ledger.withdraw(session, promise.id, "customer", now)
        case "about":
            words = request.form.get("about", "").strip()[:LONGEST_ABOUT]
            if words:
                ledger.say_about(session, promise.id, f"{promise.about}\n{words}".strip())
                ledger.note(session, promise, "promise_said_more", now, "customer")
        case _:
            abort(400)
