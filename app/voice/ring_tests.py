"""Would this agent's desk ring? A call to their own softphone, through the carrier, that is nobody's.

It is no call of a customer's and is written down nowhere but in the agent's own row: reserved for the moment
that it takes, and the proof that the desk rang.
"""

import re
import secrets
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.agents import desk_events, presence
from app.carrier import twiml
from app.carrier.words import CARRIER_SAYS_ENDED
from app.catalogue import text
from app.outgoing import outbox
from app.records.agents import Activity, Agent, Intent, Presence, Softphone
from app.records.lines import Line

SID = re.compile(r"RT[0-9a-f]{32}")
# There is one ring in it: with the test's sid this names the reservation.
FENCE = 1
RING_SECONDS = 20
# Should all news of it be lost, the agent is free again after this.
LEASE = timedelta(seconds=45)


def ask(session: Session, agent: str, now: datetime) -> str | None:
    """Have the agent's desk rung; return why not, as a code of the catalogue, or None when it will be."""
    status = session.get_one(Presence, agent, populate_existing=True)
    if status.softphone != Softphone.READY or not presence.is_alive(status.heartbeat_at, now):
        return "ring_test_not_ready"
    team = select(Agent.team).where(Agent.key == agent).scalar_subquery()
    line = session.scalar(select(Line.number).order_by(Line.team != team, Line.number).limit(1))
    if line is None:
        return "ring_test_no_line"
    sid = "RT" + secrets.token_hex(16)
    if not _taken(session, status, sid, now):
        return "ring_test_busy"
    outbox.add(session, outbox.RING_TEST, f"ring-test/{sid}", {"agent": agent, "sid": sid, "line": line}, now)
    return None


def _taken(session: Session, status: Presence, sid: str, now: datetime) -> bool:
    """Reserve an agent who may be rung; nobody else's calls are on their way to them anyhow."""
    if status.intent != Intent.AVAILABLE:
        return status.activity == Activity.IDLE
    number = presence.reserve(session, status.agent, sid, FENCE, now, LEASE)
    if number is None:
        return False
    if (seen := presence.view(session, status.agent, now)) is not None:
        desk_events.append(session, status.agent, number, "presence", seen.as_json(), now)
    return True


def address(public_url: str, agent: str, sid: str, what: str) -> str:
    """Return where the carrier asks and tells about a test."""
    return f"{public_url}/voice/ring-tests/{agent}/{sid}/{what}"


def told(session: Session, agent: str, sid: str, status: str, now: datetime) -> None:
    """The carrier says how the test stands."""
    if status in ("ringing", "in-progress"):
        if not presence.rings(session, agent, sid, FENCE, now):
            presence.proved(session, agent, now)
    elif status in CARRIER_SAYS_ENDED:
        is_over(session, agent, sid, now)


def is_over(session: Session, agent: str, sid: str, now: datetime) -> None:
    """Free the agent; a desk that was not heard to ring is not believed for a while."""
    status = session.get(Presence, agent, populate_existing=True)
    if status is None:
        return
    if status.proven_at is not None and now - status.proven_at < LEASE:
        presence.freed(session, agent, sid, FENCE, now)
    elif not presence.could_not_be_rung(session, agent, sid, FENCE, now):
        presence.suspect(session, agent, now)


def picked_up(session: Session, agent: str, now: datetime) -> bytes:
    """Say that it works, and hang up."""
    presence.proved(session, agent, now)
    language = session.scalar(select(Agent.language).where(Agent.key == agent)) or "nl"
    return twiml.farewell(said=[text("say.ring_test", language)], language=language)
