"""Which systems subscribe to what happens? The requests of /api/v1/hooks."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from flask import jsonify, url_for
from flask.typing import ResponseReturnValue
from pydantic import AfterValidator, Field

from app import db
from app.api import auth, shapes
from app.api.fields import Said, Unusable, one_of
from app.api.problems import ApiProblem
from app.api.routes import Asked, actor, asked, body, operation, settings
from app.audit import log as audit
from app.audit.log import What
from app.clock import utcnow
from app.errors import InvalidField
from app.outgoing import hooks
from app.outgoing.hooks import Event
from app.outgoing.words import words
from app.records.outgoing import Hook
from app.records.tokens import Noun, Scope

T = TypeVar("T")

_ONE = "/hooks/<int(max=2147483647):hook>"


def _address(url: str, info: Any) -> str:
    if problem := hooks.problem_with(url, strict=info.context):
        raise Unusable(problem)
    return url


class HookWritten(Said):
    url: Annotated[str, AfterValidator(_address)] = Field(description="about_hook_url")
    events: list[Annotated[str, one_of(Event), words(Event)]] = Field(
        description="about_hook_events", min_length=1
    )


def wanted(said: dict[str, Any], *, strict: bool) -> tuple[str, list[Event]]:
    """Return the address and the events of a subscription. Raises Refused with all that is wrong."""
    hook = HookWritten.read(HookWritten.given(said), strict)
    return hook.url, [Event(one) for one in hook.events]


# Whoever subscribes is told what could be read at that moment, so that much they must be allowed to read.
_TOLD = {
    Event.CALL_ENDED: Noun.CALLS,
    Event.CONTACT_CREATED: Noun.CONTACTS,
    Event.PROMISE_MADE: Noun.PROMISES,
    Event.PROMISE_KEPT: Noun.PROMISES,
    Event.PROMISE_BROKEN: Noun.PROMISES,
    Event.CASE_OWNER_CHANGED: Noun.CASES,
}


def list_hooks() -> ResponseReturnValue:
    asked(Asked)
    with db.reading() as session:
        return jsonify(items=[shapes.Hook.of(one) for one in hooks.every(session)])


def add_hook() -> ResponseReturnValue:
    url, events = wanted(body(), strict=settings().is_production)
    for event in events:
        auth.require_also(Scope.READ, _TOLD[event])
    with db.transaction() as session:
        hook = hooks.add(session, url, events, utcnow())
        audit.record(session, actor(), What.HOOK_ADDED, utcnow(), hook=hook.id, events=events)
        answer = shapes.HookAdded.of(hook)
    location = url_for("api.get_hook", _external=False, hook=hook.id)
    return jsonify(answer), 201, {"Location": location}


def get_hook(hook: int) -> ResponseReturnValue:
    with db.reading() as session:
        row = session.get(Hook, hook)
        if row is None:
            raise ApiProblem(404, "not_found")
        return jsonify(shapes.Hook.of(row))


def remove_hook(hook: int) -> ResponseReturnValue:
    with db.transaction() as session:
        _known(lambda: hooks.remove(session, hook, utcnow()))
        audit.record(session, actor(), What.HOOK_REMOVED, utcnow(), hook=hook)
    return "", 204


def enable_hook(hook: int) -> ResponseReturnValue:
    with db.transaction() as session:
        row = _known(lambda: hooks.enable(session, hook))
        audit.record(session, actor(), What.HOOK_ENABLED, utcnow(), hook=hook)
        return jsonify(shapes.Hook.of(row))


def _known(work: Callable[[], T]) -> T:
    try:
        return work()
    except InvalidField:
        raise ApiProblem(404, "not_found") from None


def enter() -> None:
    """Enter the requests where the description is to show them."""
    scope, noun = Scope.WRITE, Noun.HOOKS
    operation("GET", "/hooks", scope=scope, noun=noun, answers={200: shapes.Hooks})(list_hooks)
    operation("POST", "/hooks", scope=scope, noun=noun, body=HookWritten, answers={201: shapes.HookAdded})(
        add_hook
    )
    operation("GET", _ONE, scope=scope, noun=noun, answers={200: shapes.Hook})(get_hook)
    operation("DELETE", _ONE, scope=scope, noun=noun, answers={204: None})(remove_hook)
    operation("POST", f"{_ONE}/enable", scope=scope, noun=noun, answers={200: shapes.Hook})(enable_hook)
