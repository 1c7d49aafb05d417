"""Who is this? Signing in and out, and the guards that let only the right people to a page."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import wraps
from typing import NoReturn, ParamSpec, cast

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    g,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app import web
from app.agents import presence, teams
from app.audit.log import Actor
from app.clock import utcnow
from app.db import OUT_OF_REACH, reading, transaction
from app.door import (
    access_log,
    ceremonies,
    factors,
    first_pages,
    guessing,
    half_in,
    oidc,
    passwords,
    sessions,
)
from app.door import words as door_words
from app.door.first_pages import OVERSEERS as OVERSEERS
from app.door.guessing import Throttle
from app.door.sessions import BY_PASSWORD, Limits, Opened
from app.records.access import AccessKind, Proven, UserSession
from app.records.agents import Agent, Role, User
from app.records.audit import Via
from config import Settings

bp = Blueprint("sign_in", __name__)
log = logging.getLogger(__name__)
SECOND = "/login/second"  # where the second factor is asked for

P = ParamSpec("P")
View = Callable[P, Response]


# What the session's cookie holds of it. The names without a row of ours are for a process of the release
# before, beside which this one may run during an upgrade.
SESSION = "session"
# A code of what was done before, for the page where one signs in.
NOTICE = "login_notice"


@dataclass(frozen=True)
class SignedIn:
    """Who asks. `agent` is the key of the agent whose desk they may use, None for people without one."""

    email: str
    role: Role
    agent: str | None
    language: str
    session: str  # the hash of theirs: what they open ends with it
    proven_at: datetime  # when they last showed who they are


# --- the guards --------------------------------------------------------------------------------------


def current() -> SignedIn | None:
    """Return who is signed in, looked up once in each request; None when nobody is.

    A session ends when it, or all of this user's, were ended, when a shift's time is over, and when nothing
    was heard of it for long; see app/door/sessions.py. Somebody whose agent left is nobody.
    """
    if "signed_in" not in g:
        g.signed_in = _look_up()
    return cast(SignedIn | None, g.signed_in)


def _look_up() -> SignedIn | None:
    secret = session.get(SESSION)
    if not isinstance(secret, str):
        return None
    now = utcnow()
    with reading() as db:
        found = sessions.find(db, secret, now, _limits())
    if found is None:
        return None
    if now - found.seen_at > sessions.SEEN_EVERY:
        # A database too busy to write it down has no reason to turn somebody away.
        with suppress(*OUT_OF_REACH), transaction() as db:
            sessions.seen(db, found.hash, now)
    return SignedIn(found.email, found.role, found.agent, found.language, found.hash, found.proven_at)


def _limits() -> Limits:
    return Limits.of(current_app.config["SETTINGS"])


def require_sign_in(view: View[P]) -> View[P]:
    """Let only people who are signed in to the view."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
        return view(*args, **kwargs) if current() else ask_to_sign_in()

    return guarded


def require_agent(view: View[P]) -> View[P]:
    """Let only somebody with a desk to the view; `desk_of_reader()` then names their agent."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
        if not (reader := current()):
            return ask_to_sign_in()
        if reader.agent is None:
            _refuse(reader)
        # A page that was opened by somebody else, in a browser where another has signed in since, must not
        # show the other's calls under the first one's name.
        meant = request.headers.get("X-Desk-Agent") or request.args.get("desk")
        if meant and meant != reader.agent:
            return web.signed_out()
        return view(*args, **kwargs)

    return guarded


def require_role(*roles: Role) -> Callable[[View[P]], View[P]]:
    """Let only people of these roles to the view."""

    def guard(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
            if not (reader := current()):
                return ask_to_sign_in()
            if reader.role not in roles:
                _refuse(reader)
            return view(*args, **kwargs)

        return guarded

    return guard


def _refuse(reader: SignedIn) -> NoReturn:
    """Nobody presses a button that isn't there: whoever asks all the same is written down."""
    log.warning("not allowed", extra={"endpoint": request.endpoint, "role": str(reader.role)})
    abort(403)


def actor() -> Actor:
    """Return the reader as the audit log knows them. Only beneath a guard."""
    reader = current()
    if reader is None:
        raise RuntimeError("actor() was asked outside a guard")
    return Actor(reader.email, Via.PAGE)


def reach(db: Session) -> teams.Reach:
    """Return of which teams the reader sees what others do. Only beneath a guard."""
    return teams.reach_of(db, actor().name)


def has_desk() -> bool:
    """Say whether the reader has a desk of their own."""
    reader = current()
    return reader is not None and reader.agent is not None


def desk_of_reader() -> str:
    """Return the key of the agent who asks. Only beneath require_agent."""
    reader = current()
    if reader is None or reader.agent is None:
        raise RuntimeError("desk_of_reader() was asked outside require_agent")
    return reader.agent


def proof_of_reader() -> sessions.Proof:
    """Return what the reader's stream is opened with, and ends with. Only beneath a guard."""
    reader = current()
    if reader is None:
        raise RuntimeError("proof_of_reader() was asked outside a guard")
    return sessions.Proof.of_session(reader.session)


def ask_to_sign_in() -> Response:
    if request.method == "GET" and web.wants_page():
        where = request.full_path.rstrip("?")
        return make_response(redirect(url_for("sign_in.login", next=where)))
    return web.signed_out()


# --- signing in and out ------------------------------------------------------------------------------


def judge(email: str, password: str) -> User | None:
    """Return the user when the password is theirs. Takes the same time when there is no such user."""
    with reading() as db:
        user = db.get(User, email)
        may = user is not None and may_come_in(db, user)
    if not passwords.fits(user.password_hash if user else None, password) or user is None or not may:
        return None
    if passwords.needs_rehash(user.password_hash):
        with transaction() as db:
            db.execute(
                update(User)
                .where(User.email == email, User.password_hash == user.password_hash)
                .values(password_hash=passwords.rehash(password))
            )
    return user


def may_come_in(db: Session, user: User) -> bool:
    """Say whether this is somebody who works here: not an agent who left, nor off in the directory."""
    return user.is_active and (user.agent is None or db.get_one(Agent, user.agent).enabled)


@bp.get("/")
def front_door() -> Response:
    """Lead each role to its first page."""
    reader = current()
    where = _first_page(reader.role, reader.agent, "/desk") if reader else url_for("sign_in.login")
    return make_response(redirect(where))


@bp.get("/login")
def login() -> Response:
    if reader := current():
        asked = web.safe_next(request.args.get("next", ""))
        return make_response(redirect(_first_page(reader.role, reader.agent, asked)))
    return page(notice=_why_signed_out())


def _why_signed_out() -> str:
    """Say why somebody must sign in who was signed in here before; nothing to all others."""
    if notice := session.pop(NOTICE, ""):
        return door_words.say(str(notice))
    if SESSION in session:
        return web.t("login_ended")
    return web.t("login_renewed") if "user" in session else ""


@bp.post("/login")
def sign_in() -> Response:
    settings: Settings = current_app.config["SETTINGS"]
    if not settings.passwords:
        return page(403, error=web.t("login_passwords_off", name=name_of_provider()))
    email = request.form.get("email", "").strip().lower()
    device = device_of_request()
    throttle = Throttle.of(email, request.remote_addr or "", settings.secret_key, device)
    with transaction() as db:
        wait = guessing.register_attempt(db, throttle, utcnow())
        if wait:
            note(db, AccessKind.SLOWED_DOWN, email)
    if wait:
        return page(429, error=wait_in_words(wait, throttle), wait=wait)
    user = judge(email, request.form.get("password", ""))
    if user is None:
        with transaction() as db:
            note(db, AccessKind.REFUSED, email)
        return page(401, error=web.t("login_wrong"))
    where = web.safe_next(request.form.get("next", ""))
    with transaction() as db:
        guessing.forgive(db, throttle)
        where = enter(db, user, BY_PASSWORD, where)
    return _lead(user, where)


def let_in(user: User, where: str, by: Proven) -> Response:
    """Begin a session for somebody who showed the rest too, and lead them to where they were going."""
    half = half_in.current()
    opened = replace(half.opened if half is not None and half.email == user.email else BY_PASSWORD, by=by)
    with transaction() as db:
        where = enter(db, user, opened, where)
    return _lead(user, where)


def enter(db: Session, user: User, opened: Opened, where: str) -> str:
    """Begin somebody's session in this browser; return where they go from here.

    Where more is asked of them than they have shown so far, they are half-way in, and go there first.
    """
    if rest := _rest_to_show(db, user, opened):
        _end_session(db)
        for_so_long = half_in.FOR_SO_LONG if rest == SECOND else half_in.TO_SET_UP
        half_in.begin(user, where, utcnow() + for_so_long, opened)
        return rest
    _start_session(db, user, opened)
    note(db, AccessKind.SIGNED_IN, user.email)
    return _first_page(Role(user.role), user.agent, where)


def _rest_to_show(db: Session, user: User, opened: Opened) -> str:
    settings: Settings = current_app.config["SETTINGS"]
    if opened.by is Proven.FACTOR:
        return ""
    if factors.of(db, user.email).any:
        return SECOND
    return "/account/factors" if factors.are_needed(user.role, settings) else ""


def _lead(user: User, where: str) -> Response:
    response = make_response(redirect(where, 303))
    if half_in.current() is not None:
        return response
    return _remembering((device_of_request() or guessing.new_device()).with_(user.email), response)


def device_of_request() -> guessing.Device | None:
    settings: Settings = current_app.config["SETTINGS"]
    return guessing.device_from(request.cookies.get(_device_cookie(), ""), settings.all_secret_keys)


def note(db: Session, kind: AccessKind, email: str, *, about: str = "") -> None:
    """Write down what somebody did at the door in this request; of who has no account, no name."""
    known = db.scalar(select(User.email).where(User.email == email))
    access_log.note(db, kind, known, utcnow(), place_of_request(), about=about)


def place_of_request() -> access_log.Place:
    browser = sessions.browser_named(request.user_agent.string)
    return access_log.Place.of(browser, request.remote_addr or "")


def _device_cookie() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}-device"


def _remembering(device: guessing.Device, response: Response) -> Response:
    """Let this browser be known: guesses from elsewhere don't slow it down; see app/door/guessing.py."""
    settings: Settings = current_app.config["SETTINGS"]
    response.set_cookie(
        _device_cookie(),
        guessing.cookie_for(device, settings.all_secret_keys),
        max_age=guessing.DEVICE_FOR,
        secure=bool(current_app.config["SESSION_COOKIE_SECURE"]),
        httponly=True,
        samesite="Lax",
    )
    return response


def _first_page(role: Role, agent: str | None, asked: str) -> str:
    """Return where somebody goes who has signed in: where they were going; without a desk, not to one."""
    first = first_pages.first_for(role, has_desk=agent is not None)
    return first.href if first is not None and asked == "/desk" else asked


def _end_session(db: Session) -> None:
    """Whoever was signed in in this browser isn't any more; nothing of theirs survives.

    Neither a planted token nor somebody else's card.
    """
    if before := session.get(SESSION):
        db.execute(delete(UserSession).where(UserSession.hash == sessions.hash_of(str(before))))
    session.clear()


def _start_session(db: Session, user: User, opened: Opened) -> None:
    now = utcnow()
    _end_session(db)
    browser = sessions.browser_named(request.user_agent.string)
    session[SESSION] = sessions.start(db, user, browser, now, opened)
    session["user"] = user.email
    session["number"] = user.session_number
    session["since"] = int(now.timestamp())
    session["language"] = user.language


def renew_session(db: Session, by: Proven | None = None) -> None:
    """Give the reader's session a new secret: they showed once more who they are; see sessions.renew."""
    reader = current()
    if reader is None:
        raise RuntimeError("renew_session() was asked outside a guard")
    now = utcnow()
    renewed = sessions.renew(db, reader.session, now, _limits(), by)
    if renewed is not None:
        session[SESSION], hashed = renewed
        g.signed_in = replace(reader, session=hashed, proven_at=now)


# --- for another way in: see app/door/oidc_views.py ------------------------------------------------


def provider() -> oidc.Provider | None:
    """Return the organisation's own provider, None where the settings name none."""
    settings: Settings = current_app.config["SETTINGS"]
    if settings.oidc is None:
        return None
    if "oidc" not in current_app.extensions:
        current_app.extensions["oidc"] = oidc.Provider(settings, settings.oidc)
    return cast(oidc.Provider, current_app.extensions["oidc"])


def name_of_provider() -> str:
    settings: Settings = current_app.config["SETTINGS"]
    return (settings.oidc.name if settings.oidc else "") or web.t("oidc_organisation")


def door(status: int, error: str) -> Response:
    """Return the sign-in page, which says why nobody came in."""
    return page(status, error=error)


def _sign_out_there(opened: Opened) -> Response | None:
    """Lead a browser on to sign out at the provider as well, where it came in by that; None: it didn't."""
    there = provider()
    came_by_it = there is not None and opened.how != BY_PASSWORD.how
    address = there.address_to_sign_out(opened.id_token) if there is not None and came_by_it else None
    if address is None:
        return None
    if web.may_forms_lead_to(address):
        return make_response(redirect(address, 303))
    # Elsewhere a form may not lead; a page may.
    return make_response(render_template("door/signed_out.html", address=address, name=name_of_provider()))


def page(status: int = 200, *, error: str = "", notice: str = "", wait: int = 0) -> Response:
    asked = request.values.get("next", "")
    settings: Settings = current_app.config["SETTINGS"]
    text = render_template(
        "door/login.html",
        error=error,
        notice=notice,
        email=request.form.get("email", ""),
        next=web.safe_next(asked),
        elsewhere=name_of_provider() if settings.oidc else "",
        passwords=settings.passwords,
        has_passkeys_here=ceremonies.site() is not None,
        d=door_words.say,
    )
    response = make_response(text, status)
    if wait:
        response.headers["Retry-After"] = str(wait)
    return response


def wait_in_words(seconds: int, throttle: Throttle) -> str:
    minutes = -(-seconds // 60)
    how_long = web.duration(seconds, "second") if seconds < 90 else web.duration(minutes, "minute")
    words = web.t("login_wait", how_long=how_long)
    return words if throttle.is_known else f"{words} {web.t('login_wait_elsewhere')}"


@bp.post("/logout")
def logout() -> Response:
    """End this session; with `everywhere`, all sessions of this user.

    The agent's shift ends with it, unless their desk is open in another browser too.
    """
    opened = BY_PASSWORD
    if reader := current():
        now = utcnow()
        with transaction() as db:
            opened = sessions.opened_by(db, reader.session)
            if request.form.get("everywhere"):
                sessions.end_all(db, reader.email, now)
                note(db, AccessKind.SIGNED_OUT_EVERYWHERE, reader.email)
            else:
                sessions.end(db, reader.email, reader.session)
                sessions.end_renewed(db, reader.email, now, _limits())
                note(db, AccessKind.SIGNED_OUT, reader.email)
                if reader.agent and not sessions.is_elsewhere(db, reader.agent, reader.session, now):
                    presence.signs_out(db, reader.agent, now)
    chosen = session.get("language")
    session.clear()
    if chosen:
        session["language"] = chosen
    return _sign_out_there(opened) or make_response(redirect(url_for("sign_in.login"), 303))


@bp.post("/language")
def choose_language() -> Response:
    """Show the pages in another language, now and at the next sign-in."""
    chosen = request.form.get("language", "")
    if not web.choose_language(chosen):
        abort(400)
    if reader := current():
        with transaction() as db:
            db.execute(update(User).where(User.email == reader.email).values(language=chosen))
    return make_response(redirect(web.safe_next(request.form.get("next", "")), 303))
