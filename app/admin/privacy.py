"""What do we know of somebody, and may it go? One page to look them up, take all of it out, or forget them.

Whom it is about is asked for by POST alone: no number and no name stands in an address, which others keep.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from typing import ParamSpec

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
from app.admin.promises import MAY_ACT
from app.audit import log as audit
from app.audit.log import What
from app.callers.numbers import to_e164
from app.clock import utcnow
from app.db import patient_reading, patient_transaction, reading
from app.desk import finding
from app.desk.card import zone_of_house
from app.desk.finding import Findings
from app.desk.threads import phone_of
from app.door.looking import looked
from app.door.sign_in import OVERSEERS, View, current, has_desk, reach, require_role
from app.door.step_up import require_fresh
from app.forgetting import counting, handing_out, policy, preview, requests, whom
from app.forgetting.preview import Preview
from app.forgetting.whom import Doubts, Person
from app.promises import ledger
from app.records.callers import Customer
from app.records.privacy import Whom
from config import Settings

P = ParamSpec("P")

bp = Blueprint("admin_privacy", __name__, url_prefix="/admin/privacy")


@dataclass(frozen=True)
class About:
    """Who was looked up, and what there is of them."""

    kind: Whom
    of: str
    title: str
    preview: Preview
    left_out: Doubts
    may_be_exported: bool  # not while it isn't known which of several customers is meant

    @property
    def is_known(self) -> bool:
        some = self.preview
        return self.kind == Whom.CUSTOMER or bool(some.calls or some.promises or some.messages or some.lose)


def register(app: Flask) -> None:
    app.register_blueprint(bp)


def words(code: str, **values: object) -> str:
    return catalogue.text(f"privacy.{code}", web.language(), **values)


def _require_all_teams(view: View[P]) -> View[P]:
    """Let only who sees all teams to the view: what there is of somebody may be any team's."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
        return view(*args, **kwargs) if _sees_all() else web.error_page(403)

    return guarded


def _sees_all() -> bool:
    with reading() as session:
        return reach(session).is_all


# --- pages --------------------------------------------------------------------------------------------


@bp.get("")
@require_role(*OVERSEERS)
def overview() -> Response:
    """Look somebody up; and how long what is kept, and what went lately."""
    return _page()


@bp.post("/find")
@require_role(*MAY_ACT)
@_require_all_teams
def find() -> Response:
    """Show who may be meant with `asked`, or what there is of whom `kind` and `of` name."""
    asked = request.form.get("asked", "").strip()[: finding.LONGEST]
    with patient_reading() as session:
        kind, of = _named()
        if kind is None and session.get(Customer, asked) is not None:
            kind, of = Whom.CUSTOMER, asked
        if kind is None and (e164 := to_e164(asked, _settings().default_country)):
            kind, of = Whom.NUMBER, e164
        about = _about(session, kind, of) if kind is not None else None
        found = _found(session, asked, kind, of)
    if about is not None and kind is not None:
        looked(What.PERSON_LOOKED_UP, audit.customer(of) if kind == Whom.CUSTOMER else audit.number(of))
    if found.found:
        looked(What.CUSTOMERS_SEARCHED, found=len(found.found))
    return _page(asked=asked, about=about, found=found, status=200 if about or found.found else 404)


@bp.get("/<any(find, export, forget):what>")
@require_role(*OVERSEERS)
def again(what: str) -> Response:
    """Whoever comes back to such an address, as by choosing another language, begins anew."""
    return make_response(redirect("/admin/privacy", 303))


@bp.post("/export")
@require_role(*MAY_ACT)
@_require_all_teams
@require_fresh
def export() -> Response:
    """Hand out all that is certainly theirs, as a file that nobody keeps."""
    now = utcnow()
    with patient_transaction() as session:
        kind, of, person = _meant(session)
        if person.customer is None and person.shared:
            abort(409)
        handing_out.note_export(session, kind, of, _who(), now)
    file = handing_out.made(patient_reading, person, _settings(), now)
    return handing_out.answer(file)


@bp.post("/forget")
@require_role(*MAY_ACT)
@_require_all_teams
@require_fresh
def forget() -> Response:
    """Ask whether it is sure; then forget them, and show how far that has come."""
    now = utcnow()
    if not request.form.get("sure"):
        with patient_reading() as session:
            kind, of, _ = _meant(session)
            about = _about(session, kind, of)
        return _rendered("privacy_sure.html", about=about)
    with patient_transaction() as session:
        kind, of, _ = _meant(session)
        asked = requests.ask(session, kind, of, _who(), now, _settings().secret_key)
    with patient_transaction() as session:
        receipt = requests.carry_out(session, asked, now)
    if receipt is None:
        return _page(nothing_known=True)
    return make_response(redirect(f"/admin/privacy/receipts/{asked}", 303))


@bp.get("/receipts/<int:erasure>")
@require_role(*OVERSEERS)
def receipt(erasure: int) -> Response:
    """How far forgetting somebody has come, here and at the carrier."""
    with reading() as session:
        _use_zone(session)
        found = requests.find(session, erasure)
    if found is None:
        abort(404)
    return _rendered("privacy_receipt.html", receipt=found)


# --- who is meant --------------------------------------------------------------------------------------


def _named() -> tuple[Whom | None, str]:
    """Return whom the form names; None for neither."""
    kind = request.form.get("kind", "")
    return (Whom(kind) if kind in [*Whom] else None), request.form.get("of", "")[:121]


def _meant(session: Session) -> tuple[Whom, str, Person]:
    """Return whom the form names, who must be there; 404 for anybody else."""
    kind, of = _named()
    person = whom.person(session, kind, of) if kind is not None and of else None
    if kind is None or person is None:
        abort(404)
    return kind, of, person


def _about(session: Session, kind: Whom, of: str) -> About:
    person = whom.person(session, kind, of)
    if person is None:
        abort(404)
    customer = session.get(Customer, of) if kind == Whom.CUSTOMER else None
    title = (
        words("of_customer", name=customer.name, key=customer.key)
        if customer is not None
        else words("of_number", number=phone_of(of))
    )
    is_clear = not (person.customer is None and person.shared)
    return About(kind, of, title, preview.of(session, kind, of), whom.doubts(session, person), is_clear)


def _found(session: Session, asked: str, kind: Whom | None, of: str) -> Findings:
    """Return the customers who may be meant: those with such a name, or those of the number."""
    if kind == Whom.CUSTOMER or (kind == Whom.NUMBER and not whom.customers_of(session, of)):
        return Findings(asked, (), more=False, is_too_short=False)
    names = ledger.names_of(session)
    return finding.find(session, of or asked, of or None, _settings().default_country, "", names)


# --- what the pages share --------------------------------------------------------------------------------


def _page(
    *,
    asked: str = "",
    about: About | None = None,
    found: Findings | None = None,
    nothing_known: bool = False,
    status: int = 200,
) -> Response:
    now = utcnow()
    with patient_reading() as session:
        _use_zone(session)
        yesterday, month = counting.lately(session, now)
        receipts = requests.recent(session)
    return _rendered(
        "privacy.html",
        status,
        asked=asked,
        about=about,
        found=found,
        nothing_known=nothing_known,
        receipts=receipts,
        rules=[*policy.rules(_settings().keep)],
        yesterday=_by_rule(yesterday),
        month=_by_rule(month),
        never=dict.fromkeys(policy.NEVER.values()),
        duration=_duration,
        may_act=_may_act(),
    )


def _rendered(template: str, status: int = 200, **values: object) -> Response:
    page = render_template(
        f"admin/{template}", **values, now=utcnow(), has_desk=has_desk(), w=words, phone_of=phone_of
    )
    return make_response(page, status)


def _by_rule(counted: dict[str, int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for kind, rows in counted.items():
        found[policy.counted_as(kind)] = found.get(policy.counted_as(kind), 0) + rows
    return found


def _duration(keeps: timedelta | None) -> str:
    if keeps is None:
        return words("for_ever")
    if keeps < timedelta(days=1):
        return web.duration(keeps // timedelta(hours=1), "hour")
    return web.duration(keeps.days, "day")


def _settings() -> Settings:
    found: Settings = current_app.config["SETTINGS"]
    return found


def _who() -> str:
    reader = current()
    return reader.email if reader else ""


def _may_act() -> bool:
    reader = current()
    return reader is not None and reader.role in MAY_ACT and _sees_all()


def _use_zone(session: Session) -> None:
    if zone := zone_of_house(session):
        web.show_times_in(zone)
