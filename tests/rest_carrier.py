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
class FakeRoom:
    """A conference: who is in it, by label, with the flags that the carrier tells of each."""

    sid: str
    name: str
    status: str = "in-progress"
    people: dict[str, dict[str, object]] = field(default_factory=dict)
    # Labels of whom a flag is said to have been taken, and isn't: the real one does so without a word.
    deaf: set[tuple[str, str]] = field(default_factory=set)
    announced: list[tuple[str, str]] = field(default_factory=list)  # to whom, by label, and what

    def joins(self, label: str, call_sid: str, **flags: object) -> None:
        self.people[label] = {
            "call_sid": call_sid,
            "label": label,
            "conference_sid": self.sid,
            "status": "connected",
            "hold": False,
            "muted": False,
            "coaching": False,
            "end_conference_on_exit": False,
            **flags,
        }

    def answer(self, rest: str, method: str, form: dict[str, list[str]]) -> tuple[int, dict[str, object]]:
        """Answer about the room itself, or about who is in it; `rest` follows the room's SID."""
        if rest == ".json":
            if form.get("Status") == ["completed"]:
                self.status = "completed"
                self.people.clear()
            return 200, {"sid": self.sid, "status": self.status, "friendly_name": self.name}
        if rest.startswith("/Participants.json"):
            if method == "GET":
                return 200, {"participants": list(self.people.values())}
            return 201, {"call_sid": "CA" + "8" * 32, "label": form["Label"][0], "status": "queued"}
        label = rest.removeprefix("/Participants/").removesuffix(".json")
        who = self.people.get(label)
        if who is None:
            return NOT_FOUND
        if method == "DELETE":
            del self.people[label]
            return 204, {}
        was_held = who["hold"]
        for field_, key in _FLAGS.items():
            # https://www.twilio.com/docs/voice/api/conference-participant-resource
            ignored = (label, key) in self.deaf or (key == "end_conference_on_exit" and was_held)
            if field_ in form and not ignored:
                who[key] = form[field_][0] == "true"
        if "CallSidToCoach" in form:
            who["call_sid_to_coach"] = form["CallSidToCoach"][0]
        if "HoldUrl" in form:
            who["hold_url"] = form["HoldUrl"][0]
        if "AnnounceUrl" in form:
            self.announced.append((label, form["AnnounceUrl"][0]))
        return 200, who


_FLAGS = {
    "Hold": "hold",
    "Muted": "muted",
    "EndConferenceOnExit": "end_conference_on_exit",
    "Coaching": "coaching",
}


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
    rooms: dict[str, FakeRoom] = field(default_factory=dict)  # by SID
    placed: list[dict[str, str]] = field(default_factory=list)
    children: dict[str, list[dict[str, object]]] = field(default_factory=dict)  # what a call has dialled

    def opens(self, name: str) -> FakeRoom:
        """Open a conference of that name."""
        room = FakeRoom(f"CF{len(self.rooms):032}", name)
        self.rooms[room.sid] = room
        return room

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

    def answer(
        self, path: str, form: dict[str, list[str]] | None, method: str = ""
    ) -> tuple[int, dict[str, object]]:
        if self.is_away:
            return 503, {}
        if "/Conferences" in path and (form is None or self.refuses is None):
            return self._of_rooms(path, form or {}, method or ("GET" if form is None else "POST"))
        if form is not None and self.refuses is not None:
            return 400, {"code": self.refuses, "status": 400, "message": "refused", "more_info": ""}
        if path.endswith("/Messages.json") and (code := self.silent.get((form or {})["From"][0])):
            return 400, {"code": code, "status": 400, "message": "refused", "more_info": ""}
        if path.endswith("/Messages.json"):
            self.sent_from.append((form or {})["From"][0])
            self.messages.append((form or {})["To"][0])
            return 201, {"sid": f"SM{len(self.messages):032}", "status": "queued"}
        if form is not None and path.endswith("/Calls.json"):
            self.placed.append({name: values[0] for name, values in form.items()})
            self.redirects.append(("", form["Url"][0]))
            return 201, {"sid": f"CA{0xF0 + len(self.placed):032x}", "status": "queued"}
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
            if parent[1] in self.children:
                return 200, {"calls": self.children[parent[1]]}
            leg = {"sid": "CA" + "9" * 32, "status": "in-progress", "direction": "outbound-dial"}
            leg["to"] = "client:anna"
            return 200, {"calls": [leg] if parent[1] in self.talking else []}
        if "/Calls.json?" in path:
            return 200, {"calls": []}
        if sid not in self.calls:
            return NOT_FOUND
        return 200, self.calls[sid]

    def _of_rooms(self, path: str, form: dict[str, list[str]], method: str) -> tuple[int, dict[str, object]]:
        if wanted := re.search(r"/Conferences\.json\?.*FriendlyName=([\w-]+)", path):
            named = [room for room in self.rooms.values() if room.name == wanted[1]]
            found = [{"sid": room.sid, "status": room.status, "friendly_name": room.name} for room in named]
            return 200, {"conferences": found}
        sid, rest = re.search(r"/Conferences/([\w-]+)(.*)", path).groups()  # type: ignore[union-attr]
        room = self.rooms.get(sid) or next((one for one in self.rooms.values() if one.name == sid), None)
        if room is None or (room.status == "completed" and rest != ".json"):
            return NOT_FOUND
        return room.answer(rest, method, form)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever hung up on it had waited long enough."""


@contextmanager
def fake_carrier() -> Iterator[FakeCarrier]:
    carrier = FakeCarrier()

    class Handler(BaseHTTPRequestHandler):
        def _reply(self, form: dict[str, list[str]] | None, method: str = "") -> None:
            carrier.hesitate(f"{self.path} {form}")
            status, body = carrier.answer(self.path, form, method)
            payload = b"<html>" if carrier.babbles else json.dumps(body).encode() if status != 204 else b""
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def do_GET(self) -> None:
            self._reply(None)

        def do_DELETE(self) -> None:
            self._reply({}, "DELETE")

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"] or 0)
            self._reply(parse_qs(self.rfile.read(length).decode()))

        def log_message(self, *words: object) -> None:
            pass

    with answering(_Server(("127.0.0.1", 0), Handler)) as carrier.url:
        yield carrier
