"""What does the agent do with the screen beside the call? Offer it, check, put things there, take files."""

from collections.abc import Callable
from datetime import datetime

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
)
from sqlalchemy.orm import Session

from app import catalogue, web
from app.audit import log as audit
from app.audit.log import What
from app.catalogue import times
from app.clock import utcnow
from app.db import reading, transaction
from app.deployment import Deployment
from app.desk.views import only_if_offered, use_zone_of
from app.door.looking import looked
from app.door.sign_in import actor, desk_of_reader, require_agent
from app.errors import InvalidField, NotNow
from app.lines import places
from app.records.calls import Call
from app.records.screen import ItemKind, Way
from app.screen import items, offering, pages, shown, uploads, ways_in
from app.screen.pages import Life
from app.screen.shown import PageCard
from app.voice import held
from config import Settings

bp = Blueprint("desk_screen", __name__, url_prefix="/desk/calls/<call_sid>")


def register(app: Flask) -> None:
    app.register_blueprint(bp)


def _settings() -> Settings:
    found: Settings = current_app.config["SETTINGS"]
    return found


def _life() -> Life:
    return Life.of(_settings().screen_grace_minutes)


def words(code: str, **values: object) -> str:
    return catalogue.text(f"screen.{code}", web.language(), **values)


def panel_of(session: Session, call_sid: str, agent: str, now: datetime) -> PageCard | None:
    """Return the page of a call for its card; None for whoever doesn't, and didn't, talk in it."""
    call = session.get(Call, call_sid)
    if call is None or not pages.talked(session, call, agent):
        return None
    settings = _settings()
    return shown.page_card(
        session,
        call,
        pages.of_call(session, call_sid),
        agent,
        _life(),
        now,
        key=settings.secret_key,
        language=web.language(),
        country=shown.country_of(session, call, Deployment.of(settings)),
    )


def _panel(call_sid: str, problem: str = "", status: int = 200) -> Response:
    agent, now = desk_of_reader(), utcnow()
    with reading() as session:
        if not held.was_offered(session, call_sid, agent):
            abort(404)
        use_zone_of(session, agent)
        panel = panel_of(session, call_sid, agent, now)
        call = session.get_one(Call, call_sid)
        files = uploads.of_call(session, call)
    html = render_template(
        "screen/panel.html",
        panel=panel,
        files=files,
        call_sid=call_sid,
        b=words,
        short_day=lambda day: times.short_date(day, web.language(), with_year=False),
        own_kinds=(ItemKind.QUESTION,),
        where_to_type=f"{_settings().public_url.partition('://')[2]}/s",
        problem=problem,
    )
    response = make_response(html, status)
    response.headers["X-Call"] = call_sid
    return response


@bp.get("/screen")
@require_agent
def panel(call_sid: str) -> Response:
    return _panel(call_sid)


def _do(call_sid: str, what: Callable[[Session, str, datetime], object]) -> Response:
    """Do it, and show the panel as it stands then; without a script, the desk."""
    agent, now = only_if_offered(call_sid), utcnow()
    try:
        with transaction() as session:
            what(session, agent, now)
    except NotNow as not_now:
        return _refused(call_sid, words(not_now.code, **not_now.values))
    except InvalidField as error:
        return _refused(call_sid, catalogue.text(error.message, web.language()))
    if request.headers.get("X-Requested-With") == "fetch":
        return _panel(call_sid)
    return make_response(redirect(f"/desk?call={call_sid}", 303))


def _refused(call_sid: str, why: str) -> Response:
    """Say why in the panel itself: it shows how things stand, which may be why."""
    return _panel(call_sid, why, 409)


@bp.post("/screen/offer")
@require_agent
def offer(call_sid: str) -> Response:
    """Send the link (`by` sms or whatsapp, to `number` if that is another), or make a code (`by` code)."""
    settings, form = _settings(), request.form

    def offered(session: Session, agent: str, now: datetime) -> None:
        by = Way(form["by"]) if form.get("by") in [*Way] else Way.SMS
        if by == Way.CODE:
            offering.code(session, call_sid, agent, actor(), _life(), now, key=settings.secret_key)
            return
        line = session.get_one(Call, call_sid).line
        offering.link(
            session,
            call_sid,
            agent,
            actor(),
            _life(),
            now,
            way=by,
            number=form.get("number", "").strip(),
            country=places.country_of(session, line) or settings.default_country,
        )

    return _do(call_sid, offered)


@bp.post("/screen/checked")
@require_agent
def checked(call_sid: str) -> Response:
    """The agent made sure who it is, also where nobody is known by that number: show what is put there."""
    return _do(
        call_sid, lambda session, agent, now: pages.check(session, call_sid, agent, actor(), _life(), now)
    )


@bp.post("/screen/put")
@require_agent
def put(call_sid: str) -> Response:
    """Put a `choice` of the team's there, or ask something in one's own `words`."""
    form = request.form
    return _do(
        call_sid,
        lambda session, agent, now: items.put(
            session,
            call_sid,
            agent,
            actor(),
            _life(),
            now,
            choice=form.get("choice", ""),
            kind=form.get("kind", ""),
            words=form.get("words", ""),
            value=form.get("value", ""),
        ),
    )


@bp.post("/screen/items/<int:item_id>/take-away")
@require_agent
def take_away(call_sid: str, item_id: int) -> Response:
    return _do(
        call_sid, lambda session, agent, now: items.take_away(session, call_sid, agent, item_id, _life(), now)
    )


@bp.post("/screen/device")
@require_agent
def device(call_sid: str) -> Response:
    """Let the device that waits in (`let=in`), or keep it out."""
    let_in = request.form.get("let") == "in"
    return _do(
        call_sid,
        lambda session, agent, now: ways_in.answer_other_device(
            session, call_sid, agent, let_in, _life(), now
        ),
    )


@bp.post("/screen/stop")
@require_agent
def stop(call_sid: str) -> Response:
    return _do(call_sid, lambda session, agent, now: pages.stop_for(session, call_sid, agent, _life(), now))


@bp.get("/uploads/<upload>")
@require_agent
def upload(call_sid: str, upload: str) -> Response:
    """Hand out a file that was sent in this call, or earlier on its case; it is written down who took it."""
    agent = desk_of_reader()
    with reading() as session:
        if not held.was_offered(session, call_sid, agent):
            abort(404)
        call = session.get_one(Call, call_sid)
        found = uploads.one_of_call(session, call, upload)
        if found is None:
            abort(404)
        whose, headers = audit.person(found.customer, call.remote_e164), uploads.headers(found)
    # A file is not shown to whom it can't be written down of: the caller doesn't wait for it.
    looked(What.UPLOAD_OPENED, *whose, call=call_sid, upload=upload)
    return Response(uploads.pieces(reading, upload), headers=headers)
