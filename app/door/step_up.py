"""Is it still them? Asks once more for a password, code or passkey before what can't be taken back.

A view that exports, erases, publishes, lets one listen or gives rights stands beneath `require_fresh`, itself
beneath the guard that says for whom the view is:

    @bp.post("/erase")
    @require_role(Role.ADMIN)
    @require_fresh
    def erase() -> Response: ...

Whoever showed who they are within the last five minutes, by signing in or by being asked, notices nothing.
Others see one question first. Then what they wanted is done: a page opens, and a form is taken with all that
was filled in, which the question carried along. Only files can't be carried: where a form uploads one, the
page with the form takes the guard too, so that it is asked before. A script gets a 403 with `step_up`, the
address of the question, and sends its own again afterwards.

Not for what agents do while callers wait, such as listening to what a caller of theirs recorded. Tokens of
the API are never asked.
"""

from datetime import timedelta
from functools import wraps
from typing import ParamSpec
from urllib.parse import urlencode, urlsplit

from flask import Response, current_app, make_response, redirect, render_template, request

from app import web
from app.clock import utcnow
from app.db import transaction
from app.door import proofs, sign_in
from app.door import words as door_words
from app.door.proofs import Verdict
from app.door.sign_in import SignedIn, View
from app.records.access import Proven

P = ParamSpec("P")

FRESH_FOR = timedelta(minutes=5)
QUESTION = "/login/again"


def require_fresh(view: View[P]) -> View[P]:
    """Let only who showed within five minutes who they are to the view; see above how others get there."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
        reader = sign_in.current()
        if reader is None:
            return sign_in.ask_to_sign_in()
        if not is_fresh(reader) and (question := _ask(reader)) is not None:
            return question
        # The view gets the form as its page sent it: also from whoever answered in another window meanwhile.
        if proofs.is_given(request.form):
            request.form = proofs.without(request.form)
        return view(*args, **kwargs)

    return guarded


def is_fresh(reader: SignedIn) -> bool:
    return utcnow() - reader.proven_at < FRESH_FOR


def _ask(reader: SignedIn) -> Response | None:
    """Return what to answer instead of the view; None when the request itself holds the proof."""
    if proofs.is_given(request.form):
        verdict = judged(reader)
        return None if verdict.by is not None else question(reader, request.full_path.rstrip("?"), verdict)
    if not web.wants_page():
        return _for_script()
    if request.method == "POST" and not request.files:
        return question(reader, request.full_path.rstrip("?"))
    back_to = request.full_path.rstrip("?") if request.method == "GET" else _page_before()
    return make_response(redirect(f"{QUESTION}?{urlencode({'next': back_to})}", 303))


def judged(reader: SignedIn) -> Verdict:
    """Judge the proof in this request's form, and write down that it was right."""
    verdict = proofs.of_either(reader.email)
    if verdict.by is not None:
        # A factor that is shown now makes more of a session that began with a password.
        by = verdict.by if verdict.by is Proven.FACTOR else None
        with transaction() as db:
            sign_in.renew_session(db, by)
    return verdict


def question(reader: SignedIn, action: str, verdict: Verdict | None = None) -> Response:
    """Return the page that asks; answered, it sends the form that was sent here to `action`."""
    page = render_template(
        "door/again.html",
        action=action,
        back_to=_page_before(),
        carried=list(proofs.without(request.form).items(multi=True)) if request.method == "POST" else [],
        factors=proofs.factors_of(reader.email),
        error=verdict.error if verdict else "",
        email=reader.email,
        elsewhere=sign_in.name_of_provider() if sign_in.provider() else "",
        d=door_words.say,
    )
    # What was asked for wasn't done: no browser may take this for its answer.
    response = make_response(page, verdict.status if verdict else 403)
    if verdict and verdict.wait:
        response.headers["Retry-After"] = str(verdict.wait)
    return response


def _page_before() -> str:
    """Return the page of ours from which this was asked for; the first one when it isn't known."""
    parts = urlsplit(request.referrer or "")
    if parts.netloc != request.host or parts.path.startswith(QUESTION):
        return "/"
    where = parts.path + (f"?{parts.query}" if parts.query else "")
    return web.safe_next(where)


def _for_script() -> Response:
    problem = {
        "title": door_words.say("again_title"),
        "status": 403,
        "detail": door_words.say("again_for_script"),
        "step_up": QUESTION,
    }
    response = current_app.make_response(current_app.json.response(problem))
    response.status_code = 403
    response.mimetype = "application/problem+json"
    return response
