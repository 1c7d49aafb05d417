"""What does every page share? Security headers, the guard on forms, the reader's language, error pages."""

import logging
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from babel.units import format_unit
from flask import (
    Blueprint,
    Flask,
    Request,
    Response,
    abort,
    current_app,
    g,
    render_template,
    request,
    session,
)
from flask.json.provider import DefaultJSONProvider
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from werkzeug.datastructures import Headers, ImmutableMultiDict, iter_multi_items
from werkzeug.exceptions import HTTPException
from werkzeug.routing import IntegerConverter, Map, MapAdapter

from app import catalogue
from app.catalogue import times
from app.db import IMPOSSIBLE, OUT_OF_REACH
from app.errors import ApplicationError, InvalidField
from config import Settings

log = logging.getLogger(__name__)

bp = Blueprint("web", __name__)

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Their callers prove themselves with a signature or a token in each request, and hold no session.
# A browser that tells what it kept a page from doing has neither; it is only counted.
REPORTS_OF_BROWSERS = "/csp-reports"
# The organisation's provider signs what it tells us.
SIGNED_OUT_THERE = "/login/oidc/backchannel"
OF_CARRIER = ("/voice/", "/messages/")
WITHOUT_SESSION = (*OF_CARRIER, "/api/", "/scim/", REPORTS_OF_BROWSERS, SIGNED_OUT_THERE)
CSRF_FIELD = "csrf"
CSRF_HEADER = "X-CSRF-Token"
LARGEST_IN_COLUMN = 2**31 - 1
DEFAULT_ZONE = ZoneInfo("Europe/Amsterdam")
SELF = "'self'"
_PAGE_CODES = frozenset(catalogue.codes("page"))


def content_security_policy(connect: Sequence[str] = (), media: Sequence[str] = ()) -> str:
    """Return what browsers hold a page to: no inline script or style, nothing from a host that isn't named.

    `connect` are those that its scripts may speak to besides ours, `media` where its sound may come from.
    """
    return (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src {' '.join([SELF, *connect])}; media-src {' '.join([SELF, *media])}; "
        f"font-src 'self'; object-src 'none'; base-uri 'none'; form-action {' '.join(where_forms_lead())}; "
        "frame-ancestors 'none'; "
        f"report-uri {REPORTS_OF_BROWSERS}"
    )


def where_forms_lead() -> list[str]:
    """Return where a form of ours may lead: to us; and, signing out, on to where one signed in."""
    # Without an application only the names of the directives are asked for.
    oidc = current_app.config["SETTINGS"].oidc if current_app else None
    return [SELF, _origin_of(oidc.issuer)] if oidc is not None else [SELF]


def may_forms_lead_to(address: str) -> bool:
    return _origin_of(address) in where_forms_lead()


def _origin_of(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


class Fields(ImmutableMultiDict[str, Any]):
    """The fields of a form or an address, without U+0000: nobody means it, PostgreSQL takes it in no text."""

    def __init__(self, mapping: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None) -> None:
        items = iter_multi_items(mapping or ())
        super().__init__(
            (name, value.replace("\x00", "") if isinstance(value, str) else value) for name, value in items
        )


class PageRequest(Request):
    """A request whose fields are `Fields` where people send them.

    The carrier's and the API's stay as they were sent: one signs every byte, the other is told what to mend.
    """

    def __init__(self, environ: Any, populate_request: bool = True, shallow: bool = False) -> None:
        super().__init__(environ, populate_request, shallow)
        if not self.path.startswith(WITHOUT_SESSION):
            self.parameter_storage_class = Fields


@dataclass(frozen=True)
class Way:
    """A link by which somebody gets on, and its words."""

    href: str
    words: str


@dataclass(frozen=True)
class Reader:
    """Who reads a page that refuses: a role, `citizen` with a link of ours, or `nobody` who is signed in."""

    kind: str
    ways: tuple[Way, ...] = ()  # pages that they may see
    telephone: Way | None = None  # on which a citizen reaches us
    email: str = ""  # of who is signed in


# Where those read who know us by a link in a message, or stand beside a call.
_FOR_CITIZENS = ("/c/", "/b/", "/s/")
# The name under which the application keeps the function that tells who reads: it knows rooms above this one.
WHO_READS = "who_reads"


def is_for_citizens(path: str) -> bool:
    return path in ("/b", "/s") or path.startswith(_FOR_CITIZENS)


class RowNumber(IntegerConverter):
    """A whole number of an address, which names a row: none beyond what its column holds."""

    def __init__(
        self,
        map: Map,
        fixed_digits: int = 0,
        min: int | None = None,
        max: int | None = None,
        signed: bool = False,
    ) -> None:
        most = LARGEST_IN_COLUMN if max is None and not signed else max
        super().__init__(map, fixed_digits, min, most, signed)


class Json(DefaultJSONProvider):
    """JSON as Flask has it, except that what is nested beyond all measure is none, and no failure of ours."""

    def loads(self, s: str | bytes, **more: Any) -> Any:
        try:
            return super().loads(s, **more)
        except RecursionError as error:
            raise ValueError("nested too deep") from error


class Sessions(SecureCookieSessionInterface):
    """Cookies of people; who asks with a signature or a token has none, and none is looked for or made."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        # None: an empty one that nothing can be kept in.
        return None if request.path.startswith(WITHOUT_SESSION) else super().open_session(app, request)


class Pages(Flask):
    """Flask, with what would be done for nothing at each request left out."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """None of our views is a coroutine: else each would be looked at, ten times a request."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """The carrier's addresses are found by their path, whatever host it says that it asks.

        Nothing leads from there to another address of ours that begins with that host.
        """
        if request is None or not request.path.startswith(OF_CARRIER):
            return super().create_url_adapter(request)
        settings: Settings = self.config["SETTINGS"]
        return MapAdapter(
            self.url_map,
            server_name=settings.public_url.partition("://")[2],
            script_name=request.environ["SCRIPT_NAME"],
            subdomain="",
            url_scheme=request.scheme,
            path_info=request.path,
            default_method=request.method,
            query_args=request.environ["QUERY_STRING"],
        )


class FormRefused(ApplicationError):
    """The request did not come from a page of ours, or from one that is too old."""


def prepare(app: Flask) -> None:
    """Set up what addresses are made of; before any are registered."""
    app.url_map.converters["int"] = RowNumber


def register(app: Flask) -> None:
    """Give the application its headers, its guard, its languages and its error pages."""
    settings: Settings = app.config["SETTINGS"]
    app.config.update(
        # The __Host- prefix makes a browser refuse the cookie from another host or path, or without TLS.
        SESSION_COOKIE_NAME="__Host-rechtdoor" if settings.is_production else "rechtdoor",
        SESSION_COOKIE_SECURE=settings.is_production,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,  # or each heartbeat would send the cookie anew
    )
    app.request_class = PageRequest
    app.session_interface = Sessions()
    app.json = Json(app)
    app.before_request(refuse_impossible_addresses)
    app.before_request(refuse_foreign_forms)
    app.after_request(add_security_headers)
    app.context_processor(_for_templates)
    for template_filter in (clock_time, seconds_clock, day, day_and_time, due, duration):
        app.add_template_filter(template_filter)
    app.register_error_handler(FormRefused, _form_refused)
    app.register_error_handler(HTTPException, _error_page)
    for impossible in IMPOSSIBLE:
        app.register_error_handler(impossible, _impossible)
    for error in OUT_OF_REACH:
        app.register_error_handler(error, _out_of_reach)
    app.register_blueprint(bp)


# --- language ----------------------------------------------------------------------------------------


def language() -> str:
    """Return the language of who is reading: their own choice, else what their browser asks for."""
    chosen = session.get("language")
    return str(chosen) if chosen in catalogue.LANGUAGES else language_asked_for()


def language_asked_for() -> str:
    """Return the language that the request asks for, of those that we speak."""
    settings: Settings = current_app.config["SETTINGS"]
    # Best first. Werkzeug's best_match would answer “nl-NL, en;q=0.5” in English: it prefers whole matches.
    for tag, quality in request.accept_languages:
        if quality > 0 and (spoken := tag.split("-")[0].lower()) in catalogue.LANGUAGES:
            return spoken
    return settings.default_language


def t(code: str, **values: object) -> str:
    """Return a text of the pages in the reader's language."""
    return catalogue.text(f"page.{code}", language(), **values)


def choose_language(chosen: str) -> bool:
    """Remember the reader's choice for this session; False for a language that we don't have."""
    if chosen not in catalogue.LANGUAGES:
        return False
    session["language"] = chosen
    return True


def show_times_in(zone: str) -> None:
    """Show this request's times as the clocks of `zone` (an IANA name) show them."""
    g.zone = ZoneInfo(zone)


def in_their_zone(moment: datetime) -> datetime:
    """Return the moment as the clock on the reader's wall shows it."""
    return moment.astimezone(g.get("zone", DEFAULT_ZONE))


def clock_time(moment: datetime) -> str:
    return times.figures(in_their_zone(moment), language())


def seconds_clock(moment: datetime) -> str:
    """Return “14:05:09”, for what goes on within a minute."""
    return in_their_zone(moment).strftime("%H:%M:%S")


def due(moment: datetime, now: datetime) -> str:
    """Return “vóór 14:00”, “morgen vóór 10:00”: how a promise's time is said."""
    return times.deadline(moment, now, g.get("zone", DEFAULT_ZONE), language())


def day(moment: datetime, now: datetime) -> str:
    """Return the day without the time: “gisteren”, “ma 3 nov”, with the year when it is another one."""
    local, today = in_their_zone(moment).date(), in_their_zone(now).date()
    if near := {-1: "yesterday", 0: "today", 1: "tomorrow"}.get((local - today).days):
        return catalogue.text(f"day.{near}", language())
    return times.short_date(local, language(), with_year=local.year != today.year)


def day_and_time(moment: datetime, now: datetime) -> str:
    """Return “vandaag 14:05”, “gisteren 09:10”, “ma 3 nov 14:05”."""
    return f"{day(moment, now)} {clock_time(moment)}"


def duration(count: int, unit: str, length: Literal["short", "long"] = "long") -> str:
    """Return “1 minuut”, “15 minuten”; “15 min” where there is little room."""
    return format_unit(count, f"duration-{unit}", length, locale=catalogue.locale(language()))


# --- the guard on forms ------------------------------------------------------------------------------


def csrf_token() -> str:
    """Return the token that every form and script of this session sends along; none where there is none."""
    if request.path.startswith(WITHOUT_SESSION):
        return ""
    if "csrf" not in session:
        session["csrf"] = secrets.token_urlsafe(24)
    return str(session["csrf"])


def refuse_impossible_addresses() -> None:
    """Nothing of ours is named with what no name can hold, so there is no such page."""
    if "\x00" in request.path and not request.path.startswith(WITHOUT_SESSION):
        abort(404)


def refuse_foreign_forms() -> None:
    """Refuse a change that no page of ours asked for: wrong origin, or without the session's token."""
    if request.method in SAFE_METHODS or request.path.startswith(WITHOUT_SESSION):
        return
    if not _is_our_origin(request.headers):
        raise FormRefused("origin")
    sent = request.headers.get(CSRF_HEADER) or request.form.get(CSRF_FIELD, "")
    expected = session.get("csrf", "")
    if not expected or not secrets.compare_digest(sent.encode(), expected.encode()):
        raise FormRefused("token")


def _is_our_origin(headers: Headers) -> bool:
    origin = headers.get("Origin")
    if origin is None:
        # Browsers send one with each POST; where it is missing, Sec-Fetch-Site may still tell.
        return headers.get("Sec-Fetch-Site", "same-origin") in {"same-origin", "none"}
    settings: Settings = current_app.config["SETTINGS"]
    return origin in {request.host_url.rstrip("/"), settings.public_url}


def safe_next(target: str) -> str:
    """Return `target` when it is a path of ours, else the desk: a link must not lead people elsewhere."""
    parts = urlsplit(target)
    is_ours = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if is_ours and not parts.netloc and "\\" not in target else "/desk"


# --- headers and errors ------------------------------------------------------------------------------


def add_security_headers(response: Response) -> Response:
    """Tell browsers what a page of ours never does."""
    settings: Settings = current_app.config["SETTINGS"]
    is_page = response.mimetype == "text/html"
    usual = _usual_headers(request.endpoint == "static", is_page, settings.is_production)
    given = {name.lower() for name, _ in response.headers}
    response.headers.extend([(name, value) for name, value in usual if name.lower() not in given])
    if is_page and "content-security-policy" not in given:
        response.headers["Content-Security-Policy"] = content_security_policy()
    return response


@cache
def _usual_headers(is_static: bool, is_page: bool, is_production: bool) -> list[tuple[str, str]]:
    """Return those that are the same for every answer of a kind."""
    usual = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}
    if not is_static:
        # A card must not come back from a shared computer's history, nor an export from a cache on the way.
        usual["Cache-Control"] = "no-store"
    if is_page:
        usual["X-Frame-Options"] = "DENY"
        usual["Cross-Origin-Opener-Policy"] = "same-origin"
        usual["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(self)"
    elif not is_static:
        # JSON, TwiML, files: opened as a page, they do nothing.
        usual["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
    if is_production:
        usual["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    return list(usual.items())


def wants_page() -> bool:
    """Say whether a person in a browser window waits for the answer, rather than a script."""
    return "text/html" in request.headers.get("Accept", "")


def error_page(status: int) -> Response:
    """Return the page, or the JSON for a script, that says what went wrong and what to do."""
    code = status if f"error_{status}_title" in _PAGE_CODES else (500 if status >= 500 else 400)
    reader = _reader(status)
    title, advice = _for_reader(reader, code, "title"), _for_reader(reader, code, "help")
    if not wants_page():
        problem = {"title": title, "status": status, "detail": advice}
        response = current_app.make_response(current_app.json.response(problem))
        response.mimetype = "application/problem+json"
    else:
        page = render_template("error.html", code=code, title=title, advice=advice, reader=reader)
        response = current_app.make_response(page)
    response.status_code = status
    return response


def _reader(status: int) -> Reader:
    """Return who reads. When we failed ourselves nothing more is asked: it may be what broke the page."""
    if status < 500:
        try:
            return cast(Reader, current_app.extensions[WHO_READS]())
        except OUT_OF_REACH:
            log.warning("who reads an error page is not known")
    if is_for_citizens(request.path):
        return Reader("citizen", ways=(Way(request.path, t("try_again")),))
    return Reader("nobody", ways=(Way("/", t("to_the_beginning")),))


def _for_reader(reader: Reader, code: int, part: str) -> str:
    """Return what is true for this reader where that differs, else what is true for all."""
    theirs = f"error_{code}_{part}_{reader.kind}"
    return t(theirs) if theirs in _PAGE_CODES else t(f"error_{code}_{part}")


def _error_page(error: HTTPException) -> Response | HTTPException:
    if request.path.startswith(WITHOUT_SESSION) or error.code is None or error.code < 400:
        return error
    page = error_page(error.code)
    for name in ("Allow", "Retry-After"):
        for key, value in error.get_headers(request.environ):
            if key == name:
                page.headers[name] = value
    return page


def in_words(error: InvalidField) -> str:
    """Say what to mend, in the words of who reads it where there are any."""
    has_words = f"invalid_{error.field}" in _PAGE_CODES
    return t(f"invalid_{error.field}") if has_words else error.message


def refused(error: InvalidField, title: str) -> Response:
    """Answer a script whose form can't be done as it stands: what to mend, in the words of who reads it."""
    about = {"title": title, "status": 422, "detail": in_words(error), "field": error.field}
    response = current_app.make_response(current_app.json.response(about))
    response.status_code = 422
    response.mimetype = "application/problem+json"
    return response


def _out_of_reach(error: Exception) -> Response:
    """The database is slow or away: nothing was changed, and trying again in a moment is what helps."""
    log.warning("database out of reach", extra={"error": type(error).__name__, "endpoint": request.endpoint})
    page = error_page(503)
    page.headers["Retry-After"] = "2"
    return page


def _impossible(error: Exception) -> Response:
    """Something was asked for by what no column can hold: there is no such thing."""
    log.info("asked for the impossible", extra={"error": type(error).__name__, "endpoint": request.endpoint})
    return error_page(404)


def _form_refused(error: FormRefused) -> Response:
    if "user" in session or wants_page():
        return error_page(400)
    return signed_out()


def signed_out() -> Response:
    """Tell a page's script that nobody is signed in here any more, or somebody else."""
    problem = {"title": t("signed_out_title"), "status": 401, "detail": t("signed_out_help")}
    response = current_app.make_response(current_app.json.response(problem))
    response.status_code = 401
    response.mimetype = "application/problem+json"
    return response


def _for_templates() -> dict[str, object]:
    settings: Settings = current_app.config["SETTINGS"]
    return {
        "t": t,
        "language": language(),
        "csrf_token": csrf_token,
        "languages": catalogue.LANGUAGES,
        "organisation": settings.organisation,
    }


# --- what browsers ask for by themselves -------------------------------------------------------------


@bp.get("/favicon.ico")
def favicon() -> Response:
    return current_app.send_static_file("favicon.svg")
