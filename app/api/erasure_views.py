"""How does another system have somebody forgotten, or ask for all of them? By customer, or by number."""

from typing import Annotated

from flask import current_app, g, jsonify
from flask.typing import ResponseReturnValue
from pydantic import Field

from app import db
from app.api import fields
from app.api.fields import Unusable
from app.api.problems import ApiProblem
from app.api.routes import READ, WRITE, defaults, operation
from app.clock import utcnow
from app.forgetting import requests
from app.outgoing.shapes import Answer, At, words
from app.records.privacy import Whom


class Erasure(Answer):
    """How far forgetting somebody has come; it names nobody."""

    erasure: int = Field(validation_alias="id")
    kind: Annotated[str, words(Whom)]
    asked_at: At
    done_at: At | None = Field(description="about_erased_at")
    calls: int
    promises: int
    messages: int
    at_carrier: int = Field(description="about_at_carrier")


def erase_customer(customer: str) -> ResponseReturnValue:
    return _erased(Whom.CUSTOMER, customer)


def erase_number(number: str) -> ResponseReturnValue:
    return _erased(Whom.NUMBER, e164_of(number))


def get_erasure(erasure: int) -> ResponseReturnValue:
    with db.reading() as session:
        receipt = requests.find(session, erasure)
    if receipt is None:
        raise ApiProblem(404, "not_found")
    return jsonify(Erasure.of(receipt))


def e164_of(number: str) -> str:
    """Read a number of an address; what is none is nobody's."""
    try:
        return fields.phone(number.strip(), defaults())
    except Unusable:
        raise ApiProblem(404, "not_found") from None


def _erased(kind: Whom, of: str) -> ResponseReturnValue:
    """Do it at once; what is too much for that is a worker's, and 202 tells where its receipt stands."""
    key, who, now = current_app.config["SETTINGS"].secret_key, f"api:{g.api_token.name}", utcnow()
    with db.patient_transaction() as session:
        request = requests.ask(session, kind, of, who, now, key)
    with db.patient_transaction() as session:
        receipt = requests.carry_out(session, request, now)
    if receipt is None:
        raise ApiProblem(404, "not_found")
    where = {"Location": f"/api/v1/erasures/{receipt.id}"}
    if receipt.done_at is None:
        return jsonify(Erasure.of(receipt)), 202, where
    return "", 204, where


def enter() -> None:
    """Enter the requests where the description is to show them."""
    for path, view in (("/customers/<path:customer>", erase_customer), ("/numbers/<number>", erase_number)):
        operation("DELETE", path, scope=WRITE, answers={202: Erasure, 204: None})(view)
    operation("GET", "/erasures/<int:erasure>", scope=READ, answers={200: Erasure})(get_erasure)
