"""How does another system have a customer rung? POST /calls: the agent first, then the customer."""

from flask import g, jsonify
from flask.typing import ResponseReturnValue
from pydantic import Field

from app import db, web
from app.api.fields import AgentKey, Key, Phone, Problem, Refused, Said
from app.api.problems import ApiProblem
from app.api.routes import WRITE, operation, said_in_body, settings
from app.callbacks import outbound
from app.catalogue import text
from app.clock import utcnow
from app.deployment import Deployment
from app.desk.card import may_see_promise
from app.errors import InvalidField, NotNow
from app.outgoing.shapes import Answer
from app.records.agents import Agent
from app.records.calls import Call
from app.records.promises import Promise
from app.records.tokens import Noun, Scope
from app.voice import legs


class CallWritten(Said):
    promise: int | None = Field(None, ge=1, le=2**31 - 1, strict=True, description="about_ring_promise")
    customer: Key | None = Field(None, description="about_ring_customer")
    number: Phone | None = Field(None, description="about_ring_number")
    case: Key | None = Field(None, description="about_ring_case")
    agent: AgentKey | None = Field(None, description="about_ring_agent")


class LegOfCall(Answer):
    role: str
    agent: str | None
    state: str


class CallMade(Answer):
    call_sid: str
    legs: list[LegOfCall] = Field(description="about_ring_legs")


def make_call() -> ResponseReturnValue:
    """Ring an agent, and then a customer. Again while that goes on, it answers the same."""
    said, now = said_in_body(CallWritten), utcnow()
    if (said.promise is None) == (said.customer is None):
        raise Refused([Problem("promise", "promise_or_customer")])
    agent = _agent(said.agent)
    deployment = Deployment.of(settings())
    try:
        with db.transaction() as session:
            if session.get(Agent, agent) is None:
                raise Refused([Problem("agent", "no_such_agent", {"text": agent})])
            if said.promise is not None:
                promise = session.get(Promise, said.promise)
                # A desk's token takes what its agent sees, no other.
                is_desk = g.api_token.scope == Scope.DESK
                if promise is None or (is_desk and not may_see_promise(session, promise, agent)):
                    raise ApiProblem(404, "not_found")
                sid = outbound.of_promise(session, said.promise, agent, now, deployment)
            else:
                sid = outbound.of_customer(
                    session, str(said.customer), said.number, said.case, agent, now, deployment
                )
            session.flush()
            call = session.get_one(Call, sid)
            return jsonify(CallMade.of({}, call_sid=sid, legs=legs.as_told(session, call)))
    except NotNow as refused:
        why = text(f"work.not_now_{refused.code}", web.language_asked_for())
        raise ApiProblem(409, "not_now", why=why, more={"why": refused.code}) from None
    except InvalidField as error:
        codes = {"customer": "no_such_customer", "number": "not_their_number", "case": "no_such_case"}
        if error.field not in codes:
            raise ApiProblem(409, "promise_is_finished") from None
        values = {"text": str(getattr(said, error.field) or "")}
        raise Refused([Problem(error.field, codes[error.field], values)]) from None


def _agent(asked: str | None) -> str:
    """Return who is rung: the agent whose desk's token it is, else who is named."""
    token = g.api_token
    if token.scope == Scope.DESK:
        if asked not in (None, token.agent):
            raise ApiProblem(403, "forbidden_other_desk", scope="write")
        return str(token.agent)
    if asked is None:
        raise Refused([Problem("agent", "missing")])
    return asked


def enter() -> None:
    """Enter the request where the description is to show it."""
    operation(
        "POST",
        "/calls",
        scope=WRITE,
        noun=Noun.CALLS,
        body=CallWritten,
        own_calls=True,
        answers={200: CallMade},
    )(make_call)
