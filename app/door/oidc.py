"""What does the organisation's provider say, and is it true? OpenID Connect: asked, checked, never trusted.

The protocol is Authlib's, the signatures are joserfc's. Both are imported when somebody first comes in that
way: neither a call nor a start waits for them. https://openid.net/specs/openid-connect-core-1_0.html
"""

import hmac
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

from app.door.oidc_wire import ProviderError, Wire
from config import Settings
from config.directory import ALWAYS, Oidc

log = logging.getLogger(__name__)

# What a provider can sign with: a key of its own, of which it publishes half. Never `none`, and never HS…, by
# which whoever knows the published half, or our own secret, could sign.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
KEY_TYPES = ("RSA", "EC", "OKP")
KNOWN_FOR = 3600.0  # seconds that its addresses and keys are believed
# Seconds after it failed that nobody else is kept waiting for it, and between two looks for an unknown key.
AWAY_FOR = 5.0
SKEW = 60  # seconds that its clock may differ from ours
LONGEST_AGO = 600  # seconds since a token was made that is handed to us now
LOGOUT = "http://schemas.openid.net/event/backchannel-logout"
JUST_NOW = 300  # seconds since they showed once more who they are
MOST_GROUPS = 2000
LONGEST_SUBJECT = 255  # as OpenID Connect has it, and our column


@dataclass(frozen=True)
class Asked:
    """What one visit to the provider was begun with; it comes back with the browser that began it."""

    state: str
    nonce: str
    verifier: str
    is_again: bool = False  # whoever is signed in there shows once more who they are


@dataclass(frozen=True)
class Said:
    """Who somebody is, as the provider says."""

    issuer: str
    subject: str
    email: str  # lower case; empty where there is none that can be believed
    name: str
    language: str
    groups: frozenset[str]
    has_more_groups: bool  # than stand here: they were too many
    is_strong: bool
    sid: str | None
    id_token: str


@dataclass(frozen=True)
class Ended:
    """Whose sessions the provider says are over: one, or all of somebody's."""

    issuer: str
    subject: str | None
    sid: str | None


@dataclass
class _Known:
    """What the provider told of itself, and when."""

    value: Any = None
    at: float = -KNOWN_FOR
    failed_at: float = field(default=-AWAY_FOR)

    def is_fresh(self) -> bool:
        return self.value is not None and time.monotonic() - self.at < KNOWN_FOR

    def has_just_failed(self) -> bool:
        return time.monotonic() - self.failed_at < AWAY_FOR


class Provider:
    """The provider of this deployment. One for each process, used by all threads."""

    def __init__(self, settings: Settings, oidc: Oidc) -> None:
        self.oidc = oidc
        self.callback = f"{settings.public_url}/login/oidc/callback"
        self._after_sign_out = f"{settings.public_url}/login"
        self._wire = Wire(needs_https=settings.is_production)
        self._metadata, self._keys = _Known(), _Known()
        self._looked_again_at = -AWAY_FOR
        self._lock = threading.Lock()

    # --- what it tells of itself ---------------------------------------------------------------------

    def metadata(self) -> Mapping[str, Any]:
        """Return what the provider tells of itself. Raises ProviderError."""
        found = self._remembered(self._metadata, self._discover)
        return cast(Mapping[str, Any], found)

    def _discover(self) -> Mapping[str, Any]:
        issuer = self.oidc.issuer.rstrip("/")
        found = self._wire.get_json(f"{issuer}/.well-known/openid-configuration")
        # Word for word: another provider, or one for everybody's accounts, is not the one that was meant.
        if str(found.get("issuer", "")).rstrip("/") != issuer:
            raise ProviderError("untrue", "it calls itself by another name than OIDC_ISSUER")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not isinstance(found.get(name), str):
                raise ProviderError("untrue", f"it names no {name}")
            self._wire.check(found[name])
        return found

    def _key_set(self, *, anew: bool = False) -> Any:
        if anew:
            with self._lock:
                if time.monotonic() - self._looked_again_at < AWAY_FOR:
                    raise ProviderError("untrue", "signed by a key that it doesn't publish")
                self._looked_again_at = time.monotonic()
                self._keys.at = -KNOWN_FOR
        return self._remembered(self._keys, self._fetch_keys)

    def _fetch_keys(self) -> Any:
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        found = self._wire.get_json(self.metadata()["jwks_uri"])
        keys = found.get("keys")
        usable = [
            key
            for key in (keys if isinstance(keys, list) else [])
            if isinstance(key, dict) and key.get("kty") in KEY_TYPES and key.get("use", "sig") == "sig"
        ]
        try:
            return KeySet.import_key_set({"keys": usable})
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise ProviderError("untrue", "its keys can't be read") from error

    def _remembered(self, known: _Known, ask: Any) -> Any:
        """Return what is known, asked anew when it is old; what is old is better than nothing."""
        if known.is_fresh():
            return known.value
        if known.has_just_failed():
            if known.value is not None:
                return known.value
            raise ProviderError("away", "it didn't answer a moment ago")
        try:
            known.value, known.at = ask(), time.monotonic()
        except ProviderError as error:
            known.failed_at = time.monotonic()
            log.warning("provider of sign-ins out of reach", extra={"why": error.why})
            if known.value is None or error.code != "away":
                raise
        return known.value

    def check(self) -> None:
        """Ask all that a sign-in needs to know beforehand. Raises ProviderError."""
        self.metadata()
        self._key_set()

    # --- there and back ------------------------------------------------------------------------------

    def address_to_ask(self, asked: Asked, language: str) -> str:
        """Return where the browser goes to prove who it is. Raises ProviderError."""
        endpoint = self.metadata()["authorization_endpoint"]
        with self._wire.client(self.oidc, self.callback) as client:
            address, _ = client.create_authorization_url(
                endpoint,
                state=asked.state,
                nonce=asked.nonce,
                code_verifier=asked.verifier,
                response_mode="query",
                ui_locales=language,
                **({"prompt": "login", "max_age": "0"} if asked.is_again else {}),
            )
        return str(address)

    def believed(self, answer: Mapping[str, str], asked: Asked, now: datetime) -> Said:
        """Return who came back with this answer. Raises ProviderError when that can't be believed."""
        metadata = self.metadata()
        self._check_sender(answer, metadata)
        if error := answer.get("error"):
            # In the provider's own words there may be names.
            raise ProviderError("refused", error if error.replace("_", "").isalnum() else "error")
        if not answer.get("code"):
            raise ProviderError("untrue", "it sent no code")
        token = self._exchange(metadata, answer["code"], asked)
        raw = str(token.get("id_token", ""))
        claims = self._id_token(raw, token, asked, now)
        return self._said(raw, claims, self._more(metadata, token, claims))

    def _check_sender(self, answer: Mapping[str, str], metadata: Mapping[str, Any]) -> None:
        """Refuse what another provider sends back: https://www.rfc-editor.org/rfc/rfc9207."""
        sender = answer.get("iss")
        is_promised = metadata.get("authorization_response_iss_parameter_supported") is True
        if sender != metadata["issuer"] and (sender is not None or is_promised):
            raise ProviderError("untrue", "the answer is another provider's")

    def _exchange(self, metadata: Mapping[str, Any], code: str, asked: Asked) -> Mapping[str, Any]:
        from authlib.common.errors import AuthlibBaseError

        methods = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        method = "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post"
        with self._wire.client(self.oidc, self.callback, method) as client, self._wire.errors():
            try:
                token = client.fetch_token(
                    metadata["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=asked.verifier,
                )
            except AuthlibBaseError as error:
                raise ProviderError("refused", f"the code: {str(error.error)[:60]}") from error
        return dict(token)

    def _more(
        self, metadata: Mapping[str, Any], token: Mapping[str, Any], claims: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the claims, with what the provider tells only who asks for it."""
        endpoint = metadata.get("userinfo_endpoint")
        is_whole = claims.get("email") and found_at(claims, self.oidc.groups_claim) is not None
        if is_whole or not isinstance(endpoint, str) or not token.get("access_token"):
            return dict(claims)
        try:
            told = self._wire.get_json(endpoint, bearer=str(token["access_token"]))
        except ProviderError:
            # What is missing then is said to whom it concerns.
            return dict(claims)
        if told.get("sub") != claims["sub"]:
            raise ProviderError("untrue", "userinfo is about somebody else")
        # What is signed holds where both say something.
        return dict(told) | dict(claims)

    def _said(self, raw: str, claims: Mapping[str, Any], more: Mapping[str, Any]) -> Said:
        oidc = self.oidc
        email = str(more.get("email") or "")
        if not email and oidc.trusts_email and "@" in str(more.get("preferred_username") or ""):
            email = str(more["preferred_username"])
        # Some providers write it as a word.
        is_verified = str(more.get("email_verified")).lower() == "true"
        groups = found_at(more, oidc.groups_claim)
        listed = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        marks = {str(one) for one in (claims.get("amr") or [])} | {str(claims.get("acr"))}
        return Said(
            issuer=str(claims["iss"]),
            subject=str(claims["sub"]),
            email=email.strip().lower() if is_verified or oidc.trusts_email else "",
            name=str(more.get("name") or "")[:200],
            language=str(more.get("locale") or "")[:2].lower(),
            groups=frozenset(one for one in listed[:MOST_GROUPS] if isinstance(one, str)),
            has_more_groups=_has_more_groups(more, oidc.groups_claim),
            is_strong=ALWAYS in oidc.strong or not marks.isdisjoint(oidc.strong),
            sid=str(claims["sid"])[:255] if claims.get("sid") else None,
            id_token=raw,
        )

    # --- what it signs -------------------------------------------------------------------------------

    def _id_token(self, raw: str, token: Mapping[str, Any], asked: Asked, now: datetime) -> Mapping[str, Any]:
        from authlib.oidc.core import CodeIDToken
        from joserfc.errors import JoseError

        header, payload = self._signed(raw)
        about = {
            "nonce": asked.nonce,
            "client_id": self.oidc.client_id,
            "access_token": token.get("access_token"),
        }
        claims = CodeIDToken(payload, header, self._expected(), about)
        try:
            claims.validate(now=int(now.timestamp()), leeway=SKEW)
        except (JoseError, ValueError, TypeError) as error:
            raise ProviderError("untrue", f"id_token: {_what(error)}") from error
        if not hmac.compare_digest(str(payload.get("nonce", "")).encode(), asked.nonce.encode()):
            raise ProviderError("untrue", "id_token: nonce")
        shown_at = payload.get("auth_time")
        if asked.is_again and not (
            isinstance(shown_at, int | float) and now.timestamp() - shown_at < JUST_NOW + SKEW
        ):
            # A browser may leave out what it was to ask.
            raise ProviderError("untrue", "id_token: auth_time")
        if not 0 < len(str(payload["sub"])) <= LONGEST_SUBJECT:
            raise ProviderError("untrue", "id_token: sub")
        _check_age(payload, now)
        return payload

    def ended(self, raw: str, now: datetime) -> Ended:
        """Return whose sessions a logout token says are over. Raises ProviderError when it isn't one.

        https://openid.net/specs/openid-connect-backchannel-1_0.html#Validation
        """
        from authlib.oauth2.claims import JWTClaims
        from joserfc.errors import JoseError

        header, payload = self._signed(raw)
        claims = JWTClaims(payload, header, self._expected())
        try:
            claims.validate(now=int(now.timestamp()), leeway=SKEW)
        except (JoseError, ValueError, TypeError) as error:
            raise ProviderError("untrue", f"logout_token: {_what(error)}") from error
        _check_age(payload, now)
        events, subject, sid = payload.get("events"), payload.get("sub"), payload.get("sid")
        kind = str(header.get("typ") or "JWT").lower()
        if kind not in ("jwt", "logout+jwt"):
            raise ProviderError("untrue", "logout_token: of another kind")
        is_one = isinstance(events, dict) and isinstance(events.get(LOGOUT), dict) and "nonce" not in payload
        if not is_one or not (subject or sid) or not payload.get("jti"):
            raise ProviderError("untrue", "logout_token: it is none")
        return Ended(str(payload["iss"]), str(subject) if subject else None, str(sid) if sid else None)

    def _expected(self) -> dict[str, Any]:
        return {
            "iss": {"essential": True, "value": self.metadata()["issuer"]},
            "aud": {"essential": True, "value": self.oidc.client_id},
            "iat": {"essential": True},
        }

    def _signed(self, raw: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return head and content of a token that the provider signed. Raises ProviderError."""
        from joserfc import jwt
        from joserfc.errors import InvalidKeyIdError, JoseError

        for anew in (False, True):
            try:
                token = jwt.decode(raw, self._key_set(anew=anew), algorithms=list(ALGORITHMS))
            except InvalidKeyIdError as error:
                # It may have changed its keys since we looked.
                if anew:
                    raise ProviderError("untrue", "signed by a key that it doesn't publish") from error
            except (JoseError, ValueError, TypeError, KeyError) as error:
                raise ProviderError("untrue", f"signature: {_what(error)}") from error
            else:
                return dict(token.header), dict(token.claims)
        raise AssertionError

    # --- out -----------------------------------------------------------------------------------------

    def address_to_sign_out(self, id_token: str | None) -> str | None:
        """Return where the browser signs out there too, None where the provider knows no such thing.

        https://openid.net/specs/openid-connect-rpinitiated-1_0.html
        """
        try:
            # What was known of it once does as well: nobody waits for a slow provider to sign out here.
            endpoint = (self._metadata.value or self.metadata()).get("end_session_endpoint")
        except ProviderError:
            return None
        if not isinstance(endpoint, str):
            return None
        sent = {"client_id": self.oidc.client_id, "post_logout_redirect_uri": self._after_sign_out}
        if id_token:
            sent["id_token_hint"] = id_token
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(sent)}"


def found_at(claims: Mapping[str, Any], path: str) -> Any:
    """Return what stands under a claim's whole name, else at its path of names with dots; None: nothing."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _has_more_groups(claims: Mapping[str, Any], path: str) -> bool:
    """Tell whether somebody is in more groups than fit: Entra names then where to ask for them.

    https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference#groups-overage-claim
    """
    elsewhere = claims.get("_claim_names")
    return bool(claims.get("hasgroups")) or (isinstance(elsewhere, Mapping) and path in elsewhere)


def _check_age(payload: Mapping[str, Any], now: datetime) -> None:
    made = payload.get("iat")
    if not isinstance(made, int | float) or not -LONGEST_AGO - SKEW <= made - now.timestamp() <= SKEW:
        raise ProviderError("untrue", "iat: not made now")


def _what(error: Exception) -> str:
    """Return which rule was broken, never the value that broke it."""
    claim = getattr(error, "claim", "")
    return f"{type(error).__name__} {claim}".strip()
