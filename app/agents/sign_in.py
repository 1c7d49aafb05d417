"""Who is this? Signing in and out, and the guards that let only the right people to a page."""

import hashlib
import hmac
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import ParamSpec, cast

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
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from app import web
from app.agents import first_pages, passwords, presence
from app.agents.first_pages import OVERSEERS as OVERSEERS
from app.clock import utcnow
from app.db import reading, transaction
from app.records.agents import Agent, Role, SignInAttempt, User
from config import Settings

bp = Blueprint("sign_in", __name__)

P = ParamSpec("P")
View = Callable[P, Response]

SHIFT = timedelta(hours=14)  # after this one signs in again, whatever happened meanwhile
REMEMBERED = timedelta(hours=1)  # refused attempts
# One person at one place: five mistakes are human. A whole office behind one address makes more.
FREE_FOR_ACCOUNT, FIRST_WAIT_FOR_ACCOUNT, LONGEST_WAIT_FOR_ACCOUNT = 5, 15, 900
FREE_FOR_ADDRESS, FIRST_WAIT_FOR_ADDRESS, LONGEST_WAIT_FOR_ADDRESS = 50, 5, 300


@dataclass(frozen=True)
class SignedIn:
    """Who asks. `agent` is the key of the agent whose desk they may use, None for people without one."""

    email: str
    role: Role
    agent: str | None
    language: str


# --- the guards --------------------------------------------------------------------------------------


def current() -> SignedIn | None:
    """Return who is signed in, looked up once in each request; None when nobody is.

    A session ends when the user is gone or signed out everywhere, and when a shift's time is over. Somebody
    whose agent left the organisation is nobody.
    """
    if "signed_in" not in g:
        g.signed_in = _look_up()
    return cast(SignedIn | None, g.signed_in)


def _look_up() -> SignedIn | None:
    email, since = session.get("user"), session.get("since", 0)
    if not email or utcnow().timestamp() - since > SHIFT.total_seconds():
        return None
    with reading() as db:
        row = db.execute(
            select(User.role, User.agent, User.language, User.session_number, Agent.enabled)
            .outerjoin(Agent, Agent.key == User.agent)
            .where(User.email == email)
        ).one_or_none()
    if row is None or row.session_number != session.get("number") or row.enabled is False:
        return None
    return SignedIn(email, row.role, row.agent, row.language)


def require_sign_in(view: View[P]) -> View[P]:
    """Let only people who are signed in to the view."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
        return view(*args, **kwargs) if current() else _ask_to_sign_in()

    return guarded


def require_agent(view: View[P]) -> View[P]:
    """Let only somebody with a desk to the view; `desk_of_reader()` then names their agent."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
        if not (reader := current()):
            return _ask_to_sign_in()
        if reader.agent is None:
            abort(403)
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
                return _ask_to_sign_in()
            if reader.role not in roles:
                abort(403)
            return view(*args, **kwargs)

        return guarded

    return guard


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


def _ask_to_sign_in() -> Response:
    if request.method == "GET" and web.wants_page():
        where = request.full_path.rstrip("?")
        return make_response(redirect(url_for("sign_in.login", next=where)))
    return web.signed_out()


# --- slowing down guesses ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Throttle:
    """The two things that an attempt counts against, as keyed hashes: neither is readable in the table."""

    account: str  # this account from this address: nobody else's sign-in suffers from it
    address: str

    @classmethod
    def of(cls, email: str, address: str, key: str) -> "Throttle":
        network = _network(address)
        return cls(_keyed(key, f"account {network} {email}"), _keyed(key, f"address {network}"))


def _network(address: str) -> str:
    """Return the address; for IPv6 its /64, since one visitor has all of that."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def _keyed(key: str, text: str) -> str:
    return hmac.new(key.encode(), f"sign-in {text}".encode(), hashlib.sha256).hexdigest()


def register_attempt(db: Session, throttle: Throttle, now: datetime) -> int:
    """Count an attempt before it is judged; return 0, or the seconds to wait when it may not be made yet.

    Counted first, so that many at once can't all slip through; `forgive` takes it back when it was right.
    """
    if db.get_bind().dialect.name == "postgresql":
        # One at a time for each account and address; SQLite has one writer anyway.
        db.execute(select(func.pg_advisory_xact_lock(int(throttle.account[:15], 16))))
    wait = max(
        _wait(db, throttle.account, now, FREE_FOR_ACCOUNT, FIRST_WAIT_FOR_ACCOUNT, LONGEST_WAIT_FOR_ACCOUNT),
        _wait(db, throttle.address, now, FREE_FOR_ADDRESS, FIRST_WAIT_FOR_ADDRESS, LONGEST_WAIT_FOR_ADDRESS),
    )
    if wait == 0:
        db.add_all(SignInAttempt(subject=subject, at=now) for subject in (throttle.account, throttle.address))
        db.execute(delete(SignInAttempt).where(SignInAttempt.at < now - REMEMBERED))
    return wait


def _wait(db: Session, subject: str, now: datetime, free: int, first: int, longest: int) -> int:
    refused, last = db.execute(
        select(func.count(), func.max(SignInAttempt.at)).where(
            SignInAttempt.subject == subject, SignInAttempt.at > now - REMEMBERED
        )
    ).one()
    if refused < free:
        return 0
    pause = min(longest, first * 2 ** min(refused - free, 20))
    until = last + timedelta(seconds=pause)
    return max(0, -int((now - until).total_seconds() // 1)) if until > now else 0


def forgive(db: Session, throttle: Throttle) -> None:
    """Forget this account's refused attempts from this address, and one of the address's own."""
    db.execute(delete(SignInAttempt).where(SignInAttempt.subject == throttle.account))
    newest = select(func.max(SignInAttempt.id)).where(SignInAttempt.subject == throttle.address)
    db.execute(delete(SignInAttempt).where(SignInAttempt.id == newest.scalar_subquery()))


# --- signing in and out ------------------------------------------------------------------------------


def judge(email: str, password: str) -> User | None:
    """Return the user when the password is theirs. Takes the same time when there is no such user."""
    with reading() as db:
        user = db.get(User, email)
        left = user is not None and user.agent is not None and not db.get_one(Agent, user.agent).enabled
    if not passwords.fits(user.password_hash if user else None, password) or user is None or left:
        return None
    if passwords.needs_rehash(user.password_hash):
        with transaction() as db:
            db.execute(
                update(User)
                .where(User.email == email, User.password_hash == user.password_hash)
                .values(password_hash=passwords.rehash(password))
            )
    return user


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
    return _page()


@bp.post("/login")
def sign_in() -> Response:
    settings: Settings = current_app.config["SETTINGS"]
    email = request.form.get("email", "").strip().lower()
    throttle = Throttle.of(email, request.remote_addr or "", settings.secret_key)
    with transaction() as db:
        wait = register_attempt(db, throttle, utcnow())
    if wait:
        return _page(429, error=_wait_in_words(wait), wait=wait)
    user = judge(email, request.form.get("password", ""))
    if user is None:
        return _page(401, error=web.t("login_wrong"))
    with transaction() as db:
        forgive(db, throttle)
    _start_session(user)
    asked = web.safe_next(request.form.get("next", ""))
    return make_response(redirect(_first_page(user.role, user.agent, asked), 303))


def _first_page(role: Role, agent: str | None, asked: str) -> str:
    """Return where somebody goes who has signed in: where they were going; without a desk, not to one."""
    first = first_pages.first_for(role, has_desk=agent is not None)
    return first.href if first is not None and asked == "/desk" else asked


def _start_session(user: User) -> None:
    # Nothing of the visitor before survives: neither a planted token nor somebody else's card.
    session.clear()
    session["user"] = user.email
    session["number"] = user.session_number
    session["since"] = int(utcnow().timestamp())
    session["language"] = user.language


def _page(status: int = 200, *, error: str = "", wait: int = 0) -> Response:
    asked = request.values.get("next", "")
    page = render_template(
        "agents/login.html", error=error, email=request.form.get("email", ""), next=web.safe_next(asked)
    )
    response = make_response(page, status)
    if wait:
        response.headers["Retry-After"] = str(wait)
    return response


def _wait_in_words(seconds: int) -> str:
    minutes = -(-seconds // 60)
    how_long = web.duration(seconds, "second") if seconds < 90 else web.duration(minutes, "minute")
    return web.t("login_wait", how_long=how_long)


@bp.post("/logout")
def logout() -> Response:
    """End this session, and its agent's shift; with `everywhere`, all sessions of this user."""
    if reader := current():
        with transaction() as db:
            if reader.agent:
                presence.signs_out(db, reader.agent, utcnow())
            if request.form.get("everywhere"):
                newer = User.session_number + 1
                db.execute(update(User).where(User.email == reader.email).values(session_number=newer))
    chosen = session.get("language")
    session.clear()
    if chosen:
        session["language"] = chosen
    return make_response(redirect(url_for("sign_in.login"), 303))


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
