"""What do we owe, to whom, and how well do we keep it? The supervisor's list, and each promise's story."""

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
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
from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from app import catalogue, web
from app.admin import keeping
from app.agents.sign_in import OVERSEERS, current, has_desk, require_role
from app.callers.numbers import mask
from app.carrier.delivery import NOT_DELIVERED, TOLD_APART, why_not
from app.clock import utcnow
from app.db import reading, transaction
from app.deployment import Deployment
from app.desk import threads
from app.desk.card import zone_of_house
from app.errors import ApplicationError
from app.lines import places
from app.promises import ledger, numbers, playing, recordings
from app.records.agents import Agent, Role
from app.records.callers import Customer, Direction
from app.records.messages import Message
from app.records.promises import OWED, Promise, PromiseAttempt, PromiseEvent, PromiseState

bp = Blueprint("admin_promises", __name__, url_prefix="/admin/promises")

MAY_ACT = (Role.SUPERVISOR, Role.ADMIN)
SHOWN = 200
SOON = timedelta(hours=1)
COUNTED_OVER = timedelta(days=30)
VIEWS = ("owed", "soon", "late", "human", "untold", "kept", "merged", "withdrawn", "all")
# A spreadsheet takes a cell that begins so for a formula; a telephone number does.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Row:
    """One promise in the list."""

    id: int
    due_at: datetime
    state: PromiseState
    is_late: bool  # its time passed without a conversation, whatever became of it
    agent: str  # a name; empty: the whole team
    team: str
    customer: str  # a name, or a masked number
    case: str
    about: str
    tries: int
    waits_for_human: bool
    untold: bool  # the customer could not be told of it


@dataclass(frozen=True)
class Figures:
    """What is owed now, and how well promises were kept lately."""

    owed: int
    late: int
    lately: keeping.Line


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
    with reading() as session:
        _use_zone(session)
        names = ledger.names_of(session)
        page = render_template(
            "admin/promises.html",
            rows=rows(session, chosen(now), now, names, SHOWN),
            unanswered=threads.still_waiting(session, _of_team()),
            has_desk=has_desk(),
            figures=figures(session, now),
            agents=_agents(session),
            teams=session.scalars(select(Agent.team).distinct().order_by(Agent.team)).all(),
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
def export() -> Response:
    """The same list as a file, safe to open in a spreadsheet; numbers are masked there too."""
    now = utcnow()
    with reading() as session:
        found = rows(session, chosen(now), now, ledger.names_of(session), 100_000)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(
        ("promise", "due_at", "state", "late", "agent", "team", "customer", "case", "about", "tries")
    )
    for row in found:
        writer.writerow(
            safe_cell(cell)
            for cell in (
                row.id,
                row.due_at.isoformat(),
                row.state,
                "yes" if row.is_late else "no",
                *(row.agent, row.team, row.customer, row.case, row.about),
                row.tries,
            )
        )
    headers = {"Content-Disposition": 'attachment; filename="promises.csv"'}
    return Response(text.getvalue(), mimetype="text/csv", headers=headers)


def safe_cell(value: object) -> str:
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


@bp.get("/<int:promise_id>")
@require_role(*OVERSEERS)
def story(promise_id: int) -> Response:
    """Everything that one promise went through, in plain words."""
    now = utcnow()
    with reading() as session:
        promise = session.get(Promise, promise_id)
        if promise is None:
            abort(404)
        zone = places.zone_of(session, promise.line)
        web.show_times_in(str(zone))
        names = ledger.names_of(session)
        page = render_template(
            "admin/promise.html",
            promise=promise,
            row=rows(session, [Promise.id == promise_id], now, names, 1)[0],
            happenings=happenings(session, promise, zone, names),
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
            may_listen=_may_act(),
            w=words,
        )
    return make_response(page)


@bp.get("/<int:promise_id>/recordings/<sid>")
@require_role(*MAY_ACT)
def listen(promise_id: int, sid: str) -> Response:
    """Play what the caller said after the tone; it is written down who listened."""
    with transaction() as session:
        promise = session.get(Promise, promise_id)
        sound = playing.heard(session, promise, sid, _who(), utcnow()) if promise is not None else None
    if sound is None:
        abort(404)
    return playing.played(sound)


# --- actions ------------------------------------------------------------------------------------------


@bp.post("/act")
@require_role(*MAY_ACT)
def act() -> Response:
    """Do the same with each of the chosen promises; what can't be done with one doesn't keep the others."""
    action, agent, now = request.form.get("action", ""), request.form.get("agent", ""), utcnow()
    if action not in ("hand_over", "withdraw", "now", "number"):
        abort(400)
    refused = 0
    for promise_id in request.form.getlist("promise", type=int):
        try:
            with transaction() as session:
                _act(session, action, promise_id, agent, now)
        except ApplicationError:
            refused += 1
    return _back(refused)


def _act(session: Session, action: str, promise_id: int, agent: str, now: datetime) -> None:
    match action:
        case "hand_over":
            ledger.hand_over(session, promise_id, agent, _who(), now)
        case "withdraw":
            ledger.withdraw(session, promise_id, _who(), now)
        case "now":
            ledger.ring_now(session, promise_id, _who(), now)
        case "number":
            deployment = Deployment.of(current_app.config["SETTINGS"])
            number = request.form.get("number", "")
            numbers.learn_number(session, promise_id, number, _who(), now, deployment)


def _back(refused: int) -> Response:
    where = web.safe_next(request.form.get("next", "") or "/admin/promises")
    if refused:
        where += ("&" if "?" in where else "?") + f"refused={refused}"
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


def chosen(now: datetime) -> list[ColumnElement[bool]]:
    """Return what the reader's choices ask of a promise."""
    owed = Promise.state.in_(OWED)
    wanted = {
        "owed": owed,
        "soon": and_(owed, Promise.due_at > now, Promise.due_at <= now + SOON),
        "late": or_(and_(owed, Promise.due_at <= now), Promise.broken_at.is_not(None)),
        "human": and_(owed, Promise.next_at.is_(None), Promise.state != PromiseState.CALLING),
        "untold": and_(owed, Promise.id.in_(untold())),
        "kept": Promise.state == PromiseState.KEPT,
        "merged": Promise.state == PromiseState.MERGED,
        "withdrawn": Promise.state == PromiseState.WITHDRAWN,
    }
    conditions = [wanted[_view()]] if _view() in wanted else []
    if agent := request.args.get("agent"):
        conditions.append(Promise.agent == agent)
    if team := request.args.get("team"):
        conditions.append(Promise.team == team)
    return conditions


def _of_team() -> list[ColumnElement[bool]]:
    """Return what the reader's choice of a team asks of a message."""
    team = request.args.get("team")
    return [Message.team == team] if team else []


def rows(
    session: Session,
    conditions: Sequence[ColumnElement[bool]],
    now: datetime,
    names: Mapping[str, str],
    limit: int,
) -> list[Row]:
    """Return the promises that meet all conditions: what is owed by its time, what is over newest first."""
    over = Promise.finished_at.is_not(None)
    order = (over, Promise.finished_at.desc(), Promise.due_at, Promise.id)
    found = session.scalars(select(Promise).where(*conditions).order_by(*order).limit(limit)).all()
    customers = _customers(session, found)
    ids = [promise.id for promise in found]
    lost = set(session.scalars(untold().where(Message.promise.in_(ids)))) if ids else set()
    return [_row(promise, customers, now, names, lost) for promise in found]


def untold() -> Select[int | None]:
    """Select the promises of which the newest message did not arrive."""
    later = aliased(Message)
    is_newest = ~exists().where(
        later.promise == Message.promise, later.direction == Message.direction, later.at > Message.at
    )
    return select(Message.promise).where(
        Message.promise.is_not(None),
        Message.direction == Direction.OUTBOUND,
        Message.status.in_(NOT_DELIVERED),
        is_newest,
    )


def _row(
    promise: Promise,
    customers: Mapping[str, str],
    now: datetime,
    names: Mapping[str, str],
    lost: Collection[int | None],
) -> Row:
    owed = promise.state in OWED
    return Row(
        id=promise.id,
        due_at=promise.due_at,
        state=promise.state,
        is_late=promise.broken_at is not None or (owed and promise.due_at <= now),
        agent=names.get(promise.agent or "", promise.agent or ""),
        team=promise.team,
        customer=customers.get(promise.customer or "")
        or (mask(promise.number) if promise.number else words("number_unknown")),
        case=promise.case or "",
        about=promise.about,
        tries=promise.tries,
        waits_for_human=owed and promise.next_at is None and promise.state != PromiseState.CALLING,
        untold=promise.id in lost,
    )


def _customers(session: Session, found: Sequence[Promise]) -> dict[str, str]:
    keys = {promise.customer for promise in found if promise.customer}
    if not keys:
        return {}
    return dict(session.execute(select(Customer.key, Customer.name).where(Customer.key.in_(keys))).all())


def figures(session: Session, now: datetime) -> Figures:
    """Count what is owed now, and what became of the promises that were due in the last thirty days."""
    owed = Promise.state.in_(OWED)
    return Figures(
        owed=_count(session, owed),
        late=_count(session, owed, Promise.due_at <= now),
        lately=keeping.line_of("", keeping.outcomes(session, now - COUNTED_OVER, now)),
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
        Happening(event.at, ledger.in_words(event, language, zone, names), names.get(event.who, event.who))
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


def _agents(session: Session) -> list[tuple[str, str]]:
    listed = session.execute(select(Agent.key, Agent.name).where(Agent.enabled).order_by(Agent.name))
    return [(row.key, row.name) for row in listed]


def _use_zone(session: Session) -> None:
    if zone := zone_of_house(session):
        web.show_times_in(zone)
