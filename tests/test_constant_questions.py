"""Does a page ask the database the same number of questions, however much stands on it?"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import db
from app.api import auth
from app.outgoing.announce import contact_key
from app.promises import links
from app.records.agents import Role
from app.records.callers import Channel, Contact, Direction
from app.records.calls import Call, CallState, CallStep, Outcome, StepKind, StepOutcome
from app.records.messages import Message
from app.records.promises import AttemptOutcome, PromiseAttempt, Recording, RecordingState
from app.records.tokens import Scope
from config import Settings
from tests import factories
from tests.api.conftest import Api
from tests.asked import watched
from tests.desk import office
from tests.factories import LINE

# Anna's own call; her team's, and everybody's, stand on her desk because she supervises.
HERS = "CA1"


@pytest.fixture
def town(client: FlaskClient) -> None:
    with db.transaction() as session:
        factories.line(session)
        for key in ("anna", "bram"):
            factories.agent(session, key)
        office.user(session, "anna", Role.SUPERVISOR)
        for number in range(1, 4):
            matter(session, number)
    office.sign_in(client, "anna@example.nl")


def matter(session: Session, number: int) -> None:
    """Write a customer with all that a page shows of one: case, call, promise, recording and messages."""
    now = datetime.now(UTC)
    e164 = f"+316{10_000_000 + number}"
    factories.customer(session, f"K{number}", e164)
    factories.case(session, f"Z{number}", f"K{number}", handled_by=("anna", "bram"))
    session.add(a_call(number, e164, now))
    session.flush()
    session.add(a_step(number, now))
    session.add(a_contact(number, now))
    promise = factories.promise(
        session,
        number=e164,
        customer=f"K{number}",
        case=f"Z{number}",
        agent=("anna", None)[number % 2],
        now=now,
        due_at=now + timedelta(hours=1),
    )
    if number % 2:
        promise.next_at = None  # asks a human
    session.add(an_attempt(promise.id, number, e164, now))
    session.add(
        Recording(
            sid=f"RE{number}",
            call_sid=f"CA{number}",
            promise=promise.id,
            state=RecordingState.KEPT,
            made_at=now,
        )
    )
    for sid, direction in ((f"SM{number}", Direction.INBOUND), (f"OM{number}", Direction.OUTBOUND)):
        session.add(a_message(sid, direction, number, e164, promise.id, now))


def a_call(number: int, e164: str, now: datetime) -> Call:
    return Call(
        sid=f"CA{number}",
        remote_e164=e164,
        line=LINE,
        customer=f"K{number}",
        case=f"Z{number}",
        owner="anna",
        language="nl",
        state=CallState.ENDED,
        outcome=Outcome.TALKED,
        bridged_to="anna",
        bridged_at=now,
        rule_version=1,
        step=1,
        created_at=now,
        ended_at=now,
    )


def a_step(number: int, now: datetime) -> CallStep:
    return CallStep(
        call_sid=f"CA{number}",
        number=1,
        kind=StepKind.OWNER,
        agent="anna",
        reason="owner_free",
        reason_values={"agent": "Anna"},
        endpoint="client",
        started_at=now,
        answered_at=now,
        ended_at=now,
        outcome=StepOutcome.ANSWERED,
        declined_why="",
    )


def a_contact(number: int, now: datetime) -> Contact:
    return Contact(
        key=contact_key(f"CA{number}"),
        case=f"Z{number}",
        agent="anna",
        channel=Channel.CALL,
        direction=Direction.INBOUND,
        started_at=now,
    )


def an_attempt(promise: int, number: int, e164: str, now: datetime) -> PromiseAttempt:
    return PromiseAttempt(
        promise=promise,
        call_sid=f"CB{number}",
        number=e164,
        agent="anna",
        address="client:anna",
        started_at=now,
        lease_until=now,
        ended_at=now,
        outcome=AttemptOutcome.NO_ANSWER,
    )


def a_message(sid: str, direction: Direction, number: int, e164: str, promise: int, now: datetime) -> Message:
    return Message(
        sid=sid,
        direction=direction,
        number=e164,
        line=LINE,
        body="Tot zo",
        customer=f"K{number}",
        case=f"Z{number}",
        agent="anna",
        team="Burgerzaken",
        promise=promise,
        status="undelivered" if direction == Direction.OUTBOUND else "received",
        at=now,
    )


Ask = Callable[[], object]


def grown(asks: dict[str, Ask]) -> dict[str, tuple[list[str], list[str]]]:
    """Ask, let the house grow by a factor of ten, and ask again; return what was asked otherwise than before.

    All are asked in one house: to build and to enlarge it costs a hundred times what asking does.
    """
    for ask in asks.values():
        ask()  # what is read once in a process's life
    before = {name: questions(ask) for name, ask in asks.items()}
    with db.transaction() as session:
        for number in range(4, 31):
            matter(session, number)
    after = {name: questions(ask) for name, ask in asks.items()}
    return {name: (before[name], after[name]) for name in asks if after[name] != before[name]}


def questions(ask: Ask) -> list[str]:
    """Ask, and return the statements, whatever length their lists are of."""
    with watched() as asked:
        ask()
    return [re.sub(r" IN \((?:%\(\w+\)s|[^()])*\)", " IN (…)", statement) for statement, _ in asked]


PAGES = [
    *("/desk", "/desk/board", f"/desk/calls/{HERS}/card", "/desk/messages/promise/1", "/desk/promises/1"),
    *("/admin/promises?view=all", "/admin/promises?view=untold", "/admin/promises/1"),
    *("/admin/promises/figures", "/admin/promises/leaver?leaves=anna&agent=bram"),
    "/admin/rules",
    *("/admin/calls", "/admin/calls/CA1", "/admin/calls/CA1/line"),
]
LISTS = ["/agents", "/lines", "/customers", "/cases", "/contacts", "/calls", "/promises", "/promises/1"]


def test_a_page_asks_no_more_when_more_stands_on_it(
    client: FlaskClient, town: None, settings: Settings
) -> None:
    """Those of the desk and of admins, and a caller's own."""

    def asking(page: str) -> Ask:
        def ask() -> None:
            assert client.get(page).status_code == 200, page

        return ask

    pages = [*PAGES, links.to_promise("", settings.secret_key, 1)]

    assert grown({page: asking(page) for page in pages}) == {}


def test_a_list_of_the_api_asks_no_more_when_it_is_longer(client: FlaskClient, town: None) -> None:
    with db.transaction() as session:
        api = Api(client, auth.create(session, "crm", Scope.READ, None, datetime.now(UTC)))

    def asking(path: str) -> Ask:
        def ask() -> None:
            assert api.get(path).status_code == 200, path

        return ask

    assert grown({path: asking(path) for path in LISTS}) == {}
