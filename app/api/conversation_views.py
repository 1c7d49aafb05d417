"""What can be done in a conversation? Hand it over, let the customer wait: the requests of /api/v1/calls/…

A desk's token acts for its agent, in calls where that agent is; a supervisor's, and one that may write calls,
for whoever has the conversation.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from flask import g, jsonify
from flask.typing import ResponseReturnValue
from pydantic import Field
from sqlalchemy.orm import Session

from app import db, web
from app.agents import teams
from app.api import shapes
from app.api.fields import Problem, Refused, Said, YesOrNo, one_of
from app.api.problems import ApiProblem
from app.api.routes import WRITE, operation, said_in_body, settings
from app.catalogue import text
from app.clock import utcnow
from app.deployment import Deployment
from app.errors import InvalidField, NotNow, UnknownCall
from app.outgoing.words import words
from app.records.agents import Agent
from app.records.calls import Call
from app.records.legs import HandOverKind
from app.records.tokens import Noun, Scope
from app.voice import handing_over, holding, legs
from app.voice.hand_over import Event
from app.voice.handing_over import Wish
from app.voice.held import held


class TransferWritten(Said):
    to: Annotated[str, Field(max_length=121)] = Field(description="about_transfer_to")
    kind: Annotated[str, one_of(HandOverKind), words(HandOverKind)] = str(HandOverKind.WARM)
    why: Annotated[str, Field(max_length=handing_over.LONGEST_WHY)] = Field("", description="about_why")
    keeps_owner: YesOrNo = Field(False, description="about_keeps_owner")


class HoldWritten(Said):
    on: YesOrNo


Work = Callable[[Session, Call, str, datetime, Deployment], object]  # the agent is whom it acts for


def in_conversation(call_sid: str, work: Work) -> ResponseReturnValue:
    """Do something in a call for whoever this token acts for; answer with who is in the call.

    Raises ApiProblem: 404 for no such call, 403 for one that isn't theirs, 409 when it can't be now.
    """
    now, deployment = utcnow(), Deployment.of(settings())
    try:
        with db.transaction() as session:
            call = held(session, call_sid)
            work(session, call, _acts_for(session, call), now, deployment)
            session.flush()
            return jsonify(described(session, call))
    except UnknownCall:
        raise ApiProblem(404, "not_found") from None
    except NotNow as refused:
        why = text(f"hand_over.{refused.code}", web.language_asked_for(), **refused.values)
        raise ApiProblem(409, "not_now", why=why, more={"why": refused.code}) from None
    except InvalidField as error:
        if error.field != "to":
            raise
        raise Refused([Problem("to", "transfer_to_nobody")]) from None


def _acts_for(session: Session, call: Call) -> str:
    """Return for which agent the token acts in this call."""
    token, has = g.api_token, call.bridged_to or ""
    if token.scope != Scope.DESK:
        return has
    theirs = legs.concerned(session, call.sid)
    if token.agent == has or token.agent in theirs:
        return str(token.agent)
    who = session.get(Agent, has)
    if who is not None and teams.reach_at_desk(session, str(token.agent)).covers(who.team):
        return has
    raise ApiProblem(403, "forbidden_other_desk", scope="write")


def described(session: Session, call: Call) -> dict[str, object]:
    """Return who is in a call, and how it is being handed over."""
    row = handing_over.newest(session, call.sid)
    transfer = shapes.Transfer.of(row) if row is not None else None
    return {"call_sid": call.sid, "legs": legs.as_told(session, call), "transfer": transfer}


def transfer_call(call_sid: str) -> ResponseReturnValue:
    said = said_in_body(TransferWritten)
    wish = Wish(said.to, HandOverKind(said.kind), said.why, said.keeps_owner)

    def work(session: Session, call: Call, agent: str, now: datetime, deployment: Deployment) -> object:
        return handing_over.begin(session, call, agent, wish, now, deployment)

    return in_conversation(call_sid, work)


def _pressing(event: Event) -> Callable[[str], ResponseReturnValue]:
    def work(session: Session, call: Call, agent: str, now: datetime, deployment: Deployment) -> object:
        row = handing_over.newest(session, call.sid)
        # Whoever may act for all acts for whoever hands over.
        who = agent if g.api_token.scope == Scope.DESK or row is None else row.from_agent
        return handing_over.press(session, call, who, event, now, deployment)

    def view(call_sid: str) -> ResponseReturnValue:
        return in_conversation(call_sid, work)

    return view


def hold_call(call_sid: str) -> ResponseReturnValue:
    said = said_in_body(HoldWritten)

    def work(session: Session, call: Call, agent: str, now: datetime, deployment: Deployment) -> None:
        holding.hold(session, call, agent, now, on=said.on)

    return in_conversation(call_sid, work)


def enter() -> None:
    """Enter the requests where the description is to show them."""
    answers = {200: shapes.Conversation}
    for rule, body, view, name in (
        ("transfer", TransferWritten, transfer_call, "transfer_call"),
        ("transfer/join", None, _pressing(Event.JOIN), "join_transfer"),
        ("transfer/complete", None, _pressing(Event.COMPLETE), "complete_transfer"),
        ("transfer/cancel", None, _pressing(Event.CANCEL), "cancel_transfer"),
        ("hold", HoldWritten, hold_call, "hold_call"),
    ):
        operation(
            "POST",
            f"/calls/<call_sid>/{rule}",
            scope=WRITE,
            noun=Noun.CALLS,
            own_calls=True,
            body=body,
            answers=answers,
            name=name,
        )(view)
