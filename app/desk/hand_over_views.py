"""How does an agent hand a conversation over? Who can come, how it stands, and what they press."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

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
from sqlalchemy.orm import Session

from app import catalogue, web
from app.agents.presence import Reachability
from app.clock import utcnow
from app.db import reading, transaction
from app.deployment import Deployment
from app.desk import colleagues
from app.desk.views import only_if_offered, use_zone_of
from app.door.sign_in import desk_of_reader, require_agent
from app.errors import InvalidField, NotNow
from app.records.agents import Agent
from app.records.calls import Call
from app.records.legs import HandOver, HandOverKind, HandOverPhase
from app.records.promises import Promise
from app.voice import handing_over, holding, legs
from app.voice.hand_over import Event
from app.voice.handing_over import Wish
from app.voice.held import held, is_talking, was_offered

bp = Blueprint("desk_hand_over", __name__, url_prefix="/desk/calls/<call_sid>")

PRESSED = {"join": Event.JOIN, "complete": Event.COMPLETE, "cancel": Event.CANCEL}


def register(app: Flask) -> None:
    app.register_blueprint(bp)


@dataclass(frozen=True)
class Panel:
    """What the desk shows of a conversation's hand-over to one agent."""

    call_sid: str
    mine: bool  # the reader speaks with the customer, and may hand over or hold
    on_hold: bool
    is_held: bool  # and the carrier has done it: the customer hears none of us
    row: HandOver | None  # the newest hand-over that the reader was in
    is_first: bool
    other: str  # the name of the colleague on the other side of it
    promise_due: datetime | None

    @property
    def goes_on(self) -> bool:
        return self.row is not None and self.row.phase != HandOverPhase.OVER


def panel_of(session: Session, call_sid: str, agent: str) -> Panel:
    """Read how a hand-over stands, as one of the two sees it."""
    call = session.get_one(Call, call_sid)
    row = handing_over.newest(session, call_sid)
    if row is not None and agent not in (row.from_agent, row.to_agent):
        row = None
    other = session.get(Agent, row.to_agent if row.from_agent == agent else row.from_agent) if row else None
    promise = session.get(Promise, row.promise) if row is not None and row.promise is not None else None
    talks = is_talking(session, call) and call.bridged_to == agent
    customer = holding.on_hold(session, call)
    return Panel(
        call_sid=call_sid,
        mine=talks,
        on_hold=talks and customer is not None,
        is_held=customer is not None and customer.hears_nobody,
        row=row,
        is_first=row is not None and row.from_agent == agent,
        other=other.name if other is not None else "",
        promise_due=promise.due_at if promise is not None else None,
    )


@bp.get("/hand-over")
@require_agent
def panel(call_sid: str) -> Response:
    """Return how the conversation stands: a part of the card."""
    agent = desk_of_reader()
    with reading() as session:
        if not was_offered(session, call_sid, agent):
            abort(404)
        use_zone_of(session, agent)
        return _shown(session, call_sid, agent)


def _shown(session: Session, call_sid: str, agent: str, refusal: str = "", status: int = 200) -> Response:
    shown = panel_of(session, call_sid, agent)
    html = render_template(
        "desk/hand_over.html",
        panel=shown,
        refusal=refusal,
        now=utcnow(),
        longest_why=handing_over.LONGEST_WHY,
        legs=legs.as_told(session, session.get_one(Call, call_sid)),
    )
    return make_response(html, status, {"X-Call": call_sid})


@bp.post("/colleagues")
@require_agent
def found_colleagues(call_sid: str) -> Response:
    """Return who can be asked along, by `asked`: words of a name or a team."""
    agent = only_if_offered(call_sid)
    with reading() as session:
        call = session.get_one(Call, call_sid)
        found = colleagues.choices(session, call, agent, request.form.get("asked", ""), utcnow())
    html = render_template(
        "desk/colleagues.html", found=found, call_sid=call_sid, free=Reachability.FREE, now=utcnow()
    )
    return make_response(html)


Work = Callable[[Session, Call, str, datetime, Deployment], object]


def _doing(call_sid: str, work: Work) -> Response:
    """Do something in the reader's conversation, and show how it stands, or why it can't be."""
    agent, now = only_if_offered(call_sid), utcnow()
    deployment = Deployment.of(current_app.config["SETTINGS"])
    refusal = ""
    try:
        with transaction() as session:
            work(session, held(session, call_sid), agent, now, deployment)
    except NotNow as error:
        refusal = catalogue.text(f"hand_over.{error.code}", web.language(), **error.values)
    except InvalidField:
        refusal = web.t("hand_over_to_nobody")
    if request.headers.get("X-Requested-With") != "fetch":
        return make_response(redirect(f"/desk?call={call_sid}", 303))
    with reading() as session:
        use_zone_of(session, agent)
        return _shown(session, call_sid, agent, refusal, 409 if refusal else 200)


@bp.post("/transfer")
@require_agent
def transfer(call_sid: str) -> Response:
    """Ask a colleague along (`to`: an agent or a team), `warm` or `cold`, with a line `why`."""
    form = request.form
    kind = HandOverKind.COLD if form.get("kind") == HandOverKind.COLD else HandOverKind.WARM
    wish = Wish(form.get("to", ""), kind, form.get("why", ""), form.get("keeps_owner") == "yes")

    def work(session: Session, call: Call, agent: str, now: datetime, deployment: Deployment) -> object:
        return handing_over.begin(session, call, agent, wish, now, deployment)

    return _doing(call_sid, work)


@bp.post("/transfer/<any(join, complete, cancel):what>")
@require_agent
def press(call_sid: str, what: str) -> Response:
    """All three talk, the first leaves, or back to the customer."""

    def work(session: Session, call: Call, agent: str, now: datetime, deployment: Deployment) -> object:
        return handing_over.press(session, call, agent, PRESSED[what], now, deployment)

    return _doing(call_sid, work)


@bp.post("/hold")
@require_agent
def hold(call_sid: str) -> Response:
    """Let the customer wait for a moment (`on=yes`), or talk with them again."""
    on = request.form.get("on") == "yes"

    def work(session: Session, call: Call, agent: str, now: datetime, deployment: Deployment) -> None:
        holding.hold(session, call, agent, now, on=on)

    return _doing(call_sid, work)
