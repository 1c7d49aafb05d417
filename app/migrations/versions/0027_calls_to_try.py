"""The calls that are tried before rules are published"""

import sqlalchemy as sa
from alembic import op

import app.db

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # One stands already where an upgrade was broken off.
    may_stand = op.get_bind().dialect.name == "postgresql" or None
    op.create_table(
        "rule_tests",
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("call", app.db.Json, nullable=False),
        sa.Column("expect", app.db.Json, nullable=False),
        sa.Column("changed_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.String(254), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_rule_tests")),
        if_not_exists=may_stand,
    )


def downgrade() -> None:
    op.drop_table("rule_tests")
