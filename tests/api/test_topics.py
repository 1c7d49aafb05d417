"""Do other systems get topics in, and answers out, as they are told?"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app import db
from app.jobs import topics as job
from app.records.topics import Topic, TopicExample, TopicFit
from app.topics import store
from tests.api.conftest import Api
from tests.api.test_description import valid

WASTE = {"name": "Afval", "team": "Afval", "words": ["vuilnis", "kliko", "grof vuil"]}
FILE = """topic,name,team,words,language
afval,Afval,Afval,vuilnis|kliko|container|grofvuil|gft,nl
paspoort,Paspoort,Burgerzaken,paspoort|identiteitskaart|reisdocument,nl
"""

Load = Callable[..., Result]


@pytest.fixture
def load(flask_command: Callable[..., Result], tmp_path: Path) -> Load:
    def run(kind: str, text: str, *options: str) -> Result:
        file = tmp_path / f"{kind}.csv"
        file.write_text(text, encoding="utf-8")
        return flask_command("load", kind, file, *options)

    return run


def test_a_topic_is_written_read_listed_and_taken_away(api: Api) -> None:
    assert api.put("/topics/afval", WASTE).status_code == 201
    assert api.put("/topics/afval", {**WASTE, "words": "kliko|container"}).status_code == 200

    assert api.get("/topics/afval").json == {
        "topic": "afval",
        "name": "Afval",
        "team": "Afval",
        "words": ["kliko", "container"],
        "language": "nl",
    }
    assert [one["topic"] for one in api.get("/topics").json["items"]] == ["afval"]
    refused = api.put("/topics/afval", {**WASTE, "team": "", "wrods": []})
    assert refused.status_code == 422
    assert api.delete("/topics/afval").status_code == 204
    assert api.delete("/topics/afval").status_code == 404
    assert api.get("/topics/afval").status_code == 404


def test_a_sentence_is_matched_with_what_was_changed_a_moment_ago(api: Api, client: FlaskClient) -> None:
    document: dict[str, Any] = client.get("/api/v1/openapi.json").json
    api.put("/topics/afval", WASTE)

    found = api.post("/topics/match", {"text": "De kliko is niet geleegd!", "language": "nl"})

    assert found.status_code == 200
    valid("TopicMatch", found.json, document)
    assert (found.json["topic"], found.json["team"], found.json["sure"]) == ("afval", "Afval", True)
    assert found.json["why"] == ["kliko"]
    for text in ("een medewerker graag", "", "☎", "a" * 2000):
        nothing = api.post("/topics/match", {"text": text})
        assert (nothing.status_code, nothing.json["sure"]) == (200, False)
    for body in ({}, {"text": 3}, {"text": "kliko", "langauge": "nl"}, {"text": "a" * 2001}):
        assert api.post("/topics/match", body).status_code == 422


def test_files_are_checked_row_by_row(load: Load) -> None:
    assert load("topics", FILE, "--dry-run").exit_code == 0
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Topic)) == 0

    assert load("topics", FILE, "--later").exit_code == 0
    examples = "text,topic\nde bak staat er nog,afval\nlekker weer,-\nwat dan ook,nergens\n,afval\n"
    refused = load("examples", examples, "--later")

    assert refused.exit_code == 1
    assert "row 4: topic" in refused.output
    assert "row 5: text" in refused.output
    with db.reading() as session:
        rows = session.execute(select(TopicExample.text, TopicExample.topic)).all()
        assert sorted(tuple(row) for row in rows) == [("de bak staat er nog", "afval"), ("lekker weer", None)]
    assert load("examples", examples.replace("nergens", "afval"), "--strict", "--later").exit_code == 1


def test_a_worker_learns_once_from_what_was_changed(load: Load, api: Api) -> None:
    load("topics", FILE, "--later")
    with db.reading() as session:
        assert session.scalar(store.learning_due())
    before = api.post("/topics/match", {"text": "ik wil mijn oude matras laten ophalen"}).json

    job.learn()

    with db.reading() as session:
        assert not session.scalar(store.learning_due())
        assert session.scalar(select(func.count()).select_from(TopicFit)) == 1
        learnt = store.report(session)
    assert learnt is not None
    assert min(learnt.report["of_packs"][key] for key in ("afval", "paspoort")) > 50, (
        "a pack lent its sentences"
    )
    after = api.post("/topics/match", {"text": "ik wil mijn oude matras laten ophalen"}).json
    assert (before["sure"], after["topic"], after["sure"]) == (False, "afval", True)
    api.put("/topics/matras", {"name": "Matrassen", "team": "Bedden", "words": ["matras"]})
    new = api.post("/topics/match", {"text": "ik wil mijn oude matras laten ophalen"}).json
    assert (new["topic"], new["sure"]) == ("matras", True)
