"""Which of our numbers can't send texts, and to which countries none may be sent"""

import sqlalchemy as sa
from alembic import op

import app.db

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "text_refusals",
        sa.Column("what", sa.String(length=40), nullable=False),
        sa.Column("error", sa.Integer(), nullable=False),
        sa.Column("at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("what", name=op.f("pk_text_refusals")),
    )


def downgrade() -> None:
    op.drop_table("text_refusals")
