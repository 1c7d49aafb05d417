"""Why did a call go there? The calls, to be searched, and of each its line in time, while it goes on too.

Searched by POST, so that nobody's number or name stands in an address, which others write down.
"""

import hashlib
from zoneinfo import ZoneInfo

from flask import Blueprint, Flask, Response, abort, current_app, make_response, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import catalogue, web
from app.admin import call_list, call_story, days
from app.admin.call_list import Wanted
from app.audit import log as audit
from app.audit.log import What
from app.callers.numbers import to_e164
from app.clock import utcnow
from app.db import patient_reading, reading
from app.desk.card import zone_of_house
from app.door import sign_in
from app.door.looking import looked
from app.door.sign_in import OVERSEERS, has_desk, require_role
from app.lines import places
from app.promises import ledger
from app.records.agents import Agent
from app.records.calls import Call, Outcome

bp = Blueprint("admin_calls", __name__, url_prefix="/admin/calls")

OUTCOMES = ("live", *(str(one) for one in Outcome))


def register(app: Flask) -> None:
    app.register_blueprint(bp)


def words(code: str, **values: object) -> str:
    """Return a text about calls in the reader's language."""
    return catalogue.text(f"calls.{code}", web.language(), **values)


@bp.get("")
@require_role(*OVERSEERS)
def newest() -> Response:
    """Show the newest calls."""
    return _list()


@bp.post("")
@require_role(*OVERSEERS)
def search() -> Response:
    return _list()


@bp.get("/<call_sid>")
@require_role(*OVERSEERS)
def story(call_sid: str) -> Response:
    """Show what one call went through, and what one could tell the caller."""
    with reading() as session:
        call = _seen(session, call_sid)
        whose = audit.person(call.customer, call.remote_e164)
        found = _story(session, call)
    looked(What.CALL_READ, *whose, call=call_sid)
    page = render_template(
        "admin/call.html", story=found, mark=_mark(found), now=utcnow(), has_desk=has_desk(), w=words
    )
    return make_response(page)


@bp.get("/<call_sid>/line")
@require_role(*OVERSEERS)
def line(call_sid: str) -> Response:
    """Return the part of the page that changes while the call goes on; nothing (204) while it hasn't.

    `seen` is the mark of what the page shows. That they look was written down when they opened it.
    """
    with reading() as session:
        found = _story(session, _seen(session, call_sid))
    mark = _mark(found)
    if request.args.get("seen") == mark:
        return make_response("", 204)
    response = make_response(render_template("admin/call_line.html", story=found, now=utcnow(), w=words))
    response.headers["X-Mark"] = mark
    response.headers["X-Live"] = "yes" if found.is_live else "no"
    return response


def _mark(found: call_story.Story) -> str:
    return hashlib.sha256(repr(found).encode()).hexdigest()[:16]


def _seen(session: Session, call_sid: str) -> Call:
    """Return a call that the reader may see; 404 for another team's, as for none."""
    seen = call_list.seen_by(sign_in.reach(session))
    call = session.scalar(select(Call).where(Call.sid == call_sid, seen))
    if call is None:
        abort(404)
    return call


def _story(session: Session, call: Call) -> call_story.Story:
    zone = places.zone_of(session, call.line)
    web.show_times_in(str(zone))
    return call_story.story_of(session, call, web.language(), zone, utcnow())


# --- the list -----------------------------------------------------------------------------------------


def _list() -> Response:
    asked, now = request.form, utcnow()
    with patient_reading() as session:
        zone = zone_of_house(session) or str(web.DEFAULT_ZONE)
        web.show_times_in(zone)
        wanted = _wanted(ZoneInfo(zone))
        reach = sign_in.reach(session)
        calls = call_list.found(session, wanted, reach, asked.get("before"), call_list.SHOWN + 1)
        shown = calls[: call_list.SHOWN]
        rows = call_list.rows(session, shown, ledger.names_of(session))
        agents = session.execute(
            select(Agent.key, Agent.name).where(reach.of(Agent.team)).order_by(Agent.name)
        ).all()
    whom = audit.person(wanted.customer or None, wanted.number)
    told = {"agent": wanted.agent or None, "rows": len(rows), "day": asked.get("day") or None}
    looked(What.CALLS_SEARCHED, *whom, **told)
    page = render_template(
        "admin/calls.html",
        rows=rows,
        older=shown[-1].sid if len(calls) > call_list.SHOWN else None,
        agents=agents,
        outcomes=OUTCOMES,
        asked=asked,
        is_number_unread=bool(asked.get("number")) and wanted.number is None and not wanted.withheld,
        now=now,
        has_desk=has_desk(),
        w=words,
    )
    return make_response(page)


def _wanted(zone: ZoneInfo) -> Wanted:
    asked = request.form
    number = asked.get("number", "").strip()
    since, until = days.asked(asked.get("day", ""), zone)
    outcome = asked.get("outcome", "")
    return Wanted(
        number=to_e164(number, current_app.config["SETTINGS"].default_country) if number else None,
        withheld=bool(asked.get("hidden")),
        customer=asked.get("customer", "").strip()[:200],
        agent=asked.get("agent", "")[:121],
        outcome=outcome if outcome in OUTCOMES else "",
        rule=asked.get("rule", "").strip()[:60],
        since=since,
        until=until,
    )
