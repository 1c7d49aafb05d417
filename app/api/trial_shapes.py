"""What do simulated, saved and recorded calls look like to other systems?"""

from typing import Annotated

from pydantic import BaseModel, Field, RootModel

from app.outgoing.shapes import Answer, At, Json, words
from app.records.calls import StepKind
from app.routing.situation import TakenFor
from app.routing.walk import End


class Owes(Answer):
    agent: str | None
    team: str | None
    due_at: str


class OnDesk(Answer):
    agent: str
    shows: Annotated[str, words(["screen_pop", "waiting", "promise"])]
    screen_pop: Json | None = Field(description="about_simulated_pop")


class Again(Answer):
    say: str
    at: list[float]


class After(Answer):
    at: float
    say: str


class Understood(Answer):
    taken_for: Annotated[str, words(TakenFor)]
    topic: str | None
    team: str | None
    customer: str | None
    case: str | None


class SimulatedStep(Answer):
    number: int
    kind: Annotated[str, words(StepKind)]
    target: str | None = Field(description="about_target")
    seconds: int = Field(description="about_simulated_seconds")
    reason: str
    reason_code: str
    rule: str | None = Field(description="about_step_rule")
    say: list[str]
    says: list[str] = Field(description="about_simulated_says")
    heard_at: float = Field(description="about_simulated_clock")
    rings_at: float | None
    pops_at: float | None
    desk: OnDesk | None
    again: Again | None = Field(description="about_simulated_again")
    answer: str = Field(description="about_simulated_answer")
    assumed: bool = Field(description="about_simulated_assumed")
    understood: Understood | None = Field(description="about_simulated_understood")
    answers: list[str] = Field(description="about_simulated_possible")
    after: list[After]
    owes: Owes | None
    ends_at: float


class SimulatedCall(Answer):
    rule: str | None = Field(description="about_step_rule")
    rule_version: int
    line: str
    at: str
    language: str
    steps: list[SimulatedStep]
    ends: Annotated[str, words(End)] = Field(description="about_simulated_ends")
    owes: Owes | None
    seconds: float


class RuleTest(Answer):
    name: str
    call: Json
    expect: Json
    changed_at: At
    changed_by: str


class RuleTests(RootModel[list[RuleTest]]):
    pass


class RuleTestWritten(BaseModel):
    name: str = Field(max_length=120)
    call: Json = Field(description="about_rule_test_call")
    expect: Json = Field(default_factory=dict, description="about_rule_test_expect")


class RuleTestsWritten(RootModel[list[RuleTestWritten]]):
    pass


class Deviation(Answer):
    field: str
    expected: str
    found: str


class RuleTestOutcome(Answer):
    passes: bool
    wrong: list[Deviation]


class RuleTestResult(Answer):
    name: str
    published: RuleTestOutcome
    draft: RuleTestOutcome


class RuleTestResults(RootModel[list[RuleTestResult]]):
    pass


class StepInShort(Answer):
    kind: Annotated[str, words(StepKind)]
    target: str | None
    seconds: int
    reason_code: str
    rule: str
    due_at: str | None


class Replayed(Answer):
    call_sid: str
    step: int = Field(description="about_replay_step")
    at: str
    how: list[Annotated[str, words(["elsewhere", "sooner", "later", "promise"])]]
    before: StepInShort
    after: StepInShort


class Replay(Answer):
    calls: int
    elsewhere: int
    sooner: int
    later: int
    to_promise: int
    unknown: int = Field(description="about_replay_unknown")
    list: list[Replayed]
    next: str | None = Field(description="about_replay_next")
