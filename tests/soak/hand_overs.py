"""Who hands their conversation over while parts die? Some of those who talk, once each, by the API."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from http.client import HTTPException
from typing import Any

from sqlalchemy import select

from app.records.promises import PromiseAttempt
from tests.soak.town import AGENTS, WITHOUT_DATABASE, Town
from tests.soak.witness import Leg, Point

Ask = Callable[[str, str, dict[str, Any], str], dict[str, Any]]

TEAM = "Burgerzaken"
# What the first agent does next, if anything; those who do nothing wait for whoever hangs up.
PRESSES = ("join", "complete", "complete", "cancel", "")


@dataclass
class HandOvers:
    """Asks a colleague along in `of_ten` of ten conversations, and presses on a while later."""

    town: Town
    ask: Ask
    chance: random.Random
    of_ten: int
    begun: int = 0
    refused: int = 0  # the colleague was busy, the call over, a part dead
    _due: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _known: set[str] = field(default_factory=set)
    _count: int = 0
    _wake: threading.Condition = field(default_factory=threading.Condition)
    _stopped: bool = False

    def start(self) -> None:
        if self.of_ten:
            self.town.witness.listeners.append(self.began)
            threading.Thread(target=self._run, name="hand-overs", daemon=True).start()

    def stop(self) -> None:
        with self._wake:
            self._stopped = True
            self._wake.notify()

    def began(self, point: Point) -> None:
        leg = point.leg
        if point.name not in ("talking", "callback_bridged") or leg is None or leg.sid in self._known:
            return
        self._known.add(leg.sid)
        if self.chance.randrange(10) < self.of_ten:
            self._later(self.chance.uniform(1, 10), lambda: self._begin(leg))

    def _later(self, seconds: float, work: Callable[[], None]) -> None:
        with self._wake:
            self._count += 1
            heappush(self._due, (time.monotonic() + seconds / self.town.speed, self._count, work))
            self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                if self._stopped:
                    return
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is None or wait > 0:
                    self._wake.wait(wait)
                    continue
                _, _, work = heappop(self._due)
            try:
                work()
            except (OSError, HTTPException, *WITHOUT_DATABASE):
                self.refused += 1

    def _begin(self, leg: Leg) -> None:
        sid = leg.sid if leg.is_inbound else self._placed(leg)
        if sid is None:
            return  # a colleague's, who was asked along
        wish = {
            "to": self.chance.choice((*AGENTS, TEAM, TEAM, TEAM)),
            "kind": self.chance.choice(("warm", "warm", "cold")),
        }
        self._press(sid, "", wish)
        self.begun += 1
        for press in (self.chance.choice(PRESSES), self.chance.choice(PRESSES)):
            if press:
                self._later(self.chance.uniform(3, 20), partial(self._press, sid, f"/{press}", {}))

    def _placed(self, leg: Leg) -> str | None:
        with self.town.database.reading() as session:
            return session.scalar(select(PromiseAttempt.call_sid).where(PromiseAttempt.agent_leg == leg.sid))

    def _press(self, sid: str, what: str, body: dict[str, Any]) -> None:
        self.ask("POST", f"/calls/{sid}/transfer{what}", body, f"{self.chance.getrandbits(128):032x}")
