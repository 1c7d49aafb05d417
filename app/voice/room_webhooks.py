"""What does the carrier ask and tell of a conversation in a room? Each view says what is to be done."""

import re
from functools import partial

from flask import Flask, Response, request

from app.carrier import forms, twiml, webhook
from app.carrier.webhook import Work, asked, here, told
from app.clock import utcnow
from app.voice import rooms
from app.voice.outage import last_resort
from app.voice.waiting import SIGN_OF_LIFE

bp = webhook.webhooks("rooms", "/voice/rooms")

NAME = re.compile(r"[0-9a-f]{32}")
MOST_LEGS = 10_000
_LEG = "/<name>/<int:number>"


def register(app: Flask) -> None:
    """Serve them beside the webhooks of calls, whose way to the database they share."""
    app.register_blueprint(bp)


# --- when it can't be done -------------------------------------------------------------------------------


def _named() -> tuple[str, int]:
    named = request.view_args or {}
    return str(named["name"]), int(named.get("number", 0))


def _enter_anyhow(error: Exception) -> Response:
    """The room's name is all that is needed to hear each other."""
    name, number = _named()
    if not _is_ours(name, number):
        return _hang_up()
    return forms.xml(rooms.enter_anyhow(name, number, here().settings.public_url))


def _hang_up(error: Exception | None = None) -> Response:
    return forms.xml(twiml.farewell(said=(), language=here().settings.default_language))


def _keep_holding(error: Exception | None = None) -> Response:
    """Nobody can say why they wait; that the line lives can be heard."""
    name, number = _named()
    url = here().settings.public_url
    again = rooms.address(url, name, number, "hold")
    language = here().settings.default_language
    return forms.xml(twiml.hold(said=(), language=language, sound=url + SIGN_OF_LIFE, seconds=2, again=again))


def _is_ours(name: str, number: int) -> bool:
    return NAME.fullmatch(name) is not None and number < MOST_LEGS


# --- what the carrier asks -------------------------------------------------------------------------------


@asked(bp, f"{_LEG}/enter", lost=_enter_anyhow, unread=_hang_up)
def enter(name: str, number: int) -> Work | Response:
    """A call is here to go into the room."""
    deployment = here().deployment
    if not _is_ours(name, number):
        return _hang_up()
    return lambda session: rooms.enter(session, name, number, utcnow(), deployment)


@asked(bp, f"{_LEG}/whisper", lost=_hang_up, unread=_hang_up)
def whisper(name: str, number: int) -> Work | Response:
    """A colleague's ordinary phone was answered, by somebody or by something."""
    deployment = here().deployment
    if not _is_ours(name, number):
        return _hang_up()
    return lambda session: rooms.whisper(session, name, number, deployment)


@asked(bp, f"{_LEG}/accept", lost=_hang_up, unread=_hang_up)
def accept(name: str, number: int) -> Work | Response:
    """Whoever picked it up comes along, or doesn't."""
    digits, words, deployment = forms.value("Digits"), forms.value("SpeechResult"), here().deployment
    if not _is_ours(name, number):
        return _hang_up()
    return lambda session: rooms.accept(session, name, number, digits, words, utcnow(), deployment)


@asked(bp, f"{_LEG}/hold", f"{_LEG}/wait", lost=_keep_holding, unread=_keep_holding)
def hold(name: str, number: int) -> Work | Response:
    """What does somebody hear who is on hold, or the first in the room?"""
    deployment = here().deployment
    if not _is_ours(name, number):
        return _hang_up()
    if request.path.endswith("/wait"):
        # The second is there within a moment: a sentence would be in their way.
        return _keep_holding()
    return lambda session: rooms.hold(session, name, number, utcnow(), deployment)


@asked(bp, f"{_LEG}/ended", lost=_hang_up, unread=last_resort.take_a_message_of_anybody)
def ended(name: str, number: int) -> Work | Response:
    """Somebody is out of the room, and their call goes on."""
    status, deployment = forms.value("CallStatus"), here().deployment
    if not _is_ours(name, number):
        return _hang_up()
    return lambda session: rooms.ended(session, name, number, status, utcnow(), deployment)


# --- what the carrier tells ------------------------------------------------------------------------------


# News that is lost is found again when the room is read.
@told(bp, f"{_LEG}/ring", lost=lambda error: forms.done())
def ring(name: str, number: int) -> Work | Response:
    """How the telephone of somebody who is rung along stands."""
    status, sid, deployment = forms.value("CallStatus"), forms.value("CallSid"), here().deployment
    if not _is_ours(name, number) or not forms.CALL_SID.fullmatch(sid):
        return forms.done()
    return lambda session: rooms.ring(session, name, number, status, sid, utcnow(), deployment)


@told(bp, "/<name>/events", lost=lambda error: forms.done())
def events(name: str) -> Work | Response:
    """Somebody came or left, or the room is over."""
    if not _is_ours(name, 0):
        return forms.done()
    return partial(
        rooms.event,
        name=name,
        what=forms.value("StatusCallbackEvent"),
        label=forms.value("ParticipantLabel"),
        sequence=forms.number("SequenceNumber"),
        call_status=forms.value("ParticipantCallStatus"),
        conference_sid=forms.value("ConferenceSid"),
        leg_sid=forms.value("CallSid"),
        now=utcnow(),
        deployment=here().deployment,
    )
