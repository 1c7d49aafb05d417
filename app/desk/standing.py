"""How does an agent say what they do, and how does their desk stay alive? Presence, heartbeat, the stream."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Blueprint, Response, current_app, jsonify, make_response, redirect, render_template, request
from sqlalchemy import select

from app import web
from app.agents import desk_events, presence
from app.agents.presence_view import PresenceView
from app.clock import utcnow
from app.db import reading, transaction
from app.desk import streams
from app.door.sign_in import desk_of_reader, proof_of_reader, require_agent
from app.errors import InvalidField
from app.records.agents import Agent, Intent, Reach, Softphone

bp = Blueprint("desk", __name__, url_prefix="/desk")

MINUTES_AWAY = (5, 10, 15, 30, 45, 60, 90)
PULSE_SECONDS = 5
MOST_NAME = 40  # characters
EVENTS_IN_POLL = 200


@dataclass(frozen=True)
class Standing:
    """The agent's presence with the words that the panel needs."""

    name: str
    team: str
    view: PresenceView
    intent: Intent  # what they chose, whatever the telephone makes of it
    now: datetime
    phone_end: str  # the last digits of the agent's own phone, empty when they have none

    @property
    def is_available(self) -> bool:
        return self.view.state not in (Intent.BREAK, Intent.AWAY, Intent.OFF)

    @property
    def explained(self) -> bool:
        """Whether the state is not what the agent chose, so that a sentence must say why."""
        if self.view.why == "desk_silent":
            return not self.desk_lives
        return self.view.why in ("unanswered_ring", "left")

    @property
    def desk_lives(self) -> bool:
        beat = self.view.heartbeat_at
        return beat is not None and self.now - beat <= presence.HEARTBEAT_FRESH


def standing_of(agent: str, now: datetime) -> Standing:
    """Return how the agent stands at this moment."""
    with reading() as session:
        row = session.scalars(select(Agent).where(Agent.key == agent)).one()
        return Standing(
            row.name,
            row.team,
            presence.describe(row.presence, now),
            row.presence.intent,
            now,
            (row.phone or "")[-4:],
        )


@bp.get("/presence")
@require_agent
def presence_panel() -> Response:
    return panel()


def panel(error: str = "", status: int = 200) -> Response:
    """Answer with the reader's presence, and what of it went wrong."""
    now = utcnow()
    standing = standing_of(desk_of_reader(), now)
    html = render_template(
        "desk/presence.html", standing=standing, now=now, minutes_away=MINUTES_AWAY, error=error
    )
    return make_response(html, status)


def panel_or_desk() -> Response:
    """Answer a change: with the panel for the page's script, with the desk for a form without one."""
    if request.headers.get("X-Requested-With") == "fetch":
        return panel()
    return make_response(redirect("/desk", 303))


@bp.post("/presence")
@require_agent
def say_presence() -> Response:
    """Set `state` (available, break, away, off), `reach` (desk, phone, both), or the two of them.

    `minutes` says how long they will be gone.
    """
    agent, now = desk_of_reader(), utcnow()
    form = request.form
    try:
        reach = Reach(form["reach"]) if form.get("reach") else None
        minutes = int(form["minutes"]) if form.get("minutes") else None
        back_at = now + timedelta(minutes=minutes) if minutes in MINUTES_AWAY else None
        with transaction() as session:
            status = session.get_one(Agent, agent).presence
            intent = Intent(form["state"]) if form.get("state") else status.intent
            presence.set_intent(session, agent, intent, now, reach=reach, back_at=back_at)
    except InvalidField:
        return panel(web.t("no_phone_known"), 422)
    except ValueError:
        return panel(web.t("presence_unknown"), 422)
    return panel_or_desk()


@bp.post("/wrap-up")
@require_agent
def wrap_up() -> Response:
    """End the wrap-up (`what=done`), or make it a minute longer (`what=extend`)."""
    agent, now = desk_of_reader(), utcnow()
    with transaction() as session:
        if request.form.get("what") == "extend":
            presence.extend_wrap_up(session, agent, now)
        else:
            presence.end_wrap_up(session, agent, now)
    return panel_or_desk()


@bp.get("/token")
@require_agent
def token() -> Response:
    """Return the session's token, for a page that was open when its agent signed in anew."""
    return make_response(jsonify(csrf=web.csrf_token()), {"Cache-Control": "no-store"})


@bp.post("/heartbeat")
@require_agent
def heartbeat() -> Response:
    """Write down that this desk is alive; the page sends it only while its stream is."""
    said = request.get_json(silent=True)
    body = said if isinstance(said, dict) else {}
    try:
        softphone = Softphone(body.get("softphone", Softphone.NONE))
    except ValueError:
        problem = {"title": "softphone: must be ready, busy or none", "status": 422}
        return make_response(jsonify(problem), 422, {"Content-Type": "application/problem+json"})
    with transaction() as session:
        presence.beat(
            session,
            desk_of_reader(),
            visible=body.get("visible") is True,
            softphone=softphone,
            now=utcnow(),
            desk=_name_of(body.get("desk")),
        )
    return Response(status=204)


def _name_of(said: object) -> str:
    """Return how this desk is known among its agent's: as its page calls it, else by its session."""
    return said[:MOST_NAME] if isinstance(said, str) and said else web.csrf_token()[:MOST_NAME]


@bp.get("/events")
@require_agent
def events() -> Response:
    return streams.open_stream(desk_of_reader(), proof_of_reader())


@bp.get("/poll")
@require_agent
def poll() -> Response:
    """Return the events after `after` at once: for where a proxy keeps streams from passing."""
    agent = desk_of_reader()
    with reading() as session:
        after = streams.start_after(session, agent, streams.asked_after())
        rows = desk_events.after(session, agent, after, EVENTS_IN_POLL)
    found = [{"id": row.number, "kind": row.kind, "data": row.data} for row in rows]
    response = current_app.json.response({"events": found, "after": found[-1]["id"] if found else after})
    response.headers["Cache-Control"] = "no-store"
    return make_response(response)
