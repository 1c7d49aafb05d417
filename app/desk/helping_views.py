"""What does a supervisor do from their desk, and how does an agent protect themselves? The presses for it."""

from collections.abc import Callable

from flask import Blueprint, Flask, Response, abort, current_app, jsonify, make_response, redirect, request
from flask import render_template as render

from app.clock import utcnow
from app.db import reading, transaction
from app.deployment import Deployment
from app.desk import helping, views, watching
from app.door import sign_in
from app.door.sign_in import desk_of_reader, require_agent
from app.door.step_up import require_fresh
from app.errors import NotNow, UnknownCall
from app.voice import protecting, supervising
from app.voice.protecting import Press
from app.voice.supervising import Mode

bp = Blueprint("desk_helping", __name__, url_prefix="/desk")


def register(app: Flask) -> None:
    app.register_blueprint(bp)


@bp.get("/watch")
@require_agent
def watch() -> Response:
    """Show what the reader oversees, as it is now."""
    agent, now = desk_of_reader(), utcnow()
    with reading() as db:
        if not watching.is_for(db, agent):
            abort(404)
        views.use_zone_of(db, agent)
        page = render("desk/watch.html", watch=watching.watch_of(db, agent), now=now, h=helping.words)
    response = make_response(page)
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.post("/calls/<call_sid>/supervise")
@require_agent
@require_fresh
def supervise(call_sid: str) -> Response:
    """Listen, whisper or join: `mode`. Whoever does shows once more who they are."""
    mode = request.form.get("mode", "")
    if mode not in (Mode.LISTEN, Mode.WHISPER, Mode.JOIN):
        abort(422)
    return _do(call_sid, Mode(mode))


@bp.post("/calls/<call_sid>/supervise/leave")
@require_agent
def leave(call_sid: str) -> Response:
    return _do(call_sid, Mode.LEAVE)


def _do(call_sid: str, mode: Mode) -> Response:
    supervisor, who = desk_of_reader(), sign_in.actor()

    def work() -> None:
        with transaction() as db:
            supervising.supervise(db, call_sid, supervisor, mode, utcnow(), who)

    return _pressed(work)


@bp.post("/calls/<call_sid>/take")
@require_agent
def take(call_sid: str) -> Response:
    """Have the reader rung for a caller who waits."""
    supervisor = desk_of_reader()

    def work() -> None:
        deployment = Deployment.of(current_app.config["SETTINGS"])
        with transaction() as db:
            supervising.take(db, call_sid, supervisor, utcnow(), deployment)

    return _pressed(work)


@bp.post("/calls/<call_sid>/protect")
@require_agent
def protect(call_sid: str) -> Response:
    """Warn the reader's caller (`step=warn`), or have the conversation end (`step=end`)."""
    agent, who = views.only_if_offered(call_sid), sign_in.actor()
    step = request.form.get("step", "")
    if step not in list(Press):
        abort(422)
    try:
        with transaction() as db:
            protecting.press(db, call_sid, agent, Press(step), utcnow(), who)
    except NotNow as refused:
        return _refused(refused)
    return views.card_or_desk(call_sid)


def _pressed(work: Callable[[], None]) -> Response:
    try:
        work()
    except UnknownCall:
        abort(404)
    except NotNow as refused:
        return _refused(refused)
    if request.headers.get("X-Requested-With") == "fetch":
        return watch()
    return make_response(redirect("/desk#watch", 303))


def _refused(refused: NotNow) -> Response:
    """Say why it can't be now."""
    said = helping.words(refused.code, **refused.values)
    problem = jsonify({"title": said, "status": 409})
    return make_response(problem, 409, {"Content-Type": "application/problem+json"})
