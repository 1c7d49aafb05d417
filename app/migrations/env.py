"""Alembic's entry: runs the steps on the connection that it was given."""

from alembic import context

import app.records.all  # noqa: F401  # all tables stand in the metadata
from app.db import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    user_module_prefix="app.db.",
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
