"""What does the carrier ask and tell of a callback? Each view reads the form, calls one function, replies."""

import logging
import re
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, Response, current_app, request
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException

from app.callbacks import agent_leg, customer_leg
from app.carrier import forms, twiml
from app.catalogue import text
from app.clock import utcnow
from app.errors import StoreUnavailable
from app.voice.webhooks import Voice

log = logging.getLogger(__name__)

bp = Blueprint("callbacks", __name__, url_prefix="/voice/callbacks")

SID = re.compile(r"CB[0-9a-f]{32}")
CARRIER_SID = re.compile(r"CA[0-9a-fA-F]{32}")


def register(app: Flask) -> None:
    """Serve them beside the webhooks of incoming calls, whose way to the database they share."""
    app.register_blueprint(bp)


def _voice() -> Voice:
    voice: Voice = current_app.extensions["voice"]
    return voice


@bp.before_request
def guard() -> Response | None:
    return forms.refuse_strangers(lambda: _not_now() if request.endpoint in _SPOKEN else forms.too_long())


@bp.errorhandler(Exception)
def go_on(error: Exception) -> Response | HTTPException:
    """Answer whatever happens: nobody is on the line but our own agent, and the promise stands."""
    if isinstance(error, HTTPException):
        return error
    log.exception("callback webhook failed", extra={"path": request.path})
    return _not_now() if request.endpoint in _SPOKEN else forms.done()


_SPOKEN = frozenset({"callbacks.picked_up", "callbacks.accept", "callbacks.ended"})


@bp.route("/<sid>/picked-up", methods=forms.METHODS)
def picked_up(sid: str) -> Response:
    """The agent's telephone was picked up."""
    deployment = _voice().deployment
    return _spoken(
        sid, lambda session: agent_leg.picked_up(session, sid, utcnow(), deployment), has_taken_it=True
    )


@bp.route("/<sid>/accept", methods=forms.METHODS)
def accept(sid: str) -> Response:
    """Whoever picked up an ordinary phone says whether they take the callback."""
    digits, words = forms.value("Digits"), forms.value("SpeechResult")
    deployment = _voice().deployment
    return _spoken(
        sid,
        lambda session: agent_leg.accept(session, sid, digits, words, utcnow(), deployment),
        has_taken_it=twiml.is_yes(digits, words),
    )


@bp.route("/<sid>/ended", methods=forms.METHODS)
def ended(sid: str) -> Response:
    """The customer's side is over, reached or not."""
    dial, answered_by, deployment = forms.dial_ended(), forms.value("AnsweredBy"), _voice().deployment
    return _spoken(
        sid, lambda session: customer_leg.ended(session, sid, dial, answered_by, utcnow(), deployment)
    )


@bp.route("/<sid>/agent", methods=forms.METHODS)
def agent(sid: str) -> Response:
    """How the agent's leg stands."""
    status, leg_sid = forms.value("CallStatus"), _carrier_sid()
    return _noted(
        sid,
        lambda session: agent_leg.agent_leg(session, sid, status, leg_sid, utcnow()),
        {"of": "agent", "status": status, "leg_sid": leg_sid},
    )


@bp.route("/<sid>/customer", methods=forms.METHODS)
def customer(sid: str) -> Response:
    """How the customer's leg stands, and whether a human or a machine answered."""
    status, leg_sid = forms.value("CallStatus"), _carrier_sid()
    answered_by, seconds = forms.value("AnsweredBy"), forms.seconds("CallDuration")
    return _noted(
        sid,
        lambda session: customer_leg.customer_leg(
            session, sid, status, leg_sid, answered_by, seconds, utcnow()
        ),
        {
            "of": "customer",
            "status": status,
            "leg_sid": leg_sid,
            "answered_by": answered_by,
            "seconds": seconds,
        },
    )


def _carrier_sid() -> str:
    sid = forms.value("CallSid")
    return sid if CARRIER_SID.fullmatch(sid) else ""


def _spoken(sid: str, work: Callable[[Session], bytes], *, has_taken_it: bool = False) -> Response:
    """Say what comes next; `has_taken_it` is when not being able to isn't the agent's doing."""
    if not SID.fullmatch(sid):
        return _not_now()
    try:
        return forms.xml(_voice().store.run(work))
    except StoreUnavailable as error:
        log.warning("a callback could not go on", extra={"call_sid": sid, "error": type(error).__name__})
        if has_taken_it:
            _kept_on_disk(sid, {"of": "not_now"})
        return _not_now()


def _not_now() -> Response:
    """Let the agent go; the promise is still owed and is looked at again."""
    language = _voice().settings.default_language
    return forms.xml(twiml.farewell(said=[text("promise.not_now", language)], language=language))


def _noted(sid: str, work: Callable[[Session], None], news: dict[str, Any]) -> Response:
    """Apply news, or keep it on disk until the database is back; refused when even that can't be done."""
    if SID.fullmatch(sid):
        try:
            _voice().store.run(work)
        except StoreUnavailable as error:
            log.warning(
                "news of a callback could not be noted",
                extra={"call_sid": sid, "error": type(error).__name__},
            )
            if not _kept_on_disk(sid, news):
                return Response(status=503)
    return forms.done()


def _kept_on_disk(sid: str, news: dict[str, Any]) -> bool:
    fact = news | {"call_sid": sid, "at": utcnow().isoformat()}
    return _voice().left.spool.keep("callback", fact)
