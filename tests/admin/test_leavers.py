"""Does everything of somebody who leaves go to colleagues, and is the leaver left in peace?"""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import db
from app.api import auth
from app.callbacks import agent_leg, customer_leg
from app.deployment import Deployment
from app.jobs import callbacks as jobs
from app.outgoing import hooks, outbox
from app.outgoing.hooks import Event
from app.records.agents import Activity, Agent, Presence, Role
from app.records.callers import Case, CaseStatus
from app.records.messages import Message
from app.records.outgoing import Outbox
from app.records.promises import AttemptOutcome, Promise, PromiseAttempt, PromiseState
from app.records.tokens import Scope
from config import Settings
from tests import factories
from tests.desk import office
from tests.factories import ADA, BEN, LINE

URL = "/admin/promises/leaver"


@pytest.fixture(autouse=True)
def town(flask_app: Flask) -> None:
    """Anna leaves; Bram and Clara stay. It is about noon, whatever the hour of the test."""
    with db.transaction() as session:
        factories.line(session).timezone = factories.noon_zone(datetime.now(UTC))
        for key in ("anna", "bram", "clara"):
            factories.agent(session, key)
        factories.customer(session, "ada", ADA)
        office.user(session, "anna")
        office.user(session, None, Role.SUPERVISOR)


@pytest.fixture
def token(client: FlaskClient) -> str:
    return office.sign_in(client, "supervisor@example.nl")


def owe(number: str = ADA, case: str | None = None, agent: str = "anna") -> int:
    now = datetime.now(UTC)
    with db.transaction() as session:
        return factories.promise(
            session,
            number=number,
            case=case,
            agent=agent,
            due_at=now + timedelta(minutes=20),
            now=now - timedelta(hours=1),
        ).id


def owns(*keys: str, **more: object) -> None:
    """Cases of Ada's that Anna handled last."""
    with db.transaction() as session:
        for key in keys:
            factories.case(session, key, "ada", **{"handled_by": ("anna",)} | more)


def owners() -> dict[str, str | None]:
    with db.transaction() as session:
        return {case.key: case.owner for case in session.scalars(select(Case))}


def debtors() -> dict[int, str | None]:
    with db.transaction() as session:
        return dict(session.execute(select(Promise.id, Promise.agent)).all())


def form(token: str, *to: str, **more: str) -> dict[str, object]:
    return {"csrf": token, "leaves": "anna", "agent": list(to), **more}


def shown(page: str) -> list[tuple[str, ...]]:
    """The rows of the table of who gets what."""
    rows = page.partition("<tbody>")[2].partition("</tbody>")[0].split("<tr>")[1:]
    return [
        tuple(cell.partition(">")[2].partition("<")[0] for cell in row.replace("<th", "<td").split("<td")[1:])
        for row in rows
    ]


def test_promises_and_open_cases_go_to_a_colleague_and_solved_ones_stay(
    client: FlaskClient, token: str
) -> None:
    mine, other = owe(), owe(BEN, agent="clara")
    owns("handled")
    owns("named", handled_by=("clara",), owner="anna")
    owns("solved", status=CaseStatus.SOLVED)
    owns("of clara", handled_by=("anna", "clara"))

    answer = client.post(URL, data=form(token, "bram"))

    assert answer.status_code == 200
    assert shown(answer.text) == [("Bram Jansen", "1", "2")]
    assert debtors() == {mine: "bram", other: "clara"}
    assert owners() == {"handled": "bram", "named": "bram", "solved": "anna", "of clara": "clara"}
    assert "Anna Jansen gaat weg: overgedragen aan Bram Jansen." in client.get(f"/admin/promises/{mine}").text
    assert "supervisor@example.nl" in client.get(f"/admin/promises/{mine}").text


def test_the_preview_says_who_gets_what_and_changes_nothing(client: FlaskClient, token: str) -> None:
    owns("A", "B", "C", "D")
    with_case, alone = owe(case="C"), owe(BEN)

    page = client.get(URL, query_string={"leaves": "anna", "agent": ["bram", "clara"]}).text

    assert shown(page) == [
        ("Bram Jansen", "1", "2"),
        ("Clara Jansen", "1", "2"),
        ("Totaal", "2", "4"),
    ]
    assert set(owners().values()) | set(debtors().values()) == {"anna"}

    done = client.post(URL, data=form(token, "bram", "clara")).text

    assert shown(done) == shown(page)
    assert owners()["C"] == debtors()[with_case]
    assert debtors()[alone] != debtors()[with_case]


def test_a_customer_who_asked_for_somebody_else_gets_them(client: FlaskClient, token: str) -> None:
    owns("A")
    with db.transaction() as session:
        session.get_one(Case, "A").avoided_agent = "bram"
    alone = client.get(URL, query_string={"leaves": "anna", "agent": "bram"}).text
    assert "Bij één daarvan vroeg de klant om iemand anders dan Bram Jansen." in alone

    client.post(URL, data=form(token, "bram", "clara"))

    assert owners() == {"A": "clara"}


@pytest.mark.parametrize("disable", [{"disable": "yes"}, {}])
def test_a_callback_in_the_air_stops_and_never_rings_the_leaver_again(
    client: FlaskClient, token: str, settings: Settings, disable: dict[str, str]
) -> None:
    owns("A")
    owe(case="A")
    deployment = Deployment.of(settings)
    with db.transaction() as session:
        for key in ("bram", "clara"):
            session.get_one(Presence, key).intent = "off"
    assert jobs.work_off(deployment, datetime.now(UTC)) == 1

    client.post(URL, data=form(token, "bram", **disable))

    # Anna knows the case best and the time comes near; an hour later she isn't asked for it either.
    for later in (4, 19 * 60, 60 * 60):
        now = datetime.now(UTC) + timedelta(seconds=later)
        with db.transaction() as session:
            session.get_one(Presence, "anna").heartbeat_at = now
        jobs.work_off(deployment, now)
    with db.transaction() as session:
        [attempt] = session.scalars(select(PromiseAttempt))
        assert (attempt.agent, attempt.outcome) == ("anna", AttemptOutcome.CALLED_OFF)
        assert session.get_one(Presence, "anna").activity == Activity.IDLE


def test_whoever_handed_it_over_is_rung_again_when_it_is_theirs_once_more(
    client: FlaskClient, token: str, settings: Settings
) -> None:
    owe()
    client.post(URL, data=form(token, "bram"))
    client.post(URL, data={"csrf": token, "leaves": "bram", "agent": "anna"})

    assert jobs.work_off(Deployment.of(settings), datetime.now(UTC)) == 1
    with db.transaction() as session:
        assert session.scalars(select(PromiseAttempt.agent)).all() == ["anna"]


def test_a_conversation_with_the_customer_goes_on_and_keeps_the_promise(
    client: FlaskClient, token: str, settings: Settings
) -> None:
    promise, deployment, now = owe(), Deployment.of(settings), datetime.now(UTC)
    jobs.work_off(deployment, now)
    with db.transaction() as session:
        [sid] = session.scalars(select(PromiseAttempt.call_sid))
        agent_leg.picked_up(session, sid, now, deployment)
        customer_leg.customer_leg(session, sid, "in-progress", "CA1", "human", None, now)

    client.post(URL, data=form(token, "bram", disable="yes"))
    with db.transaction() as session:
        assert session.get_one(Promise, promise).state == PromiseState.CALLING
        customer_leg.customer_leg(session, sid, "completed", "CA1", "human", 60, now + timedelta(minutes=1))

    with db.transaction() as session:
        assert session.get_one(Promise, promise).state == PromiseState.KEPT


def test_a_leaver_who_is_disabled_is_nobody_from_then_on(
    client: FlaskClient, token: str, flask_app: Flask
) -> None:
    at_desk = flask_app.test_client()
    office.sign_in(at_desk, "anna@example.nl")
    with db.transaction() as session:
        desk = auth.create(session, "desk", Scope.DESK, "anna", datetime.now(UTC))
    own_desk = ("/api/v1/agents/anna/presence", {"Authorization": f"Bearer {desk}"})
    assert at_desk.get("/desk").status_code == 200
    assert client.get(own_desk[0], headers=own_desk[1]).status_code == 200

    client.post(URL, data=form(token, "bram", disable="yes"))

    assert at_desk.get("/desk").status_code != 200
    assert client.get(own_desk[0], headers=own_desk[1]).status_code == 401
    with db.transaction() as session:
        # Whoever lets her back in doesn't let old sessions in, nor rings somebody who isn't there.
        session.get_one(Agent, "anna").enabled = True
        assert session.get_one(Presence, "anna").intent == "off"
    assert at_desk.get("/desk").status_code != 200


def test_messages_without_an_answer_go_along_or_to_the_team(client: FlaskClient, token: str) -> None:
    owns("A")
    with db.transaction() as session:
        for sid, case in (("SM1", "A"), ("SM2", None)):
            session.add(
                Message(
                    sid=sid,
                    direction="inbound",
                    number=ADA,
                    line=LINE,
                    body="Hallo?",
                    case=case,
                    agent="anna",
                    team="Burgerzaken",
                    status="received",
                    at=datetime.now(UTC),
                )
            )

    client.post(URL, data=form(token, "bram"))

    with db.transaction() as session:
        assert dict(session.execute(select(Message.sid, Message.agent)).all()) == {"SM1": "bram", "SM2": None}


def test_other_systems_hear_who_owns_each_case_now(client: FlaskClient, token: str) -> None:
    owns("A")
    with db.transaction() as session:
        hooks.add(session, "https://crm.example.nl/hook", [Event.CASE_OWNER_CHANGED], datetime.now(UTC))

    client.post(URL, data=form(token, "bram"))

    with db.transaction() as session:
        [told] = session.scalars(select(Outbox).where(Outbox.kind == outbox.CALL_HOOK))
        data = told.payload["data"]
        assert (data["case"], data["owner"], data["previous_owner"]) == ("A", "bram", "anna")


@pytest.mark.parametrize(
    ("leaves", "to", "says"),
    [
        ("nobody", ["bram"], "Kies wie er weggaat."),
        ("anna", [], "Kies minstens één collega"),
        ("anna", ["bram", "anna"], "Wie weggaat, kan het niet zelf overnemen"),
        ("anna", ["bram", "gone"], "Een van de gekozen collega&#39;s is er niet meer"),
    ],
)
def test_what_cannot_be_done_changes_nothing_and_says_why(
    client: FlaskClient, token: str, leaves: str, to: list[str], says: str
) -> None:
    owe()
    with db.transaction() as session:
        factories.agent(session, "gone", enabled=False)

    asked = {"leaves": leaves, "agent": [*to, ""]}
    for answer in (client.get(URL, query_string=asked), client.post(URL, data={"csrf": token, **asked})):
        assert answer.status_code == 400
        assert says in answer.text
    assert set(debtors().values()) == {"anna"}


def test_whoever_leaves_can_not_be_ticked_to_take_over(client: FlaskClient, token: str) -> None:
    first = client.get(URL).text
    assert 'name="agent"' not in first, "who takes over is asked once it is known who leaves"

    page = client.get(URL, query_string={"leaves": "anna"}).text

    assert 'type="checkbox" name="agent" value="bram"' in page
    assert 'type="checkbox" name="agent" value="anna"' not in page
    assert "<select" not in page, "nobody else can be made the leaver while colleagues are ticked"


def test_nobody_disables_themselves(client: FlaskClient) -> None:
    with db.transaction() as session:
        office.user(session, "bram", Role.ADMIN)
    token = office.sign_in(client, "bram@example.nl")

    answer = client.post(URL, data={"csrf": token, "leaves": "bram", "agent": "clara", "disable": "yes"})

    assert "U kunt uzelf niet uitschakelen" in answer.text
    assert client.get("/desk").status_code == 200


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.AGENT])
def test_only_those_who_run_the_house_let_somebody_go(client: FlaskClient, role: Role) -> None:
    promise = owe()
    with db.transaction() as session:
        office.user(session, "clara", role)
    token = office.sign_in(client, "clara@example.nl")

    assert client.get(URL).status_code == 403
    assert client.post(URL, data=form(token, "bram")).status_code == 403
    assert debtors() == {promise: "anna"}
