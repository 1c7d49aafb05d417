"""What was agreed with me? The page behind the link in our messages, for the caller, without a password.

Whoever has the link sees it, so it tells who rings and by when, and nothing about customer or case. What is
changed there can be changed back, and the number that is owed the callback is told of it.
"""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

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
from sqlalchemy.orm import Session

from app import catalogue, web
from app.catalogue import times
from app.clock import utcnow
from app.db import reading, transaction
from app.deployment import Deployment
from app.desk import refusals, thanks_page
from app.errors import ApplicationError, InvalidField
from app.lines import places
from app.lines.hours import Calendar
from app.messages import messages
from app.promises import choices, ledger, links, second_thoughts
from app.promises.links import Change
from app.records.agents import Agent
from app.records.promises import OWED, Promise, PromiseState
from app.routing import naming
from app.routing.reading import line_of
from config import Settings

bp = Blueprint("callers_page", __name__, url_prefix="/c")

LONGEST_ABOUT = 1000


def register(app: Flask) -> None:
    app.register_blueprint(bp)


@bp.before_request
def open_link() -> None:
    """Let in whoever has a link that we signed; for anybody else there is no such page."""
    settings: Settings = current_app.config["SETTINGS"]
    signed = (request.view_args or {}).get("signed", "")
    g.promise_id = links.promise_of(settings.all_secret_keys, signed)
    g.call_sid = links.call_of(settings.all_secret_keys, signed)
    if g.promise_id is None and g.call_sid is None:
        abort(404)


def _key() -> str:
    settings: Settings = current_app.config["SETTINGS"]
    return settings.secret_key


# --- what it shows ------------------------------------------------------------------------------------


@bp.get("/<signed>")
def page(signed: str) -> Response:
    if g.call_sid is not None:
        return thanks_page.page(signed)
    now = utcnow()
    with reading() as session:
        promise = _found(session, now)
        zone, language = places.zone_of(session, promise.line), _language(promise)
        found = _choices(session, promise, now)
        page = render_template(
            "desk/callers_page.html",
            signed=signed,
            language=language,
            w=lambda code, **more: catalogue.text(f"promise.{code}", language, **more),
            words=_in_words(session, promise, zone, language, now),
            **_may(session, promise, now),
            not_before=_not_before(promise, zone, language, now),
            due=times.deadline(promise.due_at, now, zone, language),
            is_past=promise.due_at <= now,
            choices=[(one.isoformat(), times.deadline(one, now, zone, language)) for one in found],
            digits=(promise.number or "")[-2:],
            telephone=refusals.telephone_of(session, promise.line, promise.number),
            done=request.args.get("done", ""),
        )
    return make_response(page)


def _may(session: Session, promise: Promise, now: datetime) -> dict[str, Any]:
    """Return what can be done with this promise as it stands."""
    is_owed = promise.state in OWED and promise.state != PromiseState.CALLING
    return {
        "owed": is_owed,
        "asks": request.args.get("ask") == "withdraw" and is_owed,
        "can_want_again": second_thoughts.by_the_caller(session, promise),
        "room": min(LONGEST_ABOUT, _room(promise)),
    }


def _room(promise: Promise) -> int:
    """Return how many characters can still be said about it, with the line break before them."""
    return max(0, ledger.LONGEST_ABOUT - len(promise.about) - 1)


def _in_words(session: Session, promise: Promise, zone: ZoneInfo, language: str, now: datetime) -> str:
    """Say how it stands with the promise."""
    agent = session.get(Agent, promise.agent) if promise.agent else None
    values = {"time": times.deadline(promise.due_at, now, zone, language)}
    if agent is not None and naming.of_promise(session, promise):
        values["agent"] = agent.spoken_name
    if promise.state == PromiseState.WITHDRAWN and promise.finished_at is not None:
        values["time"] = times.written(promise.finished_at, zone, language)
    return catalogue.text(f"promise.{_code(promise, now, 'agent' in values)}", language, **values)


def _not_before(promise: Promise, zone: ZoneInfo, language: str, now: datetime) -> str:
    """Say before when they asked not to be rung; empty when they asked nothing, or that moment has come."""
    if promise.not_before is None or promise.not_before <= now:
        return ""
    wished = times.deadline(promise.not_before, now, zone, language)
    return catalogue.text("promise.c_not_before", language, time=wished)


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


def _found(session: Session, now: datetime, *, to_change: bool = False) -> Promise:
    """Return the promise of the link; what is long over, or was forgotten, has no page any more."""
    promise = session.get(Promise, g.promise_id, with_for_update=to_change)
    if promise is not None:
        g.line = promise.line
    if promise is None or not promise.number or links.has_ended(promise, now):
        abort(410)
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


# --- what it changes ----------------------------------------------------------------------------------


@bp.post("/<signed>")
def change(signed: str) -> Response:
    """Move it, say what it is about, withdraw it, or want it after all."""
    if g.call_sid is not None:
        return thanks_page.change(signed)
    now, done = utcnow(), request.form.get("what", "")
    if done not in [*Change]:
        abort(400)
    try:
        with transaction() as session:
            promise = _found(session, now, to_change=True)
            if links.may_change(session, promise, Change(done), now):
                signed = _change(session, promise, Change(done), now) or signed
            else:
                done = "too_often"
    except InvalidField as error:
        done = {"due_at": "other_time", "about": "about_full"}.get(error.field, "too_late")
    except ApplicationError:
        done = "too_late"
    return make_response(redirect(f"/c/{signed}?done={done}", 303))


def _change(session: Session, promise: Promise, what: Change, now: datetime) -> str | None:
    """Carry out what was asked; return another link where from now on another promise serves."""
    match what:
        case Change.MOVE:
            moment = _moment(session, promise, request.form.get("due_at", ""), now)
            if promise.state == PromiseState.CALLING:
                raise InvalidField("id", "they are being rung right now")
            ledger.set_time(session, promise.id, moment, "customer", now)
        case Change.ABOUT:
            _say_more(session, promise, request.form.get("about", "").strip(), now)
        case Change.WITHDRAW:
            if promise.state != PromiseState.WITHDRAWN:
                ledger.withdraw(session, promise.id, "customer", now)
                _receipt(session, promise, catalogue.text("message.withdrawn", promise.language), now)
        case Change.AGAIN:
            return _again(session, promise, now)
    return None


def _say_more(session: Session, promise: Promise, words: str, now: datetime) -> None:
    room = min(LONGEST_ABOUT, _room(promise))
    if len(words) > room:
        raise InvalidField("about", f"at most {room} characters")
    if words:
        ledger.say_more(session, promise.id, words)
        ledger.note(session, promise, "promise_said_more", now, "customer")


def _again(session: Session, promise: Promise, now: datetime) -> str | None:
    asked = request.form.get("due_at", "")
    moment = _moment(session, promise, asked, now) if promise.due_at <= now else None
    was_over = promise.state == PromiseState.WITHDRAWN
    owed = second_thoughts.want_again(session, promise.id, moment, now)
    if was_over:
        zone = places.zone_of(session, owed.line)
        time = times.spoken(owed.due_at, now, zone, owed.language, "before")
        _receipt(session, owed, catalogue.text("message.wanted_again", owed.language, time=time), now)
    return None if owed.id == promise.id else links.signed(_key(), owed.id)


def _receipt(session: Session, promise: Promise, body: str, now: datetime) -> None:
    """Tell the number itself, too: somebody else may have had the link in their hands."""
    messages.inform(session, promise, body, f"promise/{promise.id}/page/{now.isoformat()}", now)


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
