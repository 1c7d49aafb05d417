"""What do the tests of phonebox talk to: an application that does as it is told, and the official client."""

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response as TwilioResponse
from twilio.request_validator import RequestValidator

from phonebox.client import PATIENCE_SECONDS
from phonebox.settings import DEVELOPMENT_AUTH_TOKEN

SPEED = 20.0


@dataclass(frozen=True)
class Received:
    """A webhook as it arrived."""

    method: str
    path: str
    query: str
    form: dict[str, str]
    headers: dict[str, str]
    signed: bool


@dataclass(frozen=True)
class Answer:
    """What the application answers."""

    body: str = ""
    status: int = 200
    content_type: str = "text/xml"
    headers: tuple[tuple[str, str], ...] = ()


Script = str | Answer | Callable[[Received], "str | Answer"]


@dataclass
class App:
    """A webhook application that answers what a test wrote down for a path."""

    url: str = ""
    script: dict[str, Script] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def on(self, path: str, *verbs: str, answer: Script | None = None) -> None:
        """Answer requests to `path` with a `<Response>` of these verbs, or with `answer`."""
        self.script[path] = answer if answer is not None else f"<Response>{''.join(verbs)}</Response>"

    def answer(self, received: Received) -> Answer:
        """Write a request down and say what is answered; what is not in the script is 204."""
        with self.arrived:
            self.received.append(received)
            self.arrived.notify_all()
        script = self.script.get(received.path, Answer(status=204))
        said = script(received) if callable(script) else script
        return Answer(said) if isinstance(said, str) else said

    def at(self, path: str) -> list[Received]:
        """Return the requests to a path, in order of arrival."""
        with self.arrived:
            return [each for each in self.received if each.path == path]

    def wait_for(self, path: str, count: int = 1, seconds: float = PATIENCE_SECONDS) -> list[Received]:
        """Return the requests to a path once so many arrived."""
        with self.arrived:
            there = self.arrived.wait_for(
                lambda: sum(each.path == path for each in self.received) >= count, seconds
            )
            assert there, f"{path} was asked {len(self.at(path))} times, not {count}"
        return self.at(path)


class Server(ThreadingHTTPServer):
    """A server that takes it calmly when a carrier does not wait for the answer."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over connections that were given up; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def handler_for(app: App) -> type[BaseHTTPRequestHandler]:
    validator = RequestValidator(DEVELOPMENT_AUTH_TOKEN)

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            form = dict(parse_qsl(body, keep_blank_values=True))
            parts = urlsplit(self.path)
            signature = self.headers.get("X-Twilio-Signature", "")
            signed = validator.validate(app.url + self.path, form, signature)
            everything = form or dict(parse_qsl(parts.query, keep_blank_values=True))
            received = Received(self.command, parts.path, parts.query, everything, dict(self.headers), signed)
            answer = app.answer(received)
            data = answer.body.encode()
            self.send_response(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            if data:
                self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = _serve
        do_POST = _serve

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet."""

    return Handler


class OtherHost(TwilioHttpClient):
    """The official client's own HTTP, sent to another host."""

    def __init__(self, base_url: str) -> None:
        super().__init__(timeout=PATIENCE_SECONDS)
        self._base_url = base_url

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> TwilioResponse:
        parts = urlsplit(url)
        there = f"{self._base_url}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        return super().request(method, there, *args, **kwargs)
