"""What can an operator type? `flask --app wsgi …`."""

import click
from flask import Flask
from flask.cli import AppGroup

from app import migrations
from app.commands.carrier import carrier_commands
from app.commands.doctor import doctor
from app.commands.hooks import hook_commands
from app.commands.load import load_commands
from app.commands.people import token_commands, user_commands
from app.commands.rules import rules_commands
from app.db import Database
from config import Settings

db_commands = AppGroup("db", help="The database's shape.")


def register(app: Flask) -> None:
    for commands in (
        db_commands,
        load_commands,
        user_commands,
        token_commands,
        rules_commands,
        carrier_commands,
        hook_commands,
        doctor,
    ):
        app.cli.add_command(commands)


@db_commands.command("upgrade")
@click.pass_context
def upgrade(context: click.Context) -> None:
    """Bring the database to the newest shape."""
    settings: Settings = context.obj.load_app().config["SETTINGS"]
    database = Database(settings.database_url, patient=True)
    click.echo(f"database is at {migrations.upgrade(database)}")
    database.dispose()
