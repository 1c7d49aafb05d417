"""Was it right to protect this agent? Each time, for supervisors to uphold or lift, with a reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Flask, Response, abort, make_response, redirect, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import web
from app.audit import log as audit
from app.audit.log import What
from app.callers.numbers import mask
from app.clock import utcnow
from app.db import reading, transaction
from app.desk import helping
from app.desk.card import zone_of_house
from app.desk.promise_cards import texts
from app.door import sign_in
from app.door.sign_in import has_desk, require_role
from app.records.agents import Agent, Role
from app.records.callers import Customer
from app.records.protections import Protection, Review

bp = Blueprint("admin_protections", __name__, url_prefix="/admin/protections")

REVIEWERS = (Role.SUPERVISOR, Role.ADMIN)
VERDICTS = (Review.UPHELD, Review.LIFTED)
LONGEST_WHY = 500
SHOWN = 100


@dataclass(frozen=True)
class Row:
    id: int
    call_sid: str
    at: datetime
    agent: str  # a name
    team: str
    who: str  # a customer's name, or a masked number; empty: nobody knows any more
    is_warned: bool
    is_ended: bool
    taken_over_by: str | None  # a name
    review: Review
    reviewed_by: str | None
    reviewed_at: datetime | None
    why: str


def register(app: Flask) -> None:
    app.register_blueprint(bp)


@bp.get("")
@require_role(*REVIEWERS)
def overview() -> Response:
    """Show what is to be reviewed, and what was."""
    return _page()


@bp.post("/<int:protection>")
@require_role(*REVIEWERS)
def review(protection: int) -> Response:
    """Uphold it, or lift it: `verdict`, with `why`. What was said before may be changed."""
    verdict, why = request.form.get("verdict", ""), request.form.get("why", "").strip()
    if verdict not in VERDICTS:
        abort(422)
    if not 0 < len(why) <= LONGEST_WHY:
        return _page(refused=protection, written=why)
    reader, now = sign_in.current(), utcnow()
    with transaction() as db:
        row = db.get(Protection, protection, with_for_update=True)
        if row is None or not sign_in.reach(db).covers(row.team):
            abort(404)
        row.review, row.why = Review(verdict), why
        row.reviewed_by, row.reviewed_at = reader.email if reader else None, now
        row.keeps_apart = row.ended_at is not None and row.review != Review.LIFTED
        if row.number is None and row.customer is None:
            row.keeps_apart = False  # of whom nobody knows any more
        who, details = sign_in.actor(), {"agent": row.agent, "verdict": verdict}
        audit.record(db, who, What.PROTECTION_REVIEWED, now, audit.call(row.call_sid), **details)
    return make_response(redirect("/admin/protections", 303))


def _page(*, refused: int | None = None, written: str = "") -> Response:
    with reading() as db:
        if zone := zone_of_house(db):
            web.show_times_in(zone)
        page = render_template(
            "admin/protections.html",
            rows=_rows(db),
            has_desk=has_desk(),
            longest_why=LONGEST_WHY,
            refused=refused,
            written=written,
            now=utcnow(),
            w=helping.words,
        )
    return make_response(page, 200 if refused is None else 422)


def _rows(db: Session) -> Sequence[Row]:
    found = db.scalars(
        select(Protection)
        .where(sign_in.reach(db).of(Protection.team))
        .order_by(Protection.review != Review.OPEN, Protection.created_at.desc())
        .limit(SHOWN)
    ).all()
    names = texts(db, Agent.key, Agent.name, [key for one in found for key in (one.agent, one.taken_over_by)])
    customers = texts(db, Customer.key, Customer.name, [one.customer for one in found])
    return [
        Row(
            id=one.id,
            call_sid=one.call_sid,
            at=one.created_at,
            agent=names.get(one.agent, one.agent),
            team=one.team,
            who=customers.get(one.customer or "") or (mask(one.number) if one.number else ""),
            is_warned=one.warned_at is not None,
            is_ended=one.ended_at is not None,
            taken_over_by=names.get(one.taken_over_by or ""),
            review=Review(one.review),
            reviewed_by=one.reviewed_by,
            reviewed_at=one.reviewed_at,
            why=one.why,
        )
        for one in found
    ]
