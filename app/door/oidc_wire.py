"""How is the organisation's provider spoken to? Never for long, never without end, never elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from app.errors import ApplicationError
from config.directory import Oidc

if TYPE_CHECKING:
    from authlib.integrations.requests_client import OAuth2Session

CONNECT_SECONDS, READ_SECONDS = 3.0, 5.0
# What drips in byte by byte is cut off then.
WHOLE_SECONDS = 8.0
MOST_BYTES = 1024 * 1024


class ProviderError(ApplicationError):
    """The provider didn't answer, or what it said can't be believed.

    `code` names what there is to be done about it: `away`, `refused` (it let nobody in), `untrue`.
    """

    def __init__(self, code: str, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code = code
        self.why = why  # for the log: never what somebody is called


class Wire:
    """What we send to the provider and read from it. Its libraries are imported when it is first used."""

    def __init__(self, *, needs_https: bool) -> None:
        self._schemes = ("https",) if needs_https else ("https", "http")

    def check(self, address: str) -> None:
        """Raise ProviderError for an address over which secrets can't be sent."""
        parts = urlsplit(address)
        if parts.scheme not in self._schemes or not parts.hostname:
            raise ProviderError("untrue", "it names an address that isn't https")

    def get_json(self, address: str, *, bearer: str = "") -> dict[str, Any]:
        """Return the object that stands there. Raises ProviderError."""
        import requests

        self.check(address)
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
        with requests.Session() as session, self.errors():
            self._bound(session)
            answer = session.get(
                address,
                headers=headers,
                # This machine's proxies and authorities hold, but no password in its .netrc.
                auth=lambda asked: asked,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
            )
            if answer.status_code != 200:
                raise ProviderError("away", f"it answered {answer.status_code}")
            found = answer.json()
        if not isinstance(found, dict):
            raise ProviderError("untrue", "it sent something else than was asked for")
        return cast(dict[str, Any], found)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Let what goes wrong on the way be a ProviderError."""
        import requests

        try:
            yield
        except requests.exceptions.JSONDecodeError as error:
            raise ProviderError("untrue", "it sent something else than was asked for") from error
        except requests.RequestException as error:
            raise ProviderError("away", type(error).__name__) from error
        except ValueError as error:
            raise ProviderError("untrue", "it sent something else than was asked for") from error

    @contextmanager
    def client(
        self, oidc: Oidc, callback: str, method: str = "client_secret_basic"
    ) -> "Iterator[OAuth2Session]":
        """Yield the client of the protocol; each visitor has one of their own."""
        from authlib.integrations.requests_client import OAuth2Session

        with OAuth2Session(
            oidc.client_id,
            oidc.client_secret,
            token_endpoint_auth_method=method,
            scope=oidc.scopes,
            redirect_uri=callback,
            code_challenge_method="S256",
            default_timeout=(CONNECT_SECONDS, READ_SECONDS),
        ) as client:
            # A secret isn't sent on to wherever an answer points.
            client.max_redirects = 0
            self._bound(client)
            yield client

    def _bound(self, session: Any) -> None:
        adapter = _bounded()
        session.mount("https://", adapter)
        session.mount("http://", adapter)


def _bounded() -> Any:
    """Return what sends: an answer of it is short, and here within some seconds."""
    import requests
    from requests.adapters import HTTPAdapter

    class Bounded(HTTPAdapter):
        def send(self, request: Any, *words: Any, **more: Any) -> requests.Response:
            until = time.monotonic() + WHOLE_SECONDS
            answer = super().send(request, *words, **more | {"stream": True})
            body = bytearray()
            try:
                for part in answer.iter_content(16 * 1024):
                    body += part
                    if len(body) > MOST_BYTES or time.monotonic() > until:
                        raise requests.ConnectionError("too long")
            finally:
                answer.close()
            answer._content = bytes(body)
            return answer

    return Bounded()
