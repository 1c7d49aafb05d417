"""What each step was decided by, and all that it depended on"""

import sqlalchemy as sa
from alembic import op

import app.db

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("call_steps", sa.Column("rule_version", sa.Integer(), nullable=True))
    op.add_column("call_steps", sa.Column("rule", sa.String(length=60), server_default="", nullable=False))
    op.add_column("call_steps", sa.Column("parameters", app.db.Json, nullable=True))
    op.add_column("call_steps", sa.Column("situation", app.db.Json, nullable=True))
    # Of no row yet, so nobody who writes is kept waiting.
    has_situation = sa.text("situation IS NOT NULL")
    op.create_index(
        "ix_call_steps_with_situation",
        "call_steps",
        ["started_at"],
        postgresql_where=has_situation,
        sqlite_where=has_situation,
    )
    op.add_column("recordings", sa.Column("keep_days", sa.Integer(), nullable=True))
    # The release before this one writes it for the call, and nobody reads it: what it holds goes. Made anew
    # and not altered, for which SQLite would make the table anew and drop it, and all steps with it.
    op.drop_column("calls", "situation")
    op.add_column("calls", sa.Column("situation", app.db.Json, nullable=True))


def downgrade() -> None:
    op.drop_column("recordings", "keep_days")
    op.drop_column("calls", "situation")
    op.add_column("calls", sa.Column("situation", app.db.Json, server_default="{}", nullable=False))
    op.drop_index("ix_call_steps_with_situation", "call_steps")
    for column in ("situation", "parameters", "rule", "rule_version"):
        op.drop_column("call_steps", column)
