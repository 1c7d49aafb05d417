"""What becomes of a caller who asks for somebody else? They get them at once, and again the next time."""

import pytest
from flask import Flask

from app import db
from app.agents.models import Role, User
from app.callers.models import Case
from app.voice.models import PromiseState
from app.voice.wishes import asks_for_another
from tests import factories
from tests.voice import town
from tests.voice.conftest import Another


@pytest.mark.parametrize(
    ("words", "asks"),
    [
        ("Iemand anders graag.", True),
        ("Iemand anders, graag", True),
        ("ik wil graag iemand anders spreken", True),
        ("mag ik een andere medewerker", True),
        ("Liever een andere collega alstublieft", True),
        ("Someone else, please.", True),
        ("can I speak to somebody else", True),
        ("a different person please", True),
        ("niemand anders", False),
        ("nee, niet iemand anders", False),
        ("iemand anders heeft mij gisteren gebeld", False),
        ("somebody else told me to call you", False),
        ("het gaat over mijn verhuizing", False),
        ("een andere vraag: wanneer is het loket open", False),
        ("ja", False),
        ("", False),
        ("ik bel over de vergunning van mijn buurman want iemand anders wil daar graag iets weten", False),
    ],
)
def test_only_a_wish_for_somebody_else_is_taken_for_one(words: str, asks: bool) -> None:
    assert asks_for_another(words) is asks


@pytest.fixture
def settled(flask_app: Flask) -> None:
    town.settle()


@pytest.mark.usefixtures("settled")
def test_a_caller_who_waits_may_ask_for_somebody_else(another: Another) -> None:
    town.talks_elsewhere("anna")
    call = another().comes_in()
    wait, left = call.attribute("Enqueue", "waitUrl"), call.attribute("Enqueue", "action")
    call.post(wait, context="wait", QueueTime="0")
    wish = call.attribute("Gather", "action")

    call.post(wish, context="wait", SpeechResult="Iemand anders graag.")
    assert "Leave" in call.verbs
    call.post(wish, context="wait", SpeechResult="Iemand anders graag.")
    assert "Leave" in call.verbs
    call.post(left, QueueResult="leave")

    assert call.said == "Natuurlijk, ik zoek iemand anders voor u. Ik verbind u door met Bram."
    assert call.rings == "client:bram"
    [promise] = town.promises()
    assert (promise.agent, promise.state) == (None, PromiseState.REASSIGNED)


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("words", ["hallo is daar iemand", ""])
def test_whoever_says_something_else_waits_on(another: Another, words: str) -> None:
    town.talks_elsewhere("anna")
    call = another().comes_in()
    call.post(call.attribute("Enqueue", "waitUrl"), context="wait", QueueTime="0")

    call.post(call.attribute("Gather", "action"), context="wait", SpeechResult=words)

    assert call.verbs == ["Pause"]
    assert town.call(call.sid).waiting_for_agent == "anna"


@pytest.mark.usefixtures("settled")
def test_the_next_call_about_this_case_goes_past_that_agent(another: Another) -> None:
    with db.transaction() as session:
        session.get_one(Case, "Z1").avoided_agent = "anna"

    call = another().comes_in()

    assert call.rings == "client:bram"
    assert call.said == ""
    assert call.dial_ends("no-answer").rings == "client:carla"
    assert call.dial_ends("no-answer").rings is None
    [promise] = town.promises()
    assert promise.agent is None


@pytest.mark.usefixtures("settled")
def test_a_promise_is_somebody_elses_when_the_caller_says_so(another: Another) -> None:
    for key in ("anna", "bram", "carla"):
        town.change(key, intent="off")
    call = another().comes_in()
    assert "Anna belt u terug" in call.said

    call.post(call.attribute("Gather", "action"), SpeechResult="Liever iemand anders")

    assert call.said.startswith("Natuurlijk. Een andere collega belt u terug")
    [promise] = town.promises()
    assert (promise.agent, promise.about) == (None, "")
    with db.transaction() as session:
        assert session.get_one(Case, "Z1").avoided_agent == "anna"


@pytest.mark.usefixtures("settled")
def test_the_third_call_in_a_week_goes_to_a_supervisor_before_a_stranger(another: Another) -> None:
    with db.transaction() as session:
        factories.agent(session, "eva", team="Belastingen")
        session.add(User(email="eva@example.nl", password_hash="-", role=Role.SUPERVISOR, agent="eva"))
    for _ in range(2):
        call = another().comes_in()
        assert call.rings == "client:anna"
        call.talks().hangs_up()
        town.everybody_free_again()
    for key in ("anna", "bram"):
        town.change(key, intent="off")

    call = another().comes_in()

    assert call.rings == "client:eva"
    [step] = town.steps(call.sid)
    assert (step.kind, step.reason) == ("colleague", "supervisor_takes_charge")
