"""What does the desk show of calls? The page, the card, notes, declining, and what the agent owes."""

import logging
import secrets
from collections.abc import Sequence
from datetime import datetime

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    session,
)
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import catalogue, web
from app.agents import desk_events
from app.audit import log as audit
from app.audit.log import What
from app.beside import about, asking, wrapping
from app.callbacks import outbound
from app.clock import utcnow
from app.db import reading, transaction
from app.deployment import Deployment
from app.desk import card as cards
from app.desk import helping, newcomers, softphone, suggested, watching
from app.desk import standing as desk_of_agent
from app.desk.board import board_of
from app.desk.card import CallCard, Side
from app.desk.helping import Help
from app.desk.masking import written
from app.desk.standing import MINUTES_AWAY, PULSE_SECONDS, standing_of
from app.door import account, factor_views, password_views, second_step, sign_in
from app.door.looking import looked_during_a_call
from app.door.sign_in import desk_of_reader, require_agent
from app.errors import InvalidField
from app.lines import places
from app.messages.messages import written_since
from app.promises import choices, ledger
from app.records.agents import Presence, Role
from app.records.calls import Call
from app.routing import sentences
from app.routing.reading import line_of
from app.screen import pages as screen
from app.voice import call_control, held, ring_tests
from config import Settings

bp = Blueprint("desk_calls", __name__, url_prefix="/desk")
log = logging.getLogger(__name__)

WATCHDOG_SECONDS = 25
CHECKED_CALLS_REMEMBERED = 8


def register(app: Flask) -> None:
    """Give the application its desk: signing in, presence and streams, and what the desk shows of calls."""
    of_the_door = (sign_in.bp, second_step.bp, account.bp, factor_views.bp, password_views.bp)
    for blueprint in (*of_the_door, desk_of_agent.bp, softphone.bp, bp):
        app.register_blueprint(blueprint)


# --- the page and its parts --------------------------------------------------------------------------


@bp.get("")
@require_agent
def desk() -> Response:
    agent, now = desk_of_reader(), utcnow()
    with reading() as db:
        use_zone_of(db, agent)
        # Before anything else is read: what happens meanwhile comes by the stream as well.
        newest = desk_events.newest(db, agent)
        current = request.args.get("call") or db.scalar(
            select(Presence.call_sid).where(Presence.agent == agent)
        )
        board = board_of(db, agent, now)
        card = _card(db, current, agent, now) if current else None
        of_card = _beside_card(db, card, agent, now)
        watch = watching.watch_of(db, agent) if watching.is_for(db, agent) else None
        asks = asking.at_desk(db, agent, ledger.names_of(db), now)
    _note_look(card)
    settings: Settings = current_app.config["SETTINGS"]
    response = make_response(
        render_template(
            "desk/desk.html",
            softphone=softphone.page_settings(settings),
            standing=standing_of(agent, now),
            minutes_away=MINUTES_AWAY,
            board=board,
            card=card,
            newest_event=newest,
            now=now,
            pulse_seconds=PULSE_SECONDS,
            watchdog_seconds=WATCHDOG_SECONDS,
            asks=asks,
            guard_seconds=settings.work.answer_guard_seconds,
            sees_promises=_sees_promises(),
            watch=watch,
            **of_card,
        )
    )
    response.headers["Content-Security-Policy"] = softphone.security_policy(settings)
    return response


def _sees_promises() -> bool:
    """Tell whether the reader may see everybody's promises; see app/admin/promises.py."""
    reader = sign_in.current()
    return reader is not None and reader.role in sign_in.OVERSEERS


@bp.get("/board")
@require_agent
def board() -> Response:
    agent, now = desk_of_reader(), utcnow()
    with reading() as db:
        use_zone_of(db, agent)
        found = board_of(db, agent, now)
    return make_response(render_template("desk/board.html", board=found, now=now))


@bp.get("/calls/<call_sid>/card")
@require_agent
def call_card(call_sid: str) -> Response:
    """Return the card as HTML; with `part=state` only its head, so that notes stay untouched."""
    agent, now = desk_of_reader(), utcnow()
    with reading() as db:
        use_zone_of(db, agent)
        card = _card(db, call_sid, agent, now)
        of_card = _beside_card(db, card, agent, now)
    if card is None:
        abort(404)
    _note_look(card)
    template = "desk/card_state.html" if request.args.get("part") == "state" else "desk/card.html"
    response = make_response(render_template(template, card=card, now=now, **of_card))
    response.headers["X-Call"] = card.sid
    return response


def _card(db: Session, call_sid: str, agent: str, now: datetime) -> CallCard | None:
    return cards.card_of(db, call_sid, agent, now, checked=call_sid in session.get("checked", []))


def _note_look(card: CallCard | None) -> None:
    """Write down whose data the card shows."""
    if card is not None:
        shown = [one for one in (card.customer, *card.others) if one is not None]
        whose = [audit.customer(one.key) for one in shown] or audit.person(None, card.number)
        looked_during_a_call(What.CARD_OPENED, *whose, call=card.sid)


def _beside_card(db: Session, card: CallCard | None, agent: str, now: datetime) -> dict[str, object]:
    """Return what the card's page needs beside the card: words, and times that are likely to be promised."""
    return {
        **(_wrapping(db, card, agent, now) if card is not None else {}),
        "longest_step": wrapping.LONGEST_STEP,
        "promise_state": lambda state: catalogue.text(f"promise.state_{state}", web.language()),
        "times": _times(db, card.sid, now) if card is not None else (),
        "reason": _reason_in_words(card),
        "help": helping.of_card(db, card.sid, agent, now) if card is not None else Help(),
        "h": helping.words,
        "decline_reasons": call_control.DECLINE_REASONS,
        "outcomes": call_control.OUTCOMES,
        "longest_name": newcomers.LONGEST_NAME,
        "longest_subject": newcomers.LONGEST_SUBJECT,
        "longest_note": call_control.LONGEST_NOTE,
        "once": secrets.token_hex(8),
        "may_hand_out": _may_hand_out(),
    }


def _wrapping(db: Session, card: CallCard, agent: str, now: datetime) -> dict[str, object]:
    """Return how the call is wrapped up so far, and what helps to note it."""
    row = wrapping.of(db, card.sid, agent)
    said = suggested.Said(
        outcome=card.notes.outcome,
        cause=row.cause if row else "",
        next_step=row.next_step if row else "",
        summary=card.notes.summary,
    )
    settings: Settings = current_app.config["SETTINGS"]
    customer = card.customer.key if card.customer else None
    return {
        "call_sid": card.sid,
        "wrapped": said,
        "causes": wrapping.causes(db, chosen=said.cause),
        "topics": about.choices(db) if card.heard else (),
        "about": row.topic if row else "",
        "suggested": suggested.of_call(db, card.sid, agent, said, now),
        "ring_at": _ring_at(db, card),
        "colleagues": _colleagues(db, card, agent),
        "crm_link": settings.work.link_to(card.case.key if card.case else None, customer),
    }


def _colleagues(db: Session, card: CallCard, agent: str) -> Sequence[asking.Colleague]:
    """Return who can be asked about a call while this agent has it."""
    if card.side not in (Side.RINGING, Side.TALKING, Side.WAITING):
        return ()
    return asking.colleagues(db, db.get_one(Call, card.sid), agent)


def _ring_at(db: Session, card: CallCard) -> list[tuple[str, str]]:
    """Return at which numbers the customer can be rung, once this call is over, and how they are shown."""
    if card.customer is None or card.side not in (Side.ENDED, Side.ELSEWHERE):
        return []
    numbers = outbound.numbers_of(db, card.customer.key)
    return [(number, written(number, masked=not card.checked)) for number in numbers]


def _may_hand_out() -> bool:
    """Tell whether the reader may take out all of somebody; see app/admin/privacy.py."""
    reader = sign_in.current()
    return reader is not None and reader.role in (Role.SUPERVISOR, Role.ADMIN)


def _times(db: Session, call_sid: str, now: datetime) -> list[datetime]:
    line = db.get_one(Call, call_sid).line
    deployment = Deployment.of(current_app.config["SETTINGS"])
    return choices.likely(line_of(db, line, deployment.defaults).calendar, now)


def _reason_in_words(card: CallCard | None) -> str:
    if card is None or card.reason is None:
        return ""
    why = sentences.to_agent(sentences.Sentence(*card.reason))
    try:
        return catalogue.text(f"reason.{why.code}", web.language(), **why.values)
    except KeyError:
        # The card helps the agent while the phone rings: better without a reason than not at all.
        log.exception("a reason has no words", extra={"call_sid": card.sid, "reason": why.code})
        return ""


def use_zone_of(db: Session, agent: str) -> None:
    """Show times as on the clock where the agent's team is called."""
    if zone := cards.zone_of_desk(db, agent):
        web.show_times_in(zone)


@bp.post("/ring-test")
@require_agent
def ring_test() -> Response:
    """Have this agent's desk rung, to see whether it is."""
    with transaction() as db:
        why_not = ring_tests.ask(db, desk_of_reader(), utcnow())
    if why_not is not None:
        return desk_of_agent.panel(web.t(why_not), 409)
    return desk_of_agent.panel_or_desk()


# --- what the agent does with a call -----------------------------------------------------------------


def only_if_offered(call_sid: str) -> str:
    """Return the reader's agent; 404 for a call that was never theirs, as for one that never was."""
    agent = desk_of_reader()
    with reading() as db:
        if not held.was_offered(db, call_sid, agent):
            abort(404)
    return agent


def card_or_desk(call_sid: str) -> Response:
    if request.headers.get("X-Requested-With") == "fetch":
        return call_card(call_sid)
    return make_response(redirect(f"/desk?call={call_sid}", 303))


def _problem(status: int, code: str) -> Response:
    body = {"title": web.t(code), "status": status}
    return make_response(jsonify(body), status, {"Content-Type": "application/problem+json"})


@bp.post("/calls/<call_sid>/decline")
@require_agent
def decline(call_sid: str) -> Response:
    """Send the ringing call on; `why` becomes an honest sentence for the caller."""
    agent = only_if_offered(call_sid)
    try:
        with transaction() as db:
            deployment = Deployment.of(current_app.config["SETTINGS"])
            in_time = call_control.decline(
                db, call_sid, agent, request.form.get("why", ""), utcnow(), deployment
            )
    except InvalidField:
        return _problem(422, "decline_unknown")
    if not in_time:
        # It was picked up or went on meanwhile: the card says what is so.
        log.info("a decline came too late", extra={"call_sid": call_sid})
    return card_or_desk(call_sid)


@bp.post("/calls/<call_sid>/dropped")
@require_agent
def dropped(call_sid: str) -> Response:
    """The line dropped: the agent is rung, and then whom they were talking to."""
    agent = only_if_offered(call_sid)
    try:
        with transaction() as db:
            call_control.line_dropped(db, call_sid, agent, utcnow())
    except InvalidField:
        return _problem(422, "line_dropped_not")
    return card_or_desk(call_sid)


@bp.post("/calls/<call_sid>/checked")
@require_agent
def checked(call_sid: str) -> Response:
    """The agent made sure who is on the line: show what was masked. It is written down who saw it."""
    agent = only_if_offered(call_sid)
    with transaction() as db:
        call_control.note_checked(db, call_sid, agent, utcnow())
        screen.as_checked_on_card(db, call_sid, agent, utcnow())
        call = db.get_one(Call, call_sid)
        whose = audit.person(call.customer, call.remote_e164)
        audit.record(db, sign_in.actor(), What.NUMBER_REVEALED, utcnow(), *whose, call=call_sid)
    forget_checked(call_sid)
    session["checked"] = [*session.get("checked", []), call_sid][-CHECKED_CALLS_REMEMBERED:]
    log.info("identity checked, fields revealed", extra={"call_sid": call_sid, "agent": agent})
    return card_or_desk(call_sid)


@bp.post("/calls/<call_sid>/promise")
@require_agent
def promise(call_sid: str) -> Response:
    """Promise to ring back before `due_at`: one of the times, or one's own as on the clock of the line."""
    agent, now = only_if_offered(call_sid), utcnow()
    try:
        with transaction() as db:
            use_zone_of(db, agent)
            owed = call_control.promise(db, call_sid, agent, _promised_time(db, call_sid), now)
            screen.story_changed(db, call_sid, now)
            told = written_since(db, owed, now)
            time = web.due(owed.due_at, now)
            words = web.t("promised_and_told", time=time) if told else web.t("promised", time=time)
    except InvalidField as error:
        return web.refused(error, web.t("promise_refused"))
    if request.headers.get("X-Requested-With") == "fetch":
        return current_app.make_response(current_app.json.response({"words": words}))
    return make_response(redirect(f"/desk?call={call_sid}", 303))


def _promised_time(db: Session, call_sid: str) -> datetime:
    try:
        wall = datetime.fromisoformat(request.form.get("due_at") or request.form.get("own_time", ""))
    except ValueError:
        raise InvalidField("due_at", "choose a day and a time") from None
    line = db.get_one(Call, call_sid).line
    return wall if wall.tzinfo else wall.replace(tzinfo=places.zone_of(db, line))


def forget_checked(call_sid: str) -> None:
    if call_sid in session.get("checked", []):
        session["checked"] = [sid for sid in session["checked"] if sid != call_sid]


@bp.post("/calls/<call_sid>/notes")
@require_agent
def notes(call_sid: str) -> Response:
    """Keep what the agent writes, again and again while they write."""
    agent = only_if_offered(call_sid)
    now = utcnow()
    try:
        with transaction() as db:
            use_zone_of(db, agent)
            call_control.save_notes(
                db,
                call_sid,
                agent,
                outcome=request.form.get("outcome", ""),
                summary=request.form.get("summary", ""),
                cause=request.form.get("cause"),
                next_step=request.form.get("next_step"),
                topic=request.form.get("topic"),
                now=now,
            )
    except InvalidField as error:
        return web.refused(error, web.t("notes_refused"))
    if request.headers.get("X-Requested-With") == "fetch":
        saved = web.t("notes_saved", time=web.clock_time(now))
        return current_app.make_response(current_app.json.response({"saved": saved}))
    return make_response(redirect(f"/desk?call={call_sid}", 303))
