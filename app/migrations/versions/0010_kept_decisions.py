"""What each step was decided by, and all that it depended on"""

import sqlalchemy as sa
from alembic import op

import app.db
from app.migrations.indexes import create_index, drop_index

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # They stand already where an upgrade was broken off at the index.
    may_stand = op.get_bind().dialect.name == "postgresql" or None
    for table, column in (
        ("call_steps", sa.Column("rule_version", sa.Integer(), nullable=True)),
        ("call_steps", sa.Column("rule", sa.String(length=60), server_default="", nullable=False)),
        ("call_steps", sa.Column("parameters", app.db.Json, nullable=True)),
        ("call_steps", sa.Column("situation", app.db.Json, nullable=True)),
        ("recordings", sa.Column("keep_days", sa.Integer(), nullable=True)),
    ):
        op.add_column(table, column, if_not_exists=may_stand)
    # The release before this one writes it for the call, and nobody reads it: what it holds goes. Made anew
    # and not altered, for which SQLite would make the table anew and drop it, and all steps with it.
    op.drop_column("calls", "situation")
    op.add_column("calls", sa.Column("situation", app.db.Json, nullable=True))
    create_index("ix_call_steps_with_situation", "call_steps", "started_at", where="situation IS NOT NULL")


def downgrade() -> None:
    drop_index("ix_call_steps_with_situation", "call_steps")
    op.drop_column("recordings", "keep_days")
    op.drop_column("calls", "situation")
    op.add_column("calls", sa.Column("situation", app.db.Json, server_default="{}", nullable=False))
    for column in ("situation", "parameters", "rule", "rule_version"):
        op.drop_column("call_steps", column)
