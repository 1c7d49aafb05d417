"""For which site, and with which challenge, is a passkey asked for in this browser?

The challenge is in the session's signed cookie: nothing is kept of strangers who only open the door.
"""

import ipaddress

from flask import current_app, request, session

from app import web
from app.clock import utcnow
from app.door import passkeys
from app.door.passkeys import Site
from config import Settings

CHALLENGE = "challenge"


def site() -> Site | None:
    """Return the site that passkeys are for; None where browsers have none, at an address of figures.

    It is the host of PUBLIC_URL and, so that one can try, `localhost` where it isn't production.
    """
    settings: Settings = current_app.config["SETTINGS"]
    origin = settings.public_url
    if not settings.is_production and request.host.partition(":")[0] == "localhost":
        origin = request.host_url.rstrip("/")
    host = origin.partition("://")[2].partition(":")[0]
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return Site(host, origin, settings.organisation or web.t("brand"))
    return None


def begin(purpose: str) -> str:
    """Return a new challenge, to be answered soon, and for this purpose."""
    challenge = passkeys.new_challenge()
    session[CHALLENGE] = [purpose, challenge, int(utcnow().timestamp())]
    return challenge


def end(purpose: str) -> str | None:
    """Return the challenge that was begun in this browser; None when there is none, or it is over."""
    begun = session.pop(CHALLENGE, None)
    if not isinstance(begun, list) or len(begun) != 3 or begun[0] != purpose:
        return None
    age = utcnow().timestamp() - begun[2]
    return str(begun[1]) if 0 <= age < passkeys.ANSWER_WITHIN.total_seconds() else None


MAKE, ANSWER = "make", "answer"
