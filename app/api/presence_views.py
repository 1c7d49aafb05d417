"""What does an agent do, is their desk alive, and what is it told? The requests about presence."""

from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any

from flask import Response, g, jsonify, request
from flask.typing import ResponseReturnValue
from pydantic import Field
from sqlalchemy.orm import Session

from app import db
from app.agents import presence
from app.api import shapes
from app.api.fields import Moment, Problem, Refused, Said, one_of
from app.api.problems import ApiProblem
from app.api.routes import READ, WRITE, Asked, operation, said_in_body
from app.clock import utcnow
from app.desk import streams
from app.door.sessions import Proof
from app.errors import InvalidField
from app.outgoing.words import words
from app.records.agents import Activity, Intent, Presence, Reach, Softphone
from app.records.tokens import Noun
from app.routing import rules

_STATES = (*Intent, Activity.WRAPPING_UP)


class PresenceWritten(Said):
    state: Annotated[str, one_of(_STATES), words(_STATES)]
    reach: Annotated[str, one_of(Reach), words(Reach)] | None = None
    back_at: Moment | None = Field(None, description="about_back_at")


class Heartbeat(Said):
    visible: bool = Field(strict=True)
    softphone: Annotated[str, one_of(Softphone), words(Softphone)]
    desk: Annotated[str, Field(max_length=40)] = Field("", description="about_desk_name")


class _AfterEvent(Asked):
    after: int | None = Field(None, ge=0, le=2**31 - 1, description="about_after_event")


def get_presence(agent: str) -> ResponseReturnValue:
    with db.reading() as session:
        return _presence(session, agent)


def put_presence(agent: str) -> ResponseReturnValue:
    said = said_in_body(PresenceWritten)
    reach = Reach(said.reach) if said.reach else None
    now = utcnow()
    with db.transaction() as session:
        status = _status(session, agent)
        if said.state == Activity.WRAPPING_UP:
            seconds = rules.of_agent(session, agent).ladder.wrap_up_seconds
            if not presence.start_wrap_up(session, agent, now, seconds):
                raise ApiProblem(409, "wrap_up_not_now")
            if reach is not None and reach != status.reach:
                _set_intent(session, agent, Intent(status.intent), now, reach=reach)
        else:
            _set_intent(session, agent, Intent(said.state), now, reach=reach, back_at=said.back_at)
            # Whoever says what they do now is done with writing down what was.
            presence.end_wrap_up(session, agent, now)
        return _presence(session, agent)


def _set_intent(session: Session, agent: str, intent: Intent, now: datetime, **more: Any) -> None:
    try:
        presence.set_intent(session, agent, intent, now, **more)
    except InvalidField as error:
        raise Refused([Problem(error.field, "no_phone_to_reach")]) from error


def _status(session: Session, agent: str) -> Presence:
    status = session.get(Presence, agent)
    if status is None:
        raise ApiProblem(404, "not_found")
    return status


def _presence(session: Session, agent: str) -> Response:
    view = presence.view(session, agent, utcnow())
    if view is None:
        raise ApiProblem(404, "not_found")
    return jsonify(shapes.Presence.of(view))


def heartbeat(agent: str) -> ResponseReturnValue:
    said = said_in_body(Heartbeat)
    with db.transaction() as session:
        _status(session, agent)
        presence.beat(
            session,
            agent,
            visible=said.visible,
            softphone=Softphone(said.softphone),
            now=utcnow(),
            # Another program on another machine is another desk, also where it doesn't say so.
            desk=said.desk or sha256(f"{g.api_token.hash}{request.user_agent}".encode()).hexdigest()[:40],
        )
    return "", 204


def agent_events(agent: str) -> ResponseReturnValue:
    with db.reading() as session:
        _presence(session, agent)
    return streams.open_stream(agent, Proof.of_token(g.api_token))


def enter() -> None:
    """Enter the requests where the description is to show them."""
    operation(
        "GET",
        "/agents/<agent>/presence",
        scope=READ,
        noun=Noun.PRESENCE,
        own_desk=True,
        answers={200: shapes.Presence},
    )(get_presence)
    operation(
        "PUT",
        "/agents/<agent>/presence",
        scope=WRITE,
        noun=Noun.PRESENCE,
        own_desk=True,
        body=PresenceWritten,
        answers={200: shapes.Presence},
    )(put_presence)
    operation(
        "POST",
        "/agents/<agent>/heartbeat",
        scope=WRITE,
        noun=Noun.PRESENCE,
        own_desk=True,
        body=Heartbeat,
        answers={204: None},
    )(heartbeat)
    operation(
        "GET",
        "/agents/<agent>/events",
        scope=READ,
        noun=Noun.EVENTS,
        own_desk=True,
        answers={200: "EventStream"},
        query=_AfterEvent,
    )(agent_events)
