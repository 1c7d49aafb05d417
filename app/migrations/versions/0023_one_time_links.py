"""Links that let somebody choose a password"""

import sqlalchemy as sa
from alembic import op

import app.db
from app.migrations.indexes import create_index

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "one_time_links",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("purpose", sa.String(length=12), nullable=False),
        sa.Column("made_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("ends_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["email"], ["users.email"], name=op.f("fk_one_time_links_email"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_one_time_links")),
        # It stands already where an upgrade was broken off.
        if_not_exists=op.get_bind().dialect.name == "postgresql",
    )
    create_index("ix_one_time_links_email", "one_time_links", "email")
    create_index("ix_one_time_links_ends_at", "one_time_links", "ends_at")


def downgrade() -> None:
    op.drop_table("one_time_links")
