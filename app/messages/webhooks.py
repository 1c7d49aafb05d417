"""What does the carrier bring by SMS? An answer to keep, or how far ours has come."""

import logging
import re

from flask import Flask, Response, request
from sqlalchemy.orm import Session
from twilio.twiml.messaging_response import MessagingResponse

from app.carrier import forms, webhook
from app.carrier.webhook import Work, here, told
from app.clock import utcnow
from app.messages import messages, replies

log = logging.getLogger(__name__)

bp = webhook.webhooks("messages", "/messages")

MESSAGE_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")
_NOTHING = str(MessagingResponse()).encode()


def register(app: Flask) -> None:
    app.register_blueprint(bp)


def _come_again(error: Exception) -> Response:
    """No caller waits for this answer; a refusal makes the carrier try again or keep the error for us."""
    return Response("try again", 503, mimetype="text/plain")


@told(bp, "/incoming", lost=_come_again, reads_doubtful=True)
def incoming() -> Work | Response:
    """A message comes in. Without a database the carrier is asked to come again, so that nothing is lost.

    One that may have been cut out of another is kept for a human, and does nothing by itself.
    """
    sid = forms.value("MessageSid") or forms.value("SmsSid")
    if not MESSAGE_SID.fullmatch(sid):
        log.warning("message without a usable MessageSid")
        return forms.xml(_NOTHING)
    message = replies.IncomingMessage(
        sid,
        forms.value("From") or _name_of_sender(),
        forms.value("To"),
        forms.as_it_stands("Body"),
        forms.value("OptOutType"),
        forms.number("NumMedia") or 0,
        is_certain=forms.is_certain(),
    )
    deployment = here().deployment

    def keep(session: Session) -> bytes:
        replies.receive(session, message, utcnow(), deployment)
        return _NOTHING

    return keep


def _name_of_sender() -> str:
    """Return who wrote without a number: a shop's name. What may be read as a number is no name."""
    name = forms.as_it_stands("From")
    return name if sum(character.isdigit() for character in name) < 5 else ""


@told(bp, "/status", lost=_come_again)
def status() -> Work:
    """How far a message of ours has come; the address says which, in our own words."""
    own, sid = request.args.get("message", "")[:64], forms.value("MessageSid")[:64]
    word, error = forms.value("MessageStatus"), forms.number("ErrorCode")
    return lambda session: messages.status(session, own, sid, word, error, utcnow())
