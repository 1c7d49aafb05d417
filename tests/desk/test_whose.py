"""Can an agent write about everybody who rings, known or not, however many share a number?"""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

import config
from app.db import transaction
from app.forgetting import erasure
from app.records.callers import Case, CaseStatus, Contact, Customer, CustomerNumber
from app.records.calls import Call
from app.records.notes import CallNote
from tests import factories
from tests.desk import office
from tests.desk.test_desk_pages import ask, seen
from tests.factories import ADA, BEN

STRANGER = "+31611112222"
WITHHELD = "+266696687"


@pytest.fixture
def anna(flask_app: Flask) -> FlaskClient:
    """Anna's browser; of two agents she alone is free."""
    with transaction() as session:
        factories.line(session)
        factories.agent(session, "anna")
        factories.agent(session, "ben", available=False)
        for key in ("anna", "ben"):
            office.user(session, key)
        factories.customer(session, "K1", ADA, name="Ada Lovelace")
        factories.case(session, "Z1", "K1", handled_by=("anna",))
        factories.customer(session, "K2", BEN, name="José Ångström-de Vries")
        factories.case(session, "Z2", "K2", status=CaseStatus.SOLVED)
    client = flask_app.test_client()
    office.sign_in(client, "anna@example.nl")
    return client


def talk(settings: config.Settings, from_: str) -> str:
    """Somebody rings and Anna answers; return the call's sid."""
    sid = office.call_in(settings, from_)
    office.pick_up(sid)
    return sid


def card(client: FlaskClient, sid: str) -> str:
    return seen(client.get(f"/desk/calls/{sid}/card").text)


def noted(client: FlaskClient, sid: str) -> str:
    """Return what stands in the field for notes."""
    html = client.get(f"/desk/calls/{sid}/card").text
    found = re.search(r'<textarea id="summary"[^>]*>(.*?)</textarea>', html, re.DOTALL)
    assert found
    return found[1]


def contacts() -> list[tuple[str, str, str]]:
    with transaction() as session:
        rows = session.scalars(select(Contact).where(Contact.key.startswith("call:")))
        return [(row.case, row.agent, row.summary) for row in rows]


def notes() -> list[tuple[str | None, str | None, str | None, str]]:
    with transaction() as session:
        rows = session.scalars(select(CallNote).order_by(CallNote.written_at))
        return [(row.number, row.customer, row.case, row.summary) for row in rows]


def write(client: FlaskClient, sid: str, summary: str, outcome: str = "") -> None:
    status, answer = ask(client, f"/desk/calls/{sid}/notes", summary=summary, outcome=outcome)
    assert status == 200, answer


# --- notes that wait ---------------------------------------------------------------------------------


def test_what_is_noted_of_a_stranger_waits_under_their_number_for_whoever_they_ring_next(
    anna: FlaskClient, settings: config.Settings
) -> None:
    first = talk(settings, STRANGER)
    assert "wachten bij dit nummer" in card(anna, first)
    write(anna, first, "Vraagt naar de kapvergunning", "waiting")
    office.hang_up(settings, first)

    assert noted(anna, first) == "Vraagt naar de kapvergunning"
    assert contacts() == []
    ask(anna, "/desk/wrap-up", what="done")
    again = office.call_in(settings, STRANGER)
    assert "Genoteerd" in card(anna, again)
    assert "Vraagt naar de kapvergunning" in card(anna, again)
    assert noted(anna, again) == ""


def test_what_is_noted_of_a_withheld_caller_stays_with_the_call_alone(
    anna: FlaskClient, settings: config.Settings
) -> None:
    first = talk(settings, WITHHELD)
    assert "wachten bij deze oproep" in card(anna, first)
    write(anna, first, "Zei niet wie zij was")
    office.hang_up(settings, first)
    ask(anna, "/desk/wrap-up", what="done")

    another = office.call_in(settings, WITHHELD)

    assert noted(anna, first) == "Zei niet wie zij was"
    assert "Zei niet wie zij was" not in card(anna, another)


def test_what_waited_joins_the_customer_once_somebody_is_picked_and_goes_along_when_that_was_wrong(
    anna: FlaskClient, settings: config.Settings
) -> None:
    first = talk(settings, STRANGER)
    write(anna, first, "Vraagt naar de kapvergunning")
    office.hang_up(settings, first)
    ask(anna, "/desk/wrap-up", what="done")
    again = talk(settings, STRANGER)
    write(anna, again, "Belt weer")

    ask(anna, f"/desk/calls/{again}/pick", customer="K2", case="Z2")
    assert contacts() == [("Z2", "anna", "Belt weer")]
    assert notes() == [(STRANGER, "K2", "Z2", "Vraagt naar de kapvergunning")]
    ask(anna, f"/desk/calls/{again}/pick", customer="K1", case="Z1")

    assert contacts() == [("Z1", "anna", "Belt weer")]
    assert notes() == [(STRANGER, "K1", "Z1", "Vraagt naar de kapvergunning")]
    assert "Vraagt naar de kapvergunning" in card(anna, again)
    with transaction() as session:
        assert session.get_one(Call, first).customer is None, "the pick is for that call only"


def test_a_pick_after_the_call_leaves_its_contact_with_the_words_that_waited(
    anna: FlaskClient, settings: config.Settings
) -> None:
    sid = talk(settings, STRANGER)
    write(anna, sid, "Het was Ada, met de telefoon van een ander", "waiting")
    office.hang_up(settings, sid)

    ask(anna, f"/desk/calls/{sid}/pick", customer="K1", case="Z1")

    assert contacts() == [("Z1", "anna", "Het was Ada, met de telefoon van een ander")]
    assert notes() == []
    assert noted(anna, sid) == "Het was Ada, met de telefoon van een ander"


def test_what_was_solved_is_the_case_that_is_picked_and_no_other(
    anna: FlaskClient, settings: config.Settings
) -> None:
    with transaction() as session:
        factories.case(session, "Z3", "K2")
    sid = talk(settings, STRANGER)
    write(anna, sid, "Geregeld", "solved")

    def solved() -> list[str]:
        with transaction() as session:
            keys = select(Case.key).where(Case.status == CaseStatus.SOLVED, Case.key != "Z2")
            return list(session.scalars(keys))

    ask(anna, f"/desk/calls/{sid}/pick", customer="K1", case="Z1")
    assert solved() == ["Z1"]
    ask(anna, f"/desk/calls/{sid}/pick", customer="K2", case="Z3")
    assert solved() == ["Z3"]
    ask(anna, f"/desk/calls/{sid}/pick", customer="K2")
    assert solved() == []


def test_a_call_that_went_on_to_somebody_else_keeps_what_was_noted_and_is_nobodys_to_pick(
    anna: FlaskClient, settings: config.Settings
) -> None:
    with transaction() as session:
        factories.agent(session, "clara")
    sid = office.call_in(settings, ADA)
    ask(anna, f"/desk/calls/{sid}/decline", why="meeting")

    write(anna, sid, "Zij belt over haar dakkapel")
    status, answer = ask(anna, f"/desk/calls/{sid}/pick", customer="K2")

    assert notes() == [(ADA, "K1", "Z1", "Zij belt over haar dakkapel")]
    assert (status, "niet meer, van u" in answer) == (422, True)
    assert 'id="asked"' not in anna.get(f"/desk/calls/{sid}/card").text


def test_what_was_noted_on_the_wrong_customers_case_does_not_stay_there(
    anna: FlaskClient, settings: config.Settings
) -> None:
    sid = talk(settings, ADA)
    write(anna, sid, "Dit ging over José")
    assert contacts() == [("Z1", "anna", "Dit ging over José")]

    ask(anna, f"/desk/calls/{sid}/pick", customer="K2")

    assert contacts() == []
    assert notes() == [(ADA, "K2", None, "Dit ging over José")]
    assert noted(anna, sid) == "Dit ging over José"


def test_a_note_on_a_ring_that_nobody_answered_is_no_conversation(
    anna: FlaskClient, settings: config.Settings
) -> None:
    sid = office.call_in(settings, ADA)
    write(anna, sid, "Zo terugbellen")
    office.hang_up(settings, sid)
    write(anna, sid, "Zo terugbellen, over de dakkapel")

    assert contacts() == []
    assert notes() == [(ADA, "K1", "Z1", "Zo terugbellen, over de dakkapel")]
    assert noted(anna, sid) == "Zo terugbellen, over de dakkapel"
    with transaction() as session:
        assert "Zo terugbellen" not in (session.get_one(Case, "Z1").last_contact_agent or "")


def test_what_was_typed_while_it_rang_is_in_the_contact_of_the_conversation(
    anna: FlaskClient, settings: config.Settings
) -> None:
    sid = office.call_in(settings, ADA)
    write(anna, sid, "Belt over Z1")
    office.pick_up(sid)
    office.hang_up(settings, sid)

    assert contacts() == [("Z1", "anna", "Belt over Z1")]
    assert notes() == []


def test_the_last_contact_is_the_last_one_with_what_was_noted_before_beside_it(
    anna: FlaskClient, settings: config.Settings
) -> None:
    with transaction() as session:
        session.add(
            Contact(
                key="silent",
                case="Z1",
                agent="ben",
                channel="call",
                direction="inbound",
                started_at=datetime.now(UTC) - timedelta(hours=1),
                outcome="waiting",
            )
        )
    sid = office.call_in(settings, ADA)

    words = card(anna, sid)

    assert re.search(r"Laatste contact · Ben Jansen, \S+ \S+ Wacht op iemand", words)
    assert re.search(r"Daarvoor genoteerd · u, .* Laatste woorden van anna\.", words)


def test_a_note_that_is_too_long_is_refused_by_name(anna: FlaskClient, settings: config.Settings) -> None:
    sid = talk(settings, STRANGER)

    status, answer = ask(anna, f"/desk/calls/{sid}/notes", summary="x" * 10_001, outcome="")

    assert status == 422
    assert "10.000 tekens" in answer


# --- searching ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        *(
            ("K2", "José"),
            ("k2", "José"),
            ("Z2", "José"),
            ("z1", "Ada"),
            ("lovel", "Ada"),
            ("ada love", "Ada"),
        ),
        *(("Jose", "José"), ("ANGSTROM", "José"), ("vries jos", "José"), ("angström-de", "José")),
        *(("06 1234 5678", "Ada"), ("0031 6 12345678", "Ada"), ("+31 (0)6-12345678", "Ada")),
    ],
)
def test_a_customer_is_found_by_any_name_key_case_or_number(
    anna: FlaskClient, settings: config.Settings, asked: str, found: str
) -> None:
    sid = talk(settings, STRANGER)

    status, html = ask(anna, f"/desk/calls/{sid}/find", asked=asked)

    assert status == 200
    assert re.findall(r"<strong>(\w+)", html) == [found]
    assert "12345678" not in html.replace(" ", ""), "the number is masked until somebody has checked"


@pytest.mark.parametrize(
    ("asked", "says"), [("a", "ten minste twee tekens"), ("Babbage", "Niemand gevonden met ‘Babbage’")]
)
def test_a_search_that_finds_nobody_says_what_to_do(
    anna: FlaskClient, settings: config.Settings, asked: str, says: str
) -> None:
    sid = talk(settings, STRANGER)

    assert says in seen(ask(anna, f"/desk/calls/{sid}/find", asked=asked)[1])


def test_a_name_that_many_have_shows_the_likeliest_and_says_that_there_are_more(
    anna: FlaskClient, settings: config.Settings
) -> None:
    with transaction() as session:
        for number in range(30):
            factories.customer(session, f"J{number:02}", name=f"Jan Jansen {number}")
        factories.case(session, "ZJ", "J29")
    sid = talk(settings, STRANGER)

    _, html = ask(anna, f"/desk/calls/{sid}/find", asked="jan jans")

    assert re.findall(r"<strong>([^<]+)", html)[0] == "Jan Jansen 29"
    assert "10 klanten gevonden. Er zijn er meer" in seen(html)


def test_a_renamed_customer_is_found_by_the_new_name_alone(
    anna: FlaskClient, settings: config.Settings
) -> None:
    with transaction() as session:
        session.get_one(Customer, "K1").name = "Ada King"
    sid = talk(settings, STRANGER)

    assert "Ada King" in ask(anna, f"/desk/calls/{sid}/find", asked="king")[1]
    assert "Niemand gevonden" in ask(anna, f"/desk/calls/{sid}/find", asked="lovelace")[1]


def test_who_has_no_part_in_a_call_searches_nobody(
    anna: FlaskClient, flask_app: Flask, settings: config.Settings
) -> None:
    sid = talk(settings, STRANGER)
    ben = flask_app.test_client()
    office.sign_in(ben, "ben@example.nl")

    assert ask(ben, f"/desk/calls/{sid}/find", asked="Ada")[0] == 404


def test_what_is_searched_for_stands_in_no_log(
    anna: FlaskClient, settings: config.Settings, caplog: pytest.LogCaptureFixture
) -> None:
    sid = talk(settings, STRANGER)
    with caplog.at_level("INFO"):
        ask(anna, f"/desk/calls/{sid}/find", asked="Lovelace")

    assert "looked for a customer" in caplog.text
    assert "Lovelace" not in caplog.text + "".join(str(record.__dict__) for record in caplog.records)


def test_of_a_number_that_thirty_share_the_likeliest_of_all_come_first(
    anna: FlaskClient, settings: config.Settings
) -> None:
    now = datetime.now(UTC)
    with transaction() as session:
        for number in range(40):
            factories.customer(session, f"A{number:02}", STRANGER, name=f"Huurder {number:02}")
        factories.case(session, "ZX", "A37", handled_by=("ben",), handled_at=now - timedelta(days=9))
        factories.case(session, "ZY", "A38", handled_by=("anna",), handled_at=now - timedelta(days=3))
        factories.promise(session, number=BEN, customer="A39", now=now, due_at=now + timedelta(hours=1))
    sid = talk(settings, STRANGER)

    html = anna.get(f"/desk/calls/{sid}/card").text

    others = re.findall(r'aria-label="Dit is de klant: (Huurder \d+)"', html)
    assert 'data-name="Huurder 38"' in html, "as the call was decided"
    assert others[:2] == ["Huurder 39", "Huurder 37"]
    assert "Er horen nog meer klanten bij dit nummer" in seen(html)
    ask(anna, f"/desk/calls/{sid}/pick", customer="A05")
    assert 'data-name="Huurder 05"' in anna.get(f"/desk/calls/{sid}/card").text


# --- somebody new ------------------------------------------------------------------------------------

ONCE = "0123456789abcdef"


def test_a_new_customer_gets_the_number_a_case_and_what_waited(
    anna: FlaskClient, settings: config.Settings
) -> None:
    sid = talk(settings, STRANGER)
    write(anna, sid, "Wil een boom kappen")
    form = {"name": "  Grace   Hopper ", "subject": "Kapvergunning", "has_number": "yes", "once": ONCE}

    status, html = ask(anna, f"/desk/calls/{sid}/customer", **form)
    assert ask(anna, f"/desk/calls/{sid}/customer", **form)[0] == 200, "a second press makes nobody more"

    assert (status, 'data-name="Grace Hopper"' in html) == (200, True)
    with transaction() as session:
        [number] = session.scalars(select(CustomerNumber).where(CustomerNumber.e164 == STRANGER))
        [case] = session.scalars(select(Case).where(Case.customer == number.customer))
        made = session.get_one(Customer, number.customer)
        assert (made.name, made.language) == ("Grace Hopper", "nl")
        assert (case.subject, case.team, case.status) == ("Kapvergunning", "Burgerzaken", CaseStatus.OPEN)
        opened = case.key
    assert contacts() == [(opened, "anna", "Wil een boom kappen")]
    office.hang_up(settings, sid)
    ask(anna, "/desk/wrap-up", what="done")
    again = office.call_in(settings, STRANGER)
    assert 'data-name="Grace Hopper"' in anna.get(f"/desk/calls/{again}/card").text


def test_a_withheld_caller_becomes_a_customer_without_a_number(
    anna: FlaskClient, settings: config.Settings
) -> None:
    sid = talk(settings, WITHHELD)
    assert "is het nummer van deze klant" not in card(anna, sid)

    ask(anna, f"/desk/calls/{sid}/customer", name="Grace Hopper", has_number="yes", once=ONCE)

    with transaction() as session:
        [made] = session.scalars(select(Customer).where(Customer.name == "Grace Hopper"))
        assert made.numbers == []
        assert session.get_one(Call, sid).customer == made.key


def test_the_customer_of_a_call_gets_a_new_case(anna: FlaskClient, settings: config.Settings) -> None:
    sid = talk(settings, BEN)

    ask(anna, f"/desk/calls/{sid}/case", subject="Verhuizing", once=ONCE)
    write(anna, sid, "Verhuist op 1 mei")

    with transaction() as session:
        [case] = session.scalars(select(Case).where(Case.subject == "Verhuizing"))
        opened, of = case.key, case.customer
    assert of == "K2"
    assert contacts() == [(opened, "anna", "Verhuist op 1 mei")]


@pytest.mark.parametrize(
    ("what", "form", "field", "words"),
    [
        ("customer", {"name": "  "}, "name", "Naam: vul één regel in"),
        ("customer", {"name": "x" * 201}, "name", "hooguit 200 tekens"),
        ("customer", {"name": "Ada", "subject": "x" * 301}, "subject", "hooguit 300 tekens"),
        ("customer", {"name": "Ada", "once": "anders"}, "once", "Laad de pagina opnieuw"),
        ("case", {"subject": ""}, "customer", "Kies eerst wie er belt"),
    ],
)
def test_what_can_not_be_made_is_refused_by_field_and_makes_nothing(
    anna: FlaskClient, settings: config.Settings, what: str, form: dict[str, str], field: str, words: str
) -> None:
    sid = talk(settings, STRANGER)

    status, answer = ask(anna, f"/desk/calls/{sid}/{what}", **{"once": ONCE, **form})

    assert status == 422
    problem = json.loads(answer)
    assert problem["field"] == field
    assert words in problem["detail"]
    with transaction() as session:
        assert session.scalars(select(Customer.key).order_by(Customer.key)).all() == ["K1", "K2"]


# --- forgetting --------------------------------------------------------------------------------------


def test_notes_go_with_whoever_is_forgotten(anna: FlaskClient, settings: config.Settings) -> None:
    first = talk(settings, STRANGER)
    write(anna, first, "Woont Dorpsstraat 1")
    office.hang_up(settings, first)
    ask(anna, "/desk/wrap-up", what="done")
    second = talk(settings, ADA)
    ask(anna, f"/desk/calls/{second}/pick", customer="K1")
    write(anna, second, "Heeft geen zaak")
    office.hang_up(settings, second)
    assert len(notes()) == 2

    with transaction() as session:
        erasure.erase_number(session, STRANGER, "admin", datetime.now(UTC))
    assert notes() == [(ADA, "K1", None, "Heeft geen zaak")]
    with transaction() as session:
        erasure.erase_customer(session, "K1", "admin", datetime.now(UTC))
    assert notes() == []
