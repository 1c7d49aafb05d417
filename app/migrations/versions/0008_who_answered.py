"""Who answered for the customer, and since when only that is missing to say what a callback came to"""

import sqlalchemy as sa
from alembic import op

import app.db

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "promise_attempts",
        sa.Column("answered_by", sa.String(length=30), server_default="", nullable=False),
    )
    op.add_column(
        "promise_attempts", sa.Column("talked_until", app.db.UtcDateTime(timezone=True), nullable=True)
    )


def downgrade() -> None:
    op.drop_column("promise_attempts", "talked_until")
    op.drop_column("promise_attempts", "answered_by")
