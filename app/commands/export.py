"""How does an operator hand out all that is known of one person? `flask --app wsgi export …`."""

import getpass
import os
import shutil
from pathlib import Path

import click
from flask.cli import AppGroup

from app import db
from app.api.fields import Problem
from app.clock import utcnow
from app.commands import number_of, refuse, say, settings_of
from app.forgetting import handing_out, whom
from app.records.privacy import Whom
from config import Settings

export_commands = AppGroup("export", help="Write all that is known of one person to a ZIP file.")
_FILE = click.argument("file", type=click.Path(path_type=Path))


@export_commands.command("number")
@click.argument("number")
@_FILE
@click.pass_context
def number(context: click.Context, number: str, file: Path) -> None:
    """Write all of whoever calls from NUMBER to FILE."""
    settings = settings_of(context)
    _export(settings, Whom.NUMBER, number_of(number, settings), file)


@export_commands.command("customer")
@click.argument("customer")
@_FILE
@click.pass_context
def customer(context: click.Context, customer: str, file: Path) -> None:
    """Write all of a customer to FILE."""
    _export(settings_of(context), Whom.CUSTOMER, customer, file)


def _export(settings: Settings, kind: Whom, of: str, path: Path) -> None:
    now = utcnow()
    with db.patient_transaction() as session:
        person = whom.person(session, kind, of)
        if person is None or not whom.is_known(session, person):
            click.echo(say("erased_nothing"))
            return
        if person.customer is None and person.shared:
            raise refuse([Problem("NUMBER", "several_customers")])
        handing_out.note_export(session, kind, of, getpass.getuser(), now)
        left_out = whom.doubts(session, person)
    with (
        handing_out.made(db.patient_reading, person, settings, now) as made,
        # Nobody else on this machine may read it.
        open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as written,
    ):
        shutil.copyfileobj(made, written)
    click.echo(say("exported", file=path))
    if left_out:
        parts = {name: getattr(left_out, name) for name in ("calls", "messages", "promises", "notes")}
        click.echo(say("exported_left_out", **parts))
