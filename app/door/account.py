"""Where am I signed in, and who tried? A person sees their own sessions, and ends one or all others."""

from typing import cast

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request, session

from app.clock import utcnow
from app.db import reading, transaction
from app.door import access_log, factors, sessions
from app.door import words as door_words
from app.door.sessions import Limits
from app.door.sign_in import SignedIn, current, has_desk, note, require_sign_in
from app.records.access import AccessKind

bp = Blueprint("account", __name__, url_prefix="/account")

# What was done, for the page that is shown next.
DONE = "account_done"


@bp.get("")
@require_sign_in
def account() -> Response:
    reader, now = cast(SignedIn, current()), utcnow()
    limits = Limits.of(current_app.config["SETTINGS"])
    with reading() as db:
        open_now = sessions.of_user(db, reader.email, now, limits)
        events = access_log.recent(db, reader.email)
        have = factors.of(db, reader.email)
    page = render_template(
        "door/account.html",
        sessions=open_now,
        events=events,
        factors=have,
        d=door_words.say,
        here=reader.session,
        done=session.pop(DONE, ""),
        has_desk=has_desk(),
        now=now,
    )
    return make_response(page)


@bp.post("/end")
@require_sign_in
def end() -> Response:
    """End one session (`which` is its hash) or, with `which=others`, all but this one."""
    reader = cast(SignedIn, current())
    which = request.form.get("which", "")
    if which == reader.session:
        # The same as signing out, which knows what becomes of the desk.
        return make_response(redirect("/logout", 307))
    with transaction() as db:
        if which == "others":
            sessions.end_others(db, reader.email, reader.session)
            done = "others"
        else:
            done = "ended" if sessions.end(db, reader.email, which) else "over"
        if done != "over":
            note(db, AccessKind.SESSION_ENDED, reader.email)
    session[DONE] = done
    return make_response(redirect("/account", 303))
