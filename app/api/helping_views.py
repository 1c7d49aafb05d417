"""How does a supervisor help, and an agent protect themselves? Two requests of /api/v1/calls/…"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from flask import g
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import web
from app.api import shapes
from app.api.conversation_views import in_conversation
from app.api.fields import Said, one_of
from app.api.problems import ApiProblem
from app.api.routes import WRITE, actor, operation, said_in_body
from app.catalogue import text
from app.deployment import Deployment
from app.errors import NotNow
from app.outgoing.words import words
from app.records.calls import Call
from app.records.tokens import Noun, Scope
from app.voice import protecting, supervising
from app.voice.protecting import Press
from app.voice.supervising import Mode


class SuperviseWritten(Said):
    mode: Annotated[str, one_of(Mode), words(Mode)]


class ProtectWritten(Said):
    step: Annotated[str, one_of(Press), words(Press)]


def supervise_call(call_sid: str) -> ResponseReturnValue:
    """A supervisor's own desk alone: it is their telephone that rings."""
    mode = Mode(said_in_body(SuperviseWritten).mode)
    if g.api_token.scope != Scope.DESK:
        raise ApiProblem(403, "forbidden_other_desk", scope="desk")

    def work(session: Session, call: Call, agent: str, now: datetime, deployment: Deployment) -> object:
        who = str(g.api_token.agent)
        return _told(lambda: supervising.supervise(session, call.sid, who, mode, now, actor()))

    return in_conversation(call_sid, work)


def protect_call(call_sid: str) -> ResponseReturnValue:
    step = Press(said_in_body(ProtectWritten).step)

    def work(session: Session, call: Call, agent: str, now: datetime, deployment: Deployment) -> object:
        return _told(lambda: protecting.press(session, call.sid, agent, step, now, actor()))

    return in_conversation(call_sid, work)


def _told(work: Callable[[], object]) -> object:
    """Do it, or say in words of helping why it can't be now."""
    try:
        return work()
    except NotNow as refused:
        why = text(f"helping.{refused.code}", web.language_asked_for(), **refused.values)
        raise ApiProblem(409, "not_now", why=why, more={"why": refused.code}) from None


def enter() -> None:
    """Enter the requests where the description is to show them."""
    for rule, body, view in (
        ("supervise", SuperviseWritten, supervise_call),
        ("protect", ProtectWritten, protect_call),
    ):
        operation(
            "POST",
            f"/calls/<call_sid>/{rule}",
            scope=WRITE,
            noun=Noun.CALLS,
            own_calls=True,
            body=body,
            answers={200: shapes.Conversation},
        )(view)
