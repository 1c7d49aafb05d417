"""What do we owe, to whom, and how well do we keep it? The supervisor's list, and each promise's story."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
)
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app import catalogue, web
from app.admin import keeping, promise_list
from app.admin.office_file import PLAIN, for_office
from app.admin.promise_list import VIEWS, Choice, Words
from app.agents.teams import EVERYWHERE, Reach, deserted
from app.audit import log as audit
from app.audit.log import What
from app.carrier.delivery import NOT_DELIVERED, TOLD_APART, why_not
from app.clock import utcnow
from app.db import patient_reading, reading, transaction
from app.deployment import Deployment
from app.desk import threads
from app.desk.card import zone_of_house
from app.door import sign_in, step_up
from app.door.looking import looked
from app.door.sign_in import OVERSEERS, current, has_desk, require_role
from app.door.step_up import require_fresh
from app.errors import ApplicationError, InvalidField
from app.lines import places
from app.promises import ledger, numbers, playing, recordings, second_thoughts
from app.promises.told import in_words
from app.records.agents import Agent, Role
from app.records.callers import Direction
from app.records.messages import Message
from app.records.promises import IS_OWED, OWED, Promise, PromiseAttempt, PromiseEvent, PromiseState

bp = Blueprint("admin_promises", __name__, url_prefix="/admin/promises")

RECEIPTED = ("withdraw", "restore", "hand_over", "now")
MAY_ACT = (Role.SUPERVISOR, Role.ADMIN)
SHOWN = 200
COUNTED_OVER = timedelta(days=30)


@dataclass(frozen=True)
class Figures:
    """What is owed now, and how well promises were kept lately."""

    owed: int
    late: int
    lately: keeping.Line


@dataclass(frozen=True)
class Receipt:
    """What came of what the reader just did."""

    withdrawn: list[promise_list.Row]
    restored: list[promise_list.Row]
    handed_over: list[promise_list.Row]
    rung: list[promise_list.Row]
    refused: int
    nothing_chosen: bool


@dataclass(frozen=True)
class Happening:
    at: datetime
    words: str
    who: str


def register(app: Flask) -> None:
    app.register_blueprint(bp)


def words(code: str, **values: object) -> str:
    """Return a text about promises in the reader's language."""
    return catalogue.text(f"promise.{code}", web.language(), **values)


def about_messages(code: str, **values: object) -> str:
    """Return a text about messages in the reader's language."""
    return catalogue.text(f"message.{code}", web.language(), **values)


# --- pages --------------------------------------------------------------------------------------------


@bp.get("")
@require_role(*OVERSEERS)
def overview() -> Response:
    now = utcnow()
    # The figures look through a month.
    looked(What.PROMISES_LISTED, **_asked_for())
    with patient_reading() as session:
        _use_zone(session)
        reach = sign_in.reach(session)
        page = render_template(
            "admin/promises.html",
            receipt=_receipt(session, now),
            rows=promise_list.rows(session, _chosen(now, reach), now, _words_for(session), SHOWN),
            deserted=[one for one in deserted(session, cases=False) if reach.covers(one.team)],
            unanswered=threads.still_waiting(session, _of_team(reach)),
            has_desk=has_desk(),
            figures=figures(session, now, reach),
            agents=_agents(session),
            seen_agents=_agents(session, reach.of(Agent.team)),
            teams=session.scalars(
                select(Agent.team).where(reach.of(Agent.team)).distinct().order_by(Agent.team)
            ).all(),
            views=VIEWS,
            view=_view(),
            query=request.args,
            now=now,
            may_act=_may_act(),
            w=words,
            m=about_messages,
            why_not=lambda code: why_not(code, web.language()),
        )
    return make_response(page)


@bp.get("/export.csv")
@require_role(*OVERSEERS)
@require_fresh
def export() -> Response:
    """The same list as a file, whole: as an office opens it, or `plain` with commas, for programs."""
    now = utcnow()
    with patient_reading() as session:
        chosen = _chosen(now, sign_in.reach(session))
        found, told = promise_list.ids(session, chosen), _words_for(session)
    looked(What.PROMISES_EXPORTED, promises=len(found), **_asked_for())
    headers = {"Content-Disposition": 'attachment; filename="promises.csv"'}
    country = current_app.config["SETTINGS"].default_country
    form = PLAIN if "plain" in request.args else for_office(web.language(), country)
    return Response(promise_list.file(found, now, told, form), mimetype="text/csv", headers=headers)


@bp.get("/<int:promise_id>")
@require_role(*OVERSEERS)
def story(promise_id: int) -> Response:
    """Everything that one promise went through, in plain words."""
    now, reader = utcnow(), current()
    is_fresh = reader is not None and step_up.is_fresh(reader)
    with reading() as session:
        promise = _seen(session, promise_id)
        if promise is None:
            abort(404)
        looked(What.PROMISE_READ, *audit.person(promise.customer, promise.number), promise=promise.id)
        zone = places.zone_of(session, promise.line)
        web.show_times_in(str(zone))
        told = _words_for(session)
        page = render_template(
            "admin/promise.html",
            promise=promise,
            receipt=_receipt(session, now),
            row=promise_list.shown(session, [promise], now, told)[0],
            happenings=happenings(session, promise, zone, told.names),
            dials=session.scalar(
                select(func.count()).where(
                    PromiseAttempt.promise == promise.id, PromiseAttempt.dialled_at.is_not(None)
                )
            ),
            recordings=recordings.of_promise(session, promise.id),
            agents=_agents(session),
            has_desk=has_desk(),
            now=now,
            may_act=_may_act() and promise.state in OWED,
            may_restore=_may_act() and promise.state == PromiseState.WITHDRAWN and not promise.forgotten_at,
            may_listen=_may_act() and is_fresh,
            must_show_who=_may_act() and not is_fresh,
            w=words,
        )
    return make_response(page)


@bp.get("/<int:promise_id>/recordings/<sid>")
@require_role(*MAY_ACT)
@require_fresh
def listen(promise_id: int, sid: str) -> Response:
    """Play what the caller said after the tone; it is written down who listened."""
    with transaction() as session:
        promise = _seen(session, promise_id)
        sound = playing.heard(session, promise, sid, _who(), utcnow()) if promise is not None else None
    if sound is None:
        abort(404)
    return playing.played(sound)


# --- actions ------------------------------------------------------------------------------------------


@bp.post("/act")
@require_role(*MAY_ACT)
def act() -> Response:
    """Do the same with each of the chosen promises; what can't be done with one doesn't keep the others.

    Withdrawing is asked about first: `sure`. What was withdrawn is named in the receipt, and can come back.
    """
    form, now = request.form, utcnow()
    action, agent, chosen = form.get("action", ""), form.get("agent", ""), form.getlist("promise", type=int)
    if action not in ("hand_over", "withdraw", "now", "number", "restore"):
        abort(400)
    if not chosen:
        return _back(nothing="1")
    if action == "withdraw" and not form.get("sure"):
        return _ask_whether(chosen, now)
    done = []
    for promise_id in chosen:
        try:
            with transaction() as session:
                if _seen(session, promise_id) is None:
                    raise InvalidField("promise", "there is no such promise")
                _act(session, action, promise_id, agent, now)
            done.append(promise_id)
        except ApplicationError:
            pass  # counted
    said = {"refused": str(len(chosen) - len(done))} if len(done) < len(chosen) else {}
    if done and action in RECEIPTED:
        said[action] = ",".join(str(one) for one in done)
    return _back(**said)


def _act(session: Session, action: str, promise_id: int, agent: str, now: datetime) -> None:
    match action:
        case "hand_over":
            ledger.hand_over(session, promise_id, agent, _who(), now)
        case "withdraw":
            ledger.withdraw(session, promise_id, _who(), now)
        case "restore":
            second_thoughts.owe_again(session, promise_id, _who(), now)
        case "now":
            ledger.ring_now(session, promise_id, _who(), now)
        case "number":
            deployment = Deployment.of(current_app.config["SETTINGS"])
            number = request.form.get("number", "")
            numbers.learn_number(session, promise_id, number, _who(), now, deployment)


def _ask_whether(chosen: Sequence[int], now: datetime) -> Response:
    """Show whose promises would be withdrawn, and ask whether they should be."""
    with reading() as session:
        _use_zone(session)
        rows = _shown(session, chosen[:SHOWN], now)
    page = render_template(
        "admin/withdraw.html", rows=rows, back=_where(), has_desk=has_desk(), now=now, w=words
    )
    return make_response(page)


def _shown(session: Session, ids: Sequence[int], now: datetime) -> list[promise_list.Row]:
    seen = promise_list.seen_by(sign_in.reach(session))
    found = session.scalars(select(Promise).where(Promise.id.in_(ids), seen).order_by(Promise.due_at)).all()
    return promise_list.shown(session, found, now, _words_for(session))


def _receipt(session: Session, now: datetime) -> Receipt:
    """Return what was just done, as the address says that it was, and only where it is still so."""

    def named(action: str, *, are: Callable[[promise_list.Row], bool]) -> list[promise_list.Row]:
        asked = [int(one) for one in request.args.get(action, "").split(",") if one.isdecimal()]
        ids = [one for one in asked if one < 2**31][:SHOWN]
        return [row for row in _shown(session, ids, now) if are(row)] if ids else []

    return Receipt(
        withdrawn=named("withdraw", are=lambda row: row.state == PromiseState.WITHDRAWN),
        restored=named("restore", are=lambda row: row.state in OWED),
        handed_over=named("hand_over", are=lambda row: row.state in OWED),
        rung=named("now", are=lambda row: row.state in OWED),
        refused=request.args.get("refused", type=int) or 0,
        nothing_chosen=bool(request.args.get("nothing")),
    )


def _where() -> str:
    return web.safe_next(request.form.get("next", "") or "/admin/promises")


def _back(**said: str) -> Response:
    where = _where()
    if said:
        where += ("&" if "?" in where else "?") + urlencode(said, safe=",")
    return make_response(redirect(where, 303))


def _who() -> str:
    reader = current()
    return reader.email if reader else ""


def _may_act() -> bool:
    reader = current()
    return reader is not None and reader.role in MAY_ACT


# --- reading ------------------------------------------------------------------------------------------


def _view() -> str:
    asked = request.args.get("view", "owed")
    return asked if asked in VIEWS else "owed"


def _asked_for() -> dict[str, str | None]:
    """Return which list the reader asks for, as the audit log keeps it."""
    agent, team = request.args.get("agent") or None, request.args.get("team") or None
    return {"view": _view(), "agent": agent, "team": team}


def _seen(session: Session, promise_id: int) -> Promise | None:
    """Return a promise that the reader may see; None for another team's, as for none."""
    seen = promise_list.seen_by(sign_in.reach(session))
    return session.scalar(select(Promise).where(Promise.id == promise_id, seen))


def _chosen(now: datetime, reach: Reach) -> Choice:
    """Return what the reader's choices ask of a promise."""
    agent, team = request.args.get("agent", ""), request.args.get("team", "")
    return promise_list.chosen(_view(), agent, team, now, reach)


def _words_for(session: Session) -> Words:
    return Words(ledger.names_of(session), words("number_unknown"))


def _of_team(reach: Reach) -> list[ColumnElement[bool]]:
    """Return what the reader's choice of a team asks of a message, of those that they see at all."""
    team = request.args.get("team")
    return [reach.of(Message.team, Message.agent), *([Message.team == team] if team else [])]


def figures(session: Session, now: datetime, reach: Reach = EVERYWHERE) -> Figures:
    """Count what is owed now, and what became of the promises that were due in the last thirty days."""
    return Figures(
        owed=_count(session, IS_OWED, promise_list.seen_by(reach)),
        late=_count(session, IS_OWED, Promise.due_at <= now, promise_list.seen_by(reach)),
        lately=keeping.line_of("", keeping.outcomes(session, now - COUNTED_OVER, now, reach)),
    )


def _count(session: Session, *conditions: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(Promise).where(*conditions)) or 0


def happenings(
    session: Session, promise: Promise, zone: ZoneInfo, names: Mapping[str, str]
) -> list[Happening]:
    """Return all that a promise went through, oldest first."""
    events = session.scalars(
        select(PromiseEvent).where(PromiseEvent.promise == promise.id).order_by(PromiseEvent.id)
    ).all()
    language = web.language()
    written = session.scalars(select(Message).where(Message.promise == promise.id)).all()
    names = {"customer": catalogue.text("promise.the_customer", language), **names}
    found = [
        Happening(event.at, in_words(event, language, zone, names), names.get(event.who, event.who))
        for event in events
    ] + [
        Happening(message.at, _in_words(message, language), names.get(message.author or "", ""))
        for message in written
    ]
    return sorted(found, key=lambda one: one.at)


def _in_words(message: Message, language: str) -> str:
    if message.direction == Direction.INBOUND:
        return catalogue.text("message.story_theirs", language, body=message.body)
    fate = message.status if message.status in TOLD_APART else "sent"
    return catalogue.text(
        "message.story_ours",
        language,
        body=message.body,
        fate=why_not(message.error, language)
        if message.status in NOT_DELIVERED
        else catalogue.text(f"message.status_{fate}", language),
    )


def _agents(session: Session, *which: ColumnElement[bool]) -> list[tuple[str, str]]:
    listed = session.execute(select(Agent.key, Agent.name).where(Agent.enabled, *which).order_by(Agent.name))
    return [(row.key, row.name) for row in listed]


def _use_zone(session: Session) -> None:
    if zone := zone_of_house(session):
        web.show_times_in(zone)
