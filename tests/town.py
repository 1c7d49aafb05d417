"""The town in which the calls of these tests come in, and what can be read of it afterwards."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select

from app import db
from app.deployment import Deployment
from app.jobs import waiting
from app.records.agents import Activity, Agent, DeskEvent, Intent, Presence
from app.records.calls import Call, CallStep
from app.records.outgoing import Outbox
from app.records.promises import Promise
from tests import factories
from tests.factories import ADA, BEN
from tests.telephone import Another, Line

PHONE = "+31201112233"


def settle() -> None:
    """A line, Anna who handled Ada's and Ben's cases last, Bram who did before her, and Carla of the team."""
    with db.transaction() as session:
        factories.line(session)
        for key in ("anna", "bram", "carla"):
            factories.agent(session, key)
        factories.customer(session, "ada", ADA)
        factories.case(session, "Z1", "ada", handled_by=("bram", "anna"))
        factories.customer(session, "ben", BEN)
        factories.case(session, "Z2", "ben", handled_by=("bram", "anna"))


def change(agent: str, **values: object) -> None:
    with db.transaction() as session:
        status = session.get_one(Presence, agent)
        for name, value in values.items():
            setattr(status, name, value)


def talks_elsewhere(agent: str) -> None:
    """The agent is in a conversation that this test isn't about."""
    change(agent, activity=Activity.TALKING, activity_since=datetime.now(UTC), call_sid="CA0", fence=1)


def frees(agent: str) -> None:
    """The conversation is over, and the desk alive."""
    change(agent, activity=Activity.IDLE, call_sid=None, heartbeat_at=datetime.now(UTC))


def waiting_for_anna(another: Another, **fields: str) -> Line:
    """Anna talks, and somebody waits for her."""
    talks_elsewhere("anna")
    call = another(**fields).comes_in()
    assert call.verbs == ["Say", "Enqueue"]
    return call


def whose_turn_is_taken(another: Another, deployment: Deployment, at: datetime | None = None) -> Line:
    """Somebody waited for Anna, who is free by now; a worker knows, and the carrier isn't told yet."""
    call = waiting_for_anna(another)
    frees("anna")
    assert waiting.serve_waiting(deployment, at or datetime.now(UTC)) == 1
    return call


def rings_at_phone(agent: str, number: str = PHONE) -> None:
    with db.transaction() as session:
        session.get_one(Agent, agent).phone = number
        session.get_one(Presence, agent).reach = "phone"


def everybody_free_again() -> None:
    with db.transaction() as session:
        for status in session.scalars(select(Presence)):
            status.activity, status.intent, status.call_sid = Activity.IDLE, Intent.AVAILABLE, None
            status.lease_until = status.wrap_up_until = status.suspect_until = None
            status.heartbeat_at = datetime.now(UTC)


def presence(agent: str) -> Presence:
    with db.transaction() as session:
        found = session.get_one(Presence, agent)
        session.expunge_all()
        return found


def call(sid: str) -> Call:
    with db.transaction() as session:
        found = session.get_one(Call, sid)
        session.expunge_all()
        return found


def steps(sid: str) -> list[CallStep]:
    with db.transaction() as session:
        query = select(CallStep).where(CallStep.call_sid == sid).order_by(CallStep.number)
        found = list(session.scalars(query))
        session.expunge_all()
        return found


def promises() -> list[Promise]:
    with db.transaction() as session:
        found = list(session.scalars(select(Promise).order_by(Promise.id)))
        session.expunge_all()
        return found


def outbox() -> list[Outbox]:
    with db.transaction() as session:
        found = list(session.scalars(select(Outbox).order_by(Outbox.id)))
        session.expunge_all()
        return found


def pops(agent: str) -> list[str]:
    """Return the calls that popped at an agent's desk, in order."""
    with db.transaction() as session:
        query = select(DeskEvent).where(DeskEvent.agent == agent, DeskEvent.kind == "screen_pop")
        return [event.data["call_sid"] for event in session.scalars(query.order_by(DeskEvent.number))]


@dataclass(frozen=True)
class Standing:
    """How a call stands, and what it left behind; without the moments."""

    state: str
    outcome: str | None
    bridged_to: str | None
    promises: tuple[str, ...]  # the state of each
    agents: tuple[tuple[str, str, str], ...]  # key, intent, activity
    steps: tuple[tuple[str, str | None, str | None], ...]  # kind, agent, outcome


def standing(sid: str) -> Standing:
    one = call(sid)
    with db.transaction() as session:
        statuses = session.scalars(select(Presence).order_by(Presence.agent)).all()
        agents = tuple((s.agent, str(s.intent), str(s.activity)) for s in statuses)
    return Standing(
        state=str(one.state),
        outcome=one.outcome and str(one.outcome),
        bridged_to=one.bridged_to,
        promises=tuple(str(promise.state) for promise in promises()),
        agents=agents,
        steps=tuple((str(s.kind), s.agent, s.outcome and str(s.outcome)) for s in steps(sid)),
    )


def parse(document: bytes) -> ET.Element:
    return ET.fromstring(document)
