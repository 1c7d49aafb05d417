"""Who works here, how are they reached, and as what may they sign in? The admin's pages of people."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

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
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.admin import form_words
from app.admin.form_words import house
from app.agents import absences
from app.agents.teams import deserted
from app.api import fields, writing
from app.api.fields import Problem, Refused, Unusable
from app.api.records import AGENTS
from app.clock import utcnow
from app.db import patient_reading, reading, transaction
from app.door import accounts, one_time_links
from app.door.accounts import Hand
from app.door.sign_in import actor, current, has_desk, place_of_request, require_role
from app.door.step_up import require_fresh
from app.errors import InvalidField
from app.lines.dates import day_of
from app.records.agents import Agent, Role, User

bp = Blueprint("admin_people", __name__, url_prefix="/admin/people")

TEXTS = ("agent", "name", "spoken_name", "email", "team", "phone", "language")
SHOWN = 500


@dataclass(frozen=True)
class Row:
    """Somebody as the list shows them."""

    agent: Agent | None
    user: User | None


def register(app: Flask) -> None:
    app.register_blueprint(bp)


@bp.get("")
@require_role(Role.ADMIN)
def overview() -> Response:
    now = utcnow()
    wanted, team = request.args.get("q", "").strip(), request.args.get("team", "").strip()
    # Which teams open cases are of, it looks through all of them for.
    with patient_reading() as session:
        page = render_template(
            "admin/people.html",
            rows=_rows(session, wanted, team, with_leavers="left" in request.args),
            teams=_teams(session),
            query=request.args,
            lonely=[one for one in deserted(session, cases=True) if one.kind != "promise"],
            without_account=_without_account(session),
            today=now.date(),
            day_of=form_words.day_of,
            mark_of=mark_of,
            has_desk=has_desk(),
            w=house,
        )
    return make_response(page)


def _rows(session: Session, wanted: str, team: str, *, with_leavers: bool) -> list[Row]:
    statement = select(Agent, User).outerjoin(User, User.agent == Agent.key)
    if not with_leavers:
        statement = statement.where(Agent.enabled)
    if wanted:
        like = "%" + wanted.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        columns = (Agent.name, Agent.key, Agent.email, Agent.spoken_name)
        statement = statement.where(or_(*(func.lower(one).like(like, escape="\\") for one in columns)))
    if team:
        statement = statement.where(Agent.team == team)
    found = [
        Row(*row) for row in session.execute(statement.order_by(Agent.name, Agent.key).limit(SHOWN)).all()
    ]
    if not team:
        alone = select(User).where(User.agent.is_(None)).order_by(User.email).limit(SHOWN)
        found += [Row(None, user) for user in session.scalars(alone) if wanted.lower() in user.email]
    return found


def _teams(session: Session) -> Sequence[str]:
    return session.scalars(select(Agent.team).where(Agent.enabled).distinct().order_by(Agent.team)).all()


def _without_account(session: Session) -> int:
    """Return how many agents can be rung only on a phone, or not at all: nobody can sign in at their desk."""
    has_one = select(User.email).where(User.agent == Agent.key).exists()
    alone = select(func.count()).select_from(Agent).where(Agent.enabled, ~has_one)
    return session.scalar(alone) or 0


@bp.get("/new")
@require_role(Role.ADMIN)
def new() -> Response:
    return _page(None, {"language": form_words.defaults().language, "team": request.args.get("team", "")})


@bp.post("")
@require_role(Role.ADMIN)
def create() -> Response:
    said = {name: text.strip() for name, text in request.form.items()}
    with reading() as session:
        known = session.get(Agent, said.get("agent", "")) if web_safe(said.get("agent", "")) else None
    if known is not None:
        return _page(None, said, [Problem("agent", "agent_exists", {"text": known.key})])
    return _save(None, said)


def web_safe(text: str) -> bool:
    return text.isprintable()


@bp.get("/agents/<key>")
@require_role(Role.ADMIN)
def person(key: str) -> Response:
    agent = _agent(key)
    return _page(agent, _said_of(agent))


@bp.post("/agents/<key>")
@require_role(Role.ADMIN)
def save(key: str) -> Response:
    agent = _agent(key)
    said = {name: text.strip() for name, text in request.form.items()} | {"agent": key}
    return _save(agent, said)


def _save(known: Agent | None, said: Mapping[str, str]) -> Response:
    body = {name: said.get(name, "") for name in TEXTS if name != "agent"}
    try:
        with transaction() as session:
            key, _ = writing.put(session, AGENTS, said.get("agent", ""), body, form_words.defaults(), actor())
    except Refused as refused:
        return _page(known, said, refused.problems)
    return make_response(redirect(f"/admin/people/agents/{key}?saved=1", 303))


@bp.post("/agents/<key>/absence")
@require_role(Role.ADMIN)
def set_absence(key: str) -> Response:
    """Say from when to when they aren't here; with both days empty, that they are."""
    agent = _agent(key)
    said = {name: request.form.get(name, "").strip() for name in ("absent_from", "absent_until")}
    if "ends" in request.form:
        said = dict.fromkeys(said, "")
    days: dict[str, date | None] = {}
    for name, text in said.items():
        days[name] = day_of(text) if text else None
        if text and days[name] is None:
            return _page(
                agent, _said_of(agent) | said, absence=[Problem(name, "not_a_date", {"text": text[:20]})]
            )
    try:
        with transaction() as session:
            first, last = days["absent_from"], days["absent_until"]
            writing.set_absence(session, key, first, last, utcnow(), actor())
    except InvalidField as error:
        problem = Problem(error.field, str(error.message), {"text": said[error.field]})
        return _page(agent, _said_of(agent) | said, absence=[problem])
    return make_response(redirect(f"/admin/people/agents/{key}?saved=1#absence", 303))


# --- accounts -------------------------------------------------------------------------------------------


@bp.post("/accounts")
@require_role(Role.ADMIN)
@require_fresh
def give_account() -> Response:
    """Let somebody sign in, an agent or one without a desk, and show the link with which they begin."""
    key, now = request.form.get("agent") or None, utcnow()
    agent = _agent(key) if key else None
    try:
        role, email = (
            Role(request.form.get("role", "")),
            fields.email(request.form.get("account", "").strip().lower()),
        )
    except Unusable as unusable:
        return _account_page(agent, [Problem("account", unusable.code, unusable.values_said)])
    except ValueError:
        abort(400)
    language = agent.language if agent else form_words.defaults().language
    try:
        with transaction() as session:
            user = accounts.give(
                session, email, accounts.of_role(role, key, by_hand=True), language, _hand(now)
            )
            link = _link(session, user, now)
    except InvalidField as error:
        return _account_page(agent, [Problem(error.field, str(error.message), {"text": email})])
    return _invited(email, link, agent)


@bp.post("/accounts/role")
@require_role(Role.ADMIN)
@require_fresh
def change_role() -> Response:
    reader, email = current(), request.form.get("account", "")
    try:
        role = Role(request.form.get("role", ""))
    except ValueError:
        abort(400)
    if reader is not None and reader.email == email:
        return _account_page(_agent_of(email), [Problem("role", "own_role")], email)
    try:
        with transaction() as session:
            user = session.get(User, email) or abort(404)
            rights = accounts.of_role(role, user.agent, user, by_hand=True)
            accounts.change(session, email, rights, _hand(utcnow()))
    except InvalidField as error:
        return _account_page(_agent_of(email), [Problem(error.field, str(error.message))], email)
    agent = _agent_of(email)
    where = (
        f"/admin/people/agents/{agent.key}?saved=1#account"
        if agent
        else f"/admin/people/accounts/{mark_of(email)}?saved=1"
    )
    return make_response(redirect(where, 303))


@bp.post("/accounts/invite")
@require_role(Role.ADMIN)
@require_fresh
def invite() -> Response:
    """Make another link for somebody, who lost the first; shown once."""
    email, now = request.form.get("account", ""), utcnow()
    with transaction() as session:
        user = session.get(User, email) or abort(404)
        link = _link(session, user, now)
    return _invited(email, link, _agent_of(email))


@bp.get("/accounts")
@require_role(Role.ADMIN)
def new_account() -> Response:
    """The form for an account without a desk."""
    return _account_page(None, ())


@bp.get("/accounts/<mark>")
@require_role(Role.ADMIN)
def account(mark: str) -> Response:
    """An account without a desk."""
    with reading() as session:
        emails = session.scalars(select(User.email).where(User.agent.is_(None))).all()
    email = next((one for one in emails if mark_of(one) == mark), None)
    return _account_page(None, (), email or abort(404))


def mark_of(email: str) -> str:
    """Return what stands for an e-mail address in one of ours: addresses get into logs, people's don't."""
    return hashlib.sha256(email.encode()).hexdigest()[:16]


def _hand(now: datetime) -> Hand:
    return Hand(actor(), place_of_request(), now)


def _invited(email: str, link: str | None, agent: Agent | None) -> Response:
    address = current_app.config["SETTINGS"].public_url + link if link else ""
    page = render_template(
        "admin/invited.html", email=email, link=address, agent=agent, has_desk=has_desk(), w=house
    )
    return make_response(page)


def _may_invite() -> bool:
    """Tell whether one signs in with a password here, for which a link can be made."""
    return bool(current_app.config["SETTINGS"].passwords)


def _link(session: Session, user: User, now: datetime) -> str | None:
    return one_time_links.invite(session, user, now) if _may_invite() else None


def _agent_of(email: str) -> Agent | None:
    with reading() as session:
        user = session.get(User, email)
        return session.get(Agent, user.agent) if user and user.agent else None


# --- the page -------------------------------------------------------------------------------------------


def _agent(key: str) -> Agent:
    with reading() as session:
        found: Agent = session.get(Agent, key) or abort(404)
        return found


def _said_of(agent: Agent) -> dict[str, str]:
    """Return an agent as their form has it."""
    said = {name: getattr(agent, name) or "" for name in TEXTS if name != "agent"}
    absent = {name: str(getattr(agent, name) or "") for name in ("absent_from", "absent_until")}
    return {"agent": agent.key, **said, **absent}


def _page(
    agent: Agent | None,
    said: Mapping[str, str],
    problems: Sequence[Problem] = (),
    *,
    absence: Sequence[Problem] = (),
    of_account: Sequence[Problem] = (),
) -> Response:
    reader = current()
    with reading() as session:
        user = session.scalar(select(User).where(User.agent == agent.key)) if agent else None
        page = render_template(
            "admin/person.html",
            agent=agent,
            user=user,
            is_reader=bool(reader and user and reader.email == user.email),
            said=said,
            wrong=form_words.by_field(problems),
            absence_wrong=form_words.by_field(absence),
            account_wrong=form_words.by_field(of_account),
            roles=[(str(role), house(f"role_{role}")) for role in Role],
            is_absent=bool(agent and agent.absent_until and not agent.absent_from),
            back_on=absences.back_on(session, agent) if agent else None,
            teams=_teams(session),
            may_invite=_may_invite(),
            is_saved="saved" in request.args,
            now=utcnow(),
            has_desk=has_desk(),
            w=house,
        )
    return make_response(page, 422 if problems or absence or of_account else 200)


def _account_page(agent: Agent | None, problems: Sequence[Problem], email: str = "") -> Response:
    if agent is not None:
        return _page(
            agent, _said_of(agent) | {"account": request.form.get("account", "")}, of_account=problems
        )
    reader = current()
    with reading() as session:
        user = session.get(User, email) if email and email.isprintable() else None
        page = render_template(
            "admin/account.html",
            user=user,
            is_reader=bool(reader and user and reader.email == user.email),
            said=request.form,
            wrong=form_words.by_field(problems),
            roles=[(str(role), house(f"role_{role}")) for role in Role if user or role != Role.AGENT],
            may_invite=_may_invite(),
            is_saved="saved" in request.args,
            has_desk=has_desk(),
            w=house,
        )
    return make_response(page, 422 if problems else 200)
