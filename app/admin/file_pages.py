"""How do lines and people come as a file, and go as one? Loaded as by the command, looked through before."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, abort, current_app, make_response, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import db, web
from app.admin import form_words, sheets
from app.admin.form_words import house
from app.admin.office_file import for_office
from app.admin.sheets import NotASheet
from app.api import encodings, loading
from app.api.fields import Problem
from app.api.loading import RefusedRow, UnusableFile
from app.api.records import AGENTS, DATES, LINES, Kind
from app.audit import log as audit
from app.audit.log import What
from app.clock import utcnow
from app.db import patient_reading
from app.door.looking import looked
from app.door.sign_in import actor, has_desk, require_role
from app.door.step_up import require_fresh
from app.lines.dates import Dates
from app.records.agents import Agent, Role
from app.records.lines import Line

bp = Blueprint("admin_files", __name__, url_prefix="/admin/files")

KINDS: dict[str, Kind[Any]] = {kind.name: kind for kind in (AGENTS, LINES, DATES)}
LONGEST = 4 * 1024 * 1024
SHOWN = 50


def register(app: Flask) -> None:
    # What was looked through comes back in a form. Strangers may send less: see app/shares.py.
    app.config["MAX_FORM_MEMORY_SIZE"] = LONGEST
    app.register_blueprint(bp)


@bp.get("")
@require_role(Role.ADMIN)
@require_fresh
def files() -> Response:
    return _page()


@bp.get("/<kind>.<form>")
@require_role(Role.ADMIN)
@require_fresh
def export(kind: str, form: str) -> Response:
    """All records of a kind in the columns in which they are loaded, as an office opens them."""
    columns = _kind(kind).columns
    with patient_reading() as session:
        rows = [columns, *_ROWS[kind](session)]
    if form == "xlsx":
        response = make_response(sheets.as_excel(rows))
        response.mimetype = sheets.EXCEL
    elif form == "csv":
        settings = current_app.config["SETTINGS"]
        written = for_office(web.language(), settings.default_country)
        response = make_response((written.mark + written.lines(rows)).encode())
        response.mimetype = "text/csv"
    else:
        abort(404)
    looked(What.RECORDS_EXPORTED, kind=kind, records=len(rows) - 1)
    response.headers["Content-Disposition"] = f'attachment; filename="{kind}.{form}"'
    return response


def _agents(session: Session) -> Iterator[list[object]]:
    for one in session.scalars(select(Agent).where(Agent.enabled).order_by(Agent.key)):
        yield [one.key, one.name, one.spoken_name, one.email, one.team, one.phone or "", one.language]


def _lines(session: Session) -> Iterator[list[object]]:
    for one in session.scalars(select(Line).order_by(Line.number)):
        yield [one.number, one.name, one.language, one.country, one.team, one.timezone, one.hours]


def _dates(session: Session) -> Iterator[list[object]]:
    for number, kept in session.execute(select(Line.number, Line.dates).order_by(Line.number)):
        for one in Dates.parse(kept).each:
            yield [number, one.first, "" if one.last == one.first else one.last, one.hours, one.why]


_ROWS: dict[str, Callable[[Session], Iterable[list[object]]]] = {
    AGENTS.name: _agents,
    LINES.name: _lines,
    DATES.name: _dates,
}


@bp.post("/check")
@require_role(Role.ADMIN)
@require_fresh
def check() -> Response:
    """Look a file through and write nothing; what can be loaded waits for a yes."""
    kind, file = _kind(request.form.get("kind", "")), request.files.get("file")
    with closing(file) if file else nullcontext():
        content = file.read(LONGEST + 1) if file else b""
    try:
        if len(content) > LONGEST:
            raise NotASheet("too large")
        text = sheets.as_csv(content) if sheets.is_sheet(content) else _as_text(content)
        if not text.strip():
            return _page(kind, wrong=Problem("file", "no_file"))
        return _page(kind, _Outcome.of(kind, text, dry_run=True), text)
    except NotASheet:
        return _page(kind, wrong=Problem("file", "not_a_sheet", {"most": sheets.MOST_ROWS}))
    except UnicodeError:
        return _page(kind, wrong=Problem("file", "not_utf8"))
    except UnusableFile as unusable:
        return _page(kind, wrong=unusable.problem)


@bp.post("/load")
@require_role(Role.ADMIN)
@require_fresh
def load() -> Response:
    """Load what was looked through before; it came along, and is checked once more."""
    kind = _kind(request.form.get("kind", ""))
    try:
        outcome = _Outcome.of(kind, request.form.get("text", ""), dry_run=False)
        with db.transaction() as session:
            counts = {"loaded": outcome.loaded, "refused": outcome.refused}
            audit.record(session, actor(), What.RECORDS_LOADED, utcnow(), kind=kind.name, **counts)
        return _page(kind, outcome, is_done=True)
    except UnusableFile as unusable:
        return _page(kind, wrong=unusable.problem)


class _Outcome:
    """What came of a file: how many rows, and the first that can't be used."""

    def __init__(self) -> None:
        self.loaded = self.refused = 0
        self.rows: list[tuple[int, str, str]] = []

    @classmethod
    def of(cls, kind: Kind[Any], text: str, *, dry_run: bool) -> "_Outcome":
        """Load a file, or only check it. Raises UnusableFile."""
        found = cls()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "file.csv"
            path.write_text(text, encoding="utf-8", newline="")
            report = loading.load(
                db.current(),
                kind,
                path,
                form_words.defaults(),
                dry_run=dry_run,
                on_refused=found._note,
                on_progress=lambda read: None,
            )
        found.loaded, found.refused = report.loaded, report.refused
        return found

    def _note(self, row: RefusedRow) -> None:
        for problem in row.problems:
            if len(self.rows) < SHOWN:
                self.rows.append((row.row, problem.field, problem.say(web.language())))


def _as_text(content: bytes) -> str:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        return content.decode(encodings.of_file(Path(file.name)))


def _kind(name: str) -> Kind[Any]:
    return KINDS.get(name) or abort(404)


def _page(
    kind: Kind[Any] | None = None,
    outcome: _Outcome | None = None,
    text: str = "",
    *,
    wrong: Problem | None = None,
    is_done: bool = False,
) -> Response:
    page = render_template(
        "admin/files.html",
        kinds=KINDS,
        kind=kind,
        outcome=outcome,
        text=text,
        wrong=wrong.say(web.language()) if wrong else "",
        wrong_in=wrong.field if wrong else "",
        is_done=is_done,
        has_desk=has_desk(),
        w=house,
    )
    return make_response(page, 422 if wrong else 200)
