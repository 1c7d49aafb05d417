"""What does the carrier ask and tell of a call that only tries whether a desk rings?"""

from flask import Flask, Response

from app.carrier import forms, twiml, webhook
from app.carrier.webhook import Work, asked, here, told
from app.clock import utcnow
from app.voice import ring_tests

bp = webhook.webhooks("ring_tests", "/voice/ring-tests")


def register(app: Flask) -> None:
    """Serve them beside the webhooks of calls, whose way to the database they share."""
    app.register_blueprint(bp)


def _goodbye(error: Exception | None = None) -> Response:
    return forms.xml(twiml.farewell(said=(), language=here().settings.default_language))


@asked(bp, "/<agent>/<sid>/picked-up", lost=_goodbye, unread=_goodbye)
def picked_up(agent: str, sid: str) -> Work:
    return lambda session: ring_tests.picked_up(session, agent, utcnow())


@told(bp, "/<agent>/<sid>/status", lost=lambda error: forms.done())  # the reservation ends by itself
def status(agent: str, sid: str) -> Work | Response:
    word = forms.value("CallStatus")
    if not ring_tests.SID.fullmatch(sid):
        return forms.done()
    return lambda session: ring_tests.told(session, agent, sid, word, utcnow())
