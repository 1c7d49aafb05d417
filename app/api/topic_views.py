"""Which topic is a sentence about? The requests of /api/v1/topics beside those of a record."""

from typing import Annotated

from flask import jsonify
from flask.typing import ResponseReturnValue
from pydantic import Field

from app import db
from app.api import shapes
from app.api.fields import ONE_LINE, AnyLanguage, Said
from app.api.problems import ApiProblem
from app.api.records import TOPICS
from app.api.routes import READ, WRITE, actor, body, defaults, operation
from app.records.tokens import Noun
from app.topics import keeping, matching

LONGEST_ASKED = 2000


class Sentence(Said):
    text: Annotated[str, Field(max_length=LONGEST_ASKED), ONE_LINE] = Field(description="about_sentence")
    language: AnyLanguage | None = Field(None, description="about_spoken_language")


def match_topic() -> ResponseReturnValue:
    said = body()
    if said.get("text") == "":
        # Silence is an answer too, and a human's to deal with.
        return jsonify(shapes.TopicMatch.of(matching.NOTHING))
    asked = Sentence.read(Sentence.given(said), defaults())
    with db.reading() as session:
        found = matching.match(session, asked.text, asked.language)
    return jsonify(shapes.TopicMatch.of(found))


def delete_topic(topic: str) -> ResponseReturnValue:
    key = TOPICS.read_key(topic, defaults())
    with db.transaction() as session:
        if key is None or not keeping.remove(session, key, actor()):
            raise ApiProblem(404, "not_found")
    return "", 204


def enter() -> None:
    """Enter the requests where the description is to show them."""
    operation(
        *("POST", "/topics/match"),
        scope=READ,
        noun=Noun.TOPICS,
        body=Sentence,
        answers={200: shapes.TopicMatch},
    )(match_topic)
    operation("DELETE", "/topics/<path:topic>", scope=WRITE, noun=Noun.TOPICS, answers={204: None})(
        delete_topic
    )
