"""What becomes of a caller who asks for somebody else? They get them at once, and again the next time."""

import re
from datetime import UTC, datetime

import pytest
from flask import Flask

from app import db
from app.callbacks import due
from app.deployment import Deployment
from app.messages.wishes import asks_for_another
from app.records.agents import Role, User
from app.records.callers import Case, CaseStatus
from app.records.lines import Line as OurLine
from app.records.promises import Promise, PromiseState
from config import Settings
from tests import factories, town
from tests.factories import LINE, noon_zone
from tests.telephone import Another


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

    assert call.verbs == ["Play", "Pause"]
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
    assert re.search(r"Anna belt u \w+ vóór [\w ]+ terug", call.said)

    call.post(call.attribute("Gather", "action"), SpeechResult="Liever iemand anders")

    assert re.match(r"Natuurlijk\. Een andere collega belt u \w+ vóór [\w ]+ terug", call.said)
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


@pytest.mark.usefixtures("settled")
def test_who_waits_for_the_others_is_not_led_round_by_the_one_they_do_not_want(another: Another) -> None:
    with db.transaction() as session:
        session.get_one(Case, "Z1").avoided_agent = "anna"
    for key in ("bram", "carla"):
        town.talks_elsewhere(key)
    call = another().comes_in()
    wait = call.attribute("Enqueue", "waitUrl")

    for _ in range(3):
        call.post(wait, context="wait", QueueTime="5")
        assert call.verbs == ["Play", "Pause"], "Anna is free, and isn't who they wait for"

    assert len(town.steps(call.sid)) == 1
    town.change("carla", activity="idle", call_sid=None)
    call.post(wait, context="wait", QueueTime="6")
    assert call.verbs == ["Leave"]
    assert town.steps(call.sid)[1].agent == "carla"


@pytest.mark.usefixtures("settled")
def test_when_only_the_unwanted_agent_is_there_a_callback_by_others_is_promised(another: Another) -> None:
    with db.transaction() as session:
        session.get_one(Case, "Z1").avoided_agent = "anna"
    town.talks_elsewhere("anna")
    for key in ("bram", "carla"):
        town.change(key, intent="off")

    call = another().comes_in()

    assert re.search(r"Wij bellen u \w+ vóór [\w ]+ terug", call.said)
    assert [promise.agent for promise in town.promises()] == [None]


@pytest.mark.usefixtures("settled")
def test_whom_they_did_not_want_does_not_ring_them_back(another: Another, settings: Settings) -> None:
    with db.transaction() as session:
        session.get_one(OurLine, LINE).timezone = noon_zone(datetime.now(UTC))
        session.get_one(Case, "Z1").status = CaseStatus.SOLVED  # with nothing that could keep the wish
    town.talks_elsewhere("anna")
    call = another().comes_in()
    call.post(call.attribute("Enqueue", "waitUrl"), context="wait", QueueTime="0")
    call.post(call.attribute("Gather", "action"), context="wait", SpeechResult="iemand anders graag")
    call.hangs_up()
    town.everybody_free_again()
    for key in ("bram", "carla"):
        town.change(key, intent="off")
    [promise] = town.promises()

    with db.transaction() as session:
        session.get_one(Promise, promise.id).next_at = promise.due_at
        rung = due.work_off(session, promise.id, promise.due_at, Deployment.of(settings))

    assert rung is None
    assert town.presence("anna").activity == "idle"
