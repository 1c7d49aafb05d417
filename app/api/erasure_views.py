"""How does another system have somebody forgotten, or ask for all of them? By customer, or by number."""

from typing import Annotated

from flask import jsonify
from flask.typing import ResponseReturnValue
from pydantic import Field

from app import db
from app.api import fields
from app.api.fields import Unusable
from app.api.problems import ApiProblem
from app.api.routes import READ, WRITE, defaults, operation, settings, who
from app.clock import utcnow
from app.forgetting import handing_out, requests, whom
from app.outgoing.shapes import Answer, At, words
from app.records.privacy import Whom
from app.records.tokens import Noun


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
    key, by, now = settings().secret_key, who(), utcnow()
    with db.patient_transaction() as session:
        request = requests.ask(session, kind, of, by, now, key)
    with db.patient_transaction() as session:
        receipt = requests.carry_out(session, request, now)
    if receipt is None:
        raise ApiProblem(404, "not_found")
    where = {"Location": f"/api/v1/erasures/{receipt.id}"}
    if receipt.done_at is None:
        return jsonify(Erasure.of(receipt)), 202, where
    return "", 204, where


def export_customer(customer: str) -> ResponseReturnValue:
    return _exported(Whom.CUSTOMER, customer)


def export_number(number: str) -> ResponseReturnValue:
    return _exported(Whom.NUMBER, e164_of(number))


def _exported(kind: Whom, of: str) -> ResponseReturnValue:
    """Hand out all that is certainly theirs; 409 for a number of several customers: which, is asked first."""
    now = utcnow()
    with db.patient_transaction() as session:
        person = whom.person(session, kind, of)
        if person is None or not whom.is_known(session, person):
            raise ApiProblem(404, "not_found")
        if person.customer is None and person.shared:
            raise ApiProblem(409, "several_customers")
        handing_out.note_export(session, kind, of, who(), now)
    file = handing_out.made(db.patient_reading, person, settings(), now)
    return handing_out.answer(file)


def enter() -> None:
    """Enter the requests where the description is to show them."""
    for path, view in (("/customers/<path:customer>", erase_customer), ("/numbers/<number>", erase_number)):
        operation("DELETE", path, scope=WRITE, noun=Noun.ERASURE, answers={202: Erasure, 204: None})(view)
    for path, export in (
        ("/customers/<path:customer>", export_customer),
        ("/numbers/<number>", export_number),
    ):
        # Who may have somebody forgotten may take all of them along; who may read sees no recordings.
        operation("GET", f"{path}/export", scope=WRITE, noun=Noun.ERASURE, answers={200: "Zip"})(export)
    operation("GET", "/erasures/<int:erasure>", scope=READ, noun=Noun.ERASURE, answers={200: Erasure})(
        get_erasure
    )
