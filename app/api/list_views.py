"""What do teams keep for their desks, and what came of their conversations? /causes, /answers, /figures."""

from flask import Response, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app import db
from app.api import list_shapes
from app.api.fields import Problem, Refused, Unusable
from app.api.list_shapes import AnswerWritten, CauseWritten, Period
from app.api.problems import ApiProblem
from app.api.routes import READ, WRITE, Filters, actor, asked, operation, page, said_in_body
from app.beside import first_contact, lists
from app.clock import utcnow
from app.outgoing.shapes import Answer
from app.records.beside import Cause, TeamAnswer
from app.records.tokens import Noun


def _key(text: str) -> str:
    try:
        return list_shapes.key_of(text)
    except Unusable:
        raise ApiProblem(404, "not_found") from None


def _all(rows: type[Cause | TeamAnswer], shape: type[Answer]) -> Response:
    said = asked(Filters)
    statement = select(rows).order_by(rows.key)
    if said.after is not None:
        statement = statement.where(rows.key > said.after)
    return page(statement, said, shape.of, lambda row: row.key)


def list_causes() -> ResponseReturnValue:
    return _all(Cause, list_shapes.Cause)


def get_cause(cause: str) -> ResponseReturnValue:
    with db.reading() as session:
        row = session.get(Cause, _key(cause))
        if row is None:
            raise ApiProblem(404, "not_found")
        return jsonify(list_shapes.Cause.of(row))


def put_cause(cause: str) -> ResponseReturnValue:
    key, said = _key(cause), said_in_body(CauseWritten)
    with db.transaction() as session:
        row = lists.write_cause(session, key, actor(), utcnow(), **dict(said))
        return jsonify(list_shapes.Cause.of(row))


def list_answers() -> ResponseReturnValue:
    return _all(TeamAnswer, list_shapes.TeamAnswer)


def get_answer(answer: str) -> ResponseReturnValue:
    with db.reading() as session:
        row = lists.answer_called(session, _key(answer))
        if row is None:
            raise ApiProblem(404, "not_found")
        return jsonify(list_shapes.TeamAnswer.of(row))


def put_answer(answer: str) -> ResponseReturnValue:
    key, said = _key(answer), said_in_body(AnswerWritten)
    with db.transaction() as session:
        row = lists.write_answer(session, key, actor(), utcnow(), **dict(said))
        return jsonify(list_shapes.TeamAnswer.of(row))


def delete_answer(answer: str) -> ResponseReturnValue:
    with db.transaction() as session:
        if not lists.remove_answer(session, _key(answer), actor(), utcnow()):
            raise ApiProblem(404, "not_found")
    return "", 204


def first_contact_figures() -> ResponseReturnValue:
    said = asked(Period)
    if said.until <= said.since:
        raise Refused([Problem("until", "in_the_past")])
    with db.reading() as session:
        found = first_contact.figures(session, said.since, said.until, utcnow())
    return jsonify(list_shapes.FirstContact.of(found))


def enter() -> None:
    """Enter the requests where the description is to show them."""
    for path, noun, shape, every, one in (
        ("/causes", Noun.CAUSES, list_shapes.Cause, list_causes, get_cause),
        ("/answers", Noun.ANSWERS, list_shapes.TeamAnswer, list_answers, get_answer),
    ):
        single = f"{path}/<{path[1:-1]}>"
        operation("GET", path, scope=READ, noun=noun, answers={200: shape}, is_page=True, query=Filters)(
            every
        )
        operation("GET", single, scope=READ, noun=noun, answers={200: shape})(one)
    operation(
        "PUT",
        "/causes/<cause>",
        scope=WRITE,
        noun=Noun.CAUSES,
        body=CauseWritten,
        answers={200: list_shapes.Cause},
    )(put_cause)
    operation(
        "PUT",
        "/answers/<answer>",
        scope=WRITE,
        noun=Noun.ANSWERS,
        body=AnswerWritten,
        answers={200: list_shapes.TeamAnswer},
    )(put_answer)
    operation("DELETE", "/answers/<answer>", scope=WRITE, noun=Noun.ANSWERS, answers={204: None})(
        delete_answer
    )
    operation(
        "GET",
        "/figures/first-contact",
        scope=READ,
        noun=Noun.CALLS,
        answers={200: list_shapes.FirstContact},
        query=Period,
    )(first_contact_figures)
