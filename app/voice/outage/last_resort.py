"""What when all else fails? Webhooks without database or Redis; they may run in a process of their own."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException

from app.carrier import forms, twiml
from app.carrier.spool import Spool
from app.clock import utcnow
from app.voice.outage.degraded import FALLBACK, MESSAGE, Degraded, talked
from app.voice.outage.snapshot import Keeper
from config import Settings

log = logging.getLogger(__name__)

bp = Blueprint("last_resort", __name__, url_prefix="/voice")


@dataclass(frozen=True)
class LastResort:
    """What is left to work with in this process."""

    degraded: Degraded
    spool: Spool


def register(app: Flask, keeper: Keeper | None) -> LastResort:
    """Serve what remains; `keeper` is None in a process that knows nobody."""
    settings: Settings = app.config["SETTINGS"]
    left = LastResort(
        Degraded(settings.public_url, settings.default_language, settings.fallback_numbers, keeper),
        Spool(Path(settings.spool_dir)),
    )
    app.extensions["last_resort"] = left
    app.register_blueprint(bp)
    return left


def _left() -> LastResort:
    left: LastResort = current_app.extensions["last_resort"]
    return left


@bp.before_request
def guard() -> Response | None:
    return forms.refuse_strangers(_unread)


def _unread() -> Response:
    match str(request.endpoint).removeprefix("last_resort."):
        case "recording":
            return forms.too_long()
        case "whisper" | "accept":
            return accepted(False)
        case _:
            return take_a_message_of_anybody()


def take_a_message_of_anybody() -> Response:
    """Let whoever it is speak: rings and names nobody, and keeps nothing until signed news comes of it."""
    return forms.xml(_left().degraded.answer(MESSAGE, "", None))


@bp.errorhandler(Exception)
def take_a_message(error: Exception) -> Response | HTTPException:
    """Whatever breaks here, there is nobody else to ask: let the caller speak."""
    if isinstance(error, HTTPException):
        return error
    log.exception("the last resort failed", extra={"path": request.path})
    return take_a_message_of_anybody()


@bp.route("/fallback", methods=forms.METHODS)
def fallback() -> Response:
    """The primary handler failed: ring the numbers for emergencies."""
    left = _left()
    left.spool.keep("fallback", caller())
    line = forms.value("To")[:32]
    return forms.xml(left.degraded.answer(FALLBACK, line, None, caller_id=forms.caller_id()))


@bp.route("/degraded/after/<rung>", methods=forms.METHODS)
def after(rung: str) -> Response:
    """One rung of what is left is over."""
    left, dial = _left(), forms.dial_ended()
    if talked(dial):
        left.spool.keep("talked", caller() | {"seconds": dial.seconds or 0})
    return forms.xml(left.degraded.after(rung, _line(), dial, forms.caller_id()))


@bp.route("/degraded/whisper", methods=forms.METHODS)
def whisper() -> Response:
    """An ordinary phone was answered, by somebody or by something."""
    return forms.xml(_left().degraded.whisper(_line()))


@bp.route("/degraded/accept", methods=forms.METHODS)
def accept() -> Response:
    """Whoever answered takes the call, or doesn't."""
    return accepted(twiml.is_yes(forms.value("Digits"), forms.value("SpeechResult")))


@bp.route("/degraded/thanks", methods=forms.METHODS)
def thanks() -> Response:
    """A message was recorded: keep where it is, so that somebody hears it."""
    left = _left()
    return forms.xml(left.degraded.thanks(_line(), kept=keep_message(left)))


@bp.route("/degraded/recording", methods=forms.METHODS)
def recording() -> Response:
    """The carrier has a recording ready: the same, should the caller have hung up while they spoke."""
    if forms.value("RecordingSid"):
        keep_message(_left())
    return forms.done()


def keep_message(left: LastResort) -> bool:
    """Keep on disk that there is a recording; False when even the disk refuses."""
    said = {"recording_sid": forms.value("RecordingSid"), "seconds": forms.seconds("RecordingDuration")}
    return left.spool.keep("message", caller() | said)


def accepted(yes: bool) -> Response:
    settings: Settings = current_app.config["SETTINGS"]
    if yes:
        return forms.xml(twiml.nothing())
    return forms.xml(twiml.farewell(said=(), language=settings.default_language))


def caller() -> dict[str, Any]:
    """Return what must be kept of a call that can't be written down now."""
    return {
        "call_sid": forms.value("CallSid")[:64],
        "from": forms.value("From")[:64],
        "to": forms.value("To")[:64],
        "at": utcnow().isoformat(),
    }


def _line() -> str:
    return request.args.get("line", "")[:32]
