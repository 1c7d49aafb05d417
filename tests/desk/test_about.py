"""Do topics learn from where calls ended in which something was heard, and from what agents say of them?"""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from app.beside import about
from app.clock import utcnow
from app.db import transaction
from app.jobs.about import work_off
from app.records.beside import WrapUp
from app.records.calls import Call
from app.records.lines import Line as OurLine
from app.records.topics import Topic, TopicSynonym
from app.topics import store
from tests import factories, town
from tests.desk import office
from tests.desk.test_desk_pages import ask
from tests.factories import ADA, LINE
from tests.telephone import Another, Line

STRANGER = "+31687650001"
AFTERWARDS = about.LEARNT_AFTER + timedelta(seconds=1)


@pytest.fixture
def dora(flask_app: Flask, client: FlaskClient) -> FlaskClient:
    """Dora's browser: she alone is of the waste team, and strangers are asked what it is about."""
    town.settle()
    with transaction() as session:
        session.get_one(OurLine, LINE).asks = True
        factories.agent(session, "dora", team="Afval")
        office.user(session, "dora")
        factories.customer(session, "vries", name="Johanna Prullenbakker")
        factories.case(session, "Z-2026-0815", "vries", handled_by=("dora",))
        for key, team, words in (("afval", "Afval", ["afval", "vuilnis"]), ("bomen", "Groen", ["boom"])):
            session.add(
                Topic(key=key, name=key.title(), team=team, words=words, language="nl", changed_at=utcnow())
            )
        store.changed(session)
    office.sign_in(client, "dora@example.nl")
    return client


def talks(another: Another, text: str) -> Line:
    call = another(from_=STRANGER).comes_in()
    call.post(call.attribute("Gather", "action"), SpeechResult=text)
    assert call.rings == "client:dora"
    return call.talks()


def learnt() -> set[tuple[str, str, int, int]]:
    """Let the worker do it, and return which words of which topic it noted, and how often."""
    work_off(utcnow() + AFTERWARDS)
    with transaction() as session:
        rows = session.scalars(select(TopicSynonym)).all()
        return {(row.topic, row.word, row.calls, row.corrections) for row in rows}


def test_the_words_of_a_call_are_learnt_where_it_ended_once_and_not_before_it_is_wrapped_up(
    dora: FlaskClient, another: Another
) -> None:
    call = talks(another, "Vuilnis in de prullenbak")
    assert learnt() == set(), "it isn't over"

    call.hangs_up()

    assert work_off(utcnow()) == 0, "and the agent may yet say what it was about"
    assert learnt() == {("afval", "prullenbak", 1, 0)}
    assert learnt() == {("afval", "prullenbak", 1, 0)}


def test_what_the_agent_says_it_was_about_counts_instead(dora: FlaskClient, another: Another) -> None:
    call = talks(another, "Afval van een omgewaaide kastanje")
    card = dora.get(f"/desk/calls/{call.sid}/card").text
    assert "Dit ging over" in card
    assert '<option value="bomen">Bomen · Groen</option>' in card

    noted = ask(dora, f"/desk/calls/{call.sid}/notes", outcome="", summary="x", topic="bomen")
    assert noted[0] == 200
    assert ask(dora, f"/desk/calls/{call.sid}/notes", summary="y")[0] == 200, "an older page doesn't ask"
    call.hangs_up()

    assert '<option value="bomen" selected>' in dora.get(f"/desk/calls/{call.sid}/card").text
    assert {(topic, word, corrections) for topic, word, _, corrections in learnt()} == {
        ("bomen", "afval", 1),
        ("bomen", "kastanje", 1),
        ("bomen", "omgewaaide", 1),
    }
    ask(dora, f"/desk/calls/{call.sid}/notes", summary="y", topic="afval")
    assert ("afval", "kastanje", 0, 1) in learnt(), "who thinks better of it later is heard, too"


def test_a_topic_that_is_none_is_refused_with_its_field_and_nothing_is_lost(
    dora: FlaskClient, another: Another
) -> None:
    call = talks(another, "Afval")
    ask(dora, f"/desk/calls/{call.sid}/notes", summary="x", topic="afval")

    code, body = ask(dora, f"/desk/calls/{call.sid}/notes", summary="xy", topic="weg")

    assert (code, "topic" in body) == (422, True)
    with transaction() as session:
        assert session.get_one(WrapUp, (call.sid, "dora")).topic == "afval"


def test_names_teach_nothing(dora: FlaskClient, another: Another) -> None:
    call = talks(another, "Het gaat over zaak Z 2026 0815 van Prullenbakker")
    call.hangs_up()
    assert learnt() == set(), "a case says who is meant, not what it is about"

    ask(dora, f"/desk/calls/{call.sid}/notes", summary="x", topic="afval")
    assert learnt() == set(), "the customer's name is nobody's word"


def test_a_call_in_which_nothing_was_heard_asks_and_teaches_nothing(
    dora: FlaskClient, another: Another
) -> None:
    call = another(from_=ADA).comes_in().talks()
    office.sign_in(dora, _user("anna"))
    assert "Dit ging over" not in dora.get(f"/desk/calls/{call.sid}/card").text
    call.hangs_up()
    with transaction() as session:
        assert session.get_one(Call, call.sid).learn_at is None


def test_what_is_erased_before_it_is_learnt_from_teaches_nothing(dora: FlaskClient, another: Another) -> None:
    talks(another, "Vuilnis in de prullenbak").hangs_up()
    with transaction() as session:
        session.execute(update(Call).values(heard=None))
    assert learnt() == set()


def _user(agent: str) -> str:
    with transaction() as session:
        return office.user(session, agent)
