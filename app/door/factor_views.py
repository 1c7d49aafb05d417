"""With what do I prove who I am? People set up and take away their own apps, passkeys and recovery codes.

Whoever must have a second factor and has none comes here from the password, before anything else opens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import wraps
from io import BytesIO
from typing import ParamSpec, cast

import segno
from flask import (
    Blueprint,
    Response,
    current_app,
    g,
    make_response,
    redirect,
    render_template,
    request,
    session,
)
from markupsafe import Markup
from sqlalchemy.orm import Session

from app import web
from app.clock import utcnow
from app.db import reading, transaction
from app.door import (
    authenticators,
    ceremonies,
    factors,
    half_in,
    passkeys,
    recovery_codes,
    sealing,
    sessions,
    sign_in,
)
from app.door import words as door_words
from app.door.sign_in import View, current, has_desk, require_sign_in
from app.door.step_up import require_fresh
from app.records.access import AccessKind, Proven
from app.records.agents import User
from config import Settings

bp = Blueprint("factors", __name__, url_prefix="/account/factors")

P = ParamSpec("P")

# What was done, for the page that is shown next; the secret of an app that is being set up, sealed.
DONE, NEW_APP, NEW_HANDLE = "factors_done", "new_app", "new_handle"


@dataclass(frozen=True)
class Owner:
    """Whose factors these are; without a session they are on their way in, and must have one first."""

    email: str
    session: str | None
    goes_to: str


def require_owner(view: View[P]) -> View[P]:
    """Let only somebody who is signed in to the view, or who may not come in without a second factor."""
    return _for_owner(view, require_sign_in(view))


def require_fresh_owner(view: View[P]) -> View[P]:
    """The same, for what changes something: who is signed in has to have shown lately who they are."""
    return _for_owner(view, require_fresh(view))


def _for_owner(view: View[P], when_signed_in: View[P]) -> View[P]:
    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
        if current():
            return when_signed_in(*args, **kwargs)
        half = half_in.current()
        if half is None or not _must_set_up(half):
            return sign_in.ask_to_sign_in()
        g.owner = Owner(half.email, None, half.goes_to)
        return view(*args, **kwargs)

    return guarded


def _must_set_up(half: half_in.HalfIn) -> bool:
    """Say whether they gave a password and have nothing else to give, though they need it."""
    with reading() as db:
        user = half_in.user_of(db, half)
        return (
            user is not None
            and sign_in.may_come_in(db, user)
            and factors.are_needed(user.role, _settings())
            and not factors.of(db, user.email).any
        )


@bp.get("")
@require_owner
def overview() -> Response:
    return _page()


# --- an app that shows codes --------------------------------------------------------------------------


@bp.get("/app")
@require_fresh_owner
def new_app() -> Response:
    """Show a secret that an app takes over; nothing is kept until a code of it was right."""
    secret = _new_secret()
    if secret is None:
        secret = authenticators.new_secret()
        session[NEW_APP] = sealing.seal(secret, _settings().all_secret_keys).text
    return _page_of_app(secret)


@bp.post("/app")
@require_fresh_owner
def add_app() -> Response:
    owner, now, secret = _owner(), utcnow(), _new_secret()
    if secret is None:
        return make_response(redirect("/account/factors/app", 303))
    step = authenticators.step_of(secret, request.form.get("code", ""), now)
    if step is None:
        return _page_of_app(secret, error=door_words.say("app_wrong_code"))
    with transaction() as db:
        if not _may_add(db, owner):
            return sign_in.ask_to_sign_in()
        authenticators.add(db, owner.email, secret, step, now, _settings().all_secret_keys)
        sign_in.note(db, AccessKind.AUTHENTICATOR_ADDED, owner.email)
        codes = _added(db, owner)
    session.pop(NEW_APP, None)
    return _let_on(owner, "app_added", codes)


@bp.post("/app/remove")
@require_fresh_owner
def remove_app() -> Response:
    owner = _owner()
    with transaction() as db:
        if not _may_remove(db, owner):
            return _page(409, error=door_words.say("last_factor"))
        if authenticators.remove(db, owner.email):
            factors.has_none_left(db, owner.email)
            sign_in.note(db, AccessKind.AUTHENTICATOR_REMOVED, owner.email)
    return _leave("app_removed")


def _new_secret() -> str | None:
    kept = session.get(NEW_APP)
    return sealing.unseal(kept, _settings().all_secret_keys) if isinstance(kept, str) else None


def _page_of_app(secret: str, *, error: str = "") -> Response:
    owner, settings = _owner(), _settings()
    issuer = settings.organisation or door_words.say("issuer")
    page = _render(
        "door/new_app.html",
        picture=_picture(authenticators.address_of(secret, owner.email, issuer)),
        secret=authenticators.in_groups(secret),
        error=error,
    )
    return make_response(page, 422 if error else 200)


def _picture(address: str) -> Markup:
    """Return the QR code as an SVG for the page, of our own making and so safe to put in."""
    file = BytesIO()
    segno.make(address, error="m").save(
        file, kind="svg", xmldecl=False, svgns=True, omitsize=True, border=4, dark="#000", light="#fff"
    )
    return Markup(file.getvalue().decode())  # segno wrote it: paths, and no text of anybody's


# --- passkeys -----------------------------------------------------------------------------------------


@bp.post("/passkeys/options")
@require_fresh_owner
def passkey_options() -> Response:
    """Tell the page's script for whom a passkey is to be made."""
    owner, site = _owner(), ceremonies.site()
    if site is None:
        return web.error_page(404)
    with reading() as db:
        known = [one.credential for one in passkeys.of(db, owner.email)]
        handle = passkeys.handle_of(db, owner.email)
    session[NEW_HANDLE] = handle
    challenge = ceremonies.begin(ceremonies.MAKE)
    return Response(
        passkeys.to_make_one(site, owner.email, handle, known, challenge), mimetype="application/json"
    )


@bp.post("/passkeys")
@require_fresh_owner
def add_passkey() -> Response:
    owner, site, challenge = _owner(), ceremonies.site(), ceremonies.end(ceremonies.MAKE)
    handle, name = session.pop(NEW_HANDLE, None), _name()
    new = passkeys.made(request.form.get("passkey", ""), challenge, site) if challenge and site else None
    if new is None or not isinstance(handle, str):
        return _page(422, error=door_words.say("passkey_failed"))
    with transaction() as db:
        if not _may_add(db, owner):
            return sign_in.ask_to_sign_in()
        if not passkeys.add(db, owner.email, new, handle, name, utcnow()):
            return _page(409, error=door_words.say("passkey_known"))
        sign_in.note(db, AccessKind.PASSKEY_ADDED, owner.email, about=name)
        codes = _added(db, owner)
    return _let_on(owner, "passkey_added", codes)


@bp.post("/passkeys/<int:which>/name")
@require_fresh_owner
def rename_passkey(which: int) -> Response:
    owner, name = _owner(), _name()
    with transaction() as db:
        if not passkeys.rename(db, owner.email, which, name):
            return web.error_page(404)
        sign_in.note(db, AccessKind.PASSKEY_RENAMED, owner.email, about=name)
    return _leave("passkey_renamed")


@bp.post("/passkeys/<int:which>/remove")
@require_fresh_owner
def remove_passkey(which: int) -> Response:
    owner = _owner()
    with transaction() as db:
        if not _may_remove(db, owner):
            return _page(409, error=door_words.say("last_factor"))
        name = passkeys.remove(db, owner.email, which)
        if name is not None:
            factors.has_none_left(db, owner.email)
            sign_in.note(db, AccessKind.PASSKEY_REMOVED, owner.email, about=name)
    return _leave("passkey_removed")


def _name() -> str:
    """Return what the person calls it, else the browser in which it is made."""
    typed = " ".join(request.form.get("name", "").split())[: passkeys.LONGEST_NAME]
    browser = sessions.browser_named(request.user_agent.string)
    return typed or browser or door_words.say("passkey")


# --- recovery codes -----------------------------------------------------------------------------------


@bp.post("/recovery-codes")
@require_fresh_owner
def renew_codes() -> Response:
    """Make new codes, and show them this once."""
    owner = _owner()
    with transaction() as db:
        factors.hold(db, owner.email)
        if not factors.of(db, owner.email).any:
            return _page(409, error=door_words.say("codes_need_factor"))
        codes = recovery_codes.renew(db, owner.email, utcnow())
        sign_in.note(db, AccessKind.RECOVERY_CODES_MADE, owner.email)
    return _page_of_codes(codes, "/account/factors")


# --- what they share ----------------------------------------------------------------------------------


def _owner() -> Owner:
    if reader := current():
        return Owner(reader.email, reader.session, "/account/factors")
    return cast(Owner, g.owner)


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings


def _may_add(db: Session, owner: Owner) -> bool:
    """Say whether they may still: who isn't in yet sets up the first, and no other beside it.

    Whoever has the password too must not add theirs at the same instant.
    """
    factors.hold(db, owner.email)
    return owner.session is not None or not factors.of(db, owner.email).any


def _may_remove(db: Session, owner: Owner) -> bool:
    """Say whether one factor less will do. Those of this person stand still from here on."""
    factors.hold(db, owner.email)
    user = db.get_one(User, owner.email)
    return not (factors.are_needed(user.role, _settings()) and factors.of(db, owner.email).is_last)


def _added(db: Session, owner: Owner) -> Sequence[str]:
    """Let this session have shown the new factor; return the recovery codes that come with the first."""
    if owner.session is not None:
        sign_in.renew_session(db, Proven.FACTOR)
    if recovery_codes.left(db, owner.email):
        return ()
    sign_in.note(db, AccessKind.RECOVERY_CODES_MADE, owner.email)
    return recovery_codes.renew(db, owner.email, utcnow())


def _let_on(owner: Owner, done: str, codes: Sequence[str]) -> Response:
    """Show the codes if there are new ones; whoever was on their way in is signed in now."""
    let_in = None
    if owner.session is None:
        with reading() as db:
            user = db.get_one(User, owner.email)
        let_in = sign_in.let_in(user, owner.goes_to, Proven.FACTOR)
    if not codes:
        return let_in or _leave(done)
    page = _page_of_codes(codes, let_in.location or "/" if let_in else owner.goes_to)
    for cookie in let_in.headers.getlist("Set-Cookie") if let_in else ():
        page.headers.add("Set-Cookie", cookie)
    return page


def _leave(done: str) -> Response:
    session[DONE] = done
    return make_response(redirect("/account/factors", 303))


def _page_of_codes(codes: Sequence[str], goes_on: str) -> Response:
    return make_response(_render("door/recovery_codes.html", codes=codes, goes_on=goes_on))


def _page(status: int = 200, *, error: str = "") -> Response:
    owner = _owner()
    with reading() as db:
        user = db.get_one(User, owner.email)
        page = _render(
            "door/factors.html",
            factors=factors.of(db, owner.email),
            app=authenticators.of(db, owner.email),
            passkeys=passkeys.of(db, owner.email),
            site=ceremonies.site(),
            is_needed=factors.are_needed(user.role, _settings()),
            done=session.pop(DONE, ""),
            error=error,
            now=utcnow(),
        )
    return make_response(page, status)


def _render(template: str, **values: object) -> str:
    owner = _owner()
    return render_template(
        template, d=door_words.say, owner=owner, has_desk=owner.session is not None and has_desk(), **values
    )
