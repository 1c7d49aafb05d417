"""Whole calls: the running product, a carrier beside it, and people with telephones."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from app.agents import presence
from app.db import Database
from app.deployment import Defaults, Deployment
from app.records.agents import Agent, DeskEvent, Presence, Reach
from app.records.calls import Call, CallStep, StepKind
from app.records.promises import Promise, Recording
from app.routing import kept
from app.routing.replay import decided_again
from app.voice import call_control
from phonebox.client import PATIENCE_SECONDS, Phonebox
from startup.warden import Warden
from tests import factories
from tests.databases import NewDatabase
from tests.factories import ADA
from tests.parts import TELLS, KeptProduct, Product, running_product

# Desks of these stories are alive until the story is over.
ALIVE = timedelta(hours=1)


@dataclass
class Town:
    """The town's product and its carrier; look into the database, ring telephones."""

    product: Product
    phonebox: Phonebox
    database: Database

    @contextmanager
    def written(self) -> Iterator[Session]:
        with self.database.transaction() as session:
            yield session

    def change(self, agent: str, **values: object) -> None:
        with self.written() as session:
            status = session.get_one(Presence, agent)
            for name, value in values.items():
                setattr(status, name, value)

    def rings_at(self, agent: str, phone: str) -> None:
        """The agent wants to be rung on an ordinary phone."""
        with self.written() as session:
            session.get_one(Agent, agent).phone = phone
            session.get_one(Presence, agent).reach = Reach.PHONE

    def end_wrap_up(self, agent: str) -> None:
        with self.written() as session:
            assert presence.end_wrap_up(session, agent, datetime.now(UTC))

    def decline(self, agent: str, call_sid: str, why: str) -> None:
        deployment = Deployment(self.product.url, Defaults("nl", "NL"))
        with self.written() as session:
            assert call_control.decline(session, call_sid, agent, why, datetime.now(UTC), deployment)

    def presence(self, agent: str) -> Presence:
        with self.database.transaction() as session:
            found = session.get_one(Presence, agent)
            session.expunge_all()
            return found

    def call(self, sid: str) -> Call:
        with self.database.transaction() as session:
            found = session.get_one(Call, sid)
            session.expunge_all()
            return found

    def steps(self, sid: str) -> list[CallStep]:
        with self.database.transaction() as session:
            found = list(
                session.scalars(select(CallStep).where(CallStep.call_sid == sid).order_by(CallStep.number))
            )
            session.expunge_all()
            return found

    def promises(self) -> list[Promise]:
        with self.database.transaction() as session:
            found = list(session.scalars(select(Promise)))
            session.expunge_all()
            return found

    def recordings(self) -> list[Recording]:
        with self.database.transaction() as session:
            found = list(session.scalars(select(Recording)))
            session.expunge_all()
            return found

    def pops(self, agent: str) -> list[dict[str, Any]]:
        return self.told(agent, "screen_pop")

    def told(self, agent: str, kind: str) -> list[dict[str, Any]]:
        """What the agent's desk was told, of one kind."""
        with self.database.transaction() as session:
            rows = session.scalars(
                select(DeskEvent)
                .where(DeskEvent.agent == agent, DeskEvent.kind == kind)
                .order_by(DeskEvent.number)
            )
            return [row.data for row in rows]

    def until(self, true: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait for what another process writes; there is nothing to be told by."""
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
            time.sleep(0.05)


@pytest.fixture(scope="package")
def kept_product(
    new_database: NewDatabase,
    database_kind: str,
    tmp_path_factory: pytest.TempPathFactory,
    warden: Warden,
) -> Iterator[KeptProduct]:
    @contextmanager
    def start() -> Iterator[Product]:
        folder = tmp_path_factory.mktemp("product")
        database_url = new_database(database_kind, folder, "product")
        # Whoever is to answer here may be held up by a busy machine; who isn't to says so.
        with running_product(database_url, folder, warden, patience=1) as running:
            yield running

    with closing(KeptProduct(start)) as kept:
        yield kept


@pytest.fixture
def product(request: pytest.FixtureRequest, kept_product: KeptProduct) -> Product:
    """Web, worker, Redis and phonebox, running, and empty."""
    running = kept_product.fresh()
    request.node.stash[TELLS] = {part.name: part.words for part in running.parts}
    return running


@pytest.fixture
def town(product: Product) -> Iterator[Town]:
    """A line, Anna who handled Ada's case last, Bram who did before her, and Carla; all at their desks."""
    database = Database(product.settings["DATABASE_URL"])
    phonebox = Phonebox(product.phonebox_url)
    with database.transaction() as session:
        factories.line(session)
        for key in ("anna", "bram", "carla"):
            factories.agent(session, key, now=datetime.now(UTC) + ALIVE)
            phonebox.endpoint(f"client:{key}").register()
        factories.customer(session, "ada", ADA)
        factories.case(session, "Z1", "ada", handled_by=("bram", "anna"))
    yield Town(product, phonebox, database)
    with database.reading() as session:
        assert undecided_again(session) == []
    database.dispose()


def undecided_again(session: Session) -> list[tuple[str, int, str]]:
    """Return the steps of all calls of a story that aren't decided again from what was kept of them."""
    wrong = []
    # Of whom is forgotten nothing is kept on which to decide.
    known = select(CallStep).join(Call, Call.sid == CallStep.call_sid).where(Call.forgotten_at.is_(None))
    steps = session.scalars(known.options(undefer(CallStep.situation)))
    for step in steps.all():
        if step.kind in (StepKind.FALLBACK, StepKind.CONSULT, StepKind.SUPERVISE):
            continue  # nobody decided it: there was no database to ask, or somebody wished it
        assert len(json.dumps(step.situation).encode()) <= kept.LONGEST
        again = decided_again(step)
        agent, team = getattr(again, "agent", None), getattr(again, "team", None)
        if again is None or (again.kind, again.reason.code, agent, team) != (
            step.kind,
            step.reason,
            step.agent,
            step.team,
        ):
            wrong.append((step.call_sid, step.number, f"{step.kind} {step.agent}, not {again}"))
    return wrong
