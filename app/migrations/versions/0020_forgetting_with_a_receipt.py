"""Requests to forget somebody, which are receipts afterwards; and how much was forgotten on which day"""

import sqlalchemy as sa
from alembic import op

import app.db
from app.migrations.indexes import create_index

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # They stand already where an upgrade was broken off at an index.
    may_stand = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "erasures",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("whom", sa.String(length=121), nullable=True),
        sa.Column("marks", sa.String(length=2000), nullable=False, server_default=""),
        sa.Column("asked_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.String(length=254), nullable=False),
        sa.Column("next_at", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("done_at", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("calls", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("promises", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("messages", sa.Integer(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
        if_not_exists=may_stand,
    )
    op.create_table(
        "forgotten_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("last_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("day", "kind", name=op.f("pk_forgotten_days")),
        if_not_exists=may_stand,
    )
    create_index("ix_erasures_next_at", "erasures", "next_at", where="next_at IS NOT NULL")
    create_index("ix_erasures_asked_at", "erasures", "asked_at")


def downgrade() -> None:
    op.drop_table("forgotten_days")
    op.drop_table("erasures")
