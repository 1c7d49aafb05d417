"""Can an admin say what callers are about, and decide which of their words count?"""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import db
from app.records.agents import Role
from app.records.topics import Source, Topic, TopicExample
from app.topics import learning, packs, store
from app.topics.matching import match
from tests import factories
from tests.desk import office

FORM = {
    "topic": "afval",
    "name": "Afval",
    "team": "Afval",
    "language": "nl",
    "words": "vuilnis, kliko; grof vuil",
}


@pytest.fixture(autouse=True)
def town(flask_app: Flask) -> None:
    with db.transaction() as session:
        factories.agent(session, "anna")
        office.user(session, "anna")
        for role in (Role.ADMIN, Role.SUPERVISOR, Role.AUDITOR):
            office.user(session, None, role)


def post(client: FlaskClient, token: str, path: str, **form: str) -> TestResponse:
    return client.post(path, data={**form, "csrf": token}, headers={"Accept": "text/html"})


def test_a_topic_is_made_tried_changed_and_taken_away_again(client: FlaskClient) -> None:
    token = office.sign_in(client, "admin@example.nl")
    assert post(client, token, "/admin/new-topic", **FORM).status_code == 303
    assert post(client, token, "/admin/new-topic", **FORM).status_code == 422  # it is there already
    with db.reading() as session:
        assert session.get_one(Topic, "afval").words == ["vuilnis", "kliko", "grof vuil"]

    tried = client.get("/admin/topics", query_string={"text": "de kliko is niet leeg"}).text
    assert "Afval, naar Afval." in tried or "Afval, to Afval." in tried
    assert "kliko" in tried

    refused = post(client, token, "/admin/topics/afval", **{**FORM, "team": ""})
    assert refused.status_code == 422
    assert 'aria-invalid="true"' in refused.text
    assert post(client, token, "/admin/topics/afval", **{**FORM, "words": "vuilnis"}).status_code == 303
    with db.reading() as session:
        assert not match(session, "de kliko is niet leeg").sure

    assert post(client, token, "/admin/topics/afval", do="remove").status_code == 303
    assert client.get("/admin/topics/afval").status_code == 404


def test_words_of_callers_count_once_they_are_kept_and_no_more_when_dropped(client: FlaskClient) -> None:
    token = office.sign_in(client, "supervisor@example.nl")
    post(client, token, "/admin/new-topic", **FORM)
    said = "de prullenbak zit vol"
    with db.transaction() as session:
        learning.note_outcome(session, said, "afval", by_agent=True)
        learning.note_outcome(session, "met jansen over de prullenbak", "afval", by_agent=False)
    page = client.get("/admin/topics/afval").text
    assert "prullenbak" in page
    assert "jansen" not in page  # heard in one call alone: it may be a name

    def is_heard() -> bool:
        with db.reading() as session:
            return match(session, said).sure

    def decide(do: str, **chosen: str) -> str:
        done = post(client, token, "/admin/topics/afval", do=do, **chosen)
        return client.get(done.headers["Location"]).text

    assert not is_heard()
    before = client.get("/admin/topics").text
    assert '#words-of-callers">Afval</a> (1)' in before, "it is said above the table that there is a choice"
    assert any(words in decide("keep") for words in ("Er is niets gewijzigd", "Nothing was changed"))
    assert not is_heard()
    assert any(words in decide("keep", word="prullenbak") for words in ("Gehouden.", "Kept."))
    assert is_heard()
    after = client.get("/admin/topics").text
    assert "#words-of-callers" not in after
    assert any(words in after for words in ("en 1 van bellers", "and 1 of callers"))
    assert any(words in decide("drop", word="prullenbak") for words in ("Weggelaten.", "Dropped."))
    assert not is_heard()


def test_a_pack_adds_what_is_missing_and_leaves_the_rest(client: FlaskClient) -> None:
    token = office.sign_in(client, "admin@example.nl")
    post(client, token, "/admin/new-topic", **FORM)

    assert post(client, token, "/admin/topics/pack", pack="nl-municipality", team="Balie").status_code == 303

    with db.reading() as session:
        assert session.get_one(Topic, "afval").words == ["vuilnis", "kliko", "grof vuil"]
        assert session.get_one(Topic, "paspoort").team == "Balie"
        assert len(store.topics(session)) >= 16
    assert post(client, token, "/admin/topics/pack", pack="../secret").status_code == 404
    with db.transaction() as session:
        session.add(TopicExample(text="er ligt troep bij de kliko", topic="afval", source=Source.LOADED))
    row = client.get("/admin/topics").text.split("/admin/topics/afval")[-1].split("</tr>")[0]
    of_afval = next(one for one in packs.pack("nl-municipality") if one.key == "afval")
    sentences = len({*of_afval.sentences()})
    assert f"<td>3</td><td>{sentences}</td><td>1</td>" in row, (
        "words, sentences of the pack, examples of theirs"
    )


@pytest.mark.parametrize("email", ["auditor@example.nl", "anna@example.nl"])
def test_who_only_looks_or_answers_changes_no_topics(client: FlaskClient, email: str) -> None:
    token = office.sign_in(client, email)

    assert client.get("/admin/topics").status_code == 403
    assert post(client, token, "/admin/new-topic", **FORM).status_code == 403
