"""Who takes over from a colleague who leaves? Chosen, seen beforehand, and done in one step."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, Flask, Response, make_response, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.admin import leaving
from app.admin.leaving import Share
from app.admin.promises import MAY_ACT, words
from app.audit import log as audit
from app.audit.log import What
from app.clock import utcnow
from app.db import patient_transaction, reading
from app.door import accounts
from app.door.sign_in import actor, current, has_desk, reach, require_role
from app.door.step_up import require_fresh
from app.errors import InvalidField
from app.records.agents import Agent

bp = Blueprint("admin_leavers", __name__, url_prefix="/admin/promises/leaver")


@dataclass(frozen=True)
class Asked:
    """Who leaves, and who takes over, as the form says."""

    leaves: str
    to: tuple[str, ...]

    @classmethod
    def of_request(cls) -> "Asked":
        chosen = (key for key in request.values.getlist("agent") if key)
        return cls(request.values.get("leaves", ""), tuple(dict.fromkeys(chosen)))


def register(app: Flask) -> None:
    app.register_blueprint(bp)


@bp.get("")
@require_role(*MAY_ACT)
def preview() -> Response:
    """Ask who takes over and, once that is known, show what would go to whom."""
    asked = Asked.of_request()
    if "agent" not in request.args:
        return _page(asked)
    try:
        with patient_transaction() as session:
            _check_reach(session, asked.leaves)
            leaving.check(session, asked.leaves, asked.to)
            shares = leaving.shared_out(leaving.left_by(session, asked.leaves), asked.to)
    except InvalidField as error:
        return _page(asked, error=error.message)
    return _page(asked, shares)


@bp.post("")
@require_role(*MAY_ACT)
@require_fresh
def leaver() -> Response:
    """Give everything that one agent has in hand to colleagues, and let them go if so asked."""
    asked, now, reader = Asked.of_request(), utcnow(), current()
    disables, who = bool(request.form.get("disable")), reader.email if reader else ""
    if disables and reader is not None and reader.agent == asked.leaves:
        return _page(asked, error="leaver_is_you")
    try:
        with patient_transaction() as session:
            _check_reach(session, asked.leaves)
            shares = leaving.hand_over(session, asked.leaves, asked.to, who, now)
            if disables:
                accounts.check_leaving(session, asked.leaves)
                leaving.disable(session, asked.leaves, now)
            told = {"to": asked.to, "left": disables}
            told |= {"promises": sum(len(share.promises) for share in shares)}
            told |= {"cases": sum(len(share.cases) for share in shares)}
            whom = audit.agent(asked.leaves)
            audit.record(session, actor(), What.HANDED_OVER_BY_LEAVER, now, whom, **told)
    except InvalidField as error:
        return _page(asked, error=error.message)
    return _page(asked, shares, is_done=True)


def _check_reach(session: Session, leaves: str) -> None:
    """Raise InvalidField for an agent of another team, as for one who never was."""
    team = session.scalar(select(Agent.team).where(Agent.key == leaves))
    if team is not None and not reach(session).covers(team):
        raise InvalidField("leaves", "leaver_unknown")


def _page(asked: Asked, shares: Sequence[Share] = (), *, is_done: bool = False, error: str = "") -> Response:
    with reading() as session:
        order = (Agent.enabled.desc(), Agent.name)
        agents = session.execute(
            select(Agent.key, Agent.name, Agent.team, Agent.enabled).order_by(*order)
        ).all()
        seen = reach(session)
    page = render_template(
        "admin/leaver.html",
        agents=agents,
        names={agent.key: agent.name for agent in agents},
        seen={agent.key for agent in agents if seen.covers(agent.team)},
        leaver=next((agent for agent in agents if agent.key == asked.leaves), None),
        chosen=asked.to,
        shares=shares,
        is_done=is_done,
        error=words(error) if error else "",
        has_desk=has_desk(),
        w=words,
    )
    return make_response(page, 400 if error else 200)
