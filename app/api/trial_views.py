"""What would the rules do? The requests of /api/v1/rules that try them; nobody is rung."""

import json
from typing import Annotated, Any

from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue
from pydantic import Field, PlainValidator, WithJsonSchema

from app import db, web
from app.api import trial_shapes
from app.api.fields import Moment, Problem, Refused, Said, YesOrNo
from app.api.problems import ApiProblem
from app.api.routes import READ, WRITE, Asked, asked, operation, read, said_in_body, settings, who
from app.clock import utcnow
from app.deployment import Deployment
from app.records.tokens import Noun
from app.routing import comparing, simulation, trials
from app.routing.asked_call import AskedCall, NotACall
from app.routing.rules import in_force
from app.routing.trials import Result
from app.routing.tried_rules import rules_of

_ANY = PlainValidator(lambda said: said)
Text = Annotated[Any, _ANY, WithJsonSchema({"type": "string"})]
Object = Annotated[Any, _ANY, WithJsonSchema({"type": "object"})]
Words = Annotated[Any, _ANY, WithJsonSchema({"type": "array", "items": {"type": "string"}})]


class CallToSimulate(Said):
    from_: Text | None = Field(None, alias="from", description="about_simulated_from")
    caller: Object | None = Field(None, description="about_simulated_caller")
    line: Text | None = Field(None, description="about_simulated_line")
    at: Text | None = Field(None, description="about_simulated_at")
    presence: Object | None = Field(None, description="about_simulated_presence")
    answers: Words | None = Field(None, description="about_simulated_answers")
    draft: YesOrNo = Field(False, description="about_by_draft")


class PeriodToReplay(Said):
    since: Moment = Field(description="about_replay_since")
    until: Moment = Field(description="about_replay_until")
    after: Text | None = Field(None, description="about_replay_after")
    draft: YesOrNo = Field(True, description="about_by_draft")


def _deployment() -> Deployment:
    return Deployment.of(settings())


def refused(error: NotACall) -> Refused:
    """Return what is wrong with a call as the API says it of any field."""
    return Refused(Problem(one.field, one.code, one.values) for one in error.mistakes)


def _in_words(value: Any) -> Response:
    response = jsonify(value)
    response.headers["Content-Language"] = web.language_asked_for()
    response.vary.add("Accept-Language")
    return response


def simulate_call() -> ResponseReturnValue:
    said = said_in_body(CallToSimulate)
    values = said.model_dump(by_alias=True, exclude_none=True, exclude={"draft"})
    try:
        call = AskedCall.read(values, settings().default_country)
        with db.reading() as session:
            rules = rules_of(session, draft=said.draft)
            done = simulation.simulate(session, call, rules=rules, now=utcnow(), deployment=_deployment())
    except NotACall as error:
        raise refused(error) from None
    if call.number:
        read(*simulation.whose(done.start))
    return _in_words(done.as_json(web.language_asked_for()))


def get_rule_tests() -> ResponseReturnValue:
    asked(Asked)
    with db.reading() as session:
        return jsonify([trial_shapes.RuleTest.of(row) for row in trials.rows(session)])


def put_rule_tests() -> ResponseReturnValue:
    try:
        tests = trials.read(_list(), settings().default_country)
    except NotACall as error:
        raise refused(error) from None
    with db.transaction() as session:
        trials.save_all(session, tests, who(), utcnow())
        session.flush()
        return jsonify([trial_shapes.RuleTest.of(row) for row in trials.rows(session)])


def _list() -> Any:
    """Return the JSON that was sent: a list, or an object with the list in `tests`."""
    try:
        said = json.loads(request.get_data())
    except (ValueError, RecursionError):
        raise ApiProblem(400, "not_json") from None
    return said["tests"] if isinstance(said, dict) and said.keys() == {"tests"} else said


def run_rule_tests() -> ResponseReturnValue:
    now = utcnow()
    with db.patient_reading() as session:
        tests = trials.saved(session, settings().default_country)
        by_both = [
            trials.run_tests(session, rules, now, _deployment(), tests)
            for rules in (in_force(session), rules_of(session, draft=True))
        ]
    return jsonify(
        [
            {"name": published.name, "published": _result(published), "draft": _result(draft)}
            for published, draft in zip(*by_both, strict=True)
        ]
    )


def _result(result: Result) -> dict[str, Any]:
    wrong = [{"field": one.field, "expected": one.expected, "found": one.found} for one in result.wrong]
    return {"passes": result.passes, "wrong": wrong}


def replay_rules() -> ResponseReturnValue:
    said = said_in_body(PeriodToReplay)
    if said.until <= said.since:
        raise Refused([Problem("until", "replay_backwards")])
    if said.after is not None and not isinstance(said.after, str):
        raise Refused([Problem("after", "wrong_type", {"expected": "string"})])
    with db.patient_reading() as session:
        rules = rules_of(session, draft=said.draft)
        found = comparing.compare(session, rules, said.since, said.until, said.after)
    return jsonify(found.as_json())


def enter() -> None:
    """Enter the requests where the description is to show them."""
    operation(
        "POST",
        "/rules/simulate",
        scope=READ,
        noun=Noun.RULES,
        body=CallToSimulate,
        answers={200: trial_shapes.SimulatedCall},
    )(simulate_call)
    operation(
        "GET", "/rules/tests", scope=READ, noun=Noun.RULES, answers={200: trial_shapes.RuleTests}, query=Asked
    )(get_rule_tests)
    operation(
        "PUT",
        "/rules/tests",
        scope=WRITE,
        noun=Noun.RULES,
        body=trial_shapes.RuleTestsWritten,
        answers={200: trial_shapes.RuleTests},
    )(put_rule_tests)
    operation(
        "POST", "/rules/tests/run", scope=READ, noun=Noun.RULES, answers={200: trial_shapes.RuleTestResults}
    )(run_rule_tests)
    operation(
        "POST",
        "/rules/replay",
        scope=READ,
        noun=Noun.RULES,
        body=PeriodToReplay,
        answers={200: trial_shapes.Replay},
    )(replay_rules)
