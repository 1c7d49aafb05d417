"""What does an agent do, is their desk alive, and what is it told? The requests about presence."""

from datetime import datetime
from typing import Any

from flask import Response, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import db
from app.agents import presence, streams
from app.api import fields
from app.api.fields import Problem, Refused
from app.api.problems import ApiProblem
from app.api.routes import READ, WRITE, Query, body, operation, said_in
from app.clock import utcnow
from app.errors import InvalidField
from app.records.agents import Activity, Intent, Presence, Reach, Softphone
from app.routing import rules


def get_presence(agent: str) -> ResponseReturnValue:
    with db.reading() as session:
        return _presence(session, agent)


def put_presence(agent: str) -> ResponseReturnValue:
    state, reach, back_at = _presence_said(body())
    now = utcnow()
    with db.transaction() as session:
        status = _status(session, agent)
        if state == Activity.WRAPPING_UP:
            seconds = rules.of_agent(session, agent).ladder.wrap_up_seconds
            if not presence.start_wrap_up(session, agent, now, seconds):
                raise ApiProblem(409, "wrap_up_not_now")
            if reach is not None and reach != status.reach:
                _set_intent(session, agent, Intent(status.intent), now, reach=reach)
        else:
            _set_intent(session, agent, Intent(state), now, reach=reach, back_at=back_at)
            # Whoever says what they do now is done with writing down what was.
            presence.end_wrap_up(session, agent, now)
        return _presence(session, agent)


def _set_intent(session: Session, agent: str, intent: Intent, now: datetime, **more: Any) -> None:
    try:
        presence.set_intent(session, agent, intent, now, **more)
    except InvalidField as error:
        raise Refused([Problem(error.field, "no_phone_to_reach")]) from error


def _presence_said(said: dict[str, Any]) -> tuple[str, Reach | None, datetime | None]:
    found = [Problem(name, "unknown_field") for name in said if name not in {"state", "reach", "back_at"}]
    states = [*Intent, Activity.WRAPPING_UP]
    state = said_in(said, "state", fields.one_of(states), found, required=True)
    reach = said_in(said, "reach", fields.one_of(Reach), found)
    back_at = said_in(said, "back_at", fields.moment, found)
    if found:
        raise Refused(found)
    return state, Reach(reach) if reach else None, back_at


def _status(session: Session, agent: str) -> Presence:
    status = session.get(Presence, agent)
    if status is None:
        raise ApiProblem(404, "not_found")
    return status


def _presence(session: Session, agent: str) -> Response:
    view = presence.view(session, agent, utcnow())
    if view is None:
        raise ApiProblem(404, "not_found")
    return jsonify(view.as_json())


def heartbeat(agent: str) -> ResponseReturnValue:
    said = body()
    found = [Problem(name, "unknown_field") for name in said if name not in {"visible", "softphone"}]
    softphone = said_in(said, "softphone", fields.one_of(Softphone), found, required=True)
    if not isinstance(said.get("visible"), bool):
        code = "missing" if said.get("visible") is None else "wrong_type"
        found.append(Problem("visible", code, {"expected": "boolean"}))
    if found:
        raise Refused(found)
    with db.transaction() as session:
        _presence(session, agent)
        presence.beat(session, agent, visible=said["visible"], softphone=Softphone(softphone), now=utcnow())
    return "", 204


def agent_events(agent: str) -> ResponseReturnValue:
    with db.reading() as session:
        _presence(session, agent)
    return streams.open_stream(agent)


def enter() -> None:
    """Enter the requests where the description is to show them."""
    operation("GET", "/agents/<agent>/presence", scope=READ, own_desk=True, answers={200: "Presence"})(
        get_presence
    )
    operation(
        "PUT",
        "/agents/<agent>/presence",
        scope=WRITE,
        own_desk=True,
        body="PresenceWritten",
        answers={200: "Presence"},
    )(put_presence)
    operation(
        "POST", "/agents/<agent>/heartbeat", scope=WRITE, own_desk=True, body="Heartbeat", answers={204: None}
    )(heartbeat)
    operation(
        "GET",
        "/agents/<agent>/events",
        scope=READ,
        own_desk=True,
        answers={200: "EventStream"},
        query=(Query("after", {"type": "integer"}, "about_after_event"),),
    )(agent_events)
