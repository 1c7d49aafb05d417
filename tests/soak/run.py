"""How does one soak go? People phone while parts die, all comes to rest, and the books are audited."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import ColumnElement, select, update

from app import db
from app.callbacks.due import WORKED_OFF
from app.carrier.rest import Carrier
from app.db import Database
from app.deployment import Deployment
from app.jobs import backfill, callbacks, deliver, sweep
from app.outgoing import outbox
from app.records.agents import Activity, Presence
from app.records.calls import Call, CallState
from app.records.outgoing import Outbox
from app.records.promises import Promise, PromiseAttempt
from config import load
from phonebox.client import Phonebox
from startup.postgres_server import PostgresServer
from startup.process import Process
from startup.warden import Warden
from tests.parts import Product, running_product
from tests.soak import telling
from tests.soak.audit import Account, Books, Result, audit
from tests.soak.hand_overs import HandOvers
from tests.soak.kills import Flush, Kill, Killer, Part, Postgres
from tests.soak.stories import Callers
from tests.soak.town import AGENTS, WITHOUT_DATABASE, Agents, Talks, Town, settle_in, telephone
from tests.soak.witness import Witness

# An hour's strangers phone within minutes here, from one block of numbers: nothing waits for a human.
UNCAPPED = {
    f"{what}_AN_HOUR{scope}": "0" for what in ("TEXTS", "CALLBACKS") for scope in ("", "_COUNTRY", "_PREFIX")
} | {"CALLBACKS_AN_HOUR_NAMED": "0"}
# G-1: five minutes after its end every call has its outcome. A little more, since a look takes a while.
SETTLES_WITHIN_SECONDS = 330.0
QUIET_SECONDS = 8.0
# A short run doesn't wait for what the product's own jobs would do within so long: they are told it is later.
LEAP = timedelta(minutes=3)
ABOUT_TO = timedelta(seconds=15)


@dataclass(frozen=True)
class Plan:
    """What a soak is to be; the seed decides who phones when, and what dies."""

    seed: int
    kills: int
    speed: float = 10.0
    callers: int = 5
    due_seconds: tuple[float, float] = (5, 25)  # in which promises of other systems are to be kept
    patience: float = 6  # seconds for which the killer waits for its point
    hand_overs: int = 0  # in so many of ten conversations a colleague is asked along
    leaps: bool = False  # a short run: time is not waited for, the product's jobs are told that it is later


@dataclass
class Report:
    """What came of a soak."""

    result: Result
    kills: list[Kill]
    told: dict[str, int]
    failed: list[str]
    seconds: float
    settled_after: float | None  # None: it never came to rest
    unsettled: list[str]  # what was still going on then
    stories: list[str]
    notes: dict[str, int]


def soak(
    plan: Plan,
    database_url: str,
    folder: Path,
    warden: Warden,
    postgres: PostgresServer | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Report:
    """Run one soak over a migrated, empty database; `postgres` is the server to kill, where it is one."""
    began = time.monotonic()
    with (
        running_product(database_url, folder, warden, settings=UNCAPPED, speed=plan.speed) as product,
        _second(product) as second,
    ):
        parts: dict[str, Part] = {
            "web": product.web,
            "worker 1": product.worker,
            "worker 2": second,
            "redis": product.redis,
            "FLUSHALL": Flush(product.settings["REDIS_URL"]),
        }
        if postgres is not None:
            parts["database"] = Postgres(postgres)
        database = db.bind(Database(database_url))
        try:
            return _told(plan, product, parts, database, began, say)
        finally:
            database.dispose()


@contextmanager
def _second(product: Product) -> Iterator[Process]:
    worker = replace(product.worker, name="worker 2", output=_beside(product.worker))
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()


def _beside(worker: Process) -> Path:
    assert isinstance(worker.output, Path)
    return worker.output.with_name("worker-2.log")


def _told(
    plan: Plan,
    product: Product,
    parts: dict[str, Part],
    database: Database,
    began: float,
    say: Callable[[str], None],
) -> Report:
    phonebox = Phonebox(product.phonebox_url)
    witness = Witness(product.phonebox_url)
    chance = random.Random(plan.seed)
    town = Town(phonebox, witness, database, plan.speed, chance)
    settle_in(town, datetime.now(UTC))
    witness.start()
    talks = Talks(town, random.Random(f"{plan.seed}/talks"))
    agents = Agents(town, random.Random(f"{plan.seed}/agents"))
    callers = Callers(town, product.url, plan.seed, plan.due_seconds)
    handing = HandOvers(town, callers.ask, random.Random(f"{plan.seed}/hand-overs"), plan.hand_overs)
    killer = Killer(parts, random.Random(f"{plan.seed}/kills"), plan.kills, plan.patience, say)
    witness.listeners.append(killer.hears)
    seen = _Seen(database)
    talks.start()
    agents.start()
    callers.start(plan.callers)
    handing.start()
    seen.start()
    killer.run(threading.Event())
    witness.listeners.remove(killer.hears)
    say("all parts stand; waiting until everybody has hung up")
    callers.stop()
    handing.stop()
    agents.lively = False
    settled_after, unsettled = _settle(plan, product, witness, database)
    seen.stop()
    agents.stop()
    talks.stop()
    books = Books.of(database)
    account = Account(
        list(witness.legs.values()), callers.returned, frozenset(seen.ids), agents.seen, time.time()
    )
    spool = Path(product.settings["SPOOL_DIR"])
    spooled = sum(1 for _ in spool.glob("*")) if spool.is_dir() else 0
    result = audit(account, books, map(telephone, AGENTS), spooled)
    stories = [
        line
        for finding in result.findings[:20]
        for line in telling.story(finding, books, account, phonebox, killer.kills)
    ]
    witness.stop()
    notes = {**result.notes, "callers who gave up a call without an end": callers.impatient}
    if plan.hand_overs:
        notes |= {"hand-overs begun": handing.begun}
        notes |= {f"presses that could not be: {why}": times for why, times in handing.refused.items()}
    return Report(
        result,
        killer.kills,
        callers.told,
        callers.failed,
        time.monotonic() - began,
        settled_after,
        unsettled,
        stories,
        notes,
    )


class _Seen:
    """Remembers every promise that ever stood in the database."""

    def __init__(self, database: Database) -> None:
        self.ids: set[int] = set()
        self._database = database
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="seen", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._stopped.wait(1.0):
            try:
                with self._database.reading() as session:
                    self.ids.update(session.scalars(select(Promise.id)))
            except WITHOUT_DATABASE:
                continue


def _settle(
    plan: Plan, product: Product, witness: Witness, database: Database
) -> tuple[float | None, list[str]]:
    """Wait until nothing moves any more; return after how long, or None and what never came to rest."""
    began = time.monotonic()
    quiet_since: float | None = None
    moving: list[str] = []
    while time.monotonic() - began < SETTLES_WITHIN_SECONDS:
        if plan.leaps and not witness.live:
            _leap(product)
        _put_off(database)
        moving = _moving(witness, database)
        if moving:
            quiet_since = None
        elif quiet_since is None:
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since > (2.0 if plan.leaps else QUIET_SECONDS):
            return quiet_since - began, []
        time.sleep(0.5)
    return None, moving


def _soon() -> tuple[ColumnElement[bool], ...]:
    """Say which promises the worker rings within seconds: what they begin would look stuck in the books."""
    return Promise.state.in_(WORKED_OFF), Promise.next_at < datetime.now(UTC) + ABOUT_TO


def _put_off(database: Database) -> None:
    """Let what was tried once wait for another day: trying again would go on for an hour."""
    tried = select(PromiseAttempt.id).where(PromiseAttempt.promise == Promise.id).exists()
    now = datetime.now(UTC)
    with suppress(*WITHOUT_DATABASE), database.transaction() as session:
        session.execute(
            update(Promise)
            .where(Promise.state.in_(WORKED_OFF), Promise.next_at < now + timedelta(hours=1), tried)
            .values(next_at=now + timedelta(hours=2))
        )


def _moving(witness: Witness, database: Database) -> list[str]:
    """Return what is still going on, in words."""
    moving = [f"{len(witness.live)} legs at the carrier"] if witness.live else []
    inbound = {leg.sid for leg in witness.inbound}
    try:
        with database.reading() as session:
            calls = {row.sid: row.state for row in session.execute(select(Call.sid, Call.state))}
            counts = {
                "agents": session.scalars(
                    select(Presence.agent).where(Presence.activity != Activity.IDLE)
                ).all(),
                "tries": session.scalars(
                    select(PromiseAttempt.id).where(PromiseAttempt.ended_at.is_(None))
                ).all(),
                "outbox": session.scalars(select(Outbox.id).where(Outbox.done_at.is_(None))).all(),
                "promises about to be rung": session.scalars(select(Promise.id).where(*_soon())).all(),
            }
    except WITHOUT_DATABASE:
        return ["no database"]
    counts["unknown calls"] = sorted(inbound - set(calls))
    counts["open calls"] = [sid for sid, state in calls.items() if state != CallState.ENDED]
    return moving + [f"{len(found)} {name}" for name, found in counts.items() if found]


def _leap(product: Product) -> None:
    """Let the product's own jobs do now what they would do within the next minutes."""
    settings = load(product.settings)
    carrier, deployment = Carrier(settings), Deployment.of(settings)
    later = datetime.now(UTC) + LEAP
    sweep.reconcile(carrier, deployment, later)
    callbacks.reconcile(carrier, deployment, later)
    backfill.compare(carrier, deployment, later - timedelta(hours=1), later)
    # What came of it is due then, too.
    afterwards = later + timedelta(minutes=1)
    sweep.end_wrap_ups(afterwards)
    sweep.end_leases(afterwards)
    for kind in (outbox.END_LEG, outbox.REDIRECT_CALL, outbox.PLACE_CALLBACK, outbox.SEND_MESSAGE):
        deliver.deliver_due(carrier, deployment, kind, afterwards)
