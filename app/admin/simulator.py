"""What would a caller hear? A page to try any caller, any moment, any presence, along any branch."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Flask, Response, current_app, make_response, redirect, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from app import catalogue, web
from app.admin import call_list, simulated_form
from app.admin.simulated_form import Form
from app.audit.log import What
from app.callers.recognition import KnownCustomer
from app.clock import utcnow
from app.db import patient_reading, reading, transaction
from app.deployment import Defaults, Deployment
from app.door.looking import looked
from app.door.sign_in import OVERSEERS, current, has_desk, reach, require_role
from app.promises import ledger
from app.records.agents import Agent, Role
from app.records.calls import Call, CallStep
from app.records.lines import Line
from app.records.topics import Topic
from app.routing import kept, simulation, starting, trials
from app.routing.answers import Answer, AnswerKind
from app.routing.asked_call import AskedCall, NotACall
from app.routing.mistakes import Mistake
from app.routing.rules import Rules, in_force
from app.routing.simulation import Simulated
from app.routing.starting import Start
from app.routing.tried_rules import rules_of

bp = Blueprint("simulator", __name__, url_prefix="/admin/simulate")

# Of more people the form would be a list that nobody reads; others are where they are.
MOST_PEOPLE = 60


def register(app: Flask) -> None:
    app.register_blueprint(bp)


def words(code: str, **values: object) -> str:
    """Return a text about simulated calls in the reader's language."""
    return catalogue.text(f"simulate.{code}", web.language(), **values)


@dataclass
class Shown:
    """What the page shows beside its form."""

    form: Form
    told: dict[str, Any] | None = None
    asked: str = ""  # the call as JSON, to walk another branch of it
    frozen: str = ""  # the same as one of a made-up caller, to be saved or passed on
    call: str = ""  # the recorded call that it began as
    mistakes: list[tuple[str, str]] = field(default_factory=list)


@bp.get("")
@require_role(*OVERSEERS)
def page() -> Response:
    return _page(_shown(request.args))


@bp.post("")
@require_role(*OVERSEERS)
def simulate() -> Response:
    """The same for a caller's own number, which stands in no address."""
    return _page(_shown(request.form))


def _shown(said: Any) -> Shown:
    form = Form.of(said)
    if not (form.is_asked or said.get("asked") or said.get("call")):
        return Shown(form)
    deployment = Deployment.of(current_app.config["SETTINGS"])
    shown = Shown(form, call=said.get("call", ""))
    try:
        # From the form itself: what they answer, of whatever becomes of the rest nothing.
        text = said.get("answers", "") or (str(AnswerKind.HEARD) if form.heard else "")
        answers = _answers(text, form.heard)
        with reading() as session:
            rules = rules_of(session, draft=form.draft)
            if shown.call:
                start = _recorded(session, shown.call, rules, deployment)
                # Who tries another call goes on from this one's line and moment.
                line = start.facts.line
                form.line = line.number
                form.at = f"{start.at.astimezone(line.calendar.timezone):%Y-%m-%dT%H:%M}"
            else:
                asked = _asked(session, said, form, deployment)
                answers = answers or list(asked.answers)
                shown.asked = json.dumps(asked.as_json() | {"answers": []}, ensure_ascii=False)
                start = starting.of(session, asked, rules, utcnow(), deployment)
                _check_reach(session, asked, start)
            start = starting.with_answers(session, start, answers, utcnow(), deployment)
            claimed = simulation.claims(start)
            _check_claims(session, claimed)
            done = simulation.go(start, answers)
            shown.told = _told(session, done, [str(one) for one in answers])
            shown.told["rule_called"] = _called(rules, shown.told["rule"])
            # What was assumed is said, too: else whoever is rung after the last answer would pick up.
            walked = [str(one.answer) for one in done.way.steps] if answers else []
            frozen = starting.snapshot(start) | {"answers": walked}
            # What is saved or passed on names no customer.
            shown.frozen = json.dumps(frozen, ensure_ascii=False) if not claimed else ""
        if claimed or (not shown.call and asked.number):
            # Who they are is on the page.
            looked(What.CALL_TRIED, *simulation.whose(start))
    except NotACall as error:
        shown.mistakes = [(_label(one.field), one.say(web.language())) for one in error.mistakes]
    return shown


def _called(rules: Rules, rule: str | None) -> str:
    """Return a rule by what people know it: its place, and its name where it has one."""
    for place, one in enumerate(rules.rules, 1):
        if one.id == rule:
            return f"{place} (“{one.name}”)" if one.name else str(place)
    return rule or ""


def _label(name: str) -> str:
    """Return what the form calls a field of a call; what it doesn't have is called as other systems do."""
    if name.startswith("presence."):
        return words("who_is_there")
    code = {"from": "number", "handled_by[0]": "last", "handled_by[1]": "before"}
    last = name.rpartition(".")[2]
    code_of = code.get(last, last)
    return words(code_of) if code_of in catalogue.codes("simulate") else name


def _answers(text: str, words: str) -> list[Answer]:
    """Read what becomes of each step from an address; what is no answer is left to be assumed.

    `words` are those of a field of their own, which no address has.
    """
    said = Answer.of(f"{AnswerKind.HEARD}: {words}") or Answer(AnswerKind.HEARD)
    found = [Answer.of(one) for one in text.split(",") if one.strip()]
    return [said if one == Answer(AnswerKind.HEARD) else one for one in found if one is not None][:60]


def _asked(session: Session, said: Any, form: Form, deployment: Deployment) -> AskedCall:
    country = deployment.defaults.country
    if not said.get("asked"):
        return AskedCall.read(form.as_call(_zone(session, form.line)), country)
    try:
        value = json.loads(said["asked"][:20_000])
    except (ValueError, RecursionError):
        raise NotACall(Mistake("asked", "not_json")) from None
    asked = AskedCall.read(value, country)
    zone = _zone(session, asked.line or "")
    form.fill_from(value, asked.at.astimezone(zone) if asked.at else None)
    return asked


def _check_reach(session: Session, asked: AskedCall, start: Start) -> None:
    """Refuse a number of whose cases none is the reader's to see: the page shows whose, and what about."""
    seen = reach(session)
    cases = [case.team for customer in start.facts.caller.customers for case in customer.cases]
    if asked.number and cases and not any(seen.covers(team) for team in cases):
        raise NotACall(Mistake("from", "simulate_not_yours"))


def _check_claims(session: Session, claimed: Sequence[KnownCustomer]) -> None:
    """Refuse words that name a customer of whose cases none is the reader's to see."""
    seen = reach(session)
    for customer in claimed:
        if customer.cases and not any(seen.covers(case.team) for case in customer.cases):
            raise NotACall(Mistake("heard", "simulate_not_yours"))


def _recorded(session: Session, sid: str, rules: Rules, deployment: Deployment) -> Start:
    step = session.get(CallStep, (sid, 1), options=[undefer(CallStep.situation)])
    is_seen = session.scalar(select(Call.sid).where(Call.sid == sid, call_list.seen_by(reach(session))))
    try:
        if step is None or is_seen is None:
            raise kept.UnknownForm("no such call")
        return starting.of_kept(session, step, rules, deployment)
    except (kept.UnknownForm, KeyError, ValueError):
        raise NotACall(Mistake("call", "simulate_no_call")) from None


def _zone(session: Session, line: str) -> ZoneInfo:
    found = session.scalar(select(Line.timezone).where(Line.number == line))
    return ZoneInfo(found or Defaults.timezone)


def _told(session: Session, done: Simulated, answers: list[str]) -> dict[str, Any]:
    """Return what the page tells, with people's names and the way to each other branch."""
    told = done.as_json(web.language())
    told["names"] = ledger.names_of(session)
    for step in told["steps"]:
        topic = (step["understood"] or {}).get("topic")
        step["topic"] = session.scalar(select(Topic.name).where(Topic.key == topic)) if topic else ""
    so_far: list[str] = []
    for step in told["steps"]:
        step["branches"] = [
            {"answer": one, "way": ",".join([*so_far, one]), "is_taken": one == step["answer"].split(":")[0]}
            for one in step["answers"]
        ]
        so_far.append(answers[len(so_far)] if len(so_far) < len(answers) else step["answer"])
    told["at"] = done.start.at
    told["zone"] = done.start.facts.line.calendar.timezone
    return told


def _page(shown: Shown) -> Response:
    now = utcnow()
    reader = current()
    with reading() as session:
        lines = session.execute(select(Line.number, Line.name).order_by(Line.name)).all()
        agents = session.execute(
            select(Agent.key, Agent.name, Agent.team).where(Agent.enabled).order_by(Agent.team, Agent.name)
        ).all()
        if not shown.form.at:
            shown.form.at = now.astimezone(_zone(session, shown.form.line)).strftime("%Y-%m-%dT%H:%M")
    page = render_template(
        "admin/simulate.html",
        shown=shown,
        now=now,
        form=shown.form,
        told=shown.told,
        lines=lines,
        agents=agents,
        people=agents[:MOST_PEOPLE],
        teams=sorted({agent.team for agent in agents}),
        places=simulated_form.PLACES,
        kinds=simulated_form.KINDS,
        may_save=reader is not None and reader.role == Role.ADMIN,
        has_desk=has_desk(),
        clock=_clock,
        w=words,
    )
    return make_response(page, 400 if shown.mistakes else 200)


def _clock(seconds: float) -> str:
    """Return “0:07”, as on a timer."""
    whole = int(seconds)
    return f"{whole // 60}:{whole % 60:02d}"


# --- saved calls ------------------------------------------------------------------------------------------


@bp.get("/tests")
@require_role(*OVERSEERS)
def tests() -> Response:
    """Run the saved calls, by the rules in force and by the draft, and show which go where they must."""
    return _tests()


def _tests(*, saved: str = "", error: str = "") -> Response:
    now, reader = utcnow(), current()
    deployment = Deployment.of(current_app.config["SETTINGS"])
    with patient_reading() as session:
        calls = trials.saved(session, deployment.defaults.country)
        changed = {row.name: (row.changed_by, row.changed_at) for row in trials.rows(session)}
        published = trials.run_tests(session, in_force(session), now, deployment, calls)
        draft = trials.run_tests(session, rules_of(session, draft=True), now, deployment, calls)
    rows = [
        {
            "name": one.name,
            "asked": json.dumps(one.call.as_json(), ensure_ascii=False),
            "answers": ",".join(map(str, one.call.answers)),
            "published": before,
            "draft": after,
            "by": changed[one.name][0],
            "at": changed[one.name][1],
        }
        for one, before, after in zip(calls, published, draft, strict=True)
    ]
    page = render_template(
        "admin/simulate_tests.html",
        rows=rows,
        red=sum(not one.passes for one in draft),
        saved=saved,
        error=error,
        now=now,
        may_save=reader is not None and reader.role == Role.ADMIN,
        has_desk=has_desk(),
        w=words,
    )
    return make_response(page, 400 if error else 200)


@bp.post("/tests")
@require_role(Role.ADMIN)
def save_test() -> Response:
    """Save a call that was just simulated, with what came of it, beside the others; or take one away."""
    settings = current_app.config["SETTINGS"]
    reader, now = current(), utcnow()
    who = reader.email if reader else ""
    name = " ".join(request.form.get("name", "").split())
    with transaction() as session:
        others = [one for one in trials.saved(session, settings.default_country) if one.name != name]
        if request.form.get("action") == "remove":
            trials.save_all(session, others, who, now)
            return make_response(redirect("/admin/simulate/tests", 303))
        try:
            call = json.loads(request.form.get("asked", "")[:20_000])
            expect = {key: request.form[key] for key in ("first", "ends", "rule") if key in request.form}
            said = {"name": name, "call": call, "expect": expect}
            (new,) = trials.read([said], settings.default_country)
        except (ValueError, RecursionError):
            return _tests(error=words("not_saved"))
        except NotACall as error:
            wrong = error.mistakes[0]
            return _tests(error=f"{words('not_saved')} {wrong.field}: {wrong.say(web.language())}")
        trials.save_all(session, [*others, new], who, now)
    return _tests(saved=name)
