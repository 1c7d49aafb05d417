"""What does a customer hear while two become a room and are handed over? Tones on the lines, at life's pace.

The carrier is the one of development, on this machine: what the real one's network adds isn't in it.
"""

import json
import secrets
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.load import NotAsExpected
from bench.servers import PRODUCT, ROOT, Machine, Web
from phonebox.client import Phonebox, PhoneCall, Telephone, running
from startup import commands
from startup.ports import LOOPBACK, free_port

PEOPLE, READER = ("anna", "bram", "karin"), "reader"
LINE, CUSTOMER = "+31201234500", "+31612345678"
# Hz, none of them a multiple of another.
CUSTOMERS_TONE, FIRSTS_TONE, SECONDS_TONE = 440, 600, 1000
BEAT_EVERY_SECONDS = 4
WITHIN_SECONDS = 30.0
LOOK_EVERY_SECONDS = 0.02

TOWN = {
    "lines": "number,name,language,country,team,timezone,hours\n"
    f"{LINE},Algemeen,nl,NL,Balie,Europe/Amsterdam,\n",
    "agents": "agent,name,spoken_name,email,team,phone,language\n"
    "anna,Anna de Wit,Anna,,Balie,,nl\n"
    "bram,Bram Smit,Bram,,Balie,,nl\n"
    "karin,Karin Bos,Karin,,Balie,,nl\n",
    "customers": f"customer,name,phones,language,postcode,tags\nK1,Ada Lovelace,{CUSTOMER},nl,,\n",
    "cases": "case,customer,subject,team,status,priority,opened_at,url,owner\n"
    "Z1,K1,Paspoort,Balie,open,,2026-01-02T10:00:00+01:00,,anna\n",
}


@dataclass(frozen=True)
class Heard:
    """One conversation, in seconds: what was heard of it by the two whom it is about."""

    gap: (
        float | None
    )  # the longest that either heard nothing while a room was made; None: it was made by a hold
    alone: float  # the longest that the customer heard neither a person nor a machine
    music: float
    joined: float  # from the press until the customer hears both
    completed: float  # from the press until the first is out of it


@dataclass
class _Desks:
    """Three people at their desks, by the API: what they press, and that they are there; and who looks on."""

    url: str
    tokens: Mapping[str, str]
    _ends: threading.Event = field(default_factory=threading.Event)

    def ask(self, agent: str, method: str, path: str, said: object = None) -> dict[str, Any]:
        body = None if said is None else json.dumps(said).encode()
        headers = {"Authorization": f"Bearer {self.tokens[agent]}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/api/v1{path}", body, headers, method=method)
        ends = time.monotonic() + WITHIN_SECONDS
        while True:
            try:
                with urllib.request.urlopen(request, timeout=WITHIN_SECONDS) as answer:
                    text = answer.read()
                return dict(json.loads(text)) if text else {}
            except urllib.error.HTTPError as error:
                # The database was not quick enough: it is pressed once more, and that takes its time.
                if error.code != 503 or time.monotonic() > ends:
                    raise NotAsExpected(f"{method} {path}: {error.code} {error.read().decode()}") from error

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Give signs of life as the pages do."""
        self._beat()
        beating = threading.Thread(target=self._go_on, daemon=True)
        beating.start()
        try:
            yield
        finally:
            self._ends.set()
            beating.join()

    def _go_on(self) -> None:
        while not self._ends.wait(BEAT_EVERY_SECONDS):
            self._beat()

    def _beat(self) -> None:
        for agent in PEOPLE:
            said = {"visible": True, "softphone": "ready"}
            self.ask(agent, "POST", f"/agents/{agent}/heartbeat", said)


def measured(machine: Machine, database_url: str, times: int) -> list[Heard]:
    """Hand so many conversations over, one after another; every other one is a room before that."""
    url = f"http://{LOOPBACK}:{free_port()}"
    account, token = "AC" + secrets.token_hex(16), secrets.token_hex(16)
    settings = {"PUBLIC_URL": url, "TWILIO_ACCOUNT_SID": account, "TWILIO_AUTH_TOKEN": token, "THANKS": "0"}
    with ExitStack() as stack:
        more = ("--account-sid", account, "--auth-token", token)
        log = stack.enter_context((machine.folder / "phonebox.log").open("w"))
        phonebox = stack.enter_context(running(url, more=more, log=log))
        settings["TWILIO_API_URL"] = phonebox.base_url
        web = stack.enter_context(machine.serving(PRODUCT, database_url, workers=1, settings=settings))
        stack.enter_context(machine.working(web))
        desks = _Desks(web.public_url, _settle(machine, web))
        for agent in PEOPLE:
            phonebox.endpoint(f"client:{agent}").register("answer" if agent == "karin" else "manual")
        with desks.alive():
            return [_hand_over(phonebox, desks, from_two=bool(number % 2)) for number in range(times)]


def _settle(machine: Machine, web: Web) -> dict[str, str]:
    """Write the town down; return each one's token."""

    def told(*words: str) -> str:
        made = subprocess.run(
            commands.flask(*words),
            env=machine.environment(web.settings),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise NotAsExpected(f"`flask {words[0]}` failed:\n{made.stdout}{made.stderr}")
        return made.stdout

    for kind, rows in TOWN.items():
        file = machine.folder / f"{kind}.csv"
        file.write_text(rows)
        told("load", kind, str(file))
    told("users", "create", "karin@example.nl", "--role", "supervisor", "--agent", "karin")
    tokens = {}
    for agent in PEOPLE:
        made = told("tokens", "create", f"desk of {agent}", "--scope", "desk", "--agent", agent)
        tokens[agent] = made.strip()
    return tokens | {READER: told("tokens", "create", READER, "--scope", "read").strip()}


def _hand_over(phonebox: Phonebox, desks: _Desks, *, from_two: bool) -> Heard:
    anna, bram = phonebox.endpoint("client:anna"), phonebox.endpoint("client:bram")
    for agent in PEOPLE:
        desks.ask(agent, "PUT", f"/agents/{agent}/presence", {"state": "available", "reach": "desk"})
    customer = phonebox.call_in(CUSTOMER, LINE, hz=CUSTOMERS_TONE)
    anna.answer(WITHIN_SECONDS)
    first = _talks(phonebox, anna, FIRSTS_TONE)
    customer.wait(f"hears:{FIRSTS_TONE}", WITHIN_SECONDS)
    first.wait(f"hears:{CUSTOMERS_TONE}", WITHIN_SECONDS)
    call = f"/calls/{customer.sid}"
    _until(lambda: desks.ask(READER, "GET", call)["state"] == "talking", "they are known to talk")

    gap = None
    if not from_two:
        gap = _listened_to(phonebox, desks, customer, first)
    wish = {"to": "bram", "kind": "warm", "why": "Spoed", "keeps_owner": True}
    desks.ask("anna", "POST", f"{call}/transfer", wish)
    bram.answer(WITHIN_SECONDS)
    second = _talks(phonebox, bram, SECONDS_TONE)
    second.wait(f"hears:{FIRSTS_TONE}", WITHIN_SECONDS)
    second.wait(f"not_hears:{CUSTOMERS_TONE}", WITHIN_SECONDS)

    def phase() -> str:
        return str(desks.ask("anna", "POST", f"{call}/transfer", wish)["transfer"]["phase"])

    # Each look holds the call for a moment, as nothing in life would.
    _until(lambda: phase() == "consulting", "the two are known to consult", every_seconds=0.25)
    joined = _timed(lambda: desks.ask("anna", "POST", f"{call}/transfer/join"), lambda: _is_with(customer, 2))
    completed = _timed(lambda: desks.ask("anna", "POST", f"{call}/transfer/complete"), lambda: _is_idle(anna))
    customer.wait(f"hears:{SECONDS_TONE}", WITHIN_SECONDS)
    state = customer.state()
    customer.hang_up()
    bram.wait("idle", WITHIN_SECONDS)
    customer.wait("settled", WITHIN_SECONDS)
    return Heard(gap, float(state["alone"]), float(state["music"]), joined, completed)


def _listened_to(phonebox: Phonebox, desks: _Desks, customer: PhoneCall, first: PhoneCall) -> float:
    """Have a supervisor listen, which makes a room of them; return for how long either heard nothing."""
    call, karin = f"/calls/{customer.sid}", phonebox.endpoint("client:karin")
    for one in (customer, first):
        one.measure()
    desks.ask("karin", "POST", f"{call}/supervise", {"mode": "listen"})
    karin.wait("talking", WITHIN_SECONDS)
    listener = phonebox.call(karin.state()["talking"][0]["sid"])
    listener.wait("company:client:anna", WITHIN_SECONDS)
    for one, tone in ((customer, FIRSTS_TONE), (first, CUSTOMERS_TONE)):
        one.wait(f"hears:{tone}", WITHIN_SECONDS)
    gap = max(float(one.measure()["longest_silence"]) for one in (customer, first))
    desks.ask("karin", "POST", f"{call}/supervise", {"mode": "leave"})
    karin.wait("idle", WITHIN_SECONDS)
    return gap


def _talks(phonebox: Phonebox, telephone: Telephone, hz: int) -> PhoneCall:
    """Give whoever picked up a voice."""
    telephone.wait("talking", WITHIN_SECONDS)
    leg = phonebox.call(telephone.state()["talking"][0]["sid"])
    leg.sound(hz)
    return leg


def _is_with(customer: PhoneCall, people: int) -> bool:
    return len(customer.company) == people


def _is_idle(telephone: Telephone) -> bool:
    return bool(telephone.state()["state"] == "idle")


def _timed(press: Callable[[], object], done: Callable[[], bool]) -> float:
    began = time.monotonic()
    press()
    _until(done, "what was pressed is done")
    return time.monotonic() - began


def _until(true: Callable[[], bool], what: str, every_seconds: float = LOOK_EVERY_SECONDS) -> None:
    ends = time.monotonic() + WITHIN_SECONDS
    while not true():
        if time.monotonic() > ends:
            raise NotAsExpected(f"not within {WITHIN_SECONDS:.0f} s: {what}")
        time.sleep(every_seconds)
