"""Can an admin try a caller, save the call, and look back with the draft? And who may?"""

import json
import re
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app import db
from app.audit.log import What
from app.clock import utcnow
from app.deployment import Defaults, Deployment
from app.records.agents import Role
from app.records.audit import AuditPending
from app.records.callers import Customer
from app.records.calls import Call
from app.records.lines import Line as OurLine
from app.records.topics import Topic
from app.routing import last_week, publishing, starting
from app.routing.asked_call import AskedCall
from app.topics import store
from tests import factories, town
from tests.desk import office
from tests.factories import ADA, LINE
from tests.telephone import Another

MADE_UP = {"kind": "known", "last": "anna", "before": "bram", "line": LINE, "at": "2026-11-27T16:10"}


@pytest.fixture(autouse=True)
def settled(flask_app: Flask) -> None:
    town.settle()
    with db.transaction() as session:
        office.user(session, "anna")
        for role in (Role.ADMIN, Role.AUDITOR, Role.SUPERVISOR):
            office.user(session, None, role)


@pytest.fixture
def token(client: FlaskClient) -> str:
    return office.sign_in(client, "admin@example.nl")


def test_a_made_up_caller_is_tried_with_people_where_the_form_puts_them(
    client: FlaskClient, token: str
) -> None:
    page = client.post("/admin/simulate", data=MADE_UP | {"p.anna": "break", "csrf": token})

    text = unescape(page.text)
    assert page.status_code == 200
    assert "Bram Jansen wordt gebeld" in text
    assert "Anna heeft even pauze." in text
    assert "Eindigt met een belofte om terug te bellen." in text
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Call)) == 0


def test_another_branch_is_a_link_of_its_own(client: FlaskClient, token: str) -> None:
    asked = {"caller": {"handled_by": ["anna"]}, "line": LINE, "presence": {"anna": "busy"}}

    page = client.get(
        "/admin/simulate", query_string={"asked": json.dumps(asked), "answers": "freed,answered"}
    )

    assert "Eindigt bij een mens." in page.text
    assert 'value="freed,no_answer"' in page.text


def test_what_a_sentence_leads_to_is_tried_in_the_form_and_in_the_step_and_stands_in_no_address(
    client: FlaskClient, token: str
) -> None:
    with db.transaction() as session:
        session.get_one(OurLine, LINE).asks = True
        factories.agent(session, "dora", team="Afval", available=False)
        factories.customer(session, "vries", name="Johanna de Vries")
        factories.case(session, "Z-2026-0815", "vries", handled_by=("bram",))
        words = ["afval", "container", "grofvuil", "vuilnis"]
        row = Topic(
            key="afval", name="Huisvuil", team="Afval", words=words, language="nl", changed_at=utcnow()
        )
        session.add(row)
        store.changed(session)
    unknown = {"kind": "unknown", "line": LINE, "p.dora": "available", "csrf": token}

    page = client.post("/admin/simulate", data=unknown | {"heard": "mijn container, die met afval, is vol"})
    text = unescape(page.text)
    assert "Opgevat als onderwerp Huisvuil, van Afval." in text
    assert "Dora Jansen wordt gebeld" in text, "she is there where the form says so"
    asked = re.search(r'name="asked" value="([^"]*)"', page.text)
    assert asked is not None

    for said, told in (
        ("Johanna de Vries, 1234 AB", "Opgevat als naam en postcode van een klant"),
        ("een medewerker graag", "Daar is niets uit opgemaakt"),
        ("", "zegt niets"),
    ):
        step = {"asked": unescape(asked[1]), "answers": "heard", "heard": said, "csrf": token}
        page = client.post("/admin/simulate", data=step)
        text = unescape(page.text)
        assert told in text
        assert ("Verwijzing naar dit gesprek" in text) is ("Vries" not in said), "nothing saved names anybody"
        assert "wordt gebeld" in text
    assert 'method="post"' in page.text.split('<ol class="way">')[0].rsplit("<form", 1)[1]


def test_a_callers_number_never_stands_in_an_address(client: FlaskClient, token: str) -> None:
    page = client.post("/admin/simulate", data={"kind": "number", "number": ADA, "line": LINE, "csrf": token})

    assert "Anna Jansen wordt gebeld" in page.text
    links = [part.partition('"')[0] for part in page.text.split('href="')[1:]]
    assert not any(ADA.removeprefix("+") in link for link in links)
    assert '<form method="post" action="/admin/simulate">' in page.text


def test_who_tries_somebodys_own_number_has_looked_at_them(client: FlaskClient, token: str) -> None:
    client.post("/admin/simulate", data=MADE_UP | {"csrf": token})
    client.post("/admin/simulate", data={"kind": "number", "number": ADA, "line": LINE, "csrf": token})

    with db.reading() as session:
        [looked] = session.scalars(select(AuditPending).where(AuditPending.what == What.CALL_TRIED))
    assert [kind for kind, _ in looked.subjects] == ["customer"]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"kind": "number", "number": ""}, "Telefoonnummer"),
        ({"at": "tomorrow"}, "Moment"),
        ({"age_days": "old"}, "Dagen open"),
        ({"line": "+31201234599"}, "Lijn"),
    ],
)
def test_what_is_no_call_is_told_by_its_field_and_nothing_is_lost(
    client: FlaskClient, token: str, changed: dict[str, str], named: str
) -> None:
    page = client.post("/admin/simulate", data=MADE_UP | {"tags": "vip"} | changed | {"csrf": token})

    assert page.status_code == 400
    assert f"<strong>{named}</strong>" in page.text
    assert 'name="tags" value="vip"' in page.text


def test_a_tried_call_is_saved_and_run(client: FlaskClient, token: str) -> None:
    page = unescape(client.post("/admin/simulate", data=MADE_UP | {"csrf": token}).text)
    frozen = page.partition('<input type="hidden" name="asked" value="{"caller"')[2]
    assert frozen
    asked = json.dumps({"caller": {"handled_by": ["anna"]}, "line": LINE, "at": "2026-11-27T16:10:00+01:00"})
    said = {"name": "Anna eerst", "asked": asked, "first": "anna", "ends": "promise", "csrf": token}

    saved = client.post("/admin/simulate/tests", data=said)

    assert "“Anna eerst” is bewaard." in saved.text
    assert saved.text.count("klopt") >= 2
    gone = client.post(
        "/admin/simulate/tests", data={"name": "Anna eerst", "action": "remove", "csrf": token}
    )
    assert gone.status_code == 303
    assert "nog geen testgesprekken" in client.get("/admin/simulate/tests").text


def test_what_is_saved_names_no_customer() -> None:
    with db.reading() as session:
        deployment = Deployment("", Defaults("nl", "NL"))
        asked = AskedCall.read({"from": ADA, "line": LINE}, "NL")
        kept = json.dumps(starting.snapshot(starting.of(session, asked, None, utcnow(), deployment)))
    assert not any(word in kept for word in (ADA, "ada", "Klant", "Z1"))


def test_the_draft_is_held_against_the_calls_of_a_period(
    client: FlaskClient, token: str, another: Another
) -> None:
    call = another().comes_in()
    with db.transaction() as session:
        draft: dict[str, Any] = {"rules": [{"id": "r1", "then": {"only": "promise"}}]}
        publishing.save(session, draft, based_on=1, revision=None, who="eva", now=utcnow())

    page = client.get("/admin/simulate/replay?since=2026-01-01&until=2099-01-01")

    assert f"call={call.sid}" in page.text
    assert "belofte van Anna Jansen" in page.text
    assert "nagespeeld" not in page.text, "of one part nothing is left"
    recorded = client.get(f"/admin/simulate?call={call.sid}&draft=yes")
    assert re.search(rf'href="/admin/calls/{call.sid}">Het gesprek van [^<]+, nagespeeld', recorded.text)
    assert "Belofte: Anna Jansen belt terug" in recorded.text


def test_a_supervisor_reads_of_calls_of_their_own_teams_alone_while_all_are_counted(
    client: FlaskClient, another: Another
) -> None:
    call = another().comes_in()
    with db.transaction() as session:
        draft: dict[str, Any] = {"rules": [{"id": "r1", "then": {"only": "promise"}}]}
        publishing.save(session, draft, based_on=1, revision=None, who="eva", now=utcnow())
        for team in ("Belastingen", "Burgerzaken"):
            office.user(session, None, Role.SUPERVISOR, email=f"{team.lower()}@example.nl", teams=[team])
    last_week.forget()

    def reads(team: str) -> list[bool]:
        office.sign_in(client, f"{team}@example.nl")
        replayed = client.get("/admin/simulate/replay?since=2026-01-01&until=2099-01-01").text
        beside = client.get("/admin/rules").text
        assert '<dd class="figures" data-figure="calls">1</dd>' in replayed
        return [f"call={call.sid}" in replayed, "tellen mee" in replayed, 'id="calls-r1"' in beside]

    assert reads("burgerzaken") == [True, True, True]
    assert reads("belastingen") == [False, True, False]


def test_a_supervisor_tries_no_caller_of_another_team(client: FlaskClient, another: Another) -> None:
    call = another().comes_in()
    call.hangs_up()
    with db.transaction() as session:
        for team in ("Belastingen", "Burgerzaken"):
            office.user(session, None, Role.SUPERVISOR, email=f"{team.lower()}@example.nl", teams=[team])
        session.get_one(OurLine, LINE).asks = True
        session.get_one(Customer, "ada").name = "Ada Lovelace"

    def tries(team: str) -> list[bool]:
        token = office.sign_in(client, f"{team}@example.nl")
        form = {"kind": "number", "number": ADA, "line": LINE, "csrf": token}
        claim = {"kind": "unknown", "line": LINE, "heard": "Ada Lovelace, 1234 AB", "csrf": token}
        pages = (
            client.post("/admin/simulate", data=form),
            client.get(f"/admin/simulate?call={call.sid}"),
            client.post("/admin/simulate", data=claim),
        )
        return ["Anna Jansen wordt gebeld" in unescape(page.text) for page in pages]

    assert tries("burgerzaken") == [True, True, True]
    assert tries("belastingen") == [False, False, False]
    with db.reading() as session:
        looks = session.scalars(select(AuditPending).where(AuditPending.what == What.CALL_TRIED)).all()
    assert [one.who for one in looks] == ["burgerzaken@example.nl"] * 2, (
        "whom a number, or what was said, names"
    )


def test_who_oversees_may_look_and_only_an_admin_saves(flask_app: Flask) -> None:
    for who, status in (("anna", 403), ("auditor", 200), ("supervisor", 200), ("admin", 200)):
        client = flask_app.test_client()
        token = office.sign_in(client, f"{who}@example.nl")
        for path in ("", "/tests", "/replay"):
            assert client.get(f"/admin/simulate{path}").status_code == status, (who, path)
        saved = client.post("/admin/simulate/tests", data={"name": "x", "action": "remove", "csrf": token})
        assert saved.status_code == (303 if who == "admin" else 403), who


def test_nothing_that_an_address_can_say_breaks_the_page(client: FlaskClient, token: str) -> None:
    deep = "asked=" + "[" * 5000
    for query in (
        deep,
        "asked=[",
        "asked=1",
        "asked={}",
        "call=CA0",
        "answers=x,y&asked={}",
        "kind=known&line=1",
    ):
        assert client.get(f"/admin/simulate?{query}").status_code == 400, query
