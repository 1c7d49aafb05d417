"""What do rules look like to other systems?"""

from typing import Annotated

from pydantic import Field

from app.outgoing.shapes import Answer, At, Json, words
from app.outgoing.shapes import Case as Case  # so that the views find all of them here
from app.outgoing.shapes import Contact as Contact
from app.routing.proof import ProblemKind


class Piece(Answer):
    """A piece of a sentence; with a field, the value that can be changed there."""

    text: str
    field: str = Field(description="about_rule_piece_field")


class RuleInWords(Answer):
    rule: str
    words: str
    pieces: list[Piece]


class RuleDifference(Answer):
    kind: Annotated[str, words(["added", "removed", "moved", "changed", "ladder"])]
    rule: str = Field(description="about_rule_id")
    words: str


class RuleDraft(Answer):
    rules: list[Json] = Field(description="about_rules")
    ladder: Json = Field(description="about_rules_ladder")
    based_on: int = Field(description="about_based_on")
    revision: int = Field(description="about_revision")
    saved_at: At | None
    saved_by: str
    sentences: list[RuleInWords]


class RuleProblem(Answer):
    rule: str = Field(description="about_rule_id")
    kind: Annotated[str, words(ProblemKind)]
    words: str
    situation: str
    steps: list[str]
    call: Json | None = Field(None, description="about_problem_call")


class RuleNote(Answer):
    kind: Annotated[str, words(["overlap", "gap", "no_gap", "unproven", "test"])]
    rule: str = Field(description="about_rule_id")
    other: str = Field(description="about_note_other")
    words: str
    call: Json | None = Field(description="about_example_call")
    test: str | None = Field(None, description="about_note_test")
    wrong: list[Json] = Field(default_factory=list, description="about_red_tests")


class RuleCheck(Answer):
    ok: bool
    problems: list[RuleProblem]
    notes: list[RuleNote]


class RuleSituation(Answer):
    before: str = Field(description="about_decides")
    after: str = Field(description="about_decides")
    words: str
    call: Json | None = Field(description="about_example_call")


class RuleChanges(Answer):
    changes: list[RuleDifference]
    situations: list[RuleSituation]
    is_whole: bool = Field(description="about_is_whole")


class RuleVersion(Answer):
    version: int
    published_at: At | None
    published_by: str
    why: str
    restores: int | None = Field(description="about_restores")
    rules: list[Json]
    ladder: Json
    changes: list[RuleDifference] = Field(description="about_version_changes")


class RuleClash(Answer):
    rule: str = Field(description="about_rule_id")
    mine: Json | None
    theirs: Json | None
    mine_words: str
    theirs_words: str
