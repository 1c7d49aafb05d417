"""How does the organisation's own directory tell us who works here? SCIM 2, at /scim/v2.

https://www.rfc-editor.org/rfc/rfc7644; how Entra and Keycloak are set up: docs/directory.md.
"""

import json
import logging
from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, current_app, g, request
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import HTTPException

from app import catalogue, web
from app.api import auth
from app.api.problems import ApiProblem
from app.clock import utcnow
from app.db import IMPOSSIBLE, OUT_OF_REACH, patient_transaction
from app.records.tokens import Scope
from config import Settings

if TYPE_CHECKING:
    from scim2_server.service import ScimService

bp = Blueprint("scim", __name__, url_prefix="/scim/v2")
log = logging.getLogger(__name__)

MEDIA_TYPE = "application/scim+json"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
LONGEST_BODY = 2 * 1024 * 1024  # a group with some ten thousand members
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@bp.before_request
def _bound_the_body() -> None:
    request.max_content_length = LONGEST_BODY


@bp.route("/", methods=METHODS, defaults={"path": ""})
@bp.route("/<path:path>", methods=METHODS)
@auth.require(Scope.DIRECTORY)
def serve(path: str) -> Response:
    """Answer whatever is asked; the protocol's library knows the addresses, and what each takes."""
    from scim2_models import SCIMException
    from scim2_server.handler import ScimHandler
    from scim2_server.requests import ScimRequest

    from app.scim.people import Directory
    from app.scim.storage import Storage

    settings: Settings = current_app.config["SETTINGS"]
    asked = ScimRequest(
        method=request.method,
        base_url=f"{settings.public_url}{bp.url_prefix}",
        path=f"/{path}",
        query=request.args.to_dict(),
        headers=list(request.headers.items()),
        body=request.get_data(),
    )
    service = _service()
    try:
        with patient_transaction() as session:
            storage = Storage(
                session,
                Directory(settings, g.api_token.name, utcnow()),
                writes=request.method not in web.SAFE_METHODS,
            )
            answer = ScimHandler(service, storage).handle(asked)
    except SCIMException as error:
        answer = service.error_response(error)
    body = json.dumps(answer.body) if answer.body is not None else None
    return Response(body, status=answer.status, headers=answer.headers)


@cache
def _service() -> "ScimService":
    from app.scim import shapes

    return shapes.Service(shapes.provider())


# --- what goes wrong, in SCIM's shape ----------------------------------------------------------------


def _error(status: int, detail: str, **more: str) -> Response:
    body: dict[str, Any] = {"schemas": [ERROR], "status": str(status), "detail": detail, **more}
    return Response(json.dumps(body), status=status, mimetype=MEDIA_TYPE)


@bp.errorhandler(ApiProblem)
def _of_token(problem: ApiProblem) -> Response:
    words = catalogue.text(f"problem.{problem.code}", web.language_asked_for(), **problem.values_said)
    response = _error(problem.status, words)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="rechtdoor"'
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(problem.retry_after)
    return response


@bp.errorhandler(HTTPException)
def _of_http(error: HTTPException) -> Response:
    return _error(error.code or 500, error.name)


@bp.errorhandler(IntegrityError)
def _changed_meanwhile(error: IntegrityError) -> Response:
    # Checked a moment ago: somebody else was quicker.
    return _error(409, "Somebody else has it since a moment ago.", scimType="uniqueness")


def _out_of_reach(error: Exception) -> Response:
    log.warning("database out of reach", extra={"error": type(error).__name__, "endpoint": request.endpoint})
    response = _error(503, "The database is slow or away; nothing was changed. Ask again.")
    response.headers["Retry-After"] = "2"
    return response


def _impossible(error: Exception) -> Response:
    log.info("told the impossible", extra={"error": type(error).__name__})
    return _error(400, "A text holds what no database can keep.", scimType="invalidValue")


_HANDLERS: tuple[tuple[tuple[type[Exception], ...], Callable[[Exception], Response]], ...] = (
    (tuple(OUT_OF_REACH), _out_of_reach),
    (tuple(IMPOSSIBLE), _impossible),
)
for _errors, _handler in _HANDLERS:
    for _one in _errors:
        bp.register_error_handler(_one, _handler)
