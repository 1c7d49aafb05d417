"""How does a desk become a telephone? The way in for Twilio's Voice SDK, and whom its page may ask."""

from typing import Any

from flask import Blueprint, Response, current_app, jsonify, make_response
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import VoiceGrant

from app import web
from app.door.sign_in import desk_of_reader, require_agent
from config import Settings

bp = Blueprint("softphone", __name__, url_prefix="/desk")

# A stolen token is worth little for long; the page asks for the next one when half of it has passed.
TOKEN_SECONDS = 600
SOUNDS = "/static/desk/sounds/"
# https://www.npmjs.com/package/@twilio/voice-sdk, Content Security Policy
TWILIO_CONNECT = (
    "wss://voice-js.roaming.twilio.com",
    "https://eventgw.twilio.com",
    "https://sdk.twilio.com",
)
TWILIO_MEDIA = ("mediastream:", "https://sdk.twilio.com")


def page_settings(settings: Settings) -> dict[str, Any] | None:
    """Return what the desk's page must know to be a telephone; None where desks are none.

    `device` are options of the SDK's Device, `trust` an address to accept a certificate of our own.
    """
    if not settings.has_softphones:
        return None
    page: dict[str, Any] = {"device": {}, "sounds": SOUNDS, "trust": None}
    if settings.softphone_signal:
        # Undocumented: where the SDK connects instead of Twilio. Nothing is reported to Twilio then.
        page["device"] = {"chunderw": settings.softphone_signal, "publishEvents": False}
        page["trust"] = f"https://{settings.softphone_signal}/"
    return page


def security_policy(settings: Settings) -> str:
    """Return the Content-Security-Policy of a page with the SDK in it: the carrier's hosts, and no others."""
    if not settings.has_softphones:
        return web.content_security_policy()
    if settings.softphone_signal:
        return web.content_security_policy([f"wss://{settings.softphone_signal}"], ["mediastream:"])
    return web.content_security_policy(TWILIO_CONNECT, TWILIO_MEDIA)


def token_for(settings: Settings, identity: str) -> str:
    """Return what lets a browser be the telephone of `identity`, to be rung and nothing else.

    https://www.twilio.com/docs/iam/access-tokens: signed with the API key's secret, never the auth token.
    """
    token = AccessToken(
        settings.account_sid, settings.api_key, settings.api_secret, identity=identity, ttl=TOKEN_SECONDS
    )
    token.add_grant(VoiceGrant(incoming_allow=True))
    return str(token.to_jwt())


@bp.get("/access-token")
@require_agent
def access_token() -> Response:
    """Return a token with which this browser can be rung as the agent who is signed in, and nobody else."""
    settings: Settings = current_app.config["SETTINGS"]
    token = token_for(settings, desk_of_reader())
    return make_response(jsonify(token=token, seconds=TOKEN_SECONDS), {"Cache-Control": "no-store"})
