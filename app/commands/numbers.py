"""Which numbers are nobody's own? `flask numbers …`, for switchboards and systems that forward calls."""

import click
from flask.cli import AppGroup
from sqlalchemy import select

from app import db
from app.api.fields import Defaults, Problem, Unusable, phone
from app.audit import log as audit
from app.audit.log import What
from app.clock import utcnow
from app.commands import operator, refuse, say, settings_of
from app.lines import nobodys
from app.records.callers import NobodysNumber

LONGEST_NOTE = 200

number_commands = AppGroup("numbers", help="Numbers that are nobody's own: switchboards, and the like.")


@number_commands.command("list")
def list_() -> None:
    """Show which numbers are nobody's own."""
    with db.reading() as session:
        for row in session.scalars(select(NobodysNumber).order_by(NobodysNumber.e164)):
            click.echo(f"{row.e164}  {row.note}".rstrip())


@number_commands.command("nobodys")
@click.argument("number")
@click.option("--note", default="", help="Whose switchboard it is, for example.")
@click.pass_context
def nobodys_(context: click.Context, number: str, note: str) -> None:
    """Recognise nobody by NUMBER from now on, and ring nobody back on it."""
    e164 = _read(context, number)
    if len(note) > LONGEST_NOTE:
        raise refuse([Problem("note", "too_long", {"most": LONGEST_NOTE})])
    with db.transaction() as session:
        nobodys.mark(session, e164, note, utcnow())
        audit.record(session, operator(), What.NUMBER_MARKED, utcnow(), audit.number(e164))
    click.echo(say("number_nobodys", number=e164))


@number_commands.command("somebodys")
@click.argument("number")
@click.pass_context
def somebodys(context: click.Context, number: str) -> None:
    """Recognise callers by NUMBER again."""
    e164 = _read(context, number)
    with db.transaction() as session:
        nobodys.unmark(session, e164)
        audit.record(session, operator(), What.NUMBER_UNMARKED, utcnow(), audit.number(e164))
    click.echo(say("number_somebodys", number=e164))


def _read(context: click.Context, number: str) -> str:
    try:
        return phone(number.strip(), Defaults.of(settings_of(context)))
    except Unusable as unusable:
        raise refuse([Problem("NUMBER", unusable.code, unusable.values_said)]) from unusable
