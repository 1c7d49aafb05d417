"""How does somebody get in who can't? `flask --app wsgi users reset-factors …` and its like."""

import click
from sqlalchemy.orm import Session

from app import db
from app.agents import access_log, factors, sessions
from app.api.fields import Problem
from app.clock import utcnow
from app.commands import refuse, say
from app.commands.people import user_commands as user_commands
from app.records.access import AccessKind
from app.records.agents import User


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


def _user(session: Session, address: str) -> User:
    user = session.get(User, address.strip().lower())
    if user is None:
        raise refuse([Problem("EMAIL", "no_such_user", {"text": address})])
    return user


def _note(session: Session, kind: AccessKind, email: str) -> None:
    access_log.note(session, kind, email, utcnow(), access_log.COMMAND)
