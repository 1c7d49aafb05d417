"""Drafts of the rules, and which version a version has again"""

from typing import Any

import sqlalchemy as sa
from alembic import op

import app.db

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # One stands already where an upgrade was broken off.
    may_stand = op.get_bind().dialect.name == "postgresql" or None
    op.create_table(
        "rule_drafts",
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rules", app.db.Json, nullable=False),
        sa.Column("based_on", sa.Integer(), nullable=False),
        sa.Column("saved_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("saved_by", sa.String(length=254), nullable=False),
        sa.Column("published_as", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("revision", name=op.f("pk_rule_drafts")),
        if_not_exists=True,
    )
    column: sa.Column[Any] = sa.Column("restores", sa.Integer(), nullable=True)
    op.add_column("rule_versions", column, if_not_exists=may_stand)


def downgrade() -> None:
    op.drop_column("rule_versions", "restores")
    op.drop_table("rule_drafts")
