"""From when to when isn't an agent here? The requests about absence, which is said beforehand."""

from datetime import date

from flask import Response, jsonify
from flask.typing import ResponseReturnValue
from pydantic import Field
from sqlalchemy.orm import Session

from app import db
from app.agents import absences
from app.api import shapes, writing
from app.api.fields import CalendarDay, Problem, Refused, Said
from app.api.problems import ApiProblem
from app.api.routes import READ, WRITE, actor, operation, said_in_body
from app.clock import utcnow
from app.errors import InvalidField
from app.records.agents import Agent
from app.records.tokens import Noun

_ADDRESS = "/agents/<agent>/absence"
_FIELDS = {"absent_from": "from", "absent_until": "until"}


class AbsenceWritten(Said):
    from_: CalendarDay | None = Field(None, alias="from", description="about_absent_from_written")
    until: CalendarDay | None = Field(None, description="about_absent_until_written")


def get_absence(agent: str) -> ResponseReturnValue:
    with db.reading() as session:
        return _shown(session, _agent(session, agent))


def put_absence(agent: str) -> ResponseReturnValue:
    said = said_in_body(AbsenceWritten)
    if said.from_ is None and said.until is None:
        raise Refused([Problem("from", "missing")])  # that somebody is here again is another request
    return _set(agent, said.from_, said.until)


def end_absence(agent: str) -> ResponseReturnValue:
    _set(agent, None, None)
    return "", 204


def _set(key: str, first: date | None, last: date | None) -> Response:
    try:
        with db.transaction() as session:
            agent = _agent(session, key)
            writing.set_absence(session, agent.key, first, last, utcnow(), actor())
            return _shown(session, agent)
    except InvalidField as error:
        days = {"from": first, "until": last or first}
        field = _FIELDS[error.field]
        raise Refused([Problem(field, str(error.message), {"text": str(days[field])})]) from error


def _agent(session: Session, key: str) -> Agent:
    found = session.get(Agent, key) if key.isprintable() else None
    if found is None:
        raise ApiProblem(404, "not_found")
    return found


def _shown(session: Session, agent: Agent) -> Response:
    has_begun = agent.absent_until is not None and agent.absent_from is None
    back_at = absences.back_on(session, agent)
    return jsonify(shapes.Absence.of(agent, has_begun=has_begun, back_at=back_at))


def enter() -> None:
    """Enter the requests where the description is to show them."""
    answers = {200: shapes.Absence}
    operation("GET", _ADDRESS, scope=READ, noun=Noun.AGENTS, answers=answers)(get_absence)
    operation("PUT", _ADDRESS, scope=WRITE, noun=Noun.AGENTS, body=AbsenceWritten, answers=answers)(
        put_absence
    )
    operation("DELETE", _ADDRESS, scope=WRITE, noun=Noun.AGENTS, answers={204: None})(end_absence)
