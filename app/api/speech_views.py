"""What did somebody say? The requests of /api/v1 that read spoken text as a call does; nothing is kept."""

from typing import Annotated

from flask import jsonify
from flask.typing import ResponseReturnValue
from pydantic import Field

from app.api.fields import Said, one_of
from app.api.routes import READ, operation, said_in_body, settings
from app.outgoing.shapes import Answer, words
from app.records.tokens import Noun
from app.speech import spoken
from app.speech.kinds import Kind

LONGEST = 64 * 1024


class TextWithNumber(Said):
    text: Annotated[str, Field(max_length=LONGEST)] = Field(description="about_spoken_text")
    kind: Annotated[str, one_of(Kind), words(Kind)] | None = Field(None, description="about_spoken_kind")


class SpokenNumber(Answer):
    digits: str = Field(description="about_spoken_digits")
    kind: Annotated[str, words(Kind)]


def spoken_number() -> ResponseReturnValue:
    said = said_in_body(TextWithNumber)
    kind = Kind(said.kind) if said.kind is not None else None
    found = spoken.number(said.text, settings().default_country, kind)
    return jsonify(SpokenNumber.of(found))


def enter() -> None:
    """Enter the requests where the description is to show them."""
    operation(
        "POST",
        "/spoken/number",
        scope=READ,
        noun=Noun.CALLS,
        body=TextWithNumber,
        answers={200: SpokenNumber},
    )(spoken_number)
