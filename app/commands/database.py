"""Is the database's shape the newest? `flask --app wsgi db …`."""

import click
from flask.cli import AppGroup

from app import migrations
from app.commands import settings_of
from app.db import Database

db_commands = AppGroup("db", help="The database's shape.")


@db_commands.command("upgrade")
@click.pass_context
def upgrade(context: click.Context) -> None:
    """Bring the database to the newest shape."""
    database = Database(settings_of(context).database_url, patient=True)
    click.echo(f"database is at {migrations.upgrade(database)}")
    database.dispose()
