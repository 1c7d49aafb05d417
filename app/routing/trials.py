"""Do the calls that somebody saved go where they must? Tried before rules are published, and after."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.audit import log as audit
from app.audit.log import What
from app.catalogue import codes
from app.deployment import Deployment
from app.records.trials import TestCall
from app.routing import simulation, starting
from app.routing.asked_call import AskedCall, Context, Key, NotACall, Shape, Text, mistake_of, one_of, wrong
from app.routing.decision import Ask
from app.routing.mistakes import Mistake
from app.routing.rules import Rules
from app.routing.simulation import Simulated, target_of
from app.routing.walk import End, Walked

MOST_TESTS = 1000
LONGEST_NAME = 120

Json = dict[str, Any]


def _code(said: str) -> str:
    if said not in codes("say"):
        raise wrong("simulate_sentence", text=said[:60])
    return said


class Expect(Shape):
    """What must come of a call; what isn't said may be as it is."""

    rule: Annotated[Text, Field(max_length=60)] | None = None  # its id; empty: none matches
    first: Key | None = None  # who, or which team, is rung or waited for first
    ends: Annotated[End, one_of(End)] | None = None
    says: Annotated[list[Annotated[str, AfterValidator(_code)]], Field(max_length=50, default_factory=list)]


def _named(said: Any) -> Any:
    if isinstance(said, str) and not said.strip():
        raise wrong("missing")
    return said.strip() if isinstance(said, str) else said


class SavedCall(Shape):
    """A call to try, and what must come of it. Whoever isn't named in its `presence` can be rung."""

    name: Annotated[Text, Field(max_length=LONGEST_NAME), BeforeValidator(_named)]
    call: AskedCall
    expect: Expect = Expect.model_validate({})  # nothing in particular

    def as_json(self) -> Json:
        expect = self.expect.model_dump(exclude_defaults=True, mode="json")
        return {"name": self.name, "call": self.call.as_json(), "expect": expect}


@dataclass(frozen=True)
class Wrong:
    """One thing that came out otherwise."""

    field: str  # rule, first, ends, says; call: it can't be tried any more
    expected: str
    found: str


@dataclass(frozen=True)
class Result:
    name: str
    wrong: tuple[Wrong, ...]

    @property
    def passes(self) -> bool:
        return not self.wrong


# --- reading and saving ---------------------------------------------------------------------------------


def read(said: Any, country: str) -> list[SavedCall]:
    """Check a list of calls that somebody wrote. Raises NotACall with all that is wrong."""
    if not isinstance(said, list):
        raise NotACall(Mistake("tests", "wrong_type", {"expected": "array"}))
    if len(said) > MOST_TESTS:
        raise NotACall(Mistake("tests", "too_many", {"most": MOST_TESTS}))
    found: list[SavedCall] = []
    mistakes: list[Mistake] = []
    names: set[str] = set()
    for number, one in enumerate(said):
        place = f"tests[{number}]"
        try:
            test = SavedCall.model_validate(one, context=Context(country))
        except ValidationError as error:
            mistakes += [_at(place, mistake_of(each)) for each in error.errors(include_url=False)]
            continue
        if (test.call.number is None) == (test.call.caller is None):
            mistakes.append(Mistake(f"{place}.call.caller", "simulate_one_caller"))
        if test.call.at is None:
            mistakes.append(Mistake(f"{place}.call.at", "missing"))
        if test.name in names:
            mistakes.append(Mistake(f"{place}.name", "simulate_name_twice"))
        names.add(test.name)
        found.append(test)
    if mistakes:
        raise NotACall(*mistakes)
    return found


def _at(place: str, mistake: Mistake) -> Mistake:
    return Mistake(f"{place}.{mistake.field}" if mistake.field else place, mistake.code, mistake.values)


def rows(session: Session) -> Sequence[TestCall]:
    """Return the saved calls as they stand in their table, in order."""
    return session.scalars(select(TestCall).order_by(TestCall.position)).all()


def saved(session: Session, country: str) -> list[SavedCall]:
    """Return the saved calls in their order; what this version can't read is left out."""
    found = []
    for row in rows(session):
        try:
            said = {"name": row.name, "call": row.call, "expect": row.expect}
            found.append(SavedCall.model_validate(said, context=Context(country)))
        except ValidationError:
            continue
    return found


def save_all(session: Session, tests: Sequence[SavedCall], who: str, now: datetime) -> None:
    """Put these calls in the place of all; who changed one last stays with those that are as they were."""
    before = {row.name: row for row in session.scalars(select(TestCall))}
    session.execute(delete(TestCall).where(TestCall.name.not_in([one.name for one in tests])))
    for position, test in enumerate(tests):
        written = test.as_json()
        row = before.get(test.name)
        if row is None:
            row = TestCall(name=test.name)
            session.add(row)
        if (row.call, row.expect) != (written["call"], written["expect"]):
            row.call, row.expect = written["call"], written["expect"]
            row.changed_at, row.changed_by = now, who
        row.position = position
    audit.record(session, audit.actor_called(who), What.SAVED_CALLS_CHANGED, now, calls=len(tests))


# --- trying ---------------------------------------------------------------------------------------------


def run_tests(
    session: Session,
    rules: Rules,
    now: datetime,
    deployment: Deployment,
    tests: Iterable[SavedCall] | None = None,
) -> list[Result]:
    """Try the saved calls by these rules; nobody is rung and nothing is written."""
    tests = saved(session, deployment.defaults.country) if tests is None else tests
    return [_tried(session, one, rules, now, deployment) for one in tests]


def _tried(session: Session, test: SavedCall, rules: Rules, now: datetime, deployment: Deployment) -> Result:
    try:
        start = starting.of(session, test.call, rules, now, deployment, others_are_there=True)
    except NotACall as error:
        return Result(test.name, tuple(Wrong("call", "", one.field) for one in error.mistakes))
    start = starting.with_answers(session, start, test.call.answers, now, deployment)
    return Result(test.name, tuple(_compared(test.expect, simulation.go_as_asked(start, test.call.answers))))


def _compared(expect: Expect, one: Simulated) -> Iterable[Wrong]:
    first = _first(one)
    if expect.rule is not None and first.known.resolved.rule != expect.rule:
        yield Wrong("rule", expect.rule, first.known.resolved.rule)
    if expect.first is not None and expect.first not in _whom(one):
        yield Wrong("first", expect.first, target_of(first.step) or str(first.step.kind))
    if expect.ends is not None and one.way.ends != expect.ends:
        yield Wrong("ends", expect.ends, one.way.ends)
    for code in expect.says:
        if code not in one.way.codes:
            yield Wrong("says", code, ", ".join(sorted(one.way.codes)))


def _first(one: Simulated) -> Walked:
    """Return the first step for somebody: the question to whom nobody knows is for nobody."""
    steps = one.way.steps
    return next((step for step in steps if not isinstance(step.step, Ask)), steps[0])


def _whom(one: Simulated) -> set[str]:
    """Return whom the first step is for: the agent, and their team; or the team that is waited for."""
    step = _first(one).step
    agent = one.start.facts.agents.get(getattr(step, "agent", None) or "")
    named = {target_of(step), agent.team if agent is not None and step.kind == "team" else None}
    return {name for name in named if name}
