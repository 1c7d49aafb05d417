"""Why does somebody phone, and what do they do? The callers of a soak, one story after the other."""

import json
import random
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from typing import Any

from phonebox.client import DrivingError, PhoneCall, WaitedInVain
from tests.soak.town import CLOSED_LINE, LINE, Customer, Town
from tests.soak.witness import Point

# What a customer's telephone does when it is rung, and how many of ten do so.
CUSTOMERS = ("answer",) * 6 + ("no_answer", "voicemail", "busy", "decline")
# Nobody holds the line for longer; seconds of the carrier.
LONGEST_CALL = 400
LONGEST_GOODBYE = 60
API_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Returned:
    """A promise that the API said is made."""

    id: int
    number: str


@dataclass
class Callers:
    """Some people who phone, each telling stories until asked to stop."""

    town: Town
    api_url: str
    seed: int
    due_seconds: tuple[float, float]
    returned: list[Returned] = field(default_factory=list)
    impatient: int = 0  # calls that had to be put down because nothing ended them
    told: dict[str, int] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, how_many: int) -> None:
        for place in range(how_many):
            thread = threading.Thread(target=self._run, args=(place,), name=f"caller {place}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Let everybody finish the story that they are in."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(2 * LONGEST_CALL / self.town.speed + API_PATIENCE_SECONDS)

    def _run(self, place: int) -> None:
        chance = random.Random(f"{self.seed}/{place}")
        stories: list[Callable[[random.Random], None]] = [
            *(self.asks_for_the_owner,) * 3,
            self.hangs_up_while_it_rings,
            *(self.two_for_one_owner,) * 2,
            self.after_hours,
            self.hides_their_number,
            *(self.is_owed_a_call,) * 5,
            *(self.rings_while_being_rung,) * 2,
            self.needs_no_call_any_more,
        ]
        while not self._stopped.is_set():
            story = chance.choice(stories)
            try:
                story(chance)
                self.told[story.__name__] = self.told.get(story.__name__, 0) + 1
            except (WaitedInVain, DrivingError, OSError) as error:
                self.failed.append(f"{story.__name__}: {type(error).__name__} {error}"[:300])

    # -- somebody phones

    def asks_for_the_owner(self, chance: random.Random) -> None:
        number = self._customer(chance).number
        self._stays(self.town.phonebox.call_in(number, LINE))

    def hangs_up_while_it_rings(self, chance: random.Random) -> None:
        number = self._customer(chance).number
        call = self.town.phonebox.call_in(number, LINE)
        with suppress(WaitedInVain):
            call.wait("ringing", seconds=20)
        self._passes(chance.uniform(0, 3))
        call.hang_up()

    def two_for_one_owner(self, chance: random.Random) -> None:
        """The second finds the owner in a conversation: waits, and perhaps not to the end."""
        customer = self._customer(chance)
        first = self.town.phonebox.call_in(customer.number, LINE)
        with suppress(WaitedInVain):
            first.wait("bridged", seconds=20)
        second = self.town.phonebox.call_in(self._another(customer, chance), LINE)
        if chance.random() < 0.5:
            with suppress(WaitedInVain):
                second.wait("queued", seconds=10)
                self._passes(chance.uniform(0, 40))
            second.hang_up()
        self._stays(second)
        self._stays(first)

    def after_hours(self, chance: random.Random) -> None:
        number = self._customer(chance).number
        call = self.town.phonebox.call_in(number, CLOSED_LINE)
        if chance.random() < 0.5:
            with suppress(WaitedInVain):
                call.wait("prompt", seconds=20)
                call.say("Het gaat over mijn paspoort", seconds=1)
        self._stays(call)

    def hides_their_number(self, chance: random.Random) -> None:
        number = self._customer(chance).number
        call = self.town.phonebox.call_in("anonymous", chance.choice((LINE, CLOSED_LINE)))
        with suppress(WaitedInVain, DrivingError):
            call.wait("prompt:gather", seconds=8)
            call.say("0" + " ".join(number[3:]), seconds=1)
        self._stays(call)

    # -- somebody is rung back

    def is_owed_a_call(self, chance: random.Random) -> None:
        self._owe(self._customer(chance), chance)

    def rings_while_being_rung(self, chance: random.Random) -> None:
        customer = self._customer(chance)
        number = customer.number
        rung = threading.Event()

        def listener(point: Point) -> None:
            if point.name == "customer_rings" and point.leg is not None and point.leg.to == number:
                rung.set()

        self.town.witness.listeners.append(listener)
        _, due_at = self._owe(customer, chance)
        due_in = (due_at - datetime.now(UTC)).total_seconds()
        if chance.random() < 0.5:
            rung.wait(due_in + 10)
        else:
            time.sleep(max(0.0, due_in * chance.uniform(0.4, 1)))
        self._stays(self.town.phonebox.call_in(number, LINE))
        self.town.witness.listeners.remove(listener)

    def needs_no_call_any_more(self, chance: random.Random) -> None:
        promise, due_at = self._owe(self._customer(chance), chance)
        time.sleep(max(0.0, (due_at - datetime.now(UTC)).total_seconds() * chance.uniform(0.4, 1.2)))
        with suppress(OSError, HTTPException):
            self.ask("POST", f"/promises/{promise}/withdraw", {}, uuid.uuid4().hex)

    # -- how

    def _customer(self, chance: random.Random) -> Customer:
        customer = self.town.new_customer()
        telephone = self.town.phonebox.endpoint(customer.number)
        telephone.register(chance.choice(CUSTOMERS), answer_after=3)
        return customer

    def _another(self, customer: Customer, chance: random.Random) -> str:
        """Return the number of another customer of the same agent; now and then of nobody whom we know."""
        if chance.random() < 0.2:
            return f"+3164{customer.place % 10_000_000:07d}"
        return self.town.new_customer(customer.owner).number

    def _passes(self, seconds: float) -> None:
        time.sleep(seconds / self.town.speed)

    def _stays(self, call: PhoneCall) -> None:
        """Stay on the line until it ends; nobody waits for ever, and less long when the day is over."""
        deadline = time.monotonic() + LONGEST_CALL / self.town.speed
        while True:
            with suppress(WaitedInVain):
                call.wait("ended", seconds=1)
                return
            if self._stopped.is_set():
                deadline = min(deadline, time.monotonic() + LONGEST_GOODBYE / self.town.speed)
            if time.monotonic() > deadline:
                self.impatient += not self._stopped.is_set()
                call.hang_up()
                return

    def _owe(self, customer: Customer, chance: random.Random) -> tuple[int, datetime]:
        """Another system asks for a callback, as often as it takes; return the promise and by when."""
        due_at = datetime.now(UTC) + timedelta(seconds=chance.uniform(*self.due_seconds))
        body = {
            "number": customer.number,
            "due_at": due_at.isoformat(),
            "line": LINE,
            "about": "Teruggevraagd",
        }
        if customer.known:
            body["case"] = customer.case
        key = uuid.UUID(int=chance.getrandbits(128)).hex
        if chance.random() < 0.7:
            body["agent"] = customer.owner
        deadline = time.monotonic() + API_PATIENCE_SECONDS
        while True:
            for listener in self.town.witness.listeners:
                listener(Point("promise_asked"))
            try:
                made = self.ask("POST", "/promises", body, key)
            except urllib.error.HTTPError as error:
                if error.code < 500 and error.code != 429:
                    # Its time came while nobody answered: promised for a later one.
                    due_at = datetime.now(UTC) + timedelta(seconds=10)
                    body["due_at"] = due_at.isoformat()
            except (OSError, HTTPException):
                pass
            else:
                self.returned.append(Returned(int(made["id"]), customer.number))
                return int(made["id"]), due_at
            if time.monotonic() > deadline:
                raise TimeoutError("the API did not make a promise")
            time.sleep(0.3)

    def ask(self, method: str, path: str, body: dict[str, Any], key: str) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self.api_url}/api/v1{path}",
            json.dumps(body).encode(),
            {
                "Authorization": f"Bearer {self.town.token}",
                "Content-Type": "application/json",
                "Idempotency-Key": key,
            },
            method=method,
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as answer:
            decoded: dict[str, Any] = json.loads(answer.read())
            return decoded
