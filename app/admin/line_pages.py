"""Which lines are there, when is somebody there, and what do callers hear? The admin's pages of lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from zoneinfo import available_timezones

from flask import Blueprint, Flask, Response, abort, make_response, redirect, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import web
from app.admin import form_words
from app.admin.form_words import house
from app.agents.teams import Deserted, deserted
from app.api import fields, noting, own_dates, writing
from app.api.fields import Defaults, Problem, Refused, Unusable
from app.api.records import DATES, LINES, DateRecord
from app.catalogue import times
from app.clock import utcnow
from app.db import reading, transaction
from app.door.sign_in import actor, has_desk, require_role
from app.lines import notation, preview
from app.lines.dates import Dates, OwnDate, day_of
from app.lines.hours import Calendar, calendar
from app.messages import senders
from app.records.agents import Agent, Role
from app.records.lines import Line
from app.routing import closed
from app.routing.sentences import words as spoken

bp = Blueprint("admin_lines", __name__, url_prefix="/admin/lines")

TEXTS = ("number", "name", "language", "country", "team", "timezone", "greeting", "question")
KINDS_OF_DATE = ("closed", "until", "from", "between", "closed_between")


@dataclass(frozen=True)
class Row:
    """A line as the list shows it."""

    line: Line
    hours: str
    is_open: bool
    opens: datetime | None
    coming: Sequence[str]


def register(app: Flask) -> None:
    app.register_blueprint(bp)


@bp.get("")
@require_role(Role.ADMIN)
def overview() -> Response:
    now = utcnow()
    with reading() as session:
        lines = session.scalars(select(Line).order_by(Line.name, Line.number)).all()
        rows = [_row(line, now) for line in lines]
        page = render_template(
            "admin/lines.html",
            rows=rows,
            lonely=[one for one in deserted(session, cases=False) if one.kind == "line"],
            now=now,
            has_desk=has_desk(),
            w=house,
        )
    return make_response(page)


def _row(line: Line, now: datetime) -> Row:
    place = _calendar_of(line)
    today = now.astimezone(place.timezone).date()
    return Row(
        line,
        notation.as_shown(line.hours, web.language()),
        place.is_open(now),
        place.next_opening(now),
        [_days(own.first, own.last) for own in islice(place.dates.since(today), 3)],
    )


def _calendar_of(line: Line) -> Calendar:
    return calendar(line.hours, line.timezone, line.country, line.dates)


@bp.get("/new")
@require_role(Role.ADMIN)
def new() -> Response:
    defaults = form_words.defaults()
    said = {
        "language": defaults.language,
        "country": defaults.country,
        "timezone": "Europe/Amsterdam",
        "hours": notation.as_shown("Mo-Fr 09:00-17:00", web.language()),
        "asks": "yes",
    }
    return _form(None, said)


@bp.get("/<number>")
@require_role(Role.ADMIN)
def line(number: str) -> Response:
    with reading() as session:
        found = session.get(Line, number) or abort(404)
    return _form(found, _said_of(found))


@bp.post("")
@require_role(Role.ADMIN)
def create() -> Response:
    said = {name: text.strip() for name, text in request.form.items()}
    with reading() as session:
        key = LINES.read_key(said.get("number", ""), _of_country(said))
        if key is not None and session.get(Line, key) is not None:
            return _form(None, said, [Problem("number", "line_exists", {"text": key})])
    return _save(None, said)


@bp.post("/<number>")
@require_role(Role.ADMIN)
def save(number: str) -> Response:
    with reading() as session:
        found = session.get(Line, number) or abort(404)
    said = {name: text.strip() for name, text in request.form.items()} | {"number": number}
    return _save(found, said)


def _save(known: Line | None, said: Mapping[str, str]) -> Response:
    body: dict[str, object] = {name: said.get(name, "") for name in TEXTS}
    body |= {"hours": notation.as_kept(said.get("hours", "")), "records_messages": "records_messages" in said}
    body |= {name: name in said for name in ("asks", "sends_screen")}
    emptied = tuple(name for name in ("greeting", "question") if not said.get(name))
    try:
        with transaction() as session:
            key, _ = writing.put(
                *(session, LINES, said.get("number", ""), body, form_words.defaults(), actor()),
                emptied=emptied,
            )
    except Refused as refused:
        return _form(known, said, refused.problems)
    return make_response(redirect(f"/admin/lines/{key}?saved=1", 303))


@bp.post("/<number>/dates")
@require_role(Role.ADMIN)
def add_date(number: str) -> Response:
    """Add a day with hours of its own. One that stands there already is refused, with what it says."""
    said = {name: text.strip() for name, text in request.form.items()}
    body = {
        "date": said.get("date", ""),
        "until": said.get("until", ""),
        "hours": hours_of_date(said),
        "why": said.get("why", ""),
    }
    problems: Sequence[Problem] = ()
    with transaction() as session:
        found = session.get(Line, number, with_for_update=True) or abort(404)
        try:
            record = DATES.from_json(number, body, form_words.defaults())
            problems = _in_the_way(found, record) or own_dates.refused(session, [record]).get(0, ())
            if not problems:
                before = noting.settings_of(session, LINES, number)
                own_dates.write(session, [record])
                noting.note_change(session, LINES, number, before, actor())
        except Refused as refused:
            problems = refused.problems
    if problems:
        return _form(found, _said_of(found), of_date=said, date_problems=problems)
    return make_response(redirect(f"/admin/lines/{number}?saved=1#dates", 303))


def _in_the_way(line: Line, record: DateRecord) -> list[Problem]:
    """A file replaces what it said before; who fills in a form may not know that the day stands there."""
    last = record.until or record.date
    for other in Dates.parse(line.dates).each:
        if other.first <= last and record.date <= other.last:
            day = max(other.first, record.date)
            values = {
                "text": _days(day, day),
                "which": f"{_days(other.first, other.last)}: {form_words.own_hours(other)}",
            }
            return [Problem("date", "date_said_twice", values)]
    return []


@bp.post("/<number>/dates/remove")
@require_role(Role.ADMIN)
def remove_date(number: str) -> Response:
    first = day_of(request.form.get("date", ""))
    with transaction() as session:
        found = session.get(Line, number, with_for_update=True) or abort(404)
        before = noting.settings_of(session, LINES, number)
        left = [one for one in Dates.parse(found.dates).each if one.first != first]
        found.dates = str(Dates.of(left))
        noting.note_change(session, LINES, number, before, actor())
    return make_response(redirect(f"/admin/lines/{number}?saved=1#dates", 303))


def hours_of_date(said: Mapping[str, str]) -> str:
    """Return the hours of a day as they are kept, of what was chosen and the times beside it."""
    begins, ends = said.get("begins", ""), said.get("ends", "")
    match said.get("kind"):
        case "until":
            return f"until {ends}"
        case "from":
            return f"from {begins}"
        case "between":
            return f"{begins}-{ends}"
        case "closed_between":
            return f"closed {begins}-{ends}"
        case _:
            return "closed"


@bp.get("/preview")
@require_role(Role.ADMIN)
def show_preview() -> Response:
    """What the next two weeks look like with what stands in the form now: a piece of the page."""
    with reading() as session:
        found = session.get(Line, request.args.get("line", ""))
        dates = found.dates if found else ""
    said = {name: request.args.get(name, "").strip() for name in ("hours", "timezone", "country")}
    return make_response(render_template("admin/line_preview.html", w=house, **_preview(said, dates)))


def _preview(said: Mapping[str, str], dates: str) -> dict[str, object]:
    now = utcnow()
    try:
        hours = fields.hours(notation.as_kept(said.get("hours", "")))
        place = calendar(hours, said.get("timezone", ""), said.get("country", "").upper(), dates)
    except Unusable as unusable:
        problem = Problem("hours", unusable.code, unusable.values_said)
        return {"days": (), "no_preview": problem.say(web.language())}
    except (ValueError, KeyError):
        return {"days": (), "no_preview": house("preview_no_zone")}
    return {"days": preview.two_weeks(place, now), "no_preview": "", "day_of": form_words.day_of}


# --- the page -------------------------------------------------------------------------------------------


def _said_of(line: Line) -> dict[str, str]:
    """Return a line as its form has it."""
    said = {name: getattr(line, name) for name in TEXTS}
    said["hours"] = notation.as_shown(line.hours, web.language())
    ticked = ("asks", "records_messages", "sends_screen")
    return said | {name: "yes" for name in ticked if getattr(line, name)}


def _form(
    line: Line | None,
    said: Mapping[str, str],
    problems: Sequence[Problem] = (),
    *,
    of_date: Mapping[str, str] | None = None,
    date_problems: Sequence[Problem] = (),
) -> Response:
    now = utcnow()
    with reading() as session:
        page = render_template(
            "admin/line.html",
            line=line,
            said=said,
            wrong=form_words.by_field(problems),
            of_date=of_date or {},
            date_wrong=form_words.by_field(date_problems),
            kinds=KINDS_OF_DATE,
            dates=_dates(line, now) if line else (),
            teams=session.scalars(
                select(Agent.team).where(Agent.enabled).distinct().order_by(Agent.team)
            ).all(),
            zones=sorted(zone for zone in available_timezones() if zone.startswith("Europe/")),
            lonely=_lonely(session, line) if line else None,
            sender=next(iter(senders.senders(session, line.number, now))) if line else None,
            is_saved="saved" in request.args,
            has_desk=has_desk(),
            w=house,
            **_preview(said, line.dates if line else ""),
        )
    return make_response(page, 422 if problems or date_problems else 200)


@dataclass(frozen=True)
class ShownDate:
    """A day of its own, as it is read, and what a caller hears then."""

    own: OwnDate
    days: str
    hours: str
    is_over: bool
    hears: str


def _dates(line: Line, now: datetime) -> list[ShownDate]:
    place = _calendar_of(line)
    today = now.astimezone(place.timezone).date()
    found = []
    for own in place.dates.each:
        at = preview.closed_on(place, own, now)
        sentence = spoken(closed.sentence(place, at), line.language, place.timezone, at) if at else ""
        days = _days(own.first, own.last)
        found.append(ShownDate(own, days, form_words.own_hours(own), own.last < today, sentence))
    return found


def _days(first: date, last: date) -> str:
    begin, end = (times.short_date(day, web.language(), with_year=True) for day in (first, last))
    return begin if first == last else f"{begin} – {end}"


def _lonely(session: Session, line: Line) -> Deserted | None:
    return next(
        (one for one in deserted(session, cases=False) if one.kind == "line" and one.team == line.team), None
    )


def _of_country(said: Mapping[str, str]) -> Defaults:
    defaults = form_words.defaults()
    country = said.get("country", "").upper()
    return Defaults(country or defaults.country, defaults.language, defaults.fallback_numbers)
