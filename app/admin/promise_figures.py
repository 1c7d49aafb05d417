"""How well are promises kept? By team and by agent, for those who run the house: no target board."""

from datetime import timedelta

from flask import Blueprint, Flask, Response, make_response, render_template, request
from sqlalchemy import select

from app import catalogue, web
from app.admin import keeping
from app.clock import utcnow
from app.db import patient_reading
from app.door import sign_in
from app.door.sign_in import OVERSEERS, has_desk, require_role
from app.promises import ledger
from app.records.agents import Agent

bp = Blueprint("promise_figures", __name__, url_prefix="/admin/promises/figures")

PERIODS = (7, 30, 90)  # days
USUAL_PERIOD = 30


def register(app: Flask) -> None:
    app.register_blueprint(bp)


def words(code: str, **values: object) -> str:
    """Return a text about figures in the reader's language."""
    return catalogue.text(f"figures.{code}", web.language(), **values)


@bp.get("")
@require_role(*OVERSEERS)
def page() -> Response:
    now, days, team = utcnow(), _days(), request.args.get("team", "")
    with patient_reading() as session:
        reach = sign_in.reach(session)
        found = keeping.outcomes(session, now - timedelta(days=days), now, reach, team)
        names = ledger.names_of(session)
        seen = select(Agent.team).where(reach.of(Agent.team)).distinct().order_by(Agent.team)
        teams = session.scalars(seen).all()
    return make_response(
        render_template(
            "admin/promise_figures.html",
            total=keeping.line_of("", found),
            team_lines=keeping.lines(found, lambda one: one.team),
            agent_lines=keeping.lines(found, lambda one: names.get(one.agent or "", one.agent or "")),
            bars=keeping.bars(found),
            days=days,
            periods=PERIODS,
            team=team,
            teams=teams,
            has_desk=has_desk(),
            w=words,
        )
    )


def _days() -> int:
    asked = request.args.get("days", type=int)
    return asked if asked in PERIODS else USUAL_PERIOD
