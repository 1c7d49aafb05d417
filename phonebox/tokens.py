"""May this browser be a telephone, and whose?"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from phonebox.addresses import CLIENT_IDENTITY

# https://www.twilio.com/docs/iam/access-tokens: 24 hours at most.
LONGEST_LIFE_SECONDS = 24 * 3600
CONTENT_TYPE = "twilio-fpa;v=1"
# Numbers on the wire; the SDK shows them to the page as 20101 and 20104.
INVALID = 31204
EXPIRED = 31205


class TokenRefused(Exception):
    """A token that opens nothing; the message says why, `code` is the SDK's number on the wire."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Access:
    """What a token opens: the telephone of `identity`, until `expires_at` (seconds since 1970)."""

    identity: str
    expires_at: float
    may_ring: bool

    @property
    def seconds_left(self) -> float:
        """How long the token is good for still."""
        return self.expires_at - time.time()


def verify(token: str, account_sid: str, secrets: Mapping[str, str]) -> Access:
    """Read an access token (twilio.md A11: HS256 by the secret of the API key that it names).

    Raises TokenRefused.
    """
    try:
        header, unproven = jwt.get_unverified_header(token), _claims(token, {"verify_signature": False})
    except jwt.InvalidTokenError as error:
        raise TokenRefused(INVALID, "this is no access token") from error
    if header.get("cty") != CONTENT_TYPE:
        raise TokenRefused(INVALID, f"the token's header must say cty {CONTENT_TYPE}")
    secret = secrets.get(str(unproven.get("iss")))
    if secret is None:
        raise TokenRefused(INVALID, "iss: no API key of this account")
    try:
        claims = _claims(token, {"require": ["exp", "iss", "sub"]}, secret)
    except jwt.ExpiredSignatureError as error:
        raise TokenRefused(EXPIRED, "the token has expired: ask for a new one") from error
    except jwt.ImmatureSignatureError as error:
        raise TokenRefused(INVALID, "nbf: the token is not good yet; is the clock right?") from error
    except jwt.MissingRequiredClaimError as error:
        raise TokenRefused(INVALID, f"{error.claim}: the token lacks it") from error
    except jwt.InvalidTokenError as error:
        raise TokenRefused(INVALID, "the token is not signed with the API key's secret") from error
    return _access(claims, account_sid)


def _claims(token: str, options: Any, secret: str = "") -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, secret, algorithms=["HS256"], options=options)
    return claims


def _access(claims: Mapping[str, Any], account_sid: str) -> Access:
    if claims["sub"] != account_sid:
        raise TokenRefused(INVALID, "sub: not this account")
    grants = claims.get("grants")
    if not isinstance(grants, dict):
        raise TokenRefused(INVALID, "grants: the token opens nothing")
    identity = grants.get("identity")
    if not isinstance(identity, str) or not CLIENT_IDENTITY.fullmatch(identity):
        raise TokenRefused(INVALID, "grants.identity: whose telephone is it?")
    voice = grants.get("voice")
    if not isinstance(voice, dict):
        raise TokenRefused(INVALID, "grants.voice: the token opens no telephone")
    began = claims.get("nbf", claims.get("iat", time.time()))
    if claims["exp"] - began > LONGEST_LIFE_SECONDS:
        raise TokenRefused(EXPIRED, "the token lives longer than 24 hours")
    incoming = voice.get("incoming")
    may_ring = isinstance(incoming, dict) and incoming.get("allow") is True
    return Access(identity, float(claims["exp"]), may_ring)
