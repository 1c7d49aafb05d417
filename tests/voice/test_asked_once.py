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
from app.promises import links
from app.records.agents import DeskEvent, Intent, Role
from app.records.callers import Customer
from app.records.calls import Call, CallStep, Inbox
from app.records.lines import Line as OurLine
from app.records.messages import Message
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


def test_the_recogniser_expects_words_of_our_topics_and_how_our_cases_begin(
    call: Line, another: Another
) -> None:
    with db.transaction() as session:
        for number in range(12):
            factories.case(session, f"Z-2026-2{number:03}", "vries")
        for number in range(60):
            words = [f"woord {number} {one}, met een komma" for one in range(15)] + ["w" * 101]
            row = Topic(key=f"t{number:02}", name=f"Onderwerp {number}", team="Elders", words=words)
            row.language, row.changed_at = "nl", utcnow()
            session.add(row)
        store.changed(session)

    asked = another(from_="+31687650002").comes_in()

    hints = asked.attribute("Gather", "hints").split(",")
    assert {"een medewerker graag", "case number", "zaaknummer Z 2026", "Afval", "container"} <= {*hints}
    assert {f"Onderwerp {number}" for number in range(60)} <= {*hints}, (
        "no topic is left out for another's many"
    )
    assert len(hints) <= 200
    assert max(map(len, hints)) <= 100
    assert "Vries" not in asked.raw.decode()


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
    with db.transaction() as session:
        session.delete(session.get_one(Topic, "afval"))
        store.changed(session)
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


def test_a_stranger_who_names_somebody_hears_nothing_of_them(
    call: Line, another: Another, client: FlaskClient, settings: Settings
) -> None:
    for key in ("anna", "bram", "carla", "dora"):
        town.change(key, intent=Intent.BREAK)
    with db.transaction() as session:
        session.get_one(Customer, "vries").language = "en"

    answers(call, "Johanna de Vries, 1234 AB")

    assert call.rings is None
    [promise] = town.promises()
    assert (promise.customer, promise.case, promise.about) == (None, None, "Johanna de Vries, 1234 AB")
    assert promise.agent == "bram", "whose it would be rings back"

    heard_by_them = [call.said]
    call.hangs_up()
    with db.transaction() as session:
        heard_by_them += session.scalars(select(Message.body)).all()
    assert len(heard_by_them) == 2, "an SMS tells that they are rung back"
    heard_by_them.append(client.get(f"/c/{links.signed(settings.secret_key, promise.id)}").text)
    heard_by_them.append(another(from_=STRANGER).comes_in().said)
    for words in heard_by_them:
        assert words, "nothing was said at all"
        for word in ("Vries", "Bram", "0815", "Zaak", "colleague"):
            assert word not in words


@pytest.mark.parametrize("how", ["talking", "on a break", "never there"])
def test_who_says_to_be_somebody_neither_waits_for_an_owner_nor_hears_of_one(call: Line, how: str) -> None:
    if how == "talking":
        town.talks_elsewhere("bram")
    else:
        town.change("bram", intent=Intent.BREAK if how == "on a break" else Intent.OFF)

    answers(call, "zaaknummer 2026 0815")

    assert call.rings in {"client:anna", "client:carla"}
    assert (call.verbs, call.said) == (["Dial"], ""), "as it would go for whom nobody knows"


def test_who_says_to_be_somebody_waits_like_anybody_and_gets_the_owner_when_they_are_free(call: Line) -> None:
    for key in ("anna", "carla", "dora"):
        town.change(key, intent=Intent.OFF)
    town.talks_elsewhere("bram")

    answers(call, "zaaknummer 2026 0815")

    assert "Enqueue" in call.verbs
    assert "collega" in call.said
    assert "Bram" not in call.said
    town.frees("bram")
    call.post(call.attribute("Enqueue", "waitUrl"), context="wait", QueueTime="3")
    assert [(one.kind, one.agent) for one in town.steps(call.sid)][-1] == ("owner", "bram")


def test_what_is_nobodys_by_name_is_the_topics_team_unless_nobody_is_of_it(
    call: Line, another: Another
) -> None:
    for key in ("anna", "bram", "carla", "dora"):
        town.change(key, intent=Intent.OFF)
    with db.transaction() as session:
        for key, team in (("bos", "Groen"), ("afval2", "Nergens")):
            words = ["eik", "kapvergunning"] if key == "bos" else ["zwembad", "duikplank"]
            row = Topic(key=key, name=key, team=team, words=words, language="nl", changed_at=utcnow())
            session.add(row)
        store.changed(session)
    answers(call, "Mijn container met afval is niet geleegd")
    empty = another(from_="+31687650003").comes_in()
    answers(empty, "de duikplank in het zwembad")

    assert heard(empty)["team"] == "Nergens"
    teams = {one.number: (one.team, one.agent) for one in town.promises()}
    assert teams == {STRANGER: ("Afval", None), "+31687650003": ("Burgerzaken", None)}


def test_a_topic_that_is_taken_away_during_calls_leaves_nobody_behind(
    call: Line, another: Another, client: FlaskClient
) -> None:
    with db.transaction() as session:
        email = user(session, None, Role.ADMIN)
    token = sign_in(client, email)
    said = "Mijn container met afval is niet geleegd"
    town.talks_elsewhere("dora")
    for key in ("anna", "bram", "carla"):
        town.change(key, intent=Intent.OFF)
    waits, hangs_up = (another(from_=f"+3168765010{number}").comes_in() for number in range(2))
    for one in (waits, hangs_up):
        answers(one, said)
        assert "Enqueue" in one.verbs, "the topic's only agent talks"

    gone = client.post("/admin/topics/afval", data={"do": "remove", "csrf": token})
    assert gone.status_code == 303

    hangs_up.hangs_up()
    assert hangs_up.from_ in {one.number for one in town.promises()}, "who gave up is rung back"
    answers(call, said)
    assert heard(call)["taken_for"] == "nothing", "nobody knows what it is about any more"
    assert "Enqueue" in call.verbs or STRANGER in {one.number for one in town.promises()}
    town.frees("dora")
    waits.post(waits.attribute("Enqueue", "waitUrl"), context="wait", QueueTime="3")
    assert [(one.kind, one.agent) for one in town.steps(waits.sid)][-1] == ("team", "dora")
    assert client.get(f"/admin/calls/{waits.sid}").status_code == 200


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


@pytest.mark.parametrize("said", ["zaaknummer 2026 0815", "Johanna de Vries, 1234 AB"])
def test_the_card_says_what_was_heard_and_that_nobody_checked_it(
    call: Line, client: FlaskClient, said: str
) -> None:
    answers(call, said)
    with db.transaction() as session:
        email = user(session, "bram")
    token = sign_in(client, email)

    card = client.get(f"/desk/calls/{call.sid}/card").text
    assert "Zegt te zijn: Johanna de Vries. Niet gecontroleerd." in card
    assert said in card
    assert "Zaak Z-2026-0815" in card, "the case whose owner was rung is open"
    assert "1234AB" not in card, "masked until then"

    client.post(f"/desk/calls/{call.sid}/checked", data={"csrf": token})
    found = town.call(call.sid)
    assert (found.customer, found.case) == ("vries", "Z-2026-0815"), "now it is they"
