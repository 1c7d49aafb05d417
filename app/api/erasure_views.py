"""How does another system have somebody forgotten? DELETE of a customer, or of a number, whoever has it."""

from datetime import datetime
from typing import Protocol

from flask import g
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import db
from app.api import fields
from app.api.fields import Unusable
from app.api.problems import ApiProblem
from app.api.routes import defaults, operation
from app.clock import utcnow
from app.forgetting import erasure
from app.forgetting.erasure import Erased
from app.records.tokens import Scope


class _Erase(Protocol):
    def __call__(self, session: Session, whom: str, who: str, now: datetime, /) -> Erased | None: ...


def erase_customer(customer: str) -> ResponseReturnValue:
    return _erased(erasure.erase_customer, customer)


def erase_number(number: str) -> ResponseReturnValue:
    try:
        e164 = fields.phone(number.strip(), defaults())
    except Unusable:
        raise ApiProblem(404, "not_found") from None
    return _erased(erasure.erase_number, e164)


def _erased(erase: _Erase, whom: str) -> ResponseReturnValue:
    with db.patient_transaction() as session:
        if erase(session, whom, f"api:{g.api_token.name}", utcnow()) is None:
            raise ApiProblem(404, "not_found")
    return "", 204


def enter() -> None:
    """Enter the requests where the description is to show them."""
    for path, view in (("/customers/<path:customer>", erase_customer), ("/numbers/<number>", erase_number)):
        operation("DELETE", path, scope=Scope.WRITE, answers={204: None})(view)
