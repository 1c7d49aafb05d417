"""What can an agent do with what they owe? Ring now, agree on another time, say that it is done."""

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
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import web
from app.audit import log as audit
from app.audit.log import What
from app.clock import utcnow
from app.db import reading, transaction
from app.deployment import Deployment
from app.desk import card
from app.desk.promise_cards import promise_cards
from app.door.looking import looked_during_a_call
from app.door.sign_in import desk_of_reader, require_agent
from app.errors import InvalidField
from app.lines import places
from app.messages import agreements
from app.promises import ledger, numbers, playing, second_thoughts
from app.records.agents import Agent
from app.records.promises import OWED, Promise

bp = Blueprint("desk_promises", __name__, url_prefix="/desk/promises")


def register(app: Flask) -> None:
    app.register_blueprint(bp)


@bp.get("/<int:promise_id>/recordings/<sid>")
@require_agent
def listen(promise_id: int, sid: str) -> Response:
    """Play what the caller said after the tone; it is written down who listened."""
    agent = desk_of_reader()
    with transaction() as session:
        promise = session.get(Promise, promise_id)
        if promise is None or not card.may_see_promise(session, promise, agent):
            abort(404)
        sound = playing.heard(session, promise, sid, agent, utcnow())
    if sound is None:
        abort(404)
    return playing.played(sound)


@bp.get("/<int:promise_id>")
@require_agent
def page(promise_id: int) -> Response:
    """Return what is owed as a page of its own: whose it is, in whose words, and what can be done."""
    return _page(promise_id)


def _page(promise_id: int, problem: str = "", status: int = 200) -> Response:
    agent, now = desk_of_reader(), utcnow()
    with reading() as session:
        promise = session.get(Promise, promise_id)
        if promise is None or not card.may_see_promise(session, promise, agent):
            abort(404)
        if zone := card.zone_of_desk(session, agent):
            web.show_times_in(zone)
        [shown] = promise_cards(session, [promise], agent, now, ledger.names_of(session))
        is_owed = promise.state in OWED
        may_act = is_owed and _is_own(session, promise, agent)
        whose = audit.person(promise.customer, promise.number)
    looked_during_a_call(What.PROMISE_READ, *whose, promise=promise_id)
    html = render_template(
        "desk/promise_page.html", promise=shown, is_owed=is_owed, may_act=may_act, problem=problem, now=now
    )
    return make_response(html, status)


@bp.post("/<int:promise_id>/<any(now, number, move, kept, withdraw, undo):action>")
@require_agent
def act(promise_id: int, action: str) -> Response:
    """Do it, and go back to the desk; a script gets 204, and the desk's stream brings the news."""
    agent, now = desk_of_reader(), utcnow()
    is_fetched = request.headers.get("X-Requested-With") == "fetch"
    try:
        with transaction() as session:
            _act(session, _own(session, promise_id, agent), action, agent, now)
    except InvalidField as error:
        if not is_fetched:
            return _page(promise_id, web.in_words(error), 422)
        return web.refused(error, web.t("promise_refused"))
    if is_fetched:
        return Response(status=204)
    return make_response(redirect("/desk", 303))


def _own(session: Session, promise_id: int, agent: str) -> Promise:
    """Return a promise of the agent's, or of their whole team; 404 for anybody else's."""
    promise = session.get(Promise, promise_id)
    if promise is None or not _is_own(session, promise, agent):
        abort(404)
    return promise


def _is_own(session: Session, promise: Promise, agent: str) -> bool:
    team = session.scalar(select(Agent.team).where(Agent.key == agent))
    return promise.agent == agent or (promise.agent is None and promise.team in (team, ""))


def _act(session: Session, promise: Promise, action: str, agent: str, now: datetime) -> None:
    match action:
        case "now":
            if promise.agent is None:
                ledger.hand_over(session, promise.id, agent, agent, now)
            ledger.ring_now(session, promise.id, agent, now)
        case "number":
            _ring_number(session, promise, agent, now)
        case "move":
            agreements.agree_on(session, promise.id, _moment(session, promise), agent, now)
        case "kept":
            ledger.keep(session, promise.id, agent, now)
        case "withdraw":
            ledger.withdraw(session, promise.id, agent, now)
        case "undo":
            second_thoughts.owe_again(session, promise.id, agent, now)


def _ring_number(session: Session, promise: Promise, agent: str, now: datetime) -> None:
    """The agent knows which number the caller hid: let them ring it now."""
    if promise.agent is None:
        ledger.hand_over(session, promise.id, agent, agent, now)
    deployment = Deployment.of(current_app.config["SETTINGS"])
    number = request.form.get("number", "")
    owed = numbers.learn_number(session, promise.id, number, agent, now, deployment)
    if owed.id == promise.id:
        ledger.ring_now(session, promise.id, agent, now)


def _moment(session: Session, promise: Promise) -> datetime:
    """Read the time of the form, as on the clock where the line is. Raises InvalidField when it is none."""
    try:
        wall = datetime.fromisoformat(request.form.get("due_at", ""))
    except ValueError:
        raise InvalidField("due_at", "choose a day and a time") from None
    return wall if wall.tzinfo else wall.replace(tzinfo=places.zone_of(session, promise.line))
