"""Which numbers are nobody's own? The requests of /api/v1/numbers, but for forgetting one."""

from typing import Annotated

from flask import jsonify
from flask.typing import ResponseReturnValue
from pydantic import Field
from sqlalchemy import select

from app import db
from app.api import fields, shapes
from app.api.fields import Said, Unusable
from app.api.problems import ApiProblem
from app.api.routes import (
    READ,
    WRITE,
    Filters,
    actor,
    asked,
    defaults,
    narrowed,
    operation,
    page,
    said_in_body,
)
from app.audit import log as audit
from app.audit.log import What
from app.clock import utcnow
from app.lines import nobodys
from app.records.callers import NobodysNumber
from app.records.tokens import Noun


class NumberWritten(Said):
    nobodys: bool = Field(strict=True, description="about_nobodys")
    note: Annotated[str, Field(max_length=200)] = Field("", description="about_nobodys_note")


def list_numbers() -> ResponseReturnValue:
    said = asked(Filters)
    statement = narrowed(
        select(NobodysNumber).order_by(NobodysNumber.e164),
        NobodysNumber,
        said,
        after=NobodysNumber.e164.__gt__,
    )
    return page(statement, said, lambda row: shapes.Number.of(row, nobodys=True), lambda row: row.e164)


def get_number(number: str) -> ResponseReturnValue:
    e164 = _read(number)
    with db.reading() as session:
        return jsonify(_shown(e164, session.get(NobodysNumber, e164)))


def put_number(number: str) -> ResponseReturnValue:
    e164, said = _read(number), said_in_body(NumberWritten)
    with db.transaction() as session:
        what = What.NUMBER_MARKED if said.nobodys else What.NUMBER_UNMARKED
        audit.record(session, actor(), what, utcnow(), audit.number(e164))
        if said.nobodys:
            return jsonify(_shown(e164, nobodys.mark(session, e164, said.note, utcnow())))
        nobodys.unmark(session, e164)
        return jsonify(_shown(e164, None))


def _shown(e164: str, row: NobodysNumber | None) -> object:
    found = row or NobodysNumber(e164=e164, note="")
    return shapes.Number.of(found, nobodys=row is not None)


def _read(number: str) -> str:
    try:
        return fields.phone(number.strip(), defaults())
    except Unusable:
        raise ApiProblem(404, "not_found") from None


def enter() -> None:
    """Enter the requests where the description is to show them."""
    operation(
        "GET",
        "/numbers",
        scope=READ,
        noun=Noun.NUMBERS,
        answers={200: shapes.Number},
        is_page=True,
        query=Filters,
        name="list_numbers",
    )(list_numbers)
    operation("GET", "/numbers/<number>", scope=READ, noun=Noun.NUMBERS, answers={200: shapes.Number})(
        get_number
    )
    operation(
        "PUT",
        "/numbers/<number>",
        scope=WRITE,
        noun=Noun.NUMBERS,
        body=NumberWritten,
        answers={200: shapes.Number},
    )(put_number)
