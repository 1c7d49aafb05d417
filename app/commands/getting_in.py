"""How does somebody get in who can't? `flask --app wsgi users reset-factors …` and its like."""

import click
from sqlalchemy.orm import Session

from app import db
from app.api.fields import Problem, Unusable, email
from app.clock import utcnow
from app.commands import operator, refuse, say, settings_of
from app.commands.people import hand, language_of, refused_in_words
from app.commands.people import user_commands as user_commands
from app.door import access_log, accounts, factors, mails, one_time_links, sessions
from app.records.access import AccessKind
from app.records.agents import Role, User
from app.records.links import Purpose
from config import Settings


@user_commands.command("reset-factors")
@click.argument("address", metavar="EMAIL")
def reset_factors(address: str) -> None:
    """Take away somebody's app, passkeys and recovery codes, who lost them; all their sessions end.

    Be sure that it is them who ask. Their password alone opens the door then; where their role needs more,
    they are led to set it up first.
    """
    with db.transaction() as session:
        user = _user(session, address)
        factors.reset(session, user.email)
        sessions.end_all(session, user.email, utcnow())
        _note(session, AccessKind.FACTORS_RESET, user.email)
    click.echo(say("factors_reset", email=user.email))


@user_commands.command("invite")
@click.argument("address", metavar="EMAIL")
@click.option("--role", type=click.Choice([str(role) for role in Role]), help="For who has no account yet.")
@click.option("--agent", help="The agent whose desk they sit at.")
@click.pass_context
def invite(context: click.Context, address: str, role: str | None, agent: str | None) -> None:
    """Let somebody choose their first password: by a mail or, where none can be sent, a link to hand over.

    With --role somebody who has no account yet gets one.
    """
    settings = settings_of(context)
    with db.transaction() as session:
        if role is not None and session.get(User, address.strip().lower()) is None:
            new_user(session, address, Role(role), agent, settings)
        _let_choose(session, _user(session, address), Purpose.INVITATION, settings)


@user_commands.command("reset-password")
@click.argument("address", metavar="EMAIL")
@click.pass_context
def reset_password(context: click.Context, address: str) -> None:
    """Let somebody choose another password: by a mail or, where none can be sent, a link to hand over.

    The present one works until then.
    """
    with db.transaction() as session:
        _let_choose(session, _user(session, address), Purpose.RESET, settings_of(context))


def _let_choose(session: Session, user: User, purpose: Purpose, settings: Settings) -> None:
    now = utcnow()
    _note(session, AccessKind.LINK_MADE, user.email)
    if settings.mail is not None:
        mails.ask_for_link(session, user.email, purpose, now)
        click.echo(say("link_mailed", email=user.email))
        return
    link = settings.public_url + one_time_links.make(session, user.email, purpose, now)
    until = f"{now + one_time_links.WORKS_FOR[purpose]:%Y-%m-%d %H:%M} UTC"
    # On a line by itself, so that a script can take the last line.
    click.echo(say("link_once", email=user.email, until=until), err=True)
    click.echo(link)


def new_user(session: Session, address: str, role: Role, agent: str | None, settings: Settings) -> User:
    """Add somebody who has no password yet, and can't come in before they have chosen one."""
    try:
        address = email(address.strip().lower())
    except Unusable as unusable:
        raise refuse([Problem("EMAIL", unusable.code, unusable.values_said)]) from unusable
    language = language_of(session, agent) or settings.default_language
    with refused_in_words(address):
        return accounts.give(session, address, accounts.of_role(role, agent, by_hand=True), language, hand())


def _user(session: Session, address: str) -> User:
    user = session.get(User, address.strip().lower())
    if user is None:
        raise refuse([Problem("EMAIL", "no_such_user", {"text": address})])
    return user


def _note(session: Session, kind: AccessKind, email: str) -> None:
    access_log.note(session, kind, email, utcnow(), access_log.COMMAND, by=operator())
