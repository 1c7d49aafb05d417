"""Who lives in the town: agents at their telephones, and customers, each with a case that somebody knows?"""

import random
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from app.agents import presence
from app.api import auth
from app.db import Database
from app.errors import ApplicationError
from app.promises import ledger
from app.records.agents import Intent, Presence, Reach
from app.records.promises import Promise, PromiseState
from app.records.tokens import Scope
from app.routing import rules
from phonebox.client import DrivingError, Phonebox
from tests import factories
from tests.soak.agenda import Agenda
from tests.soak.witness import Leg, Point, Witness

LINE, CLOSED_LINE = factories.LINE, "+31201234501"
DESKS = ("anna", "bram", "carla", "dirk", "els")
BY_PHONE = {"farid": "+31201112233"}
AGENTS = (*DESKS, *BY_PHONE)
# Desks of a soak are alive as long as it lasts.
ALIVE = timedelta(days=2)
# Of the clock on the wall, whatever the carrier's speed is.
RULES = rules.Ladder(wrap_up_seconds=2, wait_for_owner_seconds=12, wait_for_team_seconds=12)
LOOK_EVERY_SECONDS = 1.0

WITHOUT_DATABASE = (OperationalError, InterfaceError, DBAPIError, TimeoutError)


@dataclass(frozen=True)
class Customer:
    """One customer with one number, and a case that an agent has handled; `known` when it is written down."""

    place: int
    owner: str  # the agent who handled the case last
    known: bool

    @property
    def number(self) -> str:
        return f"+316{self.place:08d}"

    @property
    def case(self) -> str:
        return f"Z{self.place}"

    @property
    def handled_by(self) -> tuple[str, str]:
        """Return who knows the case, the owner last."""
        return AGENTS[(AGENTS.index(self.owner) + 1) % len(AGENTS)], self.owner


@dataclass
class Town:
    """The people, as the stories know them; everything that a person does goes through the carrier."""

    phonebox: Phonebox
    witness: Witness
    database: Database
    speed: float
    chance: random.Random
    token: str = ""
    _customers: int = 10_000_000
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def new_customer(self, owner: str | None = None) -> Customer:
        """Return somebody who has never phoned; without a database, somebody whom we know nothing of."""
        with self._lock:
            self._customers += 1
            place = self._customers
        customer = Customer(place, owner or AGENTS[place % len(AGENTS)], known=False)
        with suppress(*WITHOUT_DATABASE), self.written() as session:
            factories.customer(session, f"c{customer.place}", customer.number)
            factories.case(session, customer.case, f"c{customer.place}", handled_by=customer.handled_by)
            return replace(customer, known=True)
        return customer

    @contextmanager
    def written(self) -> Iterator[Session]:
        with self.database.transaction() as session:
            yield session


def settle_in(town: Town, now: datetime) -> None:
    """Write down who lives here. It is about noon where the lines are, whatever the hour of the run."""
    with town.written() as session:
        zone = factories.noon_zone(now)
        factories.line(session).timezone = zone
        closed = factories.line(session, CLOSED_LINE, hours="Mo-Su 03:00-04:00")
        closed.timezone = zone
        for key in AGENTS:
            phone = BY_PHONE.get(key)
            factories.agent(
                session, key, now=now + ALIVE, phone=phone, reach=Reach.PHONE if phone else Reach.DESK
            )
        rules.publish(session, RULES, "soak", "nobody waits for long", now)
        town.token = auth.create(session, "soak", Scope.WRITE, None, now)
    for key in AGENTS:
        answers(town, key)


def telephone(agent: str) -> str:
    """Return the address at which an agent is rung."""
    return BY_PHONE.get(agent, f"client:{agent}")


def answers(town: Town, agent: str, behaviour: str = "answer") -> None:
    presses = {"presses": "1"} if agent in BY_PHONE else {"presses": ""}
    town.phonebox.endpoint(telephone(agent)).register(behaviour, answer_after=3, **presses)


@dataclass
class Talks:
    """Ends every conversation after a while, by one of the two; some are over before they began."""

    town: Town
    chance: random.Random
    _agenda: Agenda = field(default_factory=lambda: Agenda("talks"))

    def start(self) -> None:
        self.town.witness.listeners.append(self.began)
        self._agenda.start()

    def stop(self) -> None:
        self._agenda.stop()

    def began(self, point: Point) -> None:
        if point.name not in ("talking", "callback_bridged") or point.leg is None:
            return
        seconds = self.chance.choice((3, 8, 12, 15, 20, 30, 45)) / self.town.speed
        self._agenda.later(seconds, partial(self._end, point.leg))

    def _end(self, leg: Leg) -> None:
        children = [child for child in self.town.witness.children(leg.sid) if child.is_live]
        who = self.chance.choice([leg, *children])
        with suppress(DrivingError, OSError):  # over already
            self.town.phonebox.call(who.sid).hang_up()


def free_of(rows: Iterable[Presence], now: datetime) -> set[str]:
    """Return who of them can be rung now."""
    return {
        status.agent
        for status in rows
        if presence.reachability(status, enabled=True, phone=BY_PHONE.get(status.agent), now=now)
        == presence.Reachability.FREE
    }


@dataclass
class Agents:
    """Keeps the agents at work: whoever missed a ring comes back; now and then one does not pick up."""

    town: Town
    chance: random.Random
    lively: bool = True  # False: everybody answers everything, so that the town comes to rest
    seen: list[tuple[float, frozenset[str]]] = field(default_factory=list)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _moody: dict[str, float] = field(default_factory=dict)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="agents", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread:
            self._thread.join(10)

    def _run(self) -> None:
        while not self._stopped.wait(LOOK_EVERY_SECONDS):
            try:
                self._come_back()
                self._hurry()
                self._moods()
            except (SQLAlchemyError, ApplicationError, OSError, DrivingError):
                # The database is dead for a moment, or the promise was kept meanwhile.
                continue

    def _come_back(self) -> None:
        now = datetime.now(UTC)
        with self.town.written() as session:
            rows = session.scalars(select(Presence)).all()
            self.seen.append((time.time(), frozenset(free_of(rows, now))))
            for status in rows:
                if status.intent != Intent.AVAILABLE:
                    presence.set_intent(session, status.agent, Intent.AVAILABLE, now)
                    session.get_one(Presence, status.agent, populate_existing=True).heartbeat_at = now + ALIVE

    def _hurry(self) -> None:
        """A supervisor lets one of those who hung up be rung back now, in place of an hour from now."""
        if not self.lively or self.chance.random() > 0.5:
            return
        with self.town.written() as session:
            waiting = session.scalars(
                select(Promise.id)
                .where(
                    Promise.state == PromiseState.OPEN,
                    Promise.origin.startswith("call:"),
                    Promise.number.is_not(None),
                )
                .order_by(Promise.id.desc())
                .limit(5)
            ).all()
            if waiting:
                ledger.ring_now(session, self.chance.choice(waiting), "soak", datetime.now(UTC))

    def _moods(self) -> None:
        now = time.monotonic()
        for agent, until in list(self._moody.items()):
            if until < now or not self.lively:
                del self._moody[agent]
                answers(self.town, agent)
        if self.lively and self.chance.random() < 0.3:
            agent = self.chance.choice(AGENTS)
            self._moody[agent] = now + self.chance.uniform(1, 5)
            answers(self.town, agent, self.chance.choice(("decline", "no_answer", "no_answer", "fail")))
