"""Who gets which caller? The page on which people who write no code change rules, publish and put back."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
)
from sqlalchemy.orm import Session

from app import web
from app.admin import rule_choices, rule_documents, rule_forms, rule_page
from app.admin.rule_cards import LADDER, mistakes_by_row, words
from app.admin.rule_documents import Change
from app.admin.rule_page import Unsaved
from app.clock import utcnow
from app.db import patient_reading, transaction
from app.deployment import Deployment
from app.desk.card import zone_of_house
from app.door.sign_in import OVERSEERS, current, has_desk, require_role
from app.door.step_up import require_fresh
from app.records.agents import Role
from app.records.rules import RuleDraft
from app.routing import last_week, publishing, trials
from app.routing.mistakes import InvalidRules
from app.routing.publishing import Draft
from app.routing.rules import Rules

bp = Blueprint("admin_rules", __name__, url_prefix="/admin/rules")

Json = dict[str, Any]

LONGEST_WHY = 500
# What is said of what somebody just did, besides a place or a number.
DID = (
    *("saved", "moved", "added", "duplicated", "on", "off", "removed", "undone", "gone", "published"),
    *("astray", "rolled_back", "meanwhile", "nothing", "unproven", "unsure", "why_missing", "why_too_long"),
)


def register(app: Flask) -> None:
    app.register_blueprint(bp)


# --- reading ------------------------------------------------------------------------------------------


@bp.get("")
@require_role(*OVERSEERS)
def overview() -> Response:
    """The whole page; only what lives in it for its script, and nothing when that is as the script has it."""
    if _is_script() and request.args.get("revision") is not None:
        with patient_reading() as session:
            newest = publishing.draft(session)
        if _stamp(newest) == request.args["revision"]:
            return Response(status=204)
    return _page()


def _page(status: int = 200, unsaved: Unsaved | None = None, **said: Any) -> Response:
    with patient_reading() as session:
        if zone := zone_of_house(session):
            web.show_times_in(zone)
        shown = rule_page.context(
            session, utcnow(), is_open=_open(unsaved, said), may_change=_may_change(), unsaved=unsaved
        )
        shown |= {
            "w": words,
            "did": _did(said or request.args),
            "undo": _undo(said or request.args),
            "stamp": _stamp(shown["draft"]),
            "simulator": _where("/admin/simulate"),
            "replay": _last_week(_where("/admin/simulate/replay"), shown["now"]),
            "saved_calls": _where("/admin/simulate/tests"),
            "astray": said.get("astray", ()),
            "call_page": _where("/admin/calls/"),
        }
        if _is_script():
            return make_response(render_template("admin/rules_live.html", **shown), status)
        before = request.args.get("before", type=int)
        shown["versions"], shown["older"] = rule_page.versions(
            session, before if before and before < 2**31 else None, shown["choices"].called
        )
        page = render_template("admin/rules.html", has_desk=has_desk(), **shown)
    return make_response(page, status)


def _last_week(replay: str, now: datetime) -> str:
    """Return where the calls of the last seven days stand at once, held against the draft."""
    days = {"since": web.in_their_zone(now - timedelta(days=7)), "until": web.in_their_zone(now)}
    return f"{replay}?{urlencode({name: day.date() for name, day in days.items()})}" if replay else ""


def _is_script() -> bool:
    return request.headers.get("X-Requested-With") == "fetch"


def _where(page: str) -> str:
    """Return the address of a page that this installation has; empty when it has none."""
    return page if any(rule.rule.startswith(page) for rule in current_app.url_map.iter_rules()) else ""


def _stamp(draft: Draft) -> str:
    return f"{draft.rules.version}-{draft.revision}"


def _may_change() -> bool:
    reader = current()
    return reader is not None and reader.role == Role.ADMIN


def _open(unsaved: Unsaved | None, said: Mapping[str, Any]) -> frozenset[str]:
    """Return the rules whose forms are shown."""
    opened = {*request.values.getlist("open"), said.get("open", "")}
    if unsaved is not None and unsaved.mistakes:
        opened.add(unsaved.rule)
    return frozenset(opened - {*request.values.getlist("shut")})


def _did(said: Mapping[str, Any]) -> str:
    """Return what just happened in words; empty when nothing did."""
    code = said.get("did", "")
    if code in ("why_missing", "why_too_long"):
        return words(code)
    if code not in (*DID, "unsaved", "clash"):
        return ""
    number = str(said.get("number", ""))
    return words(f"did_{code}", place=number, number=number)


def _undo(said: Mapping[str, Any]) -> Json | None:
    """Return what brings back the rule that was just removed, of the draft in which it still stood."""
    if not said.get("undo") or not _may_change():
        return None
    numbers = {name: _number(str(said.get(name, ""))) for name in ("of", "of_version")}
    return {"rule": said["undo"], **numbers}


def _number(said: str) -> int:
    """Return the number of a draft or a version; 0 for what is none."""
    return int(said) if said.isascii() and said.isdigit() and len(said) < 10 else 0


# --- changing -----------------------------------------------------------------------------------------


@bp.post("/rule/<rule_id>")
@require_role(Role.ADMIN)
def change(rule_id: str) -> Response:
    """Save what somebody made of a rule, and do with it what the pressed button says."""
    form = request.form
    with patient_reading() as session:
        seen = _seen(session)
        before = rule_documents.rule_in(seen, rule_id)
        known = _known(session, seen) if form.get("do") == "add" else {}
    if before is None:
        return _go(did="gone")
    rule = rule_forms.rule(form, before) if "edited" in form else before
    do, _, at = form.get("do", "save").partition(":")
    where = rule_documents.place_of(seen, rule_id) or 0
    more: list[Change] = []
    said: Json = {"did": "saved"}
    match do:
        case "add" if form.get("add-fact") in rule_forms.FACTS:
            rule["when"].append(rule_forms.new_condition(form["add-fact"], known, utcnow().date()))
        case "drop" if at.isdecimal() and len(at) < 3:
            rule["when"] = [one for number, one in enumerate(rule["when"]) if str(number) != at]
        case "switch":
            rule["enabled"] = not rule["enabled"]
            said = {"did": "on" if rule["enabled"] else "off", "number": where + 1}
        case "up" | "down" | "to":
            to = {"up": where - 1, "down": where + 1}.get(
                do, int(at) if at.isdecimal() and len(at) < 5 else where
            )
            to = max(0, min(to, len(seen["rules"]) - 1))
            more.append(rule_documents.moved(rule_id, to))
            said = {"did": "moved", "number": to + 1}
        case "duplicate":
            name = words("copy_of", name=rule["name"])[:120] if rule["name"] else ""
            more.append(rule_documents.added(rule_documents.copy_of(rule, name), where + 1))
            said = {"did": "duplicated", "number": where + 2}
        case "remove":
            more.append(rule_documents.removed(rule_id))
            said = {"did": "removed", "undo": rule_id, "of": _revision(), "of_version": _based_on()}

    def all_of_it(rules: list[Json]) -> list[Json]:
        for one in (rule_documents.replaced(rule), *more):
            rules = one(rules)
        return rules

    return _save(rule_documents.changed(seen, all_of_it), Unsaved(rule_id, rule, since=_revision()), **said)


@bp.post("/ladder")
@require_role(Role.ADMIN)
def change_ladder() -> Response:
    """Save what somebody made of the installation's own settings."""
    with patient_reading() as session:
        seen = _seen(session)
    written = rule_forms.ladder(request.form) if "edited" in request.form else {}
    document = {"ladder": {**seen["ladder"], **written}, "rules": seen["rules"]}
    return _save(document, Unsaved(LADDER, written, since=_revision()), did="saved")


@bp.post("/add")
@require_role(Role.ADMIN)
def add() -> Response:
    """Add a rule at the end: one that is off and asks nothing yet, or one of the examples."""
    code = request.form.get("example", "")
    with patient_reading() as session:
        seen = _seen(session)
        agents = rule_choices.choices(session, last_week.calls(session, utcnow()), seen).agents
    if code and code not in rule_documents.EXAMPLES:
        abort(400)
    rule = rule_documents.example(code, next(iter(agents), None)) if code else rule_documents.new_rule()
    document = rule_documents.changed(seen, rule_documents.added(rule))
    number = len(document["rules"])
    said: Json = {"did": "added", "number": number}
    if not code:
        said["open"] = rule["id"]  # there are no words to press yet
    return _save(document, Unsaved(rule["id"], rule, since=_revision()), **said)


@bp.post("/restore")
@require_role(Role.ADMIN)
def restore() -> Response:
    """Put a rule that was removed back to where it stood."""
    rule_id, of = request.form.get("rule", ""), _number(request.form.get("of", ""))
    with patient_reading() as session:
        earlier = _looked_at(session, of, _number(request.form.get("of_version", "")) or 1)
        rule, place = rule_documents.rule_in(earlier, rule_id), rule_documents.place_of(earlier, rule_id)
        newest = publishing.draft(session)
    if rule is None or rule_documents.rule_in(newest.document, rule_id) is not None:
        return _go(did="gone" if rule is None else "undone")
    document = rule_documents.changed(newest.document, rule_documents.added(rule, place))
    return _save(document, Unsaved(rule_id, rule, since=newest.revision), newest, did="undone")


@bp.post("/settle")
@require_role(Role.ADMIN)
def settle() -> Response:
    """Of two texts of one rule take the one that somebody chose, or keep both."""
    form, rule_id = request.form, request.form.get("rule", "")
    take, place = form.get("take", ""), _number(form.get("place", "")) or None
    try:
        mine = json.loads(form.get("mine", ""))
    except (ValueError, RecursionError):
        abort(400)
    if take not in ("mine", "theirs", "both") or not isinstance(mine, dict | None):
        abort(400)
    with patient_reading() as session:
        seen = _seen(session)
    if take == "theirs":
        return _go(did="saved")
    if rule_id == LADDER:
        document = {"ladder": {**seen["ladder"], **(mine or {})}, "rules": seen["rules"]}
    else:
        document = rule_documents.changed(seen, _settled(rule_id, mine, take, place, seen))
    return _save(document, Unsaved(rule_id, mine or {}, since=_revision()), did="saved")


def _settled(rule_id: str, mine: Json | None, take: str, place: int | None, seen: Json) -> Change:
    where = rule_documents.place_of(seen, rule_id)
    if place is not None:
        return rule_documents.moved(rule_id, place - 1)
    if mine is None:
        return rule_documents.removed(rule_id)
    if take == "both":
        beneath = None if where is None else where + 1
        return rule_documents.added(rule_documents.copy_of(mine, mine.get("name", "")), beneath)
    return rule_documents.added(mine) if where is None else rule_documents.replaced({**mine, "id": rule_id})


def _save(document: Json, unsaved: Unsaved, seen: Draft | None = None, **said: Any) -> Response:
    """Save a document; show what was written again, with why, where that can't be."""
    revision, based_on = (seen.revision, seen.rules.version) if seen else (_revision(), _based_on())
    try:
        with transaction() as session:
            publishing.save(session, document, based_on=based_on, revision=revision, who=_who(), now=utcnow())
    except InvalidRules as invalid:
        place = None if unsaved.rule == LADDER else rule_documents.place_of(document, unsaved.rule)
        wrong = mistakes_by_row(invalid.mistakes, place)
        return _page(422, Unsaved(unsaved.rule, unsaved.written, wrong), did="unsaved")
    except publishing.Clashes as found:
        clash = found.clashes[0]
        return _page(409, Unsaved(clash.rule, {}, clash=clash, since=unsaved.since), did="clash")
    except publishing.ChangedMeanwhile:
        return _page(503, Unsaved(unsaved.rule, unsaved.written), did="unsure")
    return _go(at="" if said.get("did") == "removed" else unsaved.rule, **said)


def _go(at: str = "", **said: Any) -> Response:
    """Show the page anew; a script gets what lives in it at once."""
    if _is_script():
        return _page(**said)
    shut = request.form.getlist("shut")
    asked = [("open", one) for one in request.form.getlist("open") if one not in shut]
    asked += [(name, str(value)) for name, value in said.items() if value is not None]
    anchor = f"#rule-{at}" if at else ""
    return make_response(redirect(f"/admin/rules?{urlencode(asked)}{anchor}", 303))


def _seen(session: Session) -> Json:
    """Return the rules that somebody looked at when they changed them."""
    return _looked_at(session, _revision() or 0, _based_on())


def _looked_at(session: Session, revision: int, based_on: int) -> Json:
    """Return a draft, or where there is none a version, as it stood."""
    if revision:
        row = session.get(RuleDraft, revision)
        if row is None:
            abort(400)
        return Rules.kept(row.based_on, row.rules).as_json()
    try:
        return publishing.version(session, based_on).as_json()
    except publishing.UnknownVersion:
        abort(400)


def _revision() -> int | None:
    return _number(request.form.get("revision", "")) or None


def _based_on() -> int:
    return _number(request.form.get("based_on", "")) or 1


def _known(session: Session, seen: Json) -> Mapping[str, list[str]]:
    week = last_week.calls(session, utcnow())
    return rule_choices.choices(session, week, seen).known


def _who() -> str:
    reader = current()
    return reader.email if reader else ""


# --- publishing ---------------------------------------------------------------------------------------


@bp.post("/publish")
@require_role(Role.ADMIN)
@require_fresh
def publish() -> Response:
    """Put the draft in force, with why; what can't be proved is shown instead."""
    why = request.form.get("why", "").strip()
    if wrong := _wrong_why(why):
        return _page(422, did=wrong)
    with patient_reading() as session:
        # Proven before anything is held: it takes a moment.
        publishing.problems(session, publishing.draft(session).rules, utcnow())
    despite = request.form.get("despite", "").strip()[:LONGEST_WHY]
    astray = _astray()
    if astray and not despite:
        return _page(422, did="astray", astray=astray)
    if astray:
        # Whoever reads the version later sees what was known, and why it was published all the same.
        why = words("why_despite", why=why, text=despite)
    try:
        with transaction() as session:
            newest = publishing.draft(session)
            if newest.document == publishing.version(session, newest.rules.version).as_json():
                raise publishing.NothingToPublish
            number = publishing.publish_draft(session, _who(), why, utcnow(), _revision())
    except publishing.NotProven:
        return _page(422, did="unproven")
    except publishing.ChangedMeanwhile:
        return _page(409, did="meanwhile")
    except publishing.NothingToPublish:
        return _page(409, did="nothing")
    return _go(did="published", number=number)


@bp.post("/versions/<int:number>")
@require_role(Role.ADMIN)
@require_fresh
def put_back(number: int) -> Response:
    """Put the rules of an earlier version in force again, as a new one."""
    why = request.form.get("why", "").strip()
    if wrong := _wrong_why(why):
        return _page(422, did=wrong)
    try:
        with transaction() as session:
            made = publishing.roll_back(session, number, _who(), why, utcnow())
    except publishing.UnknownVersion:
        abort(404)
    return _go(did="rolled_back", number=made)


def _astray() -> list[str]:
    """Return the names of the saved calls that wouldn't go where they must by the draft."""
    deployment = Deployment.of(current_app.config["SETTINGS"])
    with patient_reading() as session:
        tried = trials.run_tests(session, publishing.draft(session).rules, utcnow(), deployment)
    return [one.name for one in tried if not one.passes]


def _wrong_why(why: str) -> str:
    if not why:
        return "why_missing"
    return "why_too_long" if len(why) > LONGEST_WHY else ""
