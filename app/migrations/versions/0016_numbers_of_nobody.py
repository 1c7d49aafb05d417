"""Numbers that are nobody's own: switchboards, and systems that forward calls with theirs"""

import sqlalchemy as sa
from alembic import op

import app.db

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "nobodys_numbers",
        sa.Column("e164", sa.String(length=32), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("marked_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("e164", name=op.f("pk_nobodys_numbers")),
    )


def downgrade() -> None:
    op.drop_table("nobodys_numbers")
