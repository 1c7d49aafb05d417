"""What a call was about in which something was heard: when topics learn from it, and what agents say"""

import sqlalchemy as sa
from alembic import op

import app.db
from app.migrations.indexes import create_index, drop_index

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # One stands already where an upgrade was broken off.
    is_postgres = op.get_bind().dialect.name == "postgresql"
    added: list[tuple[str, sa.Column[object]]] = [
        ("wrap_ups", sa.Column("topic", sa.String(length=121), nullable=False, server_default="")),
        ("calls", sa.Column("learn_at", app.db.UtcDateTime(), nullable=True)),
    ]
    for table, column in added:
        op.add_column(table, column, if_not_exists=is_postgres or None)
    create_index("ix_calls_learn_at", "calls", "learn_at", where="learn_at IS NOT NULL")


def downgrade() -> None:
    drop_index("ix_calls_learn_at", "calls")
    op.drop_column("calls", "learn_at")
    op.drop_column("wrap_ups", "topic")
