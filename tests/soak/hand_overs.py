"""Who hands their conversation over while parts die? Some of those who talk, once each, by the API."""

import json
import random
import urllib.error
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from http.client import HTTPException
from typing import Any

from sqlalchemy import select

from app.records.agents import Presence
from app.records.promises import PromiseAttempt
from tests.soak.agenda import Agenda, Work
from tests.soak.town import AGENTS, WITHOUT_DATABASE, Town, free_of
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
    refused: "Counter[str]" = field(
        default_factory=Counter
    )  # why: the colleague busy, the call over, a part dead
    _known: set[str] = field(default_factory=set)
    _agenda: Agenda = field(default_factory=lambda: Agenda("hand-overs"))

    def start(self) -> None:
        if self.of_ten:
            self.town.witness.listeners.append(self.began)
            self._agenda.start()

    def stop(self) -> None:
        self._agenda.stop()

    def began(self, point: Point) -> None:
        leg = point.leg
        if point.name not in ("talking", "callback_bridged") or leg is None or leg.sid in self._known:
            return
        self._known.add(leg.sid)
        if self.chance.randrange(10) < self.of_ten:
            self._later(self.chance.uniform(1, 10), lambda: self._begin(leg))

    def _later(self, seconds: float, work: Work) -> None:
        self._agenda.later(seconds / self.town.speed, partial(self._dare, work))

    def _dare(self, work: Work) -> None:
        try:
            work()
        except urllib.error.HTTPError as error:
            self.refused[_why(error)] += 1
        except (OSError, HTTPException, *WITHOUT_DATABASE) as error:
            self.refused[type(error).__name__] += 1

    def _begin(self, leg: Leg) -> None:
        sid = leg.sid if leg.is_inbound else self._placed(leg)
        if sid is None:
            return  # a colleague's, who was asked along
        wish = {
            "to": self.chance.choice((*(self._free() or AGENTS), TEAM)),
            "kind": self.chance.choice(("warm", "warm", "cold")),
        }
        self._press(sid, "", wish)
        self.begun += 1
        for press in (self.chance.choice(PRESSES), self.chance.choice(PRESSES)):
            if press:
                self._later(self.chance.uniform(3, 20), partial(self._press, sid, f"/{press}", {}))

    def _free(self) -> list[str]:
        with self.town.database.reading() as session:
            return sorted(free_of(session.scalars(select(Presence)), datetime.now(UTC)))

    def _placed(self, leg: Leg) -> str | None:
        with self.town.database.reading() as session:
            return session.scalar(select(PromiseAttempt.call_sid).where(PromiseAttempt.agent_leg == leg.sid))

    def _press(self, sid: str, what: str, body: dict[str, Any]) -> None:
        self.ask("POST", f"/calls/{sid}/transfer{what}", body, f"{self.chance.getrandbits(128):032x}")


def _why(error: urllib.error.HTTPError) -> str:
    """Return why a press can't be now, as the API says it; else its status."""
    try:
        return str(json.loads(error.read())["why"])
    except (ValueError, KeyError, OSError):
        return str(error.code)
