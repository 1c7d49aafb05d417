"""Where does somebody show the rest of who they are? The second factor, a passkey alone, and once more."""

from typing import cast

from flask import Blueprint, Response, make_response, redirect, render_template, request

from app import web
from app.db import reading, transaction
from app.door import ceremonies, factors, half_in, passkeys, proofs, sign_in, step_up
from app.door import words as door_words
from app.door.proofs import Verdict
from app.door.sign_in import SignedIn, current, require_sign_in
from app.records.access import AccessKind, Proven
from app.records.agents import User

bp = Blueprint("second_step", __name__, url_prefix="/login")


@bp.get("/second")
def second() -> Response:
    """Ask whoever gave a password for the rest."""
    half = half_in.current()
    if half is None:
        return make_response(redirect("/login", 303))
    return _page(half.email)


@bp.post("/second")
def second_given() -> Response:
    half = half_in.current()
    with reading() as db:
        user = half_in.user_of(db, half) if half is not None else None
        may = user is not None and sign_in.may_come_in(db, user) and factors.of(db, user.email).any
    if half is None or user is None or not may:
        half_in.end()
        return make_response(redirect("/login", 303))
    verdict = proofs.of_factor(half.email)
    if verdict.by is None:
        return _page(half.email, verdict)
    return sign_in.let_in(user, half.goes_to, verdict.by)


@bp.post("/cancel")
def cancel() -> Response:
    """Begin anew, as somebody else perhaps."""
    half_in.end()
    return make_response(redirect("/login", 303))


def _page(email: str, verdict: Verdict | None = None) -> Response:
    page = render_template(
        "door/second.html",
        email=email,
        factors=proofs.factors_of(email),
        has_passkeys_here=ceremonies.site() is not None,
        error=verdict.error if verdict else "",
        d=door_words.say,
    )
    response = make_response(page, verdict.status if verdict else 200)
    if verdict and verdict.wait:
        response.headers["Retry-After"] = str(verdict.wait)
    return response


# --- passkeys -----------------------------------------------------------------------------------------


@bp.post("/passkey/options")
def passkey_options() -> Response:
    """Tell the page's script what a passkey has to answer."""
    site = ceremonies.site()
    if site is None:
        return web.error_page(404)
    known: list[str] = []
    reader, half = current(), half_in.current()
    email = reader.email if reader else half.email if half else None
    if email is not None:
        with reading() as db:
            known = [one.credential for one in passkeys.of(db, email)]
    options = passkeys.to_answer(site, known, ceremonies.begin(ceremonies.ANSWER))
    return Response(options, mimetype="application/json")


@bp.post("/passkey")
def passkey() -> Response:
    """Let somebody in by a passkey alone."""
    with transaction() as db:
        key = proofs.of_passkey(db)
        user = db.get(User, key.email) if key is not None else None
        if user is not None and not sign_in.may_come_in(db, user):
            user = None
        if user is None:
            sign_in.note(db, AccessKind.REFUSED, key.email if key is not None else "")
    if user is None:
        return sign_in.page(401, error=door_words.say("factor_wrong_passkey"))
    half_in.end()
    return sign_in.let_in(user, web.safe_next(request.form.get("next", "")), Proven.FACTOR)


# --- the question again -------------------------------------------------------------------------------


@bp.get("/again")
@require_sign_in
def again() -> Response:
    """Ask once more who they are, and lead them on to `next`."""
    reader = cast(SignedIn, current())
    where = web.safe_next(request.args.get("next", ""))
    if step_up.is_fresh(reader):
        return make_response(redirect(where, 303))
    response = step_up.question(reader, request.full_path.rstrip("?"))
    response.status_code = 200
    return response


@bp.post("/again")
@require_sign_in
def again_given() -> Response:
    reader = cast(SignedIn, current())
    verdict = step_up.judged(reader)
    if verdict.by is None:
        return step_up.question(reader, request.full_path.rstrip("?"), verdict)
    return make_response(redirect(web.safe_next(request.args.get("next", "")), 303))
