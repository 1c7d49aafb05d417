"""What does the desk do beside a call? Help to note it, and ring its customer."""

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

from app import catalogue, web
from app.beside import asking, thanks
from app.callbacks import outbound
from app.clock import utcnow
from app.db import reading, transaction
from app.deployment import Deployment
from app.desk import card, suggested
from app.desk.views import card_or_desk, use_zone_of
from app.door.sign_in import desk_of_reader, require_agent
from app.errors import InvalidField, NotNow
from app.promises import ledger
from app.records.calls import Call
from app.records.promises import Promise
from app.voice import call_control, held

bp = Blueprint("desk_beside", __name__, url_prefix="/desk/calls/<call_sid>")
asks_bp = Blueprint("desk_asks", __name__, url_prefix="/desk/asks")


def register(app: Flask) -> None:
    app.register_blueprint(bp)
    app.register_blueprint(asks_bp)


@bp.post("/suggested")
@require_agent
def suggest(call_sid: str) -> Response:
    """Return what fits what the agent has pressed and written so far; none of it stands in an address."""
    agent, now, form = desk_of_reader(), utcnow(), request.form
    outcome = form.get("outcome", "")
    said = suggested.Said(
        outcome=outcome if outcome in call_control.OUTCOMES else "",
        cause=form.get("cause", "")[:60],
        next_step=" ".join(form.get("next_step", "").split())[:120],
        summary=form.get("summary", "")[: call_control.LONGEST_NOTE],
    )
    with reading() as session:
        if not held.was_offered(session, call_sid, agent):
            abort(404)
        use_zone_of(session, agent)
        found = suggested.of_call(session, call_sid, agent, said, now)
        html = render_template("desk/suggested.html", suggested=found, call_sid=call_sid)
    return make_response(html)


@bp.post("/ring")
@require_agent
def ring(call_sid: str) -> Response:
    """Ring this desk, and then the customer of a call of theirs (`number`), or who is owed a `promise`."""
    agent, now, form = desk_of_reader(), utcnow(), request.form
    deployment = Deployment.of(current_app.config["SETTINGS"])
    try:
        with transaction() as session:
            if not held.was_offered(session, call_sid, agent):
                abort(404)
            call = session.get_one(Call, call_sid)
            if form.get("promise"):
                promise = session.get(Promise, int(form["promise"])) if form["promise"].isdigit() else None
                if promise is None or not card.may_see_promise(session, promise, agent):
                    abort(404)
                outbound.of_promise(session, promise.id, agent, now, deployment)
            elif call.customer is not None:
                number = form.get("number") or None
                outbound.of_customer(session, call.customer, number, call.case, agent, now, deployment)
            else:
                abort(404)
    except NotNow as refused:
        why = catalogue.text(f"work.not_now_{refused.code}", web.language())
        return web.refused(InvalidField("ring", why), web.t("ring_refused"))
    except InvalidField as error:
        return web.refused(error, web.t("ring_refused"))
    return card_or_desk(call_sid)


# --- a colleague is asked ----------------------------------------------------------------------------


@bp.post("/ask")
@require_agent
def ask(call_sid: str) -> Response:
    """Ask a colleague (`to`) about this call in a line (`text`); nothing rings."""
    agent, now, form = desk_of_reader(), utcnow(), request.form
    try:
        with transaction() as session:
            if not held.was_offered(session, call_sid, agent):
                abort(404)
            call = session.get_one(Call, call_sid)
            asking.ask(session, call, agent, form.get("to", ""), form.get("text", ""), now)
    except InvalidField as error:
        return web.refused(error, web.t("ask_refused"))
    return card_or_desk(call_sid)


@asks_bp.get("")
@require_agent
def asks() -> Response:
    """Return what this agent was asked, and has asked."""
    agent, now = desk_of_reader(), utcnow()
    with reading() as session:
        found = asking.at_desk(session, agent, ledger.names_of(session), now)
    return make_response(render_template("desk/asks.html", asks=found))


@asks_bp.post("/<int:ask_id>")
@require_agent
def answer(ask_id: int) -> Response:
    """Answer a colleague: `answer` is yes, no or later."""
    agent, now = desk_of_reader(), utcnow()
    try:
        with transaction() as session:
            asking.answer(session, ask_id, agent, request.form.get("answer", ""), now)
    except InvalidField as error:
        if error.field == "ask":
            abort(404)
        return web.refused(error, web.t("ask_refused"))
    if request.headers.get("X-Requested-With") == "fetch":
        return Response(status=204)
    return make_response(redirect("/desk", 303))


@bp.post("/thanks")
@require_agent
def put_away(call_sid: str) -> Response:
    """The agent has read what a customer thanked them for."""
    agent, now = desk_of_reader(), utcnow()
    with transaction() as session:
        if not thanks.put_away(session, call_sid, agent, now):
            abort(404)
    if request.headers.get("X-Requested-With") == "fetch":
        return Response(status=204)
    return make_response(redirect("/desk", 303))
