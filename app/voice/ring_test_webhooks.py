"""What does the carrier ask and tell of a call that only tries whether a desk rings?"""

import logging

from flask import Blueprint, Flask, Response, current_app, request

from app.carrier import forms, twiml
from app.clock import utcnow
from app.errors import StoreUnavailable
from app.voice import ring_tests
from app.voice.webhooks import Voice

log = logging.getLogger(__name__)

bp = Blueprint("ring_tests", __name__, url_prefix="/voice/ring-tests")


def register(app: Flask) -> None:
    """Serve them beside the webhooks of calls, whose way to the database they share."""
    app.register_blueprint(bp)


@bp.before_request
def guard() -> Response | None:
    return forms.refuse_strangers(_unread)


def _unread() -> Response:
    return _goodbye() if request.endpoint == "ring_tests.picked_up" else forms.too_long()


def _voice() -> Voice:
    voice: Voice = current_app.extensions["voice"]
    return voice


@bp.route("/<agent>/<sid>/picked-up", methods=forms.METHODS)
def picked_up(agent: str, sid: str) -> Response:
    voice = _voice()
    try:
        return forms.xml(voice.store.run(lambda session: ring_tests.picked_up(session, agent, utcnow())))
    except StoreUnavailable:
        return _goodbye()


@bp.route("/<agent>/<sid>/status", methods=forms.METHODS)
def status(agent: str, sid: str) -> Response:
    call_status = forms.value("CallStatus")
    if ring_tests.SID.fullmatch(sid):
        try:
            _voice().store.run(lambda session: ring_tests.told(session, agent, sid, call_status, utcnow()))
        except StoreUnavailable:
            # The reservation ends by itself.
            log.warning("news of a test could not be noted", extra={"call_sid": sid})
    return forms.done()


def _goodbye() -> Response:
    return forms.xml(twiml.farewell(said=(), language=_voice().settings.default_language))
