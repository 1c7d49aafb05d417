"""How does an agent say whom a call is about? They search, pick, or make a customer or a case of it."""

import logging
from collections.abc import Callable

from flask import Blueprint, Flask, Response, abort, current_app, make_response, render_template, request
from sqlalchemy.orm import Session

from app import web
from app.audit import log as audit
from app.audit.log import What
from app.clock import utcnow
from app.db import reading, transaction
from app.desk import finding, newcomers
from app.desk.views import card_or_desk, forget_checked, only_if_offered, use_zone_of
from app.door.looking import looked_during_a_call
from app.door.sign_in import desk_of_reader, require_agent
from app.errors import InvalidField
from app.lines import places
from app.promises import ledger
from app.records.calls import Call
from app.screen import pages as screen
from app.screen import uploads
from app.voice import call_control, held

bp = Blueprint("desk_whose", __name__, url_prefix="/desk/calls/<call_sid>")
log = logging.getLogger(__name__)


def register(app: Flask) -> None:
    app.register_blueprint(bp)


@bp.post("/find")
@require_agent
def find(call_sid: str) -> Response:
    """Return the customers who may be meant with `asked`: a part for the script, for others a page.

    Asked for by POST, so that no name stands in an address, which others write down.
    """
    agent, now = desk_of_reader(), utcnow()
    with reading() as session:
        if not held.was_offered(session, call_sid, agent):
            abort(404)
        use_zone_of(session, agent)
        call = session.get_one(Call, call_sid)
        country = places.country_of(session, call.line) or current_app.config["SETTINGS"].default_country
        asked = request.form.get("asked", "")
        names = ledger.names_of(session)
        findings = finding.find(session, asked, call.remote_e164, country, agent, names)
    # What was typed is a name, and stands in no log; whose names were shown for it does in the audit log.
    whose = [audit.customer(one.customer.key) for one in findings.found]
    looked_during_a_call(What.CUSTOMERS_SEARCHED, *whose, call=call_sid)
    log.info(
        "looked for a customer", extra={"call_sid": call_sid, "agent": agent, "found": len(findings.found)}
    )
    is_fetched = request.headers.get("X-Requested-With") == "fetch"
    page = "desk/found.html" if is_fetched else "desk/found_page.html"
    return make_response(render_template(page, findings=findings, call_sid=call_sid, now=now))


@bp.post("/pick")
@require_agent
def pick(call_sid: str) -> Response:
    """Say for this call who rings (`customer`) and about what (`case`, may be empty)."""
    agent, form = only_if_offered(call_sid), request.form

    def chosen(session: Session) -> tuple[str, str | None]:
        return form.get("customer", ""), form.get("case") or None

    try:
        return _is_about(call_sid, agent, chosen)
    except InvalidField as error:
        if error.field == "call_sid":
            return web.refused(error, web.t("pick_refused"))
        problem = {"title": web.t("pick_unknown"), "status": 422}
        response = current_app.make_response(current_app.json.response(problem))
        response.status_code, response.mimetype = 422, "application/problem+json"
        return response


@bp.post("/customer")
@require_agent
def customer(call_sid: str) -> Response:
    """Make a customer (`name`) of whoever rings, with a case of theirs if there is a `subject`.

    `has_number`: the number of the call is theirs. `once` names the form.
    """
    agent, form, now = only_if_offered(call_sid), request.form, utcnow()

    def made(session: Session) -> tuple[str, str | None]:
        once = form.get("once", "")
        call = held.held(session, call_sid)
        has_number = bool(form.get("has_number"))
        key = newcomers.new_customer(session, call, form.get("name", ""), has_number=has_number, once=once)
        return key, newcomers.new_case(session, key, form.get("subject", ""), agent, now, once=once)

    try:
        return _is_about(call_sid, agent, made)
    except InvalidField as error:
        return web.refused(error, web.t("new_customer_refused"))


@bp.post("/case")
@require_agent
def case(call_sid: str) -> Response:
    """Open a case (`subject`) of the customer whom the call is about."""
    agent, form, now = only_if_offered(call_sid), request.form, utcnow()

    def opened(session: Session) -> tuple[str, str | None]:
        about = held.held(session, call_sid).customer
        if about is None:
            raise InvalidField("customer", "say who rings first")
        subject = form.get("subject", "")
        if not subject.strip():
            raise InvalidField("subject", "say what it is about")
        return about, newcomers.new_case(session, about, subject, agent, now, once=form.get("once", ""))

    try:
        return _is_about(call_sid, agent, opened)
    except InvalidField as error:
        return web.refused(error, web.t("new_case_refused"))


def _is_about(call_sid: str, agent: str, whom: Callable[[Session], tuple[str, str | None]]) -> Response:
    """Let the call be about a customer and a case of theirs, and show its card."""
    with transaction() as session:
        found, matter = whom(session)
        call = held.held(session, call_sid)
        was = call.customer
        call_control.pick(session, call_sid, agent, found, matter, utcnow())
        uploads.belongs_to(session, call)
        if was != found:
            screen.is_somebody_else(session, call_sid, utcnow())
        screen.story_changed(session, call_sid, utcnow())
    forget_checked(call_sid)
    return card_or_desk(call_sid)
