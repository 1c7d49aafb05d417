"""What goes back when a request can't be met? RFC 9457 problem JSON, in the language of who asked."""

import logging
import secrets
import traceback
from collections.abc import Iterable, Mapping
from http import HTTPStatus

from flask import Blueprint, Response, current_app, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from app import catalogue, web
from app.api.fields import Refused
from app.db import IMPOSSIBLE, OUT_OF_REACH
from app.errors import ApplicationError, InvalidField

log = logging.getLogger(__name__)

PROBLEM_JSON = "application/problem+json"


class ApiProblem(ApplicationError):
    """A request that can't be met: its status, and a code of the catalogue for why."""

    def __init__(
        self,
        status: int,
        code: str,
        *,
        retry_after: int | None = None,
        more: Mapping[str, object] | None = None,
        **values: object,
    ) -> None:
        super().__init__(f"{status} {code}")
        self.more = more or {}  # what the problem holds beside what every problem does
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.values_said = values


def register(bp: Blueprint) -> None:
    """Answer every error of the blueprint's views with problem JSON, never with a trace or a page."""
    bp.register_error_handler(ApiProblem, answer)
    bp.register_error_handler(Refused, _refused)
    bp.register_error_handler(InvalidField, _invalid_field)
    bp.register_error_handler(HTTPException, of_http)
    bp.register_error_handler(Exception, _unforeseen)


def answer(problem: ApiProblem) -> Response:
    response = _response(problem.status, problem.code, problem.values_said, more=problem.more)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        error = "" if problem.code == "no_token" else ', error="invalid_token"'
        response.headers["WWW-Authenticate"] = f'Bearer realm="rechtdoor"{error}'
    if problem.status == HTTPStatus.FORBIDDEN and "scope" in problem.values_said:
        # RFC 6750, 3.1
        response.headers["WWW-Authenticate"] = (
            f'Bearer realm="rechtdoor", error="insufficient_scope", scope="{problem.values_said["scope"]}"'
        )
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(problem.retry_after)
    return response


def _response(
    status: int,
    code: str,
    values: Mapping[str, object],
    errors: Iterable[tuple[str, str]] | None = None,
    more: Mapping[str, object] | None = None,
) -> Response:
    body: dict[str, object] = {
        "type": f"/api/v1/docs#problem-{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": catalogue.text(f"problem.{code}", web.language_asked_for(), **values),
        "instance": request.path,
        **(more or {}),
    }
    if errors is not None:
        body["errors"] = [{"field": field, "message": message} for field, message in errors]
    response = jsonify(body)
    response.status_code = status
    response.mimetype = PROBLEM_JSON
    response.headers["Content-Language"] = web.language_asked_for()
    return response


def _refused(refused: Refused) -> Response:
    errors = [(one.field, one.say(web.language_asked_for())) for one in refused.problems]
    return _response(422, "invalid_fields", {}, errors)


def _invalid_field(error: InvalidField) -> Response:
    return _response(422, "invalid_fields", {}, [(error.field, error.message)])


def of_http(error: HTTPException) -> Response:
    status = error.code or 500
    match error:
        case MethodNotAllowed():
            methods = sorted(set(error.valid_methods or ()) - {"OPTIONS", "HEAD"})
            response = _response(405, "method_not_allowed", {"methods": ", ".join(methods)})
            response.headers["Allow"] = ", ".join(methods)
            return response
        case _ if status == HTTPStatus.NOT_FOUND:
            return _response(404, "no_such_address", {})
        case _ if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return _response(413, "too_large", {"most": current_app.config["API_LONGEST_BODY"]})
        case _ if status < 500:
            return _response(status, "bad_request", {})
    return _unforeseen(error)


def _unforeseen(error: Exception) -> Response:
    if isinstance(error, OUT_OF_REACH):
        log.warning("database out of reach", extra={"error": type(error).__name__})
        response = _response(503, "unavailable", {})
        response.headers["Retry-After"] = "2"
        return response
    if isinstance(error, IMPOSSIBLE):
        return _response(404, "not_found", {})
    reference = secrets.token_hex(4)
    # Where it happened, not what it said: the texts of errors quote names and numbers.
    where = traceback.format_tb(error.__traceback__)
    log.error(
        "request failed",
        extra={
            "reference": reference,
            "error": type(error).__name__,
            "endpoint": request.endpoint,
            "where": "".join(where[-4:]),
        },
    )
    return _response(500, "internal", {"reference": reference})
