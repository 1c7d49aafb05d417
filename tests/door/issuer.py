"""A provider of sign-ins that says whatever a test wants it to, true or not."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwk, jwt

from tests.servers import answering

CLIENT_ID, CLIENT_SECRET = "rechtdoor", "a secret of ours"
LOGOUT = "http://schemas.openid.net/event/backchannel-logout"
Json = dict[str, Any]


class Issuer:
    """Keeps one key, one person, and what it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.is_away = False
        self.kid = "one"
        self.key: Any = None
        self.change_key("one")
        self.person: Json = {
            "sub": "ada-1",
            "email": "Ada@example.nl",
            "email_verified": True,
            "name": "Ada",
            "groups": ["/Balie"],
        }
        self.userinfo: Json | None = None
        self.metadata_more: Json = {}
        # Changes an id_token before it is signed, and how it is signed.
        self.forge: Callable[[Json], Json] = lambda claims: claims
        self.sign: Callable[[Json], str] = self.signed
        self.codes: dict[str, Json] = {}
        self.reuses_codes = False
        self.asked: list[str] = []

    def change_key(self, kid: str) -> None:
        self.kid, self.key = kid, jwk.RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"})

    def signed(self, claims: Json) -> str:
        return str(jwt.encode({"alg": "RS256", "kid": self.kid}, claims, self.key))

    def claims(self, **more: Any) -> Json:
        now = int(time.time())
        return {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300} | more

    def logout_token(self, **more: Any) -> str:
        about = {"jti": secrets.token_hex(8), "events": {LOGOUT: {}}}
        return self.signed({k: v for k, v in self.claims(**about | more).items() if v is not None})

    # --- what a browser does there ---

    def visit(self, address: str) -> str:
        """Sign in at the provider as its person; return to which page of ours it sends back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        code = secrets.token_hex(8)
        self.codes[code] = asked
        page = urlsplit(asked["redirect_uri"]).path
        return f"{page}?{urlencode({'code': code, 'state': asked['state']})}"

    # --- what we ask it ---

    def answer(self, path: str, form: Json, authorization: str) -> tuple[int, Json]:
        self.asked.append(path)
        if self.is_away:
            return 500, {}
        if path == "/.well-known/openid-configuration":
            return 200, {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "userinfo_endpoint": f"{self.url}/userinfo",
                "jwks_uri": f"{self.url}/keys",
                "end_session_endpoint": f"{self.url}/sign-out",
                **self.metadata_more,
            }
        if path == "/keys":
            return 200, {"keys": [self.key.as_dict(private=False)]}
        if path == "/userinfo":
            return 200, self.userinfo if self.userinfo is not None else self.person
        if path == "/token":
            return self._token(form, authorization)
        return 404, {}

    def _token(self, form: Json, authorization: str) -> tuple[int, Json]:
        expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".replace(" ", "+").encode()).decode()
        plain = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if authorization not in (f"Basic {expected}", f"Basic {plain}"):
            return 401, {"error": "invalid_client"}
        asked = self.codes.get(form["code"]) if self.reuses_codes else self.codes.pop(form["code"], None)
        if asked is None or asked["redirect_uri"] != form["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked["code_challenge_method"] != "S256" or asked["code_challenge"] != challenge:
            return 400, {"error": "invalid_grant"}
        claims = self.forge(self.claims(nonce=asked["nonce"], **self.person))
        return 200, {
            "access_token": "of-no-use",
            "token_type": "Bearer",
            "expires_in": 60,
            "id_token": self.sign({k: v for k, v in claims.items() if v is not None}),
        }


@contextmanager
def issuer() -> Iterator[Issuer]:
    """Let a provider answer on a port of its own."""
    made = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._reply({name: values[0] for name, values in parse_qs(body).items()})

        def _reply(self, form: Json) -> None:
            status, answer = made.answer(self.path, form, self.headers.get("Authorization", ""))
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            return None

    with answering(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        made.url = url
        yield made
