"""By which rules are calls treated, and on which does somebody work? The requests of /api/v1/rules."""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

from flask import Response, jsonify
from flask.typing import ResponseReturnValue
from pydantic import Field, PlainValidator, WithJsonSchema
from sqlalchemy.orm import Session

from app import catalogue, db, web
from app.api import rule_shapes
from app.api.fields import Problem, Refused, Said, Unusable
from app.api.problems import ApiProblem
from app.api.routes import Asked, Filters, asked, operation, said_in_body, settings, who
from app.clock import utcnow
from app.deployment import Deployment
from app.records.tokens import Noun, Scope
from app.routing import proven_words, publishing, rule_sentences, trials
from app.routing.merging import LADDER, Clash
from app.routing.mistakes import InvalidRules
from app.routing.publishing import Draft, Published
from app.routing.rules import Rules

T = TypeVar("T")
Json = dict[str, Any]

# A small number of ours: of a version or a draft.
_LARGEST = 2**31 - 1


def _a_list(said: Any) -> list[Any]:
    if not isinstance(said, list):
        raise Unusable("wrong_type", expected="array")
    return said


def _an_object(said: Any) -> Json:
    if not isinstance(said, dict):
        raise Unusable("wrong_type", expected="object")
    return said


def _a_version(said: Any) -> int:
    if not isinstance(said, int) or isinstance(said, bool) or not 0 <= said <= _LARGEST:
        raise Unusable("wrong_type", expected="integer")
    return said


def _why(said: Any) -> str:
    if not isinstance(said, str):
        raise Unusable("wrong_type", expected="string")
    if len(said) > 500:
        raise Unusable("too_long", most=500)
    if not said.replace("\n", " ").isprintable():
        raise Unusable("control_characters")
    return said


_OBJECTS = WithJsonSchema({"type": "array", "items": {"type": "object"}})
_OBJECT = WithJsonSchema({"type": "object"})
_NUMBER = WithJsonSchema({"type": "integer", "minimum": 0})
RuleList = Annotated[list[Any], PlainValidator(_a_list), _OBJECTS]
LadderWritten = Annotated[Json, PlainValidator(_an_object), _OBJECT]
Number = Annotated[int, PlainValidator(_a_version), _NUMBER]
Why = Annotated[str, PlainValidator(_why), WithJsonSchema({"type": "string", "maxLength": 500})]


class RuleDraftWritten(Said):
    rules: RuleList = Field(description="about_rules")
    based_on: Number = Field(description="about_based_on")
    ladder: LadderWritten | None = Field(None, description="about_rules_ladder")
    revision: Number | None = Field(None, description="about_revision")


class RulesToCheck(Said):
    rules: RuleList | None = Field(None, description="about_rules_to_check")
    ladder: LadderWritten | None = Field(None, description="about_rules_ladder")


class RulesWhy(Said):
    why: Why
    revision: Number | None = Field(None, description="about_revision")


class RulesToPublish(RulesWhy):
    despite: Why | None = Field(None, description="about_despite")


class RulesRollback(Said):
    version: Number
    why: Why


# --- the draft ----------------------------------------------------------------------------------------


def get_rules_draft() -> ResponseReturnValue:
    asked(Asked)
    with db.reading() as session:
        return _in_words(_draft(publishing.draft(session)))


def put_rules_draft() -> ResponseReturnValue:
    said = said_in_body(RuleDraftWritten)
    written: Json = {"rules": named(said.rules)}
    if said.ladder is not None:
        written["ladder"] = said.ladder
    try:
        with db.transaction() as session:
            saved = _readable(
                lambda: publishing.save(
                    session,
                    written,
                    based_on=said.based_on,
                    revision=said.revision,
                    who=who(),
                    now=utcnow(),
                )
            )
            return _in_words(_draft(saved))
    except publishing.Clashes as found:
        more = {"clashes": [_clash(one) for one in found.clashes]}
        raise ApiProblem(409, "rules_clash", more=more, name=found.draft.saved_by or "–") from None
    except publishing.UnknownVersion:
        field = "revision" if said.revision else "based_on"
        raise Refused([Problem(field, "rules_unknown_version")]) from None
    except publishing.ChangedMeanwhile:
        raise ApiProblem(409, "conflict", retry_after=1) from None


def named(written: Iterable[Any]) -> list[Any]:
    """Give a rule that came without one an id of its own."""
    return [{"id": f"r{secrets.token_hex(4)}", **one} if isinstance(one, dict) else one for one in written]


def _readable(work: Callable[[], T]) -> T:
    """Do what reads rules; say what is wrong with them as of any field."""
    try:
        return work()
    except InvalidRules as invalid:
        raise Refused(Problem(one.field, one.code, one.values) for one in invalid.mistakes) from None


def _draft(draft: Draft) -> Json:
    document = draft.document
    return rule_shapes.RuleDraft.of(
        draft,
        **document,
        based_on=draft.rules.version,
        sentences=[_sentence(rule) for rule in document["rules"]],
    )


def _sentence(rule: Mapping[str, Any]) -> Json:
    pieces = rule_sentences.sentence(rule, web.language_asked_for())
    return {
        "rule": rule["id"],
        "words": rule_sentences.words(pieces),
        "pieces": [{"text": one.text, "field": one.field} for one in pieces],
    }


def _clash(clash: Clash) -> Json:
    language = web.language_asked_for()

    def say(one: Mapping[str, Any] | None, place: int | None) -> str:
        if one is None:
            return rule_sentences.gone(language)
        if clash.rule == LADDER:
            return rule_sentences.of_the_ladder(one, language)
        said = rule_sentences.words(rule_sentences.sentence(one, language))
        return said if place is None else f"{place}. {said}"

    mine, theirs = clash.place or (None, None)
    return {
        "rule": clash.rule,
        "mine": clash.mine,
        "theirs": clash.theirs,
        "mine_words": say(clash.mine, mine),
        "theirs_words": say(clash.theirs, theirs),
    }


# --- whether it holds, and what is different --------------------------------------------------------------


def check_rules() -> ResponseReturnValue:
    said, now = said_in_body(RulesToCheck), utcnow()
    with db.patient_reading() as session:
        proposed = publishing.draft(session).rules
        if said.rules is not None or said.ladder is not None:
            proposed = _readable(lambda: proposed.with_(named_or_none(said.rules), said.ladder))
        ground = publishing.ground(session, now)
        problems = shown(session, proposed, publishing.problems(session, proposed, now))
        notes = proven_words.notes(session, proposed, ground, web.language_asked_for())
        notes += red_tests(session, proposed)
    return _in_words({"ok": not problems, "problems": problems, "notes": notes})


def named_or_none(written: list[Any] | None) -> list[Any] | None:
    return None if written is None else named(written)


def shown(session: Session, proposed: Rules, problems: Sequence[publishing.Problem]) -> list[Json]:
    """Return what forbids to publish rules, each with a call to play."""
    language = web.language_asked_for()
    ground = publishing.ground(session, utcnow())
    calls = proven_words.calls_of(session, proposed, problems, ground, language)
    return [
        {
            "rule": one.rule,
            "kind": str(one.kind),
            "words": one.say(language),
            "situation": one.scene.say(language) if one.scene is not None else "",
            "steps": list(one.steps),
            "call": call,
        }
        for one, call in zip(problems, calls, strict=True)
    ]


def get_rules_changes() -> ResponseReturnValue:
    asked(Asked)
    with db.patient_reading() as session:
        proposed = publishing.draft(session).rules
        in_force = publishing.version(session, proposed.version)
        ground = publishing.ground(session, utcnow())
        situations, is_whole = proven_words.situations(
            session, in_force, proposed, ground, web.language_asked_for()
        )
    return _in_words(
        {"changes": _differences(in_force, proposed), "situations": situations, "is_whole": is_whole}
    )


def _differences(before: Rules, after: Rules) -> list[Json]:
    found = rule_sentences.differences(before, after, web.language_asked_for())
    return [{"kind": one.kind, "rule": one.rule, "words": one.words} for one in found]


# --- versions -----------------------------------------------------------------------------------------


def red_tests(session: Session, proposed: Rules) -> list[Json]:
    """Return which of the saved calls come out otherwise than they must by these rules."""
    results = trials.run_tests(session, proposed, utcnow(), Deployment.of(settings()))
    return [
        {
            "kind": "test",
            "rule": "",
            "other": "",
            "words": catalogue.text("rule.note_test", web.language_asked_for(), name=one.name),
            "call": None,
            "test": one.name,
            "wrong": [asdict(wrong) for wrong in one.wrong],
        }
        for one in results
        if not one.passes
    ]


def publish_rules() -> ResponseReturnValue:
    said = said_in_body(RulesToPublish)
    why = said.why
    with db.patient_reading() as session:
        # Proven before anything is held: it takes a moment.
        publishing.problems(session, publishing.draft(session).rules, utcnow())
        red = red_tests(session, publishing.draft(session).rules)
    if red and said.despite is None:
        raise ApiProblem(422, "rules_tests_red", more={"tests": red})
    if red:
        # Whoever reads the version later sees what was known, and why it was published all the same.
        why = f"{why}\n{catalogue.text('rule.despite_tests', web.language_asked_for(), why=said.despite)}"
    try:
        with db.transaction() as session:
            publishing.publish_draft(session, who(), why, utcnow(), said.revision)
    except publishing.NotProven as found:
        with db.patient_reading() as session:
            problems = shown(session, publishing.draft(session).rules, found.problems)
        errors = [{"field": one["rule"] or "ladder", "message": one["words"]} for one in problems]
        more = {"problems": problems, "errors": errors}
        raise ApiProblem(422, "rules_not_proven", more=more) from None
    except publishing.NothingToPublish:
        raise ApiProblem(409, "rules_nothing_to_publish") from None
    except publishing.ChangedMeanwhile:
        raise ApiProblem(409, "rules_changed_meanwhile") from None
    return _newest()


def roll_back_rules() -> ResponseReturnValue:
    said = said_in_body(RulesRollback)
    try:
        with db.transaction() as session:
            publishing.roll_back(session, said.version, who(), said.why, utcnow())
    except publishing.UnknownVersion:
        raise Refused([Problem("version", "rules_unknown_version")]) from None
    return _newest()


def _newest() -> Response:
    with db.reading() as session:
        return _in_words(_version(publishing.versions(session, before=None, limit=1)[0]))


def list_rules_versions() -> ResponseReturnValue:
    said = asked(Filters)
    after = said.after
    if after is not None and not (after.isascii() and after.isdigit() and len(after) < 10):
        raise Refused([Problem("after", "unknown_after", {"text": after[:60]})])
    with db.reading() as session:
        found = publishing.versions(
            session, before=int(after) if after is not None else None, limit=said.limit + 1
        )
        items = [_version(one) for one in found[: said.limit]]
    following = str(items[-1]["version"]) if len(found) > said.limit else None
    return _in_words({"items": items, "next": following})


def get_rules_version(version: int) -> ResponseReturnValue:
    with db.reading() as session:
        found = publishing.versions(session, before=version + 1, limit=1)
        if not found or found[0].rules.version != version:
            raise ApiProblem(404, "not_found")
        return _in_words(_version(found[0]))


def _version(one: Published) -> Json:
    return rule_shapes.RuleVersion.of(
        one, **one.rules.as_json(), version=one.rules.version, changes=_differences(one.before, one.rules)
    )


def _in_words(answer: Any) -> Response:
    """Answer with what holds sentences in the language of who asks."""
    response = jsonify(answer)
    response.headers["Content-Language"] = web.language_asked_for()
    response.vary.add("Accept-Language")
    return response


def enter() -> None:
    """Enter the requests where the description is to show them."""
    read, write = Scope.READ, Scope.WRITE
    draft, version = {200: rule_shapes.RuleDraft}, {200: rule_shapes.RuleVersion}
    operation("GET", "/rules/draft", scope=read, noun=Noun.RULES, answers=draft)(get_rules_draft)
    operation("PUT", "/rules/draft", scope=write, noun=Noun.RULES, body=RuleDraftWritten, answers=draft)(
        put_rules_draft
    )
    operation(
        "POST",
        "/rules/check",
        scope=read,
        noun=Noun.RULES,
        body=RulesToCheck,
        answers={200: rule_shapes.RuleCheck},
    )(check_rules)
    operation("GET", "/rules/changes", scope=read, noun=Noun.RULES, answers={200: rule_shapes.RuleChanges})(
        get_rules_changes
    )
    operation("POST", "/rules/publish", scope=write, noun=Noun.RULES, body=RulesToPublish, answers=version)(
        publish_rules
    )
    operation("POST", "/rules/rollback", scope=write, noun=Noun.RULES, body=RulesRollback, answers=version)(
        roll_back_rules
    )
    operation(
        *("GET", "/rules/versions"), scope=read, noun=Noun.RULES, answers=version, is_page=True, query=Filters
    )(list_rules_versions)
    operation(
        "GET",
        f"/rules/versions/<int(max={_LARGEST - 1}):version>",
        scope=read,
        noun=Noun.RULES,
        answers=version,
    )(get_rules_version)
