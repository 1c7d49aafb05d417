"""What can't be had for less? A constant answer, and one that checks the signature; beside them the control.

Served by the very server that serves the product, with the same number of workers.
"""

import os

from flask import Flask, Response, request
from twilio.request_validator import RequestValidator
from twilio.twiml.voice_response import Dial, VoiceResponse

from app import bus, db
from app.desk.streams import Hub
from app.serving import Application
from bench import control

CONSTANT = b'<?xml version="1.0" encoding="UTF-8"?><Response><Dial><Client>anna</Client></Dial></Response>'


def create_floors(public_url: str, token: str) -> Flask:
    """Return an application with the floors and the control; the control needs a bound database."""
    app = Flask(__name__)
    validator = RequestValidator(token)

    @app.post("/constant")
    def constant() -> Response:
        return Response(CONSTANT, mimetype="text/xml")

    @app.post("/signed")
    def signed() -> Response:
        """What anybody would write who follows the carrier's own guide."""
        if not _is_signed(validator, public_url):
            return Response(status=403)
        response = VoiceResponse()
        dial = Dial(action=f"{public_url}/ended", timeout=20, answer_on_bridge=True)
        dial.client("anna")
        response.append(dial)
        return Response(str(response), mimetype="text/xml")

    @app.post("/control")
    def by_orm() -> Response:
        if not _is_signed(validator, public_url):
            return Response(status=403)
        reply = control.answer(request.form["CallSid"], request.form["From"], request.form["To"], public_url)
        return Response(reply, mimetype="text/xml")

    @app.get("/healthz")
    def healthz() -> Response:
        return Response(b"up")

    return app


def _is_signed(validator: RequestValidator, public_url: str) -> bool:
    signature = request.headers.get("X-Twilio-Signature", "")
    return bool(validator.validate(public_url + request.path, request.form, signature))


def serve() -> Application:
    """Return what the web server serves: settings come as the product's do, from the environment."""
    db.bind(db.Database(os.environ["DATABASE_URL"]))
    bus.bind(os.environ["REDIS_URL"])
    floors = create_floors(os.environ["PUBLIC_URL"], os.environ["TWILIO_AUTH_TOKEN"])
    return Application(floors, Hub(os.environ["REDIS_URL"]))
