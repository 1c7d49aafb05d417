"""Is whom nobody knows asked once what it is about, and led on whatever they say?"""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import db
from app.clock import utcnow
from app.deployment import Deployment
from app.forgetting import erasure
from app.records.agents import DeskEvent, Intent
from app.records.callers import Customer
from app.records.calls import Call, CallStep, Inbox
from app.records.lines import Line as OurLine
from app.records.topics import Topic
from app.routing import simulation
from app.routing.asked_call import AskedCall
from app.topics import store
from config import Settings
from tests import factories, town
from tests.desk.office import sign_in, user
from tests.factories import LINE
from tests.telephone import Another, Line

STRANGER = "+31687650001"
WASTE = ["afval", "container", "grofvuil", "vuilnis"]


@pytest.fixture
def call(flask_app: Flask, another: Another) -> Line:
    """A stranger, who was asked: Anna has Ada's case, Dora alone is of the waste team."""
    town.settle()
    with db.transaction() as session:
        session.get_one(OurLine, LINE).asks = True
        factories.agent(session, "dora", team="Afval")
        factories.customer(session, "vries", name="Johanna de Vries")
        factories.case(session, "Z-2026-0815", "vries", handled_by=("bram",))
        session.add(
            Topic(key="afval", name="Afval", team="Afval", words=WASTE, language="nl", changed_at=utcnow())
        )
        store.changed(session)
    return another(from_=STRANGER).comes_in()


def answers(call: Line, text: str, **fields: str) -> None:
    call.post(call.attribute("Gather", "action"), SpeechResult=text, **fields)


def heard(call: Line) -> dict[str, object]:
    return dict(town.call(call.sid).heard or {})


def pop_at(agent: str) -> dict[str, Any]:
    with db.transaction() as session:
        pops = select(DeskEvent.data).where(DeskEvent.agent == agent, DeskEvent.kind == "screen_pop")
        [found] = session.scalars(pops).all()
        return dict(found)


def test_a_stranger_is_asked_in_one_sentence_that_may_be_interrupted(call: Line) -> None:
    assert call.verbs == ["Gather"], "whatever is said is said while it listens"
    assert "waar kan ik u mee helpen?" in call.said
    assert call.attribute("Gather", "input") == "speech", "no key leads anywhere"
    assert call.attribute("Gather", "actionOnEmptyResult") == "true"
    assert [(one.kind, one.reason) for one in town.steps(call.sid)] == [("asked", "asked")]


@pytest.mark.parametrize(
    "text", ["", "Een medewerker graag.", "tja, dat is een lang verhaal", "hgrmpf", "zaak 99999", "3391 KA"]
)
def test_silence_doubt_and_who_wants_a_human_get_one_of_the_line_at_once(call: Line, text: str) -> None:
    answers(call, text)

    assert call.rings in {"client:anna", "client:bram", "client:carla"}
    assert (call.verbs, call.said) == (["Dial"], ""), "no word of it, and no second question"
    assert heard(call)["text"] == text
    assert [one.kind for one in town.steps(call.sid)] == ["asked", "team"]


def test_a_topic_chooses_the_people(call: Line) -> None:
    answers(call, "Mijn container met afval is niet geleegd", Confidence="0.92")

    assert call.rings == "client:dora"
    assert (heard(call)["taken_for"], heard(call)["topic"]) == ("topic", "afval")
    call.dial_ends("no-answer")
    assert call.rings in {"client:anna", "client:bram", "client:carla"}, "then whoever is of the line"
    reasons = [one.reason for one in town.steps(call.sid)]
    assert reasons == ["asked", "team_of_topic", "team_unknown"], "who is told no more than is so"


@pytest.mark.parametrize(
    "text",
    [
        "het gaat over zaak Z 2026 0815",
        "zaaknummer tweeduizend zesentwintig streepje nul acht vijftien",
        "my case number is twenty twenty six oh eight one five",
    ],
)
def test_the_number_of_a_case_leads_to_its_owner_and_opens_it_unchecked(call: Line, text: str) -> None:
    answers(call, text)

    assert call.rings == "client:bram"
    pop = pop_at("bram")
    assert pop["case"]["case"] == "Z-2026-0815"
    assert (pop["verified"], pop["claimed"], pop["heard"]) == (False, True, text)
    assert not any(word in call.raw for word in (b"Vries", b"0815")), "nothing of it leaves"


def test_a_name_with_its_postcode_leads_to_who_knows_them(call: Line) -> None:
    answers(call, "Met Johanna de Fries, twaalf vierendertig Anna Bernard")

    assert (call.rings, heard(call)["taken_for"]) == ("client:bram", "name")
    assert town.call(call.sid).customer is None, "nobody has checked it"


@pytest.mark.parametrize("text", ["Met Piet de Vries, 1234 AB", "de Vries uit Amsterdam", "Jansen 1234 AB"])
def test_in_doubt_a_name_is_nobodys(call: Line, text: str) -> None:
    answers(call, text)
    assert (heard(call)["taken_for"], town.call(call.sid).claimed) == ("nothing", None)


def test_of_two_alike_nobody_is_meant(call: Line) -> None:
    with db.transaction() as session:
        factories.customer(session, "vries2", name="Hendrik de Vries")
    answers(call, "Met de Vries, 1234 AB")
    assert heard(call)["taken_for"] == "nothing"


def test_a_stranger_who_names_somebody_hears_nothing_of_them(call: Line) -> None:
    for key in ("anna", "bram", "carla", "dora"):
        town.change(key, intent=Intent.BREAK)
    with db.transaction() as session:
        session.get_one(Customer, "vries").language = "en"

    answers(call, "Johanna de Vries, 1234 AB")

    assert call.rings is None
    for word in ("Vries", "Bram", "0815", "Zaak", "colleague"):
        assert word not in call.said, call.said
    [promise] = town.promises()
    assert (promise.customer, promise.case, promise.about) == (None, None, "Johanna de Vries, 1234 AB")
    assert promise.agent == "bram", "whose it would be rings back"


def test_the_question_is_put_once_whatever_the_carrier_repeats(call: Line) -> None:
    action = call.attribute("Gather", "action")
    call.post(action, SpeechResult="Mijn afval")
    first = call.raw
    call.post(action, SpeechResult="Iets anders")
    assert call.raw == first, "the same bytes"
    late = action.replace("/1/asked", "/2/asked")
    call.post(late, SpeechResult="te laat")
    assert call.rings == "client:dora", "what is going on goes on"
    call.post(action.replace("/1/asked", "/7/asked"))
    assert call.rings == "client:dora"


def test_known_callers_and_lines_that_do_not_ask_ring_through(call: Line, another: Another) -> None:
    assert another().comes_in().rings == "client:anna"
    with db.transaction() as session:
        session.get_one(OurLine, LINE).asks = False
    assert another(from_=STRANGER).comes_in().verbs == ["Dial"]


def test_a_line_asks_in_its_own_words_and_a_hidden_number_is_asked_too(call: Line, another: Another) -> None:
    with db.transaction() as session:
        session.get_one(OurLine, LINE).question = "Zegt u het maar."
    hidden = another(from_="anonymous").comes_in()
    assert hidden.said == "Zegt u het maar."
    answers(hidden, "over mijn vuilnis")
    assert hidden.rings == "client:dora"


def test_who_hangs_up_at_the_question_is_rung_back(call: Line) -> None:
    call.hangs_up()
    [promise] = town.promises()
    assert promise.number == STRANGER


def test_what_a_stranger_said_of_somebody_goes_when_they_are_forgotten(call: Line) -> None:
    answers(call, "Johanna de Vries, 1234 AB")
    with db.transaction() as session:
        erasure.erase_customer(session, "vries", "anna", utcnow())
    with db.transaction() as session:
        row = session.get_one(Call, call.sid)
        assert (row.heard, row.claimed) == (None, None)
        kept = session.scalars(select(CallStep.situation).where(CallStep.call_sid == call.sid)).all()
        assert not any("vries" in str(one) for one in kept)
        assert not any(b"Vries" in one for one in session.scalars(select(Inbox.reply)))


def test_a_recorded_voice_is_a_caller_like_any_other(call: Line) -> None:
    answers(call, "Dit is een automatisch bericht. Toets 1 om verbonden te worden.")
    assert call.rings is not None
    pop = pop_at(call.rings.removeprefix("client:"))
    assert pop["sounds_recorded"] is True


@pytest.mark.parametrize(
    ("answer", "kinds", "target"),
    [
        ("heard: mijn container met afval", ["asked", "team"], "dora"),
        ("heard: zaaknummer 2026 0815", ["asked", "owner"], "bram"),
        ("nothing", ["asked", "team"], None),
    ],
)
def test_the_simulator_leads_from_an_answer_to_where_a_call_would(
    call: Line, settings: Settings, answer: str, kinds: list[str], target: str | None
) -> None:
    asked = AskedCall.read({"from": STRANGER, "line": LINE, "answers": [answer]}, "NL")
    with db.reading() as session:
        done = simulation.simulate(session, asked, now=utcnow(), deployment=Deployment.of(settings))
    steps = done.as_json("nl")["steps"]
    assert [one["kind"] for one in steps] == kinds
    assert target in (None, steps[1]["target"])
    assert steps[0]["says"][0].startswith("open_question")


def test_the_card_says_what_was_heard_and_that_nobody_checked_it(call: Line, client: FlaskClient) -> None:
    answers(call, "zaaknummer 2026 0815")
    with db.transaction() as session:
        email = user(session, "bram")
    token = sign_in(client, email)

    card = client.get(f"/desk/calls/{call.sid}/card").text
    assert "Zegt te zijn: Johanna de Vries. Niet gecontroleerd." in card
    assert "zaaknummer 2026 0815" in card
    assert "1234AB" not in card, "masked until then"

    client.post(f"/desk/calls/{call.sid}/checked", data={"csrf": token})
    assert town.call(call.sid).customer == "vries", "now it is they"
