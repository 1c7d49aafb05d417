"""Who may sign in, and which systems may ask us? `flask --app wsgi users …`, `tokens …`."""

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import click
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import db
from app.agents import teams
from app.api import auth, scopes
from app.api.fields import Problem, Unusable, email
from app.clock import utcnow
from app.commands import operator, refuse, say, settings_of
from app.door import access_log, accounts, password_changes, sessions
from app.door.accounts import Hand, Rights
from app.door.passwords import fits
from app.errors import InvalidField
from app.records.access import AccessKind
from app.records.agents import Agent, Role, User
from app.records.lines import Line
from app.records.tokens import ApiToken, Noun, Scope
from config import Settings

PASSWORD = "RECHTDOOR_PASSWORD"

user_commands = AppGroup("users", help="People who may sign in.")
token_commands = AppGroup("tokens", help="Other systems that may ask us.")


@user_commands.command("create")
@click.argument("address", metavar="EMAIL")
@click.option("--role", type=click.Choice([str(role) for role in Role]), required=True)
@click.option("--agent", help="The agent whose desk they sit at.")
@click.option("--teams", "named", help="A supervisor's: which they see, with commas, or “all”.")
@click.pass_context
def create_user(
    context: click.Context, address: str, role: str, agent: str | None, named: str | None
) -> None:
    """Let somebody sign in, or change their role, agent, teams or password.

    The password is taken from RECHTDOOR_PASSWORD; without it a new user gets one, printed once, and a known
    user keeps theirs.
    """
    settings = settings_of(context)
    try:
        address = email(address.strip().lower())
    except Unusable as unusable:
        raise refuse([Problem("EMAIL", unusable.code, unusable.values_said)]) from unusable
    with db.transaction() as session:
        language = language_of(session, agent) or settings.default_language
        user = session.get(User, address)
        rights = Rights(Role(role), agent, _teams(session, role, agent, named, user))
        with refused_in_words(address):
            if user is None:
                _create(session, address, rights, language, settings)
            else:
                _update(session, user, rights, settings)
        if rights.teams == [teams.ALL]:
            click.echo(say("user_sees_all"))


def _create(session: Session, address: str, rights: Rights, language: str, settings: Settings) -> None:
    password = os.environ.get(PASSWORD) or secrets.token_urlsafe(15)
    hashed = _hashed(password, address, settings)
    accounts.give(session, address, rights, language, hand(), password_hash=hashed)
    click.echo(say("user_created", email=address, role=rights.role))
    if not os.environ.get(PASSWORD):
        click.echo(say("password_once", password=password))


def _update(session: Session, user: User, rights: Rights, settings: Settings) -> None:
    password = os.environ.get(PASSWORD, "")
    if password and not fits(user.password_hash, password):
        new = _hashed(password, user.email, settings)
        password_changes.change(session, user.email, new, utcnow(), access_log.COMMAND)
    accounts.change(session, user.email, rights, hand())
    click.echo(say("user_updated", email=user.email, role=rights.role))


def hand() -> Hand:
    return Hand(operator(), access_log.COMMAND, utcnow())


# Which word of the command it is about, by what is wrong.
_WORDS = {"account_exists": "EMAIL", "agent_needed_by_role": "--agent", "last_admin": "--role"}


@contextmanager
def refused_in_words(address: str) -> Iterator[None]:
    """Refuse, naming the word that has to be another, what can't be done with an account."""
    try:
        yield
    except InvalidField as error:
        raise refuse([Problem(_WORDS[error.message], error.message, {"text": address})]) from error


@user_commands.command("sign-out")
@click.argument("address", metavar="EMAIL", required=False)
@click.option("--everybody", is_flag=True, help="All people, instead of one.")
def sign_out_user(address: str | None, everybody: bool) -> None:
    """End all sessions of somebody, or of everybody: what is open closes within seconds, desks aren't rung.

    They may sign in anew; who shouldn't needs another password, or has to leave.
    """
    if bool(address) == everybody:
        raise click.UsageError(say("email_or_everybody"))
    with db.transaction() as session:
        wanted = select(User.email).order_by(User.email)
        if address:
            wanted = wanted.where(User.email == address.strip().lower())
        emails = session.scalars(wanted).all()
        if address and not emails:
            raise refuse([Problem("EMAIL", "no_such_user", {"text": address})])
        for email_ in emails:
            sessions.end_all(session, email_, utcnow())
            _note(session, AccessKind.SIGNED_OUT_EVERYWHERE, email_)
    click.echo(say("users_signed_out", count=len(emails)))


@user_commands.command("list")
def list_users() -> None:
    """Show who may sign in."""
    with db.reading() as session:
        for user in session.scalars(select(User).order_by(User.email)):
            click.echo(f"{user.email}\t{user.role}\t{user.agent or '-'}")


@token_commands.command("create")
@click.argument("name")
@click.option(
    "--scope", required=True, help="read, write, desk, or by noun: read:contacts,write:cases,calls."
)
@click.option("--agent", help="For the scope desk: whose desk.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The last day on which it works, in UTC.")
def create_token(name: str, scope: str, agent: str | None, until: datetime | None) -> None:
    """Let another system use the API; the token is printed once and can't be shown again."""
    name = name.strip()
    if not name or len(name) > 120 or not name.isprintable():
        raise refuse([Problem("NAME", "bad_token_name")])
    try:
        scope = scopes.read(scope)
    except scopes.NotAScope as error:
        values = {"text": error.part, "choices": ", ".join(Noun)}
        raise refuse([Problem("--scope", "not_a_scope", values)]) from error
    if (scope == Scope.DESK) != bool(agent):
        raise refuse([Problem("--agent", "agent_needed_by_desk" if not agent else "agent_only_for_desk")])
    ends_at = until.replace(tzinfo=UTC) + timedelta(days=1) if until is not None else None
    if ends_at is not None and ends_at <= utcnow():
        raise refuse([Problem("--until", "in_the_past")])
    with db.transaction() as session:
        language_of(session, agent)
        if session.scalar(select(ApiToken.name).where(ApiToken.name == name)):
            raise refuse([Problem("NAME", "token_exists", {"text": name})])
        token = auth.create(session, name, scope, agent, utcnow(), ends_at)
        _note(session, AccessKind.TOKEN_CREATED, None, f"{name} {scope}")
    # On a line by itself, so that a script can take the last line.
    click.echo(say("token_created", name=name, scope=scope), err=True)
    click.echo(token)


@token_commands.command("list")
def list_tokens() -> None:
    """Show which systems may ask us, never their tokens: made, ends, last used."""
    with db.reading() as session:
        for token in auth.all_tokens(session):
            ends_at, used_at = (f"{at:%Y-%m-%d}" if at else "-" for at in (token.ends_at, token.used_at))
            made = f"{token.created_at:%Y-%m-%d}"
            click.echo("\t".join([token.name, token.scope, token.agent or "-", made, ends_at, used_at]))


@token_commands.command("rotate")
@click.argument("name")
@click.option("--hours", type=click.IntRange(0, 24 * 30), default=24, help="How long the old one works on.")
def rotate_token(name: str, hours: int) -> None:
    """Give a new token in the place of NAME's, which works on for a while, so that nothing stands still."""
    now = utcnow()
    with db.transaction() as session:
        token = auth.rotate(session, name.strip(), now, now + timedelta(hours=hours))
        if token is None:
            raise refuse([Problem("NAME", "no_such_token", {"text": name})])
        _note(session, AccessKind.TOKEN_CREATED, None, f"{name.strip()} rotated")
    click.echo(say("token_rotated", name=name.strip(), count=hours), err=True)
    click.echo(token)


@token_commands.command("revoke")
@click.argument("name")
def revoke_token(name: str) -> None:
    """End a token at once."""
    with db.transaction() as session:
        if not auth.revoke(session, name.strip()):
            raise refuse([Problem("NAME", "no_such_token", {"text": name})])
        _note(session, AccessKind.TOKEN_REVOKED, None, name.strip())
    click.echo(say("token_revoked", name=name))


def _teams(
    session: Session, role: str, agent: str | None, named: str | None, user: User | None
) -> Sequence[str] | None:
    """Return what is to stand in users.teams: None for one's own team, and for whom it means nothing."""
    if role != Role.SUPERVISOR and named is not None:
        raise refuse([Problem("--teams", "teams_of_supervisor")])
    if named is None:
        return accounts.of_role(Role(role), agent, user, by_hand=True).teams
    wanted = list(dict.fromkeys(one.strip() for one in named.split(",") if one.strip()))
    if wanted == ["all"]:
        return [teams.ALL]
    known = set(session.scalars(select(Agent.team).union(select(Line.team))))
    if unknown := [one for one in wanted if one not in known]:
        raise refuse([Problem("--teams", "no_such_team", {"text": ", ".join(unknown)})])
    return wanted or None


def _note(session: Session, kind: AccessKind, email: str | None, about: str = "") -> None:
    access_log.note(session, kind, email, utcnow(), access_log.COMMAND, about=about, by=operator())


def language_of(session: Session, agent: str | None) -> str | None:
    """Return the agent's language, None without an agent. Refuses one who doesn't exist."""
    if agent is None:
        return None
    language = session.scalar(select(Agent.language).where(Agent.key == agent))
    if language is None:
        raise refuse([Problem("--agent", "no_such_agent", {"text": agent})])
    return language


def _hashed(password: str, address: str, settings: Settings) -> str:
    try:
        return password_changes.hashed(password, address, settings)
    except InvalidField as error:
        raise click.ClickException(f"{PASSWORD}: {error.message}") from error
