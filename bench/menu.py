"""How does a telephone menu answer? A tree of two levels, as the carrier's own tutorials build it."""

from flask import Flask, Response, request
from twilio.twiml.voice_response import Gather, VoiceResponse

MAIN = (
    "Welkom bij de gemeente. Voor burgerzaken, toets 1. Voor werk en inkomen, toets 2. "
    "Voor vergunningen, toets 3. Voor alle overige vragen, toets 4."
)
SECOND = (
    "Voor een paspoort of rijbewijs, toets 1. Voor een verhuizing, toets 2. "
    "Voor een lopende zaak, toets 3. Om terug te gaan, toets de ster."
)
CONNECTING = "Een ogenblik geduld, wij verbinden u door met de eerste vrije medewerker."


def create_menu() -> Flask:
    """Return the application; it knows nobody and checks nothing."""
    app = Flask(__name__)

    @app.post("/incoming")
    def incoming() -> Response:
        return _menu(MAIN, "/menu")

    @app.post("/menu")
    def menu() -> Response:
        return _menu(SECOND, "/team") if request.form.get("Digits") == "1" else _menu(MAIN, "/menu")

    @app.post("/team")
    def team() -> Response:
        response = VoiceResponse()
        response.say(CONNECTING, language="nl-NL")
        response.dial("+31201234567")
        return Response(str(response), mimetype="text/xml")

    return app


def _menu(words: str, action: str) -> Response:
    response = VoiceResponse()
    gather = Gather(num_digits=1, action=action, method="POST")
    gather.say(words, language="nl-NL")
    response.append(gather)
    response.redirect("/incoming")
    return Response(str(response), mimetype="text/xml")
