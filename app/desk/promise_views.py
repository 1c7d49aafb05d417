"""What can an agent do with what they owe? Ring now, agree on another time, say that it is done."""

from datetime import datetime

from flask import Blueprint, Flask, Response, abort, current_app, make_response, redirect, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import web
from app.agents.sign_in import desk_of_reader, require_agent
from app.clock import utcnow
from app.db import transaction
from app.deployment import Deployment
from app.desk import card
from app.errors import InvalidField
from app.lines import places
from app.messages import agreements
from app.promises import ledger, numbers, playing
from app.records.agents import Agent
from app.records.promises import Promise

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


@bp.post("/<int:promise_id>/<any(now, number, move, kept, withdraw):action>")
@require_agent
def act(promise_id: int, action: str) -> Response:
    """Do it, and go back to the desk; a script gets 204, and the desk's stream brings the news."""
    agent, now = desk_of_reader(), utcnow()
    try:
        with transaction() as session:
            _act(session, _own(session, promise_id, agent), action, agent, now)
    except InvalidField as error:
        return web.refused(error, web.t("promise_refused"))
    if request.headers.get("X-Requested-With") == "fetch":
        return Response(status=204)
    return make_response(redirect("/desk", 303))


def _own(session: Session, promise_id: int, agent: str) -> Promise:
    """Return a promise of the agent's, or of their whole team; 404 for anybody else's."""
    promise = session.get(Promise, promise_id)
    team = session.scalar(select(Agent.team).where(Agent.key == agent))
    if (
        promise is None
        or promise.agent not in (None, agent)
        or (promise.agent is None and promise.team not in (team, ""))
    ):
        abort(404)
    return promise


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
