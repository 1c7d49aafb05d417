"""What did the carrier see? Every leg that there was, read from phonebox's own stream of events.

phonebox is never killed, so its account of a call is the one that ours is held against.
"""

import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

ENDED = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
# “… bellen wij u vandaag vóór vijf uur terug”: said with a time, it is a promise and no offer.
PROMISING = re.compile(r"\b(?:bellen|belt) [\w ]*\bvóór [\w ]+ terug\b")
STREAM_SECONDS = 30.0


@dataclass
class Leg:
    """One leg as the carrier had it; moments are seconds of the clock on the wall."""

    sid: str
    from_: str
    to: str
    direction: str
    parent: str | None
    began_at: float
    rang_at: float | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    status: str = ""
    queued: bool = False
    promised: bool = False  # the caller was told that they will be rung back
    without_database: bool = False  # served from memory
    bridged_at: float | None = None
    # In the carrier's own seconds, which may go faster: how long two people could talk.
    _bridged_from: float | None = None
    talked_seconds: float = 0.0

    @property
    def is_inbound(self) -> bool:
        return self.direction == "inbound"

    @property
    def is_live(self) -> bool:
        return self.ended_at is None

    def hears(self, kind: str, text: str, at: float, now: float) -> None:
        match kind:
            case "bridged":
                self.bridged_at = self.bridged_at or now
                self._bridged_from = at
            case "queued":
                self.queued = True
            case "say" if PROMISING.search(text):
                self.promised = True
            case "ended" if self._bridged_from is not None:
                self.talked_seconds = max(self.talked_seconds, at - self._bridged_from)

    def stands(self, status: str, now: float) -> None:
        self.status = status
        if status == "ringing":
            self.rang_at = self.rang_at or now
        elif status == "in-progress":
            self.answered_at = self.answered_at or now
        elif status in ENDED:
            self.ended_at = self.ended_at or now


@dataclass(frozen=True)
class Point:
    """A named moment of a call, at which a part may be killed."""

    name: str
    leg: Leg | None = None


Listener = Callable[[Point], None]


@dataclass
class Witness:
    """Watches the carrier from its own thread; `listeners` are told of each named point."""

    phonebox_url: str
    legs: dict[str, Leg] = field(default_factory=dict)
    listeners: list[Listener] = field(default_factory=list)
    _last_id: int = 0
    _stopped: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._watch, name="witness", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()

    @property
    def live(self) -> list[Leg]:
        return [leg for leg in list(self.legs.values()) if leg.is_live]

    @property
    def inbound(self) -> list[Leg]:
        return [leg for leg in list(self.legs.values()) if leg.is_inbound]

    def children(self, sid: str) -> list[Leg]:
        return [leg for leg in list(self.legs.values()) if leg.parent == sid]

    def _watch(self) -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while not self._stopped.is_set():
            url = f"{self.phonebox_url}/phonebox/events?after={self._last_id}"
            try:
                with opener.open(url, timeout=STREAM_SECONDS) as stream:
                    self._read(stream)
            except (OSError, urllib.error.URLError, HTTPException):
                time.sleep(0.2)  # the stream resumes where it broke off

    def _read(self, stream: Any) -> None:
        kind = ""
        for raw in stream:
            if self._stopped.is_set():
                return
            name, _, value = raw.decode().rstrip("\n").partition(": ")
            match name:
                case "id":
                    self._last_id = int(value)
                case "event":
                    kind = value
                case "data":
                    self.notes(kind, json.loads(value), time.time())

    def notes(self, kind: str, data: Mapping[str, Any], now: float) -> None:
        """Write one event down, and tell whoever listens when it is a named point."""
        leg = self.legs.get(str(data.get("call_sid")))
        match kind:
            case "call":
                leg = self.legs[data["call_sid"]] = Leg(
                    data["call_sid"], data["from"], data["to"], data["direction"], data["parent"], now
                )
                leg.status = data["status"]
            case "status" if leg is not None:
                leg.stands(data["status"], now)
            case "request" if leg is not None and "/voice/degraded/" in data["url"]:
                leg.without_database = True
            case "caption" if leg is not None:
                leg.hears(data["kind"], data["text"], data["at"], now)
        name = self._point(kind, data, leg)
        if name is not None:
            for listener in self.listeners:
                listener(Point(name, leg))

    def _point(self, kind: str, data: Mapping[str, Any], leg: Leg | None) -> str | None:
        if kind == "request":
            return _point_of_request(data) if data["ms"] is None else None
        if leg is None:
            return None
        parent = self.legs.get(leg.parent or "")
        match kind, str(data.get("status", data.get("kind"))):
            case "status", "ringing":
                if leg.direction == "outbound-api":
                    return "callback_agent_rings"
                return "agent_rings" if parent is None or parent.is_inbound else "customer_rings"
            case "status", status if status in ENDED and leg.parent is None:
                return "hanging_up" if leg.is_inbound else "callback_over"
            case "caption", "bridged" if leg.parent is None:
                return "talking" if leg.is_inbound else "callback_bridged"
            case "caption", "bridged" if parent is not None and not parent.is_live:
                return "talking"  # whom we rang, and whom another has by now
            case "caption", "queued":
                return "waiting"
            case "caption", "say" if leg.is_inbound and PROMISING.search(str(data["text"])):
                return "promise_spoken"
        return None


def _point_of_request(data: Mapping[str, Any]) -> str | None:
    """Name the moment at which the carrier has just asked us something, and waits for the answer."""
    path = urlsplit(data["url"]).path
    if path.startswith("/voice/callbacks/"):
        what = path.rpartition("/")[2]
        return {"picked-up": "callback_picked_up", "ended": "callback_ended"}.get(what)
    if path == "/voice/incoming":
        return "incoming_asked"
    return "ring_ended" if path.endswith("/ended") else None


POINTS = (
    "incoming_asked",
    "agent_rings",
    "ring_ended",
    "talking",
    "waiting",
    "promise_spoken",
    "hanging_up",
    "promise_asked",
    "callback_agent_rings",
    "callback_picked_up",
    "customer_rings",
    "callback_bridged",
    "callback_ended",
    "callback_over",
)
