"""What do other systems say of causes and answers, and what are they told? Pages read the same."""

from typing import Annotated

from pydantic import Field

from app.api.fields import ONE_LINE, PARAGRAPHS, Moment, Said, Team, Unusable, YesOrNo
from app.beside.answers import LONGEST_BODY
from app.outgoing.shapes import Answer, At

LONGEST_KEY = 60


class CauseWritten(Said):
    name: Annotated[str, Field(max_length=120), ONE_LINE] = Field(description="about_cause_name")
    owner: Annotated[str, Field(max_length=120), ONE_LINE] = Field(description="about_cause_owner")
    position: Annotated[int, Field(ge=0, le=9999, strict=True)] = Field(0, description="about_cause_position")
    enabled: YesOrNo = Field(True, description="about_cause_enabled")


class Cause(Answer):
    cause: str = Field(validation_alias="key")
    name: str
    owner: str
    position: int
    enabled: bool


class AnswerWritten(Said):
    title: Annotated[str, Field(max_length=200), ONE_LINE] = Field(description="about_answer_title")
    body: Annotated[str, Field(max_length=LONGEST_BODY), PARAGRAPHS] = Field(description="about_answer_body")
    team: Team = Field("", description="about_answer_team")


class TeamAnswer(Answer):
    answer: str = Field(validation_alias="key")
    team: str
    title: str
    body: str
    changed_at: At


class Period(Said):
    """Of which conversations: those that began in it."""

    unknown = "unknown_parameter"

    since: Moment = Field(description="about_figures_since")
    until: Moment = Field(description="about_figures_until")


class OfCause(Answer):
    cause: str
    name: str
    owner: str
    conversations: int


class FirstContact(Answer):
    conversations: int = Field(description="about_first_conversations")
    fixed: int = Field(description="about_first_fixed")
    came_back: int = Field(description="about_first_came_back")
    too_early: int = Field(description="about_first_too_early")
    not_solved: int
    share: float | None = Field(description="about_first_share")
    causes: list[OfCause]


def key_of(text: str) -> str:
    """Read the key of a cause or an answer out of an address. Raises Unusable."""
    if not (0 < len(text) <= LONGEST_KEY and text.isprintable() and "/" not in text and text == text.strip()):
        raise Unusable("too_long", most=LONGEST_KEY)
    return text
