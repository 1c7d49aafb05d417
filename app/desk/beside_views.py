"""What does the desk show beside a note while it is written? What may be taken over into it."""

from flask import Blueprint, Flask, Response, abort, make_response, render_template, request

from app.clock import utcnow
from app.db import reading
from app.desk import suggested
from app.desk.views import use_zone_of
from app.door.sign_in import desk_of_reader, require_agent
from app.voice import call_control, held

bp = Blueprint("desk_beside", __name__, url_prefix="/desk/calls/<call_sid>")


def register(app: Flask) -> None:
    app.register_blueprint(bp)


@bp.post("/suggested")
@require_agent
def suggest(call_sid: str) -> Response:
    """Return what fits what the agent has pressed and written so far; none of it stands in an address."""
    agent, now, form = desk_of_reader(), utcnow(), request.form
    outcome = form.get("outcome", "")
    said = suggested.Said(
        outcome=outcome if outcome in call_control.OUTCOMES else "",
        cause=form.get("cause", "")[:60],
        next_step=" ".join(form.get("next_step", "").split())[:120],
        summary=form.get("summary", "")[: call_control.LONGEST_NOTE],
    )
    with reading() as session:
        if not held.was_offered(session, call_sid, agent):
            abort(404)
        use_zone_of(session, agent)
        found = suggested.of_call(session, call_sid, agent, said, now)
        html = render_template("desk/suggested.html", suggested=found, call_sid=call_sid)
    return make_response(html)
