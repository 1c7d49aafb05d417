"""Alembic's entry: runs the steps on the connection that it was given."""

from alembic import context

import app.records.access
import app.records.agents
import app.records.audit
import app.records.beside
import app.records.callers
import app.records.calls
import app.records.directory
import app.records.factors
import app.records.jobs
import app.records.legs
import app.records.lines
import app.records.links
import app.records.messages
import app.records.notes
import app.records.outgoing
import app.records.privacy
import app.records.promises
import app.records.rules
import app.records.screen
import app.records.tokens
import app.records.topics
import app.records.trials  # noqa: F401  # each import puts its tables into the metadata
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
