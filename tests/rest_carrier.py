"""A carrier that knows calls, takes redirects and messages: what the jobs ask of its REST API, no more."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from tests.servers import answering

NOT_FOUND: tuple[int, dict[str, object]] = (
    404,
    {"code": 20404, "status": 404, "message": "not found", "more_info": ""},
)


@dataclass
class FakeCarrier:
    """Speaks the few REST calls that the jobs use: what it knows of calls, and what it was asked."""

    calls: dict[str, dict[str, object]] = field(default_factory=dict)
    redirects: list[tuple[str, str]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    talking: set[str] = field(default_factory=set)  # callers who were put through to Anna's desk
    refuses: int | None = None  # its own error code
    silent: dict[str, int] = field(
        default_factory=dict
    )  # numbers of ours that can't send texts, and the error
    sent_from: list[str] = field(default_factory=list)
    forgets: bool = False  # lists no legs of calls
    is_away: bool = False
    babbles: bool = False  # answers what is no JSON
    # A request with this in its path or its form waits for the event; `asked` is what waited.
    slow: dict[str, threading.Event] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def knows(self, sid: str, status: str, duration: str | None = None) -> None:
        self.calls[sid] = {"sid": sid, "status": status, "duration": duration, "direction": "inbound"}

    def is_slow_about(self, what: str) -> threading.Event:
        """Answer nothing about this until the event is set."""
        return self.slow.setdefault(what, threading.Event())

    def hesitate(self, request: str) -> None:
        for what, answers in self.slow.items():
            if what in request and not answers.is_set():
                self.asked.append(what)
                answers.wait(300)

    def answer(self, path: str, form: dict[str, list[str]] | None) -> tuple[int, dict[str, object]]:
        if self.is_away:
            return 503, {}
        if form is not None and self.refuses is not None:
            return 400, {"code": self.refuses, "status": 400, "message": "refused", "more_info": ""}
        if path.endswith("/Messages.json") and (code := self.silent.get((form or {})["From"][0])):
            return 400, {"code": code, "status": 400, "message": "refused", "more_info": ""}
        if path.endswith("/Messages.json"):
            self.sent_from.append((form or {})["From"][0])
            self.messages.append((form or {})["To"][0])
            return 201, {"sid": f"SM{len(self.messages):032}", "status": "queued"}
        found = re.search(r"/Calls/(\w+)\.json", path)
        sid = found[1] if found else ""
        if form is not None:
            if form.get("Status") == ["completed"]:
                self.ended.append(sid)
                return 200, {"sid": sid, "status": "completed"}
            self.redirects.append((sid, form["Url"][0]))
            return 200, {"sid": sid, "status": "in-progress"}
        if parent := re.search(r"/Calls\.json\?.*ParentCallSid=(\w+)", path):
            if self.forgets:
                return NOT_FOUND
            leg = {"sid": "CA" + "9" * 32, "status": "in-progress", "direction": "outbound-dial"}
            leg["to"] = "client:anna"
            return 200, {"calls": [leg] if parent[1] in self.talking else []}
        if sid not in self.calls:
            return NOT_FOUND
        return 200, self.calls[sid]


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever hung up on it had waited long enough."""


@contextmanager
def fake_carrier() -> Iterator[FakeCarrier]:
    carrier = FakeCarrier()

    class Handler(BaseHTTPRequestHandler):
        def _reply(self, form: dict[str, list[str]] | None) -> None:
            carrier.hesitate(f"{self.path} {form}")
            status, body = carrier.answer(self.path, form)
            payload = b"<html>" if carrier.babbles else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def do_GET(self) -> None:
            self._reply(None)

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"] or 0)
            self._reply(parse_qs(self.rfile.read(length).decode()))

        def log_message(self, *words: object) -> None:
            pass

    with answering(_Server(("127.0.0.1", 0), Handler)) as carrier.url:
        yield carrier
