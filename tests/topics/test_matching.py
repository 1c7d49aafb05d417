"""Is it heard what a caller is about, in the admin's words and in others?"""

import pytest
from sqlalchemy import update

from app import db
from app.clock import utcnow
from app.db import Database
from app.records.topics import SynonymState, Topic, TopicSynonym
from app.topics import learning, store
from app.topics.matching import match

WORDS = {
    ("bijstand", "Werk en Inkomen"): ["bijstand", "uitkering", "inkomen", "geen geld"],
    ("reisdocumenten", "Burgerzaken"): ["paspoort", "identiteitskaart", "reisdocument", "id kaart"],
    ("afval", "Afval"): ["afval", "grofvuil", "container", "vuilnis", "kliko"],
}


@pytest.fixture
def topics(database: Database) -> Database:
    with db.bind(database).transaction() as session:
        for (key, team), words in WORDS.items():
            session.add(Topic(key=key, name=key, team=team, words=words, language="nl", changed_at=utcnow()))
        store.changed(session)
    return database


@pytest.mark.parametrize(
    ("said", "topic"),
    [
        ("ik wil een bijstandsuitkering aanvragen", "bijstand"),
        ("mijn paspoorten zijn gestolen", "reisdocumenten"),
        ("de afval kontainer is niet geleegd", "afval"),
        ("eh goedemorgen ja ik bel over de vuilniscontainer", "afval"),
    ],
)
def test_a_word_is_met_in_another_form_in_a_compound_and_as_it_sounds(
    topics: Database, said: str, topic: str
) -> None:
    with topics.reading() as session:
        found = match(session, said)

    assert (found.topic, found.sure) == (topic, True)
    assert found.team == dict(WORDS.keys())[topic]
    assert found.why


@pytest.mark.parametrize("said", ["", "eh ja goedemiddag", "een medewerker graag", "mijn kat is zo lief"])
def test_who_says_nothing_of_a_topic_gets_a_human(topics: Database, said: str) -> None:
    with topics.reading() as session:
        assert not match(session, said).sure


def test_without_topics_nothing_is_sure(database: Database) -> None:
    with database.reading() as session:
        assert match(session, "paspoort") == match(session, "")


def test_a_word_that_calls_brought_counts_once_the_admin_keeps_it(topics: Database) -> None:
    said = "de prullenbak zit vol"
    with topics.transaction() as session:
        assert learning.note_outcome(session, said, "Afval", by_agent=True) == 1  # its only topic
        assert learning.note_outcome(session, said, "afval", by_agent=False) == 1
        assert learning.note_outcome(session, said, "Nobody's team", by_agent=True) == 0
        (word,) = learning.of_topic(session, "afval")
    assert (word.word, word.calls, word.corrections) == ("prullenbak", 1, 1)
    with topics.reading() as session:
        assert not match(session, said).sure

    with topics.transaction() as session:
        session.execute(update(TopicSynonym).values(state=SynonymState.KEPT))
        store.changed(session)

    with topics.reading() as session:
        assert match(session, said).topic == "afval"
