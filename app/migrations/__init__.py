"""How does the database get its shape? Numbered steps, run by `flask db upgrade`."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from app.db import Database
from app.errors import TablesAreNewer


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(database: Database) -> str:
    """Bring the database to the newest shape; return the step that it now stands at. Safe to repeat.

    On PostgreSQL each step is a transaction of its own, so that one of them can build indexes while calls
    go on; on SQLite all of them are one. Raises TablesAreNewer.
    """
    config = _config()
    with database.engine.begin() if database.is_sqlite else database.engine.connect() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise TablesAreNewer from error
        return MigrationContext.configure(connection).get_current_revision() or "empty"


def is_current(database: Database) -> bool:
    """Tell whether every step was run."""
    with database.engine.connect() as connection:
        at = MigrationContext.configure(connection).get_current_revision()
    return at == ScriptDirectory.from_config(_config()).get_current_head()
