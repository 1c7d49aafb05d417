"""How does somebody get another password? By changing theirs, or by a link that was given to them."""

from typing import cast

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request, session
from sqlalchemy import select

from app import web
from app.clock import utcnow
from app.db import reading, transaction
from app.door import guessing, mails, one_time_links, password_changes, proofs, sign_in
from app.door import words as door_words
from app.door.guessing import Throttle
from app.door.sign_in import SignedIn, current, has_desk, require_sign_in
from app.errors import InvalidField
from app.records.access import AccessKind
from app.records.agents import User
from app.records.links import OneTimeLink, Purpose
from config import Settings

bp = Blueprint("passwords", __name__)


@bp.before_request
def _only_where_there_are_passwords() -> Response | None:
    """Where only the organisation's own sign-in lets in, none is chosen or mailed."""
    if _settings().passwords:
        return None
    return sign_in.page(403, error=web.t("login_passwords_off", name=sign_in.name_of_provider()))


# --- changing one's own -------------------------------------------------------------------------------


@bp.get("/account/password")
@require_sign_in
def change() -> Response:
    return _page_to_change()


@bp.post("/account/password")
@require_sign_in
def changed() -> Response:
    reader, now = cast(SignedIn, current()), utcnow()
    verdict = proofs.of_password(reader.email, request.form.get("present", ""))
    if verdict.by is None:
        return _page_to_change(verdict.status, error=verdict.error, wait=verdict.wait)
    try:
        new = password_changes.hashed(request.form.get("password", ""), reader.email, _settings())
    except InvalidField as error:
        return _page_to_change(422, error=door_words.about(error))
    with transaction() as db:
        password_changes.change(db, reader.email, new, now, sign_in.place_of_request(), keep=reader.session)
        sign_in.renew_session(db)
        session["number"] = db.scalar(select(User.session_number).where(User.email == reader.email))
    session["account_done"] = "password"
    return make_response(redirect("/account", 303))


def _page_to_change(status: int = 200, *, error: str = "", wait: int = 0) -> Response:
    reader = cast(SignedIn, current())
    page = render_template(
        "door/password.html", d=door_words.say, owner=reader, has_desk=has_desk(), error=error
    )
    return _answer(page, status, wait)


# --- forgotten ----------------------------------------------------------------------------------------


@bp.get("/login/forgot")
def forgot() -> Response:
    return _page_of_forgotten()


@bp.post("/login/forgot")
def forgotten() -> Response:
    """Have a link mailed. Whether there is such an account changes neither the answer nor its time."""
    if not mails.can_send():
        return _page_of_forgotten()
    email, now = request.form.get("email", "").strip().lower()[:254], utcnow()
    throttle = Throttle.of_mails(email, request.remote_addr or "", _settings().secret_key)
    with transaction() as db:
        wait = guessing.register_attempt(db, throttle, now)
        if not wait:
            sign_in.note(db, AccessKind.LINK_ASKED, email)
            mails.ask_for_link(db, email, Purpose.RESET, now)
    if wait:
        return _page_of_forgotten(429, error=sign_in.wait_in_words(wait, throttle), wait=wait)
    return _page_of_forgotten(is_asked=True)


def _page_of_forgotten(
    status: int = 200, *, error: str = "", wait: int = 0, is_asked: bool = False
) -> Response:
    page = render_template(
        "door/forgot.html",
        d=door_words.say,
        can_send=mails.can_send(),
        is_asked=is_asked,
        email=request.form.get("email", ""),
        error=error,
    )
    return _answer(page, status, wait)


# --- by a link ----------------------------------------------------------------------------------------


@bp.get("/login/password/<secret>")
def choose(secret: str) -> Response:
    """Show where a password is chosen. Programs that look at mails open links too: nothing is used up yet."""
    with reading() as db:
        link = one_time_links.find(db, secret, utcnow())
    return _page_to_choose(link)


@bp.post("/login/password/<secret>")
def chosen(secret: str) -> Response:
    now = utcnow()
    with reading() as db:
        link = one_time_links.find(db, secret, now)
    if link is None:
        return _page_to_choose(None)
    try:
        new = password_changes.hashed(request.form.get("password", ""), link.email, _settings())
    except InvalidField as error:
        return _page_to_choose(link, error=door_words.about(error))
    with transaction() as db:
        email = one_time_links.take(db, secret, now)
        if email is not None:
            password_changes.change(db, email, new, now, sign_in.place_of_request())
    if email is None:
        return _page_to_choose(None)
    # They sign in with it like everybody: a link proves nothing but that a mail was read.
    session.clear()
    session[sign_in.NOTICE] = "password_chosen"
    return make_response(redirect("/login", 303))


def _page_to_choose(link: OneTimeLink | None, *, error: str = "") -> Response:
    page = render_template("door/choose.html", d=door_words.say, link=link, error=error)
    status = 404 if link is None else 422 if error else 200
    return make_response(page, status)


# --- what they share ----------------------------------------------------------------------------------


def _answer(page: str, status: int, wait: int) -> Response:
    response = make_response(page, status)
    if wait:
        response.headers["Retry-After"] = str(wait)
    return response


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings
