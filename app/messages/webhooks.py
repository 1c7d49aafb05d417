"""What does the carrier bring by SMS? An answer to keep, or how far ours has come."""

import logging
import re

from flask import Blueprint, Flask, Response, current_app, request
from sqlalchemy.exc import IntegrityError
from twilio.twiml.messaging_response import MessagingResponse

from app.carrier import forms
from app.clock import utcnow
from app.errors import StoreUnavailable
from app.messages import messages, replies
from app.voice.webhooks import Voice

log = logging.getLogger(__name__)

bp = Blueprint("messages", __name__, url_prefix="/messages")

MESSAGE_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")


def register(app: Flask) -> None:
    app.register_blueprint(bp)


def _voice() -> Voice:
    voice: Voice = current_app.extensions["voice"]
    return voice


@bp.before_request
def guard() -> Response | None:
    return forms.refuse_strangers()


@bp.route("/incoming", methods=forms.METHODS)
def incoming() -> Response:
    """A message comes in. Without a database the carrier is asked to come again, so that nothing is lost."""
    voice = _voice()
    sid = forms.value("MessageSid") or forms.value("SmsSid")
    if not MESSAGE_SID.fullmatch(sid):
        log.warning("message without a usable MessageSid")
        return _nothing()
    message = replies.IncomingMessage(
        sid,
        forms.value("From"),
        forms.value("To"),
        forms.value("Body"),
        forms.value("OptOutType"),
        forms.number("NumMedia") or 0,
    )
    try:
        voice.store.run(lambda session: replies.receive(session, message, utcnow(), voice.deployment))
    except IntegrityError:
        log.info("message is being kept by another request", extra={"message_sid": sid})
    except StoreUnavailable:
        # No caller waits for this answer; a refusal makes the carrier try again or keep the error for us.
        return Response("try again", 503, mimetype="text/plain")
    return _nothing()


@bp.route("/status", methods=forms.METHODS)
def status() -> Response:
    """How far a message of ours has come; the address says which, in our own words."""
    own, sid = request.args.get("message", "")[:64], forms.value("MessageSid")[:64]
    word, error = forms.value("MessageStatus"), forms.number("ErrorCode")
    try:
        _voice().store.run(lambda session: messages.status(session, own, sid, word, error, utcnow()))
    except (StoreUnavailable, IntegrityError):
        log.warning("a message's status could not be noted", extra={"message_sid": sid})
        return Response("try again", 503, mimetype="text/plain")
    return forms.done()


def _nothing() -> Response:
    return forms.xml(str(MessagingResponse()).encode())
