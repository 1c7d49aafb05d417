"""The uses of an agent's protection, and their reviews"""

import sqlalchemy as sa
from alembic import op

import app.db
from app.migrations.indexes import create_index

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

_MOMENT = app.db.UtcDateTime(timezone=True)


def upgrade() -> None:
    # It stands already where an upgrade was broken off at an index.
    may_stand = op.get_bind().dialect.name == "postgresql" or None
    op.create_table(
        "protections",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_sid", sa.String(length=64), nullable=False),
        sa.Column("agent", sa.String(length=121), nullable=False),
        sa.Column("team", sa.String(length=120), nullable=False),
        sa.Column("customer", sa.String(length=121), nullable=True),
        sa.Column("number", sa.String(length=32), nullable=True),
        sa.Column("keeps_apart", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("warned_at", _MOMENT, nullable=True),
        sa.Column("ended_at", _MOMENT, nullable=True),
        sa.Column("taken_over_by", sa.String(length=121), nullable=True),
        sa.Column("review", sa.String(length=8), server_default="open", nullable=False),
        sa.Column("reviewed_by", sa.String(length=254), nullable=True),
        sa.Column("reviewed_at", _MOMENT, nullable=True),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_protections")),
        sa.UniqueConstraint("call_sid", "agent", name=op.f("uq_protections_call_sid_agent")),
        if_not_exists=may_stand,
    )
    create_index("ix_protections_number", "protections", "number", where="keeps_apart")
    create_index("ix_protections_customer", "protections", "customer", where="keeps_apart")
    create_index("ix_protections_open", "protections", "created_at", where="review = 'open'")


def downgrade() -> None:
    op.drop_table("protections")
