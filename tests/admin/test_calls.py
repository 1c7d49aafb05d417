"""Is “why did this call go there” answered, for every sort of call, to whom may ask, and while it goes on?"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import db
from app.audit.log import What
from app.jobs import audit as sealing_job
from app.records.agents import Role
from app.records.audit import AuditEntry
from app.records.calls import Call, CallState, CallStep, Outcome, StepKind
from app.records.promises import OUTBOUND, Promise
from config import Settings
from tests import factories
from tests.desk import office
from tests.factories import ADA, BEN, LINE
from tests.telephone import Line

ANONYMOUS = "anonymous"
AMSTERDAM = ZoneInfo("Europe/Amsterdam")


@pytest.fixture(autouse=True)
def house(flask_app: Flask) -> None:
    with db.transaction() as session:
        factories.line(session)
        factories.agent(session, "anna")
        factories.agent(session, "bram")
        factories.customer(session, "K1", ADA, name="Ada <b>Lovelace</b>")
        factories.case(session, "Z1", "K1", handled_by=("anna",))
        office.user(session, None, Role.SUPERVISOR)
        office.user(session, None, Role.SUPERVISOR, email="other@example.nl", teams=["Belastingen"])
        office.user(session, "bram")


@pytest.fixture
def reader(flask_app: Flask) -> FlaskClient:
    browser = flask_app.test_client()
    office.sign_in(browser, "supervisor@example.nl")
    return browser


@pytest.fixture
def call(client: FlaskClient, settings: Settings) -> Line:
    return Line(client, settings)


def text_of(page: str) -> str:
    return page.partition('id="line"')[2]


def test_a_call_that_reached_its_owner_is_told_from_beginning_to_end(reader: FlaskClient, call: Line) -> None:
    call.comes_in().talks()
    call.dial_ends("completed", DialCallDuration="60")
    call.hangs_up()

    page = text_of(reader.get(f"/admin/calls/{call.sid}").text)

    for words in (
        "Belde naar Algemeen.",
        "Herkend aan het nummer als Ada &lt;b&gt;Lovelace&lt;/b&gt;",
        "Anna had het laatste contact over deze zaak",
        "Volgens de gewone volgorde, versie",
        "De telefoon van Anna Jansen ging over.",
        "Anna Jansen nam op.",
        "In gesprek met Anna Jansen.",
        "Het gesprek is afgelopen.",
        "Daarom ging de telefoon bij Anna",
        "U sprak met Anna.",
        "volgt deze stap opnieuw",
    ):
        assert words in page
    assert ADA not in page


def test_nothing_that_one_could_tell_the_caller_names_the_customer_or_the_case(
    reader: FlaskClient, call: Line
) -> None:
    call.comes_in().leg("ringing")
    call.dial_ends("no-answer")
    page = reader.get(f"/admin/calls/{call.sid}").text
    tell = page.partition("<blockquote>")[2].partition("</blockquote>")[0]
    assert "Daarom ging de telefoon bij Anna" in tell
    assert "Anna nam niet op." in tell
    assert "Lovelace" not in tell
    assert "Paspoort" not in tell


def test_a_call_is_told_while_it_goes_on_and_only_when_something_happened(
    reader: FlaskClient, call: Line
) -> None:
    call.comes_in()
    page = reader.get(f"/admin/calls/{call.sid}").text
    assert 'src="/static/live.js"' in page
    mark = page.partition('data-mark="')[2].partition('"')[0]
    address = f"/admin/calls/{call.sid}/line?seen="
    assert reader.get(address + mark).status_code == 204

    call.talks()
    answer = reader.get(address + mark)

    assert answer.status_code == 200
    assert "Anna Jansen nam op." in answer.text
    assert answer.headers["X-Live"] == "yes"
    call.dial_ends("completed", DialCallDuration="60")
    call.hangs_up()
    assert reader.get(address + answer.headers["X-Mark"]).headers["X-Live"] == "no"
    assert "live.js" not in reader.get(f"/admin/calls/{call.sid}").text


def test_a_caller_who_hid_their_number_and_one_whom_nobody_knows_are_told_so(
    reader: FlaskClient, client: FlaskClient, settings: Settings
) -> None:
    hidden = Line(client, settings, from_=ANONYMOUS).comes_in()
    stranger = Line(client, settings, from_=BEN).comes_in()
    page = reader.get(f"/admin/calls/{hidden.sid}").text
    assert "Het nummer was verborgen" in page
    assert "Uw nummer was niet te zien" in page
    page = reader.get(f"/admin/calls/{stranger.sid}").text
    assert "van niemand die we kennen" in page
    assert "Uw nummer kenden we nog niet." in page


def test_a_callback_is_told_as_one(reader: FlaskClient) -> None:
    now = datetime.now(UTC)
    with db.transaction() as session:
        owed = factories.promise(session, number=ADA, customer="K1", due_at=now, now=now, agent="anna")
        session.add(
            Call(
                sid="CB1",
                direction="outbound",
                remote_e164=ADA,
                line=LINE,
                customer="K1",
                case="Z1",
                language="nl",
                state=CallState.ENDED,
                outcome=Outcome.NOT_REACHED,
                promise=owed.id,
                rule_version=1,
                created_at=now,
                ended_at=now,
                step=1,
            )
        )
        session.flush()
        session.add(
            CallStep(
                call_sid="CB1",
                number=1,
                kind=StepKind.CALLBACK,
                agent="anna",
                reason="callback_owner",
                reason_values={"agent": "Anna"},
                started_at=now,
                declined_why="",
            )
        )
    page = reader.get("/admin/calls/CB1").text
    assert "Wij belden terug, zoals beloofd" in page
    assert "We hebben u toen niet bereikt." in page
    assert f"/admin/promises/{owed.id}" in page
    with db.transaction() as session:
        session.get_one(Promise, owed.id).origin = f"{OUTBOUND}1"
    page = reader.get("/admin/calls/CB1").text
    assert "Wij belden, namens" in page
    assert "zoals beloofd" not in page, "what an agent began was promised to nobody"


# --- finding one --------------------------------------------------------------------------------------


@pytest.fixture
def calls(client: FlaskClient, settings: Settings) -> dict[str, str]:
    """Some calls: of a customer who spoke with Anna, of a stranger, of one who hid their number."""
    ada = Line(client, settings).comes_in().talks()
    ada.dial_ends("completed", DialCallDuration="60")
    ada.hangs_up()
    ben = Line(client, settings, from_=BEN).comes_in()
    hidden = Line(client, settings, from_=ANONYMOUS).comes_in()
    with db.transaction() as session:
        session.scalars(select(CallStep).where(CallStep.call_sid == ben.sid)).first().rule = "evening"  # type: ignore[union-attr]  # it has one
        session.get_one(Call, hidden.sid).created_at -= timedelta(days=3)
    return {"ada": ada.sid, "ben": ben.sid, "hidden": hidden.sid}


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({}, {"ada", "ben", "hidden"}),
        ({"number": "06 12345678"}, {"ada"}),
        ({"number": BEN}, {"ben"}),
        ({"hidden": "1"}, {"hidden"}),
        ({"customer": "K1"}, {"ada"}),
        ({"customer": "ad"}, {"ada"}),
        ({"customer": "nobody"}, set()),
        ({"agent": "anna", "outcome": "talked"}, {"ada"}),
        ({"outcome": "talked"}, {"ada"}),
        ({"outcome": "live"}, {"ben", "hidden"}),
        ({"rule": "evening"}, {"ben"}),
        ({"rule": "999"}, set()),
        ({"day": datetime.now(AMSTERDAM).date().isoformat(), "outcome": "live"}, {"ben"}),
        ({"number": "12"}, {"ada", "ben", "hidden"}),
    ],
)
def test_calls_are_found_by_what_one_would_ask_for(
    reader: FlaskClient, calls: dict[str, str], asked: dict[str, str], names: set[str]
) -> None:
    token = office.token_in(reader.get("/admin/calls").text)
    page = reader.post("/admin/calls", data={"csrf": token, **asked}).text
    assert {name for name, sid in calls.items() if f"/admin/calls/{sid}" in page} == names
    assert ("Dit is geen telefoonnummer" in page) is (asked.get("number") == "12")
    assert BEN not in page.partition("<tbody>")[2]


def test_older_calls_are_a_page_further(reader: FlaskClient) -> None:
    now = datetime.now(UTC)
    with db.transaction() as session:
        for i in range(60):
            session.add(
                Call(
                    sid=f"CA{i:03}",
                    line=LINE,
                    language="nl",
                    state=CallState.ENDED,
                    outcome=Outcome.NOT_CALLABLE,
                    rule_version=1,
                    created_at=now - timedelta(minutes=i // 2),
                    step=0,
                )
            )
    token = office.token_in(first := reader.get("/admin/calls").text)
    older = first.partition('name="before" value="')[2].partition('"')[0]
    second = reader.post("/admin/calls", data={"csrf": token, "before": older}).text
    seen = [sum(f"/admin/calls/CA{i:03}" in page for page in (first, second)) for i in range(60)]
    assert seen == [1] * 60


def test_only_those_who_oversee_their_team_read_a_call_and_it_is_written_down(
    flask_app: Flask, reader: FlaskClient, call: Line
) -> None:
    call.comes_in()
    other, agent = flask_app.test_client(), flask_app.test_client()
    office.sign_in(other, "other@example.nl")
    office.sign_in(agent, "bram@example.nl")
    assert call.sid not in other.get("/admin/calls").text
    for part in ("", "/line"):
        assert other.get(f"/admin/calls/{call.sid}{part}").status_code == 404
        assert agent.get(f"/admin/calls/{call.sid}{part}").status_code == 403
        assert reader.get(f"/admin/calls/{call.sid}{part}").status_code == 200
    assert agent.get("/admin/calls").status_code == 403
    sealing_job.seal(datetime.now(UTC))
    with db.reading() as session:
        told = session.scalars(select(AuditEntry.what).where(AuditEntry.who == "supervisor@example.nl")).all()
    assert told.count(What.CALL_READ) == 1
