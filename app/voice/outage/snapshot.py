"""Whom do we ring when the database is gone? A picture of who knows whom and who is there, kept in memory."""

import hashlib
import hmac
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import db
from app.agents import presence
from app.agents.presence import Endpoint, Reachability
from app.clock import utcnow
from app.records.agents import Agent, Presence
from app.records.callers import Case, CaseStatus, CustomerNumber, owner_of
from app.records.lines import Line

log = logging.getLogger(__name__)

REFRESH_SECONDS = 5.0
OWNERS_REFRESH_SECONDS = 60.0
# Who was spoken to most recently rings most; beyond this the memory is worth more than the chance.
MOST_OWNERS = 50_000


@dataclass(frozen=True)
class KnownAgent:
    key: str
    team: str
    endpoint: Endpoint
    free: bool


@dataclass(frozen=True)
class Snapshot:
    """What was true a few seconds ago. Numbers are kept as keyed hashes only."""

    taken_at: datetime | None = None  # None: nothing was read yet
    owners: Mapping[bytes, str] = field(default_factory=lambda: MappingProxyType({}))
    agents: Mapping[str, KnownAgent] = field(default_factory=lambda: MappingProxyType({}))
    lines: Mapping[str, tuple[str, str]] = field(
        default_factory=lambda: MappingProxyType({})
    )  # team, language


class Keeper:
    """Keeps the snapshot fresh in the background of one web process."""

    def __init__(self, secret_key: str) -> None:
        self._key = hashlib.sha256(b"snapshot" + secret_key.encode()).digest()
        self.snapshot = Snapshot()
        self._owners_at = float("-inf")
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._taking = threading.Lock()
        self._taken: dict[str, tuple[float, str | None]] = {}  # agent: until when (monotonic), by whom
        self.when_reachable: Callable[[], object] | None = None  # what to do while the database answers

    def start(self) -> None:
        """Begin to refresh, once in each process; the first snapshot comes a moment later."""
        if self._thread is not None:
            return
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="snapshot", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """End, and wait until the database is no longer asked."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def key_of(self, e164: str) -> bytes:
        return hmac.digest(self._key, e164.encode(), "sha256")[:16]

    def owner(self, e164: str | None) -> str | None:
        """Return who owned the newest open case of a number."""
        return self.snapshot.owners.get(self.key_of(e164)) if e164 else None

    def take(self, agents: Iterable[str], whom: str | None, most: int, seconds: float) -> list[KnownAgent]:
        """Return those who are free and were not taken a moment ago, and take them for so long.

        Nothing can be reserved without a database; within this process two callers don't ring one agent.
        `whom` is the caller's number: the same caller again is most likely the same webhook again.
        """
        taken: list[KnownAgent] = []
        with self._taking:
            now = time.monotonic()
            for key in agents:
                agent = self.snapshot.agents.get(key)
                until, by = self._taken.get(key, (now, None))
                is_left = until <= now or (whom is not None and by == whom)
                if len(taken) < most and agent is not None and agent.free and is_left:
                    self._taken[key] = (now + seconds, whom)
                    taken.append(agent)
        return taken

    def refresh(self, session: Session, now: datetime) -> None:
        """Look who is there, and which lines. Raises what the database raises; what was known then stands."""
        agents = {
            agent.key: known
            for agent, status in session.execute(
                select(Agent, Presence).join(Presence, Presence.agent == Agent.key).where(Agent.enabled)
            )
            if (known := _known(agent, status, now)) is not None
        }
        lines = {
            number: (team, language)
            for number, team, language in session.execute(select(Line.number, Line.team, Line.language))
        }
        self.snapshot = Snapshot(now, self.snapshot.owners, MappingProxyType(agents), MappingProxyType(lines))

    def refresh_owners(self, session: Session) -> None:
        """Look who owns which open case, which may take a while; raises as `refresh` does."""
        owner = owner_of(Case)
        rows = session.execute(
            select(CustomerNumber.e164, owner)
            .join(Case, Case.customer == CustomerNumber.customer)
            .where(Case.status != CaseStatus.SOLVED, Case.last_contact_at.is_not(None), owner.is_not(None))
            .order_by(Case.last_contact_at.desc())
            .limit(MOST_OWNERS)
        )
        owners: dict[bytes, str] = {}
        for e164, agent in rows:
            owners.setdefault(self.key_of(e164), str(agent))
        self.snapshot = replace(self.snapshot, owners=MappingProxyType(owners))

    def _run(self) -> None:
        while True:
            try:
                with db.reading() as session:
                    self.refresh(session, utcnow())
                if time.monotonic() - self._owners_at > OWNERS_REFRESH_SECONDS:
                    # By then it is known who is there, whatever comes of it.
                    with db.patient_reading() as session:
                        self.refresh_owners(session)
                    self._owners_at = time.monotonic()
                if self.when_reachable is not None:
                    self.when_reachable()
            except Exception as error:
                # Whatever is wrong with the database, the last snapshot is what remains to work with.
                log.warning("snapshot could not be refreshed", extra={"error": type(error).__name__})
            if self._stopped.wait(REFRESH_SECONDS):
                return


def _known(agent: Agent, status: Presence, now: datetime) -> KnownAgent | None:
    endpoint = presence.endpoint(status, agent.rings_on, now)
    if endpoint is None:
        return None
    state = presence.reachability(status, enabled=agent.enabled, phone=agent.rings_on, now=now)
    return KnownAgent(agent.key, agent.team, endpoint, state == Reachability.FREE)
