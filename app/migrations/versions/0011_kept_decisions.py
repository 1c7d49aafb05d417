"""What each step was decided by, and all that it depended on"""

import sqlalchemy as sa
from alembic import op

import app.db

revision = "0011"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("call_steps", sa.Column("rule_version", sa.Integer(), nullable=True))
    op.add_column("call_steps", sa.Column("rule", sa.String(length=60), server_default="", nullable=False))
    op.add_column("call_steps", sa.Column("parameters", app.db.Json, nullable=True))
    op.add_column("call_steps", sa.Column("situation", app.db.Json, nullable=True))
    op.add_column("recordings", sa.Column("keep_days", sa.Integer(), nullable=True))
    # The release before this one writes it for the call; nobody reads it.
    with op.batch_alter_table("calls") as calls:
        calls.alter_column("situation", existing_type=app.db.Json, nullable=True)


def downgrade() -> None:
    op.drop_column("recordings", "keep_days")
    op.execute("UPDATE calls SET situation = '{}' WHERE situation IS NULL")
    with op.batch_alter_table("calls") as calls:
        calls.alter_column("situation", existing_type=app.db.Json, nullable=False)
    for column in ("situation", "parameters", "rule", "rule_version"):
        op.drop_column("call_steps", column)
