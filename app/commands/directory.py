"""What does an operator do when the organisation's own sign-in doesn't? `flask --app wsgi directory …`."""

import click
from flask.cli import AppGroup
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app import db
from app.api.fields import Problem
from app.clock import utcnow
from app.commands import operator, refuse, say, settings_of
from app.door import access_log, one_time_links
from app.records.access import AccessKind
from app.records.agents import User
from app.records.directory import Identity
from app.records.links import Purpose

directory_commands = AppGroup("directory", help="Signing in at the organisation's own provider.")


@directory_commands.command("let-in")
@click.argument("address", metavar="EMAIL")
@click.pass_context
def let_in(context: click.Context, address: str) -> None:
    """Print a link that lets somebody in once, within a quarter of an hour: when there is no other way in."""
    with db.transaction() as session:
        user = session.get(User, address.strip().lower())
        if user is None or not user.is_active:
            raise refuse([Problem("EMAIL", "no_such_user", {"text": address})])
        now = utcnow()
        path = one_time_links.make(session, user.email, Purpose.SIGN_IN, now)
        access_log.note(
            session, AccessKind.LINK_MADE, user.email, now, access_log.COMMAND, about="let-in", by=operator()
        )
    click.echo(say("directory_let_in", email=user.email), err=True)
    click.echo(settings_of(context).public_url + path)


@directory_commands.command("reopen")
@click.argument("address", metavar="EMAIL")
def reopen(address: str) -> None:
    """Open an account that the directory closed by mistake. Its agent is let back in by the API."""
    email = address.strip().lower()
    with db.transaction() as session:
        user = session.get(User, email)
        if user is None:
            raise refuse([Problem("EMAIL", "no_such_user", {"text": address})])
        user.is_active = True
        _note(session, email, "reopen")
    click.echo(say("directory_reopened", email=email))


@directory_commands.command("unlink")
@click.argument("address", metavar="EMAIL")
def unlink(address: str) -> None:
    """Release an account from its identity at the provider: the next who comes with its address gets it."""
    email = address.strip().lower()
    with db.transaction() as session:
        if session.scalar(select(User.email).where(User.email == email)) is None:
            raise refuse([Problem("EMAIL", "no_such_user", {"text": address})])
        session.execute(delete(Identity).where(Identity.email == email))
        _note(session, email, "unlink")
    click.echo(say("directory_unlinked", email=email))


def _note(session: Session, email: str, about: str) -> None:
    access_log.note(
        session, AccessKind.ACCESS_CHANGED, email, utcnow(), access_log.COMMAND, about=about, by=operator()
    )
