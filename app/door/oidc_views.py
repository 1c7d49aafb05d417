"""How does somebody come in by the organisation's own sign-in, and how does that end what is open here?"""

import logging
import secrets
from typing import cast

from flask import Blueprint, Response, abort, current_app, make_response, redirect, request
from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy.exc import IntegrityError

from app import web
from app.clock import utcnow
from app.db import transaction
from app.door import access_log, identities, sessions, sign_in
from app.door.oidc import Asked, Said
from app.door.oidc_wire import ProviderError
from app.door.sessions import Opened
from app.records.access import AccessKind, Proven
from config import Settings

bp = Blueprint("oidc", __name__, url_prefix="/login/oidc")
log = logging.getLogger(__name__)

# Between going there and coming back somebody may look for their telephone.
VISIT_SECONDS = 600
# Each window that waits at the provider is one; a cookie holds no more than some.
MOST_VISITS = 3
Visit = tuple[Asked, str]


@bp.get("")
def leave() -> Response:
    """Send the browser to the provider, with what it must bring back.

    With `again` whoever is signed in there is asked once more who they are, as before what can't be undone.
    """
    provider = sign_in.provider() or abort(404)
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    asked = Asked(state, nonce, verifier, "again" in request.args)
    try:
        address = provider.address_to_ask(asked, web.language())
    except ProviderError as error:
        return _refused(error.code, error.why)
    response = make_response(redirect(address))
    goes_to = web.safe_next(request.args.get("next", ""))[:500]
    return _remember(response, [*_visits(), (asked, goes_to)][-MOST_VISITS:])


@bp.get("/callback")
def come_back() -> Response:
    """Let in whom the provider sends back, in the browser that went there and in no other."""
    provider = sign_in.provider() or abort(404)
    state, visits = request.args.get("state", ""), _visits()
    visit = next(
        (one for one in visits if secrets.compare_digest(one[0].state.encode(), state.encode())), None
    )
    if visit is None:
        return _refused("untrue", "nobody went there from this browser")
    try:
        said = provider.believed(request.args, visit[0], utcnow())
    except ProviderError as error:
        response = _refused(error.code, error.why)
    else:
        response = _let_in(said, visit[1])
    # Of one visit one comes back once.
    return _remember(response, [one for one in visits if one is not visit])


def _let_in(said: Said, asked: str) -> Response:
    settings: Settings = current_app.config["SETTINGS"]
    by = Proven.FACTOR if said.is_strong else Proven.PASSWORD
    opened = Opened("oidc", by, said.sid, said.subject, said.id_token)
    goes_to = ""
    for is_last in (False, True):
        try:
            with transaction() as db:
                outcome = identities.settle(db, said, settings, sign_in.place_of_request(), utcnow())
                if outcome.user is not None:
                    goes_to = sign_in.enter(db, outcome.user, opened, asked)
                else:
                    access_log.note(
                        db, AccessKind.REFUSED, outcome.email, utcnow(), sign_in.place_of_request()
                    )
            break
        except IntegrityError:
            # Another window of theirs was first.
            if is_last:
                raise
    if outcome.user is None:
        return _refused(outcome.why, "the directory gives nothing here")
    return make_response(redirect(goes_to, 303))


def _refused(code: str, why: str) -> Response:
    """Say on the sign-in page why nobody came in, and what helps."""
    log.warning("not let in from elsewhere", extra={"code": code, "why": why})
    settings: Settings = current_app.config["SETTINGS"]
    words = web.t(f"oidc_{code}", name=sign_in.name_of_provider())
    if code == "away":
        # It isn't this page that is out of order: whoever has a password goes on.
        return sign_in.door(200, f"{words} {web.t('oidc_away_password')}" if settings.passwords else words)
    return sign_in.door(400 if code == "untrue" else 403, words)


# --- what the browser keeps meanwhile ----------------------------------------------------------------


def _cookie() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}-oidc"


def _signer() -> URLSafeTimedSerializer:
    settings: Settings = current_app.config["SETTINGS"]
    return URLSafeTimedSerializer(settings.all_secret_keys, salt="oidc visits")


def _visits() -> list[Visit]:
    """Return the visits to the provider that this browser began a short while ago."""
    try:
        kept = _signer().loads(request.cookies.get(_cookie(), ""), max_age=VISIT_SECONDS)
    except BadData:
        return []
    return [
        (Asked(state, nonce, verifier, bool(again)), goes_to)
        for goes_to, state, nonce, verifier, again in cast(list[list[str]], kept)
    ]


def _remember(response: Response, visits: list[Visit]) -> Response:
    kept = [
        [goes_to, asked.state, asked.nonce, asked.verifier, "again" if asked.is_again else ""]
        for asked, goes_to in visits
    ]
    response.set_cookie(
        _cookie(),
        str(_signer().dumps(kept)) if kept else "",
        max_age=VISIT_SECONDS if kept else 0,
        secure=bool(current_app.config["SESSION_COOKIE_SECURE"]),
        httponly=True,
        # Coming back is a step from the provider's page to ours.
        samesite="Lax",
    )
    return response


# --- what the provider tells us by itself ------------------------------------------------------------


@bp.post("/backchannel")
def backchannel() -> Response:
    """End the sessions that the provider says are over; what they have open closes within seconds."""
    provider = sign_in.provider() or abort(404)
    now = utcnow()
    try:
        ended = provider.ended(request.form.get("logout_token", ""), now)
    except ProviderError as error:
        log.warning("not signed out from elsewhere", extra={"code": error.code, "why": error.why})
        return make_response({"error": "invalid_request"}, 400)
    with transaction() as db:
        for email in sessions.end_elsewhere(db, ended.subject, ended.sid, now):
            access_log.note(db, AccessKind.SESSION_ENDED, email, now, access_log.COMMAND, about="oidc")
    return make_response("", 200)
