"""Which other systems are told of what happens, and how reaching them goes"""

import sqlalchemy as sa
from alembic import op

import app.db

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

WAITING = sa.text("done_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "hooks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.String(length=80), nullable=False),
        sa.Column("events", app.db.Json, nullable=False),
        sa.Column("created_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("failing_since", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("next_at", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("last_result", sa.String(length=120), nullable=False),
        sa.Column("disabled_at", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hooks")),
    )
    # What waits for a receiver that is away must not be looked through by whoever asks for something else.
    op.drop_index("ix_outbox_waiting", "outbox")
    op.create_index(
        "ix_outbox_waiting",
        "outbox",
        ["kind", "next_at"],
        postgresql_where=WAITING,
        sqlite_where=WAITING,
    )


def downgrade() -> None:
    op.drop_index("ix_outbox_waiting", "outbox")
    op.create_index(
        "ix_outbox_waiting", "outbox", ["next_at"], postgresql_where=WAITING, sqlite_where=WAITING
    )
    op.execute("DELETE FROM outbox WHERE kind = 'call_hook'")
    op.drop_table("hooks")
