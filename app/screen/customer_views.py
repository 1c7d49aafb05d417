"""What does a customer see beside the call? The short page for a code, the link's page, and the page itself.

Whoever holds the page is known by a cookie of one browser, given once for a link or a code. Everything works
with forms alone; a script only fetches what is new.
"""

from datetime import datetime
from typing import Any

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    g,
    make_response,
    redirect,
    render_template,
    request,
)
from flask import session as visit
from sqlalchemy.orm import Session

from app import catalogue, web
from app.catalogue import times
from app.clock import utcnow
from app.db import reading, transaction
from app.deployment import Deployment
from app.errors import InvalidField, NotNow
from app.lines import places
from app.records.calls import Call
from app.records.screen import ScreenPage
from app.screen import items, pages, shown, streams, uploads, ways_in
from app.screen.pages import Life
from app.screen.uploads import NotKept
from app.screen.ways_in import Came, Wait
from config import Settings

bp = Blueprint("screen", __name__)

COOKIE_SECONDS = 12 * 3600  # longer than any call with its grace
REFRESH_SECONDS = 15  # without a script


def register(app: Flask) -> None:
    app.register_blueprint(bp)


@bp.before_request
def for_whom() -> None:
    """No one signs in here: what is shown depends on the cookie, the link or the code alone."""
    g.screen_now = utcnow()


def settings() -> Settings:
    found: Settings = current_app.config["SETTINGS"]
    return found


def life() -> Life:
    return Life.of(settings().screen_grace_minutes)


def cookie_name() -> str:
    return "__Host-rechtdoor-screen" if settings().is_production else "rechtdoor-screen"


def _cookie() -> str:
    return request.cookies.get(cookie_name(), "")


def _language(page: ScreenPage | None) -> str:
    """Return the reader's own choice, else the language in which we speak to them."""
    asked = request.args.get("lang", "")
    if asked in catalogue.LANGUAGES:
        web.choose_language(asked)
        return asked
    chosen = visit.get("language")
    if chosen in catalogue.LANGUAGES:
        return str(chosen)
    return page.language if page is not None else web.language_asked_for()


def _render(template: str, page: ScreenPage | None, status: int = 200, **more: Any) -> Response:
    language = _language(page)

    def w(code: str, **values: object) -> str:
        return catalogue.text(f"screen.{code}", language, **values)

    return make_response(
        render_template(
            f"screen/{template}.html", language=language, w=w, **{"refresh": 0, "here": "/b", **more}
        ),
        status,
    )


# --- coming in ----------------------------------------------------------------------------------------


@bp.get("/s")
def ask_code() -> Response:
    """The short page on which one types what the agent reads aloud."""
    return _render("code", None, here="/s", problem="")


@bp.post("/s")
def type_code() -> Response:
    now = g.screen_now
    typed, address = request.form.get("code", "")[:40], request.remote_addr or ""
    with transaction() as session:
        came = ways_in.come_by_code(session, typed, address, settings().secret_key, life(), now)
    if isinstance(came, Wait):
        page = _render("code", None, 429, here="/s", problem="code_wait")
        page.headers["Retry-After"] = str(came.seconds)
        return page
    return _is_in(came) if came is not None else _render("code", None, 422, here="/s", problem="code_wrong")


@bp.get("/s/<secret>")
def ask_link(secret: str) -> Response:
    """Ask for a press: what looks into links in messages must not use this one up."""
    now = g.screen_now
    with reading() as session:
        page = ways_in.page_of_link(session, secret, life(), now)
        mine = ways_in.page_of_cookie(session, _cookie(), life(), now)
        if page is not None and mine is not None and mine[0].id == page.id:
            return make_response(redirect("/b", 303))
        if page is None:
            return _over()
        return _render("link", page, here=f"/s/{secret}", secret=secret)


@bp.post("/s/<secret>")
def open_link(secret: str) -> Response:
    with transaction() as session:
        came = ways_in.come_by_link(session, secret, life(), g.screen_now)
    return _is_in(came) if came is not None else _over()


def _is_in(came: Came) -> Response:
    response = make_response(redirect("/b", 303))
    response.set_cookie(
        cookie_name(),
        came.cookie,
        max_age=COOKIE_SECONDS,
        secure=settings().is_production,
        httponly=True,
        samesite="Lax",
    )
    return response


def _over() -> Response:
    """It is over, or never was: nothing of it is told any more, and no more is kept in this browser."""
    response = _render("over", None, 410, here="/s")
    response.delete_cookie(cookie_name(), secure=settings().is_production, httponly=True, samesite="Lax")
    return response


# --- the page -----------------------------------------------------------------------------------------


@bp.get("/b")
def page() -> Response:
    if not _cookie():
        return make_response(redirect("/s", 303))
    return _page()


def _page(problem: str = "", status: int = 200, values: dict[str, object] | None = None) -> Response:
    """Show the page; `problem` is a code of the catalogue for what could not be done."""
    return _shown("page", problem, status, values or {})


@bp.get("/b/part")
def part() -> Response:
    """Return what may have changed, for the page's script; nothing while that is what it `has`."""
    return _shown("part", "", 200, {})


def _shown(template: str, problem: str, status: int, values: dict[str, object]) -> Response:
    now = g.screen_now
    with reading() as session:
        found = ways_in.page_of_cookie(session, _cookie(), life(), now)
        is_new = found is not None and found[1] and items.has_unseen(session, found[0])
    if is_new:
        with transaction() as session:
            found = ways_in.page_of_cookie(session, _cookie(), life(), now, to_change=True)
            if found is not None and found[1]:
                items.see(session, found[0], now)
    with reading() as session:
        found = ways_in.page_of_cookie(session, _cookie(), life(), now)
        if found is None:
            return _over()
        beside, is_in = found
        if not is_in:
            return (
                _render("waits", beside, refresh=REFRESH_SECONDS)
                if template == "page"
                else Response(status=409)
            )
        if template == "part" and request.args.get("has") == streams.stamp_of(session, beside):
            return Response(status=204)
        seen = _seen(session, beside, now)
        told = {"problem": problem, "values": values, "done": request.args.get("done", "")}
        page = _render(template, beside, status, **seen, **told)
        page.headers["X-Stamp"] = seen["stamp"]
        return page


def _seen(session: Session, beside: ScreenPage, now: datetime) -> dict[str, Any]:
    call = session.get_one(Call, beside.call_sid)
    g.line = call.line
    deployment, language = Deployment.of(settings()), _language(beside)
    zone = places.zone_of(session, call.line)
    story = shown.story(session, beside, call, life(), language, now)
    cards = shown.item_cards(session, beside, shown.country_of(session, call, deployment))
    calendar = shown.calendar_of(session, beside, call, deployment)
    days = [
        (day.isoformat(), times.short_date(day, language, with_year=False))
        for day in items.days(calendar, now)
    ]
    answers_open = any(card.answered_at is None for card in cards)
    return {
        "story": story,
        "items": cards if story.checked else (),
        "days": days,
        "day": lambda one: times.short_date(one, language, with_year=False),
        "clock": lambda moment: times.figures(moment.astimezone(zone), language),
        "stamp": streams.stamp_of(session, beside),
        "most_bytes": uploads.MOST_BYTES,
        # Whoever is choosing a file must not have the page taken from under their hands.
        "refresh_without_script": 0 if story.checked and answers_open else REFRESH_SECONDS,
    }


@bp.get("/b/state")
def state() -> Response:
    """Say whether there is anything new: for where a stream doesn't come through."""
    with reading() as session:
        found = ways_in.page_of_cookie(session, _cookie(), life(), g.screen_now)
        if found is None:
            return _json(state="over")
        beside, is_in = found
        return _json(state="open" if is_in else "waits", stamp=streams.stamp_of(session, beside))


def _json(**values: object) -> Response:
    return current_app.make_response(current_app.json.response(values))


@bp.get("/b/events")
def events() -> Response:
    """The page's own stream: it says that there is something new, never what."""
    with reading() as session:
        found = ways_in.page_of_cookie(session, _cookie(), life(), g.screen_now)
        if found is None:
            return Response(status=204)  # a browser doesn't come back after this
        beside, is_in = found
        began = streams.stamp_of(session, beside)
        return streams.open_stream(beside.id, ways_in.hash_of(_cookie()), began, is_in=is_in)


# --- what the customer does ---------------------------------------------------------------------------


@bp.post("/b/stop")
def stop() -> Response:
    """End it at once, for this browser and every other."""
    with transaction() as session:
        found = ways_in.page_of_cookie(session, _cookie(), life(), g.screen_now, to_change=True)
        if found is not None:
            beside, is_in = found
            if is_in:
                pages.stop(session, beside, "", g.screen_now)
            else:
                beside.waiting_hash = beside.waiting_since = None
                pages.changed(session, beside, g.screen_now)
    response = _render("stopped", None, here="/s")
    response.delete_cookie(cookie_name(), secure=settings().is_production, httponly=True, samesite="Lax")
    return response


@bp.post("/b/items/<int:item_id>")
def answer(item_id: int) -> Response:
    """Answer yes or no, or with a day."""
    said, now = request.form.get("answer", ""), g.screen_now
    try:
        with transaction() as session:
            beside = _held(session, now)
            if beside is None:
                return _over()
            call = session.get_one(Call, beside.call_sid)
            calendar = shown.calendar_of(session, beside, call, Deployment.of(settings()))
            items.answer(session, beside, item_id, said, calendar, now)
    except NotNow as not_now:
        return _page(not_now.code, 409, not_now.values)
    except InvalidField as error:
        return _page(error.message.removeprefix("screen."), 422)
    return make_response(redirect("/b?done=answer", 303))


@bp.get("/b/items/<int:item_id>/open")
def go_on(item_id: int) -> Response:
    """Go on to a document or form; a link, since no form of ours may lead elsewhere."""
    try:
        with transaction() as session:
            beside = _held(session, g.screen_now)
            if beside is None:
                return _over()
            return make_response(redirect(items.open_elsewhere(session, beside, item_id, g.screen_now), 303))
    except NotNow as not_now:
        return _page(not_now.code, 409, not_now.values)


@bp.post("/b/upload/<int:item_id>")
def upload(item_id: int) -> Response:
    """Take a photo or a PDF; looked at without a transaction open, since that takes a moment."""
    now = g.screen_now
    sent = request.files.get("file")
    try:
        with transaction() as session:
            beside = _held(session, now)
            if beside is None:
                return _over()
            if not uploads.may_send(session, beside, item_id):
                raise NotNow("not_there")
        if sent is None or not sent.filename:
            raise NotKept("upload_empty")
        found = uploads.inspected(sent.stream.read(uploads.MOST_BYTES + 1))
        with transaction() as session:
            beside = _held(session, utcnow())
            if beside is None:
                return _over()
            uploads.keep(session, beside, item_id, sent.filename, found, now)
    except NotNow as not_now:
        return _page(not_now.code, 409, not_now.values)
    except NotKept as refused:
        return _page(refused.code, 422)
    return make_response(redirect("/b?done=upload", 303))


@bp.get("/b/stop")
@bp.get("/b/items/<int:item_id>")
@bp.get("/b/upload/<int:item_id>")
def asked_again(item_id: int = 0) -> Response:
    """An answer's address, opened by hand or loaded anew: the page itself is meant."""
    return make_response(redirect("/b", 303))


def _held(session: Session, now: datetime) -> ScreenPage | None:
    """Return the page that this browser has, held until the transaction ends; None when it has none."""
    found = ways_in.page_of_cookie(session, _cookie(), life(), now, to_change=True)
    return found[0] if found is not None and found[1] else None


def may_upload() -> bool:
    """Tell whether the request at hand may bring a file, before any of it is read; see asgi.py."""
    _, _, named = request.path.rpartition("/")
    if not (named.isascii() and named.isdigit() and len(named) < 10):
        return False
    with reading() as session:
        found = ways_in.page_of_cookie(session, _cookie(), life(), utcnow())
        return found is not None and found[1] and uploads.may_send(session, found[0], int(named))
