"""Can those who answer for it see who changed what and who looked at whom? Is that they looked there too?"""

import json
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app import db
from app.api import auth
from app.audit import log, proving, searching
from app.audit.log import Actor, What
from app.jobs import audit as sealing_job
from app.records.agents import Role
from app.records.audit import AuditEntry, Via
from app.records.tokens import Scope
from config import Settings
from tests import factories
from tests.api.conftest import Api
from tests.desk import office
from tests.factories import ADA, BEN
from tests.parts import ROOT
from tests.telephone import Line

EVA = Actor("eva@example.nl", Via.PAGE)


@pytest.fixture(autouse=True)
def house(flask_app: Flask) -> None:
    now = datetime.now(UTC)
    with db.transaction() as session:
        factories.line(session)
        factories.agent(session, "anna")
        factories.customer(session, "K1", ADA, name="Ada <b>Lovelace</b>")
        factories.case(session, "Z1", "K1", handled_by=("anna",))
        office.user(session, "anna")
        office.user(session, None, Role.AUDITOR)
        office.user(session, None, Role.SUPERVISOR)
        log.record(session, EVA, What.CARD_OPENED, now, log.customer("K1"), call="CA1")
        log.record(session, EVA, What.CARD_OPENED, now, log.number(BEN), call="CA2")
        log.record(session, EVA, What.RULES_PUBLISHED, now, version=3, why="=SUM(1)")
        log.record(
            session, Actor("anna", Via.CALL), What.SCREEN_POP, now - timedelta(days=3), log.customer("K1")
        )


@pytest.fixture
def token(client: FlaskClient) -> str:
    return office.sign_in(client, "auditor@example.nl")


def searched(client: FlaskClient, token: str, **asked: str) -> str:
    answer = client.post("/admin/audit", data={"csrf": token, **asked})
    assert answer.status_code == 200
    return answer.text.partition("<tbody>")[2]


def test_the_log_shows_who_what_and_whom_in_words(client: FlaskClient, token: str) -> None:
    page = client.get("/admin/audit").text
    assert "Ada &lt;b&gt;Lovelace&lt;/b&gt; (K1)" in page
    assert "Kaart geopend" in page
    assert "Regels in werking gesteld" in page
    assert ADA not in page
    assert BEN not in page


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({"sort": "change"}, {"Regels in werking gesteld", "Ingelogd"}),
        ({"what": "screen_pop"}, {"Kaart getoond"}),
        ({"who": "eva@example.nl"}, {"Kaart geopend", "Regels in werking gesteld"}),
        ({"who": "anna"}, {"Kaart getoond"}),
        ({"who": "anna@example.nl"}, {"Kaart getoond"}),
        ({"about": "K1"}, {"Kaart geopend", "Kaart getoond"}),
        ({"about": BEN}, {"Kaart geopend"}),
        ({"about": "06 8765 4321"}, {"Kaart geopend"}),
        ({"about": "K1", "who": "anna"}, {"Kaart getoond"}),
        ({"about": "nobody"}, set()),
    ],
)
def test_it_is_searched_by_person_subject_and_kind(
    client: FlaskClient, token: str, asked: dict[str, str], shown: set[str]
) -> None:
    all_words = {"Kaart geopend", "Kaart getoond", "Regels in werking gesteld", "Ingelogd"}
    page = searched(client, token, **asked)
    assert {words for words in all_words if words in page} == shown


def test_it_is_searched_by_day(client: FlaskClient, token: str) -> None:
    day = (datetime.now(ZoneInfo("Europe/Amsterdam")) - timedelta(days=3)).date().isoformat()
    assert "Kaart getoond" in searched(client, token, day=day)
    assert "Kaart geopend" not in searched(client, token, day=day)
    assert "Kaart" not in searched(client, token, day="2020-01-01")


def test_older_lines_are_a_page_further(client: FlaskClient, token: str) -> None:
    with db.transaction() as session:
        for i in range(150):
            log.record(session, EVA, What.RULES_PUBLISHED, datetime.now(UTC), version=1000 + i)
    first = searched(client, token, what="rules_published")
    older = first.partition('name="before" value="')[2].partition('"')[0]
    second = searched(client, token, what="rules_published", before=older)
    versions = [f"versie: {1000 + i}<" in first for i in range(150)]
    assert versions.count(True) == 100
    assert all((f"versie: {1000 + i}<" in second) is not seen for i, seen in enumerate(versions))


def test_looking_into_the_log_stands_in_the_log_with_whom_they_looked_for(
    client: FlaskClient, token: str
) -> None:
    searched(client, token, about="K1")
    client.post("/admin/audit/export", data={"csrf": token, "about": "K1"}).get_data()
    page = searched(client, token, who="auditor@example.nl")
    assert "Logboek bekeken" in page
    assert "Logboek als bestand bewaard" in page
    assert page.count("Ada &lt;b&gt;") == 2


@pytest.mark.parametrize(
    ("email", "status"),
    [("anna@example.nl", 403), ("supervisor@example.nl", 403), ("auditor@example.nl", 200), ("", 401)],
)
def test_the_log_is_for_admins_and_auditors(client: FlaskClient, email: str, status: int) -> None:
    token = office.sign_in(client, email) if email else ""
    answer: TestResponse = client.get("/admin/audit", headers={"X-Requested-With": "fetch"})
    assert answer.status_code == status
    if email:
        exported = client.post("/admin/audit/export", data={"csrf": token})
        assert exported.status_code == status


def test_a_file_of_it_holds_no_formula(client: FlaskClient, token: str) -> None:
    text = client.post("/admin/audit/export", data={"csrf": token}).get_data(as_text=True)
    assert "Regels in werking gesteld" in text
    assert not any(cell.startswith("=") for row in text.splitlines() for cell in row.split(";"))


def test_look_ups_leave_as_the_standard_has_them(client: FlaskClient, token: str) -> None:
    raw = client.post("/admin/audit/export", data={"csrf": token, "form": "lines"}).get_data(as_text=True)
    lines = [json.loads(line) for line in raw.splitlines()]
    opened = [line for line in lines if line["name"] == "card_opened"]
    assert len(opened) == 2
    for line in opened:
        assert len(line["trace_id"]) == 32
        assert len(line["span_id"]) == 16
        assert line["attributes"]["dpl.core.processing_activity_id"].endswith("/answering")
        assert line["attributes"]["dpl.core.data_subject_id_type"] in ("customer", "number")
    assert "rules_published" not in raw
    assert ADA not in raw
    assert BEN not in raw


# --- what gets into it --------------------------------------------------------------------------------


def entries() -> list[tuple[str, str]]:
    """Return who did what, oldest first."""
    sealing_job.seal(datetime.now(UTC))
    with db.reading() as session:
        assert list(proving.faults(session)) == []
        rows = session.execute(select(AuditEntry.who, AuditEntry.what).order_by(AuditEntry.number))
        return [(who, what) for who, what in rows]


def test_other_systems_read_who_was_looked_at_and_that_is_written_down_too(
    flask_app: Flask, client: FlaskClient
) -> None:
    entries()
    with db.transaction() as session:
        api = Api(client, auth.create(session, "portal", Scope.READ, None, datetime.now(UTC)))
    found = api.get("/consultations?customer=K1")
    assert [one["name"] for one in found.json["items"]] == ["card_opened", "screen_pop"]
    assert found.json["items"][0]["who"] == "eva@example.nl"
    entries()
    first = api.get("/consultations?customer=K1&limit=1").json
    rest = api.get(f"/consultations?customer=K1&after={first['next']}").json
    assert [one["name"] for one in rest["items"]] == ["screen_pop", "api_read"]
    register = api.get("/processing-activities").json["items"]
    named = found.json["items"][0]["attributes"]["dpl.core.processing_activity_id"]
    assert named in {one["id"] for one in register}
    assert api.get("/processing-activities/answering").json["id"] == named
    assert api.get("/processing-activities/nothing").status_code == 404


def test_a_card_that_comes_with_a_call_is_a_look_up_of_whom_it_shows(
    client: FlaskClient, settings: Settings
) -> None:
    entries()
    call = Line(client, settings).comes_in()

    assert ("anna", "screen_pop") in entries()[-1:]
    with db.reading() as session:
        line = session.scalars(select(AuditEntry).order_by(AuditEntry.number.desc())).first()
        assert line is not None
        assert searching.details_of(line) == {"call": call.sid}
        assert searching.named(session, [line])[line.number].key == "K1"


def test_no_card_is_sent_to_a_desk_but_by_what_writes_it_down() -> None:
    senders = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "app").rglob("*.py")
        if re.search(r"""(append|tell)\(.*"screen_pop"|"kind": "screen_pop\"""", path.read_text("utf-8"))
    }
    assert senders == {"app/agents/desk_events.py", "app/voice/steps.py"}


def test_an_agent_who_opens_and_reveals_is_written_down(client: FlaskClient, settings: Settings) -> None:
    call = Line(client, settings).comes_in()
    token = office.sign_in(client, "anna@example.nl")
    entries()
    client.get(f"/desk/calls/{call.sid}/card")
    client.post(f"/desk/calls/{call.sid}/checked", data={"csrf": token})
    client.post(f"/desk/calls/{call.sid}/find", data={"csrf": token, "asked": "ada"})

    assert [what for who, what in entries() if who == "anna@example.nl"][-3:] == [
        *("card_opened", "number_revealed", "customers_searched"),
    ]


def test_what_a_supervisor_does_and_reads_gets_into_it(client: FlaskClient) -> None:
    with db.transaction() as session:
        promise = factories.promise(
            session,
            number=ADA,
            customer="K1",
            now=datetime.now(UTC),
            due_at=datetime.now(UTC) + timedelta(hours=1),
        ).id
    token = office.sign_in(client, "supervisor@example.nl")
    client.get("/admin/promises")
    client.get(f"/admin/promises/{promise}")
    client.get("/admin/promises/export.csv").get_data()
    data = {"csrf": token, "action": "withdraw", "sure": "1", "promise": str(promise)}
    client.post("/admin/promises/act", data=data)

    theirs = [what for who, what in entries() if who == "supervisor@example.nl"]

    assert theirs == [
        *("signed_in", "promises_listed", "promise_read", "promises_exported", "promise_changed"),
    ]


def test_what_another_system_does_and_reads_gets_into_it(client: FlaskClient) -> None:
    with db.transaction() as session:
        api = Api(client, auth.create(session, "crm", Scope.WRITE, None, datetime.now(UTC)))
    api.get("/customers/K1")
    api.get("/customers?phone=" + ADA)
    api.put("/customers/K1", {"name": "Ada", "phones": [ADA]})
    line = {"name": "Algemeen", "team": "Balie", "timezone": "Europe/Amsterdam", "hours": ""}
    api.put(f"/lines/{factories.LINE}", line)
    api.put(f"/numbers/{BEN}", {"nobodys": True})
    api.delete("/customers/K1")

    theirs = [what for who, what in entries() if who == "api:crm"]

    assert theirs == ["api_read", "api_read", "record_written", "record_written", "number_marked", "erased"]
    with db.reading() as session:
        line_change = session.scalars(select(AuditEntry).where(AuditEntry.subject_kind == "line")).one()
    assert "team: Burgerzaken" in line_change.details
    assert "team: Balie" in line_change.details
