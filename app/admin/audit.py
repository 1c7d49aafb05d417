"""Who changed what, and who looked at whom? The log, to be searched; that is written down in it too.

Asked for by POST, so that nobody's number or name stands in an address, which others write down.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from flask import Blueprint, Flask, Response, current_app, make_response, render_template, request

from app import catalogue, web
from app.admin import days
from app.admin.office_file import PLAIN, for_office
from app.audit import keys, log, logbook, proving, sealing, searching
from app.audit.log import Subject, What
from app.audit.searching import Named, Wanted
from app.callers.numbers import to_e164
from app.clock import utcnow
from app.db import OUT_OF_REACH, patient_reading, reading, transaction
from app.desk.card import zone_of_house
from app.door.looking import looked
from app.door.sign_in import has_desk, require_role
from app.promises import ledger
from app.records.access import AccessKind
from app.records.agents import Role
from app.records.audit import AuditEntry

bp = Blueprint("admin_audit", __name__, url_prefix="/admin/audit")

READERS = (Role.ADMIN, Role.AUDITOR)
SORTS = ("change", "look_up")
COLUMNS = ("number", "at", "who", "via", "what", "why", "about", "key", "details", "hash")
_ON_ONE_PAGE = searching.SHOWN


def register(app: Flask) -> None:
    app.register_blueprint(bp)


def words(code: str, **values: object) -> str:
    """Return a text about the log in the reader's language."""
    return catalogue.text(f"audit.{code}", web.language(), **values)


@bp.get("")
@require_role(*READERS)
def page() -> Response:
    """Show the newest lines."""
    return _page()


@bp.post("")
@require_role(*READERS)
def search() -> Response:
    return _page()


@bp.post("/export")
@require_role(*READERS)
def export() -> Response:
    """Return all that was found as a file: for an office, or `form=lines`, as others read it."""
    wanted = _wanted()
    _seal()
    looked(What.LOG_EXPORTED, *wanted.subjects[:1], **_told(wanted))
    with reading() as session:
        head = proving.head_of(session)
        names = ledger.names_of(session)
    newest = head.number if head else 0
    if request.form.get("form") == "lines":
        source = logbook.Source(current_app.config["SETTINGS"].public_url)
        return _file(_as_lines(wanted, newest, source), "consultations.jsonl", "application/x-ndjson")
    return _file(_as_office_file(wanted, newest, names, web.language()), "audit.csv", "text/csv")


def _file(pieces: Iterator[str], name: str, mimetype: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(pieces, mimetype=mimetype, headers=headers)


def _as_lines(wanted: Wanted, newest: int, source: logbook.Source) -> Iterator[str]:
    for line, _ in searching.all_of(wanted, newest):
        if line.sort == "look_up":
            yield json.dumps(logbook.consultation(line, source), ensure_ascii=False) + "\n"


def _as_office_file(wanted: Wanted, newest: int, names: Mapping[str, str], language: str) -> Iterator[str]:
    country = current_app.config["SETTINGS"].default_country
    form = PLAIN if request.form.get("form") == "plain" else for_office(language, country)

    def pieces() -> Iterator[str]:
        yield form.mark + form.lines([COLUMNS])
        for line, whom in searching.all_of(wanted, newest):
            about = whom.name or whom.key or whom.hash[:12]
            what = in_words("what", line.what, language)
            who = names.get(line.who, line.who)
            cells = (line.number, line.at.isoformat(), who, line.via, what, line.why, line.subject_kind)
            yield form.lines([(*cells, about, line.details, line.hash)])

    return pieces()


# --- what is asked for --------------------------------------------------------------------------------


def _wanted() -> Wanted:
    asked = request.form
    since, until = days.asked(asked.get("day", ""), ZoneInfo(_zone()))
    sort = asked.get("sort", "")
    return Wanted(
        sort=sort if sort in SORTS else "",
        what=asked.get("what", "")[:40],
        who=asked.get("who", "").strip()[:254],
        subjects=_subjects(asked.get("about", "").strip()[:200]),
        since=since,
        until=until,
    )


def _subjects(about: str) -> list[Subject]:
    """Return what somebody may mean: a number, a customer, a case, or what is no person, by its key."""
    if not about:
        return []
    e164 = to_e164(about, current_app.config["SETTINGS"].default_country)
    numbers = [log.number(e164)] if e164 else []
    return [*numbers, log.customer(about), log.case(about), Subject("any", about)]


def _told(wanted: Wanted) -> dict[str, object]:
    """Return what was looked for, as the log itself keeps it: of whom, is kept as a hash beside it."""
    day = wanted.since.date().isoformat() if wanted.since else None
    return {"sort": wanted.sort or None, "kind": wanted.what or None, "by": wanted.who or None, "day": day}


def _zone() -> str:
    with reading() as session:
        return zone_of_house(session) or str(web.DEFAULT_ZONE)


# --- the page -----------------------------------------------------------------------------------------


def _page() -> Response:
    wanted = _wanted()
    _seal()
    looked(What.LOG_SEARCHED, *wanted.subjects[:1], **_told(wanted))
    before = request.form.get("before", type=int)
    with patient_reading() as session:
        web.show_times_in(_zone())
        lines = searching.found(session, wanted, before, _ON_ONE_PAGE + 1)
        shown = lines[:_ON_ONE_PAGE]
        page = render_template(
            "admin/audit.html",
            lines=shown,
            whose=searching.named(session, shown),
            names=ledger.names_of(session),
            older=shown[-1].number if len(lines) > _ON_ONE_PAGE else None,
            head=proving.head_of(session),
            asked=request.form,
            is_narrowed=wanted != Wanted(),
            sorts=SORTS,
            kinds=_kinds(),
            now=utcnow(),
            has_desk=has_desk(),
            w=words,
            in_words=in_words,
            details=details_in_words,
            about=about_in_words,
        )
    return make_response(page)


def _seal() -> None:
    """Show also what was just written down; where that can't be sealed now, the rest is shown."""
    # A worker says so, and tries again.
    with suppress(keys.KeyUnknown, *OUT_OF_REACH), transaction() as session:
        sealing.seal_all(session, utcnow())


def _kinds() -> list[tuple[str, str]]:
    codes = [str(one) for one in (*What, *AccessKind)]
    return sorted(((code, in_words("what", code)) for code in codes), key=lambda one: one[1])


def in_words(kind: str, code: str, language: str | None = None) -> str:
    """Return what a code of the log means; the code itself, when a newer or older release wrote it."""
    try:
        return catalogue.text(f"audit.{kind}_{code}", language or web.language())
    except KeyError:
        return code


def about_in_words(whom: Named) -> str:
    if whom.kind == "":
        return ""
    if whom.hash and not whom.key:
        return words("about_number" if whom.kind == "number" else "about_forgotten", hash=whom.hash[:8])
    return f"{whom.name} ({whom.key})" if whom.name else f"{in_words('about', whom.kind)} {whom.key}"


@dataclass(frozen=True)
class Detail:
    """One of the rest of a line; with `href` where it can be read."""

    name: str
    words: str
    href: str = ""


def details_in_words(line: AuditEntry) -> list[Detail]:
    """Return the rest of a line, what was before what became of it."""
    told = searching.details_of(line)
    found = []
    for name in sorted(told, key=lambda one: (one in ("before", "after"), one != "before", one)):
        value = told[name]
        if name in _READ_AT:
            found.append(Detail("", in_words("detail", name), f"{_READ_AT[name]}/{value}"))
            continue
        values = [_value(str(one)) for one in (value if isinstance(value, list) else [value])]
        found.append(Detail(in_words("detail", name), ", ".join(values)))
    return found


_READ_AT = {"call": "/admin/calls", "promise": "/admin/promises"}


def _value(text: str) -> str:
    """Return a value in words where it is a code of ours, or a setting with its name before it."""
    name, mark, rest = text.partition(": ")
    return f"{in_words('value', name)} {rest}" if mark else in_words("value", text)
