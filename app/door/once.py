"""How does somebody come in when their usual way in is shut? By a link that an operator makes, used once.

For an organisation without passwords whose own provider is away, or set up wrongly: see docs/directory.md.
"""

from flask import Blueprint, Response, make_response, redirect, render_template

from app import web
from app.clock import utcnow
from app.db import reading, transaction
from app.door import one_time_links, sessions, sign_in
from app.door.sessions import Opened
from app.records.access import Proven
from app.records.agents import User

bp = Blueprint("once", __name__, url_prefix="/login/once")


@bp.get("/<secret>")
def ask(secret: str) -> Response:
    """Ask for a press: what looks into links in messages must not use this one up."""
    with reading() as db:
        link = one_time_links.find(db, secret, utcnow(), one_time_links.TO_COME_IN)
    if link is None:
        return sign_in.door(403, web.t("once_over"))
    return make_response(render_template("door/once.html", email=link.email, token=secret))


@bp.post("/<secret>")
def come_in(secret: str) -> Response:
    """Let them in; all else of theirs ends."""
    now = utcnow()
    with transaction() as db:
        email = one_time_links.take(db, secret, now, one_time_links.TO_COME_IN)
        user = db.get(User, email) if email is not None else None
        if user is None or not sign_in.may_come_in(db, user):
            return sign_in.door(403, web.t("once_over"))
        sessions.end_all(db, user.email, now)
        db.refresh(user)
        # Whoever works on the machine itself vouches for them.
        where = sign_in.enter(db, user, Opened("link", Proven.FACTOR), "/desk")
    return make_response(redirect(where, 303))
