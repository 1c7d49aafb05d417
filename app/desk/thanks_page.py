"""What does a customer say after a conversation? The page behind the link, without a password.

Whoever has the link sees with whom somebody spoke and when, and nothing about customer or case.
"""

from datetime import datetime

from flask import Response, abort, current_app, g, make_response, redirect, render_template, request
from flask import session as visit
from sqlalchemy.orm import Session

from app import catalogue, web
from app.beside import thanks
from app.catalogue import times
from app.clock import utcnow
from app.db import reading, transaction
from app.deployment import Deployment
from app.desk import refusals
from app.errors import InvalidField
from app.lines import places
from app.promises import links
from app.records.agents import Agent
from app.records.beside import Thanks
from app.records.calls import Call
from app.records.promises import OWED, Promise
from app.routing import rules
from config import Settings

DONE = ("thank", "wrong", "words")


def page(signed: str) -> Response:
    now = utcnow()
    with reading() as session:
        row, call = _found(session, now)
        language = _language(call)
        zone = places.zone_of(session, call.line)
        agent = session.get(Agent, row.agent)
        named = agent is not None and rules.of_call(session, call).ladder.speaks_names
        values = {"time": times.written(call.bridged_at or call.created_at, zone, language)}
        if agent is not None and named:
            values["agent"] = agent.spoken_name
        promise = session.get(Promise, row.promise) if row.promise is not None else None
        is_owed = promise is not None and promise.state in OWED
        html = render_template(
            "desk/thanks_page.html",
            signed=signed,
            language=language,
            work=lambda code, **more: catalogue.text(f"work.{code}", language, **more),
            spoke=catalogue.text(
                f"work.thanks_spoke{'_with' if 'agent' in values else ''}", language, **values
            ),
            thanked=row.thanked_at is not None,
            rung_back=times.deadline(promise.due_at, now, zone, language) if promise and is_owed else "",
            to_promise=f"/c/{links.signed(_settings().secret_key, promise.id)}"
            if promise and is_owed
            else "",
            longest=thanks.LONGEST,
            done=request.args.get("done", "") if request.args.get("done") in DONE else "",
            telephone=refusals.telephone_of(session, call.line, call.remote_e164),
        )
    return make_response(html)


def change(signed: str) -> Response:
    """Thank whoever it was, or say what is still wrong."""
    now, what, words = utcnow(), request.form.get("what", ""), request.form.get("words", "")
    if what not in ("thank", "wrong"):
        abort(400)
    try:
        with transaction() as session:
            row, _ = _found(session, now, to_change=True)
            if what == "thank":
                thanks.thank(session, row, words, now)
            else:
                thanks.still_wrong(session, row, words, now, Deployment.of(_settings()))
    except InvalidField:
        what = "words"
    return make_response(redirect(f"/c/{signed}?done={what}", 303))


def _found(session: Session, now: datetime, *, to_change: bool = False) -> tuple[Thanks, Call]:
    row = thanks.of_call(session, g.call_sid, now, to_change=to_change)
    call = session.get(Call, g.call_sid)
    if call is not None:
        g.line = call.line
    if row is None or call is None or call.forgotten_at is not None:
        abort(410)
    return row, call


def _language(call: Call) -> str:
    asked = request.args.get("lang", "")
    if asked in catalogue.LANGUAGES:
        web.choose_language(asked)
        return asked
    return str(visit.get("language", call.language))


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings
