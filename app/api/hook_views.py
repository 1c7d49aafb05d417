"""Which systems subscribe to what happens? The requests of /api/v1/hooks."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import jsonify, url_for
from flask.typing import ResponseReturnValue

from app import db
from app.api import shapes
from app.api.fields import Problem, Refused
from app.api.problems import ApiProblem
from app.api.routes import body, operation, refuse_unknown_parameters, settings
from app.clock import utcnow
from app.errors import InvalidField
from app.outgoing import hooks
from app.outgoing.hooks import Event
from app.records.outgoing import Hook
from app.records.tokens import Scope

T = TypeVar("T")

_ONE = "/hooks/<int(max=2147483647):hook>"


def wanted(said: dict[str, Any], *, strict: bool) -> tuple[str, list[Event]]:
    """Return the address and the events of a subscription. Raises Refused with all that is wrong."""
    found = [Problem(name, "unknown_field") for name in said if name not in {"url", "events"}]
    url, events = said.get("url"), said.get("events")
    if not isinstance(url, str) or not url.strip():
        found.append(Problem("url", "wrong_type" if url else "missing", {"expected": "string"}))
    elif problem := hooks.problem_with(url.strip(), strict=strict):
        found.append(Problem("url", problem))
    if not isinstance(events, list) or not events:
        found.append(Problem("events", "wrong_type" if events else "missing", {"expected": "array"}))
    else:
        unknown = [one for one in events if one not in list(Event)]
        choices = ", ".join(Event)
        found += [Problem("events", "not_one_of", {"text": str(u)[:60], "choices": choices}) for u in unknown]
    if found:
        raise Refused(found)
    return str(url).strip(), [Event(one) for one in events or ()]


def list_hooks() -> ResponseReturnValue:
    refuse_unknown_parameters(())
    with db.reading() as session:
        return jsonify(items=[shapes.hook(one) for one in hooks.every(session)])


def add_hook() -> ResponseReturnValue:
    url, events = wanted(body(), strict=settings().is_production)
    with db.transaction() as session:
        hook = hooks.add(session, url, events, utcnow())
        answer = shapes.hook(hook) | {"secret": hook.secret}
    location = url_for("api.get_hook", _external=False, hook=hook.id)
    return jsonify(answer), 201, {"Location": location}


def get_hook(hook: int) -> ResponseReturnValue:
    with db.reading() as session:
        row = session.get(Hook, hook)
        if row is None:
            raise ApiProblem(404, "not_found")
        return jsonify(shapes.hook(row))


def remove_hook(hook: int) -> ResponseReturnValue:
    with db.transaction() as session:
        _known(lambda: hooks.remove(session, hook, utcnow()))
    return "", 204


def enable_hook(hook: int) -> ResponseReturnValue:
    with db.transaction() as session:
        row = _known(lambda: hooks.enable(session, hook))
        return jsonify(shapes.hook(row))


def _known(work: Callable[[], T]) -> T:
    try:
        return work()
    except InvalidField:
        raise ApiProblem(404, "not_found") from None


def enter() -> None:
    """Enter the requests where the description is to show them."""
    scope = Scope.WRITE
    operation("GET", "/hooks", scope=scope, answers={200: "Hooks"})(list_hooks)
    operation("POST", "/hooks", scope=scope, body="HookWritten", answers={201: "HookAdded"})(add_hook)
    operation("GET", _ONE, scope=scope, answers={200: "Hook"})(get_hook)
    operation("DELETE", _ONE, scope=scope, answers={204: None})(remove_hook)
    operation("POST", f"{_ONE}/enable", scope=scope, answers={200: "Hook"})(enable_hook)
