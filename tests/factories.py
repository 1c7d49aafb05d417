"""What is in the database when the story begins? Each factory states only what the test is about."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from app.callers import history
from app.promises import ledger
from app.records.agents import Agent, Intent, Presence, Reach, Softphone
from app.records.callers import Case, CaseStatus, Channel, Customer, CustomerNumber, Direction
from app.records.lines import Line
from app.records.promises import Promise

# A Tuesday morning on which every line of these stories is open.
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
LINE = "+31201234500"
ADA = "+31612345678"
BEN = "+31687654321"


def noon_zone(now: datetime) -> str:
    """Return a time zone in which it is about noon: at night promises aren't worked off."""
    offset = 12 - now.astimezone(UTC).hour
    # In these names the sign is the other way round.
    return f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT"


def line(
    session: Session, number: str = LINE, *, team: str = "Burgerzaken", hours: str = "24/7", **more: object
) -> Line:
    made = Line(
        number=number,
        name="Algemeen",
        language=more.pop("language", "nl"),
        country=more.pop("country", "NL"),
        team=team,
        timezone="Europe/Amsterdam",
        hours=hours,
        greeting=more.pop("greeting", ""),
        records_messages=False,
        # Most tests of strangers are about who is rung: those of the question turn it on.
        asks=more.pop("asks", False),
        question=more.pop("question", ""),
    )
    session.add(made)
    session.flush()
    return made


def agent(
    session: Session,
    key: str,
    *,
    team: str = "Burgerzaken",
    available: bool = True,
    phone: str | None = None,
    reach: Reach = Reach.DESK,
    now: datetime | None = None,
    enabled: bool = True,
    softphone: Softphone = Softphone.READY,
    language: str = "nl",
) -> Agent:
    """An agent at a living desk, unless told otherwise; `now` is the moment of the last heartbeat."""
    now = now or datetime.now(UTC)
    made = Agent(
        key=key,
        name=f"{key.title()} Jansen",
        spoken_name=key.title(),
        email=f"{key}@example.nl",
        team=team,
        phone=phone,
        language=language,
        enabled=enabled,
    )
    session.add(made)
    session.flush()
    session.add(
        Presence(
            agent=key,
            intent=Intent.AVAILABLE if available else Intent.OFF,
            intent_since=now - timedelta(hours=1),
            reach=reach,
            heartbeat_at=now if available and reach == Reach.DESK else None,
            softphone=softphone,
            activity_since=now - timedelta(minutes=30),
        )
    )
    session.flush()
    return made


def customer(
    session: Session, key: str, *numbers: str, name: str | None = None, language: str = "nl"
) -> Customer:
    made = Customer(key=key, name=name or f"Klant {key}", language=language, postcode="1234AB", tags=[])
    made.numbers = [CustomerNumber(e164=number, position=place) for place, number in enumerate(numbers)]
    session.add(made)
    session.flush()
    return made


def case(
    session: Session,
    key: str,
    of: str,
    *,
    handled_by: tuple[str, ...] = (),
    team: str = "Burgerzaken",
    owner: str | None = None,
    status: CaseStatus = CaseStatus.OPEN,
    opened_at: datetime | None = None,
    handled_at: datetime | None = None,
) -> Case:
    """A case and its contacts, the first of `handled_by` longest ago; `handled_at` is when the newest was."""
    now = datetime.now(UTC)
    made = Case(
        key=key,
        customer=of,
        subject=f"Zaak {key}",
        team=team,
        status=status,
        opened_at=opened_at or now - timedelta(days=20),
        url=f"https://zaken.example.nl/{key}",
        named_owner=owner,
    )
    session.add(made)
    session.flush()
    newest = handled_at or now - timedelta(days=1)
    for days, agent_key in enumerate(reversed(handled_by)):
        history.record(
            session,
            contact=f"{key}-{days}",
            case=key,
            agent=agent_key,
            channel=Channel.CALL,
            direction=Direction.INBOUND,
            started_at=newest - timedelta(days=days),
            seconds=240,
            summary=f"Laatste woorden van {agent_key}.",
        )
    return made


def promise(session: Session, *, now: datetime, due_at: datetime, **more: Any) -> Promise:
    """A callback that Anna agreed with Ada at `now`; what is owed once to a number is made once."""
    usual: dict[str, Any] = {"number": ADA, "line": LINE, "customer": None, "case": None, "agent": "anna"}
    usual |= {"team": "Burgerzaken", "language": "nl", "why": "promise_asked"}
    values = usual | more
    return ledger.make(session, **{"origin": f"test:{values['number']}"} | values, now=now, due_at=due_at)
