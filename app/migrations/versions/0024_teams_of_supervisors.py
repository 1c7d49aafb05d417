"""Of which teams a supervisor sees what others do, and what finds a call among many"""

from typing import Any

import sqlalchemy as sa
from alembic import op

import app.db
from app.migrations.indexes import create_index, drop_index

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # It stands already where an upgrade was broken off.
    is_postgres = op.get_bind().dialect.name == "postgresql"
    column: sa.Column[Any] = sa.Column("teams", app.db.Json, nullable=True)
    op.add_column("users", column, if_not_exists=is_postgres or None)
    # Whoever supervised everybody goes on doing so until somebody says otherwise.
    op.execute("UPDATE users SET teams = '[\"*\"]' WHERE role = 'supervisor' AND teams IS NULL")
    create_index(
        "ix_calls_outcome_created_at", "calls", "outcome", "created_at", "sid", where="outcome IS NOT NULL"
    )
    create_index("ix_calls_rule_version_created_at", "calls", "rule_version", "created_at")
    create_index("ix_call_steps_rule_started_at", "call_steps", "rule", "started_at", where="rule <> ''")


def downgrade() -> None:
    drop_index("ix_call_steps_rule_started_at", "call_steps")
    drop_index("ix_calls_rule_version_created_at", "calls")
    drop_index("ix_calls_outcome_created_at", "calls")
    op.drop_column("users", "teams")
