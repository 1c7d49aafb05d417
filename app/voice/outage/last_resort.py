"""What when all else fails? Webhooks without database or Redis; they may run in a process of their own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, request

from app.carrier import forms, twiml, webhook
from app.carrier.spool import Spool
from app.carrier.webhook import asked, told
from app.clock import utcnow
from app.voice.outage.degraded import FALLBACK, MESSAGE, Degraded, talked
from app.voice.outage.snapshot import Keeper
from config import Settings

bp = webhook.webhooks("last_resort", "/voice")


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


def take_a_message_of_anybody() -> Response:
    """Let whoever it is speak: rings and names nobody, and keeps nothing until signed news comes of it."""
    return forms.xml(_left().degraded.answer(MESSAGE, "", None))


def _take_a_message(error: Exception) -> Response:
    """Whatever breaks here, there is nobody else to ask: let the caller speak."""
    return take_a_message_of_anybody()


def _nobody(error: Exception | None = None) -> Response:
    return accepted(False)


@asked(bp, "/fallback", lost=_take_a_message, unread=take_a_message_of_anybody)
def fallback() -> Response:
    """The primary handler failed: ring the numbers for emergencies."""
    left = _left()
    left.spool.keep("fallback", caller())
    line = forms.value("To")[:32]
    return forms.xml(left.degraded.answer(FALLBACK, line, None, caller_id=forms.caller_id()))


@asked(bp, "/degraded/after/<rung>", lost=_take_a_message, unread=take_a_message_of_anybody)
def after(rung: str) -> Response:
    """One rung of what is left is over."""
    left, dial = _left(), forms.dial_ended()
    if talked(dial):
        left.spool.keep("talked", caller() | {"seconds": dial.seconds or 0})
    return forms.xml(left.degraded.after(rung, _line(), dial, forms.caller_id()))


@asked(bp, "/degraded/whisper", lost=_nobody, unread=_nobody)
def whisper() -> Response:
    """An ordinary phone was answered, by somebody or by something."""
    return forms.xml(_left().degraded.whisper(_line()))


@asked(bp, "/degraded/accept", lost=_nobody, unread=_nobody)
def accept() -> Response:
    """Whoever answered takes the call, or doesn't."""
    return accepted(twiml.is_yes(forms.value("Digits"), forms.value("SpeechResult")))


@asked(bp, "/degraded/thanks", lost=_take_a_message, unread=take_a_message_of_anybody)
def thanks() -> Response:
    """A message was recorded: keep where it is, so that somebody hears it."""
    left = _left()
    return forms.xml(left.degraded.thanks(_line(), kept=keep_message(left)))


@told(bp, "/degraded/recording", lost=lambda error: forms.done())
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
